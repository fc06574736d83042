/* SPDX-License-Identifier: Apache-2.0 */
#include "text/train_file.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>

enum { MIXES = 4 };

static bool is_by_line(const struct train_job *job)
{
        return job->is_by_line || job->lines->group_count < 2;
}

/* The lines of the job, and behind them as many of `rehearsed` (NULL: none), which are never left out. */
static struct train_set *make_set(const struct train_job *job, const struct train_options *options,
                                  const struct labelled_lines *rehearsed)
{
        const struct labelled_lines *input = job->lines;
        size_t more = !rehearsed ? 0 : rehearsed->count < input->count ? rehearsed->count : input->count;
        struct train_line *lines = alloc_zeroed(input->count + more + 1, sizeof *lines);
        for (size_t i = 0; i < input->count; i++) {
                const struct labelled_line *line = &input->lines[i];
                uint32_t fold = (is_by_line(job) ? (uint32_t)i : line->group) % TRAIN_FOLDS;
                lines[i] = (struct train_line){line->text, line->intent, fold, line->class};
        }
        for (size_t i = 0; i < more; i++) {
                const struct labelled_line *line = &rehearsed->lines[i];
                lines[input->count + i] = (struct train_line){line->text, line->intent, TRAIN_FOLDS, line->class};
        }
        struct train_set *set = train_set_new(lines, input->count + more, options);
        free(lines);
        return set;
}

static void tell_end(const struct train_job *job)
{
        if (job->progress.step)
                job->progress.step(job->progress.arg, TRAIN_FOLDS + 1, TRAIN_FOLDS + 1);
}

struct model_file *train_general(const struct train_job *job)
{
        struct train_options options = train_defaults(job->lines->count);
        struct train_set *set = make_set(job, &options, NULL);
        struct train_scores scores = train_left_out(set, &options, TRAIN_FOLDS, NULL, &job->progress);
        struct train_weights *weights = train_run(set, &options, TRAIN_NO_GROUP, NULL);
        struct model_file *file = alloc_zeroed(1, sizeof *file);
        train_quantise(weights, file);
        file->calibration = train_calibrate(set, scores, &options, NULL);
        if (!is_by_line(job))
                train_be_modest(set, scores, train_modest_error, &file->calibration);
        file->calibration.safety_threshold =
                train_safety_threshold(set, scores, &file->calibration, job->false_alarms);
        file->metrics = train_measure(set, scores, &file->calibration);
        memcpy(file->training_digest, job->lines->digest.bytes, sizeof file->training_digest);
        model_file_seal(file);
        tell_end(job);
        train_weights_free(weights);
        free(scores.rows);
        train_set_free(set);
        return file;
}

/* The scores of the log-linear mix. */
static struct train_scores mix_scores(const struct train_set *set, const struct train_weights *base,
                                      struct train_scores local, float weight)
{
        size_t count = train_set_count(set);
        struct train_scores mixed = {alloc_zeroed(count + 1, sizeof *mixed.rows)};
        for (size_t i = 0; i < count; i++) {
                train_score(base, set, i, mixed.rows[i]);
                for (size_t o = 0; o < MODEL_OUTPUTS; o++)
                        mixed.rows[i][o] += weight * (local.rows[i][o] - mixed.rows[i][o]);
        }
        return mixed;
}

/* One weight of the local heads, tried on labels that they have not seen. */
struct trial {
        struct train_scores scores; /* owns */
        struct model_calibration calibration;
        float weight;
        double loss;
};

static struct trial try_weight(const struct train_set *set, const struct train_options *options,
                               const struct model_file *file, struct train_scores scores)
{
        struct trial trial = {.scores = scores, .calibration = file->calibration};
        if (train_set_count(set) < TRAIN_LOCAL_MIN) {
                trial.loss = train_loss(set, scores, &trial.calibration);
                return trial;
        }
        trial.calibration = train_calibrate(set, scores, options, &trial.loss);
        trial.calibration.safety_threshold = file->calibration.safety_threshold;
        return trial;
}

static struct trial best_trial(const struct train_set *set, const struct train_options *options,
                               const struct model_file *file, const struct train_weights *base,
                               struct train_scores local)
{
        struct trial best = {0};
        for (int step = 0; step <= MIXES; step++) {
                float weight = (float)step / MIXES;
                struct trial trial = try_weight(set, options, file, mix_scores(set, base, local, weight));
                trial.weight = weight;
                bool is_better = step == 0 || trial.loss < best.loss;
                free(is_better ? best.scores.rows : trial.scores.rows);
                if (is_better)
                        best = trial;
        }
        return best;
}

/* Few labels say nothing about confidence, and not many more say nothing about rare messages: what the
 * general model has stays then. */
static void adopt(const struct train_job *job, const struct train_set *set, const struct trial *trial,
                  struct model_file *file)
{
        if (train_set_count(set) < TRAIN_LOCAL_MIN)
                return;
        file->calibration = trial->calibration;
        if (train_set_count(set) >= TRAIN_THRESHOLD_MIN)
                file->calibration.safety_threshold =
                        train_safety_threshold(set, trial->scores, &file->calibration, job->false_alarms);
        file->metrics = train_measure(set, trial->scores, &file->calibration);
        file->metrics.is_local = 1;
}

struct model_file *train_local(const struct train_job *job, const struct model_file *base)
{
        struct train_options options = train_defaults(job->lines->count);
        options.word_weight = base->calibration.word_weight;
        options.char_weight = base->calibration.char_weight;
        struct train_job by_line = *job;
        by_line.is_by_line = true;
        struct train_set *set = make_set(&by_line, &options, NULL);
        struct train_set *rehearsing = make_set(&by_line, &options, job->rehearsed);
        struct train_weights *weights = train_weights_from(base);
        struct train_scores local = train_left_out(rehearsing, &options, TRAIN_FOLDS, weights, &job->progress);
        struct trial trial = best_trial(set, &options, base, weights, local);
        struct train_weights *learnt = train_run(rehearsing, &options, TRAIN_NO_GROUP, weights);
        train_weights_mix(weights, learnt, trial.weight);

        struct model_file *file = alloc_zeroed(1, sizeof *file);
        memcpy(file, base, offsetof(struct model_file, weights));
        train_quantise(weights, file);
        file->local = (struct model_local){.lines = (uint32_t)job->lines->count, .weight = trial.weight};
        memcpy(file->local.digest, job->lines->digest.bytes, sizeof file->local.digest);
        adopt(job, set, &trial, file);
        model_file_seal(file);
        tell_end(job);
        free(trial.scores.rows);
        free(local.rows);
        train_weights_free(learnt);
        train_weights_free(weights);
        train_set_free(rehearsing);
        train_set_free(set);
        return file;
}
