/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/eval.h"

#include "base/alloc.h"
#include "base/utf8.h"
#include "text/redact.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { EXCERPT_BYTES = 200 };

static const double budgets[EVAL_BUDGETS] = {0.01, 0.02, 0.05, 0.1};
static const double accuracies[EVAL_COVERS] = {0.95, 0.98};

const char *eval_truth_name(size_t truth)
{
        return truth == MEASURE_OUT_OF_SCOPE ? "out_of_scope" : category_name((enum category)truth);
}

static void count_rows(struct evaluation *e)
{
        e->sources = alloc_zeroed(e->rows->sources.count, sizeof *e->sources);
        e->qualities = alloc_zeroed(e->rows->qualities.count, sizeof *e->qualities);
        for (size_t i = 0; i < e->rows->count; i++) {
                const struct eval_row *row = &e->rows->rows[i];
                const struct eval_result *result = &e->results[i];
                struct measured by_net = result->measured;
                bool is_hit = result->source == SOURCE_SAFETY_NET;
                by_net.category = is_hit ? CATEGORY_SAFETY_COMPLIANCE : CATEGORY_INFORMATIONAL;
                measure_add(&e->total, &result->measured);
                measure_add(&e->sources[row->source], &result->measured);
                measure_add(&e->qualities[row->quality], &result->measured);
                measure_add(&e->net, &by_net);
                e->decided_by[result->source]++;
                e->fallbacks[result->fallback]++;
                e->bytes += row->text.raw.len;
        }
}

static struct eval_alarm alarm_at(const struct cut *cut, size_t dangers, size_t others)
{
        return (struct eval_alarm){
                .threshold = cut->threshold,
                .false_alarms = others ? (double)(cut->taken - cut->hits) / (double)others : 0,
                .recall = dangers ? (double)cut->hits / (double)dangers : 0,
        };
}

/* The curve keeps a point where it has moved by enough to be seen, so that its size has a cap. */
static void draw_alarms(struct evaluation *e, struct scored *scored)
{
        static const double visible = 1.0 / 500;
        size_t count = e->rows->count, dangers = measure_truths(&e->total, CATEGORY_SAFETY_COMPLIANCE);
        for (size_t i = 0; i < count; i++)
                scored[i] = (struct scored){e->results[i].danger,
                                            e->rows->rows[i].truth == CATEGORY_SAFETY_COMPLIANCE};
        scored_sort(scored, count);
        for (size_t i = 0; i < EVAL_BUDGETS; i++) {
                struct cut cut = scored_within(scored, count, budgets[i]);
                e->alarms[i] = alarm_at(&cut, dangers, count - dangers);
                e->alarms[i].budget = budgets[i];
        }
        struct eval_alarm last = {.false_alarms = -1};
        for (struct cut cut = {0}; scored_next(scored, count, &cut);) {
                struct eval_alarm alarm = alarm_at(&cut, dangers, count - dangers);
                bool is_seen = alarm.false_alarms - last.false_alarms >= visible || alarm.recall - last.recall >= visible;
                if ((is_seen || cut.taken == count) && e->curve_count < EVAL_CURVE_MAX)
                        last = e->curve[e->curve_count++] = alarm;
        }
}

static void draw_coverage(struct evaluation *e, struct scored *scored)
{
        size_t count = e->rows->count;
        for (size_t i = 0; i < count; i++)
                scored[i] = (struct scored){e->results[i].measured.confidence, measured_is_hit(&e->results[i].measured)};
        scored_sort(scored, count);
        for (size_t i = 0; i < EVAL_COVERS; i++) {
                struct cut cut = scored_cover(scored, count, accuracies[i]);
                e->covers[i] = (struct eval_cover){accuracies[i], (double)cut.taken / (double)count, cut.threshold};
        }
}

static double error_of(const struct scored *rows, size_t count, double slope, double offset)
{
        struct measure measure = {0};
        for (size_t i = 0; i < count; i++) {
                double p = fmin(fmax(rows[i].score, 1e-9), 1 - 1e-9);
                const struct measured row = {
                        .truth = rows[i].is_hit ? CATEGORY_INFORMATIONAL : CATEGORY_SERVICE_ACTION,
                        .true_intent = INTENT_NONE,
                        .confidence = 1 / (1 + exp(-(slope * log(p / (1 - p)) + offset))),
                };
                measure_add(&measure, &row);
        }
        return measure_calibration_error(&measure, true);
}

