/* SPDX-License-Identifier: Apache-2.0 */
/* Why the embedded model decides as it does: what each n-gram of a message adds to each class.
 *
 * A class's score is a mix of two heads (text/model_score.h). The class head is a sum over n-grams already; of the
 * intents' head each intent adds as much as its share of the class. To first order, then, an n-gram adds
 *     (share * w(class) + (1 - share) * sum over the class's intents of p(intent | class) * w(intent)) / temperature
 * where w is its int8 weight in the units of the score. As only differences between classes matter, the mean of the
 * four is taken out: above 0 speaks for the class, below against it; the unit is that of log-odds.
 *
 * For people who ask, not for the path of a message: allocates, and takes about ten times as long.
 */
#ifndef TEXT_MODEL_EXPLAIN_H
#define TEXT_MODEL_EXPLAIN_H

#include "text/model.h"
#include "text/model_file.h"

enum { EXPLAINED_TEXT_BYTES = 96 };

struct explained {
        enum { EXPLAINED_WORD, EXPLAINED_PAIR, EXPLAINED_CHARS } kind;
        char text[EXPLAINED_TEXT_BYTES]; /* as the model sees it, NUL-terminated, cut; < and > are a word's ends, ^ the message's beginning */
        size_t count;                    /* how often it stands in the message */
        float classes[MODEL_CLASSES];    /* what all of them add */
};

struct model_explanation {
        struct explained *features;       /* owns; those that matter most first */
        size_t count;
        struct explained *words; /* owns; in their order: all that a word brings, itself, the pair with the word
                                    before it and its letters */
        size_t word_count;
        float start[MODEL_CLASSES];       /* what the classes have without any n-gram */
        float probabilities[MODEL_CLASSES];
};

/* `safe` as for model_classify(). To be given back with model_explanation_free(). */
struct model_explanation model_explain(const struct model *model, struct safe_text text);
void model_explanation_free(struct model_explanation *explanation);

#endif
