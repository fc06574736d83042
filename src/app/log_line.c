/* SPDX-License-Identifier: Apache-2.0 */
#include "app/log_line.h"

#include "base/json_reader.h"
#include "base/time_text.h"

#include <assert.h>

/* Kept free for the end of the line. */
static const char cut_end[] = ",\"is_cut\":true}\n";

enum {
        FIELDS_END = LOG_LINE_BYTES - (sizeof cut_end - 1),
        ESCAPE_BYTES = 6, /* \u0000 */
        NUMBER_BYTES = 20,
};

/* Names and values are short: two fixed-size copies that may overlap take a fifth of the time of a
 * call to memcpy(). */
static inline void copy(char *to, const char *from, size_t len)
{
        if (len > 32) {
                memcpy(to, from, len);
        } else if (len >= 16) {
                memcpy(to, from, 16);
                memcpy(to + len - 16, from + len - 16, 16);
        } else if (len >= 8) {
                memcpy(to, from, 8);
                memcpy(to + len - 8, from + len - 8, 8);
        } else if (len >= 4) {
                memcpy(to, from, 4);
                memcpy(to + len - 4, from + len - 4, 4);
        } else {
                for (size_t i = 0; i < len; i++)
                        to[i] = from[i];
        }
}

/* Appends without a check: log_line_format() has made sure that the field fits. */
static inline void put(struct log_line *line, const char *ptr, size_t len)
{
        copy(line->text + line->len, ptr, len);
        line->len += len;
}

static inline void put_text(struct log_line *line, const char *text)
{
        put(line, text, strlen(text));
}

static const uint64_t ones = 0x0101010101010101U;

/* Whether any of the word's bytes is the constant `c`, or less than it (S. E. Anderson, "Bit Twiddling
 * Hacks"; the latter for c <= 128). */
static inline bool has_less(uint64_t word, uint64_t c)
{
        return ((word - ones * c) & ~word & ones * 0x80) != 0;
}

static inline bool has_equal(uint64_t word, uint64_t c)
{
        return has_less(word ^ ones * c, 1);
}

static inline bool is_plain_word(uint64_t word)
{
        return !(word & ones * 0x80) && !has_less(word, 0x20) && !has_equal(word, '"') &&
               !has_equal(word, '\\') && !has_equal(word, 0x7f);
}

/* Printable ASCII that needs no escape, as nearly all texts are: looked at eight bytes at a time. */
static bool is_plain(struct str text)
{
        uint64_t word;
        size_t i = 0;
        for (; i + sizeof word <= text.len; i += sizeof word) {
                memcpy(&word, text.ptr + i, sizeof word);
                if (!is_plain_word(word))
                        return false;
        }
        word = ones * ' ';
        memcpy(&word, text.ptr + i, text.len - i);
        return is_plain_word(word);
}

static void put_escaped(struct log_line *line, unsigned char c)
{
        static const char digits[] = "0123456789abcdef";
        if (c == '"' || c == '\\')
                put(line, (char[]){'\\', (char)c}, 2);
        else
                put(line, (char[]){'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]}, ESCAPE_BYTES);
}

static void put_byte(struct log_line *line, unsigned char c, bool is_valid)
{
        if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
                put_escaped(line, c);
        else
                put(line, c >= 0x80 && !is_valid ? "?" : (const char *)&c, 1);
}

static void put_quoted(struct log_line *line, struct str text, bool needs_escape)
{
        put(line, "\"", 1);
        if (!needs_escape) {
                put(line, text.ptr, text.len);
        } else {
                bool is_valid = utf8_is_valid(text);
                for (size_t i = 0; i < text.len; i++)
                        put_byte(line, (unsigned char)text.ptr[i], is_valid);
        }
        put(line, "\"", 1);
}

static void put_number(struct log_line *line, int64_t number)
{
        char digits[NUMBER_BYTES];
        size_t start = sizeof digits;
        uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
        do {
                digits[--start] = (char)('0' + rest % 10);
                rest /= 10;
        } while (rest);
        if (number < 0)
                digits[--start] = '-';
        size_t len = sizeof digits - start;
        assert(len <= sizeof digits);
        put(line, digits + start, len);
}

static void put_value(struct log_line *line, const struct log_field *field, bool needs_escape)
{
        switch (field->type) {
        case LOG_FIELD_I64:
                put_number(line, field->number);
                return;
        case LOG_FIELD_BOOL:
                put_text(line, field->number ? "true" : "false");
                return;
        case LOG_FIELD_TEXT:
                put_quoted(line, field->text, needs_escape);
                return;
        }
}

/* The most bytes that the value can take, quotes included. */
static size_t value_bytes_max(const struct log_field *field, bool needs_escape)
{
        if (field->type != LOG_FIELD_TEXT)
                return NUMBER_BYTES;
        return 2 + field->text.len * (needs_escape ? ESCAPE_BYTES : 1);
}

/* False when it does not fit. */
static bool put_field(struct log_line *line, const struct log_field *field)
{
        size_t name_len = strlen(field->name);
        bool needs_escape = field->type == LOG_FIELD_TEXT && !is_plain(field->text);
        if (name_len + 4 + value_bytes_max(field, needs_escape) > FIELDS_END - line->len)
                return false;
        put(line, ",\"", 2);
        put(line, field->name, name_len);
        put(line, "\":", 2);
        put_value(line, field, needs_escape);
        return true;
}

static void put_time(struct log_line *line)
{
        static __thread int64_t cached_s = -1;
        static __thread char text[TIME_TEXT_BYTES];
        enum { MS_AT = 20 }; /* of the first digit behind the point */
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        if (now.tv_sec != cached_s) {
                time_to_text((int64_t)now.tv_sec * 1000, text);
                cached_s = now.tv_sec;
        }
        uint32_t ms = (uint32_t)(now.tv_nsec / 1000000);
        text[MS_AT] = (char)('0' + ms / 100);
        text[MS_AT + 1] = (char)('0' + ms / 10 % 10);
        text[MS_AT + 2] = (char)('0' + ms % 10);
        put(line, text, TIME_TEXT_BYTES - 1);
}

static void put_head(struct log_line *line, const struct log_event_info *info)
{
        put_text(line, "{\"time\":\"");
        put_time(line);
        put_text(line, "\",\"level\":\"");
        put_text(line, log_level_name(info->level));
        put_text(line, "\",\"event\":\"");
        put_text(line, info->name);
        put_text(line, "\"");
}

void log_line_format(struct log_line *ret_line, enum log_event event, const struct log_field *fields,
                     size_t count)
{
        struct log_line *line = ret_line;
        bool is_cut = false;
        line->len = 0;
        put_head(line, log_event_info(event));
        for (size_t i = 0; i < count; i++) {
                if (fields[i].type == LOG_FIELD_TEXT && !fields[i].text.ptr)
                        continue;
                if (!put_field(line, &fields[i]))
                        is_cut = true;
        }
        const char *end = is_cut ? cut_end : "}\n";
        size_t end_len = strlen(end);
        assert(line->len + end_len <= sizeof line->text);
        memcpy(line->text + line->len, end, end_len);
        line->len += end_len;
}
