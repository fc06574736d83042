/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's event loop: libuv, a timer wheel, and a door for other threads.
 *
 * Everything that belongs to a loop is touched on its thread only, but loop_post() and
 * loop_stop(), which any thread may call.
 *
 * Timers cost a list operation to start and to stop, however many there are; the kernel's timer
 * ticks only while one is armed. Whoever holds the clock may also use base/timer_wheel.h on
 * `clock->timers` directly: the loop notices before it sleeps.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/task.h"
#include "port/clock.h"

struct uv_loop_s;
struct loop;

/* Aborts when the kernel gives no epoll or eventfd: nothing works without. Makes the process
 * ignore SIGPIPE: a peer that has gone is an error of the write, not a signal. */
struct loop *loop_new(void);

/* After loop_run() has returned; everything on the loop must have been closed, and nobody posts
 * any more. Runs the tasks that were posted too late for loop_run(). */
void loop_free(struct loop *loop);

/* Runs until loop_stop(); may be called again after that. A stop that came first ends it at once,
 * after the tasks that were posted before. */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Queues the task to run on the loop's thread, in order, never before loop_post() has returned to
 * a caller on the loop itself. The task belongs to the loop until it runs; it may free itself. */
void loop_post(struct loop *loop, struct task *task);

/* The loop's clock: exact on every call. Lives as long as the loop. */
const struct clock *loop_clock(const struct loop *loop);

/* The same clock without a loop, and so without timers. Lives as long as the process. */
const struct clock *system_clock(void);

/* Deadlines on this loop, in ms of the monotonic clock, as of the start of the loop's turn (a
 * little behind loop_clock()): a timer fires at its time or up to 32 ms later, never earlier. */
int64_t loop_now_ms(const struct loop *loop);
void loop_timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms);
void loop_timer_stop(struct loop *loop, struct timer *timer);

/* For the other files of net/. */
struct uv_loop_s *loop_uv(struct loop *loop);

#endif
