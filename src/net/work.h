/* SPDX-License-Identifier: Apache-2.0 */
/* The work pool: what blocks, done beside the loops. A value in, a value out.
 *
 * `run` is called on a pool thread and touches nothing but the struct that the work lives in;
 * `done` is called on the loop afterwards, exactly once, never before work_start() returned.
 */
#ifndef NET_WORK_H
#define NET_WORK_H

#include "net/loop.h"

struct work {
        struct task task; /* the pool's */
        struct loop *loop;
        void (*run)(struct work *work);
        void (*done)(struct work *work);
        void *request; /* owned by the pool while it works */
};

void work_start(struct loop *loop, struct work *work);

#endif
