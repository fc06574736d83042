/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/workflow_steps.h"

#include "flow/decide.h"

static struct str reply_name(const struct policy_facts *policy, enum intent intent, enum severity severity)
{
        struct str own = policy->intents[intent].reply;
        return own.ptr ? own : policy->severities[severity].action->reply;
}

struct safe_text workflow_refusal_reply(const struct policy *policy, const struct safety_finding *finding,
                                        const struct message *message, struct record_id id, struct arena *arena)
{
        const struct policy_facts *facts = policy_facts(policy);
        struct str asked = workflow_locale(message, finding->language), locale;
        struct str name = reply_name(facts, finding->intent, decide_severity(facts, finding));
        struct str text = policy_reply(policy, name, message->channel, asked, &locale);
        const struct policy_variable variables[] = {
                {"recorded", id.row ? STR("") : (struct str){0}},
                {"compliance_id", id.row ? record_id_text(arena, "cmp_", id) : (struct str){0}},
        };
        return (struct safe_text){policy_fill(arena, text, variables, sizeof variables / sizeof *variables)};
}

bool safety_compliance_run(struct workflow *workflow, struct outcome *outcome)
{
        const struct policy_facts *policy = policy_facts(workflow->snapshot->policy);
        enum severity severity = workflow->verdict.severity;
        const struct policy_severity *rule = &policy->severities[severity];
        workflow_ask_person(workflow, severity, "safety", outcome);
        outcome->compliance = (struct outcome_compliance){severity, outcome->review.due_at_ms, rule->is_report_candidate};
        struct str name = reply_name(policy, workflow->verdict.intent, severity);
        bool is_done = workflow_apply(workflow, rule->action, name, outcome);
        /* No policy can switch this off. */
        outcome->next_step.requires_human_review = true;
        return is_done;
}
