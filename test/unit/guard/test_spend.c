/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "guard/spend.h"

#include <pthread.h>
#include <stdatomic.h>

enum { DAY = 86400000 };

/* 2026-11-22 00:00:00 UTC. */
static const int64_t midnight = 1795305600000;

struct step {
        int64_t wall_ms; /* from that midnight */
        uint64_t tokens; /* spent before the request */
        bool is_allowed;
        bool is_first;
};

static void walk(const char *name, uint64_t max_requests, uint64_t max_tokens, const struct step *steps, size_t count)
{
        struct spend *spend = spend_new(max_requests, max_tokens);
        for (size_t i = 0; i < count; i++) {
                bool is_first = !steps[i].is_first;
                if (steps[i].tokens)
                        spend_tokens(spend, steps[i].tokens, midnight + steps[i].wall_ms);
                bool is_allowed = spend_request(spend, midnight + steps[i].wall_ms, &is_first);
                if (is_allowed != steps[i].is_allowed || is_first != steps[i].is_first)
                        fail_msg("%s, step %zu: allowed %d, first %d", name, i, is_allowed, is_first);
        }
        spend_free(spend);
}

#define WALK(name, max_requests, max_tokens, ...)                                     \
        walk(name, max_requests, max_tokens, (const struct step[]){__VA_ARGS__},      \
             sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

static void a_day_s_requests_are_counted(void **state)
{
        (void)state;
        WALK("told once", 2, 0, {0, 0, true, false}, {1, 0, true, false}, {2, 0, false, true}, {3, 0, false, false},
             {DAY - 1, 0, false, false});
        WALK("a new day", 1, 0, {DAY - 2, 0, true, false}, {DAY - 1, 0, false, true}, {DAY, 0, true, false},
             {DAY + 1, 0, false, true}, {DAY + 2, 0, false, false});
        WALK("days are of UTC", 1, 0, {-1, 0, true, false}, {0, 0, true, false}, {DAY - 1, 0, false, true});
        WALK("refused ones do not count", 1, 0, {0, 0, true, false}, {1, 0, false, true}, {2, 0, false, false},
             {3 * INT64_C(86400000), 0, true, false});
}

static void a_day_s_tokens_are_counted(void **state)
{
        (void)state;
        WALK("up to the limit", 0, 100, {0, 99, true, false}, {1, 1, false, true}, {2, 5, false, false},
             {DAY, 0, true, false});
        WALK("of today alone", 0, 100, {0, 60, true, false}, {DAY, 60, true, false}, {DAY, 40, false, true});
        WALK("without overflow", 0, 100, {0, UINT64_MAX, false, true}, {1, 2, false, false});
        WALK("either limit", 1, 100, {0, 0, true, false}, {1, 100, false, true}, {DAY, 100, false, true},
             {DAY + 1, 0, false, false});
}

static void nothing_is_limited_by_zero(void **state)
{
        (void)state;
        WALK("no limits", 0, 0, {0, UINT64_MAX, true, false}, {1, UINT64_MAX, true, false}, {2, 0, true, false});
        spend_free(NULL);
}

static void a_clock_that_goes_back_begins_no_day(void **state)
{
        (void)state;
        WALK("requests", 1, 0, {DAY, 0, true, false}, {DAY - 1, 0, false, true}, {DAY, 0, false, false},
             {2 * DAY, 0, true, false});
        WALK("tokens", 0, 10, {DAY, 9, true, false}, {0, 1, false, true}, {DAY, 0, false, false});
}

enum { THREADS = 4, TURNS = 20000, MAX = 50000 };

struct crowd {
        struct spend *spend;
        struct spend *tokens;
        _Atomic int allowed;
        _Atomic int firsts;
};

static void *run(void *arg)
{
        struct crowd *crowd = arg;
        for (int i = 0; i < TURNS; i++) {
                bool is_first;
                crowd->allowed += spend_request(crowd->spend, midnight, &is_first);
                crowd->firsts += is_first;
                spend_tokens(crowd->tokens, 1, midnight);
        }
        return NULL;
}

static void threads_share_one_budget_and_one_first(void **state)
{
        (void)state;
        struct crowd crowd = {.spend = spend_new(MAX, 0), .tokens = spend_new(0, THREADS * TURNS + 1)};
        pthread_t threads[THREADS];
        bool is_first;
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, run, &crowd), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(crowd.allowed, MAX);
        assert_int_equal(crowd.firsts, 1);
        assert_true(spend_request(crowd.tokens, midnight, &is_first));
        spend_tokens(crowd.tokens, 1, midnight);
        assert_false(spend_request(crowd.tokens, midnight, &is_first));
        spend_free(crowd.spend);
        spend_free(crowd.tokens);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_day_s_requests_are_counted),
                cmocka_unit_test(a_day_s_tokens_are_counted),
                cmocka_unit_test(nothing_is_limited_by_zero),
                cmocka_unit_test(a_clock_that_goes_back_begins_no_day),
                cmocka_unit_test(threads_share_one_budget_and_one_first),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
