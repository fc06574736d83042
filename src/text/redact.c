/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact.h"

#include "text/redact_check.h"
#include "text/redact_lex.h"
#include "text/redact_number.h"

#include <assert.h>
#include <string.h>

/* An automaton that looks for one item never reads further than this, so that items which fail
 * late cannot be made to cost the rest of the text again and again. */
enum { ITEM_BYTES = 80, DOMAIN_BYTES = 256, SPANS_ON_STACK = 64, PASSES_MAX = 4, REFERENCE_MAX_BYTES = 32 };

static const char *const names[PII_TYPE_COUNT] = {
#define PII(symbol, name) [PII_##symbol] = name,
#include "text/pii.def"
#undef PII
};

static const struct str tags[PII_TYPE_COUNT] = {
#define PII(symbol, name) [PII_##symbol] = STR_INIT("[" name "_REDACTED]"),
#include "text/pii.def"
#undef PII
};

struct scan {
        const char *text;
        struct number_site site;
        const char *done; /* looked at already; site.at never falls behind it */
        struct pii_span *spans;
        size_t count;
        size_t max;
        bool is_over;
};

const char *pii_type_name(enum pii_type type)
{
        assert(type < PII_TYPE_COUNT);
        return names[type];
}

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

static const char *limit(const struct scan *scan, const char *at, ptrdiff_t bytes)
{
        return scan->site.end - at > bytes ? at + bytes : scan->site.end;
}

/* A later find may begin before an earlier one ends ("4155550132@example.com"): it is the larger
 * item and takes the earlier one's place. */
