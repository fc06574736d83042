/* SPDX-License-Identifier: Apache-2.0 */
/* Growing byte buffer, born with its maximum.
 *
 * Appending never fails visibly: over the maximum the buffer drops the append whole, remembers it
 * (is_over), and the caller looks at it once at the end. Owns its memory.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

#include <string.h>

struct buf {
        char *ptr; /* owns */
        size_t len;
        size_t capacity;
        size_t max_bytes;
        bool is_over;
};

/* Allocates nothing yet. */
void buf_init(struct buf *buf, size_t max_bytes);

void buf_deinit(struct buf *buf);

/* Empties it and forgets is_over; keeps the memory. */
void buf_reset(struct buf *buf);

static inline void buf_append(struct buf *buf, const void *ptr, size_t len);
static inline void buf_append_str(struct buf *buf, struct str s);
static inline void buf_append_char(struct buf *buf, char c);
void buf_append_u64(struct buf *buf, uint64_t value);
void buf_append_i64(struct buf *buf, int64_t value);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for `len` more bytes to be written at the returned pointer, then buf_commit(); NULL when
 * that would pass the maximum. */
char *buf_reserve(struct buf *buf, size_t len);
void buf_commit(struct buf *buf, size_t len);

/* The content, borrowed until the next change. */
struct str buf_str(const struct buf *buf);

/* An answer is made of hundreds of appends: those that fit are made without a call. */

void buf_append_slowly(struct buf *buf, const void *ptr, size_t len);

static inline void buf_append(struct buf *buf, const void *ptr, size_t len)
{
        if (len == 0 || buf->is_over || len > buf->capacity - buf->len) {
                buf_append_slowly(buf, ptr, len);
                return;
        }
        memcpy(buf->ptr + buf->len, ptr, len);
        buf->len += len;
}

static inline void buf_append_str(struct buf *buf, struct str s)
{
        buf_append(buf, s.ptr, s.len);
}

static inline void buf_append_char(struct buf *buf, char c)
{
        buf_append(buf, &c, 1);
}

#endif
