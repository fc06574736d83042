/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact.h"

#include "base/hash.h"

#include <inttypes.h>
#include <string.h>

enum { SPANS_ON_STACK = 64, PASSES_MAX = 6 };

static const struct str tags[PII_TYPE_COUNT] = {
#define PII(symbol, name, rank) [PII_##symbol] = STR_INIT("[" name "_REDACTED]"),
#include "text/pii.def"
#undef PII
};

/* How spans are replaced: by the tag of their type, or each value by a placeholder of its own. */
struct redaction {
        struct arena *arena;
        struct str original;
        const struct redact_manner *manner;
        struct pii_placeholders *map; /* for placeholders */
};

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
        return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_same_value(const struct pii_placeholder *placeholder, enum pii_type type, struct str value)
{
        if (placeholder->type != type)
                return false;
        return type == PII_EMAIL ? str_equal_nocase(placeholder->value, value)
                                 : str_equal(placeholder->value, value);
}

/* A label that the customer has written is left out, so that it is never taken for one of ours. */
static struct str next_label(const struct redaction *redaction, enum pii_type type, uint32_t *number)
{
        struct str label;
        do
                label = arena_format(redaction->arena, "[%s_%u]", pii_type_name(type), ++*number);
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

/* Stars for letters and digits; of numbers that people know by their end, its last four digits stay. */
static struct str masked(const struct redaction *redaction, enum pii_type type, struct str value)
{
        enum { SHOWN = 4, LONG = 12 };
        size_t digits = 0, seen = 0;
        char *mask = arena_alloc(redaction->arena, value.len + 1);
        if (!mask)
                return (struct str){0};
        for (size_t i = 0; i < value.len; i++)
                digits += is_digit(value.ptr[i]);
        bool has_end =
                (type == PII_CREDIT_CARD || type == PII_IBAN || type == PII_BANK_ACCOUNT) && digits >= LONG;
        size_t len = 0;
        for (size_t i = 0; i < value.len; i++) {
                char c = value.ptr[i];
                seen += is_digit(c);
                bool is_shown = has_end && is_digit(c) && seen + SHOWN > digits;
                if (((unsigned char)c & 0xc0) != 0x80)
                        mask[len++] = is_shown || c == ' ' ? c : '*';
        }
        mask[len] = '\0';
        return (struct str){mask, len};
}

/* As it is compared: small letters, and of numbers neither blanks nor signs. */
static struct str normal_value(struct arena *arena, enum pii_type type, struct str value)
{
        bool is_text = type == PII_EMAIL || type == PII_PERSON || type == PII_ADDRESS ||
                       type == PII_PASSWORD || type == PII_SECRET || type == PII_USERNAME;
        char *plain = arena_alloc(arena, value.len + 1);
        size_t len = 0;
        for (size_t i = 0; plain && i < value.len; i++) {
                char c = value.ptr[i];
                bool is_kept = is_text || is_letter(c) || is_digit(c) || (unsigned char)c >= 0x80;
                if (is_kept)
                        plain[len++] =
                                (char)(c >= 'A' && c <= 'Z' && type != PII_PASSWORD && type != PII_SECRET
                                               ? c | 0x20
                                               : c);
        }
        return plain ? (struct str){plain, len} : (struct str){0};
}

/* "[EMAIL_REDACTED_1_482913004417]": the key's number, and twelve digits of the value's HMAC. */
static struct str pseudonym(const struct redaction *redaction, enum pii_type type, struct str value)
{
        const struct redact_key *key = &redaction->manner->key;
        struct str plain = normal_value(redaction->arena, type, value);
        uint64_t number = 0;
        if (!plain.ptr || key->secret.len == 0)
                return (struct str){0};
        struct str whole = arena_format(redaction->arena, "%s:%.*s", pii_type_name(type), STR_ARGS(plain));
        if (!whole.ptr)
                return whole;
        struct digest digest = digest_hmac_sha256(key->secret, whole);
        for (size_t i = 0; i < sizeof number; i++)
                number = number << 8 | digest.bytes[i];
        return arena_format(redaction->arena, "[%s_REDACTED_%u_%012" PRIu64 "]", pii_type_name(type),
                            key->number, number % UINT64_C(1000000000000));
}

static struct str label_of(const struct redaction *redaction, struct str text, const struct pii_span *span)
{
        struct str value = {text.ptr + span->start, span->end - span->start};
        switch (redaction->manner->style) {
        case REDACT_TAG:
                return tags[span->type];
        case REDACT_MASK:
                return masked(redaction, span->type, value);
        case REDACT_PSEUDONYM:
                return pseudonym(redaction, span->type, value);
        case REDACT_PLACEHOLDER:
                return placeholder_label(redaction, span->type, value);
        }
        return (struct str){0};
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

static bool is_found(const struct redact_finds *finds, struct str text, const struct redact_scope *scope)
{
        return finds->text.ptr == text.ptr && finds->text.len == text.len && finds->scope.types == scope->types &&
               finds->scope.is_answer == scope->is_answer && finds->scope.known_names == scope->known_names &&
               finds->scope.known_count == scope->known_count;
}

/* Without room in the arena they are not kept. */
static void keep(const struct redaction *redaction, const struct pii_span *spans, size_t count)
{
        struct pii_span *copy = arena_alloc(redaction->arena, count * sizeof *copy);
        if (!copy)
                return;
        memcpy(copy, spans, count * sizeof *copy);
        *redaction->manner->finds =
                (struct redact_finds){redaction->original, redaction->manner->scope, copy, count};
}

/* In `few`, as many as it holds, or else in the arena. */
static enum err look(const struct redaction *redaction, struct str text, struct pii_span *few,
                     struct pii_span **ret_spans, size_t *ret_count)
{
        const struct redact_scope *scope = &redaction->manner->scope;
        struct redact_finds *finds = text.ptr == redaction->original.ptr ? redaction->manner->finds : NULL;
        if (finds && is_found(finds, text, scope)) {
                *ret_spans = finds->spans;
                *ret_count = finds->count;
                return ERR_OK;
        }
        *ret_spans = few;
        enum err err = redact_find_in(text, scope, few, SPANS_ON_STACK, ret_count);
        if (err == ERR_TOO_LARGE) {
                size_t max = text.len / 2 + 1; /* no item is shorter than three bytes */
                *ret_spans = arena_alloc(redaction->arena, max * sizeof **ret_spans);
                if (!*ret_spans)
                        return ERR_TOO_LARGE;
                err = redact_find_in(text, scope, *ret_spans, max, ret_count);
        }
        if (!err && finds)
                keep(redaction, *ret_spans, *ret_count);
        return err;
}

/* One pass; `ret_is_clean` when there was nothing to replace. */
static enum err redact_once(const struct redaction *redaction, struct str text, struct str *ret_text,
                            bool *ret_is_clean)
{
        struct pii_span few[SPANS_ON_STACK], *spans;
        size_t count;
        enum err err = look(redaction, text, few, &spans, &count);
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

enum err redact_as(struct raw_text text, const struct redact_manner *manner, struct arena *arena,
                   struct safe_text *ret_text, struct pii_placeholders *ret_map)
{
        struct pii_placeholders map = {.count = 0};
        enum err err = redact(&(struct redaction){arena, text.raw, manner, &map}, ret_text);
        if (err == ERR_OK && ret_map)
                *ret_map = map;
        return err;
}

enum err redact_text(struct raw_text text, struct arena *arena, struct safe_text *ret_text)
{
        static const struct redact_manner tagged = {.scope = {.types = REDACT_ALL, .is_answer = true},
                                                    .style = REDACT_TAG};
        return redact_as(text, &tagged, arena, ret_text, NULL);
}

enum err redact_placeholders(struct raw_text text, struct arena *arena, struct safe_text *ret_text,
                             struct pii_placeholders *ret_map)
{
        static const struct redact_manner reversible = {.scope = {.types = REDACT_ALL, .is_answer = true},
                                                        .style = REDACT_PLACEHOLDER};
        return redact_as(text, &reversible, arena, ret_text, ret_map);
}
