/* SPDX-License-Identifier: Apache-2.0 */
/* What is done about the outbox by the clock: its gauges, and the end of what is too old. */
#ifndef APP_OUTBOX_KEEPER_H
#define APP_OUTBOX_KEEPER_H

#include "adapt/store_sqlite_delivery.h"
#include "app/outbox_lanes.h"

struct outbox_keeper {
        struct store_sqlite *db;
        struct outbox_lanes *lanes; /* NULL: nothing is delivered, and there are no gauges */
        const struct clock *clock;
        int64_t max_age_ms;  /* of what is pending; then it is a dead letter */
        int64_t dead_age_ms; /* of those; then they are deleted */
        int64_t purge_at_ms; /* monotonic */
        bool is_failing;
};

/* A job of app/jobs.h; `arg` is a struct outbox_keeper. */
int64_t outbox_keeper_run(void *arg);

#endif
