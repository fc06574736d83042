/* SPDX-License-Identifier: Apache-2.0 */
/* Values that words announce: "my passport number on file should be Y98765432", "password: hunter2",
 * "98109 is my zip code". The topic says which forms are taken for a value of it. */
#include "text/redact_scan.h"

#include <string.h>

enum { REACH = 12, PIECES_MAX = 8, PLAIN_MAX = 40 };

/* A value that may hold spaces, dashes and the like, and what it is without them. */
struct value {
        size_t start, end;
        size_t len, digits, letters;
        bool has_space;
        char plain[PLAIN_MAX];
};

/* What a topic's values look like. Without `with_letters` only digits; `spaced`: blanks may stand in it. */
static const struct form {
        unsigned char topic, type;
        unsigned char min_len, max_len, min_digits, max_letters;
        bool is_spaced;
} forms[] = {
        {TOPIC_PASSPORT, PII_PASSPORT, 6, 12, 3, 5, false},
        {TOPIC_LICENCE, PII_DRIVER_LICENSE, 5, 20, 3, 12, true},
        {TOPIC_NATIONAL, PII_NATIONAL_ID, 6, 20, 5, 9, true},
        {TOPIC_BANK, PII_BANK_ACCOUNT, 6, 20, 5, 5, true},
        {TOPIC_CODE, PII_CVV, 3, 8, 3, 0, false},
        {TOPIC_SSN, PII_US_SSN, 9, 9, 9, 0, true},
        {TOPIC_OTHER, PII_OTHER_ID, 4, 20, 2, 12, true},
        {TOPIC_POSTCODE, PII_POSTCODE, 4, 9, 2, 4, true},
};

static const struct form *form_of(enum topic topic)
{
        for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
                if (forms[i].topic == topic)
                        return &forms[i];
        return NULL;
}

static bool add_piece(const struct scan *scan, struct value *value, const struct token *token)
{
        struct str piece = token_text(scan, token);
        if (value->len + piece.len > PLAIN_MAX)
                return false;
        for (size_t i = 0; i < piece.len; i++) {
                char c = plain_char(piece.ptr[i]);
                if (!c)
                        return false;
                value->digits += c <= '9';
                value->letters += c > '9';
                value->plain[value->len++] = c;
        }
        value->end = token->end;
        return true;
}

static bool is_piece(const struct token *token)
{
        bool is_letters = token->kind == TOKEN_WORD && !token->topic && token->end - token->start <= 5 &&
                          (token->letters == CASE_UPPER || token->letters == CASE_INITIAL);
        return !token->is_taken && (token_has_digit(token) || is_letters);
}

/* The i-th token and `pieces` - 1 behind it, joined by one sign each. The number of tokens read; 0: no. */
static ptrdiff_t read_value(const struct scan *scan, ptrdiff_t i, size_t pieces, struct value *ret_value)
{
        ptrdiff_t at = i;
        *ret_value = (struct value){.start = scan_token(scan, i)->start};
        for (size_t piece = 0; piece < pieces; piece++) {
                const struct token *token = scan_token(scan, at), *before = scan_token(scan, at - 1);
                if (piece && token->kind == TOKEN_PUNCT && token_touches(before, token) &&
                    memchr("-/.:", scan->text.ptr[token->start], 4)) {
                        if (!token_touches(token, scan_token(scan, at + 1)))
                                return 0;
                        token = scan_token(scan, ++at);
                } else if (piece && token->start - before->end > 1) {
                        return 0;
                } else if (piece && token->start != before->end) {
                        ret_value->has_space = true;
                }
                bool is_first_word = piece == 0 && token->kind == TOKEN_WORD &&
                                     token_touches(token, scan_token(scan, at + 1));
                if (!(is_piece(token) || (is_first_word && !token->is_taken)) ||
                    !add_piece(scan, ret_value, token))
                        return 0;
                at++;
        }
        return at - i;
}

