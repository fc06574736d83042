/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/spend.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdlib.h>

static const int64_t ms_per_day = 86400000;

struct spend {
        uint64_t max_requests; /* 0: no limit */
        uint64_t max_tokens;
        pthread_mutex_t lock;
        int64_t day; /* since 1970; never goes back */
        uint64_t requests;
        uint64_t tokens;
        bool has_refused; /* today */
};

struct spend *spend_new(uint64_t max_requests, uint64_t max_tokens)
{
        struct spend *spend = alloc_zeroed(1, sizeof *spend);
        spend->max_requests = max_requests;
        spend->max_tokens = max_tokens;
        pthread_mutex_init(&spend->lock, NULL);
        return spend;
}

void spend_free(struct spend *spend)
{
        if (!spend)
                return;
        pthread_mutex_destroy(&spend->lock);
        free(spend);
}

static void turn_day(struct spend *spend, int64_t wall_ms)
{
        int64_t day = wall_ms / ms_per_day;
        if (day <= spend->day)
                return;
        spend->day = day;
        spend->requests = 0;
        spend->tokens = 0;
        spend->has_refused = false;
}

static bool is_used_up(uint64_t used, uint64_t max)
{
        return max > 0 && used >= max;
}

bool spend_request(struct spend *spend, int64_t wall_ms, bool *ret_is_first)
{
        pthread_mutex_lock(&spend->lock);
        turn_day(spend, wall_ms);
        bool is_refused = is_used_up(spend->requests, spend->max_requests) ||
                          is_used_up(spend->tokens, spend->max_tokens);
        *ret_is_first = is_refused && !spend->has_refused;
        spend->has_refused |= is_refused;
        spend->requests += !is_refused;
        pthread_mutex_unlock(&spend->lock);
        return !is_refused;
}

void spend_tokens(struct spend *spend, uint64_t tokens, int64_t wall_ms)
{
        pthread_mutex_lock(&spend->lock);
        turn_day(spend, wall_ms);
        if (__builtin_add_overflow(spend->tokens, tokens, &spend->tokens))
                spend->tokens = UINT64_MAX;
        pthread_mutex_unlock(&spend->lock);
}
