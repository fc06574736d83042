/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/policy_yaml.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <yaml.h>

__attribute__((format(printf, 4, 0))) static void vfail(struct yaml_check *check, enum err err, unsigned line,
                                                        const char *format, va_list args)
{
        if (check->err)
                return;
        char text[384], place[32] = "";
        vsnprintf(text, sizeof text, format, args);
        if (line)
                snprintf(place, sizeof place, ":%u", line);
        check->err = err_set(check->note, err, "%s%s: %s%s%s", check->file, place, check->where,
                             *check->where ? ": " : "", text);
}

void yaml_fail(struct yaml_check *check, unsigned line, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        vfail(check, ERR_INVALID, line, format, args);
        va_end(args);
}

/* A fault of the file as YAML rather than of what it says. */
__attribute__((format(printf, 4, 5))) static void fail_file(struct yaml_check *check, enum err err,
                                                            unsigned line, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        vfail(check, err, line, format, args);
        va_end(args);
}

void yaml_where(struct yaml_check *check, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        vsnprintf(check->where, sizeof check->where, format, args);
        va_end(args);
}

void yaml_fail_unknown(struct yaml_check *check, unsigned line, const char *what, struct str name,
                       const struct str *known, size_t count)
{
        size_t nearest = SIZE_MAX, best = name.len / 3 + 2;
        for (size_t i = 0; i < count; i++) {
                size_t far = str_distance(name, known[i]);
                if (far < best) {
                        best = far;
                        nearest = i;
                }
        }
        if (nearest == SIZE_MAX)
                yaml_fail(check, line, "%s `%.*s` is not defined", what, STR_ARGS(name));
        else
                yaml_fail(check, line, "%s `%.*s` is not defined; did you mean `%.*s`?", what, STR_ARGS(name),
                          STR_ARGS(known[nearest]));
}

enum err yaml_read_file(struct arena *arena, const char *path, struct str *ret_text, struct err_note *note)
{
        FILE *file = fopen(path, "re");
        if (!file)
                return err_set(note, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                               strerror(errno));
        char *ptr = arena_alloc(arena, YAML_FILE_MAX_BYTES + 1);
        size_t len = ptr ? fread(ptr, 1, YAML_FILE_MAX_BYTES + 1, file) : 0;
        bool is_broken = ferror(file) != 0;
        fclose(file);
        if (is_broken)
                return err_set(note, ERR_IO, "%s: cannot be read", path);
        if (!ptr || len > YAML_FILE_MAX_BYTES)
                return err_set(note, ERR_TOO_LARGE, "%s: is larger than 1 MiB", path);
        *ret_text = (struct str){ptr, len};
        return ERR_OK;
}

/* One document being read, event by event. */
struct reader {
        struct yaml_check *check;
        struct arena *arena;
        struct str text;
        yaml_parser_t parser;
        yaml_event_t event; /* the current one; owned until the next */
};

static unsigned line_of(const struct reader *reader)
{
        return (unsigned)reader->event.start_mark.line + 1;
}

static bool reader_next(struct reader *reader)
{
        yaml_event_delete(&reader->event);
        if (yaml_parser_parse(&reader->parser, &reader->event))
                return true;
        const yaml_parser_t *parser = &reader->parser;
        unsigned line = 1;
        for (size_t i = 0; i < parser->problem_offset && i < reader->text.len; i++)
                line += reader->text.ptr[i] == '\n';
        if (parser->error == YAML_READER_ERROR)
                fail_file(reader->check, ERR_SYNTAX, line, "not valid UTF-8");
        else
                fail_file(reader->check, ERR_SYNTAX, (unsigned)parser->problem_mark.line + 1, "%s",
                          parser->problem ? parser->problem : "cannot be read");
        return false;
}

static struct yaml_node *node_new(struct reader *reader, enum yaml_node_kind kind)
{
        struct yaml_node *node = arena_new(reader->arena, struct yaml_node);
        if (!node) {
                fail_file(reader->check, ERR_TOO_LARGE, line_of(reader), "too many values");
                return NULL;
        }
        node->kind = kind;
        node->line = line_of(reader);
        return node;
}

static struct yaml_node *read_text(struct reader *reader)
{
        struct yaml_node *node = node_new(reader, YAML_TEXT);
        if (!node)
                return NULL;
        const char *value = (const char *)reader->event.data.scalar.value;
        node->text = arena_copy(reader->arena, (struct str){value, reader->event.data.scalar.length});
        node->is_plain = reader->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        if (!node->text.ptr)
                fail_file(reader->check, ERR_TOO_LARGE, node->line, "too much text");
        else if (memchr(node->text.ptr, 0, node->text.len))
                yaml_fail(reader->check, node->line, "a text must not hold NUL");
        return node;
}

static struct yaml_node *read_node(struct reader *reader, unsigned depth);

