/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/gate.h"

#include <assert.h>

void gate_init(struct gate *gate, uint32_t max_calls)
{
        gate->max_calls = max_calls;
        atomic_init(&gate->calls, 0);
        atomic_init(&gate->refusals, 0);
        atomic_init(&gate->shut_until_ms, INT64_MIN);
}

enum gate_answer gate_enter(struct gate *gate, int64_t now_ms)
{
        if (now_ms < atomic_load(&gate->shut_until_ms))
                return GATE_SHUT;
        uint32_t now = atomic_load(&gate->calls);
        do {
                if (now >= gate->max_calls)
                        return GATE_FULL;
        } while (!atomic_compare_exchange_weak(&gate->calls, &now, now + 1));
        return GATE_OPEN;
}

void gate_leave(struct gate *gate)
{
        uint32_t before = atomic_fetch_sub(&gate->calls, 1);
        assert(before > 0);
}

void gate_shut(struct gate *gate, int64_t until_ms)
{
        int64_t now = atomic_load(&gate->shut_until_ms);
        while (now < until_ms && !atomic_compare_exchange_weak(&gate->shut_until_ms, &now, until_ms))
                ;
}

void gate_taken(struct gate *gate)
{
        /* Read first: the cell is every worker's, and nearly always 0. */
        if (atomic_load_explicit(&gate->refusals, memory_order_relaxed))
                atomic_store_explicit(&gate->refusals, 0, memory_order_relaxed);
}

void gate_refused(struct gate *gate, int64_t until_ms)
{
        if (atomic_fetch_add_explicit(&gate->refusals, 1, memory_order_relaxed) + 1 >= GATE_REFUSALS_TO_SHUT)
                gate_shut(gate, until_ms);
}
