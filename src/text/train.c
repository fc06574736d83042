/* SPDX-License-Identifier: Apache-2.0 */
#include "text/train.h"

#include "base/alloc.h"
#include "text/model_score.h"
#include "text/normalise.h"

#include <math.h>

/* Weights that no gradient has touched yet divide by this and not by nothing. */
static const float first_square = 1e-3f;

/* Many lines need fewer rounds, and training stays a matter of seconds. */
enum { MAX_STEPS = 120000, MIN_EPOCHS = 4, MAX_EPOCHS = 30 };

struct feature {
        uint32_t bucket;
        float value;
};

struct example {
        struct feature *features; /* owns; each bucket once, in rising order */
        size_t count;
        enum intent intent;
        size_t class;
        uint32_t group;
};

struct train_set {
        struct example *examples; /* owns */
        size_t count;
};

struct train_weights {
        float (*rows)[MODEL_ROW];    /* owns; one a bucket */
        float (*squares)[MODEL_ROW]; /* owns; sums of squared gradients */
        float biases[MODEL_ROW];
        float bias_squares[MODEL_ROW];
};

struct train_options train_defaults(size_t lines)
{
        size_t epochs = MAX_STEPS / (lines + 1);
        return (struct train_options){
                .epochs = (uint32_t)(epochs < MIN_EPOCHS ? MIN_EPOCHS : epochs > MAX_EPOCHS ? MAX_EPOCHS : epochs),
                .rate = 0.3f,
                .l2 = 1e-4f,
                .dropout = 0.6f,
                .word_weight = 2.0f,
                .char_weight = 1.0f,
                .seed = 20260101,
        };
}

/* xorshift64* (Vigna 2016): small, and the same everywhere. */
static uint64_t next_random(uint64_t *state)
{
        *state ^= *state >> 12;
        *state ^= *state << 25;
        *state ^= *state >> 27;
        return *state * 0x2545f4914f6cdd1dULL;
}

static int compare_buckets(const void *a, const void *b)
{
        const struct feature *x = a;
        const struct feature *y = b;
        return (x->bucket > y->bucket) - (x->bucket < y->bucket);
}

static size_t merge_repeats(struct feature *features, size_t count)
{
        qsort(features, count, sizeof *features, compare_buckets);
        size_t kept = 0;
        for (size_t i = 0; i < count; i++) {
                if (kept > 0 && features[kept - 1].bucket == features[i].bucket)
                        features[kept - 1].value += features[i].value;
                else
                        features[kept++] = features[i];
        }
        return kept;
}

struct family_counts {
        size_t words;
        size_t chars;
};

static struct family_counts count_features(struct str normalised)
{
        struct family_counts counts = {0};
        struct feature_reader reader = feature_reader_from(normalised);
        struct feature_chunk chunk;
        while (feature_reader_next(&reader, &chunk)) {
                counts.words += chunk.word_count;
                counts.chars += chunk.char_count;
        }
        return counts;
}

static size_t add_family(struct feature *features, const uint16_t *buckets, size_t count, float value)
{
        for (size_t i = 0; i < count; i++)
                features[i] = (struct feature){buckets[i], value};
        return count;
}

static struct example make_example(const struct train_line *line, const struct train_options *options)
{
        char text[NORMALISE_MAX_BYTES];
        struct str normalised = {text, normalise(line->text, text, sizeof text)};
        struct family_counts counts = count_features(normalised);
        struct example example = {.intent = line->intent, .group = line->group};
        example.class = line->intent == INTENT_NONE ? line->class : model_class_of(line->intent);
        example.features = alloc_zeroed(counts.words + counts.chars + 1, sizeof *example.features);
        float word_value = options->word_weight / sqrtf((float)counts.words);
        float char_value = options->char_weight / sqrtf((float)counts.chars);
        struct feature_reader reader = feature_reader_from(normalised);
        struct feature_chunk chunk;
        size_t used = 0;
        while (feature_reader_next(&reader, &chunk)) {
                used += add_family(example.features + used, chunk.words, chunk.word_count, word_value);
                used += add_family(example.features + used, chunk.chars, chunk.char_count, char_value);
        }
        example.count = merge_repeats(example.features, used);
        return example;
}

