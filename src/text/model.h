/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded classifier: hashed n-grams, two softmax heads, int8 weights, a probability that
 * means what it says on companies that it has never seen.
 *
 * A model is immutable: any number of threads may classify with one at the same time. It borrows
 * its bytes, which may be a mapped file or the ones linked into the program.
 */
#ifndef TEXT_MODEL_H
#define TEXT_MODEL_H

#include "base/err.h"
#include "base/safe_text.h"
#include "core/terms.h"
#include "text/model_file.h"

struct model;

struct model_verdict {
        enum category category;        /* the most probable of the three */
        enum intent intent;            /* the most probable of that category; INTENT_OTHER when
                                          the message looks out of scope */
        enum intent secondary_intent;  /* the runner-up if its share is at least 0.15, else
                                          INTENT_NONE; may be of another category */
        enum intent intents[CATEGORY_COUNT]; /* the most probable of each category */
        bool is_out_of_scope;                /* more probable than any category */
        double probabilities[CATEGORY_COUNT]; /* calibrated; what is missing to 1 is out of scope */
        double confidence;                    /* probabilities[category] */
};

/* `bytes` stay borrowed until model_free() and are aligned to 4. Anything but a whole, undamaged
 * model of this format and these labels is refused (ERR_CORRUPT, ERR_UNSUPPORTED). Reads all of it
 * once to verify its checksum: some milliseconds. */
enum err model_open(struct str bytes, struct model **ret_model, struct err_note *note) MUST_USE;

/* The same with a file on the heap, which the model owns from now on, also after a failure. */
enum err model_take(struct model_file *file, struct model **ret_model, struct err_note *note) MUST_USE;

/* NULL is allowed. */
void model_free(struct model *model);

/* Allocates nothing; microseconds for a short message, and at most the work of 8 KiB of text.
 * A text without any known feature gets the labels' prior, which is a low confidence. */
void model_classify(const struct model *model, struct safe_text text, struct model_verdict *ret_verdict);

/* "local-" and 12 hexadecimal digits of the file's checksum: another training, another version. */
struct str model_version(const struct model *model);

/* All that is in it: how it decides, what was measured of it, what it learnt from local labels. Borrowed. */
const struct model_file *model_content(const struct model *model);

/* The bytes of the model that was trained when the program was built. */
struct str model_embedded(void);

#endif
