/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/workflow.h"

#include "flow/workflow_steps.h"

struct str workflow_locale(const struct message *message, struct str language)
{
        struct str asked = message_metadata(message, STR("locale")).raw;
        return asked.ptr ? asked : language;
}

static void add_parameter(struct outcome *outcome, const char *name, struct safe_text value)
{
        struct next_step *step = &outcome->next_step;
        if (value.safe.ptr && step->parameter_count < OUTCOME_MAX_PARAMETERS)
                step->parameters[step->parameter_count++] = (struct parameter){name, value};
}

static void fill_parameters(const struct workflow *workflow, struct outcome *outcome)
{
        add_parameter(outcome, "order_id", workflow->entities.order_id);
        add_parameter(outcome, "amount", workflow->entities.amount);
        add_parameter(outcome, "product", workflow->entities.product);
        add_parameter(outcome, "date", workflow->entities.date);
        add_parameter(outcome, "contact", workflow->entities.contact);
        if (workflow->answer.article)
                add_parameter(outcome, "article_id", (struct safe_text){outcome->article.id});
}

bool workflow_apply(const struct workflow *workflow, const struct policy_action *action, struct str reply_name,
                    struct outcome *outcome)
{
        struct next_step *step = &outcome->next_step;
        const struct article *article = workflow->answer.article;
        bool has_ticket = action->opens_ticket;
        bool has_record = outcome->verdict.category == CATEGORY_SAFETY_COMPLIANCE;
        const struct policy_variable variables[] = {
                {"order_id", workflow->entities.order_id.safe},
                {"amount", workflow->entities.amount.safe},
                {"product", workflow->entities.product.safe},
                {"ticket_id", has_ticket ? record_id_text(workflow->arena, "tkt_", workflow->id) : (struct str){0}},
                {"recorded", STR("")},
                {"compliance_id", has_record ? record_id_text(workflow->arena, "cmp_", workflow->id) : (struct str){0}},
                {"article_title", article ? article->title : (struct str){0}},
                {"article_body", article ? article->body : (struct str){0}},
                {"article_url", article && article->url.len ? article->url : (struct str){0}},
        };
        size_t count = sizeof variables / sizeof *variables;
        struct str locale = workflow_locale(workflow->message, workflow->verdict.language);
        struct str text = policy_reply(workflow->snapshot->policy, reply_name.ptr ? reply_name : action->reply,
                                       workflow->message->channel, locale, &outcome->reply_locale);
        outcome->reply.safe = policy_fill(workflow->arena, text, variables, count);
        step->description = policy_fill(workflow->arena, action->description, variables, count);
        step->action = action->name;
        step->priority = action->priority;
        step->requires_human_review = action->requires_human_review;
        step->external_system = action->external_system;
        outcome->ticket = (struct outcome_ticket){has_ticket, action->queue, action->priority};
        fill_parameters(workflow, outcome);
        return !workflow->arena->is_full;
}

void workflow_ask_person(const struct workflow *workflow, enum severity severity, const char *reason,
                         struct outcome *outcome)
{
        const struct sla_policy *sla = &policy_facts(workflow->snapshot->policy)->sla;
        struct outcome_review *review = &outcome->review;
        int64_t received_ms = workflow->message->received_at_ms;
        *review = (struct outcome_review){
                .is_needed = true,
                .due_at_ms = sla_due(&sla->rules[severity], received_ms),
                .reason = reason,
        };
        review->notify = sla_start(sla, severity, received_ms, review->due_at_ms, &review->clock);
        review->look_at_ms = sla_next(sla, &review->clock);
        outcome->next_step.requires_human_review = true;
}

typedef bool workflow_fn(struct workflow *workflow, struct outcome *outcome);

static workflow_fn *const workflows[CATEGORY_COUNT] = {
        [CATEGORY_INFORMATIONAL] = informational_run,
        [CATEGORY_SERVICE_ACTION] = service_action_run,
        [CATEGORY_SAFETY_COMPLIANCE] = safety_compliance_run,
};

/* What the bot would have said, for the person to use. That it found no article helps nobody. */
static struct safe_text suggest(const struct workflow *workflow, const struct outcome *outcome)
{
        struct workflow trial = *workflow;
        struct outcome would_be = {.verdict = outcome->verdict};
        bool is_done = workflows[outcome->verdict.category](&trial, &would_be);
        bool is_useful = outcome->verdict.category == CATEGORY_SERVICE_ACTION || would_be.article.id.ptr;
        return is_done && is_useful ? would_be.reply : (struct safe_text){0};
}

static bool escalate(const struct workflow *workflow, const char *reason, struct outcome *outcome)
{
        const struct policy_action *action = policy_facts(workflow->snapshot->policy)->escalate;
        workflow_ask_person(workflow, SEVERITY_NONE, reason, outcome);
        outcome->review.suggested_reply = suggest(workflow, outcome);
        bool is_done = workflow_apply(workflow, action, (struct str){0}, outcome);
        outcome->next_step.requires_human_review = true;
        return is_done;
}

static bool run(struct workflow *workflow, struct outcome *ret_outcome)
{
        const struct verdict *verdict = &workflow->verdict;
        const struct policy_facts *policy = policy_facts(workflow->snapshot->policy);
        *ret_outcome = (struct outcome){.verdict = *verdict};
        bool is_gated = verdict->category != CATEGORY_SAFETY_COMPLIANCE;
        ret_outcome->joins = workflow->open_review;
        if (is_gated && workflow->open_review.row)
                return handed_off_run(workflow, ret_outcome);
        if (is_gated && verdict->is_foreign)
                return escalate(workflow, "unknown_language", ret_outcome);
        if (is_gated && verdict->confidence < policy->gate[verdict->category])
                return escalate(workflow, "low_confidence", ret_outcome);
        return workflows[verdict->category](workflow, ret_outcome);
}

bool workflow_run(struct workflow *workflow, struct outcome *ret_outcome)
{
        bool is_done = run(workflow, ret_outcome);
        workflow_add_notices(&policy_facts(workflow->snapshot->policy)->connectors, ret_outcome);
        return is_done;
}
