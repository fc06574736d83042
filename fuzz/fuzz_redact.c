/* SPDX-License-Identifier: Apache-2.0 */
/* The redactor. Spans are within the text, sorted and apart; valid UTF-8 stays valid; nothing is
 * found in what it returns, so that redacting twice changes nothing; with the values put back in the place
 * of their placeholders, the text is what it was (e-mail addresses but for their case). */
#include "fuzz.h"

#include "base/json_reader.h"
#include "text/redact.h"

enum { SPANS_MAX = 256, ARENA_MAX_BYTES = 1 << 20 };

static bool is_continuation(struct str text, size_t at)
{
        return at < text.len && ((unsigned char)text.ptr[at] & 0xc0) == 0x80;
}

static void check_spans(struct str text, bool is_utf8)
{
        struct pii_span spans[SPANS_MAX];
        size_t count = 0;
        if (redact_find(text, spans, SPANS_MAX, &count) != ERR_OK)
                return;
        size_t floor = 0;
        for (size_t i = 0; i < count; i++) {
                assert(spans[i].start >= floor && spans[i].start < spans[i].end && spans[i].end <= text.len);
                assert(spans[i].type < PII_TYPE_COUNT);
                assert(!is_utf8 ||
                       (!is_continuation(text, spans[i].start) && !is_continuation(text, spans[i].end)));
                floor = spans[i].end;
        }
        assert(count || redact_is_clean(text));
}

static bool is_settled(struct str text)
{
        struct pii_span span;
        size_t count = 0;
        return redact_is_clean(text) && redact_find(text, &span, 1, &count) == ERR_OK && count == 0;
}

static void check_redacted(struct str text)
{
        struct arena arena;
        arena_init(&arena, ARENA_MAX_BYTES);
        struct safe_text once, twice;
        enum err err = redact_text((struct raw_text){text}, &arena, &once);
        assert(err == ERR_OK || err == ERR_INVALID || (err == ERR_TOO_LARGE && arena.is_full));
        if (err == ERR_OK) {
                assert(utf8_is_valid(once.safe) && is_settled(once.safe));
                err = redact_text((struct raw_text){once.safe}, &arena, &twice);
                assert(err == ERR_OK && str_equal(once.safe, twice.safe));
        }
        struct str reference = redact_reference((struct raw_text){text}).safe;
        assert(!reference.ptr || str_equal(reference, text));
        arena_deinit(&arena);
}

static const struct pii_placeholder *at_label(const struct pii_placeholders *map, struct str rest)
{
        const struct pii_placeholder *placeholder = map->newest;
        while (placeholder && !str_starts_with(rest, placeholder->label))
                placeholder = placeholder->older;
        return placeholder;
}

static void check_restores(struct str safe, const struct pii_placeholders *map, struct str original)
{
        struct str rest = safe, expected = original;
        while (rest.len) {
                const struct pii_placeholder *placeholder = *rest.ptr == '[' ? at_label(map, rest) : NULL;
                struct str one = {rest.ptr, 1};
                struct str value = placeholder ? placeholder->value : one;
                size_t taken = placeholder ? placeholder->label.len : 1;
                assert(value.len <= expected.len);
                struct str here = {expected.ptr, value.len};
                assert(placeholder && placeholder->type == PII_EMAIL ? str_equal_nocase(here, value)
                                                                     : str_equal(here, value));
                rest = (struct str){rest.ptr + taken, rest.len - taken};
                expected = (struct str){expected.ptr + value.len, expected.len - value.len};
        }
        assert(expected.len == 0);
}

static void check_placeholders(struct str text)
{
        struct arena arena;
        arena_init(&arena, ARENA_MAX_BYTES);
        struct safe_text once, twice;
        struct pii_placeholders map;
        enum err err = redact_placeholders((struct raw_text){text}, &arena, &once, &map);
        assert(err == ERR_OK || err == ERR_INVALID || err == ERR_TOO_LARGE);
        if (err == ERR_OK) {
                assert(utf8_is_valid(once.safe) && is_settled(once.safe) && map.count <= PII_PLACEHOLDERS_MAX);
                check_restores(once.safe, &map, text);
                err = redact_text((struct raw_text){once.safe}, &arena, &twice);
                assert(err == ERR_OK && str_equal(once.safe, twice.safe));
        }
        arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct str text = fuzz_input(data, size);
        bool is_utf8 = utf8_is_valid(text);
        check_spans(text, is_utf8);
        if (is_utf8) {
                check_redacted(text);
                check_placeholders(text);
        }
        return 0;
}
