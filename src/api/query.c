/* SPDX-License-Identifier: Apache-2.0 */
#include "api/query.h"

#include "base/hex.h"
#include "base/json_reader.h"

static char lower(char c)
{
        return c >= 'A' && c <= 'F' ? (char)(c | 0x20) : c;
}

static struct str decode(struct str text, struct arena *arena)
{
        char *bytes = arena_alloc(arena, text.len + 1);
        size_t len = 0;
        for (size_t i = 0; bytes && i < text.len; i++) {
                bytes[len] = text.ptr[i] == '+' ? ' ' : text.ptr[i];
                if (text.ptr[i] == '%') {
                        char digits[2] = {0};
                        if (i + 2 < text.len) {
                                digits[0] = lower(text.ptr[i + 1]);
                                digits[1] = lower(text.ptr[i + 2]);
                        }
                        if (!hex_read((struct str){digits, 2}, bytes + len, 1))
                                return (struct str){0};
                        i += 2;
                }
                len++;
        }
        struct str decoded = {bytes, len};
        return bytes && utf8_is_valid(decoded) ? decoded : (struct str){0};
}

bool query_next(struct str *rest, struct arena *arena, struct str *ret_name, struct str *ret_value)
{
        if (rest->len == 0)
                return false;
        struct str value = str_split(rest, '&');
        *ret_name = decode(str_split(&value, '='), arena);
        *ret_value = value.ptr ? decode(value, arena) : value;
        return true;
}