static void emit(struct scan *scan, const char *start, const char *end, enum pii_type type)
{
        size_t from = (size_t)(start - scan->text);
        while (scan->count && scan->spans[scan->count - 1].end > from) {
                scan->count--;
                if (scan->spans[scan->count].start < from)
                        from = scan->spans[scan->count].start;
        }
        if (scan->count == scan->max) {
                scan->is_over = true;
        } else {
                scan->spans[scan->count++] = (struct pii_span){from, (size_t)(end - scan->text), type};
        }
        scan->site.floor = end;
        scan->done = end;
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

/* In text that is still JSON, the letter of "\n" belongs to no word. */
static const char *behind_escape(const char *word, const char *end, const char *floor)
{
        return word < end && word > floor && word[-1] == '\\' && memchr("nrt", *word, 3) ? word + 1 : word;
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
        return behind_escape(start, at, floor);
}

/* `at` stands on the at sign, however it is written. */
static bool find_email(struct scan *scan, const char *at, const char *floor)
{
        const char *end = lex_domain(at, limit(scan, at, DOMAIN_BYTES));
        const char *start = end ? local_start(at, floor) : at;
        if (start == at)
                return false;
        emit(scan, start, end, PII_EMAIL);
        return true;
}

static bool find_ip6(struct scan *scan, const char *at)
{
        const char *start = at;
        while (start > scan->site.floor && at - start < 4 && is_hex(start[-1]))
                start--;
        bool is_escape = start - scan->site.floor >= 2 && start[-2] == '\\';
        if (start > scan->site.floor && !is_escape &&
            (is_letter(start[-1]) || memchr("0123456789:._", start[-1], 13)))
                return false;
        const char *end = lex_ip6(start, limit(scan, start, ITEM_BYTES));
        if (!end)
                return false;
        if (end[-1] == ':' && end - start > 2 && end[-2] != ':')
                end--;
        bool is_glued = end < scan->site.end && is_letter(*end);
        if (is_glued || !check_ip6((struct str){start, (size_t)(end - start)}))
                return false;
        emit(scan, start, end, PII_IP_ADDRESS);
        return true;
}

/* `start` stands on the country code. What the automaton took may hold words behind the number:
 * the country says how many characters count. */
static bool find_iban(struct scan *scan, const char *start)
{
        size_t wanted = iban_length((struct str){start, 2});
        const char *end = wanted ? lex_iban(start, limit(scan, start, ITEM_BYTES)) : NULL;
        if (!end)
                return false;
        char plain[40];
        size_t len = 0;
        const char *at = start;
        for (; at < end && len < wanted; at++)
                if (is_letter(*at) || is_digit(*at))
                        plain[len++] = *at;
        bool is_longer = at < scan->site.end && (is_letter(*at) || is_digit(*at));
        if (is_longer || !check_iban((struct str){plain, len}))
                return false;
        emit(scan, start, at, PII_IBAN);
        return true;
}

static const char *word_start(const struct scan *scan, const char *at)
{
        const char *start = at;
        while (start > scan->done && is_letter(start[-1]))
                start--;
        return behind_escape(start, at, scan->text);
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

/* The at sign in a URL or in JSON has digits of its own. */
static bool find_escaped_email(struct scan *scan, const char *at)
{
        const char *end = scan->site.end;
        if (end - at >= 2 && memcmp(at, "40", 2) == 0 && at > scan->site.floor && at[-1] == '%')
                return find_email(scan, at - 1, scan->site.floor);
        if (end - at < 4 || memcmp(at, "0040", 4) != 0 || at - scan->site.floor < 2 || at[-1] != 'u' ||
            at[-2] != '\\')
                return false;
        const char *escape = at - 2;
        while (escape > scan->site.floor && escape[-1] == '\\')
                escape--;
        return find_email(scan, escape, scan->site.floor);
}

/* Digits behind letters are an identifier (ORD12345, JD0146…), unless the letters are a word that
 * announces them (ssn536-22-8841). */
static bool is_identifier(const struct scan *scan, const char *start, const char *at)
{
        if (at == start)
                return false;
        enum cue cue = at - start >= 3 ? number_cue(&scan->site, at) : CUE_NONE;
        return cue != CUE_PHONE && cue != CUE_SSN && cue != CUE_CARD;
}

static void look_at_digit(struct scan *scan, const char *at)
{
        const char *start = word_start(scan, at);
        const char *digits_end = skip_digits(at, scan->site.end);
        struct number_match match;
        if (at - start == 2 && find_iban(scan, start))
                return;
        if (find_escaped_email(scan, at) || find_ip6(scan, at))
                return;
        if (is_identifier(scan, start, at)) {
                scan->done = word_end(at, scan->site.end);
                return;
        }
        scan->site.at = at;
        if (number_match(&scan->site, &match))
                emit(scan, match.start, match.end, match.type);
        else
                scan->done = digits_end;
}

/* The domain is searched again from every at sign and holds none, and the local part ends at the
 * span or at sign before it: both are walked once. */
static void look_at(struct scan *scan, const char *at)
{
        if (is_digit(*at)) {
                look_at_digit(scan, at);
                return;
        }
        if (!(*at == '@' ? find_email(scan, at, scan->text) : find_ip6(scan, at)))
                scan->done = at + 1;
}

enum err redact_find(struct str text, struct pii_span *ret_spans, size_t max_spans, size_t *ret_count)
{
        if (text.len == 0) {
                *ret_count = 0;
                return ERR_OK;
        }
        const char *end = text.ptr + text.len;
        struct scan scan = {.text = text.ptr, .done = text.ptr, .spans = ret_spans, .max = max_spans};
        scan.site.floor = text.ptr;
        scan.site.end = end;
        for (const char *at = next_trigger(text.ptr, end); at < end; at = next_trigger(scan.done, end)) {
                look_at(&scan, at);
                if (scan.is_over)
                        return ERR_TOO_LARGE;
        }
        *ret_count = scan.count;
        return ERR_OK;
}

bool redact_is_clean(struct str text)
{
        struct pii_span span;
        size_t count;
        return redact_find(text, &span, 1, &count) == ERR_OK && count == 0;
}

/* How spans are replaced: by the tag of their type, or each value by a placeholder of its own. */
struct redaction {
        struct arena *arena;
        struct str original;
        struct pii_placeholders *map; /* NULL: tags */
};

static bool is_same_value(const struct pii_placeholder *placeholder, enum pii_type type, struct str value)
{
        if (placeholder->type != type)
                return false;
        return type == PII_EMAIL ? str_equal_nocase(placeholder->value, value) : str_equal(placeholder->value, value);
}

/* A label that the customer has written is left out, so that it is never taken for one of ours. */
static struct str next_label(const struct redaction *redaction, enum pii_type type, uint32_t *number)
{
        struct str label;
        do
                label = arena_format(redaction->arena, "[%s_%u]", names[type], ++*number);
        while (label.ptr && memmem(redaction->original.ptr, redaction->original.len, label.ptr, label.len));
        return label;
}

/* What stands in the place of that value; the absent string when the arena or the map is full. */
static struct str placeholder_label(const struct redaction *redaction, enum pii_type type, struct str value)
{
        struct pii_placeholders *map = redaction->map;
        for (const struct pii_placeholder *known = map->newest; known; known = known->older)
                if (is_same_value(known, type, value))
                        return known->label;
        struct pii_placeholder *added =
                map->count < PII_PLACEHOLDERS_MAX ? arena_new(redaction->arena, struct pii_placeholder) : NULL;
        if (!added)
                return (struct str){0};
        struct str label = next_label(redaction, type, &map->last[type]);
        if (!label.ptr)
                return label;
        *added = (struct pii_placeholder){map->newest, type, map->last[type], value, label};
        map->newest = added;
        map->count++;
        return label;
}

static struct str label_of(const struct redaction *redaction, struct str text, const struct pii_span *span)
{
        if (!redaction->map)
                return tags[span->type];
        return placeholder_label(redaction, span->type, (struct str){text.ptr + span->start, span->end - span->start});
}

static bool replaced_len(const struct redaction *redaction, struct str text, const struct pii_span *spans,
                         size_t count, size_t *ret_len)
{
        size_t len = text.len;
        for (size_t i = 0; i < count; i++) {
                struct str label = label_of(redaction, text, &spans[i]);
                if (!label.ptr)
                        return false;
                len = len - (spans[i].end - spans[i].start) + label.len;
        }
        *ret_len = len;
        return true;
}

static enum err replace(const struct redaction *redaction, struct str text, const struct pii_span *spans,
                        size_t count, struct str *ret_text)
{
        size_t len, from = 0;
        if (!replaced_len(redaction, text, spans, count, &len))
                return ERR_TOO_LARGE;
        char *to = arena_alloc(redaction->arena, len + 1);
        if (!to)
                return ERR_TOO_LARGE;
        *ret_text = (struct str){to, len};
        for (size_t i = 0; i < count; i++) {
                struct str label = label_of(redaction, text, &spans[i]);
                to = mempcpy(to, text.ptr + from, spans[i].start - from);
                to = mempcpy(to, label.ptr, label.len);
                from = spans[i].end;
        }
        to = mempcpy(to, text.ptr + from, text.len - from);
        *to = '\0';
        return ERR_OK;
}

/* One pass; `ret_is_clean` when there was nothing to replace. */
static enum err redact_once(const struct redaction *redaction, struct str text, struct str *ret_text,
                            bool *ret_is_clean)
{
        struct pii_span few[SPANS_ON_STACK], *spans = few;
        size_t count;
        enum err err = redact_find(text, few, SPANS_ON_STACK, &count);
        if (err == ERR_TOO_LARGE) {
                size_t max = text.len / 2 + 1; /* no item is shorter than three bytes */
                spans = arena_alloc(redaction->arena, max * sizeof *spans);
                if (!spans)
                        return ERR_TOO_LARGE;
                err = redact_find(text, spans, max, &count);
        }
        if (err)
                return err;
        *ret_is_clean = count == 0;
        if (count)
                return replace(redaction, text, spans, count, ret_text);
        *ret_text = text;
        return ERR_OK;
}

/* A replacement changes what stands around its neighbours, so the result is looked at again until
 * nothing is found: that is what makes it safe to redact a text twice. No item holds a bracket, so a later
 * pass replaces no label of an earlier one. */
static enum err redact(const struct redaction *redaction, struct safe_text *ret_text)
{
        struct str current = redaction->original;
        bool is_clean = false;
        for (int pass = 0; pass < PASSES_MAX; pass++) {
                enum err err = redact_once(redaction, current, &current, &is_clean);
                if (err)
                        return err;
                if (is_clean) {
                        ret_text->safe = current;
                        return ERR_OK;
                }
        }
        return ERR_INVALID;
}

enum err redact_text(struct raw_text text, struct arena *arena, struct safe_text *ret_text)
{
        return redact(&(struct redaction){arena, text.raw, NULL}, ret_text);
}

enum err redact_placeholders(struct raw_text text, struct arena *arena, struct safe_text *ret_text,
                             struct pii_placeholders *ret_map)
{
        struct pii_placeholders map = {.count = 0};
        enum err err = redact(&(struct redaction){arena, text.raw, &map}, ret_text);
        if (err == ERR_OK)
                *ret_map = map;
        return err;
}

static bool has_reference_form(struct str text)
{
        bool has_digit = false;
        if (text.len == 0 || text.len > REFERENCE_MAX_BYTES)
                return false;
        for (size_t i = 0; i < text.len; i++) {
                char c = text.ptr[i];
                bool is_digit = c >= '0' && c <= '9';
                bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
                if (!is_digit && !is_letter && !(c && strchr("._-#/", c)))
                        return false;
                has_digit = has_digit || is_digit;
        }
        return has_digit;
}

struct safe_text redact_reference(struct raw_text value)
{
        struct pii_span span;
        size_t count = 0;
        if (!has_reference_form(value.raw) || redact_find(value.raw, &span, 1, &count) != ERR_OK)
                return (struct safe_text){0};
        uint64_t number;
        bool is_kept = count == 0 || (span.type == PII_PHONE && str_to_u64(value.raw, &number));
        return is_kept ? (struct safe_text){value.raw} : (struct safe_text){0};
}
