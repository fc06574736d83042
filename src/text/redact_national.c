/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers of persons that are told by their form and check digit, with or without words around them. */
#include "text/redact_check.h"
#include "text/redact_check_national.h"
#include "text/redact_scan.h"

#include <string.h>

enum { PLAIN_MAX = 24, GROUPS_MAX = 6, REACH = 8, SHORTEST = 7, LONGEST = 18 };

enum trust { FORM, ANSWER };

static const struct id {
        enum pii_type type;
        struct str form;
        const char *groups;
        bool (*check)(struct str text);
        enum trust trust;
} ids[] = {
#define ID(type_, form_, groups_, check_, trust_) {PII_##type_, STR_INIT(form_), groups_, check_, trust_},
#include "text/pii_national.def"
#undef ID
};

/* Tokens joined by single signs, as one number. */
struct candidate {
        char plain[PLAIN_MAX];
        size_t len;
        char groups[GROUPS_MAX + 1]; /* "334" */
        size_t count;
        size_t end;
};

static bool add(const struct scan *scan, struct candidate *candidate, const struct token *token)
{
        struct str piece = token_text(scan, token);
        if (candidate->count == GROUPS_MAX || candidate->len + piece.len > PLAIN_MAX || piece.len > LONGEST)
                return false;
        for (size_t i = 0; i < piece.len; i++) {
                char c = plain_char(piece.ptr[i]);
                if (!c)
                        return false;
                candidate->plain[candidate->len++] = c;
        }
        candidate->groups[candidate->count++] = (char)('0' + piece.len);
        candidate->end = token->end;
        return true;
}

/* Of the same length. */
static bool matches_form(const struct candidate *candidate, struct str form)
{
        for (size_t i = 0; i < candidate->len; i++) {
                char c = candidate->plain[i];
                bool is_digit = c >= '0' && c <= '9';
                if (form.ptr[i] == '9'   ? !is_digit
                    : form.ptr[i] == 'A' ? is_digit
                                         : form.ptr[i] != 'X' && form.ptr[i] != c)
                        return false;
        }
        return true;
}

static bool matches_groups(const struct candidate *candidate, const char *groups)
{
        if (!groups)
                return true;
        return *groups ? strlen(groups) == candidate->count &&
                                 memcmp(groups, candidate->groups, candidate->count) == 0
                       : candidate->count == 1;
}

static bool has_letter(const struct candidate *candidate)
{
        for (size_t i = 0; i < candidate->len; i++)
                if (candidate->plain[i] > '9')
                        return true;
        return false;
}

static const struct id *id_of(const struct candidate *candidate, bool is_answer)
{
        if (candidate->len < SHORTEST || candidate->len > LONGEST)
                return NULL;
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
                const struct id *id = &ids[i];
                if (id->form.len != candidate->len)
                        continue;
                if ((id->trust == FORM || is_answer) && matches_form(candidate, id->form) &&
                    matches_groups(candidate, id->groups) &&
                    (!id->check || id->check((struct str){candidate->plain, candidate->len})))
                        return id;
        }
        return NULL;
}

/* Whether the words before it say that it is an order, a parcel or the like. */
static bool is_reference(const struct scan *scan, ptrdiff_t i)
{
        for (ptrdiff_t at = i - 1; at >= i - REACH && !token_ends_sentence(scan, at); at--)
                if (scan_token(scan, at)->topic)
                        return scan_token(scan, at)->topic == TOPIC_REFERENCE;
        return false;
}

static bool is_joint(const struct scan *scan, const struct token *token)
{
        return token->kind == TOKEN_PUNCT && token->end - token->start == 1 &&
               memchr("-/.:", scan->text.ptr[token->start], 4);
}

/* Nothing else in the text, but for punctuation and other such numbers. */
static bool is_whole(const struct scan *scan)
{
        size_t words = 0;
        if (!scan->is_whole || scan->count > 10)
                return false;
        for (size_t i = 0; i < scan->count; i++)
                words += scan->tokens[i].kind == TOKEN_WORD && scan->tokens[i].end - scan->tokens[i].start > 3;
        return words == 0;
}

