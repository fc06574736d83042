/* SPDX-License-Identifier: Apache-2.0 */
/* Circuit breaker: stop calling an upstream that keeps failing.
 *
 * Closed: calls pass. Open: calls are refused until the cool-down has passed, then a few probes pass
 * (half-open); enough good ones close it, one bad one opens it again, for longer.
 *
 * It opens on `failures_in_row` failures without a success between them, or when at least
 * `failure_percent` of at least `min_calls` calls of the last 30 s (in buckets of 1 s) failed; the call
 * that completes `min_calls` may be a success. The cool-down doubles at each re-opening up to its
 * maximum, jitter beside, and is back at its start once the breaker has closed.
 *
 * A permit carries the breaker's generation (it changes with every state), so that a call which began
 * in an earlier state changes nothing when it ends. A cancelled probe gives its slot back. A probe that
 * is not heard of within `probe_timeout_ms` counts as failed: half-open never sticks.
 *
 * Pure: the caller brings a monotonic time; where workers' clocks differ, the latest counts. Thread-safe:
 * one mutex inside.
 */
#ifndef GUARD_BREAKER_H
#define GUARD_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum breaker_state { BREAKER_CLOSED, BREAKER_OPEN, BREAKER_HALF_OPEN };

struct breaker_rules {
        uint32_t failures_in_row;    /* 5 */
        uint32_t min_calls;          /* 10 */
        uint32_t failure_percent;    /* 50 */
        int64_t cool_down_ms;        /* 5000 */
        int64_t max_cool_down_ms;    /* 60000 */
        uint32_t jitter_percent;     /* 20: a cool-down is up to so much shorter or longer */
        uint32_t max_probes;         /* 3: at a time */
        uint32_t successes_to_close; /* 3 */
        int64_t probe_timeout_ms;
};

/* The rules with the numbers of the comments above and a probe time-out of 30 s. */
struct breaker_rules breaker_default_rules(void);

struct breaker;

/* `changed` is told each new state, under the breaker's lock and so in their order: it must not call the
 * breaker. NULL: nobody. `random` gives numbers in [0, 1). */
struct breaker *breaker_new(const struct breaker_rules *rules, double (*random)(void *arg),
                            void (*changed)(void *arg, enum breaker_state state), void *arg);
void breaker_free(struct breaker *breaker);

struct breaker_permit {
        uint64_t generation;
        uint32_t probe; /* its slot, from 1; 0: no probe */
};

/* False: refused, do not call. After true exactly one breaker_leave() should follow. */
bool breaker_enter(struct breaker *breaker, int64_t now_ms, struct breaker_permit *ret_permit);

/* BREAKER_UNKNOWN: the call says nothing about the upstream (cancelled, rate-limited). */
enum breaker_outcome { BREAKER_SUCCESS, BREAKER_FAILURE, BREAKER_UNKNOWN };

void breaker_leave(struct breaker *breaker, struct breaker_permit permit, enum breaker_outcome outcome, int64_t now_ms);

/* As of the last call; an open breaker whose cool-down has passed is open until somebody enters. */
enum breaker_state breaker_state(const struct breaker *breaker);

/* "closed", "open", "half_open". */
const char *breaker_state_name(enum breaker_state state);

#endif
