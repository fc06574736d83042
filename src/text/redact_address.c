/* SPDX-License-Identifier: Apache-2.0 */
/* Postal addresses: a run of numbers, names and the words of addresses, believed by what it has of them.
 *
 * A run starts at a house number, a unit, a street or a post box and goes on over commas and line ends for as
 * long as words look like names of places. What speaks for it is added up. */
#include "text/redact_scan.h"

#include <string.h>

enum { RUN_MAX = 48, BACK_MAX = 3, BELIEVED = 3, STREET_WORDS_MAX = 5, CUE_REACH = 8, LINES_MAX = 5 };

/* Ends of words that are streets where they are written in one piece. */
static bool has_street_ending(const struct scan *scan, const struct token *token)
{
        static const struct str ends[] = {
                STR_INIT("strasse"), STR_INIT("gasse"),    STR_INIT("weg"),      STR_INIT("platz"),
                STR_INIT("allee"),   STR_INIT("gatan"),    STR_INIT("gata"),     STR_INIT("vagen"),
                STR_INIT("veien"),   STR_INIT("vegen"),    STR_INIT("vej"),      STR_INIT("gade"),
                STR_INIT("tie"),     STR_INIT("katu"),     STR_INIT("kuja"),     STR_INIT("laan"),
                STR_INIT("straat"),  STR_INIT("plein"),    STR_INIT("gracht"),   STR_INIT("kade"),
                STR_INIT("dijk"),    STR_INIT("steenweg"), STR_INIT("utca"),     STR_INIT("stien"),
                STR_INIT("plads"),   STR_INIT("svingen"),  STR_INIT("terrasse"), STR_INIT("bakken"),
                STR_INIT("parken"),  STR_INIT("haven"),    STR_INIT("straede"),  STR_INIT("singel"),
                STR_INIT("damm"),    STR_INIT("ufer"),     STR_INIT("chaussee"), STR_INIT("vaenget"),
                STR_INIT("toften"),  STR_INIT("lunden"),   STR_INIT("marken"),   STR_INIT("hofweg"),
                STR_INIT("vliet"),   STR_INIT("polku"),    STR_INIT("gate"),     STR_INIT("torget"),
        };
        char plain[40];
        size_t len = token->kind == TOKEN_WORD ? lexicon_fold(token_text(scan, token), plain, sizeof plain) : 0;
        for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
                size_t end = ends[i].len;
                if (len > end + 2 && memcmp(plain + len - end, ends[i].ptr, end) == 0)
                        return true;
        }
        return false;
}

static bool is_house_number(const struct scan *scan, const struct token *token)
{
        size_t len = token->end - token->start;
        char first = token_has_digit(token) ? scan->text.ptr[token->start] : '\0';
        return !token->is_taken && len <= 6 && first >= '0' && first <= '9' &&
               (token->kind == TOKEN_NUMBER || len <= 5);
}

static bool is_name_like(const struct scan *scan, const struct token *token, bool is_small)
{
        (void)scan;
        if (token->kind != TOKEN_WORD || token->is_taken)
                return false;
        bool is_address_word = token->bits & (LEX_STREET | LEX_STREET_BEFORE | LEX_UNIT | LEX_PLACE |
                                              LEX_STATE | LEX_JOINER);
        bool is_prose = (token->topic || token->bits & LEX_COMMON) &&
                        !(token->bits & (LEX_STREET | LEX_PLACE | LEX_STATE | LEX_UNIT)) &&
                        !(token->bits & LEX_STREET_BEFORE && token->letters == CASE_TITLE);
        if (is_prose)
                return false;
        return token->letters != CASE_LOWER || is_small ||
               (is_address_word && token->bits & (LEX_UNIT | LEX_JOINER));
}

/* What a run holds. */
struct address {
        size_t numbers, streets, befores, endings, units, boxes, places, states, lines, commas;
        size_t names_between; /* names between two numbers */
        bool is_numbered;     /* a number stands where the street wants it */
        ptrdiff_t end;        /* behind the last token that belongs to it */
};

/* Most words are none by their first letter. */
static bool begins_box(char c)
{
        char small = (char)(c | 0x20);
        return small == 'a' || small == 'b' || small == 'd' || small == 'f' || small == 'p' || small == 'u';
}

