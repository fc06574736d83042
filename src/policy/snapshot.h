/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshot: the policy, the model and the knowledge base that one request decides with.
 *
 * Immutable and reference-counted. A request pins the current snapshot when it is admitted and
 * keeps it to its end, so that a reload never changes the ground under it. The holder has the
 * current one; replacing a part makes a new snapshot that shares the others. Thread-safe.
 */
#ifndef POLICY_SNAPSHOT_H
#define POLICY_SNAPSHOT_H

#include "policy/policy.h"
#include "text/kb_index.h"
#include "text/model.h"

struct snapshot {
        struct policy *policy;
        const struct model *model;
        struct kb_index *knowledge;
};

struct snapshot_holder;

/* Takes one reference to `policy` and owns `model` and `knowledge` from now on. */
struct snapshot_holder *snapshot_holder_new(struct policy *policy, struct model *model,
                                            struct kb_index *knowledge);

/* After every pin was given back. */
void snapshot_holder_free(struct snapshot_holder *holder);

const struct snapshot *snapshot_pin(struct snapshot_holder *holder);
/* One more pin on the same snapshot. */
const struct snapshot *snapshot_repin(const struct snapshot *snapshot);
void snapshot_unpin(const struct snapshot *snapshot);

/* Later pins see the new part; older pins keep theirs. All take what they are given. */
void snapshot_replace_policy(struct snapshot_holder *holder, struct policy *policy);
void snapshot_replace_model(struct snapshot_holder *holder, struct model *model);
void snapshot_replace_knowledge(struct snapshot_holder *holder, struct kb_index *knowledge);

#endif