static void append(struct yaml_node *parent, struct yaml_node **last, struct yaml_node *child)
{
        if (*last)
                (*last)->next = child;
        else
                parent->first = child;
        *last = child;
        parent->count++;
}

static struct yaml_node *read_list(struct reader *reader, unsigned depth)
{
        struct yaml_node *list = node_new(reader, YAML_LIST), *last = NULL;
        while (list && reader_next(reader) && reader->event.type != YAML_SEQUENCE_END_EVENT) {
                struct yaml_node *child = read_node(reader, depth + 1);
                if (!child)
                        return NULL;
                append(list, &last, child);
        }
        return list;
}

static struct yaml_node *read_pair(struct reader *reader, const struct yaml_node *map, unsigned depth)
{
        unsigned line = line_of(reader);
        if (reader->event.type != YAML_SCALAR_EVENT) {
                yaml_fail(reader->check, line, "a key must be a text");
                return NULL;
        }
        struct yaml_node *key = read_node(reader, depth);
        if (!key || reader->check->err)
                return NULL;
        if (yaml_find(map, key->text.ptr)) {
                yaml_fail(reader->check, line, "key `%.*s` stands here twice", STR_ARGS(key->text));
                return NULL;
        }
        struct yaml_node *value = reader_next(reader) ? read_node(reader, depth) : NULL;
        if (!value)
                return NULL;
        value->key = key->text;
        if (value->kind != YAML_TEXT)
                value->line = line;
        return value;
}

static struct yaml_node *read_map(struct reader *reader, unsigned depth)
{
        struct yaml_node *map = node_new(reader, YAML_MAP), *last = NULL;
        while (map && reader_next(reader) && reader->event.type != YAML_MAPPING_END_EVENT) {
                if (map->count == YAML_MAX_KEYS) { /* looking for a key is linear */
                        yaml_fail(reader->check, line_of(reader), "more than %d keys in one map",
                                  YAML_MAX_KEYS);
                        return NULL;
                }
                struct yaml_node *child = read_pair(reader, map, depth + 1);
                if (!child)
                        return NULL;
                append(map, &last, child);
        }
        return map;
}

static bool has_anchor_or_tag(const yaml_event_t *event)
{
        switch (event->type) {
        case YAML_SCALAR_EVENT:
                return event->data.scalar.anchor || event->data.scalar.tag;
        case YAML_SEQUENCE_START_EVENT:
                return event->data.sequence_start.anchor || event->data.sequence_start.tag;
        case YAML_MAPPING_START_EVENT:
                return event->data.mapping_start.anchor || event->data.mapping_start.tag;
        default:
                return event->type == YAML_ALIAS_EVENT; /* the enum is libyaml's: others carry neither */
        }
}

/* The value that starts with the current event; NULL after a fault. */
static struct yaml_node *read_node(struct reader *reader, unsigned depth)
{
        struct yaml_node *node = NULL;
        if (depth > YAML_MAX_DEPTH)
                yaml_fail(reader->check, line_of(reader), "more than %d levels", YAML_MAX_DEPTH);
        else if (has_anchor_or_tag(&reader->event))
                yaml_fail(reader->check, line_of(reader), "anchors, aliases and tags are not allowed");
        else if (reader->event.type == YAML_SCALAR_EVENT)
                node = read_text(reader);
        else if (reader->event.type == YAML_SEQUENCE_START_EVENT)
                node = read_list(reader, depth);
        else
                node = read_map(reader, depth);
        return reader->check->err ? NULL : node;
}

static struct yaml_node *read_document(struct reader *reader)
{
        if (!reader_next(reader) || !reader_next(reader)) /* the stream's start */
                return NULL;
        if (reader->event.type == YAML_STREAM_END_EVENT)
                return node_new(reader, YAML_MAP);
        if (!reader_next(reader)) /* the document's start */
                return NULL;
        struct yaml_node *root = read_node(reader, 1);
        if (!root || !reader_next(reader) || !reader_next(reader)) /* the document's end */
                return NULL;
        if (reader->event.type != YAML_STREAM_END_EVENT)
                yaml_fail(reader->check, line_of(reader), "more than one document");
        return reader->check->err ? NULL : root;
}

struct yaml_node *yaml_parse(struct yaml_check *check, struct arena *arena, struct str text)
{
        struct reader reader = {.check = check, .arena = arena, .text = text};
        if (text.len > YAML_FILE_MAX_BYTES) {
                fail_file(check, ERR_TOO_LARGE, 0, "is larger than 1 MiB");
                return NULL;
        }
        if (!yaml_parser_initialize(&reader.parser)) {
                fail_file(check, ERR_INTERNAL, 0, "the YAML parser cannot be set up");
                return NULL;
        }
        yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
        yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.ptr, text.len);
        struct yaml_node *root = read_document(&reader);
        yaml_event_delete(&reader.event);
        yaml_parser_delete(&reader.parser);
        return root;
}

