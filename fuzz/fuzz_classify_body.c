/* SPDX-License-Identifier: Apache-2.0 */
/* The body of POST /api/v1/classify. An error tells at least one field or a note; what is accepted
 * is a message within its limits, in valid UTF-8. */
#include "fuzz.h"

#include "api/classify_body.h"
#include "base/utf8.h"
#include "text/redact.h"

enum { BODY_MAX_BYTES = 1 << 18, BODY_MAX_DEPTH = 32, ARENA_MAX_BYTES = 1 << 20 };

static bool is_clean_text(struct str text)
{
        return utf8_is_valid(text) && (text.len == 0 || !memchr(text.ptr, '\0', text.len));
}

static void check_message(const struct classify_body *body)
{
        const struct message *message = &body->message;
        struct str text = message->text.raw;
        assert(text.ptr && is_clean_text(text));
        assert(message->channel < CHANNEL_COUNT);
        assert(message->points >= 1 && body->is_too_long == (message->points > MESSAGE_MAX_POINTS));
        size_t kept = body->is_too_long ? MESSAGE_MAX_POINTS : message->points;
        assert(utf8_count(text) == kept && str_trim(text).len > 0);
        assert(message->metadata_count <= METADATA_MAX_ENTRIES);
        for (size_t i = 0; i < message->metadata_count; i++) {
                struct str key = message->metadata[i].key.raw;
                struct str value = message->metadata[i].value.raw;
                assert(key.len >= 1 && key.len <= METADATA_MAX_KEY_BYTES && is_clean_text(key));
                assert(value.len <= METADATA_MAX_VALUE_BYTES && is_clean_text(value));
        }
}

/* A pointer is repeated to the client and logged: it holds no personal data. */
static void check_fields(const struct classify_body *body)
{
        assert(body->faults.count >= 1 && body->faults.count <= PROBLEM_MAX_FIELDS);
        for (size_t i = 0; i < body->faults.count; i++) {
                struct str pointer = body->faults.fields[i].pointer;
                assert(body->faults.fields[i].message && body->faults.fields[i].message[0]);
                assert(pointer.ptr && (pointer.len == 0 || pointer.ptr[0] == '/'));
                assert(utf8_is_valid(pointer) && redact_is_clean(pointer));
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static struct json_parser *parser;
        if (!parser)
                parser = json_parser_new(BODY_MAX_BYTES, BODY_MAX_DEPTH);
        struct arena arena;
        arena_init(&arena, ARENA_MAX_BYTES);
        struct classify_body body;
        struct err_note note = {0};
        enum err err = classify_body_read(parser, fuzz_input(data, size), &arena, &body, &note);
        if (err == ERR_OK)
                check_message(&body);
        if (err == ERR_OK)
                assert(body.faults.count == 0);
        else if (err == ERR_INVALID)
                check_fields(&body);
        else
                assert((err == ERR_SYNTAX || err == ERR_TOO_LARGE) && note.text[0]);
        arena_deinit(&arena);
        return 0;
}
