/* SPDX-License-Identifier: Apache-2.0 */
/* What single words are: names, places, parts of addresses. Made from data/redaction/ at build time.
 *
 * Pure. Words are looked up in small letters without accents; the lexicon folds them.
 */
#ifndef TEXT_REDACT_LEXICON_H
#define TEXT_REDACT_LEXICON_H

#include "base/str.h"

/* In the order of BITS in tools/make_lexicon.py. */
enum lexicon_bit {
        LEX_GIVEN = 1,
        LEX_FAMILY = 2,
        LEX_COMMON = 4, /* may well be no name */
        LEX_PLACE = 8,
        LEX_ORG = 16,
        LEX_MONTH = 32,
        LEX_STREET = 64,         /* "Street", "gatan": at the end of a street's name */
        LEX_STREET_BEFORE = 128, /* "rue", "Via": at its start */
        LEX_UNIT = 256,
        LEX_STATE = 512,
        LEX_TITLE = 1024,
        LEX_JOINER = 2048, /* "van", "de": within a name */
        LEX_DIGIT = 4096,
        LEX_BARE = 8192, /* a given name that is a word or a place, too: needs a second sign */
};

/* The bits of a word, 0 for one that is not listed. */
unsigned lexicon_bits(struct str word);

/* The word in small letters without accents, for letters of Latin script; others stay. Returns the length,
 * 0 when it has more than `capacity` bytes. */
size_t lexicon_fold(struct str word, char *ret_word, size_t capacity);

/* Whether the character that begins there is a capital letter. */
bool is_capital(struct str text);

enum { LEXICON_SLOTS = 1 << 14 };
struct lexicon_slot {
        uint32_t place;
        uint16_t bits;
        uint8_t len;
};
extern const unsigned char lexicon_pool[];
extern const struct lexicon_slot lexicon_slots[LEXICON_SLOTS];

#endif
