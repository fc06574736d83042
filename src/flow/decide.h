/* SPDX-License-Identifier: Apache-2.0 */
/* Who decides what a message is: safety net, embedded model and LLM, joined into one verdict.
 *
 * The net only raises: a hit makes the message a safety matter whatever the others say, and a safety
 * intent of theirs may raise the severity further, never lower it. An LLM's answer goes before the
 * embedded model's, but for one thing: when the model is surer of safety than the policy's
 * local_safety_floor, an LLM that says otherwise is not believed, as it reads what strangers write.
 * In a language that it does not know (safety_finding.is_foreign) the embedded model is never sure. Pure.
 */
#ifndef FLOW_DECIDE_H
#define FLOW_DECIDE_H

#include "base/arena.h"
#include "core/verdict.h"
#include "policy/settings.h"
#include "policy/snapshot.h"
#include "port/llm.h"

/* What came of asking an LLM. */
struct consulted {
        enum llm_status status; /* LLM_OK: `answer` holds */
        const struct llm_answer *answer;
        const char *model;
        struct str prompt_version;
        bool is_cached;
};

/* `classified` is the embedded model's answer; `consulted` NULL: no LLM was to be asked. The decision
 * path is written into the arena; it is a constant when the arena is full. */
struct verdict decide(const struct snapshot *snapshot, const struct safety_finding *finding,
                      const struct model_verdict *classified, const struct consulted *consulted,
                      struct arena *arena);

/* Whether an LLM is to be asked, as far as the policy is concerned. */
enum decide_need {
        DECIDE_ASK,
        DECIDE_IS_PRIVATE, /* a rule has decided, and it does not leave the machine */
        DECIDE_IS_SURE,    /* mode cascade: the embedded model is sure enough, and has shown that it may be */
};
enum decide_need decide_need(const struct snapshot *snapshot, enum mode mode, const struct safety_finding *finding,
                             const struct model_verdict *classified);

/* The probability from which the embedded model makes a message a safety matter: the policy's, or else
 * the one that the model was trained to. */
double decide_safety_threshold(const struct snapshot *snapshot);

/* The severity of a hit: the rule's, or the floor of its intent when that is higher. */
enum severity decide_severity(const struct policy_facts *policy, const struct safety_finding *finding);

#endif