/* Whether letters, digits or signs stand right before or behind it. */
static bool is_cut(const struct scan *scan, const struct value *value)
{
        struct str text = scan->text;
        if (value->start && memchr("$.*@\\", text.ptr[value->start - 1], 5))
                return true;
        if (value->end + 1 < text.len && memchr("-/@:.,", text.ptr[value->end], 6)) {
                char next = text.ptr[value->end + 1];
                return (next >= '0' && next <= '9') || ((next | 0x20) >= 'a' && (next | 0x20) <= 'z');
        }
        return value->end < text.len && (text.ptr[value->end] == '%' || text.ptr[value->end] == '@');
}

static bool fits(const struct form *form, const struct value *value)
{
        return value->len >= form->min_len && value->len <= form->max_len &&
               value->digits >= form->min_digits && value->letters <= form->max_letters &&
               (form->is_spaced || !value->has_space);
}

/* The longest value of that form at the i-th token. */
static bool value_at(const struct scan *scan, ptrdiff_t i, const struct form *form, struct value *ret_value)
{
        for (size_t pieces = PIECES_MAX; pieces > 0; pieces--)
                if (read_value(scan, i, pieces, ret_value) && !is_cut(scan, ret_value) && fits(form, ret_value))
                        return true;
        return false;
}

/* Words that may stand between a topic and its value without changing whose the value is. */
static bool is_between(const struct token *token)
{
        return token->kind == TOKEN_WORD || token->kind == TOKEN_PUNCT || token->topic;
}

/* A line end between "Social security number:" and the number is no end; two are. */
static bool stops(const struct scan *scan, ptrdiff_t i)
{
        const struct token *token = scan_token(scan, i);
        if (token->kind == TOKEN_LINE)
                return !token_is(scan, scan_token(scan, i - 1), ':');
        return token->kind == TOKEN_TAG ||
               (token_ends_sentence(scan, i) && !token_is(scan, scan_token(scan, i - 1), '#') &&
                scan_token(scan, i - 1)->end - scan_token(scan, i - 1)->start > 2);
}

/* "on the account", "for my card": where the value is kept, not what it is. */
static bool is_place(const struct scan *scan, ptrdiff_t i)
{
        static const struct str owners[] = {STR_INIT("the"), STR_INIT("my"), STR_INIT("this"),
                                            STR_INIT("your"), STR_INIT("our")};
        static const struct str ways[] = {STR_INIT("on"), STR_INIT("in"),   STR_INIT("for"),
                                          STR_INIT("of"), STR_INIT("with"), STR_INIT("at")};
        bool is_owned = false, is_way = false;
        for (size_t k = 0; k < sizeof owners / sizeof *owners; k++)
                is_owned = is_owned || str_equal_nocase(token_text(scan, scan_token(scan, i - 1)), owners[k]);
        for (size_t k = 0; k < sizeof ways / sizeof *ways; k++)
                is_way = is_way || str_equal_nocase(token_text(scan, scan_token(scan, i - 2)), ways[k]);
        return is_owned && is_way &&
               !memchr(scan->text.ptr + scan_token(scan, i)->start, ' ',
                       scan_token(scan, i)->end - scan_token(scan, i)->start);
}

/* A later topic takes the earlier one's place; "ID" and "number" behind it do not. */
static void find_announced(struct scan *scan, ptrdiff_t i, const struct form *form)
{
        struct value value;
        bool has_list = false;
        for (ptrdiff_t at = i + 1; at <= i + REACH && !stops(scan, at); at++) {
                const struct token *token = scan_token(scan, at);
                if (token->topic && form_of(token->topic) != form && token->topic < TOPIC_PASSWORD &&
                    !is_place(scan, at))
                        return;
                if (!token->is_taken && value_at(scan, at, form, &value)) {
                        scan_note(scan, value.start, value.end, form->type);
                        has_list = true;
                        while (scan_token(scan, at + 1)->kind != TOKEN_END &&
                               scan_token(scan, at + 1)->end <= value.end)
                                at++;
                        continue;
                }
                bool is_and =
                        str_equal_nocase(token_text(scan, token), STR("and")) || token_is(scan, token, ',');
                if (has_list && !is_and && !token_is(scan, token, '\''))
                        return;
                if (!is_between(token))
                        return;
        }
}

