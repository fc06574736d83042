/* SPDX-License-Identifier: Apache-2.0 */
/* The index's word behind a misspelt one: at edit distance 1 (a letter too many, too few, another one, or two in
 * the wrong order), with the same first letter.
 *
 * By deletion neighbourhoods, as SymSpell (Garbe 2012) does it: two words at distance 1 share a form with at most one
 * letter taken out, so that every term is listed under its own forms, and a word is looked up under its own. */
#ifndef TEXT_KB_TYPO_H
#define TEXT_KB_TYPO_H

#include "text/kb_terms.h"

enum {
        KB_TYPO_LETTERS_MIN = 5,    /* shorter words have too many neighbours */
        KB_TYPO_TERMS_MAX = 200000, /* later terms of a larger index are found as they are written only */
};

/* Lists the index's terms; once, when it has them all. */
void kb_typo_build(struct kb_index *index);

/* Of several the one that most articles say; NULL for none. `stem` is no term of the index. */
const struct kb_term *kb_typo_find(const struct kb_index *index, struct str stem);

#endif
