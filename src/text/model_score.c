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

struct model_probabilities model_scores_mix(const float scores[MODEL_OUTPUTS],
                                            const struct model_calibration *calibration)
{
        struct model_probabilities result;
        float heads[MODEL_CLASSES];
        float sums[MODEL_CLASSES] = {0};
        memcpy(result.intents, scores, sizeof result.intents);
        memcpy(heads, scores + MODEL_INTENTS, sizeof heads);
        softmax(result.intents, MODEL_INTENTS);
        softmax(heads, MODEL_CLASSES);
        for (size_t i = 0; i < MODEL_INTENTS; i++)
                sums[model_class_of(i)] += result.intents[i];
        float share = calibration->class_share;
        for (size_t i = 0; i < MODEL_CLASSES; i++)
                result.classes[i] = (share * logf(heads[i] + floor_probability) +
                                     (1 - share) * logf(sums[i] + floor_probability)) /
                                    calibration->temperature;
        softmax(result.classes, MODEL_CLASSES);
        for (size_t i = 0; i < MODEL_INTENTS; i++) {
                size_t class = model_class_of(i);
                result.intents[i] *= result.classes[class] / (sums[class] + floor_probability);
        }
        return result;
}
