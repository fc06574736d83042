/* SPDX-License-Identifier: Apache-2.0 */
/* W3C Trace Context: the caller's trace goes on, or one begins. */
#ifndef API_TRACE_H
#define API_TRACE_H

#include "base/arena.h"

/* The `traceparent` of our answer: the caller's trace and flags with a span of ours; a fresh trace
 * when none valid was sent. Absent when the arena is full. */
struct str trace_parent(struct str sent, struct arena *arena);

#endif
