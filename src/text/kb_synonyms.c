/* SPDX-License-Identifier: Apache-2.0 */
#include "text/kb_synonyms.h"

#include "base/alloc.h"
#include "base/arena.h"
#include "base/hash.h"
#include "text/kb_words.h"

#include <stdlib.h>
#include <string.h>

struct list {
        uint32_t language; /* 0: any */
        size_t count;
        struct kb_synonym words[KB_SYNONYMS_MAX];
};

/* Where a word stands; sorted by hash. */
struct place {
        uint64_t hash;
        size_t list;
};

struct kb_synonyms {
        struct kb_stemmers stemmers;
        struct arena stems;
        struct list *lists;   /* owns */
        struct place *places; /* owns */
        size_t list_count, place_count;
};

enum { STEM_BYTES_MAX = 2 * KB_SYNONYM_LISTS_MAX * KB_SYNONYMS_MAX * 64 };

struct kb_synonyms *kb_synonyms_new(void)
{
        struct kb_synonyms *synonyms = alloc_zeroed(1, sizeof *synonyms);
        kb_stemmers_init(&synonyms->stemmers);
        arena_init(&synonyms->stems, STEM_BYTES_MAX);
        return synonyms;
}

void kb_synonyms_free(struct kb_synonyms *synonyms)
{
        if (!synonyms)
                return;
        kb_stemmers_deinit(&synonyms->stemmers);
        arena_deinit(&synonyms->stems);
        free(synonyms->lists);
        free(synonyms->places);
        free(synonyms);
}

/* The first place that is not before that hash. */
static size_t place_of(const struct kb_synonyms *synonyms, uint64_t hash)
{
        size_t low = 0, high = synonyms->place_count;
        while (low < high) {
                size_t middle = (low + high) / 2;
                if (synonyms->places[middle].hash < hash)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static enum err add_word(struct kb_synonyms *synonyms, struct str word, struct list *list, struct err_note *note)
{
        struct kb_words words = {.rest = word, .stemmer = kb_stemmer(&synonyms->stemmers, list->language)};
        const struct kb_synonym *known;
        struct str stem = arena_copy(&synonyms->stems, kb_words_next(&words));
        if (!stem.ptr || kb_words_next(&words).ptr)
                return err_set(note, ERR_INVALID, "`%.*s` is not one word that the search looks at: it goes by single words, "
                               "and passes over numbers and words such as \"the\"", STR_ARGS(word));
        uint64_t hash = hash64(stem);
        bool is_known = kb_synonyms_find(synonyms, list->language, hash, &known) > 0;
        for (size_t i = 0; i < list->count; i++)
                is_known = is_known || list->words[i].hash == hash;
        if (is_known)
                return err_set(note, ERR_INVALID, "`%.*s` stands in a list already, in this form or another; keep it in one",
                               STR_ARGS(word));
        list->words[list->count++] = (struct kb_synonym){stem, hash};
        return ERR_OK;
}

static void place(struct kb_synonyms *synonyms, uint64_t hash)
{
        size_t at = place_of(synonyms, hash);
        struct place *places = alloc_resize(synonyms->places, (synonyms->place_count + 1) * sizeof *places);
        memmove(places + at + 1, places + at, (synonyms->place_count - at) * sizeof *places);
        places[at] = (struct place){hash, synonyms->list_count};
        synonyms->places = places;
        synonyms->place_count++;
}

enum err kb_synonyms_add(struct kb_synonyms *synonyms, struct str locale, const struct str *words, size_t count,
                         struct err_note *note)
{
        struct list list = {.language = kb_language(locale)};
        if (synonyms->list_count == KB_SYNONYM_LISTS_MAX)
                return err_set(note, ERR_INVALID, "more than %d lists of synonyms", KB_SYNONYM_LISTS_MAX);
        if (count < 2 || count > KB_SYNONYMS_MAX)
                return err_set(note, ERR_INVALID, "a list of synonyms has 2 to %d words", KB_SYNONYMS_MAX);
        for (size_t i = 0; i < count; i++) {
                enum err err = add_word(synonyms, words[i], &list, note);
                if (err)
                        return err;
        }
        synonyms->lists = alloc_resize(synonyms->lists, (synonyms->list_count + 1) * sizeof *synonyms->lists);
        synonyms->lists[synonyms->list_count] = list;
        for (size_t i = 0; i < count; i++)
                place(synonyms, list.words[i].hash);
        synonyms->list_count++;
        return ERR_OK;
}

size_t kb_synonyms_find(const struct kb_synonyms *synonyms, uint32_t language, uint64_t hash,
                        const struct kb_synonym **ret_words)
{
        size_t count = 0, at = synonyms ? place_of(synonyms, hash) : 0;
        for (; synonyms && at < synonyms->place_count && synonyms->places[at].hash == hash; at++) {
                const struct list *list = synonyms->lists + synonyms->places[at].list;
                if (list->language != language && (list->language || count))
                        continue;
                *ret_words = list->words;
                count = list->count;
        }
        return count;
}
