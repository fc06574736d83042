/* SPDX-License-Identifier: Apache-2.0 */
/* The model as bytes: a header, then one row of int8 weights a bucket.
 *
 * An output is an intent (MODEL_INTENTS of them, INTENT_OTHER's place is out_of_scope) or a class
 * (the categories, then out_of_scope): two softmax heads that share their features. Rows are
 * bucket-major: all that one feature says lies within one or two cache lines. Little-endian. The
 * same training lines give the same bytes.
 *
 * What a company's own labels teach is a third pair of heads, the local ones. They are mixed with the
 * general ones log-linearly, which is a weighted sum of their scores and so a weighted sum of their
 * rows: the file holds the sum and says with which weight (struct model_local). They cost no time.
 *
 * text/train_* writes it, text/model reads it.
 */
#ifndef TEXT_MODEL_FILE_H
#define TEXT_MODEL_FILE_H

#include "base/err.h"
#include "base/hash.h"
#include "core/terms.h"
#include "text/feature.h"

enum {
        MODEL_FORMAT = 2, /* also counts changes of normalise() and of the features */
        MODEL_INTENTS = INTENT_COUNT,
        MODEL_OUT_OF_SCOPE = INTENT_OTHER, /* the label's place among the intents */
        MODEL_CLASSES = CATEGORY_COUNT + 1,
        MODEL_CLASS_OUT_OF_SCOPE = CATEGORY_COUNT,
        MODEL_OUTPUTS = MODEL_INTENTS + MODEL_CLASSES,
        MODEL_ROW = 24, /* MODEL_OUTPUTS, padded to whole vectors */
        MODEL_LABEL_BYTES = 24,
        MODEL_WEIGHT_BYTES = FEATURE_BUCKETS * MODEL_ROW,
        MODEL_BINS = 10,
        MODEL_NEVER = 2,
};

/* How scores become probabilities and a decision; see model_scores_mix(). */
struct model_calibration {
        float class_share;      /* of the class head in the mix, 0..1 */
        float temperature;      /* of the mix */
        float word_weight;      /* of the two families of features */
        float char_weight;
        float safety_threshold; /* the probability of safety that makes a message a safety matter */
};

/* A bin of the reliability table: what was said between bin/10 and (bin+1)/10. */
struct model_bin {
        uint32_t lines;
        float confidence; /* mean of what was said */
        float accuracy;   /* what was true */
};

/* What was measured on lines that were left out of training. */
struct model_metrics {
        uint32_t lines;
        uint32_t is_local; /* 1: of the company's own labels; 0: of industries that were left out */
        float accuracy;
        float macro_f1;
        float calibration_error;  /* ECE over the bins */
        float safety_recall;      /* at the threshold, without the net's help */
        float safety_false_alarms; /* share of the other messages, at the threshold */
        /* The probability of a decision from which on 95 % of those of its category were right;
         * MODEL_NEVER: too few were. */
        float trusted_from[CATEGORY_COUNT];
        struct model_bin bins[MODEL_BINS];
};

/* What was learnt from a company's own labels. */
struct model_local {
        uint32_t lines;
        float weight; /* of the local heads, 0..1; the general ones have the rest */
        unsigned char digest[32];
};

struct model_file {
        unsigned char magic[8];
        uint32_t format;
        uint32_t file_bytes;
        unsigned char checksum[32]; /* SHA-256 of all that follows */
        unsigned char training_digest[32];
        uint32_t buckets;
        uint32_t outputs;
        uint32_t intents;
        uint32_t row_bytes;
        struct model_calibration calibration;
        struct model_metrics metrics;
        struct model_local local;
        float scales[MODEL_ROW]; /* score of an int8 step */
        float biases[MODEL_ROW];
        char labels[MODEL_OUTPUTS][MODEL_LABEL_BYTES]; /* NUL-padded */
        unsigned char reserved[1012];                  /* zero: the weights begin at 2,048 */
        int8_t weights[FEATURE_BUCKETS][MODEL_ROW];
};

/* The name of an output in the file: "refund", "out_of_scope", "category:informational". */
void model_label(size_t output, char ret_label[MODEL_LABEL_BYTES]);

/* Fills in the magic, the sizes, the labels and last the checksum. */
void model_file_seal(struct model_file *file);

/* ERR_UNSUPPORTED for another format or other labels, ERR_CORRUPT for damage. */
enum err model_file_check(struct str bytes, struct err_note *note) MUST_USE;

#endif
