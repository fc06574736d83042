/* SPDX-License-Identifier: Apache-2.0 */
/* Time, as the flow sees it: two clocks and one timer wheel. The simulation has its own. */
#ifndef PORT_CLOCK_H
#define PORT_CLOCK_H

#include "base/timer_wheel.h"

struct clock;

struct clock_ops {
        int64_t (*monotonic_us)(const struct clock *clock); /* for durations and deadlines */
        int64_t (*wall_ms)(const struct clock *clock);      /* ms since 1970, for records */
};

/* Embedded in its owner. Deadlines are in ms of the monotonic clock. */
struct clock {
        const struct clock_ops *ops;
        struct timer_wheel *timers; /* borrows; fires on the owner's loop */
};

static inline int64_t clock_monotonic_us(const struct clock *clock)
{
        return clock->ops->monotonic_us(clock);
}

static inline int64_t clock_wall_ms(const struct clock *clock)
{
        return clock->ops->wall_ms(clock);
}

#endif
