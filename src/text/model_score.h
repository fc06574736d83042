/* SPDX-License-Identifier: Apache-2.0 */
/* From the scores of the two heads to probabilities; the model and its calibration share it.
 *
 * log p(class) = share * log(class head) + (1 - share) * log(sum of the class's intents), divided
 * by the temperature (Guo et al. 2017) and normalised. Within a class the intents have the
 * proportions of their head at that temperature. (Softening the intents before their sum is taken
 * would favour the class with the most intents: it cost two points of accuracy.)
 */
#ifndef TEXT_MODEL_SCORE_H
#define TEXT_MODEL_SCORE_H

#include "text/model_file.h"

struct model_probabilities {
        float classes[MODEL_CLASSES]; /* sum to 1 */
        float intents[MODEL_INTENTS]; /* joint with their class: sum to 1 */
};

/* The class of an intent's place, MODEL_CLASS_OUT_OF_SCOPE for MODEL_OUT_OF_SCOPE. */
static inline size_t model_class_of(size_t intent)
{
        return intent == MODEL_OUT_OF_SCOPE ? (size_t)MODEL_CLASS_OUT_OF_SCOPE
                                            : (size_t)intent_category((enum intent)intent);
}

/* Safety by its own threshold; else the likelier of the other two (doc/decisions/0010). */
static inline enum category model_category(const double probabilities[CATEGORY_COUNT], double safety_threshold)
{
        if (probabilities[CATEGORY_SAFETY_COMPLIANCE] >= safety_threshold)
                return CATEGORY_SAFETY_COMPLIANCE;
        return probabilities[CATEGORY_SERVICE_ACTION] > probabilities[CATEGORY_INFORMATIONAL] ? CATEGORY_SERVICE_ACTION
                                                                                              : CATEGORY_INFORMATIONAL;
}

/* In place; `count` >= 1. */
void softmax(float *scores, size_t count);

/* What the two heads say of each class, before they are mixed: log-probabilities. */
struct model_heads {
        float classes[MODEL_CLASSES];
        float sums[MODEL_CLASSES]; /* of the class's intents */
};

struct model_heads model_scores_heads(const float scores[MODEL_OUTPUTS]);

/* The classes' part of model_scores_mix(), for whoever tries many calibrations on the same scores. */
void model_heads_mix(const struct model_heads *heads, float class_share, float temperature,
                     float ret_classes[MODEL_CLASSES]);

struct model_probabilities model_scores_mix(const float scores[MODEL_OUTPUTS],
                                            const struct model_calibration *calibration);

#endif
