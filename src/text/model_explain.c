/* SPDX-License-Identifier: Apache-2.0 */
#include "text/model_explain.h"

#include "base/alloc.h"
#include "base/json_reader.h"
#include "text/model_score.h"
#include "text/normalise.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MIN_GRAM = 3, MAX_GRAM = 5, EXPLAINED_KINDS = EXPLAINED_CHARS + 1 };

/* What a weight of an output is worth to its class, at this message. */
struct shares {
        float outputs[MODEL_OUTPUTS];
};

/* N-grams are found by their bucket, as the model finds them; two of one bucket are one here, too. */
struct collector {
        struct model_explanation *explanation;
        uint16_t places[EXPLAINED_KINDS][FEATURE_BUCKETS]; /* from 1; 0: not there yet */
        uint16_t buckets[FEATURE_MAX];                     /* of the features */
        size_t totals[2];                                  /* n-grams of the two families */
        struct str previous;
        struct {
                uint16_t feature, word;
        } places_in_text[FEATURE_MAX]; /* of each n-gram that was read */
        size_t read;
};

static_assert(FEATURE_MAX <= UINT16_MAX, "a feature's place fits");

/* A run of bytes may begin or end within a letter; what is left of one becomes '?'. */
static void mend(char *text)
{
        while (*text) {
                size_t len = strnlen(text, 4);
                while (len > 0 && !utf8_is_valid((struct str){text, len}))
                        len--;
                if (len == 0)
                        *text = '?';
                text += len ? len : 1;
        }
}

static void note(struct collector *c, int kind, uint16_t bucket, struct str first, struct str second)
{
        struct model_explanation *explanation = c->explanation;
        uint16_t *place = &c->places[kind][bucket];
        c->totals[kind == EXPLAINED_CHARS]++;
        if (*place == 0) {
                struct explained *feature = &explanation->features[explanation->count];
                feature->kind = kind;
                snprintf(feature->text, sizeof feature->text, "%.*s%.*s", STR_ARGS(first), STR_ARGS(second));
                mend(feature->text);
                c->buckets[explanation->count++] = bucket;
                *place = (uint16_t)explanation->count;
        }
        explanation->features[*place - 1].count++;
        assert(c->read < FEATURE_MAX);
        c->places_in_text[c->read].feature = (uint16_t)(*place - 1);
        c->places_in_text[c->read++].word = (uint16_t)(explanation->word_count - 1);
}

/* The reader is given one token at a time, so that its n-grams are known by their order: the word, the pair with
 * the word before, then the runs of letters by their start and length. */
static void note_token(struct collector *c, struct feature_reader *reader, struct str token)
{
        struct feature_chunk chunk;
        char marked[FEATURE_WORD_BYTES + 3], pair[EXPLAINED_TEXT_BYTES];
        reader->rest = token;
        if (!feature_reader_next(reader, &chunk))
                return;
        assert(chunk.word_count == 2);
        struct explained *word = &c->explanation->words[c->explanation->word_count++];
        snprintf(word->text, sizeof word->text, "%.*s", STR_ARGS(token));
        mend(word->text);
        int len = snprintf(marked, sizeof marked, "<%.*s>", (int)(token.len < FEATURE_WORD_BYTES ? token.len : FEATURE_WORD_BYTES),
                           token.ptr);
        snprintf(pair, sizeof pair, "%.*s ", STR_ARGS(c->previous));
        note(c, EXPLAINED_WORD, chunk.words[0], token, STR(""));
        note(c, EXPLAINED_PAIR, chunk.words[1], str_from(pair), token);
        size_t at = 0;
        for (int start = 0; start + MIN_GRAM <= len; start++)
                for (int bytes = MIN_GRAM; bytes <= MAX_GRAM && start + bytes <= len && at < chunk.char_count; bytes++)
                        note(c, EXPLAINED_CHARS, chunk.chars[at++], (struct str){marked + start, (size_t)bytes}, STR(""));
        assert(at == chunk.char_count);
        c->previous = token;
}

static void collect(struct collector *c, struct str text)
{
        struct feature_reader reader = feature_reader_from((struct str){0});
        c->previous = STR("^");
        while (text.ptr) {
                struct str token = str_split(&text, ' ');
                if (token.len > 0)
                        note_token(c, &reader, token);
        }
}

static float factor_of(const struct collector *c, const struct model_calibration *calibration, int kind)
{
        bool is_chars = kind == EXPLAINED_CHARS;
        float weight = is_chars ? calibration->char_weight : calibration->word_weight;
        return c->totals[is_chars] ? weight / sqrtf((float)c->totals[is_chars]) : 0;
}