/* "account number ending in 3310": the digits that are left of it. */
static void find_ending(struct scan *scan, ptrdiff_t i)
{
        static const struct str verbs[] = {STR_INIT("ending"), STR_INIT("ends")};
        static const struct str ways[] = {STR_INIT("in"), STR_INIT("with"), STR_INIT("on")};
        ptrdiff_t at = i + 1;
        if (!token_is_one_of(scan, scan_token(scan, at++), verbs, sizeof verbs / sizeof *verbs))
                return;
        at += token_is_one_of(scan, scan_token(scan, at), ways, sizeof ways / sizeof *ways);
        const struct token *first = scan_token(scan, at);
        while (token_is(scan, scan_token(scan, at), '*'))
                at++;
        const struct token *digits = scan_token(scan, at);
        size_t len = digits->end - digits->start;
        if (digits->kind == TOKEN_NUMBER && !digits->is_taken && len >= 3 && len <= 6)
                scan_note(scan, first->start, digits->end, PII_BANK_ACCOUNT);
}

/* "98109 is my zip code": the topic stands behind its value. */
static void find_explained(struct scan *scan, ptrdiff_t i, const struct form *form)
{
        static const struct str verbs[] = {STR_INIT("is"), STR_INIT("es"), STR_INIT("ist"), STR_INIT("est")};
        struct value value;
        for (ptrdiff_t at = i - 1; at > i - 5 && scan_token(scan, at)->kind == TOKEN_WORD; at--) {
                bool is_verb = false;
                for (size_t v = 0; v < sizeof verbs / sizeof *verbs; v++)
                        is_verb = is_verb || str_equal_nocase(token_text(scan, scan_token(scan, at)), verbs[v]);
                for (ptrdiff_t from = at - 4; is_verb && from < at; from++) {
                        ptrdiff_t read = from >= 0 && is_piece(scan_token(scan, from))
                                                 ? read_value(scan, from, (size_t)(at - from), &value)
                                                 : 0;
                        if (read == at - from && fits(form, &value) && !is_cut(scan, &value)) {
                                scan_note(scan, value.start, value.end, form->type);
                                return;
                        }
                }
        }
}

/* ---- passwords and user names: any run of characters ---- */

static size_t skip_signs(struct str text, size_t at, size_t *ret_signs)
{
        while (at < text.len && text.ptr[at] && memchr(" :=\"'`(>\t", text.ptr[at], 9)) {
                *ret_signs += memchr(":=", text.ptr[at], 2) != NULL;
                at++;
        }
        return at;
}

static bool is_open_quote(char c)
{
        return c == '"' || c == '\'' || c == '`';
}

/* To the closing quote, or to a blank, without the punctuation of the sentence. */
static size_t end_of_run(struct str text, size_t at)
{
        enum { RUN_MAX = 128 };
        size_t start = at, max = text.len - at > RUN_MAX ? at + RUN_MAX : text.len;
        char quote = at && is_open_quote(text.ptr[at - 1]) ? text.ptr[at - 1] : '\0';
        while (at < max && (unsigned char)text.ptr[at] > ' ' && (!quote || text.ptr[at] != quote) &&
               !(text.ptr[at] == '[' && at > start) && !(!quote && text.ptr[at] == '"') &&
               text.ptr[at] != ',' && text.ptr[at] != ';' && text.ptr[at] != '&')
                at++;
        if (at < text.len && text.ptr[at] == '&' && !quote)
                while (at < max && (unsigned char)text.ptr[at] > ' ' && !memchr("=,;\"", text.ptr[at], 4))
                        at++;
        if (at < text.len && text.ptr[at] == '=' && memchr(text.ptr + start, '&', at - start))
                at = (size_t)((const char *)memchr(text.ptr + start, '&', at - start) - text.ptr);
        while (at > start && memchr(".,;:)'\"?>}", text.ptr[at - 1], 10))
                at--;
        return at;
}

struct run {
        size_t digits, signs, capitals, small;
};

static struct run run_of(struct str value)
{
        struct run run = {0};
        for (size_t i = 0; i < value.len; i++) {
                char c = value.ptr[i];
                run.digits += c >= '0' && c <= '9';
                run.capitals += c >= 'A' && c <= 'Z';
                run.small += (c >= 'a' && c <= 'z') || (unsigned char)c >= 0x80;
                run.signs += c > ' ' && c < 0x7f && !(c >= '0' && c <= '9') &&
                             !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') && c != '-' && c != '\'' && c != '/';
        }
        return run;
}

