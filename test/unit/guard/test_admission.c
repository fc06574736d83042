/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "guard/admission.h"

#include <pthread.h>

static void the_reserve_is_for_safety_hits(void **state)
{
        (void)state;
        struct admission admission;
        admission_init(&admission, 2, 1);
        assert_ok(admission_enter(&admission, false));
        assert_ok(admission_enter(&admission, false));
        assert_int_equal(admission_enter(&admission, false), ERR_OVERLOADED);
        assert_ok(admission_enter(&admission, true));
        assert_int_equal(admission_enter(&admission, true), ERR_OVERLOADED);
        assert_int_equal(admission_in_flight(&admission), 3);
        admission_leave(&admission);
        assert_int_equal(admission_enter(&admission, false), ERR_OVERLOADED);
        admission_leave(&admission);
        assert_ok(admission_enter(&admission, false));
}

static void a_drain_lets_only_safety_hits_in(void **state)
{
        (void)state;
        struct admission admission;
        admission_init(&admission, 2, 0);
        assert_ok(admission_enter(&admission, false));
        admission_drain(&admission);
        assert_int_equal(admission_enter(&admission, false), ERR_DRAINING);
        assert_ok(admission_enter(&admission, true));
        assert_int_equal(admission_enter(&admission, true), ERR_OVERLOADED);
        admission_leave(&admission);
        admission_leave(&admission);
        assert_int_equal(admission_in_flight(&admission), 0);
}

enum { THREADS = 4, TURNS = 50000, MAX = 2 };

struct crowd {
        struct admission admission;
        _Atomic int inside;
        _Atomic int most;
};

static void *run(void *arg)
{
        struct crowd *crowd = arg;
        for (int i = 0; i < TURNS; i++) {
                if (admission_enter(&crowd->admission, false) != ERR_OK)
                        continue;
                int now = atomic_fetch_add(&crowd->inside, 1) + 1;
                if (now > atomic_load(&crowd->most))
                        atomic_store(&crowd->most, now);
                atomic_fetch_sub(&crowd->inside, 1);
                admission_leave(&crowd->admission);
        }
        return NULL;
}

static void threads_together_stay_under_the_cap(void **state)
{
        (void)state;
        struct crowd crowd = {.most = 0};
        admission_init(&crowd.admission, MAX, 0);
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, run, &crowd), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        assert_in_range(crowd.most, 1, MAX);
        assert_int_equal(admission_in_flight(&crowd.admission), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_reserve_is_for_safety_hits),
                cmocka_unit_test(a_drain_lets_only_safety_hits_in),
                cmocka_unit_test(threads_together_stay_under_the_cap),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
