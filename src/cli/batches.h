/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of a stream, worked on by several threads, their output in the order of the input.
 *
 * Each thread takes what the stream has to give, whole lines up to a cap, works on it and waits for its turn
 * to write. A slow producer's line is answered as soon as it is there; memory is one batch a thread,
 * however long the stream. The lock is in here: `each` needs none.
 */
#ifndef CLI_BATCHES_H
#define CLI_BATCHES_H

#include "base/buf.h"

enum { BATCH_LINE_MAX_BYTES = 256 << 10 };

struct batch {
        struct str lines;      /* as read, each but perhaps the last ended by '\n' */
        size_t first_line;     /* number of the first, from 1 */
        struct buf out;        /* for stdout; emptied before each batch */
        struct buf complaints; /* for stderr */
};

/* Runs on several threads at a time, for one `thread` number never twice. A line much over
 * BATCH_LINE_MAX_BYTES comes alone and cut, still over it. */
typedef void batch_fn(void *arg, size_t thread, struct batch *batch);

struct batches_result {
        size_t lines;
        int error;       /* errno of reading; 0: read to its end */
        bool has_failed; /* there were complaints */
};

/* Reads `fd` to its end, or until stdout cannot be written. `threads` >= 1; fewer when no more can be started. */
struct batches_result batches_run(int fd, size_t threads, batch_fn *each, void *arg);

#endif