/* The scores once more, from the n-grams that were found. */
static void score(const struct collector *c, const struct model_file *file, float ret_scores[MODEL_OUTPUTS])
{
        for (size_t o = 0; o < MODEL_OUTPUTS; o++)
                ret_scores[o] = file->biases[o];
        for (size_t i = 0; i < c->explanation->count; i++) {
                const struct explained *feature = &c->explanation->features[i];
                float factor = factor_of(c, &file->calibration, feature->kind) * (float)feature->count;
                for (size_t o = 0; o < MODEL_OUTPUTS; o++)
                        ret_scores[o] += factor * file->scales[o] * (float)file->weights[c->buckets[i]][o];
        }
}

static struct shares shares_at(const struct model_calibration *calibration, const float scores[MODEL_OUTPUTS])
{
        struct shares shares;
        float intents[MODEL_INTENTS], sums[MODEL_CLASSES] = {0};
        memcpy(intents, scores, sizeof intents);
        softmax(intents, MODEL_INTENTS);
        for (size_t i = 0; i < MODEL_INTENTS; i++)
                sums[model_class_of(i)] += intents[i];
        for (size_t i = 0; i < MODEL_INTENTS; i++)
                shares.outputs[i] = (1 - calibration->class_share) * intents[i] / (sums[model_class_of(i)] + 1e-9f) /
                                    calibration->temperature;
        for (size_t i = MODEL_INTENTS; i < MODEL_OUTPUTS; i++)
                shares.outputs[i] = calibration->class_share / calibration->temperature;
        return shares;
}

/* Adds what the outputs' values are worth to the classes, without what they have in common. */
static void spread(const struct shares *shares, const float values[MODEL_OUTPUTS], float ret_classes[MODEL_CLASSES])
{
        float mean = 0;
        memset(ret_classes, 0, MODEL_CLASSES * sizeof *ret_classes);
        for (size_t o = 0; o < MODEL_OUTPUTS; o++) {
                size_t class = o < MODEL_INTENTS ? model_class_of(o) : o - MODEL_INTENTS;
                ret_classes[class] += shares->outputs[o] * values[o];
                mean += shares->outputs[o] * values[o] / MODEL_CLASSES;
        }
        for (size_t class = 0; class < MODEL_CLASSES; class++)
                ret_classes[class] -= mean;
}

static float weight_of(const struct explained *feature)
{
        float most = 0;
        for (size_t class = 0; class < MODEL_CLASSES; class++)
                most = fmaxf(most, fabsf(feature->classes[class]));
        return most;
}

static int by_weight(const void *a, const void *b)
{
        float x = weight_of(a), y = weight_of(b);
        return (x < y) - (x > y);
}

static void weigh_words(const struct collector *c)
{
        for (size_t i = 0; i < c->read; i++) {
                const struct explained *feature = &c->explanation->features[c->places_in_text[i].feature];
                struct explained *word = &c->explanation->words[c->places_in_text[i].word];
                for (size_t class = 0; class < MODEL_CLASSES; class++)
                        word->classes[class] += feature->classes[class] / (float)feature->count;
        }
}

static void weigh(const struct collector *c, const struct model_file *file)
{
        struct model_explanation *explanation = c->explanation;
        float scores[MODEL_OUTPUTS], values[MODEL_OUTPUTS];
        score(c, file, scores);
        struct shares shares = shares_at(&file->calibration, scores);
        struct model_probabilities result = model_scores_mix(scores, &file->calibration);
        memcpy(explanation->probabilities, result.classes, sizeof result.classes);
        spread(&shares, file->biases, explanation->start);
        for (size_t i = 0; i < explanation->count; i++) {
                struct explained *feature = &explanation->features[i];
                float factor = factor_of(c, &file->calibration, feature->kind) * (float)feature->count;
                for (size_t o = 0; o < MODEL_OUTPUTS; o++)
                        values[o] = factor * file->scales[o] * (float)file->weights[c->buckets[i]][o];
                spread(&shares, values, feature->classes);
        }
        weigh_words(c);
        if (explanation->count > 0)
                qsort(explanation->features, explanation->count, sizeof *explanation->features, by_weight);
}

struct model_explanation model_explain(const struct model *model, struct safe_text text)
{
        char normalised[NORMALISE_MAX_BYTES];
        struct model_explanation explanation = {
                .features = alloc_zeroed(FEATURE_MAX, sizeof *explanation.features),
                .words = alloc_zeroed(NORMALISE_MAX_BYTES, sizeof *explanation.words),
        };
        struct collector *collector = alloc_zeroed(1, sizeof *collector);
        collector->explanation = &explanation;
        collect(collector, (struct str){normalised, normalise(text.safe, normalised, sizeof normalised)});
        weigh(collector, model_content(model));
        free(collector);
        return explanation;
}

void model_explanation_free(struct model_explanation *explanation)
{
        free(explanation->features);
        free(explanation->words);
}
