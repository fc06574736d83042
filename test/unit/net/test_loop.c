/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "net/loop.h"
#include "net/work.h"

enum { THREADS = 4, TASKS_PER_THREAD = 2000 };

struct tally {
        struct loop *loop;
        size_t ran;
        size_t next[THREADS];
        size_t out_of_order;
        pthread_t thread;
};

struct counted_task {
        struct task task;
        struct tally *tally;
        size_t thread;
        size_t number;
};

struct poster {
        struct tally *tally;
        size_t thread;
};

static void count(struct task *task)
{
        struct counted_task *counted = list_item(task, struct counted_task, task);
        struct tally *tally = counted->tally;
        if (counted->number != tally->next[counted->thread])
                tally->out_of_order++;
        tally->next[counted->thread] = counted->number + 1;
        free(counted);
        if (++tally->ran == THREADS * TASKS_PER_THREAD)
                loop_stop(tally->loop);
}

static void *post_many(void *arg)
{
        const struct poster *poster = arg;
        for (size_t i = 0; i < TASKS_PER_THREAD; i++) {
                struct counted_task *counted = alloc_zeroed(1, sizeof *counted);
                *counted = (struct counted_task){{.run = count}, poster->tally, poster->thread, i};
                loop_post(poster->tally->loop, &counted->task);
        }
        return NULL;
}

static void tasks_of_many_threads_run_once_and_in_order(void **state)
{
        (void)state;
        struct tally tally = {.loop = loop_new()};
        pthread_t threads[THREADS];
        struct poster posters[THREADS];
        for (size_t i = 0; i < THREADS; i++) {
                posters[i] = (struct poster){&tally, i};
                assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
        }
        loop_run(tally.loop);
        for (size_t i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(tally.ran, THREADS * TASKS_PER_THREAD);
        assert_int_equal(tally.out_of_order, 0);
        loop_free(tally.loop);
}

struct probe {
        struct task task;
        struct timer timer;
        struct work work;
        struct loop *loop;
        int64_t at_us;
        int runs;
        bool has_returned; /* the call that started it */
        bool came_too_early;
        pthread_t thread;
};

static void probe_task(struct task *task)
{
        struct probe *probe = list_item(task, struct probe, task);
        probe->runs++;
        probe->came_too_early = !probe->has_returned;
}

static void post_from_the_loop(struct task *task)
{
        struct probe *probe = list_item(task, struct probe, task);
        probe->task.run = probe_task;
        loop_post(probe->loop, &probe->task);
        loop_stop(probe->loop);
        probe->has_returned = true;
}

static void a_task_posted_on_the_loop_itself_waits_for_its_turn(void **state)
{
        (void)state;
        struct probe probe = {.task = {.run = post_from_the_loop}, .loop = loop_new()};
        loop_post(probe.loop, &probe.task);
        loop_run(probe.loop);
        loop_free(probe.loop); /* runs what was left */
        assert_int_equal(probe.runs, 1);
        assert_false(probe.came_too_early);
}

static void a_stop_before_the_run_ends_it_after_the_posted_tasks(void **state)
{
        (void)state;
        struct probe probe = {.task = {.run = probe_task}, .loop = loop_new(), .has_returned = true};
        loop_post(probe.loop, &probe.task);
        loop_stop(probe.loop);
        loop_run(probe.loop);
        assert_int_equal(probe.runs, 1);
        loop_free(probe.loop);
}

static void stop_at_timer(struct timer *timer)
{
        struct probe *probe = list_item(timer, struct probe, timer);
        probe->at_us = clock_monotonic_us(loop_clock(probe->loop));
        loop_stop(probe->loop);
}

static void a_timer_fires_at_its_time_and_the_loop_can_run_again(void **state)
{
        (void)state;
        static const int64_t delays_ms[] = {0, 5, 40, 100};
        struct probe probe = {.timer = {.fire = stop_at_timer}, .loop = loop_new()};
        for (size_t i = 0; i < sizeof delays_ms / sizeof *delays_ms; i++) {
                int64_t begin_ms = loop_now_ms(probe.loop);
                loop_timer_start(probe.loop, &probe.timer, delays_ms[i]);
                loop_run(probe.loop);
                int64_t waited_ms = loop_now_ms(probe.loop) - begin_ms;
                assert_in_range(waited_ms, delays_ms[i], delays_ms[i] + 500);
                assert_false(timer_is_armed(&probe.timer));
        }
        loop_free(probe.loop);
}

static void fail_at_timer(struct timer *timer)
{
        (void)timer;
        fail_msg("a stopped timer fired");
}

static void a_timer_started_through_the_clock_wakes_the_loop(void **state)
{
        (void)state;
        struct probe probe = {.timer = {.fire = stop_at_timer}, .loop = loop_new()};
        struct timer stopped = {.fire = fail_at_timer};
        const struct clock *clock = loop_clock(probe.loop);
        int64_t due_ms = clock_monotonic_us(clock) / 1000 + 30;
        timer_start(clock->timers, &probe.timer, due_ms);
        loop_timer_start(probe.loop, &stopped, 5);
        loop_timer_stop(probe.loop, &stopped);
        loop_run(probe.loop);
        assert_true(probe.at_us / 1000 >= due_ms);
        loop_free(probe.loop);
}

static void probe_work(struct work *work)
{
        struct probe *probe = list_item(work, struct probe, work);
        probe->thread = pthread_self();
        probe->at_us = 42;
}

static void probe_done(struct work *work)
{
        struct probe *probe = list_item(work, struct probe, work);
        probe->runs++;
        probe->came_too_early = !probe->has_returned;
        loop_stop(work->loop);
}

static void work_runs_elsewhere_and_comes_back_once(void **state)
{
        (void)state;
        struct probe probe = {.work = {.run = probe_work, .done = probe_done}, .loop = loop_new()};
        work_start(probe.loop, &probe.work);
        probe.has_returned = true;
        loop_run(probe.loop);
        assert_int_equal(probe.runs, 1);
        assert_int_equal(probe.at_us, 42);
        assert_false(probe.came_too_early);
        assert_false(pthread_equal(probe.thread, pthread_self()));
        loop_free(probe.loop);
}

static void the_wall_clock_is_todays(void **state)
{
        (void)state;
        struct loop *loop = loop_new();
        int64_t seconds = (int64_t)time(NULL);
        assert_in_range(clock_wall_ms(loop_clock(loop)) / 1000, seconds - 1, seconds + 1);
        loop_free(loop);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tasks_of_many_threads_run_once_and_in_order),
                cmocka_unit_test(a_task_posted_on_the_loop_itself_waits_for_its_turn),
                cmocka_unit_test(a_stop_before_the_run_ends_it_after_the_posted_tasks),
                cmocka_unit_test(a_timer_fires_at_its_time_and_the_loop_can_run_again),
                cmocka_unit_test(a_timer_started_through_the_clock_wakes_the_loop),
                cmocka_unit_test(work_runs_elsewhere_and_comes_back_once),
                cmocka_unit_test(the_wall_clock_is_todays),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
