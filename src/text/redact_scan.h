/* SPDX-License-Identifier: Apache-2.0 */
/* One text being searched: its tokens, and the finds so far. For the redactor's own files.
 *
 * Each detector walks the tokens once and notes what it finds; scan_settle() then lets the finds of the
 * higher rank stand where some overlap, and marks their tokens as taken for the detectors that follow.
 * No find ever covers a tag of ours.
 */
#ifndef TEXT_REDACT_SCAN_H
#define TEXT_REDACT_SCAN_H

#include "text/redact.h"
#include "text/redact_lexicon.h"
#include "text/redact_token.h"

struct scan {
        struct str text;
        struct token *tokens; /* owns */
        size_t count;
        struct pii_span *finds; /* owns; sorted and apart after scan_settle() */
        size_t found;
        size_t room;
        size_t settled; /* finds that have been settled */
        uint32_t topics, bits; /* of all tokens together: what is not there need not be looked for */
        bool has_digits, has_capitals, has_signs; /* signs: @ : - */
        uint32_t types; /* bits of enum pii_type that are wanted */
        const struct str *known_names;
        size_t known_count;
        bool is_whole; /* a text that is nothing but one value may be taken for one */
};

void scan_init(struct scan *scan, struct str text);
void scan_deinit(struct scan *scan);

void scan_note(struct scan *scan, size_t start, size_t end, enum pii_type type);
void scan_settle(struct scan *scan);

extern const struct token token_none;

/* The i-th token; one of kind TOKEN_END before the first and behind the last. */
static inline const struct token *scan_token(const struct scan *scan, ptrdiff_t i)
{
        return (size_t)i < scan->count ? &scan->tokens[i] : &token_none;
}

/* A letter or digit as numbers are compared, in capitals; NUL for any other byte. */
static inline char plain_char(char c)
{
        if (c >= '0' && c <= '9')
                return c;
        char upper = (char)(c & ~0x20);
        return upper >= 'A' && upper <= 'Z' ? upper : '\0';
}

static inline struct str token_text(const struct scan *scan, const struct token *token)
{
        return (struct str){scan->text.ptr + token->start, token->end - token->start};
}

static inline bool token_is(const struct scan *scan, const struct token *token, char c)
{
        return token->kind == TOKEN_PUNCT && token->end - token->start == 1 &&
               scan->text.ptr[token->start] == c;
}

/* Whether nothing stands between the two. */
static inline bool token_touches(const struct token *left, const struct token *right)
{
        return left->end == right->start;
}

static inline bool token_has_digit(const struct token *token)
{
        return token->kind == TOKEN_NUMBER || token->kind == TOKEN_MIXED;
}

static inline bool token_is_word(const struct scan *scan, const struct token *token, struct str word)
{
        return token->end - token->start == word.len && token->kind == TOKEN_WORD &&
               ((scan->text.ptr[token->start] ^ word.ptr[0]) & ~0x20) == 0 &&
               str_equal_nocase(token_text(scan, token), word);
}

static inline bool token_is_one_of(const struct scan *scan, const struct token *token,
                                   const struct str *words, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (token_is_word(scan, token, words[i]))
                        return true;
        return false;
}

/* Whether a sentence ends with that token: a line end, or a full stop and a blank behind it. */
bool token_ends_sentence(const struct scan *scan, ptrdiff_t i);

/* The detectors. */
void scan_structured(struct scan *scan); /* e-mail, phone, card, SSN, IBAN, IP */
void scan_secrets(struct scan *scan);    /* keys, tokens, credentials in URLs, wallets, MAC addresses */
void scan_spoken(struct scan *scan);     /* digits as words, "at" and "dot" */
void scan_announced(struct scan *scan);  /* what a topic announces: passports, PINs, passwords, … */
void scan_national(struct scan *scan);   /* numbers with a form or check digit of their own */
void scan_addresses(struct scan *scan);
void scan_names(struct scan *scan);

#endif
