/* SPDX-License-Identifier: Apache-2.0 */
#include "text/model_score.h"

#include <math.h>

/* Keeps a logarithm finite; far below any probability that matters. */
static const float floor_probability = 1e-9f;

void softmax(float *scores, size_t count)
{
        float highest = scores[0];
        for (size_t i = 1; i < count; i++)
                highest = scores[i] > highest ? scores[i] : highest;
        float sum = 0;
        for (size_t i = 0; i < count; i++) {
                scores[i] = expf(scores[i] - highest);
                sum += scores[i];
        }
        for (size_t i = 0; i < count; i++)
                scores[i] /= sum;
}

/* Joint probabilities: each class is shared out among its intents as their own head, softened by
 * the same temperature, has it. */
static void share_out(const float *scores, float temperature, struct model_probabilities *result)
{
        float softened[MODEL_INTENTS];
        float sums[MODEL_CLASSES] = {0};
        for (size_t i = 0; i < MODEL_INTENTS; i++)
                softened[i] = scores[i] / temperature;
        softmax(softened, MODEL_INTENTS);
        for (size_t i = 0; i < MODEL_INTENTS; i++)
                sums[model_class_of(i)] += softened[i];
        for (size_t i = 0; i < MODEL_INTENTS; i++) {
                size_t class = model_class_of(i);
                result->intents[i] = result->classes[class] * softened[i] / (sums[class] + floor_probability);
        }
}

struct model_heads model_scores_heads(const float scores[MODEL_OUTPUTS])
{
        struct model_heads heads;
        float intents[MODEL_INTENTS];
        float sums[MODEL_CLASSES] = {0};
        memcpy(intents, scores, sizeof intents);
        memcpy(heads.classes, scores + MODEL_INTENTS, sizeof heads.classes);
        softmax(intents, MODEL_INTENTS);
        softmax(heads.classes, MODEL_CLASSES);
        for (size_t i = 0; i < MODEL_INTENTS; i++)
                sums[model_class_of(i)] += intents[i];
        for (size_t i = 0; i < MODEL_CLASSES; i++) {
                heads.classes[i] = logf(heads.classes[i] + floor_probability);
                heads.sums[i] = logf(sums[i] + floor_probability);
        }
        return heads;
}

void model_heads_mix(const struct model_heads *heads, float class_share, float temperature,
                     float ret_classes[MODEL_CLASSES])
{
        for (size_t i = 0; i < MODEL_CLASSES; i++)
                ret_classes[i] = (class_share * heads->classes[i] + (1 - class_share) * heads->sums[i]) / temperature;
        softmax(ret_classes, MODEL_CLASSES);
}

struct model_probabilities model_scores_mix(const float scores[MODEL_OUTPUTS],
                                            const struct model_calibration *calibration)
{
        struct model_probabilities result = {0};
        struct model_heads heads = model_scores_heads(scores);
        model_heads_mix(&heads, calibration->class_share, calibration->temperature, result.classes);
        share_out(scores, calibration->temperature, &result);
        return result;
}