/* Over the rows that an LLM has decided with that kind of confidence. */
static void fit_llm(struct evaluation *e, enum basis basis, struct scored *scored)
{
        const struct llm_policy *policy = &policy_facts(e->session->snapshot.policy)->llm;
        const struct policy_calibration *now = basis == BASIS_STATED ? &policy->stated : &policy->token_probability;
        struct eval_platt *platt = &e->platt[basis];
        for (size_t i = 0; i < e->rows->count; i++)
                if (e->results[i].raw >= 0 && e->results[i].basis == basis)
                        scored[platt->rows++] = (struct scored){e->results[i].raw,
                                                                measured_is_hit(&e->results[i].measured)};
        if (!fit_platt(scored, platt->rows, &platt->slope, &platt->offset))
                return;
        platt->slope = fmin(fmax(platt->slope, POLICY_SLOPE_MIN), POLICY_SLOPE_MAX);
        platt->offset = fmin(fmax(platt->offset, -POLICY_OFFSET_MAX), POLICY_OFFSET_MAX);
        platt->error_before = error_of(scored, platt->rows, now->slope, now->offset);
        platt->error_after = error_of(scored, platt->rows, platt->slope, platt->offset);
}

static void fit_model(struct evaluation *e)
{
        struct spread *spreads = alloc_zeroed(e->rows->count, sizeof *spreads);
        for (size_t i = 0; i < e->rows->count; i++) {
                memcpy(spreads[i].probabilities, e->results[i].spread, sizeof spreads[i].probabilities);
                spreads[i].truth = e->rows->rows[i].truth;
        }
        e->temperature = fit_temperature(spreads, e->rows->count);
        free(spreads);
}

static bool is_mistake(const struct measured *row)
{
        return row->truth == MEASURE_OUT_OF_SCOPE ? !row->is_held : !measured_is_hit(row);
}

static int by_confidence(const void *a, const void *b, void *arg)
{
        const struct eval_result *results = arg;
        size_t x = *(const size_t *)a, y = *(const size_t *)b;
        double p = results[x].measured.confidence, q = results[y].measured.confidence;
        return p != q ? (p < q) - (p > q) : (x > y) - (x < y);
}

static void find_mistakes(struct evaluation *e, size_t wanted)
{
        e->mistakes = alloc_zeroed(e->rows->count, sizeof *e->mistakes);
        for (size_t i = 0; i < e->rows->count; i++)
                if (is_mistake(&e->results[i].measured))
                        e->mistakes[e->mistake_count++] = i;
        qsort_r(e->mistakes, e->mistake_count, sizeof *e->mistakes, by_confidence, e->results);
        e->mistake_count = e->mistake_count < wanted ? e->mistake_count : wanted;
}

void eval_sum(struct evaluation *evaluation, size_t mistakes_wanted)
{
        struct scored *scored = alloc_zeroed(evaluation->rows->count, sizeof *scored);
        count_rows(evaluation);
        draw_alarms(evaluation, scored);
        draw_coverage(evaluation, scored);
        fit_llm(evaluation, BASIS_LOGPROBS, scored);
        fit_llm(evaluation, BASIS_STATED, scored);
        fit_model(evaluation);
        find_mistakes(evaluation, mistakes_wanted);
        free(scored);
}

void eval_free(struct evaluation *evaluation)
{
        free(evaluation->results);
        free(evaluation->sources);
        free(evaluation->qualities);
        free(evaluation->mistakes);
}

/* C0, DEL and C1 could steer a terminal. */
static bool is_control(const unsigned char *at)
{
        return *at < 0x20 || *at == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0);
}

struct str eval_excerpt(const struct eval_row *row, struct arena *arena)
{
        struct safe_text safe;
        if (redact_text(row->text, arena, &safe) != ERR_OK)
                return STR("[TEXT_WITHHELD]");
        struct str cut = utf8_cut_bytes(safe.safe, EXCERPT_BYTES);
        char *text = arena_alloc(arena, cut.len + 4);
        if (!text)
                return STR("[TEXT_WITHHELD]");
        memcpy(text, cut.ptr, cut.len);
        memcpy(text + cut.len, "…", 4);
        for (size_t i = 0; i < cut.len; i++)
                if (is_control((const unsigned char *)text + i))
                        memset(text + i, ' ', text[i] == '\xc2' ? 2 : 1);
        return (struct str){text, cut.len < safe.safe.len ? cut.len + 3 : cut.len};
}
