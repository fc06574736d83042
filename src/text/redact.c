/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact.h"

#include "text/redact_fold.h"
#include "text/redact_scan.h"

#include <assert.h>
#include <string.h>

enum { REFERENCE_MAX_BYTES = 32 };

static const char *const names[PII_TYPE_COUNT] = {
#define PII(symbol, name, rank) [PII_##symbol] = name,
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
        if (!has_reference_form(value.raw) ||
            redact_find_in(value.raw, &identifiers, &span, 1, &count) != ERR_OK)
                return (struct safe_text){0};
        uint64_t number;
        bool is_kept = count == 0 || (span.type == PII_PHONE && str_to_u64(value.raw, &number));
        return is_kept ? (struct safe_text){value.raw} : (struct safe_text){0};
}
