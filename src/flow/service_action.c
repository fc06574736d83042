/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/workflow_steps.h"

#include "text/redact.h"

static bool find_entities(struct workflow *workflow)
{
        if (!entities_find(workflow->text, workflow->arena, &workflow->entities))
                return false;
        /* What the metadata declares goes before what the text names. */
        struct safe_text order = redact_reference(message_metadata(workflow->message, STR("order_id")));
        struct safe_text product = redact_reference(message_metadata(workflow->message, STR("product_id")));
        if (order.safe.ptr)
                workflow->entities.order_id = order;
        if (product.safe.ptr)
                workflow->entities.product = product;
        return true;
}

bool service_action_run(struct workflow *workflow, struct outcome *outcome)
{
        const struct policy_facts *policy = policy_facts(workflow->snapshot->policy);
        const struct policy_intent *intent = &policy->intents[workflow->verdict.intent];
        if (!find_entities(workflow))
                return false;
        bool has_order = workflow->entities.order_id.safe.ptr != NULL;
        const struct policy_action *action = has_order || !intent->action_no_order ? intent->action : intent->action_no_order;
        if (action->requires_human_review)
                workflow_ask_person(workflow, SEVERITY_NONE, "human_requested", outcome);
        return workflow_apply(workflow, action, intent->reply, outcome);
}
