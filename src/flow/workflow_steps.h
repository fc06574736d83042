/* SPDX-License-Identifier: Apache-2.0 */
/* What the workflows share, and the three of them. Used by src/flow/ only. */
#ifndef FLOW_WORKFLOW_STEPS_H
#define FLOW_WORKFLOW_STEPS_H

#include "flow/workflow.h"

bool informational_run(struct workflow *workflow, struct outcome *outcome);
bool service_action_run(struct workflow *workflow, struct outcome *outcome);
bool safety_compliance_run(struct workflow *workflow, struct outcome *outcome);

/* Of what comes to a conversation that a person has; danger there still goes the way of danger. */
bool handed_off_run(struct workflow *workflow, struct outcome *outcome);

/* Fills next step, parameters, reply and ticket as the policy's action says. `reply_name` absent:
 * the action's own. False when the arena is full. */
bool workflow_apply(const struct workflow *workflow, const struct policy_action *action, struct str reply_name,
                    struct outcome *outcome);

/* Puts the message into the review queue, due as the policy says for that severity; SEVERITY_NONE: no safety
 * matter. */
void workflow_ask_person(const struct workflow *workflow, enum severity severity, const char *reason,
                         struct outcome *outcome);

/* Who is told, from the outbox, of what the outcome holds. */
void workflow_add_notices(const struct connectors_policy *policy, struct outcome *outcome);

/* The locale that the client asked for, else `language`, which the message seems to be in; absent: neither. */
struct str workflow_locale(const struct message *message, struct str language);

#endif
