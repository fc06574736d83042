/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/claims.h"

#include "base/alloc.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

enum { SHARDS = 64 };

struct claim {
        struct claim *next;
        struct digest key;
};

struct claims {
        struct claim **chains; /* owns; chain i belongs to shard i modulo SHARDS */
        size_t chain_count;
        size_t max_claims;
        _Atomic size_t count;
        pthread_mutex_t locks[SHARDS];
};

struct claims *claims_new(size_t max_claims)
{
        struct claims *claims = alloc_zeroed(1, sizeof *claims);
        claims->max_claims = max_claims;
        claims->chain_count = max_claims + 1;
        claims->chains = alloc_zeroed(claims->chain_count, sizeof(struct claim *));
        for (int i = 0; i < SHARDS; i++)
                pthread_mutex_init(&claims->locks[i], NULL);
        return claims;
}

void claims_free(struct claims *claims)
{
        if (!claims)
                return;
        for (size_t i = 0; i < claims->chain_count; i++) {
                while (claims->chains[i]) {
                        struct claim *claim = claims->chains[i];
                        claims->chains[i] = claim->next;
                        free(claim);
                }
        }
        for (int i = 0; i < SHARDS; i++)
                pthread_mutex_destroy(&claims->locks[i]);
        free(claims->chains);
        free(claims);
}

/* The digest is hashed again under the process's own key: a client chooses its idempotency keys
 * and could otherwise choose its chain. */
static size_t chain_of(const struct claims *claims, const struct digest *key)
{
        return hash64((struct str){(const char *)key->bytes, sizeof key->bytes}) % claims->chain_count;
}

/* The pointer to the claim, or to the NULL at the end of the chain. */
static struct claim **find(struct claim **at, const struct digest *key)
{
        while (*at && !digest_equal(&(*at)->key, key))
                at = &(*at)->next;
        return at;
}

/* Counts first, so that the table is never over its maximum. */
static bool count_up(struct claims *claims)
{
        if (atomic_fetch_add_explicit(&claims->count, 1, memory_order_relaxed) < claims->max_claims)
                return true;
        atomic_fetch_sub_explicit(&claims->count, 1, memory_order_relaxed);
        return false;
}

static enum err add(struct claims *claims, struct claim **at, const struct digest *key)
{
        if (*at)
                return ERR_IN_FLIGHT;
        if (!count_up(claims))
                return ERR_OVERLOADED;
        *at = alloc_zeroed(1, sizeof **at);
        (*at)->key = *key;
        return ERR_OK;
}

enum err claim_take(struct claims *claims, const struct digest *key)
{
        size_t chain = chain_of(claims, key);
        pthread_mutex_lock(&claims->locks[chain % SHARDS]);
        enum err err = add(claims, find(&claims->chains[chain], key), key);
        pthread_mutex_unlock(&claims->locks[chain % SHARDS]);
        return err;
}

void claim_release(struct claims *claims, const struct digest *key)
{
        size_t chain = chain_of(claims, key);
        pthread_mutex_lock(&claims->locks[chain % SHARDS]);
        struct claim **at = find(&claims->chains[chain], key);
        struct claim *claim = *at;
        assert(claim);
        *at = claim->next;
        pthread_mutex_unlock(&claims->locks[chain % SHARDS]);
        free(claim);
        atomic_fetch_sub_explicit(&claims->count, 1, memory_order_relaxed);
}

size_t claims_count(const struct claims *claims)
{
        return atomic_load_explicit(&claims->count, memory_order_relaxed);
}
