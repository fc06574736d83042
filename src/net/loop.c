/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/alloc.h"

struct loop {
        struct clock clock;
        uv_loop_t uv;
        uv_async_t wake;      /* tasks or a stop from another thread */
        uv_timer_t tick;      /* runs while the wheel holds timers */
        uv_prepare_t prepare; /* last look before the loop sleeps */
        struct timer_wheel wheel;
        pthread_mutex_t lock; /* guards `posted` */
        struct list posted;
        atomic_bool is_stopping;
};

static int64_t read_clock(clockid_t id, int64_t units_per_second)
{
        struct timespec now;
        clock_gettime(id, &now);
        return (int64_t)now.tv_sec * units_per_second + now.tv_nsec / (1000000000 / units_per_second);
}

static int64_t monotonic_us(const struct clock *clock)
{
        (void)clock;
        return read_clock(CLOCK_MONOTONIC, 1000000);
}

static int64_t wall_ms(const struct clock *clock)
{
        (void)clock;
        return read_clock(CLOCK_REALTIME, 1000);
}

static const struct clock_ops clock_ops = {.monotonic_us = monotonic_us, .wall_ms = wall_ms};

const struct clock *system_clock(void)
{
        static const struct clock clock = {.ops = &clock_ops};
        return &clock;
}

static void run_posted(struct loop *loop)
{
        struct list ready;
        list_init(&ready);
        pthread_mutex_lock(&loop->lock);
        list_take_all(&ready, &loop->posted);
        pthread_mutex_unlock(&loop->lock);
        struct list *link;
        while ((link = list_pop_front(&ready)) != NULL) {
                struct task *task = list_item(link, struct task, link);
                task->run(task);
        }
}

static void on_wake(uv_async_t *wake)
{
        struct loop *loop = wake->data;
        /* Read first: what was posted before the stop is in the queue by now. */
        bool is_stopping = atomic_exchange(&loop->is_stopping, false);
        run_posted(loop);
        if (is_stopping)
                uv_stop(&loop->uv);
}

static void on_tick(uv_timer_t *tick)
{
        struct loop *loop = tick->data;
        timer_wheel_advance(&loop->wheel, loop_now_ms(loop));
        if (loop->wheel.armed == 0)
                uv_timer_stop(tick);
}

static void on_prepare(uv_prepare_t *prepare)
{
        struct loop *loop = prepare->data;
        if (loop->wheel.armed > 0 && !uv_is_active((uv_handle_t *)&loop->tick))
                uv_timer_start(&loop->tick, on_tick, TIMER_WHEEL_TICK_MS, TIMER_WHEEL_TICK_MS);
}

static void must(int result)
{
        if (result == 0)
                return;
        fprintf(stderr, "fatal: event loop: %s\n", uv_strerror(result));
        abort();
}

struct loop *loop_new(void)
{
        signal(SIGPIPE, SIG_IGN);
        struct loop *loop = alloc_zeroed(1, sizeof *loop);
        must(uv_loop_init(&loop->uv));
        must(uv_async_init(&loop->uv, &loop->wake, on_wake));
        must(uv_timer_init(&loop->uv, &loop->tick));
        must(uv_prepare_init(&loop->uv, &loop->prepare));
        must(uv_prepare_start(&loop->prepare, on_prepare));
        must(-pthread_mutex_init(&loop->lock, NULL));
        loop->wake.data = loop;
        loop->tick.data = loop;
        loop->prepare.data = loop;
        list_init(&loop->posted);
        timer_wheel_init(&loop->wheel, loop_now_ms(loop));
        loop->clock = (struct clock){.ops = &clock_ops, .timers = &loop->wheel};
        return loop;
}

void loop_free(struct loop *loop)
{
        if (!loop)
                return;
        while (!list_is_empty(&loop->posted))
                run_posted(loop);
        uv_close((uv_handle_t *)&loop->wake, NULL);
        uv_close((uv_handle_t *)&loop->tick, NULL);
        uv_close((uv_handle_t *)&loop->prepare, NULL);
        uv_run(&loop->uv, UV_RUN_DEFAULT);
        int result = uv_loop_close(&loop->uv);
        assert(result == 0); /* else a handle was left open */
        (void)result;
        pthread_mutex_destroy(&loop->lock);
        free(loop);
}

void loop_run(struct loop *loop)
{
        uv_run(&loop->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *loop)
{
        atomic_store(&loop->is_stopping, true);
        uv_async_send(&loop->wake);
}

void loop_post(struct loop *loop, struct task *task)
{
        pthread_mutex_lock(&loop->lock);
        bool was_empty = list_is_empty(&loop->posted);
        list_push_back(&loop->posted, &task->link);
        pthread_mutex_unlock(&loop->lock);
        /* A queue that holds something has its wake-up still to come. */
        if (was_empty)
                uv_async_send(&loop->wake);
}

const struct clock *loop_clock(const struct loop *loop)
{
        return &loop->clock;
}

int64_t loop_now_ms(const struct loop *loop)
{
        return (int64_t)uv_now(&loop->uv);
}

void loop_timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms)
{
        timer_start(&loop->wheel, timer, loop_now_ms(loop) + delay_ms);
}

void loop_timer_stop(struct loop *loop, struct timer *timer)
{
        timer_stop(&loop->wheel, timer);
}

uv_loop_t *loop_uv(struct loop *loop)
{
        return &loop->uv;
}
