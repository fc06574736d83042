/* SPDX-License-Identifier: Apache-2.0 */
/* The phrases of all rules as one automaton over words; the inside of the safety net.
 *
 * Shift-And (Baeza-Yates, Gonnet 1992), with words for letters: every word of every phrase is a
 * position, a bit. A text read so far is the set of positions that it stands on; a word moves the
 * set one on and keeps what the word fits. A word is looked up once and gives the terms that it
 * can stand for (itself, itself as written, the beginnings that phrases ask for); each term knows
 * the positions that it fits, 64 to a block, so that a word costs what it touches and most words,
 * which fit nowhere, cost one look into a filter.
 */
#ifndef TEXT_SAFETY_INDEX_H
#define TEXT_SAFETY_INDEX_H

#include "text/safety_fold.h"
#include "text/safety_net.h"

enum {
        SAFETY_INDEX_MAX_BLOCKS = SAFETY_NET_MAX_POSITIONS / 64,
        SAFETY_INDEX_MAX_TERMS = 2 + SAFETY_PREFIX_MAX, /* of one word */
};

enum safety_use_kind { SAFETY_USE_PHRASE, SAFETY_USE_UNLESS, SAFETY_USE_NEEDS };

/* What a phrase that ends on a position means to which rule. */
struct safety_use {
        uint16_t rule;
        uint8_t words; /* of the phrase */
        uint8_t kind;  /* enum safety_use_kind */
};

struct safety_slot {
        uint64_t key;
        uint32_t term;
};

/* The positions of one block that a term fits. */
struct safety_fit {
        uint64_t bits;
        uint32_t block;
};

struct safety_index {
        struct safety_fold *fold;   /* owns, like the rest */
        struct safety_slot *slots;  /* hash of a word and how it is compared -> term; open addressing */
        uint64_t slot_mask;
        uint64_t *filter;           /* a bit for each term */
        uint32_t prefix_lengths;    /* bit n: some phrase asks for a beginning of n letters */
        bool has_written;           /* some phrase is compared as written */
        uint32_t term_count;
        uint32_t *first_fit;        /* by term, and one more: where its fits begin */
        struct safety_fit *fits;
        uint32_t position_count;
        uint64_t *starts;           /* by block: first words of phrases */
        uint64_t *ends;             /* by block: last words */
        struct safety_use *uses;    /* by position; meant for last words only */
};

/* The phrases of `rules` are checked; a note names the rule and the phrase. */
enum err safety_index_new(const struct safety_rule *rules, size_t count, struct safety_index **ret_index,
                          struct err_note *note) MUST_USE;

void safety_index_free(struct safety_index *index);

/* The terms that the word can stand for; returns how many. */
size_t safety_index_terms(const struct safety_index *index, const struct safety_word *word,
                          uint32_t ret_terms[SAFETY_INDEX_MAX_TERMS]);

#endif