static ptrdiff_t find_number(struct scan *scan, ptrdiff_t i, bool is_answer)
{
        struct candidate candidate = {.len = 0};
        const struct id *best = NULL;
        size_t end = 0;
        bool has_sign = false; /* one that is seen between digits only */
        ptrdiff_t next = i + 1;
        for (ptrdiff_t at = i; at <= i + 2 * GROUPS_MAX; at++) {
                const struct token *token = scan_token(scan, at), *before = scan_token(scan, at - 1);
                if (at > i && is_joint(scan, token) && token_touches(before, token)) {
                        has_sign = has_sign || !token_is(scan, token, '-');
                        continue;
                }
                bool is_far = at > i && token->start - before->end > 1;
                if (is_far || token->is_taken || token->kind < TOKEN_WORD || token->kind > TOKEN_MIXED ||
                    !add(scan, &candidate, token))
                        break;
                const struct token *behind = scan_token(scan, at + 1), *far = scan_token(scan, at + 2);
                bool is_cut = is_joint(scan, behind) && token_touches(token, behind) &&
                              token_touches(behind, far) && far->kind <= TOKEN_MIXED &&
                              far->kind != TOKEN_END;
                bool is_head = token->kind == TOKEN_NUMBER && behind->kind == TOKEN_NUMBER &&
                               behind->start == token->end + 1;
                const struct id *id = is_cut || is_head || (has_sign && has_letter(&candidate))
                                              ? NULL
                                              : id_of(&candidate, is_answer);
                if (id) {
                        best = id;
                        end = candidate.end;
                        next = at + 1;
                }
        }
        if (!best || is_reference(scan, i))
                return i + 1;
        scan_note(scan, scan_token(scan, i)->start, end, best->type);
        return next;
}

/* British post codes: area, district, a blank, sector, unit. */
static void find_postcode(struct scan *scan, ptrdiff_t i)
{
        const struct token *out = scan_token(scan, i), *in = scan_token(scan, i + 1);
        char plain[8];
        size_t len = out->end - out->start, in_len = in->end - in->start;
        bool is_pair = len <= 4 && in->kind == TOKEN_MIXED && in_len == 3 && in->start == out->end + 1 &&
                       !in->is_taken;
        bool is_one = len >= 5 && len <= 7;
        if (!is_pair && !is_one)
                return;
        memcpy(plain, scan->text.ptr + out->start, len);
        if (is_pair)
                memcpy(plain + len, scan->text.ptr + in->start, 3);
        size_t total = is_pair ? len + 3 : len, capitals = 0;
        for (size_t k = 0; k < total; k++) {
                capitals += plain[k] >= 'A' && plain[k] <= 'Z';
                plain[k] = (char)(plain[k] >= 'a' && plain[k] <= 'z' ? plain[k] & ~0x20 : plain[k]);
        }
        if (check_uk_postcode((struct str){plain, total}) && (is_pair ? capitals >= 1 : capitals >= 3) &&
            !is_reference(scan, i))
                scan_note(scan, out->start, is_pair ? in->end : out->end, PII_POSTCODE);
}

void scan_national(struct scan *scan)
{
        bool is_answer = is_whole(scan);
        for (ptrdiff_t i = 0; (size_t)i < scan->count;) {
                const struct token *token = scan_token(scan, i), *before = scan_token(scan, i - 1);
                bool is_word = token->kind == TOKEN_WORD && token->letters != CASE_LOWER &&
                               token->end - token->start <= 6 &&
                               (token_has_digit(scan_token(scan, i + 1)) ||
                                token_is(scan, scan_token(scan, i + 1), '-'));
                if (!is_word && !token_has_digit(token)) {
                        i++;
                        continue;
                }
                bool is_glued = token_touches(before, token) &&
                                (before->kind == TOKEN_PUNCT &&
                                 memchr("-/.:#$@_+)", scan->text.ptr[before->start], 10));
                bool is_tail = before->kind == TOKEN_NUMBER && token->kind == TOKEN_NUMBER &&
                               token->start == before->end + 1;
                if (token->is_taken || is_glued || is_tail) {
                        i++;
                        continue;
                }
                ptrdiff_t next = find_number(scan, i, is_answer);
                if (next == i + 1 && token->kind == TOKEN_MIXED)
                        find_postcode(scan, i);
                i = next;
        }
}
