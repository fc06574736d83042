/* SPDX-License-Identifier: Apache-2.0 */
/* What the server does by the clock, beside the messages: one thread that runs jobs in turn.
 *
 * A job is a function that does a bounded piece of work, tens of milliseconds at the most unless its header
 * says otherwise, and returns how long it wants to rest. It must not wait for the network: that has threads of
 * its own. Time is the monotonic clock's, so that a job is neither skipped nor doubled when somebody sets the
 * wall clock; what is due at a wall time, a job finds out itself.
 */
#ifndef APP_JOBS_H
#define APP_JOBS_H

#include <stddef.h>
#include <stdint.h>

struct job {
        const char *name;           /* for its thread's name in debuggers; at most 15 bytes */
        int64_t (*run)(void *arg);  /* returns milliseconds until it wants to run again, at least 1 */
        void *arg;
        int64_t due_ms;             /* monotonic; the thread's, 0: at once */
};

struct jobs;

/* Borrows the table until jobs_stop(). NULL when no thread can be had. */
struct jobs *jobs_start(struct job *table, size_t count);

/* Has the job run as soon as the thread is free; on any thread. */
void jobs_wake(struct jobs *jobs, struct job *job);

/* Waits for the job that runs; the others do not run any more. NULL is allowed. */
void jobs_stop(struct jobs *jobs);

#endif
