/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/workflow_steps.h"

#include <assert.h>

static void tell(struct outcome *outcome, enum notice notice, const struct connector_policy *connector)
{
        for (size_t i = 0; i < outcome->notice_count; i++)
                if (outcome->notices[i].notice == notice && str_equal(outcome->notices[i].connector, connector->name))
                        return;
        if (outcome->notice_count < OUTCOME_MAX_NOTICES)
                outcome->notices[outcome->notice_count++] =
                        (struct outcome_notice){notice, connector->name, connector->names_customer};
}

static void tell_named(struct outcome *outcome, enum notice notice, const struct connectors_policy *policy,
                       struct str name)
{
        for (size_t i = 0; i < policy->connector_count; i++)
                if (str_equal(policy->connectors[i].name, name))
                        tell(outcome, notice, &policy->connectors[i]);
}

static void tell_all(struct outcome *outcome, enum notice notice, const struct connectors_policy *policy)
{
        const struct connector_targets *told = &policy->events[notice];
        for (size_t i = 0; i < told->count; i++)
                tell(outcome, notice, told->targets[i]);
}

/* The system that the action names carries out what was asked for, so it is told of what was opened for that. */
static void tell_system(struct outcome *outcome, enum notice notice, const struct connectors_policy *policy)
{
        for (size_t i = 0; i < policy->system_count; i++)
                if (str_equal(policy->systems[i].external_system, outcome->next_step.external_system))
                        tell(outcome, notice, policy->systems[i].connector);
}

static_assert(OUTCOME_MAX_NOTICES >= 3 * POLICY_MAX_TARGETS + 2, "three events, the system and the first of the chain fit");

void workflow_add_notices(const struct connectors_policy *policy, struct outcome *outcome)
{
        bool has_record = outcome->compliance.severity != SEVERITY_NONE;
        if (policy->connector_count == 0)
                return;
        if (outcome->review.is_needed)
                tell_named(outcome, NOTICE_REVIEW_CREATED, policy, outcome->review.notify);
        if (has_record)
                tell_all(outcome, NOTICE_COMPLIANCE_CREATED, policy);
        if (outcome->ticket.is_open)
                tell_all(outcome, NOTICE_TICKET_CREATED, policy);
        if (has_record || outcome->ticket.is_open)
                tell_system(outcome, has_record ? NOTICE_COMPLIANCE_CREATED : NOTICE_TICKET_CREATED, policy);
        if (outcome->review.is_needed)
                tell_all(outcome, NOTICE_REVIEW_CREATED, policy);
}
