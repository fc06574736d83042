/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_writer.h"

#include "base/time_text.h"

#include <assert.h>
#include <math.h>

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

static void append_escaped(struct buf *buf, unsigned char c, char letter)
{
        static const char digits[] = "0123456789abcdef";
        if (letter == 'u') {
                char text[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};
                buf_append(buf, text, sizeof text);
        } else {
                char text[2] = {'\\', letter};
                buf_append(buf, text, sizeof text);
        }
}

void json_escape(struct buf *buf, struct str text)
{
        size_t start = 0;
        for (size_t i = 0; i < text.len; i++) {
                unsigned char c = (unsigned char)text.ptr[i];
                if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f)
                        continue;
                buf_append(buf, text.ptr + start, i - start);
                append_escaped(buf, c, escape_letter(c));
                start = i + 1;
        }
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
