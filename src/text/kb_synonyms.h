/* SPDX-License-Identifier: Apache-2.0 */
/* Words that mean the same to a knowledge base: lists of them, looked up by stem.
 *
 * Filled once by whoever reads the policy, then read by many threads at a time. A search takes a synonym of
 * a question's word for a little less than the word itself (kb_index.h). */
#ifndef TEXT_KB_SYNONYMS_H
#define TEXT_KB_SYNONYMS_H

#include "base/err.h"
#include "base/str.h"

enum { KB_SYNONYM_LISTS_MAX = 1024, KB_SYNONYMS_MAX = 16 /* words of a list */ };

struct kb_synonym {
        struct str stem;
        uint64_t hash; /* hash64() of the stem */
};

struct kb_synonyms;

struct kb_synonyms *kb_synonyms_new(void);
void kb_synonyms_free(struct kb_synonyms *synonyms);

/* Words of that locale's language; absent: of any, their forms being English ones. ERR_INVALID for a word that is none or several to the search, or that stands in a list already; for a
 * list of fewer than two words, or too many; for too many lists. The note says which, and what to do. */
enum err kb_synonyms_add(struct kb_synonyms *synonyms, struct str locale, const struct str *words, size_t count,
                         struct err_note *note) MUST_USE;

/* The list of that language (kb_language()), or of any, that holds the stem, itself included; 0 words when none does. `synonyms` may be NULL. Borrowed. */
size_t kb_synonyms_find(const struct kb_synonyms *synonyms, uint32_t language, uint64_t hash,
                        const struct kb_synonym **ret_words);

#endif
