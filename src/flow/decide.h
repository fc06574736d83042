/* SPDX-License-Identifier: Apache-2.0 */
/* Who decides what a message is: the safety net and the classifier, joined into one verdict.
 *
 * The net only raises: a hit makes the message a safety matter whatever the classifier says, and
 * a safety intent of the classifier may raise the severity further, never lower it. Pure.
 */
#ifndef FLOW_DECIDE_H
#define FLOW_DECIDE_H

#include "base/arena.h"
#include "core/verdict.h"
#include "policy/snapshot.h"

/* `classified` is the embedded model's answer. The decision path is written into the arena; it is
 * a constant when the arena is full. */
struct verdict decide(const struct snapshot *snapshot, const struct safety_finding *finding,
                      const struct model_verdict *classified, struct arena *arena);

/* The severity of a hit: the rule's, or the floor of its intent when that is higher. */
enum severity decide_severity(const struct policy_facts *policy, const struct safety_finding *finding);

#endif
