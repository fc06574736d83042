/* SPDX-License-Identifier: Apache-2.0 */
/* Ends what has been kept long enough: each hour a pass over the messages, a slice a run. */
#ifndef APP_RETENTION_KEEPER_H
#define APP_RETENTION_KEEPER_H

#include "adapt/store_sqlite_retention.h"
#include "policy/settings.h"
#include "port/clock.h"

struct retention_keeper {
        struct store_sqlite *db;
        const struct clock *clock;
        int64_t message_ms; /* how long they are kept; 0: for ever */
        int64_t record_ms;
        struct store_retention pass;
        size_t purged[RETENTION_KINDS]; /* by the pass */
        bool is_failing;
};

/* Borrows store and clock. */
void retention_keeper_init(struct retention_keeper *keeper, const struct settings *settings, struct store_sqlite *db,
                           const struct clock *clock);

/* A job of app/jobs.h; `arg` is a struct retention_keeper. */
int64_t retention_keeper_run(void *arg);

#endif
