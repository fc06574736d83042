/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/workflow_steps.h"

bool informational_run(struct workflow *workflow, struct outcome *outcome)
{
        const struct policy_facts *policy = policy_facts(workflow->snapshot->policy);
        const struct kb_ask ask = {
                .text = workflow->text,
                .language = workflow->verdict.language,
                .locale = workflow_locale(workflow->message, workflow->verdict.language),
                .synonyms = policy->synonyms,
        };
        struct kb_hit hit;
        size_t found = kb_search(workflow->snapshot->knowledge, workflow->scratch, &ask, &hit, 1);
        if (found == 0 || hit.score < policy->answer_threshold)
                return workflow_apply(workflow, policy->no_answer, (struct str){0}, outcome);
        workflow->answer = hit;
        outcome->article = (struct outcome_article){
                .id = hit.article->id,
                .title = hit.article->title,
                .url = hit.article->url,
                .snippet = kb_snippet(workflow->snapshot->knowledge, workflow->scratch, &ask, hit.article),
                .score = hit.score,
        };
        return workflow_apply(workflow, policy->answer, (struct str){0}, outcome);
}
