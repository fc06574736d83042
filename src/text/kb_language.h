/* SPDX-License-Identifier: Apache-2.0 */
/* The languages of the knowledge base: their stemmers (Snowball) and stop words. A text in any other language is
 * read as if it were English: its words are found, its forms are not. */
#ifndef TEXT_KB_LANGUAGE_H
#define TEXT_KB_LANGUAGE_H

#include "base/str.h"

struct sb_stemmer;

enum { KB_STEMMER_COUNT = 5 };

struct kb_stemmer {
        uint32_t language;
        struct sb_stemmer *snowball; /* owns; one thread at a time */
        const char *const *stop_words;
        size_t stop_word_count;
};

struct kb_stemmers {
        struct kb_stemmer of[KB_STEMMER_COUNT];
};

void kb_stemmers_init(struct kb_stemmers *stemmers);
void kb_stemmers_deinit(struct kb_stemmers *stemmers);

/* A number for the language of a BCP 47 tag, the same for "de" and "de-AT"; 0 for none. */
uint32_t kb_language(struct str locale);

const struct kb_stemmer *kb_stemmer(const struct kb_stemmers *stemmers, uint32_t language);

/* `word` in lower case. */
bool kb_is_stop_word(const struct kb_stemmer *stemmer, const char *word);

#endif