/* What no sentence holds: a password chosen with care, at least. */
static bool looks_chosen(struct str value)
{
        struct run run = run_of(value);
        if (value.len < 4)
                return false;
        return (run.digits && run.capitals + run.small) || (run.signs && (run.capitals + run.small) >= 3) ||
               (run.capitals && run.small && run.capitals + run.small > 6 && value.ptr[0] >= 'a' &&
                value.ptr[0] <= 'z');
}

/* Where the value after the topic begins, when a verb or signs lead to it; 0 otherwise. `ret_signs`: how many
 * colons and equals signs. */
static size_t run_start(const struct scan *scan, ptrdiff_t i, size_t *ret_signs, bool *ret_verb)
{
        static const struct str links[] = {
                STR_INIT("is"),     STR_INIT("was"),  STR_INIT("it"),        STR_INIT("s"),
                STR_INIT("to"),     STR_INIT("on"),   STR_INIT("file"),      STR_INIT("should"),
                STR_INIT("be"),     STR_INIT("my"),   STR_INIT("the"),       STR_INIT("number"),
                STR_INIT("code"),   STR_INIT("name"), STR_INIT("currently"), STR_INIT("now"),
                STR_INIT("ist"),    STR_INIT("es"),   STR_INIT("est"),       STR_INIT("lautet"),
                STR_INIT("id"),     STR_INIT("set"),  STR_INIT("of"),        STR_INIT("as"),
                STR_INIT("called"), STR_INIT("for")};
        ptrdiff_t at = i + 1;
        *ret_signs = 0;
        *ret_verb = false;
        for (; at < i + REACH; at++) {
                const struct token *token = scan_token(scan, at);
                bool is_link = false;
                for (size_t link = 0; link < sizeof links / sizeof *links; link++)
                        is_link = is_link || str_equal_nocase(token_text(scan, token), links[link]);
                bool is_apostrophe =
                        token_is(scan, token, '\'') && token_touches(scan_token(scan, at - 1), token) &&
                        scan_token(scan, at - 1)->kind == TOKEN_WORD && scan->text.ptr[token->end] == 's';
                bool is_next_sign = token_touches(token, scan_token(scan, at + 1)) &&
                                    scan_token(scan, at + 1)->kind != TOKEN_PUNCT;
                bool is_comma = token_is(scan, token, ',');
                if (!(is_link && (token->kind == TOKEN_WORD) && !is_next_sign) && !is_apostrophe && !is_comma)
                        break;
                *ret_verb = *ret_verb || is_link;
        }
        if (scan_token(scan, at)->kind == TOKEN_END || scan_token(scan, at)->kind == TOKEN_TAG ||
            scan_token(scan, at)->kind == TOKEN_LINE)
                return 0;
        return skip_signs(scan->text, scan_token(scan, at - 1)->end, ret_signs);
}

static void find_run(struct scan *scan, ptrdiff_t i, enum pii_type type)
{
        size_t signs;
        bool has_verb;
        struct str text = scan->text;
        size_t start = run_start(scan, i, &signs, &has_verb);
        if (!start || start >= text.len || text.ptr[start] == '[' || text.ptr[start] == '{' ||
            text.ptr[start] == '*')
                return;
        size_t end = end_of_run(text, start);
        if (end <= start || end - start < 3)
                return;
        struct str value = {text.ptr + start, end - start};
        bool is_quoted =
                is_open_quote(text.ptr[start - 1]) && end < text.len && text.ptr[end] == text.ptr[start - 1];
        bool is_word = lexicon_bits(value) & LEX_COMMON;
        bool is_field = signs && !is_word && !memchr("<+$%(", value.ptr[0], 5);
        if (is_field || (is_quoted && !is_word && run_of(value).small + run_of(value).digits) ||
            looks_chosen(value))
                scan_note(scan, start, end, type);
}

