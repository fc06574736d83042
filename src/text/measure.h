/* SPDX-License-Identifier: Apache-2.0 */
/* How good decisions are on messages whose right label is known.
 *
 * What counts:
 * - Accuracy, macro-F1, recall, precision and the confusion are over rows in scope, three categories.
 * - An out-of-scope row has no right category. It is handled well when nobody acts on the answer: when it is
 *   held, that is, given to a person for its low confidence. One that is called a safety matter is a false alarm.
 * - Confidence is the probability that the category is right; for an out-of-scope row it never is. So in the
 *   calibration error over all rows each confidence in one counts as misplaced.
 *
 * Sums, so that parts may be measured on their own. Pure.
 */
#ifndef TEXT_MEASURE_H
#define TEXT_MEASURE_H

#include "core/terms.h"

enum { MEASURE_OUT_OF_SCOPE = CATEGORY_COUNT, MEASURE_TRUTHS, MEASURE_BINS = 10 };

/* One row: what is right, and what was decided. */
struct measured {
        size_t truth;            /* an enum category or MEASURE_OUT_OF_SCOPE */
        enum intent true_intent; /* INTENT_NONE: the label does not say */
        enum category category;
        enum intent intent;
        double confidence; /* 0..1 */
        bool is_held;
};

struct measure_bin {
        size_t rows;
        size_t hits;
        double confidence; /* sum */
};

struct measure {
        size_t rows;
        size_t confusion[MEASURE_TRUTHS][CATEGORY_COUNT]; /* [truth][decided] */
        size_t held[MEASURE_TRUTHS];
        /* Of rows whose label has that intent: all, those in the right category, those with the right intent. */
        size_t intent_rows[INTENT_COUNT];
        size_t intent_category_hits[INTENT_COUNT];
        size_t intent_hits[INTENT_COUNT];
        struct measure_bin bins[2][MEASURE_BINS]; /* [whether out of scope][tenth of the confidence] */
};

bool measured_is_hit(const struct measured *row);
void measure_add(struct measure *measure, const struct measured *row);

/* Ratios are NAN when there is nothing to count; macro-F1 leaves such categories out. */
size_t measure_truths(const struct measure *measure, size_t truth);
size_t measure_in_scope(const struct measure *measure);
double measure_accuracy(const struct measure *measure);
double measure_macro_f1(const struct measure *measure);
double measure_recall(const struct measure *measure, enum category category);
double measure_precision(const struct measure *measure, enum category category);
double measure_f1(const struct measure *measure, enum category category);
double measure_intent_accuracy(const struct measure *measure); /* of rows with an intent in their label */

/* Of all rows in scope that are no safety matter, and of those out of scope: the share called one. */
double measure_false_alarms(const struct measure *measure);

/* Of all rows called a safety matter, also those out of scope: the share that is one. */
double measure_safety_precision(const struct measure *measure);

/* The share of the out-of-scope rows that are held. */
double measure_scope_handled(const struct measure *measure);

/* Rows in the bin, with or without those out of scope. */
struct measure_bin measure_bin(const struct measure *measure, size_t bin, bool is_in_scope_only);

/* Expected calibration error over ten bins of equal width (Guo et al. 2017). */
double measure_calibration_error(const struct measure *measure, bool is_in_scope_only);

/* A score and whether it was right, for curves over all thresholds. */
struct scored {
        double score;
        bool is_hit;
};

/* Everything from a threshold on. */
struct cut {
        double threshold;
        size_t taken;
        size_t hits;
};

/* Highest first. */
void scored_sort(struct scored *rows, size_t count);

/* Lowers the threshold to the next score of sorted rows, equal scores together; begin with a zeroed cut. False:
 * all are taken. */
bool scored_next(const struct scored *rows, size_t count, struct cut *cut);

/* The largest cut of which at least `accuracy` is right; zeroed when there is none. */
struct cut scored_cover(const struct scored *rows, size_t count, double accuracy);

/* The largest cut with at most `share` of the misses among the rows taken in. */
struct cut scored_within(const struct scored *rows, size_t count, double share);

#endif
