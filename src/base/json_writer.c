/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_writer.h"

#include "base/time_text.h"

#include <assert.h>
#include <endian.h>
#include <math.h>
#include <string.h>

static void separate(struct json_writer *w)
{
        if (w->needs_comma)
                buf_append_char(w->buf, ',');
        w->needs_comma = true;
}

void json_open(struct json_writer *w, char bracket)
{
        separate(w);
        buf_append_char(w->buf, bracket);
        w->needs_comma = false;
}

void json_close(struct json_writer *w, char bracket)
{
        buf_append_char(w->buf, bracket);
        w->needs_comma = true;
}

void json_key_str(struct json_writer *w, struct str name)
{
        json_str(w, name);
        buf_append_char(w->buf, ':');
        w->needs_comma = false;
}

void json_key(struct json_writer *w, const char *name)
{
        separate(w);
        buf_append_char(w->buf, '"');
        buf_append_str(w->buf, str_from(name));
        buf_append(w->buf, "\":", 2);
        w->needs_comma = false;
}

/* The letter behind the backslash, 'u' for a numeric escape, 0 for none. */
static char escape_letter(unsigned char c)
{
        switch (c) {
        case '"':
        case '\\':
                return (char)c;
        case '\n':
                return 'n';
        case '\r':
                return 'r';
        case '\t':
                return 't';
        default:
                return c < 0x20 || c == 0x7f ? 'u' : 0;
        }
}

/* Eight bytes looked at together: the high bit of each that must be escaped, exact for the first of them.
 * A byte below n borrows in `word - n` (Mycroft 1987); those over 0x7f are taken out again. */
static uint64_t escapable(const char *at)
{
        const uint64_t ones = 0x0101010101010101U, highs = 0x8080808080808080U;
        uint64_t word;
        memcpy(&word, at, sizeof word);
        word = le64toh(word);
        uint64_t quote = word ^ (ones * '"'), backslash = word ^ (ones * '\\'), del = word ^ (ones * 0x7f);
        uint64_t found = ((word - ones * 0x20) & ~word) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash) |
                         ((del - ones) & ~del);
        return found & highs;
}

/* The next byte from `i` on that must be escaped, or the end. */
static size_t next_escapable(struct str text, size_t i)
{
        for (; text.len - i >= 8; i += 8) {
                uint64_t found = escapable(text.ptr + i);
                if (found)
                        return i + (size_t)__builtin_ctzll(found) / 8;
        }
        while (i < text.len && !escape_letter((unsigned char)text.ptr[i]))
                i++;
        return i;
}

/* The plain bytes and the one behind them, which is escaped. */
static void append_escaped(struct buf *buf, struct str plain)
{
        static const char digits[] = "0123456789abcdef";
        unsigned char c = (unsigned char)plain.ptr[plain.len];
        char letter = escape_letter(c);
        size_t len = plain.len + (letter == 'u' ? 6 : 2);
        char *to = buf_reserve(buf, len);
        if (!to)
                return;
        to = mempcpy(to, plain.ptr, plain.len);
        *to++ = '\\';
        *to++ = letter;
        if (letter == 'u')
                memcpy(to, (char[4]){'0', '0', digits[c >> 4], digits[c & 15]}, 4);
        buf_commit(buf, len);
}

void json_escape(struct buf *buf, struct str text)
{
        size_t start = 0;
        for (size_t i; (i = next_escapable(text, start)) < text.len; start = i + 1)
                append_escaped(buf, (struct str){text.ptr + start, i - start});
        buf_append(buf, text.ptr + start, text.len - start);
}

void json_str(struct json_writer *w, struct str text)
{
        if (!text.ptr) {
                json_null(w);
                return;
        }
        separate(w);
        buf_append_char(w->buf, '"');
        json_escape(w->buf, text);
        buf_append_char(w->buf, '"');
}

void json_member(struct json_writer *w, const char *name, struct str text)
{
        json_key(w, name);
        json_str(w, text);
}

void json_time_member(struct json_writer *w, const char *name, int64_t wall_ms)
{
        json_key(w, name);
        if (wall_ms)
                json_time(w, wall_ms);
        else
                json_null(w);
}

void json_u64(struct json_writer *w, uint64_t value)
{
        separate(w);
        buf_append_u64(w->buf, value);
}

void json_i64(struct json_writer *w, int64_t value)
{
        separate(w);
        buf_append_i64(w->buf, value);
}

void json_bool(struct json_writer *w, bool value)
{
        json_raw(w, value ? STR("true") : STR("false"));
}

void json_null(struct json_writer *w)
{
        json_raw(w, STR("null"));
}

void json_fixed(struct json_writer *w, double value, int decimals)
{
        static const double scales[] = {1, 10, 100, 1e3, 1e4, 1e5, 1e6};
        assert(decimals >= 0 && decimals <= 6);
        if (!isfinite(value) || fabs(value) > 1e12) {
                json_null(w);
                return;
        }
        separate(w);
        uint64_t scaled = (uint64_t)llround(fabs(value) * scales[decimals]);
        uint64_t unit = (uint64_t)scales[decimals];
        if (value < 0 && scaled)
                buf_append_char(w->buf, '-');
        buf_append_u64(w->buf, scaled / unit);
        uint64_t rest = scaled % unit;
        if (rest == 0)
                return;
        buf_append_char(w->buf, '.');
        for (unit /= 10; rest; unit /= 10) {
                buf_append_char(w->buf, (char)('0' + rest / unit));
                rest %= unit;
        }
}

void json_time(struct json_writer *w, int64_t wall_ms)
{
        char text[TIME_TEXT_BYTES];
        time_to_text(wall_ms, text);
        json_str(w, str_from(text));
}

void json_raw(struct json_writer *w, struct str json)
{
        separate(w);
        buf_append_str(w->buf, json);
}
