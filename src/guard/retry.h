/* SPDX-License-Identifier: Apache-2.0 */
/* Retries: when the next attempt may be made, and how many the process can afford.
 *
 * The wait follows the official OpenAI client: what the upstream wishes when that is over 0 and at most
 * 120 s, else 0.5 s doubled at each retry, at most 8 s, shortened by up to a quarter at random.
 *
 * The budget keeps an outage from multiplying the load: each request puts a share of a retry into it,
 * each retry takes a whole one out, so that retries never exceed percent % of the requests plus the
 * reserve it began with. What it saves up is bounded.
 *
 * Pure. The budget is thread-safe (one atomic) and embedded in what owns it.
 */
#ifndef GUARD_RETRY_H
#define GUARD_RETRY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { RETRY_MAX_WISH_MS = 120000 };

/* How long to wait before retry number `retry` (from 0). `wish_ms` -1: the upstream has none;
 * `random` in [0, 1). */
int64_t retry_delay_ms(unsigned retry, int64_t wish_ms, double random);

struct retry_budget {
        uint32_t percent;
        int64_t max_hundredths;
        _Atomic int64_t hundredths; /* of a retry */
};

/* It begins with `reserve` retries and never holds more than `max`. */
void retry_budget_init(struct retry_budget *budget, uint32_t percent, uint32_t reserve, uint32_t max);
void retry_budget_put(struct retry_budget *budget); /* one request */
bool retry_budget_take(struct retry_budget *budget); /* one retry; false: it cannot be afforded */

#endif
