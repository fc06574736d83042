/* SPDX-License-Identifier: Apache-2.0 */
#include "text/normalise.h"

#include <utf8proc.h>

enum { MAX_DIGIT_RUN = 4, MAX_LETTER_RUN = 2, MAX_TAG_BYTES = 40, MAX_EXPANSION = 32 };

enum kind { BREAK, DROP, LETTER, DIGIT, MARK };

static const unsigned char ascii_kinds[128] = {
        ['a' ... 'z'] = LETTER, ['A' ... 'Z'] = LETTER, ['0' ... '9'] = DIGIT, ['\''] = DROP,
        ['`'] = DROP,           ['?'] = MARK,           ['!'] = MARK,          ['$'] = MARK,
        ['%'] = MARK,
};

struct writer {
        char *ptr;
        size_t len;
        size_t capacity;
        bool is_break; /* the next byte begins a token */
};

static void put(struct writer *writer, const char *bytes, size_t len)
{
        size_t gap = writer->is_break && writer->len > 0;
        if (writer->len + gap + len > writer->capacity)
                return;
        if (gap)
                writer->ptr[writer->len++] = ' ';
        memcpy(writer->ptr + writer->len, bytes, len);
        writer->len += len;
        writer->is_break = false;
}

/* Whether the token being written ends with `run` times `c`. */
static bool ends_with_run(const struct writer *writer, char c, size_t run)
{
        if (writer->is_break || writer->len < run)
                return false;
        for (size_t i = 1; i <= run; i++)
                if (writer->ptr[writer->len - i] != c)
                        return false;
        return true;
}

static void put_unless_run(struct writer *writer, char c, size_t max_run)
{
        if (!ends_with_run(writer, c, max_run))
                put(writer, &c, 1);
}

static void put_token(struct writer *writer, const char *bytes, size_t len)
{
        writer->is_break = true;
        put(writer, bytes, len);
        writer->is_break = true;
}

static void put_ascii(struct writer *writer, char c)
{
        switch ((enum kind)ascii_kinds[(unsigned char)c]) {
        case LETTER:
                put_unless_run(writer, (char)(c | 0x20), MAX_LETTER_RUN);
                break;
        case DIGIT:
                put_unless_run(writer, '0', MAX_DIGIT_RUN);
                break;
        case MARK:
                put_token(writer, &c, 1);
                break;
        case BREAK:
                writer->is_break = true;
                break;
        case DROP:
                break;
        }
}

static void put_wide(struct writer *writer, utf8proc_int32_t point)
{
        utf8proc_uint8_t bytes[4];
        size_t len = (size_t)utf8proc_encode_char(point, bytes);
        switch (utf8proc_category(point)) {
        case UTF8PROC_CATEGORY_LU:
        case UTF8PROC_CATEGORY_LL:
        case UTF8PROC_CATEGORY_LT:
        case UTF8PROC_CATEGORY_LM:
        case UTF8PROC_CATEGORY_LO:
        case UTF8PROC_CATEGORY_MC:
                put(writer, (const char *)bytes, len);
                break;
        case UTF8PROC_CATEGORY_ND:
                put_unless_run(writer, '0', MAX_DIGIT_RUN);
                break;
        case UTF8PROC_CATEGORY_SC:
                put_token(writer, "$", 1);
                break;
        case UTF8PROC_CATEGORY_SO:
                put_token(writer, (const char *)bytes, len);
                break;
        case UTF8PROC_CATEGORY_MN: /* accents, and what changes the colour of an emoji */
        case UTF8PROC_CATEGORY_ME:
        case UTF8PROC_CATEGORY_CF:
                break;
        default: /* not our enum: punctuation, spaces, unassigned */
                writer->is_break = true;
        }
}

