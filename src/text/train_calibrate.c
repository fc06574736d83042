/* SPDX-License-Identifier: Apache-2.0 */
#include "text/train_calibrate.h"

#include "base/alloc.h"

#include <math.h>

struct train_scores train_left_out(const struct train_set *set, const struct train_options *options,
                                   uint32_t groups, const struct train_weights *start,
                                   const struct train_progress *progress)
{
        size_t count = train_set_count(set);
        struct train_scores scores = {alloc_zeroed(count + 1, sizeof *scores.rows)};
        for (uint32_t group = 0; group < groups; group++) {
                struct train_weights *weights = train_run(set, options, group, start);
                for (size_t i = 0; i < count; i++)
                        if (train_set_group(set, i) == group)
                                train_score(weights, set, i, scores.rows[i]);
                train_weights_free(weights);
                if (progress && progress->step)
                        progress->step(progress->arg, group + 1, groups + 1);
        }
        return scores;
}

static double loss_of(const struct train_set *set, const struct model_heads *heads,
                      const struct model_calibration *calibration)
{
        double sum = 0;
        size_t count = train_set_count(set);
        for (size_t i = 0; i < count; i++) {
                float classes[MODEL_CLASSES];
                model_heads_mix(&heads[i], calibration->class_share, calibration->temperature, classes);
                sum -= log((double)classes[train_set_class(set, i)] + 1e-9);
        }
        return sum / (double)(count + 1);
}

static struct model_heads *heads_of(const struct train_set *set, struct train_scores scores)
{
        size_t count = train_set_count(set);
        struct model_heads *heads = alloc_zeroed(count + 1, sizeof *heads);
        for (size_t i = 0; i < count; i++)
                heads[i] = model_scores_heads(scores.rows[i]);
        return heads;
}

double train_loss(const struct train_set *set, struct train_scores scores,
                  const struct model_calibration *calibration)
{
        struct model_heads *heads = heads_of(set, scores);
        double loss = loss_of(set, heads, calibration);
        free(heads);
        return loss;
}

struct model_calibration train_calibrate(const struct train_set *set, struct train_scores scores,
                                         const struct train_options *options, double *ret_loss)
{
        struct model_calibration best = {
                .temperature = 1,
                .class_share = 0.5f,
                .word_weight = options->word_weight,
                .char_weight = options->char_weight,
                .safety_threshold = 0.5f,
        };
        struct model_heads *heads = heads_of(set, scores);
        double best_loss = loss_of(set, heads, &best);
        for (int share = 0; share <= 4; share++) {
                for (int step = 10; step <= 60; step += 2) {
                        struct model_calibration tried = best;
                        tried.class_share = (float)share / 4;
                        tried.temperature = (float)step / 20;
                        double tried_loss = loss_of(set, heads, &tried);
                        if (tried_loss < best_loss) {
                                best_loss = tried_loss;
                                best = tried;
                        }
                }
        }
        free(heads);
        if (ret_loss)
                *ret_loss = best_loss;
        return best;
}

void train_be_modest(const struct train_set *set, struct train_scores scores, double error,
                     struct model_calibration *calibration)
{
        static const float step = 0.05f;
        struct model_calibration tried = *calibration;
        while (tried.temperature < 5) {
                tried.temperature += step;
                if ((double)train_measure(set, scores, &tried).calibration_error > error)
                        return;
                *calibration = tried;
        }
}

static int falling(const void *a, const void *b)
{
        float x = *(const float *)a;
        float y = *(const float *)b;
        return (x < y) - (x > y);
}

float train_safety_threshold(const struct train_set *set, struct train_scores scores,
                             const struct model_calibration *calibration, double false_alarms)
{
        float *others = alloc_zeroed(train_set_count(set) + 1, sizeof *others);
        size_t count = 0;
        for (size_t i = 0; i < train_set_count(set); i++)
                if (train_set_class(set, i) != CATEGORY_SAFETY_COMPLIANCE)
                        others[count++] = model_scores_mix(scores.rows[i], calibration).classes[CATEGORY_SAFETY_COMPLIANCE];
        qsort(others, count, sizeof *others, falling);
        size_t allowed = (size_t)((double)count * false_alarms);
        float threshold = allowed < count ? nextafterf(others[allowed], 2) : 0;
        free(others);
        return fminf(fmaxf(threshold, train_lowest_threshold), 1);
}

