/* SPDX-License-Identifier: Apache-2.0 */
/* What a message was found to be, and by whom. */
#ifndef CORE_VERDICT_H
#define CORE_VERDICT_H

#include "core/llm_status.h"
#include "core/terms.h"

/* What the safety net saw; strings borrow from the policy. */
struct safety_finding {
        enum severity severity; /* SEVERITY_NONE: no rule hit */
        enum intent intent;
        struct str rule;  /* the rule's id in policy/safety.yaml */
        double precision; /* share of the rule's hits that are true, as measured */
        bool is_foreign;  /* the text is in a language without rules and training lines: no hit says little */
        struct str language; /* BCP 47, the one of those with rules that it seems to be in; absent: unclear, foreign */
};

struct verdict {
        enum category category;
        enum intent intent;
        enum intent secondary_intent; /* INTENT_NONE when there is none */
        double confidence;            /* calibrated probability of the category, 0..1 */
        enum basis basis;             /* of the confidence */
        enum source source;
        bool is_cached;
        enum llm_status fallback;  /* why the LLM that was to be asked did not decide; LLM_OK: nothing to say */
        bool is_foreign;           /* as in safety_finding: a person has to look */
        struct str language;       /* as in safety_finding */
        enum severity severity;    /* of a safety matter; SEVERITY_NONE otherwise */
        struct str model;          /* version of the model or policy that decided */
        struct str prompt_version; /* absent when no prompt was used */
        struct str decision_path;  /* why, at most 20 words, no customer text */
};

#endif