/* One code point that is not ASCII, folded to lower case and to its base letters. */
static void put_point(struct writer *writer, utf8proc_int32_t point)
{
        enum { APOSTROPHE = 0x2019, LEFT_QUOTE = 0x2018, ACUTE = 0xb4 };
        if (point == APOSTROPHE || point == LEFT_QUOTE || point == ACUTE)
                return;
        utf8proc_int32_t folded[MAX_EXPANSION];
        int boundary = 0;
        utf8proc_ssize_t count = utf8proc_decompose_char(
                point, folded, MAX_EXPANSION,
                UTF8PROC_CASEFOLD | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK, &boundary);
        for (utf8proc_ssize_t i = 0; i < count && i < MAX_EXPANSION; i++) {
                if (folded[i] < 128)
                        put_ascii(writer, (char)folded[i]);
                else
                        put_wide(writer, folded[i]);
        }
}

/* Bytes up to the next white space. */
static size_t run_to_space(struct str text)
{
        size_t len = 0;
        while (len < text.len && (unsigned char)text.ptr[len] > ' ')
                len++;
        return len;
}

static size_t take_url(struct writer *writer, struct str text)
{
        if (!str_starts_with(text, STR("http://")) && !str_starts_with(text, STR("https://")) &&
            !str_starts_with(text, STR("www.")))
                return 0;
        put_token(writer, "URL", 3);
        return run_to_space(text);
}

static size_t take_mention(struct writer *writer, struct str text)
{
        size_t len = 1;
        while (len < text.len && (text.ptr[len] == '_' || (text.ptr[len] > 0 &&
               (ascii_kinds[(unsigned char)text.ptr[len]] == LETTER ||
                ascii_kinds[(unsigned char)text.ptr[len]] == DIGIT))))
                len++;
        if (len == 1)
                return 0;
        put_token(writer, "MENTION", 7);
        return len;
}

/* "[EMAIL_REDACTED]" and "[EMAIL_REDACTED_2]" are EMAIL, "[ORDER_1]" is ORDER. */
static size_t take_tag(struct writer *writer, struct str text)
{
        static const char suffix[] = "_REDACTED";
        size_t end = 1;
        while (end < text.len && end < MAX_TAG_BYTES &&
               ((text.ptr[end] >= 'A' && text.ptr[end] <= 'Z') || text.ptr[end] == '_' ||
                (end > 1 && text.ptr[end] >= '0' && text.ptr[end] <= '9')))
                end++;
        if (end < 3 || end == text.len || text.ptr[end] != ']')
                return 0;
        struct str name = {text.ptr + 1, end - 1};
        while (name.len > 1 && (name.ptr[name.len - 1] == '_' || name.ptr[name.len - 1] <= '9'))
                name.len--;
        size_t suffix_bytes = sizeof suffix - 1;
        if (name.len > suffix_bytes && memcmp(name.ptr + name.len - suffix_bytes, suffix, suffix_bytes) == 0)
                name.len -= suffix_bytes;
        put_token(writer, name.ptr, name.len);
        return end + 1;
}

/* What stands for a thing rather than for a word; 0 when nothing of the kind begins here. */
static size_t take_special(struct writer *writer, struct str text)
{
        switch (text.ptr[0]) {
        case '[':
                return take_tag(writer, text);
        case '@':
                return writer->is_break ? take_mention(writer, text) : 0;
        case 'h':
        case 'w':
                return writer->is_break ? take_url(writer, text) : 0;
        default: /* a character, not our enum */
                return 0;
        }
}

size_t normalise(struct str text, char *ret_text, size_t capacity)
{
        struct writer writer = {.ptr = ret_text, .capacity = capacity, .is_break = true};
        size_t at = 0;
        while (at < text.len && writer.len < capacity) {
                struct str rest = {text.ptr + at, text.len - at};
                size_t taken = take_special(&writer, rest);
                if (taken == 0 && (unsigned char)rest.ptr[0] < 128) {
                        put_ascii(&writer, rest.ptr[0]);
                        taken = 1;
                } else if (taken == 0) {
                        utf8proc_int32_t point;
                        utf8proc_ssize_t bytes = utf8proc_iterate((const utf8proc_uint8_t *)rest.ptr,
                                                                  (utf8proc_ssize_t)rest.len, &point);
                        if (bytes > 0)
                                put_point(&writer, point);
                        taken = bytes > 0 ? (size_t)bytes : 1;
                }
                at += taken;
        }
        return writer.len;
}