static bool is_known(struct str key, const struct str *keys, size_t count)
{
        for (size_t i = 0; i < count; i++)
                if (str_equal(key, keys[i]))
                        return true;
        return false;
}

bool yaml_is_map(struct yaml_check *check, const struct yaml_node *node, const struct str *keys, size_t count)
{
        if (check->err || !node)
                return false;
        if (node->kind != YAML_MAP) {
                yaml_fail(check, node->line, "expected keys with values here");
                return false;
        }
        for (const struct yaml_node *child = node->first; keys && child; child = child->next)
                if (!is_known(child->key, keys, count))
                        yaml_fail_unknown(check, child->line, "key", child->key, keys, count);
        return !check->err;
}

struct yaml_node *yaml_find(const struct yaml_node *map, const char *key)
{
        struct yaml_node *child = map->first;
        while (child && !str_equal(child->key, str_from(key)))
                child = child->next;
        return child;
}

struct yaml_node *yaml_require(struct yaml_check *check, const struct yaml_node *map, const char *key)
{
        struct yaml_node *node = yaml_find(map, key);
        if (!node)
                yaml_fail(check, map->line, "key `%s` is missing", key);
        return node;
}

static struct str text_of(struct yaml_check *check, const struct yaml_node *node)
{
        if (!node)
                return (struct str){0};
        if (node->kind == YAML_TEXT && str_trim(node->text).len > 0)
                return str_trim(node->text);
        yaml_fail(check, node->line, "key `%.*s` expects a text", STR_ARGS(node->key));
        return (struct str){0};
}

struct str yaml_text(struct yaml_check *check, const struct yaml_node *map, const char *key)
{
        return text_of(check, yaml_require(check, map, key));
}

struct str yaml_optional_text(struct yaml_check *check, const struct yaml_node *map, const char *key)
{
        return text_of(check, yaml_find(map, key));
}

static bool number_of(const struct yaml_node *node, double *ret_value)
{
        if (node->kind != YAML_TEXT || !node->is_plain || node->text.len == 0)
                return false;
        if (strspn(node->text.ptr, "0123456789.-") != node->text.len)
                return false;
        char *end;
        *ret_value = strtod(node->text.ptr, &end);
        return *end == '\0' && isfinite(*ret_value);
}

double yaml_number(struct yaml_check *check, const struct yaml_node *map, const char *key, double minimum,
                   double maximum)
{
        const struct yaml_node *node = yaml_require(check, map, key);
        double value;
        if (!node)
                return minimum;
        if (!number_of(node, &value))
                yaml_fail(check, node->line, "key `%s` expects a number", key);
        else if (value < minimum || value > maximum)
                yaml_fail(check, node->line, "key `%s` is %.*s, allowed is %g to %g", key,
                          STR_ARGS(node->text), minimum, maximum);
        else
                return value;
        return minimum;
}

int64_t yaml_integer(struct yaml_check *check, const struct yaml_node *map, const char *key, int64_t minimum,
                     int64_t maximum)
{
        double value = yaml_number(check, map, key, (double)minimum, (double)maximum);
        if (value != floor(value)) {
                yaml_fail(check, yaml_find(map, key)->line, "key `%s` expects a whole number", key);
                return minimum;
        }
        return (int64_t)value;
}

bool yaml_bool(struct yaml_check *check, const struct yaml_node *map, const char *key, bool fallback)
{
        const struct yaml_node *node = yaml_find(map, key);
        if (!node)
                return fallback;
        bool is_plain = node->kind == YAML_TEXT && node->is_plain;
        if (is_plain && str_equal(node->text, STR("true")))
                return true;
        if (!is_plain || !str_equal(node->text, STR("false")))
                yaml_fail(check, node->line, "key `%s` expects true or false", key);
        return false;
}

struct str *yaml_texts(struct yaml_check *check, struct arena *arena, const struct yaml_node *map,
                       const char *key, size_t *ret_count)
{
        *ret_count = 0;
        const struct yaml_node *list = yaml_find(map, key);
        if (!list)
                return NULL;
        if (list->kind != YAML_LIST) {
                yaml_fail(check, list->line, "key `%s` expects a list of texts", key);
                return NULL;
        }
        struct str *texts = arena_zeroed(arena, (list->count + 1) * sizeof *texts);
        if (!texts)
                fail_file(check, ERR_TOO_LARGE, list->line, "too many values");
        for (const struct yaml_node *child = list->first; texts && child && !check->err; child = child->next) {
                if (child->kind != YAML_TEXT || str_trim(child->text).len == 0)
                        yaml_fail(check, child->line, "key `%s` expects a list of texts", key);
                else
                        texts[(*ret_count)++] = str_trim(child->text);
        }
        return texts;
}
