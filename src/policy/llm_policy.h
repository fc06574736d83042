/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy says about asking an LLM: llm.yaml and prompts/VERSION.yaml. Part of a policy (policy.h). */
#ifndef POLICY_LLM_POLICY_H
#define POLICY_LLM_POLICY_H

#include "core/terms.h"

enum { POLICY_MAX_PROMPTS = 16 };

struct policy_prompt {
        struct str version; /* "1.0.0"; stands in every record that it made */
        struct str system;  /* with the taxonomy's descriptions filled in */
        struct str system_json; /* the same, escaped as within a JSON string: once, not for every message */
        uint32_t weight;    /* of its share in the split; 0: not used */
};

/* Platt scaling (Platt 1999): p' = 1 / (1 + exp(-(slope * logit(p) + offset))). 1 and 0 change nothing. */
struct policy_calibration {
        double slope;  /* POLICY_SLOPE_MIN..POLICY_SLOPE_MAX */
        double offset; /* at most POLICY_OFFSET_MAX off 0 */
};

/* A slope of 0 or below would say the opposite of the model, or nothing. */
#define POLICY_SLOPE_MIN 0.01
#define POLICY_SLOPE_MAX 100.0
#define POLICY_OFFSET_MAX 20.0

struct llm_policy {
        bool sends_safety_hits;                 /* whether messages that the safety net decided are sent, too */
        double local_is_enough[CATEGORY_COUNT]; /* cascade: from this local probability on the LLM is not asked */
        bool trusts_unmeasured; /* cascade: also a model that was not measured on this installation's own labels */
        double local_safety_floor;              /* from this local probability of safety on the LLM cannot lower it */
        struct policy_calibration token_probability;
        struct policy_calibration stated;
        struct policy_prompt prompts[POLICY_MAX_PROMPTS]; /* ordered by version */
        size_t prompt_count;
        uint64_t total_weight; /* over 0 */
};

/* The prompt for a point in the split; the same point gets the same prompt. */
const struct policy_prompt *llm_policy_prompt(const struct llm_policy *policy, uint64_t point);

#endif