struct train_set *train_set_new(const struct train_line *lines, size_t count,
                                const struct train_options *options)
{
        struct train_set *set = alloc_zeroed(1, sizeof *set);
        set->examples = alloc_zeroed(count + 1, sizeof *set->examples);
        set->count = count;
        for (size_t i = 0; i < count; i++)
                set->examples[i] = make_example(&lines[i], options);
        return set;
}

void train_set_free(struct train_set *set)
{
        if (set == NULL)
                return;
        for (size_t i = 0; i < set->count; i++)
                free(set->examples[i].features);
        free(set->examples);
        free(set);
}

size_t train_set_count(const struct train_set *set)
{
        return set->count;
}

uint32_t train_set_group(const struct train_set *set, size_t line)
{
        return set->examples[line].group;
}

enum intent train_set_intent(const struct train_set *set, size_t line)
{
        return set->examples[line].intent;
}

size_t train_set_class(const struct train_set *set, size_t line)
{
        return set->examples[line].class;
}

/* The loops over a row say `restrict`, which is what lets the compiler use vector instructions. */
static void add_row(float *restrict scores, const float *restrict row, float value)
{
        for (size_t i = 0; i < MODEL_ROW; i++)
                scores[i] += value * row[i];
}

static void score_features(const struct train_weights *weights, const struct feature *features, size_t count,
                           float ret_scores[MODEL_ROW])
{
        memcpy(ret_scores, weights->biases, sizeof weights->biases);
        for (size_t f = 0; f < count; f++)
                add_row(ret_scores, weights->rows[features[f].bucket], features[f].value);
}

/* Scores become the gradient of the two heads' cross-entropy: probability less truth. */
static void scores_to_gradient(float scores[MODEL_ROW], const struct example *example)
{
        softmax(scores, MODEL_INTENTS);
        softmax(scores + MODEL_INTENTS, MODEL_CLASSES);
        scores[MODEL_INTENTS + example->class] -= 1;
        if (example->intent != INTENT_NONE)
                scores[example->intent] -= 1;
        else
                memset(scores, 0, MODEL_INTENTS * sizeof *scores);
        for (size_t i = MODEL_OUTPUTS; i < MODEL_ROW; i++)
                scores[i] = 0;
}

static void update_row(float *restrict row, float *restrict squares, const float *restrict gradient,
                       float value, const struct train_options *options)
{
        float l2 = options->l2;
        float rate = options->rate;
        for (size_t i = 0; i < MODEL_ROW; i++) {
                float g = gradient[i] * value + l2 * row[i];
                squares[i] += g * g;
                row[i] -= rate * g / sqrtf(squares[i]);
        }
}

/* The features that this step may see, their values raised to make up for the hidden ones. */
static size_t drop_features(const struct example *example, float dropout, uint64_t *random,
                            struct feature *ret_features)
{
        uint64_t threshold = (uint64_t)((double)dropout * 4294967296.0);
        size_t kept = 0;
        for (size_t f = 0; f < example->count; f++) {
                if (next_random(random) >> 32 < threshold)
                        continue;
                ret_features[kept] = example->features[f];
                ret_features[kept++].value /= 1 - dropout;
        }
        return kept;
}

static void train_step(struct train_weights *weights, const struct example *example,
                       const struct train_options *options, uint64_t *random, struct feature *scratch)
{
        float gradient[MODEL_ROW];
        size_t count = drop_features(example, options->dropout, random, scratch);
        score_features(weights, scratch, count, gradient);
        scores_to_gradient(gradient, example);
        for (size_t f = 0; f < count; f++)
                update_row(weights->rows[scratch[f].bucket], weights->squares[scratch[f].bucket], gradient,
                           scratch[f].value, options);
        update_row(weights->biases, weights->bias_squares, gradient, 0.1f, options);
}

