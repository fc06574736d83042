/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/admission.h"

#include <assert.h>

void admission_init(struct admission *admission, uint32_t max_in_flight, uint32_t safety_reserve)
{
        assert(safety_reserve <= UINT32_MAX - max_in_flight);
        admission->max_in_flight = max_in_flight;
        admission->max_with_reserve = max_in_flight + safety_reserve;
        atomic_init(&admission->in_flight, 0);
        atomic_init(&admission->is_draining, false);
}

enum err admission_enter(struct admission *admission, bool is_safety)
{
        if (!is_safety && atomic_load(&admission->is_draining))
                return ERR_DRAINING;
        uint32_t max = is_safety ? admission->max_with_reserve : admission->max_in_flight;
        uint32_t now = atomic_load_explicit(&admission->in_flight, memory_order_relaxed);
        do {
                if (now >= max)
                        return ERR_OVERLOADED;
        } while (!atomic_compare_exchange_weak(&admission->in_flight, &now, now + 1));
        return ERR_OK;
}

void admission_leave(struct admission *admission)
{
        uint32_t before = atomic_fetch_sub(&admission->in_flight, 1);
        assert(before > 0);
}

void admission_drain(struct admission *admission)
{
        atomic_store(&admission->is_draining, true);
}

uint32_t admission_in_flight(const struct admission *admission)
{
        return atomic_load(&admission->in_flight);
}