/* "User: I need help" in a transcript names who speaks. */
static bool is_speaker(const struct scan *scan, ptrdiff_t i)
{
        return str_equal_nocase(token_text(scan, scan_token(scan, i)), STR("user")) &&
               token_is(scan, scan_token(scan, i + 1), ':') &&
               !token_touches(scan_token(scan, i + 1), scan_token(scan, i + 2));
}

/* "username root / password crickets": two lines or words side by side, each with its value. */
static void find_pair(struct scan *scan, ptrdiff_t i)
{
        const struct token *user = scan_token(scan, i + 1);
        ptrdiff_t at = i + 2;
        if (scan_token(scan, at)->kind == TOKEN_LINE)
                at++;
        const struct token *secret = scan_token(scan, at + 1);
        if (user->kind < TOKEN_WORD || user->kind > TOKEN_MIXED || user->topic ||
            scan_token(scan, at)->topic != TOPIC_PASSWORD || secret->kind < TOKEN_WORD ||
            secret->kind > TOKEN_MIXED || secret->topic)
                return;
        scan_note(scan, user->start, user->end, PII_USERNAME);
        scan_note(scan, secret->start, secret->end, PII_PASSWORD);
}

/* ---- dates of birth ---- */

static bool is_day_or_year(const struct scan *scan, const struct token *token)
{
        size_t len = token->end - token->start;
        if (token->kind == TOKEN_NUMBER)
                return len == 1 || len == 2 || len == 4;
        return token->kind == TOKEN_MIXED && len <= 4 && scan->text.ptr[token->start] <= '9'; /* "14th" */
}

/* A date with day, month and year in any order. */
static bool date_at(const struct scan *scan, ptrdiff_t i, size_t *ret_end)
{
        size_t numbers = 0, months = 0, end = 0;
        bool has_year = false;
        for (ptrdiff_t at = i; at < i + 7; at++) {
                const struct token *token = scan_token(scan, at);
                if (is_day_or_year(scan, token) && numbers < 3) {
                        numbers++;
                        has_year = has_year || token->end - token->start == 4;
                } else if (token->kind == TOKEN_WORD && token->bits & LEX_MONTH) {
                        months++;
                } else if (!(token->kind == TOKEN_PUNCT && memchr("/.-,", scan->text.ptr[token->start], 4)) &&
                           !str_equal_nocase(token_text(scan, token), STR("of"))) {
                        break;
                }
                if (token->kind != TOKEN_PUNCT)
                        end = token->end;
                if (numbers + months == 3)
                        break;
        }
        *ret_end = end;
        return numbers + months == 3 && months <= 1 && (has_year || numbers == 3);
}

static void find_birth(struct scan *scan, ptrdiff_t i)
{
        size_t end;
        for (ptrdiff_t at = i + 1; at <= i + REACH; at++) {
                const struct token *token = scan_token(scan, at);
                if (token->kind == TOKEN_TAG || (token->kind == TOKEN_LINE && at > i + 2) ||
                    token->kind == TOKEN_END)
                        return;
                bool may_begin =
                        is_day_or_year(scan, token) || (token->kind == TOKEN_WORD && token->bits & LEX_MONTH);
                if (may_begin && date_at(scan, at, &end)) {
                        scan_note(scan, token->start, end, PII_DOB);
                        return;
                }
        }
}

void scan_announced(struct scan *scan)
{
        for (ptrdiff_t i = 0; (size_t)i < scan->count; i++) {
                enum topic topic = scan->tokens[i].topic;
                if (topic == TOPIC_NONE)
                        continue;
                const struct form *form = form_of(topic);
                if (form && !is_place(scan, i)) {
                        find_announced(scan, i, form);
                        find_explained(scan, i, form);
                        if (topic == TOPIC_BANK)
                                find_ending(scan, i);
                } else if (topic == TOPIC_PASSWORD) {
                        find_run(scan, i, PII_PASSWORD);
                } else if (topic == TOPIC_USER && !is_speaker(scan, i)) {
                        find_run(scan, i, PII_USERNAME);
                        find_pair(scan, i);
                } else if (topic == TOPIC_BIRTH) {
                        find_birth(scan, i);
                }
        }
}
