/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/workflow_steps.h"

#include "text/redact.h"

/* An order number from the metadata is what the caller says it is, though ten digits look like a
 * phone number; any other kind of personal data in its place is not taken. */
static struct safe_text order_from_metadata(const struct workflow *workflow)
{
        struct raw_text value = message_metadata(workflow->message, STR("order_id"));
        struct pii_span span;
        size_t count = 0;
        if (!value.raw.len || redact_find(value.raw, &span, 1, &count) != ERR_OK)
                return (struct safe_text){0};
        bool is_number = count == 1 && span.type == PII_PHONE && span.end - span.start == value.raw.len;
        for (size_t i = 0; i < value.raw.len && is_number; i++)
                is_number = value.raw.ptr[i] >= '0' && value.raw.ptr[i] <= '9';
        return count == 0 || is_number ? (struct safe_text){value.raw} : (struct safe_text){0};
}

static bool find_entities(struct workflow *workflow)
{
        if (!entities_find(workflow->text, workflow->arena, &workflow->entities))
                return false;
        struct safe_text order = order_from_metadata(workflow);
        if (order.safe.ptr)
                workflow->entities.order_id = order;
        struct raw_text product = message_metadata(workflow->message, STR("product_id"));
        if (product.raw.len && redact_is_clean(product.raw))
                workflow->entities.product.safe = product.raw;
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
                workflow_ask_person(workflow, "human_requested", outcome);
        return workflow_apply(workflow, action, intent->reply, outcome);
}
