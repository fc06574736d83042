/* SPDX-License-Identifier: Apache-2.0 */
/* The phrases of all rules, found by their rarest words; the inside of the safety net.
 *
 * Every word of every phrase is a position, which fits one or more terms (the words of a group). A
 * word of a text is looked up once and gives the terms that it can stand for: itself, itself as
 * written, the beginnings that phrases ask for. Each phrase hangs on its anchor, the position whose
 * terms the phrases use least: "my" and "the" then cost nothing, and a word that is an anchor has
 * few phrases to compare with the words around it.
 */
#ifndef TEXT_SAFETY_INDEX_H
#define TEXT_SAFETY_INDEX_H

#include "text/safety_fold.h"
#include "text/safety_net.h"

enum { SAFETY_INDEX_MAX_TERMS = 2 + SAFETY_PREFIX_MAX }; /* of one word */

enum safety_use_kind { SAFETY_USE_PHRASE, SAFETY_USE_UNLESS, SAFETY_USE_NEEDS };

/* A phrase, and what it means to which rule. */
struct safety_phrase {
        uint32_t first; /* position of its first word */
        uint16_t rule;
        uint8_t words;
        uint8_t anchor; /* 0: its first word */
        enum safety_use_kind kind;
};

struct safety_slot {
        uint64_t key;
        uint32_t term;
};

struct safety_index {
        struct safety_fold *fold;  /* owns, like the rest */
        struct safety_slot *slots; /* hash of a word and how it is compared -> term; open addressing */
        uint64_t slot_mask;
        uint64_t *filter;        /* a bit for each term */
        uint32_t prefix_lengths; /* bit n: some phrase asks for a beginning of n letters */
        bool has_written;        /* some phrase is compared as written */
        uint32_t term_count;
        struct safety_phrase *phrases;
        uint32_t phrase_count;
        uint32_t position_count;
        uint32_t *fits;           /* the terms that positions fit, sorted within each */
        uint32_t *first_fit;      /* by position, and one more: where its terms begin in `fits` */
        uint32_t *anchored;       /* phrases, by the terms of their anchors */
        uint32_t *first_anchored; /* by term, and one more: where its phrases begin in `anchored` */
};

/* The phrases of `rules` are checked; a note names the rule and the phrase. */
enum err safety_index_new(const struct safety_rule *rules, size_t count, struct safety_index **ret_index,
                          struct err_note *note) MUST_USE;

void safety_index_free(struct safety_index *index);

/* The terms that the word can stand for; returns how many. */
size_t safety_index_terms(const struct safety_index *index, const struct safety_word *word,
                          uint32_t ret_terms[SAFETY_INDEX_MAX_TERMS]);

/* Whether a word with these terms fits the position. */
bool safety_index_fits(const struct safety_index *index, uint32_t position, const uint32_t *terms,
                       size_t count);

#endif
