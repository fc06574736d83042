/* SPDX-License-Identifier: Apache-2.0 */
#include "text/kb_query.h"

#include "base/hash.h"
#include "base/utf8.h"
#include "text/kb_typo.h"
#include "text/kb_words.h"

/* What a synonym is worth of its word: it may mean something else here. */
static const float synonym_share = 0.7F;
/* What a word is worth of the misspelt one that it is taken for. */
static const float typo_share = 0.8F;

static bool is_repeated(const struct kb_query *query, uint64_t hash)
{
        for (size_t i = 0; i < query->word_count; i++)
                if (query->hashes[i] == hash)
                        return true;
        return false;
}

static void add_term(struct kb_query *query, const struct kb_term *term, float worth)
{
        if (query->count < KB_QUERY_TERMS_MAX)
                query->terms[query->count++] = (struct kb_query_term){term, worth, (uint16_t)query->word_count};
}

/* Adds what the index has of the word's synonyms. Returns what the word is worth: its own idf, or if no
 * article says it, that of its rarest synonym. A text has no more of a synonym than the synonym weighs in it. */
static float add_synonyms(const struct kb_index *index, const struct kb_ask *ask, uint64_t hash, float idf,
                          struct kb_query *query)
{
        const struct kb_synonym *words;
        size_t count = kb_synonyms_find(ask->synonyms, query->stemmer->language, hash, &words);
        float rarest = 0;
        for (size_t i = 0; i < count; i++) {
                const struct kb_term *term = words[i].hash == hash ? NULL : kb_index_find(index, words[i].stem, words[i].hash);
                if (!term)
                        continue;
                rarest = term->idf > rarest ? term->idf : rarest;
                add_term(query, term, synonym_share * (idf > 0 && idf < term->idf ? idf : term->idf));
        }
        return idf > 0 ? idf : rarest;
}

/* What no article says may be a slip of the pen. Returns what the word is worth then, 0: it is a stranger. */
static float add_neighbour(const struct kb_index *index, const struct kb_words *words, struct str stem,
                           struct kb_query *query)
{
        if (utf8_count(str_from(words->lower)) < KB_TYPO_LETTERS_MIN)
                return 0;
        const struct kb_term *term = kb_typo_find(index, stem);
        if (!term)
                return 0;
        add_term(query, term, typo_share * term->idf);
        return term->idf;
}

static void add_word(const struct kb_index *index, const struct kb_ask *ask, const struct kb_words *words,
                     struct str stem, struct kb_query *query)
{
        uint64_t hash = hash64(stem);
        if (is_repeated(query, hash))
                return;
        query->hashes[query->word_count++] = hash;
        const struct kb_term *term = kb_index_find(index, stem, hash);
        if (term)
                add_term(query, term, term->idf);
        float worth = add_synonyms(index, ask, hash, term ? term->idf : 0, query);
        if (worth == 0)
                worth = add_neighbour(index, words, stem, query);
        if (worth == 0)
                query->strangers += index->unknown_idf;
        query->weight += worth > 0 ? worth : index->unknown_idf;
}

void kb_query_read(const struct kb_index *index, const struct kb_stemmers *stemmers, const struct kb_ask *ask,
                   struct kb_query *ret_query)
{
        ret_query->stemmer = kb_stemmer(stemmers, kb_language(ask->language.ptr ? ask->language : ask->locale));
        struct kb_words words = {.rest = ask->text.safe, .stemmer = ret_query->stemmer};
        ret_query->weight = ret_query->strangers = 0;
        ret_query->count = ret_query->word_count = 0;
        for (struct str stem = kb_words_next(&words); stem.ptr && ret_query->word_count < KB_QUERY_TERMS_MAX;
             stem = kb_words_next(&words))
                add_word(index, ask, &words, stem, ret_query);
}
