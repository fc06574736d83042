/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/eval.h"

#include "cli/cli.h"
#include "cli/progress.h"
#include "net/loop.h"

enum { ARENA_BYTES = 1 << 20 };

void eval_take_verdict(struct evaluation *evaluation, size_t row, const struct verdict *verdict,
                       const struct sighting *sighting)
{
        const struct policy_facts *policy = policy_facts(evaluation->session->snapshot.policy);
        struct eval_result *result = &evaluation->results[row];
        const struct model_verdict *classified = &sighting->classified;
        double probabilities[CATEGORY_COUNT];
        /* As the gates of flow/workflow.c. */
        bool is_held = verdict->category != CATEGORY_SAFETY_COMPLIANCE &&
                       (verdict->is_foreign || verdict->confidence < policy->gate[verdict->category]);
        session_probabilities(verdict, classified, probabilities);
        *result = (struct eval_result){
                .measured = {
                        .truth = evaluation->rows->rows[row].truth,
                        .true_intent = evaluation->rows->rows[row].true_intent,
                        .category = verdict->category,
                        .intent = verdict->intent,
                        .confidence = verdict->confidence,
                        .is_held = is_held,
                },
                .source = verdict->source,
                .basis = verdict->basis,
                .fallback = verdict->fallback,
                .raw = -1,
                .danger = verdict->source == SOURCE_SAFETY_NET ? 1 : probabilities[CATEGORY_SAFETY_COMPLIANCE],
                .spread = {[MEASURE_OUT_OF_SCOPE] = 1},
        };
        for (enum category c = 0; c < CATEGORY_COUNT; c++) {
                result->spread[c] = classified->probabilities[c];
                result->spread[MEASURE_OUT_OF_SCOPE] -= classified->probabilities[c];
        }
}

bool eval_decide_local(struct evaluation *evaluation)
{
        const struct eval_rows *rows = evaluation->rows;
        struct progress progress = progress_start("deciding", rows->count);
        int64_t started_us = clock_monotonic_us(system_clock());
        bool is_decided = true;
        for (size_t i = 0; i < rows->count && is_decided; i++) {
                const struct eval_row *row = &rows->rows[i];
                struct sighting sighting;
                struct arena arena;
                arena_init(&arena, ARENA_BYTES);
                is_decided = session_look(evaluation->session, row->text, &arena, &sighting);
                if (is_decided) {
                        struct verdict verdict = decide(&evaluation->session->snapshot, &sighting.finding,
                                                        &sighting.classified, NULL, &arena);
                        eval_take_verdict(evaluation, i, &verdict, &sighting);
                        progress_show(&progress, i);
                } else {
                        cli_complain(CLI_FAILED, "%s:%u: the text cannot be redacted", rows->paths[row->file], row->line);
                }
                arena_deinit(&arena);
        }
        evaluation->seconds = (double)(clock_monotonic_us(system_clock()) - started_us) / 1e6;
        progress_end(&progress);
        return is_decided;
}
