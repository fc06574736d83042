/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/decide.h"

#include "text/model_score.h"

#include <math.h>

/* In languages without training lines the model was right on 46 % of 232 lines, whatever it said. */
static const double most_confidence_abroad = 0.45;

static enum severity floor_of(const struct policy_facts *policy, enum intent intent)
{
        if (intent == INTENT_OTHER || intent_category(intent) != CATEGORY_SAFETY_COMPLIANCE)
                return policy->unknown_severity;
        enum severity floor = policy->intents[intent].floor;
        return floor == SEVERITY_NONE ? policy->unknown_severity : floor;
}

static enum severity higher(enum severity a, enum severity b)
{
        return a > b ? a : b;
}

enum severity decide_severity(const struct policy_facts *policy, const struct safety_finding *finding)
{
        return higher(finding->severity, floor_of(policy, finding->intent));
}

static struct str path_or(struct str path, struct str fallback)
{
        return path.ptr ? path : fallback;
}

double decide_safety_threshold(const struct snapshot *snapshot)
{
        double own = policy_facts(snapshot->policy)->safety_threshold;
        return own >= 0 ? own : (double)model_content(snapshot->model)->calibration.safety_threshold;
}

static enum category category_of(const struct snapshot *snapshot, const struct model_verdict *classified)
{
        return model_category(classified->probabilities, decide_safety_threshold(snapshot));
}

/* Proven on labels of this installation, or the policy wants no proof. */
static bool is_trusted(const struct snapshot *snapshot, enum category category, double probability)
{
        const struct llm_policy *llm = &policy_facts(snapshot->policy)->llm;
        const struct model_metrics *metrics = &model_content(snapshot->model)->metrics;
        if (llm->trusts_unmeasured || llm->local_is_enough[category] == 0)
                return true;
        return metrics->is_local && probability >= (double)metrics->trusted_from[category];
}

static bool is_sure(const struct snapshot *snapshot, const struct model_verdict *classified)
{
        const struct policy_facts *policy = policy_facts(snapshot->policy);
        enum category category = category_of(snapshot, classified);
        double probability = classified->probabilities[category];
        return !classified->is_out_of_scope && probability >= policy->llm.local_is_enough[category] &&
               is_trusted(snapshot, category, probability);
}

/* What the embedded model says of a language that it has no lines of. */
static void doubt_foreign(struct verdict *verdict, struct arena *arena)
{
        if (verdict->confidence > most_confidence_abroad)
                verdict->confidence = most_confidence_abroad;
        struct str path = arena_format(arena, "embedded model: %s, in a language that it does not know",
                                       intent_name(verdict->intent));
        verdict->decision_path = path_or(path, STR("embedded model, in a language that it does not know"));
}

enum decide_need decide_need(const struct snapshot *snapshot, enum mode mode, const struct safety_finding *finding,
                             const struct model_verdict *classified)
{
        const struct policy_facts *policy = policy_facts(snapshot->policy);
        if (finding->severity != SEVERITY_NONE && !policy->llm.sends_safety_hits)
                return DECIDE_IS_PRIVATE;
        bool is_final = mode == MODE_CASCADE && !finding->is_foreign && is_sure(snapshot, classified);
        return is_final ? DECIDE_IS_SURE : DECIDE_ASK;
}

static struct verdict by_model(const struct snapshot *snapshot, const struct model_verdict *classified,
                               struct arena *arena)
{
        enum category category = category_of(snapshot, classified);
        bool is_safety = category == CATEGORY_SAFETY_COMPLIANCE;
        bool is_moved = category != classified->category && classified->intent != INTENT_OTHER;
        struct verdict verdict = {
                .category = category,
                .intent = classified->is_out_of_scope && !is_safety ? INTENT_OTHER : classified->intents[category],
                .secondary_intent = is_moved ? classified->intent : classified->secondary_intent,
                .confidence = classified->probabilities[category],
                .source = SOURCE_LOCAL,
        };
        if (is_safety)
                verdict.severity = floor_of(policy_facts(snapshot->policy), verdict.intent);
        struct str path = arena_format(arena, "embedded model: %s, probability %d %%", intent_name(verdict.intent),
                                       (int)(verdict.confidence * 100 + 0.5));
        verdict.decision_path = path_or(path, STR("embedded model"));
        return verdict;
}

/* Platt scaling; see policy/llm_policy.h. Certainty itself has no finite logit. */
static double calibrate(const struct policy_calibration *calibration, double p)
{
        static const double nearly_sure = 1 - 1e-9;
        double bounded = fmin(fmax(p, 1 - nearly_sure), nearly_sure);
        double logit = log(bounded / (1 - bounded));
        return 1 / (1 + exp(-(calibration->slope * logit + calibration->offset)));
}

/* The probability of the category's token where there is one, else what the LLM states; a label alone
 * says neither, and is believed as much as the embedded model is of that category. */
