/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include "base/utf8.h"

#include <assert.h>
#include <string.h>

static const int64_t ns_per_ms = 1000000;
static const int64_t ns_per_us = 1000;

static span_sink *current_sink;
static void *current_arg;

void span_set_sink(span_sink *sink, void *arg)
{
        current_sink = sink;
        current_arg = arg;
}

bool span_has_sink(void)
{
        return current_sink != NULL;
}

bool span_is_wanted(const struct trace_context *context)
{
        return current_sink && trace_context_is_sampled(context);
}

void span_init(struct span *span, const struct trace_context *context, const unsigned char *parent_id,
               const char *name, enum span_kind kind)
{
        span->context = *context;
        memset(span->parent_id, 0, sizeof span->parent_id);
        if (parent_id)
                memcpy(span->parent_id, parent_id, sizeof span->parent_id);
        span->name = name;
        span->kind = kind;
        span->is_error = false;
        span->start_ns = 0;
        span->end_ns = 0;
        span->attribute_count = 0;
}

void span_set_time(struct span *span, int64_t end_wall_ms, int64_t duration_us)
{
        span->end_ns = end_wall_ms * ns_per_ms;
        span->start_ns = span->end_ns - duration_us * ns_per_us;
}

static struct span_attribute *add(struct span *span, const char *name)
{
        assert(span->attribute_count < SPAN_MAX_ATTRIBUTES);
        struct span_attribute *attribute = &span->attributes[span->attribute_count++];
        attribute->name = name;
        return attribute;
}

void span_add_word(struct span *span, const char *name, const char *word)
{
        if (!word)
                return;
        struct str kept = utf8_cut_bytes(str_from(word), SPAN_WORD_BYTES);
        struct span_attribute *attribute = add(span, name);
        attribute->type = SPAN_WORD;
        attribute->word_bytes = (uint32_t)kept.len;
        memcpy(attribute->word, kept.ptr, kept.len);
}

void span_add_i64(struct span *span, const char *name, int64_t value)
{
        struct span_attribute *attribute = add(span, name);
        attribute->type = SPAN_I64;
        attribute->number = value;
}

void span_add_double(struct span *span, const char *name, double value)
{
        struct span_attribute *attribute = add(span, name);
        attribute->type = SPAN_DOUBLE;
        attribute->real = value;
}

void span_end(const struct span *span)
{
        if (current_sink)
                current_sink(current_arg, span);
}
