/* SPDX-License-Identifier: Apache-2.0 */
/* A worker's event loop: libuv, a timer wheel, and a door for other threads.
 *
 * Everything that belongs to a loop is touched on its thread only, but loop_post() and
 * loop_stop(), which any thread may call.
 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/task.h"
#include "port/clock.h"

struct uv_loop_s;
struct loop;

/* Aborts when the kernel gives no epoll or eventfd: nothing works without. */
struct loop *loop_new(void);

/* After loop_run() has returned; everything on the loop must have been closed. */
void loop_free(struct loop *loop);

/* Runs until loop_stop(). */
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Queues the task to run on the loop's thread, in order. The task lives until it has run. */
void loop_post(struct loop *loop, struct task *task);

/* The loop's clock; monotonic time is cached once a turn, but monotonic_us is exact. */
const struct clock *loop_clock(const struct loop *loop);

/* Deadlines on this loop, in ms of the monotonic clock. */
int64_t loop_now_ms(const struct loop *loop);
void loop_timer_start(struct loop *loop, struct timer *timer, int64_t delay_ms);
void loop_timer_stop(struct loop *loop, struct timer *timer);

/* For the other files of net/. */
struct uv_loop_s *loop_uv(struct loop *loop);

#endif
