/* SPDX-License-Identifier: Apache-2.0 */
/* A text as tokens: words, numbers, what mixes the two, tags of ours, line ends, punctuation.
 *
 * One pass of an automaton made by re2c. Words and phrases that announce personal data ("date of birth",
 * "sort code") are one token with a topic. Pure.
 */
#ifndef TEXT_REDACT_TOKEN_H
#define TEXT_REDACT_TOKEN_H

#include "base/str.h"

enum token_kind { TOKEN_END, TOKEN_WORD, TOKEN_NUMBER, TOKEN_MIXED, TOKEN_TAG, TOKEN_LINE, TOKEN_PUNCT };

/* What the words announce. */
enum topic {
        TOPIC_NONE,
        TOPIC_PASSPORT,
        TOPIC_LICENCE,
        TOPIC_NATIONAL,
        TOPIC_BANK,
        TOPIC_CODE,      /* card check value, PIN, one-time code */
        TOPIC_SSN,
        TOPIC_PHONE,
        TOPIC_CARD,
        TOPIC_OTHER,     /* record, policy and vehicle numbers */
        TOPIC_POSTCODE,
        TOPIC_REFERENCE, /* orders, parcels, invoices: their numbers are nobody's */
        TOPIC_WALLET,
        TOPIC_PASSWORD,
        TOPIC_USER,
        TOPIC_SECRET,
        TOPIC_BIRTH,
        TOPIC_ADDRESS,
        TOPIC_NAME,      /* "my name is": a name follows, whatever it looks like */
        TOPIC_NAME_WORD, /* "last name": one does behind a verb or a colon */
        TOPIC_FOR,       /* "reservation for": one does when it has capitals */
        TOPIC_GREETING,
        TOPIC_CLOSING,
        TOPIC_COUNT
};

enum letter_case { CASE_NONE, CASE_LOWER, CASE_TITLE, CASE_UPPER, CASE_MIXED, CASE_INITIAL };

struct token {
        uint32_t start;
        uint32_t end;
        uint16_t bits; /* enum lexicon_bit, for words */
        uint8_t kind;
        uint8_t topic;
        uint8_t letters; /* enum letter_case */
        bool is_taken;   /* part of a find already */
};

/* The token at text.ptr + at; its start is behind the blanks there. `bits` and `letters` are not filled in. */
struct token token_next(struct str text, size_t at);

#endif
