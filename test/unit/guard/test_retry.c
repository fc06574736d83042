/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "guard/retry.h"

#include <pthread.h>

static void the_wait_is_the_official_client_s(void **state)
{
        (void)state;
        static const double most = 0.9999999;
        static const struct {
                const char *name;
                unsigned retry;
                int64_t wish_ms;
                double random;
                int64_t delay_ms;
        } cases[] = {
                {"the upstream's wish", 0, 250, 0, 250},
                {"a wish is not shortened", 0, 1000, most, 1000},
                {"a wish does not depend on the retry", 7, 1000, 0, 1000},
                {"the shortest wish", 0, 1, 0.5, 1},
                {"the longest wish", 0, 120000, 0.5, 120000},
                {"a longer one is ignored", 0, 120001, 0, 500},
                {"however long", 2, INT64_MAX, 0, 2000},
                {"a wish of nothing is ignored", 0, 0, 0, 500},
                {"no wish", 0, -1, 0, 500},
                {"nor one of the past", 1, INT64_MIN, 0, 1000},
                {"doubled once", 1, -1, 0, 1000},
                {"twice", 2, -1, 0, 2000},
                {"three times", 3, -1, 0, 4000},
                {"four times, the most", 4, -1, 0, 8000},
                {"no further", 5, -1, 0, 8000},
                {"not by overflow either", 4294967295U, -1, 0, 8000},
                {"shortened by an eighth", 0, -1, 0.5, 437},
                {"by a quarter at most", 0, -1, most, 375},
                {"also the longest", 9, -1, most, 6000},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                int64_t delay_ms = retry_delay_ms(cases[i].retry, cases[i].wish_ms, cases[i].random);
                if (delay_ms != cases[i].delay_ms)
                        fail_msg("%s: %lld ms", cases[i].name, (long long)delay_ms);
        }
}

static unsigned take_all(struct retry_budget *budget)
{
        unsigned taken = 0;
        while (retry_budget_take(budget))
                taken++;
        return taken;
}

static void each_request_pays_a_share(void **state)
{
        (void)state;
        static const struct {
                uint32_t percent, reserve, max;
                unsigned requests, retries;
        } cases[] = {
                {10, 3, 100, 0, 3},  {10, 3, 100, 9, 3},      {10, 3, 100, 10, 4},       {10, 3, 100, 70, 10},
                {10, 0, 100, 99, 9}, {10, 3, 5, 1000, 5},     {10, 9, 5, 0, 5},          {0, 3, 10, 1000, 3},
                {100, 0, 50, 20, 20}, {33, 0, 50, 100, 33},   {10, 3, 0, 1000, 0},       {10, 2, 42949673, 30, 5},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct retry_budget budget;
                retry_budget_init(&budget, cases[i].percent, cases[i].reserve, cases[i].max);
                for (unsigned n = 0; n < cases[i].requests; n++)
                        retry_budget_put(&budget);
                unsigned taken = take_all(&budget);
                if (taken != cases[i].retries)
                        fail_msg("case %zu: %u retries", i, taken);
        }
}

enum { PERCENT = 10, RESERVE = 3, MAX = 50, SEQUENCES = 200, STEPS = 2000 };

static uint32_t next(uint32_t *random)
{
        *random = *random * 1664525U + 1013904223U;
        return *random >> 8;
}

/* Whatever the mix of requests and retries, at no point are there more retries than promised. */
static void retries_never_exceed_the_promise(void **state)
{
        (void)state;
        for (uint32_t seed = 0; seed < SEQUENCES; seed++) {
                uint32_t random = seed, greed = next(&random) % 100;
                uint64_t requests = 0, retries = 0;
                struct retry_budget budget;
                retry_budget_init(&budget, PERCENT, RESERVE, MAX);
                for (int i = 0; i < STEPS; i++) {
                        if (next(&random) % 100 < greed) {
                                retries += retry_budget_take(&budget);
                        } else {
                                retry_budget_put(&budget);
                                requests++;
                        }
                        if (retries * 100 > requests * PERCENT + RESERVE * 100)
                                fail_msg("seed %u: %zu retries of %zu", seed, (size_t)retries, (size_t)requests);
                }
        }
}

enum { THREADS = 4, TURNS = 100000 };

static void *run(void *arg)
{
        struct retry_budget *budget = arg;
        uintptr_t taken = 0;
        for (int i = 0; i < TURNS; i++) {
                retry_budget_put(budget);
                taken += retry_budget_take(budget);
                taken += retry_budget_take(budget);
        }
        return (void *)taken;
}

static void threads_together_get_what_is_promised(void **state)
{
        (void)state;
        struct retry_budget budget;
        retry_budget_init(&budget, PERCENT, RESERVE, MAX);
        pthread_t threads[THREADS];
        uintptr_t taken = 0;
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, run, &budget), 0);
        for (int i = 0; i < THREADS; i++) {
                void *part;
                pthread_join(threads[i], &part);
                taken += (uintptr_t)part;
        }
        assert_int_equal(taken + take_all(&budget), THREADS * TURNS * PERCENT / 100 + RESERVE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_wait_is_the_official_client_s),
                cmocka_unit_test(each_request_pays_a_share),
                cmocka_unit_test(retries_never_exceed_the_promise),
                cmocka_unit_test(threads_together_get_what_is_promised),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
