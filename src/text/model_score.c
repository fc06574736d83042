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

struct model_probabilities model_scores_mix(const float scores[MODEL_OUTPUTS],
                                            const struct model_calibration *calibration)
{
        struct model_probabilities result;
        float intents[MODEL_INTENTS];
        float heads[MODEL_CLASSES];
        float sums[MODEL_CLASSES] = {0};
        memcpy(intents, scores, sizeof intents);
        memcpy(heads, scores + MODEL_INTENTS, sizeof heads);
        softmax(intents, MODEL_INTENTS);
        softmax(heads, MODEL_CLASSES);
        for (size_t i = 0; i < MODEL_INTENTS; i++)
                sums[model_class_of(i)] += intents[i];
        float share = calibration->class_share;
        for (size_t i = 0; i < MODEL_CLASSES; i++)
                result.classes[i] = (share * logf(heads[i] + floor_probability) +
                                     (1 - share) * logf(sums[i] + floor_probability)) /
                                    calibration->temperature;
        softmax(result.classes, MODEL_CLASSES);
        share_out(scores, calibration->temperature, &result);
        return result;
}