static bool is_box(const struct scan *scan, ptrdiff_t i)
{
        static const struct str heads[] = {STR_INIT("psc"),   STR_INIT("apo"),  STR_INIT("fpo"),
                                           STR_INIT("dpo"),   STR_INIT("usns"), STR_INIT("uss"),
                                           STR_INIT("usnv"),  STR_INIT("usnz"), STR_INIT("usnm"),
                                           STR_INIT("uscgc"), STR_INIT("usaf"), STR_INIT("postfach")};
        const struct token *token = scan_token(scan, i);
        if (token->kind != TOKEN_WORD || !begins_box(scan->text.ptr[token->start]))
                return false;
        if (token_is_one_of(scan, token, heads, sizeof heads / sizeof *heads))
                return true;
        bool is_post = token->letters != CASE_LOWER || token_is_word(scan, scan_token(scan, i - 1), STR("po"));
        return is_post && token_is_word(scan, token, STR("box")) && token_has_digit(scan_token(scan, i + 1));
}

static void weigh_word(const struct scan *scan, ptrdiff_t i, struct address *address)
{
        const struct token *token = scan_token(scan, i), *next = scan_token(scan, i + 1),
                           *before = scan_token(scan, i - 1);
        if (token_is(scan, next, '.') && token_touches(token, next))
                next = scan_token(scan, i + 2);
        bool is_number_next = is_house_number(scan, next) ||
                              (token_is(scan, next, ',') && is_house_number(scan, scan_token(scan, i + 2)));
        if (has_street_ending(scan, token)) {
                address->endings++;
                address->is_numbered = address->is_numbered || is_number_next || address->numbers;
        } else if (is_box(scan, i)) {
                address->boxes++;
        } else if (token->bits & LEX_UNIT && token_has_digit(next)) {
                address->units++;
        } else if (token->bits & LEX_STREET_BEFORE && !is_number_next &&
                   (token->letters != CASE_LOWER || token->bits & LEX_STREET ||
                    token->end - token->start > 3)) {
                address->befores++;
        } else if (token->bits & LEX_STREET && before->kind == TOKEN_WORD) {
                address->streets++;
                address->is_numbered = address->is_numbered || address->numbers;
        } else if (token->bits & LEX_PLACE) {
                address->places++;
        } else if (token->bits & LEX_STATE && token->letters == CASE_UPPER && next->kind == TOKEN_NUMBER &&
                   next->end - next->start == 5) {
                address->states++;
        }
}

/* A line end inside an address, with the marks of a quotation at the start of the next line. */
static ptrdiff_t next_line(const struct scan *scan, ptrdiff_t i)
{
        ptrdiff_t at = i;
        while (scan_token(scan, at)->kind == TOKEN_LINE && at < i + 2)
                at++;
        while (token_is(scan, scan_token(scan, at), '>') || token_is(scan, scan_token(scan, at), '?') ||
               token_is(scan, scan_token(scan, at), '|') || token_is(scan, scan_token(scan, at), ','))
                at++;
        return at;
}

/* One line of a run; where it stopped. */
static ptrdiff_t read_line(const struct scan *scan, ptrdiff_t i, bool is_small, struct address *address)
{
        ptrdiff_t at = i;
        size_t names = 0;
        for (; at < i + RUN_MAX; at++) {
                const struct token *token = scan_token(scan, at), *before = scan_token(scan, at - 1);
                if (is_house_number(scan, token)) {
                        address->names_between += address->numbers && names;
                        address->numbers++;
                        address->is_numbered =
                                address->is_numbered || ((address->befores || address->endings) && names);
                        names = 0;
                } else if (is_name_like(scan, token, is_small)) {
                        weigh_word(scan, at, address);
                        names++;
                } else if (token_is(scan, token, ',')) {
                        address->commas++;
                        continue;
                } else if (at == i ||
                           !(token_is(scan, token, '.') || token_is(scan, token, '-') ||
                             token_is(scan, token, '/') || token_is(scan, token, '\'') ||
                             token_is(scan, token, '(') || token_is(scan, token, '#')) ||
                           (token_is(scan, token, '.') && before->end - before->start > 4 &&
                            !(before->bits & LEX_UNIT))) {
                        break;
                } else {
                        continue;
                }
                address->end = at + 1;
        }
        return at;
}

