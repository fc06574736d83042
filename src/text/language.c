/* SPDX-License-Identifier: Apache-2.0 */
#include "text/language.h"

#include <utf8proc.h>

#include "text/language_table.h"

enum {
        KNOWN = LANGUAGE_PORTUGUESE, /* columns of the table, the first ones */
        EDGE = 1,                    /* stands before and behind a word */
        WORD_WEIGHT = 2,
        LEAST_WORDS = 2,
        LEAST_LETTERS = 6,
        /* In 1/16 of a natural logarithm, chosen on the lines of doc/decisions/0014. */
        ENGLISH_BONUS = 24,
        LEAST_LEAD = 16,       /* over the next known language, to be called by name */
        LEAST_LEAD_OTHER = 60, /* of another language over all known ones */
};

/* A word of one letter adds the most for a letter: a run and a word. */
_Static_assert(LANGUAGE_MAX_LETTERS * (1 + WORD_WEIGHT) * LANGUAGE_TABLE_MAX_CELL + ENGLISH_BONUS <= INT16_MAX,
               "a score fits");

static const uint32_t letters_basis = 0x811c9dc5U, word_basis = 0x811c9dc5U ^ 0x5bd1e995U;

struct reader {
        int16_t scores[LANGUAGE_TABLE_COLUMNS];
        uint32_t latin, foreign; /* letters */
        uint32_t words;
        bool is_in_word;
        uint32_t word;         /* hash of its letters */
        uint32_t previous;     /* of the word before it */
        uint32_t before, last; /* letters, or EDGE; `before` 0: there is none */
};

static uint32_t hash_add(uint32_t hash, uint32_t point)
{
        return (hash ^ point) * 0x01000193U;
}

static void add_feature(struct reader *reader, uint32_t hash, int weight)
{
        const int8_t *row = language_table[hash * 0x9e3779b1U >> (32 - LANGUAGE_TABLE_BUCKET_BITS)];
        for (size_t i = 0; i < LANGUAGE_TABLE_COLUMNS; i++)
                reader->scores[i] = (int16_t)(reader->scores[i] + weight * row[i]);
}

static void add_letters(struct reader *reader, uint32_t point)
{
        if (reader->before) {
                uint32_t hash = hash_add(hash_add(letters_basis, reader->before), reader->last);
                add_feature(reader, hash_add(hash, point), 1);
        }
        reader->before = reader->last;
        reader->last = point;
}

static void end_word(struct reader *reader)
{
        if (!reader->is_in_word)
                return;
        reader->is_in_word = false;
        if (reader->word == reader->previous) /* "x x x x" says no more than "x" */
                return;
        add_letters(reader, EDGE);
        add_feature(reader, reader->word, WORD_WEIGHT);
        reader->previous = reader->word;
        reader->words++;
}

/* A letter of Chinese, Japanese or Korean says as much as several of ours. */
static void count_script(struct reader *reader, uint32_t point)
{
        bool is_latin = point < 0x250 || (point >= 0x1e00 && point <= 0x1eff);
        *(is_latin ? &reader->latin : &reader->foreign) += point >= 0x2e80 ? 3 : 1;
}

static void add_letter(struct reader *reader, uint32_t point)
{
        if (!reader->is_in_word) {
                reader->is_in_word = true;
                reader->word = word_basis;
                reader->before = 0;
                reader->last = EDGE;
        }
        count_script(reader, point);
        reader->word = hash_add(reader->word, point);
        add_letters(reader, point);
}

/* The letter at the front in lower case, or 0; and its length in bytes. */
static uint32_t read_letter(struct str text, size_t *ret_bytes)
{
        unsigned char first = (unsigned char)*text.ptr;
        *ret_bytes = 1;
        if (first < 0x80) {
                unsigned char lower = first | 0x20;
                return lower >= 'a' && lower <= 'z' ? lower : 0;
        }
        utf8proc_int32_t point;
        utf8proc_ssize_t len = text.len < 4 ? (utf8proc_ssize_t)text.len : 4;
        utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)text.ptr, len, &point);
        if (bytes < 1)
                return 0;
        *ret_bytes = (size_t)bytes;
        utf8proc_category_t category = utf8proc_category(point);
        bool is_letter = category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
        return is_letter ? (uint32_t)utf8proc_tolower(point) : 0;
}

static size_t best_of(const struct reader *reader, size_t first, size_t end, size_t except)
{
        size_t best = first == except ? first + 1 : first;
        for (size_t i = first; i < end; i++)
                if (i != except && reader->scores[i] > reader->scores[best])
                        best = i;
        return best;
}

static enum language judge(struct reader *reader)
{
        if (reader->foreign > reader->latin)
                return LANGUAGE_OTHER;
        if (reader->words < LEAST_WORDS || reader->latin < LEAST_LETTERS)
                return LANGUAGE_UNCLEAR;
        reader->scores[LANGUAGE_ENGLISH - 1] = (int16_t)(reader->scores[LANGUAGE_ENGLISH - 1] + ENGLISH_BONUS);
        size_t best = best_of(reader, 0, KNOWN, LANGUAGE_TABLE_LANGUAGES);
        size_t second = best_of(reader, 0, KNOWN, best);
        size_t other = best_of(reader, KNOWN, LANGUAGE_TABLE_LANGUAGES, LANGUAGE_TABLE_LANGUAGES);
        int score = reader->scores[best];
        if (reader->scores[other] > score + LEAST_LEAD_OTHER)
                return LANGUAGE_OTHER;
        if (score < reader->scores[second] + LEAST_LEAD || score < reader->scores[other] + LEAST_LEAD)
                return LANGUAGE_UNCLEAR;
        return (enum language)(best + 1);
}

enum language language_guess(struct str text)
{
        struct reader reader = {.is_in_word = false};
        while (text.len > 0 && reader.latin + reader.foreign < LANGUAGE_MAX_LETTERS) {
                size_t bytes;
                uint32_t letter = read_letter(text, &bytes);
                if (letter)
                        add_letter(&reader, letter);
                else
                        end_word(&reader);
                text.ptr += bytes;
                text.len -= bytes;
        }
        end_word(&reader);
        return judge(&reader);
}

struct str language_tag(enum language language)
{
        static const struct str tags[] = {
                [LANGUAGE_ENGLISH] = STR_INIT("en"),    [LANGUAGE_SPANISH] = STR_INIT("es"),
                [LANGUAGE_FRENCH] = STR_INIT("fr"),     [LANGUAGE_GERMAN] = STR_INIT("de"),
                [LANGUAGE_PORTUGUESE] = STR_INIT("pt"), [LANGUAGE_OTHER] = {0},
        };
        return tags[language];
}