static enum category best_category(const struct model_probabilities *result)
{
        enum category best = 0;
        for (enum category c = 1; c < CATEGORY_COUNT; c++)
                best = result->classes[c] > result->classes[best] ? c : best;
        return best;
}

/* Found and falsely found at the threshold, and out of how many. */
struct alarms {
        uint32_t safety, found, others, false_alarms;
};

static void count_alarm(struct alarms *alarms, bool is_safety, bool is_alarm)
{
        alarms->safety += is_safety;
        alarms->found += is_safety && is_alarm;
        alarms->others += !is_safety;
        alarms->false_alarms += !is_safety && is_alarm;
}

static double ratio(double part, double whole)
{
        return whole > 0 ? part / whole : 0;
}

static void fill_bins(const struct tally *tally, struct model_bin bins[MODEL_BINS])
{
        for (size_t i = 0; i < MODEL_BINS; i++)
                bins[i] = (struct model_bin){
                        .lines = tally->bin_lines[i],
                        .confidence = (float)ratio(tally->bin_confidence[i], tally->bin_lines[i]),
                        .accuracy = (float)ratio(tally->bin_hits[i], tally->bin_lines[i]),
                };
}

/* A decision on a line that was left out. */
struct decision {
        float probability;
        enum category category;
        bool is_right;
};

static struct decision decide_line(const struct model_probabilities *result, float threshold, size_t truth)
{
        double probabilities[CATEGORY_COUNT];
        for (enum category c = 0; c < CATEGORY_COUNT; c++)
                probabilities[c] = (double)result->classes[c];
        enum category category = model_category(probabilities, (double)threshold);
        return (struct decision){result->classes[category], category, category == truth};
}

static int by_falling_probability(const void *a, const void *b)
{
        return falling(&((const struct decision *)a)->probability, &((const struct decision *)b)->probability);
}

/* `decisions` fall in probability. The longest run from the top in which enough were right. */
static float trusted_from(const struct decision *decisions, size_t count, enum category category)
{
        enum { MIN_DECISIONS = 50 };
        static const double enough = 0.95;
        float from = MODEL_NEVER;
        size_t seen = 0;
        size_t right = 0;
        for (size_t i = 0; i < count; i++) {
                if (decisions[i].category != category)
                        continue;
                seen++;
                right += decisions[i].is_right;
                if (seen >= MIN_DECISIONS && (double)right >= enough * (double)seen)
                        from = decisions[i].probability;
        }
        return from;
}

struct model_metrics train_measure(const struct train_set *set, struct train_scores scores,
                                   const struct model_calibration *calibration)
{
        struct tally tally = {0};
        struct alarms alarms = {0};
        size_t count = train_set_count(set);
        struct decision *decisions = alloc_zeroed(count + 1, sizeof *decisions);
        for (size_t i = 0; i < count; i++) {
                struct model_probabilities result = model_scores_mix(scores.rows[i], calibration);
                enum category guess = best_category(&result);
                size_t truth = train_set_class(set, i);
                tally_add(&tally, truth, (size_t)guess, (double)result.classes[guess]);
                decisions[i] = decide_line(&result, calibration->safety_threshold, truth);
                count_alarm(&alarms, truth == CATEGORY_SAFETY_COMPLIANCE,
                            decisions[i].category == CATEGORY_SAFETY_COMPLIANCE);
        }
        qsort(decisions, count, sizeof *decisions, by_falling_probability);
        struct model_metrics metrics = {
                .lines = (uint32_t)count,
                .accuracy = (float)tally_accuracy(&tally),
                .macro_f1 = (float)tally_macro_f1(&tally),
                .calibration_error = (float)tally_calibration_error(&tally),
                .safety_recall = (float)ratio(alarms.found, alarms.safety),
                .safety_false_alarms = (float)ratio(alarms.false_alarms, alarms.others),
        };
        fill_bins(&tally, metrics.bins);
        for (enum category c = 0; c < CATEGORY_COUNT; c++)
                metrics.trusted_from[c] = trusted_from(decisions, count, c);
        free(decisions);
        return metrics;
}

void tally_add(struct tally *tally, size_t truth, size_t guess, double confidence)
{
        size_t bin = confidence >= 1 ? MODEL_BINS - 1 : (size_t)(confidence * MODEL_BINS);
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
        for (size_t bin = 0; bin < MODEL_BINS; bin++) {
                error += fabs(tally->bin_confidence[bin] - tally->bin_hits[bin]);
                lines += tally->bin_lines[bin];
        }
        return ratio(error, lines);
}