static void read_run(const struct scan *scan, ptrdiff_t i, bool is_small, struct address *ret_address)
{
        ptrdiff_t at = i;
        *ret_address = (struct address){.end = i};
        while (ret_address->lines < LINES_MAX && at < i + RUN_MAX) {
                ptrdiff_t stop = read_line(scan, at, is_small, ret_address);
                if (stop == at || scan_token(scan, stop)->kind != TOKEN_LINE)
                        return;
                ret_address->lines++;
                at = next_line(scan, stop);
        }
}

static bool is_announced(const struct scan *scan, ptrdiff_t i)
{
        for (ptrdiff_t at = i - 1; at >= i - CUE_REACH; at--) {
                const struct token *token = scan_token(scan, at);
                if (token->topic == TOPIC_ADDRESS)
                        return true;
                if ((token_ends_sentence(scan, at) && token->kind != TOKEN_LINE) ||
                    token->kind == TOKEN_END || token->kind == TOKEN_TAG)
                        return false;
        }
        return false;
}

static bool is_believed(const struct address *address, bool is_told)
{
        size_t score = 0;
        bool has_street = address->streets || address->befores || address->endings;
        if (address->numbers == 0)
                return false;
        score += has_street ? 2 : 0;
        score += has_street && address->is_numbered;
        score += address->units ? 2 : 0;
        score += address->units && address->numbers > 1;
        score += address->boxes ? 3 : 0;
        score += address->states ? 2 : 0;
        score += address->places && (address->lines || address->commas);
        score += address->names_between > 0;
        score += address->names_between && address->lines > 1;
        score += is_told ? 2 : 0;
        return score >= BELIEVED;
}

static bool may_start(const struct scan *scan, ptrdiff_t i, bool is_small)
{
        const struct token *token = scan_token(scan, i), *before = scan_token(scan, i - 1),
                           *next = scan_token(scan, i + 1);
        if (token->is_taken || (token_touches(before, token) && before->kind == TOKEN_PUNCT &&
                                !memchr(">?(\"':,;=[{|<", scan->text.ptr[before->start], 13)))
                return false;
        if (is_house_number(scan, token))
                return next->kind == TOKEN_WORD || token_has_digit(next) || token_is(scan, next, ',');
        if (token->kind != TOKEN_WORD ||
            (token->letters == CASE_LOWER && !is_small && !(token->bits & (LEX_UNIT | LEX_STREET_BEFORE))))
                return false;
        if (is_house_number(scan, next) && has_street_ending(scan, token))
                return true;
        if (is_box(scan, i) || token_is_word(scan, token, STR("po")) || token_is_word(scan, token, STR("p")))
                return true;
        if (token->bits & LEX_UNIT)
                return token_has_digit(next) ||
                       (token_is(scan, next, '.') && token_has_digit(scan_token(scan, i + 2)));
        return token->bits & LEX_STREET_BEFORE && token->end - token->start > 1 &&
               token->letters != CASE_UPPER && next->kind != TOKEN_LINE;
}

/* Words in front that belong to the street: "Obere Bahnhofstrasse 9". */
static ptrdiff_t widen(const struct scan *scan, ptrdiff_t i)
{
        ptrdiff_t start = i;
        if (!has_street_ending(scan, scan_token(scan, i)))
                return i;
        while (i - start < BACK_MAX && scan_token(scan, start - 1)->kind == TOKEN_WORD &&
               scan_token(scan, start - 1)->letters == CASE_TITLE &&
               is_name_like(scan, scan_token(scan, start - 1), false) &&
               !(scan_token(scan, start - 1)->bits & LEX_GIVEN))
                start--;
        return start;
}

void scan_addresses(struct scan *scan)
{
        bool is_small = !scan->has_capitals, has_cue = scan->topics & 1U << TOPIC_ADDRESS;
        for (ptrdiff_t i = 0; (size_t)i < scan->count;) {
                struct address address;
                bool is_told = has_cue && may_start(scan, i, true) && is_announced(scan, i);
                if (!may_start(scan, i, is_small || is_told)) {
                        i++;
                        continue;
                }
                read_run(scan, i, is_small || is_told, &address);
                if (address.end - i < 2 || !is_believed(&address, is_told)) {
                        i++;
                        continue;
                }
                scan_note(scan, scan_token(scan, widen(scan, i))->start,
                          scan_token(scan, address.end - 1)->end, PII_ADDRESS);
                i = address.end;
        }
}
