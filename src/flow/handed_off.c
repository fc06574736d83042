/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/workflow_steps.h"

bool handed_off_run(struct workflow *workflow, struct outcome *outcome)
{
        /* No ticket and no system: what there is to do is in the review already. */
        struct policy_action action = *policy_facts(workflow->snapshot->policy)->handed_off;
        action.opens_ticket = false;
        action.external_system = (struct str){0};
        bool is_done = workflow_apply(workflow, &action, (struct str){0}, outcome);
        outcome->next_step.requires_human_review = true;
        if (!workflow->is_notice_due)
                outcome->reply = SAFE_LITERAL("");
        return is_done;
}
