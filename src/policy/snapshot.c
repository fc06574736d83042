/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/snapshot.h"

#include "base/alloc.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

/* Snapshots share a knowledge base and a model, so each has a count of its own. */
struct shared {
        struct kb_index *knowledge; /* one of the two, owned */
        struct model *model;
        atomic_int references;
};

struct counted_snapshot {
        struct snapshot parts; /* first: a pin is a pointer to it */
        struct shared *knowledge;
        struct shared *model;
        atomic_int references;
};

struct snapshot_holder {
        pthread_mutex_t mutex;
        struct counted_snapshot *current;
};

static struct shared *share(struct kb_index *knowledge, struct model *model)
{
        struct shared *shared = alloc_zeroed(1, sizeof *shared);
        shared->knowledge = knowledge;
        shared->model = model;
        atomic_init(&shared->references, 0);
        return shared;
}

static void drop_share(struct shared *shared)
{
        if (atomic_fetch_sub(&shared->references, 1) != 1)
                return;
        kb_index_free(shared->knowledge);
        model_free(shared->model);
        free(shared);
}

/* Takes the policy's reference, adds one to each of the others. */
static struct counted_snapshot *counted_new(struct policy *policy, struct shared *model, struct shared *knowledge)
{
        struct counted_snapshot *snapshot = alloc_zeroed(1, sizeof *snapshot);
        snapshot->parts = (struct snapshot){policy, model->model, knowledge->knowledge};
        snapshot->knowledge = knowledge;
        snapshot->model = model;
        atomic_fetch_add(&knowledge->references, 1);
        atomic_fetch_add(&model->references, 1);
        atomic_init(&snapshot->references, 1);
        return snapshot;
}

static void release(struct counted_snapshot *snapshot)
{
        if (atomic_fetch_sub(&snapshot->references, 1) != 1)
                return;
        drop_share(snapshot->knowledge);
        drop_share(snapshot->model);
        policy_unref(snapshot->parts.policy);
        free(snapshot);
}

struct snapshot_holder *snapshot_holder_new(struct policy *policy, struct model *model, struct kb_index *knowledge)
{
        struct snapshot_holder *holder = alloc_zeroed(1, sizeof *holder);
        pthread_mutex_init(&holder->mutex, NULL);
        holder->current = counted_new(policy, share(NULL, model), share(knowledge, NULL));
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

/* NULL: as it was. */
static void replace(struct snapshot_holder *holder, struct policy *policy, struct shared *model,
                    struct shared *knowledge)
{
        pthread_mutex_lock(&holder->mutex);
        struct counted_snapshot *old = holder->current;
        holder->current = counted_new(policy ? policy : policy_ref(old->parts.policy), model ? model : old->model,
                                      knowledge ? knowledge : old->knowledge);
        pthread_mutex_unlock(&holder->mutex);
        release(old);
}

void snapshot_replace_policy(struct snapshot_holder *holder, struct policy *policy)
{
        replace(holder, policy, NULL, NULL);
}

void snapshot_replace_model(struct snapshot_holder *holder, struct model *model)
{
        replace(holder, NULL, share(NULL, model), NULL);
}

void snapshot_replace_knowledge(struct snapshot_holder *holder, struct kb_index *knowledge)
{
        replace(holder, NULL, NULL, share(knowledge, NULL));
}