static void weigh(const struct llm_policy *policy, const struct llm_answer *answer,
                  const struct model_verdict *classified, struct verdict *verdict)
{
        if (answer->token_probability >= 0) {
                verdict->basis = BASIS_LOGPROBS;
                verdict->confidence = calibrate(&policy->token_probability, answer->token_probability);
        } else if (answer->stated >= 0) {
                verdict->basis = BASIS_STATED;
                verdict->confidence = calibrate(&policy->stated, answer->stated);
        } else {
                verdict->basis = BASIS_MODEL;
                verdict->confidence = classified->probabilities[answer->category];
        }
}

static struct verdict by_llm(const struct policy_facts *policy, const struct consulted *consulted,
                             const struct model_verdict *classified, struct arena *arena)
{
        const struct llm_answer *answer = consulted->answer;
        struct verdict verdict = {
                .category = answer->category,
                .intent = answer->intent == INTENT_NONE ? classified->intents[answer->category] : answer->intent,
                .secondary_intent = INTENT_NONE,
                .source = SOURCE_LLM,
                .is_cached = consulted->is_cached,
                .model = str_from(consulted->model),
                .prompt_version = consulted->prompt_version,
        };
        weigh(&policy->llm, answer, classified, &verdict);
        if (verdict.category == CATEGORY_SAFETY_COMPLIANCE)
                verdict.severity = floor_of(policy, verdict.intent);
        struct str reasoning = arena_copy(arena, (struct str){answer->reasoning, answer->reasoning_bytes});
        verdict.decision_path = reasoning.ptr && reasoning.len ? reasoning : STR("the LLM gave no reason");
        return verdict;
}

/* Whether the LLM speaks against a danger of which the embedded model is sure. */
static bool is_distrusted(const struct policy_facts *policy, const struct llm_answer *answer,
                          const struct model_verdict *classified)
{
        return answer->category != CATEGORY_SAFETY_COMPLIANCE &&
               classified->probabilities[CATEGORY_SAFETY_COMPLIANCE] >= policy->llm.local_safety_floor;
}

static struct verdict by_classifiers(const struct snapshot *snapshot, const struct model_verdict *classified,
                                     const struct consulted *consulted, struct arena *arena)
{
        const struct policy_facts *policy = policy_facts(snapshot->policy);
        bool is_answered = consulted && consulted->status == LLM_OK;
        if (is_answered && !is_distrusted(policy, consulted->answer, classified))
                return by_llm(policy, consulted, classified, arena);
        struct verdict verdict = by_model(snapshot, classified, arena);
        verdict.model = model_version(snapshot->model);
        if (is_answered && consulted->answer->intent < INTENT_OTHER)
                verdict.secondary_intent = consulted->answer->intent;
        if (consulted)
                verdict.fallback = consulted->status;
        return verdict;
}

static void raise_by_net(const struct policy_facts *policy, const struct safety_finding *finding,
                         const struct model_verdict *classified, struct arena *arena, struct verdict *verdict)
{
        double probability = classified->probabilities[CATEGORY_SAFETY_COMPLIANCE];
        enum severity severity = higher(decide_severity(policy, finding), verdict->severity);
        if (verdict->intent != finding->intent && verdict->intent != INTENT_OTHER)
                verdict->secondary_intent = verdict->intent;
        verdict->category = CATEGORY_SAFETY_COMPLIANCE;
        verdict->intent = finding->intent;
        verdict->confidence = probability > finding->precision ? probability : finding->precision;
        verdict->basis = probability > finding->precision ? BASIS_MODEL : BASIS_RULE;
        verdict->source = SOURCE_SAFETY_NET;
        verdict->is_cached = false;
        verdict->model = policy->version;
        verdict->prompt_version = (struct str){0};
        verdict->severity = severity;
        struct str path = arena_format(arena, "safety net rule %.*s, severity %s", STR_ARGS(finding->rule),
                                       severity_name(severity));
        verdict->decision_path = path_or(path, STR("safety net"));
}

struct verdict decide(const struct snapshot *snapshot, const struct safety_finding *finding,
                      const struct model_verdict *classified, const struct consulted *consulted,
                      struct arena *arena)
{
        const struct policy_facts *policy = policy_facts(snapshot->policy);
        struct verdict verdict = by_classifiers(snapshot, classified, consulted, arena);
        verdict.is_foreign = finding->is_foreign;
        verdict.language = finding->language;
        if (finding->is_foreign && verdict.source == SOURCE_LOCAL)
                doubt_foreign(&verdict, arena);
        if (finding->severity != SEVERITY_NONE)
                raise_by_net(policy, finding, classified, arena, &verdict);
        if (verdict.secondary_intent == verdict.intent)
                verdict.secondary_intent = INTENT_NONE;
        return verdict;
}
