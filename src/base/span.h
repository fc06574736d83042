/* SPDX-License-Identifier: Apache-2.0 */
/* Spans: how long a piece of a request's work took, and what is worth knowing about it.
 *
 *     if (span_is_wanted(&context)) {
 *             struct span span;
 *             span_init(&span, &context, parent.span_id, "chat gpt-4o", SPAN_CLIENT);
 *             span_set_time(&span, clock_wall_ms(clock), duration_us);
 *             span_add_word(&span, "gen_ai.request.model", upstream->model);
 *             span_end(&span);
 *     }
 *
 * A finished span goes to the sink, which is set once at start (app/otlp). Without one, or outside a
 * sampled trace, a span costs the question whether it is wanted. A call out is a span of its own:
 * its context is trace_context_child() of the request's, its parent the request's span, and its context
 * is what the call carries as traceparent.
 *
 * No attribute can hold what a customer wrote: a value is a number, or a word that the program or the
 * operator has chosen. A value; lives on the stack. Thread-safe.
 */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include "base/trace_context.h"

enum { SPAN_MAX_ATTRIBUTES = 12, SPAN_WORD_BYTES = 128 };

enum span_kind { SPAN_SERVER, SPAN_CLIENT };

struct span_attribute {
        const char *name;
        enum { SPAN_WORD, SPAN_I64, SPAN_DOUBLE } type;
        uint32_t word_bytes;
        union {
                int64_t number;
                double real;
                char word[SPAN_WORD_BYTES];
        };
};

struct span {
        struct trace_context context;          /* its own */
        unsigned char parent_id[SPAN_ID_BYTES]; /* zeros: the trace begins here */
        const char *name;                      /* a constant, or a text that outlives the sink */
        enum span_kind kind;
        bool is_error;
        int64_t start_ns; /* since 1970 */
        int64_t end_ns;
        size_t attribute_count;
        struct span_attribute attributes[SPAN_MAX_ATTRIBUTES];
};

/* Whether a span of that trace should be made and ended. */
bool span_is_wanted(const struct trace_context *context);

/* `parent_id` NULL: none. */
void span_init(struct span *span, const struct trace_context *context, const unsigned char *parent_id,
               const char *name, enum span_kind kind);

/* It ended at `end_wall_ms` and took `duration_us`. */
void span_set_time(struct span *span, int64_t end_wall_ms, int64_t duration_us);

/* Names are constants; at most SPAN_MAX_ATTRIBUTES, asserted. A word is copied, its first
 * SPAN_WORD_BYTES; it is valid UTF-8, and NULL leaves the attribute out. */
void span_add_word(struct span *span, const char *name, const char *word);
void span_add_i64(struct span *span, const char *name, int64_t value);
void span_add_double(struct span *span, const char *name, double value);

/* Hands it to the sink. */
void span_end(const struct span *span);

/* Called on the thread that ends the span; copies what it keeps. */
typedef void span_sink(void *arg, const struct span *span);

/* Before other threads start and after they have ended. NULL: no spans are wanted. */
void span_set_sink(span_sink *sink, void *arg);
bool span_has_sink(void);

#endif
