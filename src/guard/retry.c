/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/retry.h"

enum { FIRST_MS = 500, MAX_MS = 8000, MAX_DOUBLINGS = 4, WHOLE = 100 };

int64_t retry_delay_ms(unsigned retry, int64_t wish_ms, double random)
{
        if (wish_ms > 0 && wish_ms <= RETRY_MAX_WISH_MS)
                return wish_ms;
        int64_t delay_ms = retry < MAX_DOUBLINGS ? FIRST_MS << retry : MAX_MS;
        return (int64_t)((double)delay_ms * (1 - 0.25 * random));
}

static int64_t smaller(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

void retry_budget_init(struct retry_budget *budget, uint32_t percent, uint32_t reserve, uint32_t max)
{
        budget->percent = percent;
        budget->max_hundredths = (int64_t)max * WHOLE;
        atomic_init(&budget->hundredths, smaller((int64_t)reserve * WHOLE, budget->max_hundredths));
}

void retry_budget_put(struct retry_budget *budget)
{
        int64_t now = atomic_load(&budget->hundredths);
        while (!atomic_compare_exchange_weak(&budget->hundredths, &now,
                                             smaller(now + budget->percent, budget->max_hundredths)))
                ;
}

bool retry_budget_take(struct retry_budget *budget)
{
        int64_t now = atomic_load(&budget->hundredths);
        do {
                if (now < WHOLE)
                        return false;
        } while (!atomic_compare_exchange_weak(&budget->hundredths, &now, now - WHOLE));
        return true;
}
