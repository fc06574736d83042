/* SPDX-License-Identifier: Apache-2.0 */
#include "app/otlp_json.h"

#include "base/hex.h"
#include "base/json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { DECIMALS = 6 };

static void write_id(struct json_writer *w, const char *name, const unsigned char *id, size_t len)
{
        char text[2 * TRACE_ID_BYTES + 1];
        hex_write(id, len, text);
        json_member(w, name, (struct str){text, 2 * len});
}

static void write_i64(struct json_writer *w, const char *name, int64_t value)
{
        char text[24];
        int len = snprintf(text, sizeof text, "%" PRId64, value);
        json_member(w, name, (struct str){text, (size_t)len});
}

static void write_word(struct json_writer *w, const char *name, const char *word)
{
        json_open(w, '{');
        json_member(w, "key", str_from(name));
        json_key(w, "value");
        json_open(w, '{');
        json_member(w, "stringValue", str_from(word));
        json_close(w, '}');
        json_close(w, '}');
}

static void write_value(struct json_writer *w, const struct span_attribute *attribute)
{
        switch (attribute->type) {
        case SPAN_WORD:
                json_member(w, "stringValue", (struct str){attribute->word, attribute->word_bytes});
                return;
        case SPAN_I64:
                write_i64(w, "intValue", attribute->number);
                return;
        case SPAN_DOUBLE:
                json_key(w, "doubleValue");
                json_fixed(w, attribute->real, DECIMALS);
                return;
        }
}

static void write_attribute(struct json_writer *w, const struct span_attribute *attribute)
{
        if (attribute->type == SPAN_DOUBLE && !isfinite(attribute->real))
                return;
        json_open(w, '{');
        json_member(w, "key", str_from(attribute->name));
        json_key(w, "value");
        json_open(w, '{');
        write_value(w, attribute);
        json_close(w, '}');
        json_close(w, '}');
}

static bool has_parent(const struct span *span)
{
        static const unsigned char none[SPAN_ID_BYTES];
        return memcmp(span->parent_id, none, sizeof none) != 0;
}

static void write_span(struct json_writer *w, const struct span *span)
{
        static const int kinds[] = {[SPAN_SERVER] = 2, [SPAN_CLIENT] = 3};
        json_open(w, '{');
        write_id(w, "traceId", span->context.trace_id, TRACE_ID_BYTES);
        write_id(w, "spanId", span->context.span_id, SPAN_ID_BYTES);
        if (has_parent(span))
                write_id(w, "parentSpanId", span->parent_id, SPAN_ID_BYTES);
        json_member(w, "name", str_from(span->name));
        json_key(w, "kind");
        json_i64(w, kinds[span->kind]);
        write_i64(w, "startTimeUnixNano", span->start_ns);
        write_i64(w, "endTimeUnixNano", span->end_ns);
        json_key(w, "attributes");
        json_open(w, '[');
        for (size_t i = 0; i < span->attribute_count; i++)
                write_attribute(w, &span->attributes[i]);
        json_close(w, ']');
        json_key(w, "status");
        json_open(w, '{');
        json_key(w, "code");
        json_i64(w, span->is_error ? 2 : 1);
        json_close(w, '}');
        json_close(w, '}');
}

static void open_member(struct json_writer *w, const char *name, char bracket)
{
        json_key(w, name);
        json_open(w, bracket);
}

static void write_resource(struct json_writer *w, const char *version)
{
        open_member(w, "resource", '{');
        open_member(w, "attributes", '[');
        write_word(w, "service.name", "triaged");
        write_word(w, "service.version", version);
        json_close(w, ']');
        json_close(w, '}');
}

static void write_scope(struct json_writer *w, const char *version)
{
        open_member(w, "scope", '{');
        json_member(w, "name", STR("triaged"));
        json_member(w, "version", str_from(version));
        json_close(w, '}');
}

void otlp_json_write(const struct span *spans, size_t count, const char *version, struct buf *buf)
{
        struct json_writer w = {.buf = buf};
        json_open(&w, '{');
        open_member(&w, "resourceSpans", '[');
        json_open(&w, '{');
        write_resource(&w, version);
        open_member(&w, "scopeSpans", '[');
        json_open(&w, '{');
        write_scope(&w, version);
        open_member(&w, "spans", '[');
        for (size_t i = 0; i < count; i++)
                write_span(&w, &spans[i]);
        json_close(&w, ']');
        json_close(&w, '}');
        json_close(&w, ']');
        json_close(&w, '}');
        json_close(&w, ']');
        json_close(&w, '}');
}
