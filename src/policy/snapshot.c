/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/snapshot.h"

#include "base/alloc.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Snapshots share a knowledge base, so it has a count of its own. */
struct shared_knowledge {
        struct kb_index *index;
        atomic_int references;
};

struct counted_snapshot {
        struct snapshot parts; /* first: a pin is a pointer to it */
        struct shared_knowledge *knowledge;
        atomic_int references;
};

struct snapshot_holder {
        pthread_mutex_t mutex;
        struct counted_snapshot *current;
};

static struct shared_knowledge *share(struct kb_index *index)
{
        struct shared_knowledge *shared = alloc_zeroed(1, sizeof *shared);
        shared->index = index;
        atomic_init(&shared->references, 0);
        return shared;
}

/* Takes the policy's reference, adds one to the knowledge base. */
static struct counted_snapshot *counted_new(struct policy *policy, const struct model *model,
                                            struct shared_knowledge *knowledge)
{
        struct counted_snapshot *snapshot = alloc_zeroed(1, sizeof *snapshot);
        snapshot->parts = (struct snapshot){policy, model, knowledge->index};
        snapshot->knowledge = knowledge;
        atomic_fetch_add(&knowledge->references, 1);
        atomic_init(&snapshot->references, 1);
        return snapshot;
}

static void release(struct counted_snapshot *snapshot)
{
        if (atomic_fetch_sub(&snapshot->references, 1) != 1)
                return;
        if (atomic_fetch_sub(&snapshot->knowledge->references, 1) == 1) {
                kb_index_free(snapshot->knowledge->index);
                free(snapshot->knowledge);
        }
        policy_unref(snapshot->parts.policy);
        free(snapshot);
}

struct snapshot_holder *snapshot_holder_new(struct policy *policy, const struct model *model,
                                            struct kb_index *knowledge)
{
        struct snapshot_holder *holder = alloc_zeroed(1, sizeof *holder);
        pthread_mutex_init(&holder->mutex, NULL);
        holder->current = counted_new(policy, model, share(knowledge));
        return holder;
}

void snapshot_holder_free(struct snapshot_holder *holder)
{
        if (!holder)
                return;
        assert(atomic_load(&holder->current->references) == 1);
        release(holder->current);
        pthread_mutex_destroy(&holder->mutex);
        free(holder);
}

const struct snapshot *snapshot_pin(struct snapshot_holder *holder)
{
        pthread_mutex_lock(&holder->mutex);
        struct counted_snapshot *current = holder->current;
        atomic_fetch_add(&current->references, 1);
        pthread_mutex_unlock(&holder->mutex);
        return &current->parts;
}

static struct counted_snapshot *counted_of(const struct snapshot *snapshot)
{
        return (struct counted_snapshot *)(void *)(uintptr_t)snapshot;
}

const struct snapshot *snapshot_repin(const struct snapshot *snapshot)
{
        atomic_fetch_add(&counted_of(snapshot)->references, 1);
        return snapshot;
}

void snapshot_unpin(const struct snapshot *snapshot)
{
        release(counted_of(snapshot));
}

static void replace(struct snapshot_holder *holder, struct policy *policy, struct shared_knowledge *knowledge)
{
        pthread_mutex_lock(&holder->mutex);
        struct counted_snapshot *old = holder->current;
        holder->current = counted_new(policy ? policy : policy_ref(old->parts.policy), old->parts.model,
                                      knowledge ? knowledge : old->knowledge);
        pthread_mutex_unlock(&holder->mutex);
        release(old);
}

void snapshot_replace_policy(struct snapshot_holder *holder, struct policy *policy)
{
        replace(holder, policy, NULL);
}

void snapshot_replace_knowledge(struct snapshot_holder *holder, struct kb_index *knowledge)
{
        replace(holder, NULL, share(knowledge));
}
