/* SPDX-License-Identifier: Apache-2.0 */
/* Gives memory that a burst has left unused back to the kernel.
 *
 * The C library keeps freed memory that lies below something still in use; after thousands of messages
 * in flight that is nearly all of it. Every ten seconds the keeper compares what the process occupies
 * with what is allocated, and trims when 16 MiB or more are unused. Where that brings little (what is in
 * use is strewn over all pages), it waits twice as long before it looks again. A trim takes some
 * milliseconds for each 100 MiB; meanwhile allocations of other threads may wait for it.
 */
#ifndef APP_MEMORY_KEEPER_H
#define APP_MEMORY_KEEPER_H

#include "net/loop.h"

struct memory_keeper {
        struct loop *loop;
        struct timer timer;
        int64_t wait_ms; /* before the next look */
};

/* Ends with the loop, which must not be one of those that serve. */
void memory_keeper_start(struct memory_keeper *keeper, struct loop *loop);

/* What it does when it has waited. Returns whether it has trimmed. */
bool memory_keeper_look(struct memory_keeper *keeper);

#endif
