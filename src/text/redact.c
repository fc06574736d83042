/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact.h"

#include "text/redact_fold.h"
#include "text/redact_scan.h"

#include <assert.h>
#include <string.h>

enum { SPANS_ON_STACK = 64, PASSES_MAX = 6, REFERENCE_MAX_BYTES = 32 };

static const char *const names[PII_TYPE_COUNT] = {
#define PII(symbol, name, rank) [PII_##symbol] = name,
#include "text/pii.def"
#undef PII
};

static const struct str tags[PII_TYPE_COUNT] = {
#define PII(symbol, name, rank) [PII_##symbol] = STR_INIT("[" name "_REDACTED]"),
#include "text/pii.def"
#undef PII
};

const char *pii_type_name(enum pii_type type)
{
        assert(type < PII_TYPE_COUNT);
        return names[type];
}

/* Detectors whose bytes and words the text does not hold are left out. */
static void scan_all(struct scan *scan)
{
        if (scan->has_digits || scan->has_signs) {
                scan_structured(scan);
                scan_secrets(scan);
        }
        scan_spoken(scan);
        scan_announced(scan);
        if (scan->has_digits)
                scan_national(scan);
        scan_settle(scan);
        if (scan->types & 1U << PII_ADDRESS && scan->has_digits)
                scan_addresses(scan);
        scan_settle(scan);
        if (scan->types & 1U << PII_PERSON)
                scan_names(scan);
        scan_settle(scan);
}

enum err redact_find_in(struct str text, const struct redact_scope *scope, struct pii_span *ret_spans,
                        size_t max_spans, size_t *ret_count)
{
        struct folded folded;
        struct scan scan;
        if (text.len > REDACT_MAX_BYTES)
                return ERR_TOO_LARGE;
        fold_init(&folded, text);
        scan_init(&scan, folded.text);
        scan.types = scope->types;
        scan.is_whole = scope->is_answer;
        scan.known_names = scope->known_names;
        scan.known_count = scope->known_count;
        scan_all(&scan);
        enum err err = scan.found > max_spans ? ERR_TOO_LARGE : ERR_OK;
        for (size_t i = 0; !err && i < scan.found; i++) {
                ret_spans[i] = scan.finds[i];
                fold_to_original(&folded, text, &ret_spans[i].start, &ret_spans[i].end);
        }
        if (!err)
                *ret_count = scan.found;
        scan_deinit(&scan);
        fold_deinit(&folded);
        return err;
}

enum err redact_find(struct str text, struct pii_span *ret_spans, size_t max_spans, size_t *ret_count)
{
        static const struct redact_scope all = {.types = REDACT_ALL, .is_answer = true};
        return redact_find_in(text, &all, ret_spans, max_spans, ret_count);
}

/* What has a form of its own. An identifier that a client makes up is no answer, and holds no sentence. */
static const struct redact_scope identifiers = {.types = REDACT_FORMS};

bool redact_is_clean(struct str text)
{
        struct pii_span span;
        size_t count;
        return redact_find_in(text, &identifiers, &span, 1, &count) == ERR_OK && count == 0;
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
        if (!has_reference_form(value.raw) || redact_find_in(value.raw, &identifiers, &span, 1, &count) != ERR_OK)
                return (struct safe_text){0};
        uint64_t number;
        bool is_kept = count == 0 || (span.type == PII_PHONE && str_to_u64(value.raw, &number));
        return is_kept ? (struct safe_text){value.raw} : (struct safe_text){0};
}
