/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context: where a piece of work stands in a trace that goes through many services.
 *
 *     traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *                     the trace                        the span         flags
 *
 * A small value; copy it. Our answer and our calls out carry a context of their own: the same trace and
 * flags, another span. Thread-safe.
 */
#ifndef BASE_TRACE_CONTEXT_H
#define BASE_TRACE_CONTEXT_H

#include "base/str.h"

enum { TRACE_ID_BYTES = 16, SPAN_ID_BYTES = 8, TRACE_PARENT_BYTES = 55 };

struct trace_context {
        unsigned char trace_id[TRACE_ID_BYTES]; /* neither of them is all zeros */
        unsigned char span_id[SPAN_ID_BYTES];
        unsigned char flags;
};

/* The caller's. False when `sent` is none: of a wrong form, or with an id of zeros. A version after the
 * first may have more behind its flags. */
bool trace_context_parse(struct str sent, struct trace_context *ret_context);

/* Begins a trace; that share of them (0 to 100) is sampled. */
struct trace_context trace_context_new(uint32_t sample_percent);

/* A span of ours in that trace. */
struct trace_context trace_context_child(const struct trace_context *parent);

/* Whether somebody records this trace; decided where it begins. */
bool trace_context_is_sampled(const struct trace_context *context);

/* As a traceparent of the first version. */
void trace_context_write(const struct trace_context *context, char ret_text[TRACE_PARENT_BYTES + 1]);

#endif
