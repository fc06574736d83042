/* SPDX-License-Identifier: Apache-2.0 */
/* Rate limit: how often one client may come.
 *
 * GCRA, the generic cell rate algorithm, as virtual scheduling (ITU-T Recommendation I.371, annex A;
 * ATM Forum Traffic Management 4.0, 4.4.2): a client is one number, its theoretical arrival time,
 * that each request taken moves on by the time between requests; a request that comes more than
 * burst - 1 of these times before it is refused, and changes nothing.
 *
 * The table is bounded. A client whose burst is full again is as good as unknown, and its place is
 * free. When all places that a client could have are taken, the one nearest to a full burst loses
 * its place: it gains the least, and strangers that come once cannot push out one that is limited.
 *
 * Pure: the caller brings the time. Thread-safe, with a mutex a shard inside.
 */
#ifndef GUARD_RATE_LIMIT_H
#define GUARD_RATE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rate_limit;

/* `per_minute` 0 is no limit; a `burst` of 0 counts as 1, one over 10,000,000 as that. */
struct rate_limit_rule {
        uint32_t per_minute;
        uint32_t burst;
};

/* What the RateLimit headers say; all 0 but is_allowed when there is no limit. */
struct rate_limit_answer {
        bool is_allowed;
        uint32_t limit;         /* requests that a rested client may send at once */
        uint32_t remaining;     /* how many of them are left now; never over `limit` */
        uint32_t window_s;      /* in which that many come back: the policy of the headers */
        uint32_t reset_s;       /* until all of them are there again */
        uint32_t retry_after_s; /* until the next is taken; 0 when this one was, else at least 1 */
};

/* Memory is 32 bytes a client, touched as clients come. */
struct rate_limit *rate_limit_new(size_t max_clients);
void rate_limit_free(struct rate_limit *limit);

/* `client` is hash64() of what identifies it; another bucket of the same client is another hash.
 * `now_us` is monotonic. A client whose rule changes keeps its arrival time. */
struct rate_limit_answer rate_limit_take(struct rate_limit *limit, uint64_t client,
                                         struct rate_limit_rule rule, int64_t now_us);

/* How many clients lost their place before their burst was full again. */
uint64_t rate_limit_evicted(const struct rate_limit *limit);

#endif
