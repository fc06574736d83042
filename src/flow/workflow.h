/* SPDX-License-Identifier: Apache-2.0 */
/* The three workflows: what one decided message leads to, as a value.
 *
 * Pure: a workflow looks at the message, the verdict and the pinned snapshot and fills an outcome.
 * It performs nothing; the commit makes it durable and the outbox tells other systems.
 */
#ifndef FLOW_WORKFLOW_H
#define FLOW_WORKFLOW_H

#include "base/arena.h"
#include "core/message.h"
#include "core/outcome.h"
#include "policy/snapshot.h"
#include "port/store.h"
#include "text/entities.h"

struct workflow {
        const struct snapshot *snapshot;
        struct kb_scratch *scratch; /* of this thread */
        const struct message *message;
        struct safe_text text; /* the message, redacted */
        struct verdict verdict;
        struct record_id id; /* names ticket and record in replies */
        struct record_id open_review; /* a person has the conversation: the bot stays out of it; row 0: nobody has */
        bool is_notice_due;           /* the customer has not been told yet */
        struct entities entities;
        struct kb_hit answer; /* the article found; article NULL: none */
        struct arena *arena;
};

/* Runs the workflow of the verdict's category. False only when the arena is full. */
bool workflow_run(struct workflow *workflow, struct outcome *ret_outcome);

/* The approved text for a safety hit whose message must be refused. Without a record (row 0) it
 * leaves out what would promise that somebody looks at it. */
struct safe_text workflow_refusal_reply(const struct policy *policy, const struct safety_finding *finding,
                                        const struct message *message, struct record_id id, struct arena *arena);

#endif
