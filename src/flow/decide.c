/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/decide.h"

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

/* Safety by its own threshold; else the likelier of the other two. */
static enum category category_of(const struct policy_facts *policy, const struct model_verdict *classified)
{
        const double *probabilities = classified->probabilities;
        if (probabilities[CATEGORY_SAFETY_COMPLIANCE] >= policy->safety_threshold)
                return CATEGORY_SAFETY_COMPLIANCE;
        return probabilities[CATEGORY_SERVICE_ACTION] > probabilities[CATEGORY_INFORMATIONAL] ? CATEGORY_SERVICE_ACTION
                                                                                              : CATEGORY_INFORMATIONAL;
}

static struct verdict by_model(const struct policy_facts *policy, const struct model_verdict *classified,
                               struct arena *arena)
{
        enum category category = category_of(policy, classified);
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
                verdict.severity = floor_of(policy, verdict.intent);
        struct str path = arena_format(arena, "embedded model: %s, probability %d %%", intent_name(verdict.intent),
                                       (int)(verdict.confidence * 100 + 0.5));
        verdict.decision_path = path_or(path, STR("embedded model"));
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
        verdict->source = SOURCE_SAFETY_NET;
        verdict->severity = severity;
        struct str path = arena_format(arena, "safety net rule %.*s, severity %s", STR_ARGS(finding->rule),
                                       severity_name(severity));
        verdict->decision_path = path_or(path, STR("safety net"));
}

struct verdict decide(const struct snapshot *snapshot, const struct safety_finding *finding,
                      const struct model_verdict *classified, struct arena *arena)
{
        const struct policy_facts *policy = policy_facts(snapshot->policy);
        struct verdict verdict = by_model(policy, classified, arena);
        verdict.model = model_version(snapshot->model);
        if (finding->severity != SEVERITY_NONE) {
                raise_by_net(policy, finding, classified, arena, &verdict);
                verdict.model = policy->version;
        }
        if (verdict.secondary_intent == verdict.intent)
                verdict.secondary_intent = INTENT_NONE;
        return verdict;
}
