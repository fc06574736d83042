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

#include <stdbool.h>
#include <stdint.h>

struct memory_keeper {
        int64_t wait_ms; /* before the next look; 0 at first */
};

/* A job of app/jobs.h; `arg` is a struct memory_keeper. */
int64_t memory_keeper_run(void *arg);

/* What it does when it has waited. Returns whether it has trimmed. */
bool memory_keeper_look(struct memory_keeper *keeper);

#endif
