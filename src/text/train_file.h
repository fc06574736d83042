/* SPDX-License-Identifier: Apache-2.0 */
/* From labelled lines to a sealed model file: what `triaged train` and the build do.
 *
 * train_general() makes a model from nothing; its confidence is measured on groups (industries) that
 * are left out, so that it is honest about companies that it has never seen. train_local() adds what a
 * company's own labels teach to a model: training goes on from its weights, and the result is mixed
 * back with the weight that is likeliest on labels that were left out. From TRAIN_LOCAL_MIN labels on
 * the calibration is theirs too, from TRAIN_THRESHOLD_MIN on the safety threshold; with fewer the
 * general one is kept. Labels that lack safety matters would make the heads forget those: beside the labels,
 * as many lines of our own are rehearsed, half of them safety matters.
 *
 * Deterministic as text/train.h is. Blocking: seconds. Results are the caller's, free().
 */
#ifndef TEXT_TRAIN_FILE_H
#define TEXT_TRAIN_FILE_H

#include "text/labelled_lines.h"
#include "text/train_calibrate.h"

enum { TRAIN_LOCAL_MIN = 100, TRAIN_THRESHOLD_MIN = 1000, TRAIN_FOLDS = 5 };

struct train_job {
        const struct labelled_lines *lines; /* at least one */
        const struct labelled_lines *rehearsed; /* train_local(): of these as many as there are lines; NULL: none */
        bool is_by_line;     /* folds of lines instead of groups: for messages like these, not of strangers */
        double false_alarms; /* the budget: highest share of other messages taken for a safety matter */
        struct train_progress progress;
};

/* What false_alarms is where nobody says otherwise. */
static const double train_false_alarms = 0.05;

struct model_file *train_general(const struct train_job *job);

/* What is rehearsed: 400 rows of our training lines, JSONL, safety matters and others in turn. */
struct str rehearsal_embedded(void);

/* `base` is a sound file without local heads; is_by_line is taken for true. */
struct model_file *train_local(const struct train_job *job, const struct model_file *base);

#endif
