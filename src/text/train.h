/* SPDX-License-Identifier: Apache-2.0 */
/* Training: two softmax heads over hashed n-grams, fitted together by AdaGrad (Duchi, Hazan and
 * Singer 2011), which gives rare n-grams larger steps than common ones.
 *
 * Deterministic: the same lines, options and order give the same weights, bit for bit, on one
 * architecture. Offline work: allocates as it needs; memory is about 13 MiB and the features of the
 * lines. Not for use on a loop.
 */
#ifndef TEXT_TRAIN_H
#define TEXT_TRAIN_H

#include "base/err.h"
#include "text/model_file.h"

enum { TRAIN_NO_GROUP = UINT32_MAX };

struct train_line {
        struct str text;    /* valid UTF-8, as the redactor would leave it */
        enum intent intent; /* INTENT_OTHER: out of scope; INTENT_NONE: only the class is known */
        uint32_t group;     /* lines that are left out together: an industry */
        size_t class;       /* read where the intent is INTENT_NONE */
};

struct train_options {
        uint32_t epochs;
        float rate;
        float l2;          /* decay of a weight each time that its feature is seen */
        float dropout;     /* share of the features hidden in each step, 0..1 */
        float word_weight; /* of the two families of features */
        float char_weight;
        uint64_t seed;
};

/* What our own lines were found to want, for so many lines; see data/training/README.md. */
struct train_options train_defaults(size_t lines);

struct train_set; /* the lines as features */

/* Keeps nothing of `lines`. */
struct train_set *train_set_new(const struct train_line *lines, size_t count,
                                const struct train_options *options);
void train_set_free(struct train_set *set);
size_t train_set_count(const struct train_set *set);
uint32_t train_set_group(const struct train_set *set, size_t line);
enum intent train_set_intent(const struct train_set *set, size_t line);
size_t train_set_class(const struct train_set *set, size_t line);

struct train_weights;

/* Trains on all lines whose group is not `left_out` (TRAIN_NO_GROUP: on all), from `start` on (NULL: from
 * nothing). Never NULL. */
struct train_weights *train_run(const struct train_set *set, const struct train_options *options,
                                uint32_t left_out, const struct train_weights *start);

/* The weights of a model that was trained before. */
struct train_weights *train_weights_from(const struct model_file *file);
void train_weights_free(struct train_weights *weights);

/* Moves `weights` towards `other` by a share of 0..1: the log-linear mix of their heads. */
void train_weights_mix(struct train_weights *weights, const struct train_weights *other, float share);

/* The scores of one line. */
void train_score(const struct train_weights *weights, const struct train_set *set, size_t line,
                 float ret_scores[MODEL_OUTPUTS]);

/* The weights as int8 rows with a scale an output; the rest of the header is the caller's. */
void train_quantise(const struct train_weights *weights, struct model_file *file);

#endif
