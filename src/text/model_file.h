/* SPDX-License-Identifier: Apache-2.0 */
/* The model as bytes: a header, then one row of int8 weights a bucket.
 *
 * An output is an intent (MODEL_INTENTS of them, INTENT_OTHER's place is out_of_scope) or a class
 * (the categories, then out_of_scope): two softmax heads that share their features. Rows are
 * bucket-major: all that one feature says lies within one or two cache lines. Little-endian. The
 * same training lines give the same bytes.
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
        MODEL_FORMAT = 1, /* also counts changes of normalise() and of the features */
        MODEL_INTENTS = INTENT_COUNT,
        MODEL_OUT_OF_SCOPE = INTENT_OTHER, /* the label's place among the intents */
        MODEL_CLASSES = CATEGORY_COUNT + 1,
        MODEL_CLASS_OUT_OF_SCOPE = CATEGORY_COUNT,
        MODEL_OUTPUTS = MODEL_INTENTS + MODEL_CLASSES,
        MODEL_ROW = 24, /* MODEL_OUTPUTS, padded to whole vectors */
        MODEL_LABEL_BYTES = 24,
        MODEL_WEIGHT_BYTES = FEATURE_BUCKETS * MODEL_ROW,
};

/* How scores become probabilities; see model_scores_mix(). */
struct model_calibration {
        float class_share;  /* of the class head in the mix, 0..1 */
        float temperature;  /* of the mix */
        float word_weight;  /* of the two families of features */
        float char_weight;
};

/* What was measured on industries that were left out of training. */
struct model_metrics {
        uint32_t lines;
        float accuracy;
        float macro_f1;
        float calibration_error; /* ECE, 10 bins */
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
        float scales[MODEL_ROW]; /* score of an int8 step */
        float biases[MODEL_ROW];
        char labels[MODEL_OUTPUTS][MODEL_LABEL_BYTES]; /* NUL-padded */
        unsigned char reserved[176];                   /* zero: the weights begin at 1,024 */
        int8_t weights[FEATURE_BUCKETS][MODEL_ROW];
};

/* The name of an output in the file: "refund", "out_of_scope", "category:informational". */
void model_label(size_t output, char ret_label[MODEL_LABEL_BYTES]);

/* Fills in the magic, the sizes, the labels and last the checksum. */
void model_file_seal(struct model_file *file);

/* ERR_UNSUPPORTED for another format or other labels, ERR_CORRUPT for damage. */
enum err model_file_check(struct str bytes, struct err_note *note) MUST_USE;

#endif
