/* SPDX-License-Identifier: Apache-2.0 */
/* A piece of work that waits in somebody's queue. Intrusive: it lives in what it works for. */
#ifndef BASE_TASK_H
#define BASE_TASK_H

#include "base/list.h"

struct task {
        struct list link; /* the queue's */
        void (*run)(struct task *task);
};

#endif
