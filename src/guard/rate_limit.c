/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/rate_limit.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdatomic.h>

/* A client's places are the eight of one set, two cache lines. With twice as many places as
 * clients, a set is rarely full before the table is. */
enum { WAYS = 8, SHARDS = 64, NS_PER_US = 1000, BURST_MAX = 10000000 };

static const int64_t ns_per_s = 1000000000;

struct entry {
        uint64_t client;
        int64_t arrival_ns; /* the theoretical arrival time; at or before now the place is free */
};

struct set {
        struct entry entries[WAYS];
};

struct shard {
        pthread_mutex_t lock;
        char padding[64 - sizeof(pthread_mutex_t) % 64]; /* neighbours should not share a cache line */
};

struct rate_limit {
        struct set *sets; /* owns */
        size_t set_count;
        _Atomic uint64_t evicted;
        struct shard shards[SHARDS]; /* set i belongs to shard i modulo SHARDS */
};

struct rate_limit *rate_limit_new(size_t max_clients)
{
        struct rate_limit *limit = alloc_zeroed(1, sizeof *limit);
        limit->set_count = max_clients * 2 / WAYS + 1;
        limit->sets = alloc_zeroed(limit->set_count, sizeof *limit->sets);
        for (int i = 0; i < SHARDS; i++)
                pthread_mutex_init(&limit->shards[i].lock, NULL);
        return limit;
}

void rate_limit_free(struct rate_limit *limit)
{
        if (!limit)
                return;
        for (int i = 0; i < SHARDS; i++)
                pthread_mutex_destroy(&limit->shards[i].lock);
        free(limit->sets);
        free(limit);
}

/* The client's entry, or the place that it gets. */
static struct entry *find(struct rate_limit *limit, struct set *set, uint64_t client, int64_t now_ns)
{
        struct entry *place = &set->entries[0];
        for (int i = 0; i < WAYS; i++) {
                struct entry *entry = &set->entries[i];
                if (entry->client == client)
                        return entry;
                if (entry->arrival_ns < place->arrival_ns)
                        place = entry;
        }
        if (place->arrival_ns > now_ns)
                atomic_fetch_add_explicit(&limit->evicted, 1, memory_order_relaxed);
        *place = (struct entry){client, 0};
        return place;
}

static uint32_t seconds_up(int64_t ns)
{
        return ns <= 0 ? 0 : (uint32_t)((ns + ns_per_s - 1) / ns_per_s);
}

static struct rate_limit_answer take(struct entry *entry, struct rate_limit_rule rule, int64_t now_ns)
{
        int64_t interval = 60 * ns_per_s / rule.per_minute;
        int64_t tolerance = interval * (rule.burst - 1);
        int64_t arrival = entry->arrival_ns > now_ns ? entry->arrival_ns : now_ns;
        int64_t early = arrival - now_ns - tolerance;
        struct rate_limit_answer answer = {
                .is_allowed = early <= 0,
                .limit = rule.burst,
                .window_s = seconds_up(interval * rule.burst),
        };
        if (answer.is_allowed)
                entry->arrival_ns = arrival += interval;
        else
                answer.retry_after_s = seconds_up(early);
        int64_t left = tolerance + interval - (arrival - now_ns);
        answer.remaining = left > 0 ? (uint32_t)(left / interval) : 0;
        answer.reset_s = seconds_up(arrival - now_ns);
        return answer;
}

struct rate_limit_answer rate_limit_take(struct rate_limit *limit, uint64_t client,
                                         struct rate_limit_rule rule, int64_t now_us)
{
        if (rule.per_minute == 0)
                return (struct rate_limit_answer){.is_allowed = true};
        if (rule.burst == 0)
                rule.burst = 1;
        if (rule.burst > BURST_MAX)
                rule.burst = BURST_MAX;
        int64_t now_ns = now_us * NS_PER_US;
        size_t index = client % limit->set_count;
        struct shard *shard = &limit->shards[index % SHARDS];
        pthread_mutex_lock(&shard->lock);
        struct entry *entry = find(limit, &limit->sets[index], client, now_ns);
        struct rate_limit_answer answer = take(entry, rule, now_ns);
        pthread_mutex_unlock(&shard->lock);
        return answer;
}

uint64_t rate_limit_evicted(const struct rate_limit *limit)
{
        return atomic_load_explicit(&limit->evicted, memory_order_relaxed);
}
