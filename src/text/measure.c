/* SPDX-License-Identifier: Apache-2.0 */
#include "text/measure.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

static double ratio(size_t part, size_t whole)
{
        return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

bool measured_is_hit(const struct measured *row)
{
        return row->truth == (size_t)row->category;
}

void measure_add(struct measure *measure, const struct measured *row)
{
        bool is_hit = measured_is_hit(row);
        size_t bin = row->confidence >= 1 ? MEASURE_BINS - 1 : (size_t)(row->confidence * MEASURE_BINS);
        struct measure_bin *place = &measure->bins[row->truth == MEASURE_OUT_OF_SCOPE][bin];
        assert(row->truth < MEASURE_TRUTHS && row->category < CATEGORY_COUNT && row->confidence >= 0);
        measure->rows++;
        measure->confusion[row->truth][row->category]++;
        measure->held[row->truth] += row->is_held;
        place->rows++;
        place->hits += is_hit;
        place->confidence += row->confidence;
        if (row->true_intent == INTENT_NONE)
                return;
        measure->intent_rows[row->true_intent]++;
        measure->intent_category_hits[row->true_intent] += is_hit;
        measure->intent_hits[row->true_intent] += is_hit && row->intent == row->true_intent;
}

size_t measure_truths(const struct measure *measure, size_t truth)
{
        size_t sum = 0;
        for (size_t decided = 0; decided < CATEGORY_COUNT; decided++)
                sum += measure->confusion[truth][decided];
        return sum;
}

size_t measure_in_scope(const struct measure *measure)
{
        return measure->rows - measure_truths(measure, MEASURE_OUT_OF_SCOPE);
}

/* Rows in scope that were decided so. */
static size_t guesses(const struct measure *measure, enum category category)
{
        size_t sum = 0;
        for (size_t truth = 0; truth < CATEGORY_COUNT; truth++)
                sum += measure->confusion[truth][category];
        return sum;
}

double measure_accuracy(const struct measure *measure)
{
        size_t hits = 0;
        for (size_t c = 0; c < CATEGORY_COUNT; c++)
                hits += measure->confusion[c][c];
        return ratio(hits, measure_in_scope(measure));
}

double measure_recall(const struct measure *measure, enum category category)
{
        return ratio(measure->confusion[category][category], measure_truths(measure, category));
}

double measure_precision(const struct measure *measure, enum category category)
{
        return ratio(measure->confusion[category][category], guesses(measure, category));
}

double measure_f1(const struct measure *measure, enum category category)
{
        return ratio(2 * measure->confusion[category][category],
                     measure_truths(measure, category) + guesses(measure, category));
}

double measure_macro_f1(const struct measure *measure)
{
        double sum = 0;
        size_t count = 0;
        for (enum category c = 0; c < CATEGORY_COUNT; c++) {
                double f1 = measure_f1(measure, c);
                count += !isnan(f1);
                sum += isnan(f1) ? 0 : f1;
        }
        return count > 0 ? sum / (double)count : (double)NAN;
}

double measure_intent_accuracy(const struct measure *measure)
{
        size_t rows = 0, hits = 0;
        for (size_t i = 0; i < INTENT_COUNT; i++) {
                rows += measure->intent_rows[i];
                hits += measure->intent_hits[i];
        }
        return ratio(hits, rows);
}

static size_t alarms(const struct measure *measure)
{
        size_t sum = 0;
        for (size_t truth = 0; truth < MEASURE_TRUTHS; truth++)
                sum += measure->confusion[truth][CATEGORY_SAFETY_COMPLIANCE];
        return sum;
}

double measure_false_alarms(const struct measure *measure)
{
        size_t right = measure->confusion[CATEGORY_SAFETY_COMPLIANCE][CATEGORY_SAFETY_COMPLIANCE];
        return ratio(alarms(measure) - right, measure->rows - measure_truths(measure, CATEGORY_SAFETY_COMPLIANCE));
}

double measure_safety_precision(const struct measure *measure)
{
        return ratio(measure->confusion[CATEGORY_SAFETY_COMPLIANCE][CATEGORY_SAFETY_COMPLIANCE], alarms(measure));
}

double measure_scope_handled(const struct measure *measure)
{
        return ratio(measure->held[MEASURE_OUT_OF_SCOPE], measure_truths(measure, MEASURE_OUT_OF_SCOPE));
}

struct measure_bin measure_bin(const struct measure *measure, size_t bin, bool is_in_scope_only)
{
        struct measure_bin sum = measure->bins[0][bin];
        if (is_in_scope_only)
                return sum;
        sum.rows += measure->bins[1][bin].rows;
        sum.confidence += measure->bins[1][bin].confidence;
        return sum;
}

double measure_calibration_error(const struct measure *measure, bool is_in_scope_only)
{
        double error = 0;
        size_t rows = 0;
        for (size_t i = 0; i < MEASURE_BINS; i++) {
                struct measure_bin bin = measure_bin(measure, i, is_in_scope_only);
                error += fabs(bin.confidence - (double)bin.hits);
                rows += bin.rows;
        }
        return rows > 0 ? error / (double)rows : (double)NAN;
}

static int by_score(const void *a, const void *b)
{
        double x = ((const struct scored *)a)->score;
        double y = ((const struct scored *)b)->score;
        return (x < y) - (x > y);
}

void scored_sort(struct scored *rows, size_t count)
{
        if (count > 0)
                qsort(rows, count, sizeof *rows, by_score);
}

bool scored_next(const struct scored *rows, size_t count, struct cut *cut)
{
        if (cut->taken == count)
                return false;
        cut->threshold = rows[cut->taken].score;
        while (cut->taken < count && rows[cut->taken].score >= cut->threshold)
                cut->hits += rows[cut->taken++].is_hit;
        return true;
}

struct cut scored_cover(const struct scored *rows, size_t count, double accuracy)
{
        struct cut best = {0};
        for (struct cut cut = {0}; scored_next(rows, count, &cut);)
                if ((double)cut.hits >= accuracy * (double)cut.taken)
                        best = cut;
        return best;
}

struct cut scored_within(const struct scored *rows, size_t count, double share)
{
        struct cut best = {0};
        size_t misses = 0;
        for (size_t i = 0; i < count; i++)
                misses += !rows[i].is_hit;
        for (struct cut cut = {0}; scored_next(rows, count, &cut);)
                if ((double)(cut.taken - cut.hits) <= share * (double)misses)
                        best = cut;
        return best;
}
