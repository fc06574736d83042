/* SPDX-License-Identifier: Apache-2.0 */
/* The words of a text as the safety net compares them: folded and hashed, never copied.
 *
 * Folding forgets what people and keyboards vary: case, accents, width (full-width and
 * mathematical letters), apostrophes, zero-width characters and soft hyphens. All else that is
 * neither letter nor digit parts words. In scripts that are written without spaces (Han, kana,
 * Thai, Lao, Khmer, Myanmar) each letter is a word, so that a phrase is found inside a sentence.
 *
 * A word is known by a 64-bit hash of its letters; the hash after each of its first letters is
 * kept as well, because a phrase may ask for a beginning only. A table is immutable and may be
 * used by many threads; reading allocates nothing and is linear in the text.
 */
#ifndef TEXT_SAFETY_FOLD_H
#define TEXT_SAFETY_FOLD_H

#include "base/str.h"

enum { SAFETY_PREFIX_MAX = 24 }; /* letters of a word whose beginnings can be asked for */

struct safety_fold;

/* Owned by the caller; freed with free(). About 120 KiB. */
struct safety_fold *safety_fold_new(void);

struct safety_word {
        uint64_t folded;                       /* hash of the folded letters */
        uint64_t written;                      /* hash of the letters as they were written */
        uint64_t beginning[SAFETY_PREFIX_MAX]; /* [n]: hash of the first n + 1 folded letters */
        unsigned letters;                      /* folded letters */
};

/* Takes the next word off the front of *text; false when there is none left. Bytes that are not
 * UTF-8 part words. */
bool safety_fold_next(const struct safety_fold *fold, struct str *text, struct safety_word *ret_word);

#endif
