/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact_scan.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdlib.h>

static const unsigned char ranks[PII_TYPE_COUNT] = {
#define PII(symbol, name, rank) [PII_##symbol] = rank,
#include "text/pii.def"
#undef PII
};

static bool is_word_byte(char c)
{
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (unsigned char)c >= 0xc3;
}

static enum letter_case letters_of(struct str word)
{
        size_t capitals = 0, letters = word.len;
        for (size_t at = 0; at < word.len; at++) {
                unsigned char c = (unsigned char)word.ptr[at];
                capitals += c >= 'A' && c <= 'Z';
                if (c < 0x80)
                        continue;
                if ((c & 0xc0) == 0x80)
                        letters--;
                else
                        capitals += is_capital((struct str){word.ptr + at, word.len - at});
        }
        if (capitals == 0)
                return CASE_LOWER;
        if (capitals == letters)
                return letters == 1 ? CASE_INITIAL : CASE_UPPER;
        return is_capital(word) && (capitals == 1 || (capitals == 2 && letters > 4)) ? CASE_TITLE : CASE_MIXED;
}

static void describe(struct str text, struct token *token)
{
        struct str word = {text.ptr + token->start, token->end - token->start};
        bool is_cut = token->end < text.len && is_word_byte(text.ptr[token->end]);
        if (token->topic && is_cut)
                token->topic = TOPIC_NONE;
        if (token->kind != TOKEN_WORD && token->kind != TOKEN_MIXED)
                return;
        token->letters = (uint8_t)letters_of(word);
        token->bits = (uint16_t)lexicon_bits(word);
}

static void summarise(struct scan *scan, const struct token *token)
{
        scan->topics |= 1U << token->topic;
        scan->bits |= token->bits;
        scan->has_digits = scan->has_digits || token_has_digit(token);
        scan->has_capitals =
                scan->has_capitals || (token->letters > CASE_LOWER && token->letters != CASE_INITIAL);
        scan->has_signs = scan->has_signs || token_is(scan, token, ':') || token_is(scan, token, '@') ||
                          token_is(scan, token, '-');
}

void scan_init(struct scan *scan, struct str text)
{
        size_t room = text.len / 4 + 16;
        *scan = (struct scan){.text = text, .types = UINT32_MAX};
        scan->tokens = alloc_resize(NULL, room * sizeof *scan->tokens);
        for (struct token token = token_next(text, 0); token.kind != TOKEN_END;
             token = token_next(text, token.end)) {
                if (scan->count == room)
                        scan->tokens = alloc_resize(scan->tokens, (room *= 2) * sizeof *scan->tokens);
                describe(text, &token);
                summarise(scan, &token);
                scan->tokens[scan->count++] = token;
        }
}

void scan_deinit(struct scan *scan)
{
        free(scan->tokens);
        free(scan->finds);
}

const struct token token_none = {.kind = TOKEN_END};

bool token_ends_sentence(const struct scan *scan, ptrdiff_t i)
{
        const struct token *token = scan_token(scan, i), *next = scan_token(scan, i + 1);
        if (token->kind == TOKEN_LINE || token->kind == TOKEN_END)
                return true;
        if (!token_is(scan, token, '.') && !token_is(scan, token, '?') && !token_is(scan, token, '!'))
                return false;
        return next->kind == TOKEN_END || next->kind == TOKEN_LINE || !token_touches(token, next);
}

void scan_note(struct scan *scan, size_t start, size_t end, enum pii_type type)
{
        if (!(scan->types & 1U << type) || start >= end)
                return;
        if (scan->found == scan->room) {
                scan->room = scan->room ? scan->room * 2 : 16;
                scan->finds = alloc_resize(scan->finds, scan->room * sizeof *scan->finds);
        }
        scan->finds[scan->found++] = (struct pii_span){start, end, type};
}

static int by_start(const void *left, const void *right)
{
        const struct pii_span *a = left, *b = right;
        if (a->start != b->start)
                return a->start < b->start ? -1 : 1;
        if (a->end != b->end)
                return a->end > b->end ? -1 : 1;
        return (int)ranks[b->type] - (int)ranks[a->type];
}

/* Of two that overlap the higher rank stands; of equals the longer. */
static bool outranks(const struct pii_span *a, const struct pii_span *b)
{
        if (ranks[a->type] != ranks[b->type])
                return ranks[a->type] > ranks[b->type];
        return a->end - a->start > b->end - b->start;
}

/* Marks the tokens of the finds, and drops each find that holds a tag. */
static void mark_taken(struct scan *scan)
{
        size_t token = 0, kept = 0;
        for (size_t i = 0; i < scan->found; i++) {
                const struct pii_span span = scan->finds[i];
                bool has_tag = false;
                while (token < scan->count && scan->tokens[token].end <= span.start)
                        token++;
                for (size_t at = token; at < scan->count && scan->tokens[at].start < span.end; at++)
                        has_tag = has_tag || scan->tokens[at].kind == TOKEN_TAG;
                if (has_tag)
                        continue;
                for (; token < scan->count && scan->tokens[token].end <= span.end; token++)
                        scan->tokens[token].is_taken = true;
                if (token < scan->count && scan->tokens[token].start < span.end)
                        scan->tokens[token].is_taken = true;
                scan->finds[kept++] = span;
        }
        scan->found = kept;
}

void scan_settle(struct scan *scan)
{
        size_t kept = 0;
        if (scan->found == scan->settled)
                return;
        qsort(scan->finds, scan->found, sizeof *scan->finds, by_start);
        for (size_t i = 0; i < scan->found; i++) {
                struct pii_span span = scan->finds[i];
                struct pii_span *last = kept ? &scan->finds[kept - 1] : NULL;
                bool overlaps = last && last->end > span.start;
                if (overlaps && !outranks(&span, last))
                        continue;
                if (overlaps)
                        kept--;
                scan->finds[kept++] = span;
        }
        scan->found = kept;
        mark_taken(scan);
        scan->settled = scan->found;
}
