/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/answer_cache.h"

#include "base/alloc.h"
#include "base/list.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A small cache is one shard: split, it would have no room for one large value. */
enum { MAX_SHARDS = 16, MIN_SHARD_BYTES = 65536, BYTES_PER_CHAIN = 512 };

struct entry {
        struct list use; /* in the shard's order of use */
        struct entry *next;
        struct digest key;
        int64_t end_ms;
        size_t size;
        unsigned char value[];
};

struct shard {
        pthread_mutex_t lock;
        struct list uses; /* the entry not asked for longest comes first */
        size_t bytes;
        struct entry **chains; /* owns */
};

struct answer_cache {
        int64_t ttl_ms;
        size_t shard_count;
        size_t chain_count; /* of each shard */
        size_t shard_bytes; /* for the entries of each shard */
        _Atomic size_t bytes;
        _Atomic size_t count;
        struct shard shards[MAX_SHARDS];
};

/* Where a key belongs. */
struct place {
        struct shard *shard;
        size_t chain;
};

static size_t shards_for(size_t max_bytes)
{
        size_t count = max_bytes / MIN_SHARD_BYTES;
        if (count == 0)
                return 1;
        return count < MAX_SHARDS ? count : MAX_SHARDS;
}

struct answer_cache *answer_cache_new(size_t max_bytes, int64_t ttl_ms)
{
        struct answer_cache *cache = alloc_zeroed(1, sizeof *cache);
        cache->ttl_ms = ttl_ms;
        cache->shard_count = shards_for(max_bytes);
        cache->shard_bytes = max_bytes / cache->shard_count;
        cache->chain_count = cache->shard_bytes / BYTES_PER_CHAIN + 1;
        size_t table = cache->chain_count * sizeof(struct entry *);
        cache->shard_bytes -= table < cache->shard_bytes ? table : cache->shard_bytes;
        for (size_t i = 0; i < cache->shard_count; i++) {
                struct shard *shard = &cache->shards[i];
                pthread_mutex_init(&shard->lock, NULL);
                list_init(&shard->uses);
                shard->chains = alloc_zeroed(cache->chain_count, sizeof(struct entry *));
        }
        return cache;
}

static void free_chain(struct entry *entry)
{
        while (entry) {
                struct entry *next = entry->next;
                free(entry);
                entry = next;
        }
}

void answer_cache_free(struct answer_cache *cache)
{
        if (!cache)
                return;
        for (size_t i = 0; i < cache->shard_count; i++) {
                for (size_t chain = 0; chain < cache->chain_count; chain++)
                        free_chain(cache->shards[i].chains[chain]);
                pthread_mutex_destroy(&cache->shards[i].lock);
                free(cache->shards[i].chains);
        }
        free(cache);
}

/* The digest is hashed again under the process's own key: customers choose the texts, and could
 * otherwise choose the chain. */
static struct place place_of(struct answer_cache *cache, const struct digest *key)
{
        uint64_t hash = hash64((struct str){(const char *)key->bytes, sizeof key->bytes});
        return (struct place){&cache->shards[hash % cache->shard_count],
                              hash / cache->shard_count % cache->chain_count};
}

/* The pointer to the entry, or to the NULL at the end of the chain. */
static struct entry **find(struct place place, const struct digest *key)
{
        struct entry **at = &place.shard->chains[place.chain];
        while (*at && !digest_equal(&(*at)->key, key))
                at = &(*at)->next;
        return at;
}

static size_t cost(size_t size)
{
        return sizeof(struct entry) + size;
}

static void drop(struct answer_cache *cache, struct shard *shard, struct entry **at)
{
        struct entry *entry = *at;
        *at = entry->next;
        list_remove(&entry->use);
        shard->bytes -= cost(entry->size);
        atomic_fetch_sub_explicit(&cache->bytes, cost(entry->size), memory_order_relaxed);
        atomic_fetch_sub_explicit(&cache->count, 1, memory_order_relaxed);
        free(entry);
}

static bool get(struct answer_cache *cache, struct place place, const struct digest *key, int64_t now_ms,
                void *ret_value, size_t size)
{
        struct entry **at = find(place, key);
        struct entry *entry = *at;
        if (entry && entry->end_ms <= now_ms) {
                drop(cache, place.shard, at);
                return false;
        }
        if (!entry || entry->size != size)
                return false;
        list_remove(&entry->use);
        list_push_back(&place.shard->uses, &entry->use);
        memcpy(ret_value, entry->value, size);
        return true;
}

bool answer_cache_get(struct answer_cache *cache, const struct digest *key, int64_t now_ms, void *ret_value, size_t size)
{
        struct place place = place_of(cache, key);
        pthread_mutex_lock(&place.shard->lock);
        bool is_found = get(cache, place, key, now_ms, ret_value, size);
        pthread_mutex_unlock(&place.shard->lock);
        return is_found;
}

static void make_room(struct answer_cache *cache, struct shard *shard, size_t bytes)
{
        while (shard->bytes + bytes > cache->shard_bytes) {
                struct entry *oldest = list_item(shard->uses.next, struct entry, use);
                drop(cache, shard, find(place_of(cache, &oldest->key), &oldest->key));
        }
}

static void add(struct answer_cache *cache, struct place place, struct entry *entry)
{
        struct entry **chain = &place.shard->chains[place.chain];
        entry->next = *chain;
        *chain = entry;
        list_push_back(&place.shard->uses, &entry->use);
        place.shard->bytes += cost(entry->size);
        atomic_fetch_add_explicit(&cache->bytes, cost(entry->size), memory_order_relaxed);
        atomic_fetch_add_explicit(&cache->count, 1, memory_order_relaxed);
}

static struct entry *entry_new(const struct digest *key, const void *value, size_t size)
{
        struct entry *entry = alloc_zeroed(1, cost(size));
        entry->key = *key;
        entry->size = size;
        memcpy(entry->value, value, size);
        return entry;
}

void answer_cache_put(struct answer_cache *cache, const struct digest *key, int64_t now_ms, const void *value, size_t size)
{
        struct place place = place_of(cache, key);
        bool fits = cache->shard_bytes >= cost(0) && size <= cache->shard_bytes - cost(0);
        struct entry *entry = fits ? entry_new(key, value, size) : NULL;
        pthread_mutex_lock(&place.shard->lock);
        struct entry **before = find(place, key);
        if (*before)
                drop(cache, place.shard, before);
        if (entry) {
                entry->end_ms = now_ms + cache->ttl_ms;
                make_room(cache, place.shard, cost(size));
                add(cache, place, entry);
        }
        pthread_mutex_unlock(&place.shard->lock);
}

size_t answer_cache_bytes(const struct answer_cache *cache)
{
        return atomic_load_explicit(&cache->bytes, memory_order_relaxed);
}

size_t answer_cache_count(const struct answer_cache *cache)
{
        return atomic_load_explicit(&cache->count, memory_order_relaxed);
}
