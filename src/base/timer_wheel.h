/* SPDX-License-Identifier: Apache-2.0 */
/* Timer wheel: deadlines that are nearly always cancelled, at O(1) a start and a stop.
 *
 * A hashed wheel (Varghese and Lauck 1987, scheme 6) of 4,096 slots of 16 ms: a timer fires at
 * its due time or up to 16 ms later, never earlier. Pure: the caller brings a monotonic time, so
 * that simulations run in virtual time. Not thread-safe; one wheel a loop.
 */
#ifndef BASE_TIMER_WHEEL_H
#define BASE_TIMER_WHEEL_H

#include "base/list.h"

#include <stdint.h>

enum { TIMER_WHEEL_SLOTS = 4096, TIMER_WHEEL_TICK_MS = 16 };

/* Lives in what it guards. Zeroed memory is a stopped timer. */
struct timer {
        struct list link;
        int64_t due_ms;
        void (*fire)(struct timer *timer);
};

struct timer_wheel {
        struct list slots[TIMER_WHEEL_SLOTS];
        int64_t tick; /* the last tick that was swept */
        size_t armed; /* timers in the wheel */
};

void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms);

/* Arms it, or moves it when it is armed. A due time in the past fires at the next advance. */
void timer_start(struct timer_wheel *wheel, struct timer *timer, int64_t due_ms);

/* Allowed on a stopped timer. */
void timer_stop(struct timer_wheel *wheel, struct timer *timer);

bool timer_is_armed(const struct timer *timer);

/* Fires all that are due at `now_ms`; a timer is stopped before it fires, so it may start itself
 * again or stop others. */
void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms);

#endif
