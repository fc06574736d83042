/* SPDX-License-Identifier: Apache-2.0 */
/* Gate: how many calls may be under way to one upstream, and whether it wants any now.
 *
 * An upstream that has refused several calls in a row (429) is asked again only after the time that it
 * named: the gate stays shut until then, which says nothing about its health (that is the breaker's
 * business). A refusal among good answers concerns its own call alone.
 *
 * Pure: the caller brings a monotonic time. Thread-safe: atomics only. Embedded in what owns it.
 */
#ifndef GUARD_GATE_H
#define GUARD_GATE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct gate {
        uint32_t max_calls;
        _Atomic uint32_t calls;
        _Atomic uint32_t refusals; /* in a row */
        _Atomic int64_t shut_until_ms;
};

enum gate_answer { GATE_OPEN, GATE_FULL, GATE_SHUT };

void gate_init(struct gate *gate, uint32_t max_calls);

/* After GATE_OPEN exactly one gate_leave() follows. */
enum gate_answer gate_enter(struct gate *gate, int64_t now_ms);
void gate_leave(struct gate *gate);

enum { GATE_REFUSALS_TO_SHUT = 3 };

/* The upstream has taken a call, or refused it until then. */
void gate_taken(struct gate *gate);
void gate_refused(struct gate *gate, int64_t until_ms);

/* Shuts it at least until then; never sooner than it was to open before. */
void gate_shut(struct gate *gate, int64_t until_ms);

#endif
