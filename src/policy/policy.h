/* SPDX-License-Identifier: Apache-2.0 */
/* The policy: what a business decides about triage, read from YAML that it edits.
 *
 * Files: taxonomy.yaml (categories, intents, actions, severities, gates, SLAs), replies.yaml (approved
 * texts by locale and channel), safety.yaml (the safety net's rules), llm.yaml and prompts/VERSION.yaml
 * (what asking an LLM means, policy/llm_policy.h), redaction.yaml (personal data), sla.yaml (calendars, who is told: core/sla.h),
 * connectors.yaml (other systems that are told: policy/connector_policy.h), knowledge.yaml (synonyms for the search).
 * They are checked as a whole; an error names file and line, and nothing of a bad policy is used. The shipped
 * policy is also built into the binary; llm.yaml, redaction.yaml, sla.yaml, connectors.yaml, knowledge.yaml, a prompt and the taxonomy's `categories` are taken from there where a directory has none.
 *
 * A loaded policy is an immutable, reference-counted snapshot: whoever pins it may use it on any
 * thread until the unref. Strings borrow from it.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/arena.h"
#include "base/err.h"
#include "core/sla.h"
#include "core/terms.h"
#include "policy/connector_policy.h"
#include "policy/llm_policy.h"
#include "policy/redaction_policy.h"
#include "text/kb_synonyms.h"
#include "text/safety_net.h"

struct policy;

/* What is done about an intent or a severity. */
struct policy_action {
        struct str name;        /* "initiate_refund" */
        struct str description; /* template: {order_id} {amount} {product} {article_title} */
        enum priority priority;
        struct str external_system; /* absent: none */
        struct str queue;           /* of the ticket */
        struct str reply;           /* name of its text in replies.yaml */
        bool opens_ticket;
        bool requires_human_review;
};

struct policy_intent {
        struct str description;
        const struct policy_action *action;          /* NULL for safety intents: the severity's is taken */
        const struct policy_action *action_no_order; /* taken when no order reference was found; NULL: same */
        enum severity floor;                         /* lowest severity of a safety intent */
        struct str reply; /* overrides the action's reply (self_harm); absent: none */
};

struct policy_severity {
        const struct policy_action *action;
        bool is_report_candidate;
};

/* Facts that everyone reads; the struct is the policy's own and does not change. */
struct policy_facts {
        struct str
                version; /* "1.0.0" as written in taxonomy.yaml, plus "+" and 8 hex digits of the files' digest */
        double gate[CATEGORY_COUNT];           /* lowest confidence that is acted on; 0 for safety */
        double safety_threshold;               /* lowest probability of safety that the classifier needs for it;
                                                  under 0: the model's own */
        double answer_threshold;               /* lowest score of an article that is given as an answer */
        const struct policy_action *escalate;  /* low confidence */
        const struct policy_action *answer;    /* an article was found */
        const struct policy_action *no_answer; /* none was */
        const struct policy_action *handed_off; /* a person has the conversation; left out: as `escalate` */
        struct str category_description[CATEGORY_COUNT];
        struct policy_intent intents[INTENT_COUNT];
        struct policy_severity severities[SEVERITY_COUNT]; /* [SEVERITY_NONE] unused */
        enum severity unknown_severity;                    /* when nothing says which */
        const struct safety_net *safety_net;
        struct llm_policy llm;
        struct redaction_policy redaction;
        struct sla_policy sla;
        struct connectors_policy connectors;
        const struct kb_synonyms *synonyms;
};

/* `directory` NULL: the built-in policy. The new policy has one reference. */
enum err policy_load(const char *directory, struct policy **ret_policy, struct err_note *note) MUST_USE;

struct policy *policy_ref(struct policy *policy);
void policy_unref(struct policy *policy);

const struct policy_facts *policy_facts(const struct policy *policy);

/* The text of that name for a channel, in `locale` (BCP 47; "de-AT" falls back to "de") or else in
 * the default locale; ret_locale says which. A channel without its own text gets the default
 * text. Never absent for names that the policy itself uses: loading has checked that. */
struct str policy_reply(const struct policy *policy, struct str name, enum channel channel, struct str locale,
                        struct str *ret_locale);

struct policy_variable {
        const char *name;
        struct str value; /* absent: the variable is not known */
};

/* Fills {name} in a template. A part in [square brackets] is left out when one of its variables is
 * absent: "We have your request[ for order {order_id}]." Absent when the arena is full. */
struct str policy_fill(struct arena *arena, struct str template, const struct policy_variable *variables,
                       size_t count);

#endif
