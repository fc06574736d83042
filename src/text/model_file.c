/* SPDX-License-Identifier: Apache-2.0 */
#include "text/model_file.h"

#include <assert.h>

static const unsigned char magic[8] = {'T', 'R', 'I', 'A', 'G', 'E', 'M', '\n'};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file is mapped, not converted");
static_assert(offsetof(struct model_file, weights) == 2048, "rows begin in the middle of a page");
static_assert(MODEL_OUTPUTS <= MODEL_ROW, "a row holds every output");
static_assert(INTENT_OTHER == INTENT_COUNT - 1, "out_of_scope takes the last intent's place");

static const size_t checked_from = offsetof(struct model_file, training_digest);

void model_label(size_t output, char ret_label[MODEL_LABEL_BYTES])
{
        memset(ret_label, 0, MODEL_LABEL_BYTES);
        const char *prefix = output < MODEL_INTENTS ? "" : "cat:";
        const char *name = "out_of_scope";
        if (output < MODEL_OUT_OF_SCOPE)
                name = intent_name((enum intent)output);
        else if (output >= MODEL_INTENTS && output < MODEL_INTENTS + CATEGORY_COUNT)
                name = category_name((enum category)(output - MODEL_INTENTS));
        snprintf(ret_label, MODEL_LABEL_BYTES, "%s%s", prefix, name);
}

static struct digest checksum(const struct model_file *file)
{
        const char *bytes = (const char *)file;
        return digest_sha256((struct str){bytes + checked_from, sizeof *file - checked_from});
}

void model_file_seal(struct model_file *file)
{
        memcpy(file->magic, magic, sizeof magic);
        file->format = MODEL_FORMAT;
        file->file_bytes = sizeof *file;
        file->buckets = FEATURE_BUCKETS;
        file->outputs = MODEL_OUTPUTS;
        file->intents = MODEL_INTENTS;
        file->row_bytes = MODEL_ROW;
        for (size_t i = 0; i < MODEL_OUTPUTS; i++)
                model_label(i, file->labels[i]);
        struct digest digest = checksum(file);
        memcpy(file->checksum, digest.bytes, sizeof file->checksum);
}

static enum err check_labels(const struct model_file *file, struct err_note *note)
{
        for (size_t i = 0; i < MODEL_OUTPUTS; i++) {
                char expected[MODEL_LABEL_BYTES];
                model_label(i, expected);
                if (memcmp(file->labels[i], expected, MODEL_LABEL_BYTES) != 0)
                        return err_set(note, ERR_UNSUPPORTED, "model: label %zu is not \"%s\"", i, expected);
        }
        return ERR_OK;
}

/* Numbers that would make a probability meaningless; the comparisons are false for a NaN. */
static bool is_share(float value)
{
        return value >= 0 && value <= 1;
}

static bool is_calibration_sound(const struct model_calibration *calibration)
{
        return is_share(calibration->class_share) && is_share(calibration->safety_threshold) &&
               calibration->temperature >= 0.05f && calibration->temperature <= 20 &&
               calibration->word_weight >= 0 && calibration->word_weight <= 10 &&
               calibration->char_weight >= 0 && calibration->char_weight <= 10;
}

static bool are_scales_sound(const struct model_file *file)
{
        for (size_t i = 0; i < MODEL_ROW; i++)
                if (!(file->scales[i] >= 0 && file->scales[i] < 1e6f && file->biases[i] > -1e6f &&
                      file->biases[i] < 1e6f))
                        return false;
        return true;
}

static bool are_metrics_sound(const struct model_metrics *metrics)
{
        bool is_sound = is_share(metrics->accuracy) && is_share(metrics->macro_f1) &&
                        is_share(metrics->calibration_error) && is_share(metrics->safety_recall) &&
                        is_share(metrics->safety_false_alarms) && metrics->is_local <= 1;
        for (enum category c = 0; c < CATEGORY_COUNT; c++)
                is_sound = is_sound && (is_share(metrics->trusted_from[c]) || metrics->trusted_from[c] == MODEL_NEVER);
        for (size_t i = 0; i < MODEL_BINS; i++)
                is_sound = is_sound && is_share(metrics->bins[i].confidence) && is_share(metrics->bins[i].accuracy);
        return is_sound;
}

enum err model_file_check(struct str bytes, struct err_note *note)
{
        const struct model_file *file = (const void *)bytes.ptr;
        bool has_start = bytes.len >= offsetof(struct model_file, checksum);
        if (!has_start || memcmp(file->magic, magic, sizeof magic) != 0)
                return err_set(note, ERR_CORRUPT, "model: this is not a model file");
        if ((uintptr_t)bytes.ptr % _Alignof(struct model_file) != 0)
                return err_set(note, ERR_INVALID, "model: the bytes are not aligned");
        if (file->format != MODEL_FORMAT)
                return err_set(note, ERR_UNSUPPORTED, "model: format %u, this program reads %d", file->format,
                               MODEL_FORMAT);
        if (file->file_bytes != sizeof *file || bytes.len != sizeof *file)
                return err_set(note, ERR_CORRUPT, "model: %zu bytes, expected %zu", bytes.len, sizeof *file);
        struct digest digest = checksum(file);
        if (memcmp(digest.bytes, file->checksum, sizeof file->checksum) != 0)
                return err_set(note, ERR_CORRUPT, "model: the checksum does not fit, the file is damaged");
        if (file->buckets != FEATURE_BUCKETS || file->outputs != MODEL_OUTPUTS ||
            file->intents != MODEL_INTENTS || file->row_bytes != MODEL_ROW)
                return err_set(note, ERR_UNSUPPORTED, "model: other sizes than this program's");
        if (!is_calibration_sound(&file->calibration) || !are_scales_sound(file))
                return err_set(note, ERR_CORRUPT, "model: a scale or a temperature makes no sense");
        if (!are_metrics_sound(&file->metrics) || !is_share(file->local.weight))
                return err_set(note, ERR_CORRUPT, "model: a figure makes no sense");
        return check_labels(file, note);
}
