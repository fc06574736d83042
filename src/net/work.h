/* SPDX-License-Identifier: Apache-2.0 */
/* The work pool: what blocks, done beside the loops. A value in, a value out.
 *
 * `run` is called on a pool thread and touches nothing but the struct that the work lives in;
 * `done` is called on the loop afterwards, exactly once, never before work_start() returned.
 * The struct that the work lives in stays until `done`, which may free it. The pool is one for
 * the process (UV_THREADPOOL_SIZE, 4 threads by default) and its queue has no cap: whoever
 * starts work bounds how much of it is under way.
 */
#ifndef NET_WORK_H
#define NET_WORK_H

#include "net/loop.h"

struct work {
        struct loop *loop; /* set by work_start() */
        void (*run)(struct work *work);
        void (*done)(struct work *work);
        void *request; /* owned by the pool while it works */
};

/* The caller has set `run` and `done`. */
void work_start(struct loop *loop, struct work *work);

#endif
