/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

static bool is_continuation(char c)
{
        return ((unsigned char)c & 0xc0) == 0x80;
}

size_t utf8_count(struct str text)
{
        size_t count = 0;
        for (size_t i = 0; i < text.len; i++)
                count += !is_continuation(text.ptr[i]);
        return count;
}

struct str utf8_cut(struct str text, size_t max_points)
{
        size_t count = 0;
        for (size_t i = 0; i < text.len; i++) {
                if (is_continuation(text.ptr[i]))
                        continue;
                if (count == max_points)
                        return (struct str){text.ptr, i};
                count++;
        }
        return text;
}

struct str utf8_cut_bytes(struct str text, size_t max_bytes)
{
        if (text.len <= max_bytes)
                return text;
        size_t len = max_bytes;
        while (len && is_continuation(text.ptr[len]))
                len--;
        return (struct str){text.ptr, len};
}
