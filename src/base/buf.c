/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "base/alloc.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_init(struct buf *buf, size_t max_bytes)
{
        *buf = (struct buf){.max_bytes = max_bytes};
}

void buf_deinit(struct buf *buf)
{
        free(buf->ptr);
        buf_init(buf, buf->max_bytes);
}

void buf_reset(struct buf *buf)
{
        buf->len = 0;
        buf->is_over = false;
}

char *buf_reserve(struct buf *buf, size_t len)
{
        if (buf->is_over || len > buf->max_bytes - buf->len) {
                buf->is_over = true;
                return NULL;
        }
        if (len > buf->capacity - buf->len) {
                size_t capacity = buf->capacity ? buf->capacity * 2 : 256;
                if (capacity < buf->len + len)
                        capacity = buf->len + len;
                if (capacity > buf->max_bytes)
                        capacity = buf->max_bytes;
                buf->ptr = alloc_resize(buf->ptr, capacity);
                buf->capacity = capacity;
        }
        return buf->ptr + buf->len;
}

void buf_commit(struct buf *buf, size_t len)
{
        assert(len <= buf->capacity - buf->len);
        buf->len += len;
}

void buf_append_slowly(struct buf *buf, const void *ptr, size_t len)
{
        if (len == 0)
                return;
        char *to = buf_reserve(buf, len);
        if (!to)
                return;
        memcpy(to, ptr, len);
        buf->len += len;
}

static void append_digits(struct buf *buf, uint64_t value, bool is_negative)
{
        char text[21];
        size_t start = sizeof text;
        do {
                text[--start] = (char)('0' + value % 10);
                value /= 10;
        } while (value);
        if (is_negative)
                text[--start] = '-';
        buf_append(buf, text + start, sizeof text - start);
}

void buf_append_u64(struct buf *buf, uint64_t value)
{
        append_digits(buf, value, false);
}

void buf_append_i64(struct buf *buf, int64_t value)
{
        append_digits(buf, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        va_list again;
        va_copy(again, args);
        int len = vsnprintf(NULL, 0, format, args);
        va_end(args);
        char *to = len < 0 ? NULL : buf_reserve(buf, (size_t)len + 1);
        if (to) {
                vsnprintf(to, (size_t)len + 1, format, again);
                buf->len += (size_t)len;
        }
        va_end(again);
}

struct str buf_str(const struct buf *buf)
{
        return (struct str){buf->ptr ? buf->ptr : "", buf->len};
}
