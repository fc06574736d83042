/* SPDX-License-Identifier: Apache-2.0 */
#include "text/model.h"

#include "base/alloc.h"
#include "text/model_score.h"
#include "text/normalise.h"

#include <assert.h>
#include <math.h>

enum { VERSION_DIGITS = 12, BLOCK = 256, AHEAD = 16 };

static const float secondary_share = 0.15f;

/* Eight lanes: what every x86-64 and AArch64 adds in one instruction. */
typedef int8_t bytes8 __attribute__((vector_size(8)));
typedef int16_t shorts8 __attribute__((vector_size(16)));

enum { LANES = 8, VECTORS = MODEL_ROW / LANES };

static_assert(MODEL_ROW % LANES == 0, "a row is whole vectors");
static_assert(BLOCK * 127 <= INT16_MAX, "a block's sum fits 16 bits");
static_assert((int)FEATURE_CHUNK_WORDS <= (int)BLOCK, "a chunk is one block");
static_assert((int)FEATURE_CHUNK_CHARS <= (int)BLOCK, "a chunk is one block");

struct model {
        const struct model_file *file; /* borrows, or owns through `taken` */
        struct model_file *taken;
        char version[sizeof "local-" + VERSION_DIGITS];
};

enum err model_open(struct str bytes, struct model **ret_model, struct err_note *note)
{
        enum err err = model_file_check(bytes, note);
        if (err)
                return err;
        struct model *model = alloc_zeroed(1, sizeof *model);
        model->file = (const void *)bytes.ptr;
        struct digest digest;
        char hex[65];
        memcpy(digest.bytes, model->file->checksum, sizeof digest.bytes);
        digest_to_hex(&digest, hex);
        snprintf(model->version, sizeof model->version, "local-%.*s", VERSION_DIGITS, hex);
        *ret_model = model;
        return ERR_OK;
}

enum err model_take(struct model_file *file, struct model **ret_model, struct err_note *note)
{
        enum err err = model_open((struct str){(const char *)file, sizeof *file}, ret_model, note);
        if (err)
                free(file);
        else
                (*ret_model)->taken = file;
        return err;
}

void model_free(struct model *model)
{
        if (!model)
                return;
        free(model->taken);
        free(model);
}

struct str model_version(const struct model *model)
{
        return str_from(model->version);
}

/* Adds the rows of `count` <= BLOCK features to the sums. */
static void add_rows(const struct model_file *file, const uint16_t *buckets, size_t count,
                     int32_t sums[MODEL_ROW])
{
        shorts8 totals[VECTORS] = {0};
        for (size_t i = 0; i < count; i++) {
                /* The rows lie all over a table that is larger than the near caches. */
                __builtin_prefetch(file->weights[buckets[i + AHEAD < count ? i + AHEAD : i]]);
                for (size_t v = 0; v < VECTORS; v++) {
                        bytes8 weights;
                        memcpy(&weights, file->weights[buckets[i]] + v * LANES, sizeof weights);
                        totals[v] += __builtin_convertvector(weights, shorts8);
                }
        }
        for (size_t v = 0; v < VECTORS; v++)
                for (size_t lane = 0; lane < LANES; lane++)
                        sums[v * LANES + lane] += totals[v][lane];
}

static float family_factor(float weight, size_t count)
{
        return count > 0 ? weight / sqrtf((float)count) : 0;
}

static void score(const struct model_file *file, struct str text, float ret_scores[MODEL_ROW])
{
        char normalised[NORMALISE_MAX_BYTES];
        size_t bytes = normalise(text, normalised, sizeof normalised);
        int32_t words[MODEL_ROW] = {0};
        int32_t chars[MODEL_ROW] = {0};
        size_t word_count = 0;
        size_t char_count = 0;
        struct feature_reader reader = feature_reader_from((struct str){normalised, bytes});
        struct feature_chunk chunk;
        while (feature_reader_next(&reader, &chunk)) {
                add_rows(file, chunk.words, chunk.word_count, words);
                add_rows(file, chunk.chars, chunk.char_count, chars);
                word_count += chunk.word_count;
                char_count += chunk.char_count;
        }
        float word_factor = family_factor(file->calibration.word_weight, word_count);
        float char_factor = family_factor(file->calibration.char_weight, char_count);
        for (size_t i = 0; i < MODEL_ROW; i++)
                ret_scores[i] = file->biases[i] + file->scales[i] * (word_factor * (float)words[i] +
                                                                     char_factor * (float)chars[i]);
}

/* The most probable in-scope intent of `category` (CATEGORY_COUNT: of any) but `except`. */
static enum intent best_intent(const float *shares, enum category category, enum intent except)
{
        enum intent best = INTENT_NONE;
        for (enum intent i = 0; i < INTENT_OTHER; i++) {
                if (i == except || (category != CATEGORY_COUNT && intent_category(i) != category))
                        continue;
                if (best == INTENT_NONE || shares[i] > shares[best])
                        best = i;
        }
        return best;
}

void model_classify(const struct model *model, struct safe_text text, struct model_verdict *ret_verdict)
{
        float scores[MODEL_ROW];
        score(model->file, text.safe, scores);
        struct model_probabilities result = model_scores_mix(scores, &model->file->calibration);
        enum category category = 0;
        for (enum category c = 0; c < CATEGORY_COUNT; c++) {
                ret_verdict->probabilities[c] = (double)result.classes[c];
                category = result.classes[c] > result.classes[category] ? c : category;
        }
        for (enum category c = 0; c < CATEGORY_COUNT; c++)
                ret_verdict->intents[c] = best_intent(result.intents, c, INTENT_NONE);
        enum intent intent = ret_verdict->intents[category];
        enum intent second = best_intent(result.intents, CATEGORY_COUNT, intent);
        bool is_out_of_scope = result.classes[MODEL_CLASS_OUT_OF_SCOPE] > result.classes[category];
        ret_verdict->category = category;
        ret_verdict->is_out_of_scope = is_out_of_scope;
        ret_verdict->intent = is_out_of_scope ? INTENT_OTHER : intent;
        ret_verdict->secondary_intent = result.intents[second] >= secondary_share ? second : INTENT_NONE;
        ret_verdict->confidence = ret_verdict->probabilities[category];
}

const struct model_file *model_content(const struct model *model)
{
        return model->file;
}
