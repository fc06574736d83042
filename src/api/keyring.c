/* SPDX-License-Identifier: Apache-2.0 */
#include "api/keyring.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* Open addressing over the digests' first bytes, which nobody can choose. */
struct keyring {
        atomic_int references;
        size_t count;
        size_t mask;
        const struct api_key **slots;
        struct api_key *keys;
};

struct keyring_holder {
        pthread_mutex_t mutex;
        struct keyring *current;
};

static size_t first_slot(const struct keyring *keyring, const struct digest *hash)
{
        size_t start;
        memcpy(&start, hash->bytes, sizeof start);
        return start & keyring->mask;
}

static void place(struct keyring *keyring, const struct api_key *key)
{
        size_t slot = first_slot(keyring, &key->hash);
        while (keyring->slots[slot])
                slot = (slot + 1) & keyring->mask;
        keyring->slots[slot] = key;
}

struct keyring *keyring_new(const struct api_key *keys, size_t count)
{
        struct keyring *keyring = alloc_zeroed(1, sizeof *keyring);
        size_t slots = 4;
        while (slots < count * 2)
                slots *= 2;
        atomic_init(&keyring->references, 1);
        keyring->count = count;
        keyring->mask = slots - 1;
        keyring->slots = alloc_zeroed(slots, sizeof(struct api_key *));
        keyring->keys = alloc_zeroed(count, sizeof *keys);
        if (count)
                memcpy(keyring->keys, keys, count * sizeof *keys);
        for (size_t i = 0; i < count; i++)
                place(keyring, &keyring->keys[i]);
        return keyring;
}

const struct api_key *keyring_find(const struct keyring *keyring, struct str key)
{
        struct digest hash = digest_sha256(key);
        for (size_t slot = first_slot(keyring, &hash); keyring->slots[slot]; slot = (slot + 1) & keyring->mask)
                if (digest_equal(&keyring->slots[slot]->hash, &hash))
                        return keyring->slots[slot];
        return NULL;
}

size_t keyring_count(const struct keyring *keyring)
{
        return keyring->count;
}

struct keyring *keyring_pin(struct keyring_holder *holder)
{
        pthread_mutex_lock(&holder->mutex);
        struct keyring *current = holder->current;
        atomic_fetch_add(&current->references, 1);
        pthread_mutex_unlock(&holder->mutex);
        return current;
}

void keyring_unpin(struct keyring *keyring)
{
        if (atomic_fetch_sub(&keyring->references, 1) != 1)
                return;
        free(keyring->slots);
        free(keyring->keys);
        free(keyring);
}

struct keyring_holder *keyring_holder_new(struct keyring *keyring)
{
        struct keyring_holder *holder = alloc_zeroed(1, sizeof *holder);
        pthread_mutex_init(&holder->mutex, NULL);
        holder->current = keyring;
        return holder;
}

void keyring_holder_free(struct keyring_holder *holder)
{
        if (!holder)
                return;
        keyring_unpin(holder->current);
        pthread_mutex_destroy(&holder->mutex);
        free(holder);
}

void keyring_replace(struct keyring_holder *holder, struct keyring *keyring)
{
        pthread_mutex_lock(&holder->mutex);
        struct keyring *old = holder->current;
        holder->current = keyring;
        pthread_mutex_unlock(&holder->mutex);
        keyring_unpin(old);
}
