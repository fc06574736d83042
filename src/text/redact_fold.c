/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact_fold.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum { KEEP = -1, DROP = 0, ESCAPES_MAX = 16 };

/* The bytes with which anything that is folded begins. */
static const bool starts_fold[256] = {
        ['\\'] = true, ['%'] = true,  ['&'] = true,  [0xc2] = true, [0xd9] = true, [0xdb] = true,
        [0xe0] = true, [0xe2] = true, [0xe3] = true, [0xef] = true,
};

static int hex_value(const char *at, size_t len)
{
        int value = 0;
        for (size_t i = 0; i < len; i++) {
                char c = at[i], low = (char)(c | 0x20);
                if (!(c >= '0' && c <= '9') && !(low >= 'a' && low <= 'f'))
                        return -1;
                value = value * 16 + (c <= '9' ? c - '0' : low - 'a' + 10);
        }
        return value;
}

/* Backslashes and what they escape, at any depth of quoting. */
static int fold_escape(struct str rest, size_t *ret_taken)
{
        size_t at = 0;
        while (at < rest.len && at < ESCAPES_MAX && rest.ptr[at] == '\\')
                at++;
        if (at == rest.len)
                return KEEP;
        *ret_taken = at + 1;
        switch (rest.ptr[at]) {
        case 'n':
                return '\n';
        case 'r':
        case 't':
                return ' ';
        case '"':
        case '/':
                return rest.ptr[at];
        case 'u':
                break;
        default: /* a character, not our enum */
                return KEEP;
        }
        int value = rest.len - at >= 5 ? hex_value(rest.ptr + at + 1, 4) : -1;
        *ret_taken = at + 5;
        return value >= 0x20 && value < 0x7f ? value : KEEP;
}

static int fold_punctuation(unsigned char last)
{
        if (last <= 0x8a || last == 0xaf)
                return ' ';
        if (last <= 0x8f || (last >= 0xaa && last <= 0xae))
                return DROP; /* of no width, or of direction only */
        if (last <= 0x95)
                return '-';
        if (last == 0x98 || last == 0x99)
                return '\'';
        return last == 0x9c || last == 0x9d ? '"' : KEEP;
}

/* Three bytes that begin with 0xe0, 0xe2, 0xe3 or 0xef. */
static int fold_wide(const unsigned char *at)
{
        switch (at[0]) {
        case 0xe0: /* Devanagari digits */
                return at[1] == 0xa5 && at[2] >= 0xa6 && at[2] <= 0xaf ? '0' + at[2] - 0xa6 : KEEP;
        case 0xe2:
                if (at[1] == 0x80)
                        return fold_punctuation(at[2]);
                if (at[1] == 0x81)
                        return at[2] == 0x9f ? ' ' : at[2] >= 0xa0 && at[2] <= 0xa4 ? DROP : KEEP;
                return at[1] == 0x88 && at[2] == 0x92 ? '-' : KEEP;
        case 0xe3:
                return at[1] == 0x80 && at[2] == 0x80 ? ' ' : KEEP;
        default: /* 0xef: full-width forms, the byte order mark */
                if (at[1] == 0xbc && at[2] >= 0x81)
                        return at[2] - 0x81 + '!';
                if (at[1] == 0xbd && at[2] <= 0x9e)
                        return at[2] - 0x80 + '`';
                return at[1] == 0xbb && at[2] == 0xbf ? DROP : KEEP;
        }
}

static int fold_one(struct str rest, size_t *ret_taken)
{
        const unsigned char *at = (const unsigned char *)rest.ptr;
        switch (at[0]) {
        case '\\':
                return fold_escape(rest, ret_taken);
        case '%':
                *ret_taken = 3;
                return rest.len >= 3 && memcmp(at, "%40", 3) == 0 ? '@' : KEEP;
        case '&':
                *ret_taken = 5;
                return rest.len >= 5 && memcmp(at, "&#64;", 5) == 0 ? '@' : KEEP;
        case 0xc2:
                *ret_taken = 2;
                return rest.len < 2 ? KEEP : at[1] == 0xa0 ? ' ' : at[1] == 0xad ? DROP : KEEP;
        case 0xd9: /* Arabic-Indic digits */
                *ret_taken = 2;
                return rest.len >= 2 && at[1] >= 0xa0 && at[1] <= 0xa9 ? '0' + at[1] - 0xa0 : KEEP;
        case 0xdb: /* the eastern ones */
                *ret_taken = 2;
                return rest.len >= 2 && at[1] >= 0xb0 && at[1] <= 0xb9 ? '0' + at[1] - 0xb0 : KEEP;
        default: /* a byte, not our enum */
                *ret_taken = 3;
                return rest.len >= 3 ? fold_wide(at) : KEEP;
        }
}

static size_t first_fold(struct str text)
{
        size_t at = 0, taken;
        for (; at < text.len; at++)
                if (starts_fold[(unsigned char)text.ptr[at]] &&
                    fold_one((struct str){text.ptr + at, text.len - at}, &taken) != KEEP)
                        break;
        return at;
}

void fold_init(struct folded *folded, struct str original)
{
        size_t len = first_fold(original);
        *folded = (struct folded){.text = original};
        if (len == original.len)
                return;
        folded->bytes = alloc_resize(NULL, original.len + 1);
        folded->places = alloc_resize(NULL, (original.len + 1) * sizeof *folded->places);
        memcpy(folded->bytes, original.ptr, len);
        for (size_t at = 0; at < len; at++)
                folded->places[at] = (uint32_t)at;
        for (size_t at = len; at < original.len;) {
                struct str rest = {original.ptr + at, original.len - at};
                size_t taken = 1;
                int c = starts_fold[(unsigned char)*rest.ptr] ? fold_one(rest, &taken) : KEEP;
                if (c == KEEP)
                        taken = 1;
                if (c != DROP) {
                        folded->places[len] = (uint32_t)at;
                        folded->bytes[len++] = c == KEEP ? *rest.ptr : (char)c;
                }
                at += taken;
        }
        folded->places[len] = (uint32_t)original.len;
        folded->text = (struct str){folded->bytes, len};
}

void fold_deinit(struct folded *folded)
{
        free(folded->bytes);
        free(folded->places);
}

void fold_to_original(const struct folded *folded, struct str original, size_t *start, size_t *end)
{
        if (!folded->bytes)
                return;
        size_t last = folded->places[*end - 1], taken = 1;
        struct str rest = {original.ptr + last, original.len - last};
        if (!starts_fold[(unsigned char)*rest.ptr] || fold_one(rest, &taken) == KEEP)
                taken = 1;
        *start = folded->places[*start];
        *end = last + taken;
}
