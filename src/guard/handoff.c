/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/handoff.h"

#include "base/alloc.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { CHAINS = 4096 };

struct entry {
        struct entry *next; /* opened later */
        struct digest conversation;
        uint64_t row;
        uint64_t check;
        bool is_told;
};

struct handoff {
        pthread_mutex_t lock;
        struct entry *chains[CHAINS]; /* owns */
        size_t max_open;
        _Atomic size_t count;
};

struct handoff *handoff_new(size_t max_open)
{
        struct handoff *handoff = alloc_zeroed(1, sizeof *handoff);
        pthread_mutex_init(&handoff->lock, NULL);
        handoff->max_open = max_open;
        return handoff;
}

void handoff_free(struct handoff *handoff)
{
        if (!handoff)
                return;
        for (size_t i = 0; i < CHAINS; i++) {
                while (handoff->chains[i]) {
                        struct entry *entry = handoff->chains[i];
                        handoff->chains[i] = entry->next;
                        free(entry);
                }
        }
        pthread_mutex_destroy(&handoff->lock);
        free(handoff);
}

/* With the lock held from here on. The digest is keyed: nobody outside can choose a chain. */
static struct entry **chain_of(struct handoff *handoff, const struct digest *conversation)
{
        return &handoff->chains[hash64((struct str){(const char *)conversation->bytes, sizeof conversation->bytes}) % CHAINS];
}

/* The pointer to the next entry of the conversation from `at` on, or to the NULL at the end. */
static struct entry **next_of(struct entry **at, const struct digest *conversation)
{
        while (*at && !digest_equal(&(*at)->conversation, conversation))
                at = &(*at)->next;
        return at;
}

static struct entry **find(struct handoff *handoff, const struct digest *conversation, uint64_t row)
{
        struct entry **at = next_of(chain_of(handoff, conversation), conversation);
        while (*at && (*at)->row != row)
                at = next_of(&(*at)->next, conversation);
        return at;
}

/* Sets for all reviews of the conversation whether the customer was told; returns whether it was so for one. */
static bool set_told(struct handoff *handoff, const struct digest *conversation, bool is_told)
{
        bool was_told = false;
        struct entry **at = next_of(chain_of(handoff, conversation), conversation);
        for (; *at; at = next_of(&(*at)->next, conversation)) {
                was_told = was_told || (*at)->is_told;
                (*at)->is_told = is_told;
        }
        return was_told;
}

bool handoff_open(struct handoff *handoff, const struct digest *conversation, uint64_t row, uint64_t check, bool is_told)
{
        pthread_mutex_lock(&handoff->lock);
        struct entry **at = find(handoff, conversation, row);
        bool is_full = !*at && handoff->count >= handoff->max_open;
        if (!*at && !is_full) {
                *at = alloc_zeroed(1, sizeof **at);
                **at = (struct entry){.conversation = *conversation, .row = row, .check = check, .is_told = is_told};
                handoff->count++;
        }
        pthread_mutex_unlock(&handoff->lock);
        return !is_full;
}

void handoff_close(struct handoff *handoff, const struct digest *conversation, uint64_t row)
{
        pthread_mutex_lock(&handoff->lock);
        struct entry **at = find(handoff, conversation, row);
        struct entry *entry = *at;
        if (entry) {
                *at = entry->next;
                handoff->count--;
        }
        pthread_mutex_unlock(&handoff->lock);
        free(entry);
}

struct handoff_review handoff_ask(struct handoff *handoff, const struct digest *conversation)
{
        struct handoff_review review = {0};
        pthread_mutex_lock(&handoff->lock);
        const struct entry *entry = *next_of(chain_of(handoff, conversation), conversation);
        if (entry)
                review = (struct handoff_review){entry->row, entry->check, !set_told(handoff, conversation, true)};
        pthread_mutex_unlock(&handoff->lock);
        return review;
}

void handoff_take_back(struct handoff *handoff, const struct digest *conversation)
{
        pthread_mutex_lock(&handoff->lock);
        (void)set_told(handoff, conversation, false);
        pthread_mutex_unlock(&handoff->lock);
}

size_t handoff_count(const struct handoff *handoff)
{
        return atomic_load_explicit(&handoff->count, memory_order_acquire);
}
