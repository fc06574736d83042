/* SPDX-License-Identifier: Apache-2.0 */
/* The trace that a request belongs to: the caller's goes on, or one begins. Used by src/api/ only. */
#ifndef API_TRACE_H
#define API_TRACE_H

#include "api/call.h"

/* Sets the call's trace, from what the caller sent. Where spans are exported, a trace that begins here
 * is sampled by otlp.sample_percent; a caller's decision stands. */
void trace_join(struct call *call);

/* The `traceparent` of our answer. Absent when the arena is full. */
struct str trace_header(const struct call *call);

/* The server's span of a message, where it is wanted. `status` 0: nobody heard an answer. */
void trace_end(const struct call *call, int status, int64_t duration_us);

#endif
