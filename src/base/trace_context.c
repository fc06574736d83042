/* SPDX-License-Identifier: Apache-2.0 */
#include "base/trace_context.h"

#include "base/hash.h"
#include "base/hex.h"

#include <string.h>

/* "00-" 32 digits "-" 16 digits "-" 2 digits; later versions may append more behind a dash. */
enum { TRACE_AT = 3, SPAN_AT = 36, FLAGS_AT = 53, SAMPLED = 1 };

static bool is_zero(const unsigned char *id, size_t len)
{
        unsigned char any = 0;
        for (size_t i = 0; i < len; i++)
                any |= id[i];
        return any == 0;
}

static bool has_form(struct str sent)
{
        unsigned char version;
        if (sent.len < TRACE_PARENT_BYTES || !hex_read((struct str){sent.ptr, 2}, &version, 1) || version == 0xff)
                return false;
        if (sent.ptr[TRACE_AT - 1] != '-' || sent.ptr[SPAN_AT - 1] != '-' || sent.ptr[FLAGS_AT - 1] != '-')
                return false;
        return sent.len == TRACE_PARENT_BYTES || (version > 0 && sent.ptr[TRACE_PARENT_BYTES] == '-');
}

bool trace_context_parse(struct str sent, struct trace_context *ret_context)
{
        struct trace_context context;
        if (!has_form(sent) ||
            !hex_read((struct str){sent.ptr + TRACE_AT, 2 * TRACE_ID_BYTES}, context.trace_id, TRACE_ID_BYTES) ||
            !hex_read((struct str){sent.ptr + SPAN_AT, 2 * SPAN_ID_BYTES}, context.span_id, SPAN_ID_BYTES) ||
            !hex_read((struct str){sent.ptr + FLAGS_AT, 2}, &context.flags, 1) ||
            is_zero(context.trace_id, TRACE_ID_BYTES) || is_zero(context.span_id, SPAN_ID_BYTES))
                return false;
        *ret_context = context;
        return true;
}

/* Random, and never zeros. */
static void draw(unsigned char *ret_id, size_t len)
{
        do
                random_bytes(ret_id, len);
        while (is_zero(ret_id, len));
}

struct trace_context trace_context_new(uint32_t sample_percent)
{
        struct trace_context context;
        uint32_t lot;
        draw(context.trace_id, TRACE_ID_BYTES);
        draw(context.span_id, SPAN_ID_BYTES);
        memcpy(&lot, context.trace_id, sizeof lot);
        context.flags = lot % 100 < sample_percent ? SAMPLED : 0;
        return context;
}

struct trace_context trace_context_child(const struct trace_context *parent)
{
        struct trace_context child = *parent;
        draw(child.span_id, SPAN_ID_BYTES);
        return child;
}

bool trace_context_is_sampled(const struct trace_context *context)
{
        return context->flags & SAMPLED;
}

void trace_context_write(const struct trace_context *context, char ret_text[TRACE_PARENT_BYTES + 1])
{
        memcpy(ret_text, "00-", 3);
        hex_write(context->trace_id, TRACE_ID_BYTES, ret_text + TRACE_AT);
        ret_text[SPAN_AT - 1] = '-';
        hex_write(context->span_id, SPAN_ID_BYTES, ret_text + SPAN_AT);
        ret_text[FLAGS_AT - 1] = '-';
        hex_write(&context->flags, 1, ret_text + FLAGS_AT);
}
