/* SPDX-License-Identifier: Apache-2.0 */
/* Words of a text as the knowledge base compares them: lower case, stemmed in their language,
 * without stop words, numbers and the redactor's tags. Pure, but for the caller's stemmer. */
#ifndef TEXT_KB_WORDS_H
#define TEXT_KB_WORDS_H

#include "text/kb_language.h"

enum { KB_WORD_BYTES = 48 }; /* longer words are not words that two texts share */

struct kb_words {
        struct str rest;                  /* borrows */
        const struct kb_stemmer *stemmer; /* borrows */
        char lower[KB_WORD_BYTES];
};

/* The next stem, valid until the next call; absent at the end. */
struct str kb_words_next(struct kb_words *words);

#endif
