/* SPDX-License-Identifier: Apache-2.0 */
#include "text/train_calibrate.h"

#include "base/alloc.h"

#include <math.h>

struct train_scores train_left_out(const struct train_set *set, const struct train_options *options,
                                   uint32_t groups)
{
        size_t count = train_set_count(set);
        struct train_scores scores = {alloc_zeroed(count + 1, sizeof *scores.rows)};
        for (uint32_t group = 0; group < groups; group++) {
                struct train_weights *weights = train_run(set, options, group);
                for (size_t i = 0; i < count; i++)
                        if (train_set_group(set, i) == group)
                                train_score(weights, set, i, scores.rows[i]);
                train_weights_free(weights);
        }
        return scores;
}

/* Mean negative log-likelihood of the true classes. */
static double loss(const struct train_set *set, struct train_scores scores,
                   const struct model_calibration *calibration)
{
        double sum = 0;
        size_t count = train_set_count(set);
        for (size_t i = 0; i < count; i++) {
                struct model_probabilities result = model_scores_mix(scores.rows[i], calibration);
                size_t truth = model_class_of(train_set_intent(set, i));
                sum -= log((double)result.classes[truth] + 1e-9);
        }
        return sum / (double)(count + 1);
}

struct model_calibration train_calibrate(const struct train_set *set, struct train_scores scores,
                                         const struct train_options *options)
{
        struct model_calibration best = {
                .temperature = 1,
                .class_share = 0.5f,
                .word_weight = options->word_weight,
                .char_weight = options->char_weight,
        };
        double best_loss = loss(set, scores, &best);
        for (int share = 0; share <= 4; share++) {
                for (int step = 10; step <= 60; step += 2) {
                        struct model_calibration tried = best;
                        tried.class_share = (float)share / 4;
                        tried.temperature = (float)step / 20;
                        double tried_loss = loss(set, scores, &tried);
                        if (tried_loss < best_loss) {
                                best_loss = tried_loss;
                                best = tried;
                        }
                }
        }
        return best;
}

void tally_add(struct tally *tally, size_t truth, size_t guess, double confidence)
{
        size_t bin = confidence >= 1 ? 9 : (size_t)(confidence * 10);
        bool is_hit = truth == guess;
        tally->bin_lines[bin]++;
        tally->bin_confidence[bin] += confidence;
        tally->bin_hits[bin] += is_hit;
        if (truth == MODEL_CLASS_OUT_OF_SCOPE)
                return;
        tally->lines++;
        tally->hits += is_hit;
        tally->hits_of[truth] += is_hit;
        tally->truths[truth]++;
        tally->guesses[guess]++;
}

static double ratio(double part, double whole)
{
        return whole > 0 ? part / whole : 0;
}

double tally_accuracy(const struct tally *tally)
{
        return ratio(tally->hits, tally->lines);
}

double tally_recall(const struct tally *tally, enum category category)
{
        return ratio(tally->hits_of[category], tally->truths[category]);
}

double tally_precision(const struct tally *tally, enum category category)
{
        return ratio(tally->hits_of[category], tally->guesses[category]);
}

double tally_macro_f1(const struct tally *tally)
{
        double sum = 0;
        for (enum category c = 0; c < CATEGORY_COUNT; c++)
                sum += ratio(2.0 * tally->hits_of[c], (double)tally->truths[c] + tally->guesses[c]);
        return sum / CATEGORY_COUNT;
}

double tally_calibration_error(const struct tally *tally)
{
        double error = 0;
        double lines = 0;
        for (size_t bin = 0; bin < 10; bin++) {
                error += fabs(tally->bin_confidence[bin] - tally->bin_hits[bin]);
                lines += tally->bin_lines[bin];
        }
        return ratio(error, lines);
}
