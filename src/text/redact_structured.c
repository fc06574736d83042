/* SPDX-License-Identifier: Apache-2.0 */
/* What is found by its own form: one walk over the three bytes without which none of the types can be
 * written (a digit, '@', ':'); where one stands, anchored automata (redact_lex) cut the candidate out,
 * validators (redact_check) and the words before it decide. Linear in the text whatever its content. */
#include "text/redact_check.h"
#include "text/redact_number.h"
#include "text/redact_scan.h"

#include <string.h>

/* An automaton that looks for one item never reads further than this, so that items which fail
 * late cannot be made to cost the rest of the text again and again. */
enum { ITEM_BYTES = 80, DOMAIN_BYTES = 256, IBAN_MAX = 34 };

struct walk {
        struct scan *scan;
        struct number_site site;
        const char *done; /* looked at already; site.at never falls behind it */
};

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
        return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_hex(char c)
{
        return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* 0 or 1, so that four are tested with one branch. */
static unsigned is_trigger(char c)
{
        static const unsigned char triggers[256] = {
                ['0'] = 1, ['1'] = 1, ['2'] = 1, ['3'] = 1, ['4'] = 1, ['5'] = 1,
                ['6'] = 1, ['7'] = 1, ['8'] = 1, ['9'] = 1, ['@'] = 1, [':'] = 1,
        };
        return triggers[(unsigned char)c];
}

static const char *next_trigger(const char *at, const char *end)
{
        while (end - at >= 4) {
                if (is_trigger(at[0]) | is_trigger(at[1]) | is_trigger(at[2]) | is_trigger(at[3]))
                        break;
                at += 4;
        }
        while (at < end && !is_trigger(*at))
                at++;
        return at;
}

static const char *limit(const struct walk *walk, const char *at, ptrdiff_t bytes)
{
        return walk->site.end - at > bytes ? at + bytes : walk->site.end;
}

static void emit(struct walk *walk, const char *start, const char *end, enum pii_type type)
{
        const char *text = walk->scan->text.ptr;
        scan_note(walk->scan, (size_t)(start - text), (size_t)(end - text), type);
        walk->site.floor = end;
        walk->done = end;
}

/* Whether the character that ends before `at` may stand in an address's local part, and its first
 * byte. Of other scripts only those with two-byte letters, else a whole Chinese sentence would be
 * part of the address behind it; `is_foreign`: the address itself is written in such a script. */
static const char *local_char_before(const char *at, const char *floor, bool is_foreign)
{
        unsigned char c = (unsigned char)at[-1];
        if (c < 0x80)
                return is_letter((char)c) || is_digit((char)c) || memchr("._%+-'", c, 6) ? at - 1 : NULL;
        const char *lead = at - 1;
        while (lead > floor && ((unsigned char)*lead & 0xc0) == 0x80)
                lead--;
        unsigned char first = (unsigned char)*lead;
        bool is_two_byte_letter = first >= 0xc3 && first <= 0xdf;
        return is_two_byte_letter || (is_foreign && first >= 0xe4) ? lead : NULL;
}

static const char *local_start(const char *at, const char *floor)
{
        const char *start = at;
        bool is_foreign = at > floor && (unsigned char)at[-1] >= 0x80;
        while (start > floor) {
                const char *before = local_char_before(start, floor, is_foreign);
                if (!before)
                        break;
                start = before;
        }
        while (start < at && memchr("._%+-'", *start, 6))
                start++;
        return start;
}

/* A blank on both sides of the at sign: some forms eat the address otherwise. */
static const char *spaced_domain(struct walk *walk, const char **at)
{
        const char *end = walk->site.end, *here = *at;
        if (here == walk->scan->text.ptr || here[-1] != ' ' || end - here < 3 || here[1] != ' ')
                return NULL;
        char joined[DOMAIN_BYTES];
        size_t len = (size_t)(limit(walk, here + 2, DOMAIN_BYTES - 1) - here - 2);
        joined[0] = '@';
        memcpy(joined + 1, here + 2, len);
        const char *stop = lex_domain(joined, joined + 1 + len);
        (*at)--;
        return stop ? here + 1 + (stop - joined) : NULL;
}

static bool find_email(struct walk *walk, const char *at)
{
        const char *end = lex_domain(at, limit(walk, at, DOMAIN_BYTES));
        if (!end)
                end = spaced_domain(walk, &at);
        const char *start = end ? local_start(at, walk->scan->text.ptr) : at;
        if (start == at)
                return false;
        emit(walk, start, end, PII_EMAIL);
        return true;
}

/* Behind "fe80::1%eth0". */
static const char *skip_zone(const char *at, const char *end)
{
        enum { ZONE_MAX = 15 };
        const char *zone = at;
        if (end - at < 2 || *at != '%' || !is_letter(at[1]))
                return at;
        do
                zone++;
        while (zone < end && zone - at <= ZONE_MAX && (is_letter(*zone) || is_digit(*zone)));
        return zone;
}

/* Behind "192.0.2.0/24": the network is one value with its address. */
static const char *skip_prefix_len(const char *at, const char *end, unsigned bits)
{
        const char *digit = at + 1;
        unsigned len = 0;
        if (at == end || *at != '/')
                return at;
        for (; digit < end && is_digit(*digit) && len <= bits; digit++)
                len = len * 10 + (unsigned)(*digit - '0');
        bool goes_on = digit < end && (is_letter(*digit) || is_digit(*digit) ||
                                       (end - digit > 1 && memchr("./", *digit, 2) && is_digit(digit[1])));
        return digit == at + 1 || len > bits || goes_on ? at : digit;
}

static bool find_ip6(struct walk *walk, const char *at)
{
        const char *start = at;
        while (start > walk->site.floor && at - start < 4 && is_hex(start[-1]))
                start--;
        if (start > walk->site.floor &&
            (is_letter(start[-1]) || memchr("0123456789:._", start[-1], 13)))
                return false;
        const char *end = lex_ip6(start, limit(walk, start, ITEM_BYTES));
        if (!end)
                return false;
        if (end[-1] == ':' && end - start > 2 && end[-2] != ':')
                end--;
        bool is_glued = end < walk->site.end && is_letter(*end), is_nobodys;
        if (is_glued || !check_ip6((struct str){start, (size_t)(end - start)}, &is_nobodys) ||
            (is_nobodys && !number_is_whose(&walk->site, start)))
                return false;
        emit(walk, start, skip_prefix_len(skip_zone(end, walk->site.end), walk->site.end, 128), PII_IP_ADDRESS);
        return true;
}

/* The word "IBAN" shortly before: then a number that fails its check is a slip of the hand. */
static bool follows_iban_word(const struct walk *walk, const char *start)
{
        enum { REACH = 24, WORD = 4 };
        const char *at = start - walk->site.floor > REACH ? start - REACH : walk->site.floor;
        for (; start - at >= WORD; at++)
                if (str_equal_nocase((struct str){at, WORD}, STR("iban")))
                        return !memmem(at, (size_t)(start - at), ". ", 2);
        return false;
}

/* Where a number ends that has a country's length, or for others is at least as long as the shortest and in
 * capitals; NULL: nowhere. */
static const char *iban_end(const char *start, const char *end, size_t wanted)
{
        enum { SHORTEST = 15 };
        const char *at = start;
        size_t len = 0;
        for (; at < end && (!wanted || len < wanted); at++) {
                if (*at >= 'a' && *at <= 'z' && !wanted)
                        return NULL;
                if (is_letter(*at) || is_digit(*at))
                        len++;
        }
        return len >= SHORTEST && len <= IBAN_MAX ? at : NULL;
}

/* `start` stands on the country code. What the automaton took may hold words behind the number:
 * the country says how many characters count. */
static bool find_iban(struct walk *walk, const char *start)
{
        char plain[IBAN_MAX];
        size_t wanted = iban_length((struct str){start, 2}), len = 0;
        bool is_told = follows_iban_word(walk, start);
        const char *end = wanted || is_told ? lex_iban(start, limit(walk, start, ITEM_BYTES)) : NULL;
        end = end ? iban_end(start, end, wanted) : NULL;
        if (!end || (end < walk->site.end && (is_letter(*end) || is_digit(*end))))
                return false;
        for (const char *at = start; at < end; at++)
                if (is_letter(*at) || is_digit(*at))
                        plain[len++] = *at;
        if (!is_told && !check_iban((struct str){plain, len}))
                return false;
        emit(walk, start, end, PII_IBAN);
        return true;
}

static const char *word_start(const struct walk *walk, const char *at)
{
        const char *start = at;
        while (start > walk->done && is_letter(start[-1]))
                start--;
        return start;
}

static const char *word_end(const char *at, const char *end)
{
        while (at < end && (is_letter(*at) || is_digit(*at)))
                at++;
        return at;
}

static const char *skip_digits(const char *at, const char *end)
{
        while (at < end && is_digit(*at))
                at++;
        return at;
}

/* Digits behind letters are an identifier (ORD12345, JD0146…), unless the letters are a word that
 * announces them (ssn536-22-8841). */
static bool is_identifier(const struct walk *walk, const char *start, const char *at)
{
        if (at == start)
                return false;
        enum cue cue = at - start >= 3 ? number_cue(&walk->site, at) : CUE_NONE;
        return cue != CUE_PHONE && cue != CUE_SSN && cue != CUE_CARD;
}

/* A social security number of which a part is left, wherever `at` stands in it. */
static bool find_masked_ssn(struct walk *walk, const char *at)
{
        static const unsigned char groups[] = {0, 4, 7};
        for (size_t i = 0; i < sizeof groups; i++) {
                if (at - walk->site.floor < groups[i])
                        break;
                const char *start = at - groups[i];
                bool is_tail = start > walk->site.floor &&
                               (is_letter(start[-1]) || is_digit(start[-1]) || memchr("-*#", start[-1], 3));
                const char *end = is_tail ? NULL : lex_masked_ssn(start, walk->site.end);
                if (!end || end <= at || (end < walk->site.end && (is_letter(*end) || is_digit(*end))))
                        continue;
                emit(walk, start, end, PII_US_SSN);
                return true;
        }
        return false;
}

static void look_at_digit(struct walk *walk, const char *at)
{
        const char *start = word_start(walk, at);
        const char *digits_end = skip_digits(at, walk->site.end);
        struct number_match match;
        if (at - start == 2 && find_iban(walk, start))
                return;
        if (find_ip6(walk, at) || find_masked_ssn(walk, at))
                return;
        if (is_identifier(walk, start, at)) {
                walk->done = word_end(at, walk->site.end);
                return;
        }
        walk->site.at = at;
        if (!number_match(&walk->site, &match)) {
                walk->done = digits_end;
                return;
        }
        if (match.type == PII_IP_ADDRESS)
                match.end = skip_prefix_len(match.end, walk->site.end, 32);
        emit(walk, match.start, match.end, match.type);
}

/* The domain is searched again from every at sign and holds none, and the local part ends at the
 * span or at sign before it: both are walked once. */
static void look_at(struct walk *walk, const char *at)
{
        if (is_digit(*at)) {
                look_at_digit(walk, at);
                return;
        }
        if (!(*at == '@' ? find_email(walk, at) : find_ip6(walk, at)))
                walk->done = at + 1;
}

void scan_structured(struct scan *scan)
{
        const char *at = scan->text.ptr, *end = at + scan->text.len;
        struct walk walk = {.scan = scan, .done = at, .site = {.floor = at, .end = end}};
        for (at = next_trigger(at, end); at < end; at = next_trigger(walk.done, end))
                look_at(&walk, at);
}
