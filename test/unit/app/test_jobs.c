/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "app/jobs.h"

#include <stdatomic.h>
#include <time.h>

enum { NEVER_MS = 3600000, PATIENCE_MS = 20000 };

static atomic_int quick_runs, slow_runs;

static int64_t quick(void *arg)
{
        (void)arg;
        atomic_fetch_add(&quick_runs, 1);
        return 1;
}

static int64_t slow(void *arg)
{
        (void)arg;
        atomic_fetch_add(&slow_runs, 1);
        return NEVER_MS;
}

static bool comes_to(atomic_int *runs, int wanted)
{
        for (int ms = 0; ms < PATIENCE_MS && atomic_load(runs) < wanted; ms++)
                nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        return atomic_load(runs) >= wanted;
}

static void each_job_runs_at_once_and_then_after_its_rest(void **state)
{
        (void)state;
        struct job table[] = {{"slow", slow, NULL, 0}, {"quick", quick, NULL, 0}};
        atomic_store(&quick_runs, 0);
        atomic_store(&slow_runs, 0);
        struct jobs *jobs = jobs_start(table, 2);
        assert_non_null(jobs);
        assert_true(comes_to(&quick_runs, 5));
        assert_int_equal(atomic_load(&slow_runs), 1);
        jobs_stop(jobs);
        int runs = atomic_load(&quick_runs);
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
        assert_int_equal(atomic_load(&quick_runs), runs);
}

static void a_job_that_rests_can_be_woken(void **state)
{
        (void)state;
        struct job table[] = {{"slow", slow, NULL, 0}};
        atomic_store(&slow_runs, 0);
        struct jobs *jobs = jobs_start(table, 1);
        assert_true(comes_to(&slow_runs, 1));
        jobs_wake(jobs, &table[0]);
        assert_true(comes_to(&slow_runs, 2));
        jobs_stop(jobs);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_job_runs_at_once_and_then_after_its_rest),
                cmocka_unit_test(a_job_that_rests_can_be_woken),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
