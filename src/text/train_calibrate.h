/* SPDX-License-Identifier: Apache-2.0 */
/* Honest confidence: what the model knows about industries that it was not trained on.
 *
 * For each fold of groups, train without it and keep the scores of its lines; then choose the mix
 * of the heads and the temperature that make these left-out scores most likely. The same scores
 * give the figures that go into the model file.
 */
#ifndef TEXT_TRAIN_CALIBRATE_H
#define TEXT_TRAIN_CALIBRATE_H

#include "text/model_score.h"
#include "text/train.h"

/* The left-out scores of every line; the caller owns them (free()). */
struct train_scores {
        float (*rows)[MODEL_OUTPUTS];
};

/* Called after each run of several. */
struct train_progress {
        void (*step)(void *arg, uint32_t done, uint32_t total); /* NULL: nobody wants to know */
        void *arg;
};

/* One training run for each group number below `groups`: the lines of the group are left out. */
struct train_scores train_left_out(const struct train_set *set, const struct train_options *options,
                                   uint32_t groups, const struct train_weights *start,
                                   const struct train_progress *progress);

/* The safety threshold is not touched: train_safety_threshold(). `ret_loss`: what is left, may be NULL. */
struct model_calibration train_calibrate(const struct train_set *set, struct train_scores scores,
                                         const struct train_options *options, double *ret_loss);

/* Mean negative log-likelihood of the true classes under one calibration. */
double train_loss(const struct train_set *set, struct train_scores scores,
                  const struct model_calibration *calibration);

/* Raises the temperature as far as the calibration error on these lines stays within `error`. Lines of
 * the same authors are easier than messages of strangers, even when their industry was left out: modesty
 * that costs little here is what makes confidence honest there. */
static const double train_modest_error = 0.045;

void train_be_modest(const struct train_set *set, struct train_scores scores, double error,
                     struct model_calibration *calibration);

static const float train_lowest_threshold = 0.4f;

/* The lowest threshold at which at most the share `false_alarms` of the messages that are no safety
 * matter is taken for one; never under train_lowest_threshold, where a message is more probably
 * something else and a record would have no reason. */
float train_safety_threshold(const struct train_set *set, struct train_scores scores,
                             const struct model_calibration *calibration, double false_alarms);

/* The figures of the model file. */
struct model_metrics train_measure(const struct train_set *set, struct train_scores scores,
                                   const struct model_calibration *calibration);

/* What confusions and confidences add up to. Category CATEGORY_COUNT is out of scope. */
struct tally {
        uint32_t lines;
        uint32_t hits;
        uint32_t truths[MODEL_CLASSES];
        uint32_t guesses[MODEL_CLASSES];
        uint32_t hits_of[MODEL_CLASSES];
        uint32_t bin_lines[MODEL_BINS];
        double bin_confidence[MODEL_BINS];
        double bin_hits[MODEL_BINS];
};

/* The decision is the best of the three categories, as the API has it; an out-of-scope line is not
 * asked for its category, it only counts in the bins, where no decision on it is a hit. */
void tally_add(struct tally *tally, size_t truth, size_t guess, double confidence);

/* Over the lines in scope. */
double tally_accuracy(const struct tally *tally);
double tally_macro_f1(const struct tally *tally);
double tally_recall(const struct tally *tally, enum category category);
double tally_precision(const struct tally *tally, enum category category);

/* Expected calibration error over ten bins of confidence, out-of-scope lines included. */
double tally_calibration_error(const struct tally *tally);

#endif