/* Fisher and Yates. */
static void shuffle(size_t *order, size_t count, uint64_t *random)
{
        for (size_t i = count; i > 1; i--) {
                size_t j = (size_t)(next_random(random) % i);
                size_t swapped = order[i - 1];
                order[i - 1] = order[j];
                order[j] = swapped;
        }
}

static struct train_weights *weights_new(void)
{
        struct train_weights *weights = alloc_zeroed(1, sizeof *weights);
        weights->rows = alloc_zeroed(FEATURE_BUCKETS, sizeof *weights->rows);
        weights->squares = alloc_zeroed(FEATURE_BUCKETS, sizeof *weights->squares);
        for (size_t b = 0; b < FEATURE_BUCKETS; b++)
                for (size_t i = 0; i < MODEL_ROW; i++)
                        weights->squares[b][i] = first_square;
        for (size_t i = 0; i < MODEL_ROW; i++)
                weights->bias_squares[i] = first_square;
        return weights;
}

void train_weights_free(struct train_weights *weights)
{
        if (weights == NULL)
                return;
        free(weights->rows);
        free(weights->squares);
        free(weights);
}

struct train_weights *train_weights_from(const struct model_file *file)
{
        struct train_weights *weights = weights_new();
        for (size_t i = 0; i < MODEL_ROW; i++) {
                weights->biases[i] = file->biases[i];
                for (size_t b = 0; b < FEATURE_BUCKETS; b++)
                        weights->rows[b][i] = file->scales[i] * (float)file->weights[b][i];
        }
        return weights;
}

void train_weights_mix(struct train_weights *weights, const struct train_weights *other, float share)
{
        for (size_t i = 0; i < MODEL_ROW; i++) {
                weights->biases[i] += share * (other->biases[i] - weights->biases[i]);
                for (size_t b = 0; b < FEATURE_BUCKETS; b++)
                        weights->rows[b][i] += share * (other->rows[b][i] - weights->rows[b][i]);
        }
}

struct train_weights *train_run(const struct train_set *set, const struct train_options *options,
                                uint32_t left_out, const struct train_weights *start)
{
        struct train_weights *weights = weights_new();
        if (start)
                train_weights_mix(weights, start, 1);
        struct feature *scratch = alloc_zeroed(FEATURE_MAX, sizeof *scratch);
        size_t *order = alloc_zeroed(set->count + 1, sizeof *order);
        size_t count = 0;
        uint64_t random = options->seed | 1;
        for (size_t i = 0; i < set->count; i++)
                if (left_out == TRAIN_NO_GROUP || set->examples[i].group != left_out)
                        order[count++] = i;
        for (uint32_t epoch = 0; epoch < options->epochs; epoch++) {
                shuffle(order, count, &random);
                for (size_t i = 0; i < count; i++)
                        train_step(weights, &set->examples[order[i]], options, &random, scratch);
        }
        free(order);
        free(scratch);
        return weights;
}

void train_score(const struct train_weights *weights, const struct train_set *set, size_t line,
                 float ret_scores[MODEL_OUTPUTS])
{
        float scores[MODEL_ROW];
        score_features(weights, set->examples[line].features, set->examples[line].count, scores);
        memcpy(ret_scores, scores, MODEL_OUTPUTS * sizeof *scores);
}

void train_quantise(const struct train_weights *weights, struct model_file *file)
{
        for (size_t i = 0; i < MODEL_ROW; i++) {
                float largest = 0;
                for (size_t b = 0; b < FEATURE_BUCKETS; b++)
                        largest = fmaxf(largest, fabsf(weights->rows[b][i]));
                float scale = largest / 127;
                file->scales[i] = scale;
                file->biases[i] = weights->biases[i];
                for (size_t b = 0; b < FEATURE_BUCKETS; b++)
                        file->weights[b][i] =
                                scale > 0 ? (int8_t)lrintf(weights->rows[b][i] / scale) : (int8_t)0;
        }
}
