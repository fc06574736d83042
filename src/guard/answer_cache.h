/* SPDX-License-Identifier: Apache-2.0 */
/* Answer cache: what was found out about a text, kept for a while, for the next one that is the same.
 *
 * Exact match on a digest that the caller makes of all that decides the answer. Values are small plain
 * bytes and are copied in and out. Bounded in bytes (the bookkeeping counted); the entry that was not
 * asked for longest makes room. An entry lives ttl_ms from when it was put, however often it is read.
 *
 * Pure: the caller brings a monotonic time. Thread-safe: sharded, a mutex each.
 */
#ifndef GUARD_ANSWER_CACHE_H
#define GUARD_ANSWER_CACHE_H

#include "base/hash.h"

struct answer_cache;

/* `max_bytes` 0: it keeps nothing. */
struct answer_cache *answer_cache_new(size_t max_bytes, int64_t ttl_ms);
void answer_cache_free(struct answer_cache *cache);

/* Copies the value of exactly `size` bytes; false when there is none (or one of another size). */
bool answer_cache_get(struct answer_cache *cache, const struct digest *key, int64_t now_ms, void *ret_value, size_t size);

/* Replaces what was there. A value too large for the cache is not kept. */
void answer_cache_put(struct answer_cache *cache, const struct digest *key, int64_t now_ms, const void *value, size_t size);

size_t answer_cache_bytes(const struct answer_cache *cache); /* kept now */
size_t answer_cache_count(const struct answer_cache *cache);

#endif
