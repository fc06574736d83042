/* SPDX-License-Identifier: Apache-2.0 */
#include "api/classify_body.h"

#include "base/utf8.h"
#include "text/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
        struct classify_body *body;
        struct arena *arena;
};

static void complain(struct reader *r, struct str pointer, const char *message)
{
        problem_complain(&r->body->faults, pointer, message);
}

static bool has_nul(struct str text)
{
        return text.len && memchr(text.ptr, '\0', text.len) != NULL;
}

static void read_message(struct reader *r, struct json value)
{
        struct message *message = &r->body->message;
        struct str text;
        if (!json_to_str(value, &text)) {
                complain(r, STR("/message"), "must be a string");
                return;
        }
        text = str_trim(text);
        message->points = utf8_count(text);
        if (text.len == 0)
                complain(r, STR("/message"), "must not be empty");
        if (has_nul(text))
                complain(r, STR("/message"), "must not contain U+0000");
        r->body->is_too_long = message->points > MESSAGE_MAX_POINTS;
        message->text.raw = arena_copy(r->arena, utf8_cut(text, MESSAGE_MAX_POINTS));
}

static void read_channel(struct reader *r, struct json value)
{
        struct str name;
        if (!json_to_str(value, &name) || !channel_from(name, &r->body->message.channel))
                complain(r, STR("/channel"), "must be one of chat, voice, mail, api");
}

/* The shortest decimal that reads back as the same number: 19.9, not 19.899999999999999. */
static struct str double_text(struct reader *r, double number)
{
        char text[32];
        for (int digits = 15; digits <= 17; digits++) {
                snprintf(text, sizeof text, "%.*g", digits, number);
                if (strtod(text, NULL) == number)
                        break;
        }
        return arena_copy(r->arena, str_from(text));
}

static bool number_text(struct reader *r, struct json value, struct str *ret_text)
{
        int64_t whole;
        double number;
        bool flag;
        if (json_to_i64(value, &whole))
                *ret_text = arena_format(r->arena, "%lld", (long long)whole);
        else if (json_to_double(value, &number))
                *ret_text = double_text(r, number);
        else if (json_to_bool(value, &flag))
                *ret_text = flag ? STR("true") : STR("false");
        else
                return false;
        return true;
}

static void read_entry(struct reader *r, struct str key, struct json value)
{
        struct message *message = &r->body->message;
        struct str text;
        if (json_to_str(value, &text))
                text = arena_copy(r->arena, text);
        else if (!number_text(r, value, &text)) {
                complain(r, problem_pointer(r->arena, "/metadata", key), "must be a string, a number or a boolean");
                return;
        }
        if (key.len == 0 || key.len > METADATA_MAX_KEY_BYTES || has_nul(key))
                complain(r, STR("/metadata"), "keys have 1 to 64 bytes and no U+0000");
        else if (text.len > METADATA_MAX_VALUE_BYTES || has_nul(text))
                complain(r, problem_pointer(r->arena, "/metadata", key), "must have at most 512 bytes and no U+0000");
        else if (message->metadata_count == METADATA_MAX_ENTRIES)
                complain(r, STR("/metadata"), "must have at most 32 keys");
        else
                message->metadata[message->metadata_count++] =
                        (struct metadata_entry){{arena_copy(r->arena, key)}, {text}};
}

static void read_metadata(struct reader *r, struct json value)
{
        struct message *message = &r->body->message;
        if (json_type(value) != JSON_OBJECT) {
                complain(r, STR("/metadata"), "must be an object");
                return;
        }
        message->metadata = arena_alloc(r->arena, METADATA_MAX_ENTRIES * sizeof *message->metadata);
        if (!message->metadata)
                return;
        struct json_iter iter = json_iter(value);
        struct str key;
        struct json entry;
        while (r->body->faults.count < PROBLEM_MAX_FIELDS && json_next(&iter, &key, &entry))
                if (json_type(entry) != JSON_NULL)
                        read_entry(r, key, entry);
        struct str locale = message_metadata(message, STR("locale")).raw;
        if (locale.ptr && !locale_is_tag(locale))
                complain(r, STR("/metadata/locale"), "must be a BCP 47 language tag");
}

static void read_member(struct reader *r, struct str name, struct json value)
{
        static const struct {
                struct str name;
                void (*read)(struct reader *, struct json);
        } members[] = {
                {STR_INIT("message"), read_message},
                {STR_INIT("channel"), read_channel},
                {STR_INIT("metadata"), read_metadata},
        };
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
                if (!str_equal(name, members[i].name))
                        continue;
                if (json_type(value) != JSON_NULL)
                        members[i].read(r, value);
                return;
        }
        complain(r, problem_pointer(r->arena, "", name), "is not a member of this request");
}

enum err classify_body_read(struct json_parser *parser, struct str body, struct arena *arena,
                            struct classify_body *ret_body, struct err_note *note)
{
        struct json root;
        enum err err = json_parse(parser, body, &root, note);
        if (err)
                return err;
        *ret_body = (struct classify_body){.message.channel = CHANNEL_API};
        struct reader r = {ret_body, arena};
        if (json_type(root) != JSON_OBJECT) {
                complain(&r, STR(""), "the body must be a JSON object");
                return ERR_INVALID;
        }
        struct json_iter iter = json_iter(root);
        struct str name;
        struct json value;
        while (ret_body->faults.count < PROBLEM_MAX_FIELDS && json_next(&iter, &name, &value))
                read_member(&r, name, value);
        if (!json_find(root, STR("message"), &value))
                complain(&r, STR("/message"), "is required");
        if (arena->is_full)
                return err_set(note, ERR_TOO_LARGE, "the request needs more memory than one may take");
        return ret_body->faults.count ? ERR_INVALID : ERR_OK;
}
