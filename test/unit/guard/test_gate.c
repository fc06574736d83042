/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "guard/gate.h"

#include <pthread.h>

static void it_holds_its_maximum(void **state)
{
        (void)state;
        struct gate gate;
        gate_init(&gate, 2);
        assert_int_equal(gate_enter(&gate, 0), GATE_OPEN);
        assert_int_equal(gate_enter(&gate, 0), GATE_OPEN);
        assert_int_equal(gate_enter(&gate, 0), GATE_FULL);
        gate_leave(&gate);
        assert_int_equal(gate_enter(&gate, 0), GATE_OPEN);
        assert_int_equal(gate_enter(&gate, 0), GATE_FULL);
}

static void a_gate_for_nobody_is_full(void **state)
{
        (void)state;
        struct gate gate;
        gate_init(&gate, 0);
        assert_int_equal(gate_enter(&gate, 0), GATE_FULL);
}

static void it_stays_shut_until_the_latest_time_named(void **state)
{
        (void)state;
        static const struct {
                int64_t now_ms;
                int64_t shut_until_ms; /* before entering; 0: not */
                enum gate_answer answer;
        } steps[] = {
                {100, 0, GATE_OPEN},     {100, 2000, GATE_SHUT},  {1999, 0, GATE_SHUT},    {1999, 1000, GATE_SHUT},
                {2000, 0, GATE_OPEN},    {2001, 5000, GATE_SHUT}, {2002, 4000, GATE_SHUT}, {4000, 0, GATE_SHUT},
                {4999, 5000, GATE_SHUT}, {5000, 0, GATE_OPEN},    {6000, 6000, GATE_OPEN}, {6001, 0, GATE_FULL},
                {6002, 7000, GATE_SHUT}, {7000, 0, GATE_FULL},
        };
        struct gate gate;
        gate_init(&gate, 4);
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
                if (steps[i].shut_until_ms)
                        gate_shut(&gate, steps[i].shut_until_ms);
                enum gate_answer answer = gate_enter(&gate, steps[i].now_ms);
                if (answer != steps[i].answer)
                        fail_msg("step %zu: %d", i, (int)answer);
        }
}

enum { THREADS = 4, TURNS = 50000, MAX = 2 };

struct crowd {
        struct gate gate;
        _Atomic int inside;
        _Atomic int most;
};

static void *run(void *arg)
{
        struct crowd *crowd = arg;
        for (int i = 0; i < TURNS; i++) {
                gate_shut(&crowd->gate, i);
                if (gate_enter(&crowd->gate, TURNS) != GATE_OPEN)
                        continue;
                int now = atomic_fetch_add(&crowd->inside, 1) + 1;
                if (now > atomic_load(&crowd->most))
                        atomic_store(&crowd->most, now);
                atomic_fetch_sub(&crowd->inside, 1);
                gate_leave(&crowd->gate);
        }
        return NULL;
}

static void threads_together_stay_under_the_maximum(void **state)
{
        (void)state;
        struct crowd crowd = {.most = 0};
        gate_init(&crowd.gate, MAX);
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, run, &crowd), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        assert_in_range(crowd.most, 1, MAX);
        assert_int_equal(crowd.gate.calls, 0);
        assert_int_equal(gate_enter(&crowd.gate, TURNS - 2), GATE_SHUT);
        assert_int_equal(gate_enter(&crowd.gate, TURNS - 1), GATE_OPEN);
}

static void only_refusals_in_a_row_shut_it(void **state)
{
        (void)state;
        struct gate gate;
        gate_init(&gate, 1000);
        for (int i = 0; i < 10; i++) {
                for (int refusal = 1; refusal < GATE_REFUSALS_TO_SHUT; refusal++)
                        gate_refused(&gate, 5000);
                assert_int_equal(gate_enter(&gate, 0), GATE_OPEN);
                gate_taken(&gate);
        }
        for (int refusal = 0; refusal < GATE_REFUSALS_TO_SHUT; refusal++)
                gate_refused(&gate, 5000);
        assert_int_equal(gate_enter(&gate, 4999), GATE_SHUT);
        assert_int_equal(gate_enter(&gate, 5000), GATE_OPEN);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_holds_its_maximum),
                cmocka_unit_test(a_gate_for_nobody_is_full),
                cmocka_unit_test(it_stays_shut_until_the_latest_time_named),
                cmocka_unit_test(only_refusals_in_a_row_shut_it),
                cmocka_unit_test(threads_together_stay_under_the_maximum),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
