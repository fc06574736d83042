/* SPDX-License-Identifier: Apache-2.0 */
/* JSON out: an append-only writer onto a buf; commas are its business, nesting the caller's.
 *
 *     json_open(&w, '{');
 *     json_key(&w, "id");
 *     json_str(&w, id);
 *     json_close(&w, '}');
 *
 * Strings must be valid UTF-8. Over the buf's maximum, the buf says is_over at the end.
 */
#ifndef BASE_JSON_WRITER_H
#define BASE_JSON_WRITER_H

#include "base/buf.h"

struct json_writer {
        struct buf *buf; /* borrows */
        bool needs_comma;
};

void json_open(struct json_writer *w, char bracket);  /* '{' or '[' */
void json_close(struct json_writer *w, char bracket); /* '}' or ']' */

/* `name` is a constant of the program, written without escaping. */
void json_key(struct json_writer *w, const char *name);
/* A member name from elsewhere, escaped. */
void json_key_str(struct json_writer *w, struct str name);

void json_str(struct json_writer *w, struct str text); /* absent: null */
/* Key and string at once. */
void json_member(struct json_writer *w, const char *name, struct str text);
void json_u64(struct json_writer *w, uint64_t value);
void json_i64(struct json_writer *w, int64_t value);
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);

/* At most `decimals` (0..6) digits behind the point, rounded; not a number or infinite: null. */
void json_fixed(struct json_writer *w, double value, int decimals);

/* RFC 3339 in UTC with milliseconds, "2026-11-22T10:00:00.000Z", from ms since 1970. */
void json_time(struct json_writer *w, int64_t wall_ms);

/* Key and time at once; 0, it has not happened: null. */
void json_time_member(struct json_writer *w, const char *name, int64_t wall_ms);

/* Text that is JSON already. */
void json_raw(struct json_writer *w, struct str json);

/* The same escaping without the quotes, for other writers of JSON lines. */
void json_escape(struct buf *buf, struct str text);

#endif
