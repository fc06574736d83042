/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

#include <string.h>
#include <strings.h>

enum { DISTANCE_MAX_BYTES = 64 };

struct str str_from(const char *text)
{
        return (struct str){text, text ? strlen(text) : 0};
}

bool str_equal(struct str a, struct str b)
{
        return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_equal_nocase(struct str a, struct str b)
{
        /* Most differ in the first byte already: by more than the bit of the case. */
        return a.len == b.len &&
               (a.len == 0 || (((a.ptr[0] ^ b.ptr[0]) & ~0x20) == 0 && strncasecmp(a.ptr, b.ptr, a.len) == 0));
}

bool str_starts_with(struct str s, struct str prefix)
{
        return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

static bool is_space(char c)
{
        return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
        while (s.len && is_space(s.ptr[0])) {
                s.ptr++;
                s.len--;
        }
        while (s.len && is_space(s.ptr[s.len - 1]))
                s.len--;
        return s;
}

struct str str_split(struct str *s, char separator)
{
        const char *end = s->len ? memchr(s->ptr, separator, s->len) : NULL;
        if (!end) {
                struct str all = *s;
                *s = (struct str){0};
                return all;
        }
        struct str head = {s->ptr, (size_t)(end - s->ptr)};
        *s = (struct str){end + 1, s->len - head.len - 1};
        return head;
}

bool str_to_u64(struct str s, uint64_t *ret_value)
{
        uint64_t value = 0;
        if (s.len == 0)
                return false;
        for (size_t i = 0; i < s.len; i++) {
                if (s.ptr[i] < '0' || s.ptr[i] > '9')
                        return false;
                uint64_t digit = (uint64_t)(s.ptr[i] - '0');
                if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, digit, &value))
                        return false;
        }
        *ret_value = value;
        return true;
}

static size_t smallest(size_t a, size_t b, size_t c)
{
        size_t ab = a < b ? a : b;
        return ab < c ? ab : c;
}

size_t str_distance(struct str a, struct str b)
{
        size_t row[DISTANCE_MAX_BYTES + 1];
        if (a.len > DISTANCE_MAX_BYTES || b.len > DISTANCE_MAX_BYTES)
                return SIZE_MAX;
        for (size_t j = 0; j <= b.len; j++)
                row[j] = j;
        for (size_t i = 1; i <= a.len; i++) {
                size_t diagonal = row[0];
                row[0] = i;
                for (size_t j = 1; j <= b.len; j++) {
                        size_t replaced = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
                        diagonal = row[j];
                        row[j] = smallest(row[j] + 1, row[j - 1] + 1, replaced);
                }
        }
        return row[b.len];
}

int str_compare(struct str a, struct str b)
{
        size_t common = a.len < b.len ? a.len : b.len;
        int order = common ? memcmp(a.ptr, b.ptr, common) : 0;
        if (order)
                return order;
        return (a.len > b.len) - (a.len < b.len);
}
