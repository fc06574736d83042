/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in: simdjson's strict DOM parser behind a C face.
 *
 * RFC 8259 and nothing more: no comments, no trailing commas, valid UTF-8, numbers in the range
 * of double or 64-bit integers. Repeated member names in one object are refused.
 *
 * One parser a thread. Values and strings borrow from the parser and die at its next
 * json_parse(): what must last is copied into an arena.
 */
#ifndef BASE_JSON_READER_H
#define BASE_JSON_READER_H

#include "base/err.h"
#include "base/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_parser;

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

/* A value in the parsed document; copy it freely. */
struct json {
        const void *document;
        size_t index;
};

/* Walks an array's elements or an object's members in their order. */
struct json_iter {
        struct json container;
        size_t next;
        size_t end;
};

/* Texts over `max_bytes` or nested deeper than `max_depth` are refused. Memory grows to about 14
 * times the largest text that was parsed. */
struct json_parser *json_parser_new(size_t max_bytes, size_t max_depth);
void json_parser_free(struct json_parser *parser);

/* ERR_SYNTAX (malformed, repeated name, invalid UTF-8) or ERR_TOO_LARGE. Copies `text`. */
enum err json_parse(struct json_parser *parser, struct str text, struct json *ret_root,
                    struct err_note *note) MUST_USE;

enum json_type json_type(struct json value);

/* False when the value has another type (or, for integers, is not one in int64's range). */
bool json_to_str(struct json value, struct str *ret_text);
bool json_to_bool(struct json value, bool *ret_value);
bool json_to_double(struct json value, double *ret_value);
bool json_to_i64(struct json value, int64_t *ret_value);

struct json_iter json_iter(struct json container);

/* The next element or member; false at the end. `ret_name` is NULL for arrays. */
bool json_next(struct json_iter *iter, struct str *ret_name, struct json *ret_value);

/* The member of that name; false when there is none or it is null. */
bool json_find(struct json object, struct str name, struct json *ret_value);

/* Whether the bytes are valid UTF-8. */
bool utf8_is_valid(struct str text);

#ifdef __cplusplus
}
#endif
#endif
