/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "guard/rate_limit.h"

#include <pthread.h>

static const int64_t second = 1000000;
static const struct rate_limit_rule default_rule = {60, 60};

static void a_burst_is_taken_then_one_a_second(void **state)
{
        (void)state;
        struct rate_limit *limit = rate_limit_new(1024);
        int64_t now = 5 * second;
        for (uint32_t i = 0; i < 60; i++) {
                struct rate_limit_answer answer = rate_limit_take(limit, 7, default_rule, now);
                assert_true(answer.is_allowed);
                assert_int_equal(answer.limit, 60);
                assert_int_equal(answer.remaining, 59 - i);
                assert_int_equal(answer.reset_s, i + 1);
                assert_int_equal(answer.retry_after_s, 0);
        }
        struct rate_limit_answer refused = rate_limit_take(limit, 7, default_rule, now);
        assert_false(refused.is_allowed);
        assert_int_equal(refused.remaining, 0);
        assert_int_equal(refused.retry_after_s, 1);
        assert_int_equal(refused.reset_s, 60);
        assert_false(rate_limit_take(limit, 7, default_rule, now + second - 1).is_allowed);
        assert_true(rate_limit_take(limit, 7, default_rule, now + second).is_allowed);
        assert_false(rate_limit_take(limit, 7, default_rule, now + second).is_allowed);
        assert_true(rate_limit_take(limit, 8, default_rule, now).is_allowed);
        assert_int_equal(rate_limit_take(limit, 7, default_rule, now + 1000 * second).remaining, 59);
        rate_limit_free(limit);
}

static void refusals_cost_nothing(void **state)
{
        (void)state;
        struct rate_limit *limit = rate_limit_new(1024);
        struct rate_limit_rule rule = {1, 1};
        assert_true(rate_limit_take(limit, 1, rule, 0).is_allowed);
        for (int i = 1; i < 60; i++) {
                struct rate_limit_answer answer = rate_limit_take(limit, 1, rule, i * second);
                assert_false(answer.is_allowed);
                assert_int_equal(answer.retry_after_s, 60 - i);
        }
        assert_true(rate_limit_take(limit, 1, rule, 60 * second).is_allowed);
        rate_limit_free(limit);
}

static void each_rule_is_kept(void **state)
{
        (void)state;
        static const struct {
                struct rate_limit_rule rule;
                uint32_t at_once;
                uint32_t in_a_minute; /* the burst included */
        } cases[] = {
                {{60, 60}, 60, 119},  {{60, 1}, 1, 60},          {{60, 0}, 1, 60}, {{1, 5}, 5, 5},
                {{600, 10}, 10, 609}, {{10000000, 3}, 3, 60003}, {{7, 2}, 2, 8},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct rate_limit *limit = rate_limit_new(1024);
                uint32_t taken = 0;
                struct rate_limit_answer answer;
                while ((answer = rate_limit_take(limit, 9, cases[i].rule, 0)).is_allowed) {
                        assert_true(answer.remaining <= answer.limit);
                        taken++;
                }
                assert_int_equal(taken, cases[i].at_once);
                for (int64_t ms = 1; ms < 60000; ms++)
                        taken += rate_limit_take(limit, 9, cases[i].rule, ms * 1000).is_allowed;
                /* Polled each millisecond, the fastest rule gets no more than one a poll. */
                assert_in_range(taken, cases[i].in_a_minute - 1, cases[i].in_a_minute);
                rate_limit_free(limit);
        }
}

static void zero_is_no_limit(void **state)
{
        (void)state;
        struct rate_limit *limit = rate_limit_new(64);
        struct rate_limit_rule off = {0, 1};
        for (int i = 0; i < 1000; i++)
                assert_true(rate_limit_take(limit, 1, off, 0).is_allowed);
        rate_limit_free(limit);
        rate_limit_free(NULL);
}

static void a_huge_burst_does_not_overflow(void **state)
{
        (void)state;
        struct rate_limit *limit = rate_limit_new(64);
        struct rate_limit_rule rule = {1, UINT32_MAX};
        struct rate_limit_answer answer = rate_limit_take(limit, 1, rule, INT64_C(1000000) * second);
        assert_true(answer.is_allowed);
        assert_int_equal(answer.limit, 10000000);
        assert_int_equal(answer.remaining, 9999999);
        assert_int_equal(answer.reset_s, 60);
        rate_limit_free(limit);
}

static void a_crowd_does_not_free_who_is_limited(void **state)
{
        (void)state;
        struct rate_limit *limit = rate_limit_new(64);
        while (rate_limit_take(limit, 1, default_rule, 0).is_allowed)
                ;
        for (uint64_t stranger = 2; stranger < 100000; stranger++)
                assert_true(rate_limit_take(limit, stranger, default_rule, 0).is_allowed);
        assert_true(rate_limit_evicted(limit) > 0);
        assert_false(rate_limit_take(limit, 1, default_rule, 0).is_allowed);
        rate_limit_free(limit);
}

static void rested_clients_make_room(void **state)
{
        (void)state;
        struct rate_limit *limit = rate_limit_new(64);
        for (uint64_t client = 0; client < 10000; client++)
                assert_true(rate_limit_take(limit, client * 0x9e3779b97f4a7c15U, default_rule,
                                            (int64_t)client * second)
                                    .is_allowed);
        assert_int_equal(rate_limit_evicted(limit), 0);
        rate_limit_free(limit);
}

enum { THREADS = 4, TURNS = 100000, BURST = 200000 };

static void *grab(void *arg)
{
        struct rate_limit *limit = arg;
        uintptr_t taken = 0;
        struct rate_limit_rule rule = {60, BURST};
        for (int i = 0; i < TURNS; i++)
                taken += rate_limit_take(limit, 3, rule, second).is_allowed;
        return (void *)taken;
}

static void threads_share_one_burst(void **state)
{
        (void)state;
        struct rate_limit *limit = rate_limit_new(64);
        pthread_t threads[THREADS];
        uintptr_t sum = 0;
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, grab, limit), 0);
        for (int i = 0; i < THREADS; i++) {
                void *taken;
                pthread_join(threads[i], &taken);
                sum += (uintptr_t)taken;
        }
        assert_int_equal(sum, BURST);
        rate_limit_free(limit);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_burst_is_taken_then_one_a_second),
                cmocka_unit_test(refusals_cost_nothing),
                cmocka_unit_test(each_rule_is_kept),
                cmocka_unit_test(zero_is_no_limit),
                cmocka_unit_test(a_huge_burst_does_not_overflow),
                cmocka_unit_test(a_crowd_does_not_free_who_is_limited),
                cmocka_unit_test(rested_clients_make_room),
                cmocka_unit_test(threads_share_one_burst),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
