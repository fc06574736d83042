/* SPDX-License-Identifier: Apache-2.0 */
/* The model file, damaged. Damage without a new seal is always refused; a sealed file is refused
 * with a note or gives sound verdicts.
 *
 * The first byte: bit 0 seals the damaged file, bit 1 cuts it at the first damage. Then come groups
 * of three: two bytes for a place (in the header, or a row of weights) and one that is XORed there. */
#include "fuzz.h"

#include <math.h>

#include "base/alloc.h"
#include "text/model.h"
#include "text/model_file.h"

enum { IS_SEALED = 1, IS_CUT = 2, DAMAGES_MAX = 256 };

struct damage {
        size_t at;
        uint8_t flipped;
};

static const size_t header_bytes = offsetof(struct model_file, weights);

static struct damage next_damage(struct str *input)
{
        size_t place = fuzz_take_byte(input);
        place = place << 8 | fuzz_take_byte(input);
        size_t at = place < header_bytes
                            ? place
                            : header_bytes + (place % FEATURE_BUCKETS) * MODEL_ROW + place % MODEL_ROW;
        return (struct damage){at, fuzz_take_byte(input)};
}

static void check_verdict(const struct model *model, struct str text)
{
        struct model_verdict verdict;
        model_classify(model, (struct safe_text){text}, &verdict);
        double sum = 0;
        for (enum category c = 0; c < CATEGORY_COUNT; c++) {
                assert(verdict.probabilities[c] >= 0 && verdict.probabilities[c] <= verdict.confidence);
                assert(intent_category(verdict.intents[c]) == c);
                sum += verdict.probabilities[c];
        }
        assert(isfinite(sum) && sum <= 1 + 1e-5);
        assert(verdict.category < CATEGORY_COUNT);
        assert(verdict.secondary_intent == INTENT_NONE || verdict.secondary_intent < INTENT_OTHER);
}

static void open_damaged(const struct model_file *file, size_t bytes, bool must_refuse)
{
        struct model *model = NULL;
        struct err_note note = {0};
        enum err err = model_open((struct str){(const char *)file, bytes}, &model, &note);
        if (err != ERR_OK) {
                assert((err == ERR_CORRUPT || err == ERR_UNSUPPORTED) && note.text[0] && !model);
                return;
        }
        assert(!must_refuse);
        check_verdict(model, STR("I want my money back, and the pills made me sick"));
        check_verdict(model, STR(""));
        model_free(model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct model_file *file;
        struct str shipped = model_embedded();
        if (!file) {
                file = alloc_zeroed(1, sizeof *file);
                memcpy(file, shipped.ptr, sizeof *file);
        }
        struct str input = fuzz_input(data, size);
        uint8_t choice = fuzz_take_byte(&input);
        struct damage damages[DAMAGES_MAX];
        size_t count = 0;
        while (input.len >= 3 && count < DAMAGES_MAX) {
                damages[count] = next_damage(&input);
                ((uint8_t *)file)[damages[count].at] ^= damages[count].flipped;
                count++;
        }
        size_t bytes = choice & IS_CUT && count ? damages[0].at : sizeof *file;
        if (choice & IS_SEALED)
                model_file_seal(file);
        bool is_whole = bytes == sizeof *file;
        bool is_same = is_whole && memcmp(file, shipped.ptr, bytes) == 0;
        open_damaged(file, bytes, !is_whole || !(is_same || choice & IS_SEALED));
        while (count-- > 0)
                memcpy((char *)file + damages[count].at, shipped.ptr + damages[count].at, 1);
        memcpy(file, shipped.ptr, header_bytes);
        return 0;
}
