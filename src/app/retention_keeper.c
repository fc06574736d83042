/* SPDX-License-Identifier: Apache-2.0 */
#include "app/retention_keeper.h"

#include <string.h>

#include "base/log.h"
#include "base/metric.h"

enum {
        HOUR_MS = 60 * 60 * 1000,
        DAY_MS = 24 * HOUR_MS,
        SLICE_REST_MS = 50, /* messages have the writer to themselves for most of the time */
        RETRY_MS = 60 * 1000,
};

_Static_assert((int)METRIC_PURGED_COUNT == (int)RETENTION_KINDS, "the metric's label has the kinds in their order");

void retention_keeper_init(struct retention_keeper *keeper, const struct settings *settings, struct store_sqlite *db,
                           const struct clock *clock)
{
        /* A key outlives its message's arrival by its own time and by what the message took to be decided. */
        int64_t key_ms = (int64_t)settings->idempotency_ttl_s * 1000 + HOUR_MS;
        int64_t message_ms = (int64_t)settings->retention_message_days * DAY_MS;
        *keeper = (struct retention_keeper){
                .db = db,
                .clock = clock,
                .message_ms = message_ms == 0 || message_ms > key_ms ? message_ms : key_ms,
                .record_ms = (int64_t)settings->retention_compliance_days * DAY_MS,
        };
}

static void tell(struct retention_keeper *keeper)
{
        const size_t *purged = keeper->purged;
        METRIC_SET(OLDEST_MESSAGE, 0, (double)keeper->pass.oldest_ms / 1e3);
        if (purged[RETENTION_MESSAGE])
                LOG(RETENTION_PURGED, log_i64("messages", (int64_t)purged[RETENTION_MESSAGE]),
                    log_i64("tickets", (int64_t)purged[RETENTION_TICKET]),
                    log_i64("compliance_records", (int64_t)purged[RETENTION_RECORD]),
                    log_i64("reviews", (int64_t)purged[RETENTION_REVIEW]),
                    log_i64("feedback", (int64_t)purged[RETENTION_FEEDBACK]),
                    log_i64("subjects", (int64_t)purged[RETENTION_SUBJECT]));
        memset(keeper->purged, 0, sizeof keeper->purged);
}

static int64_t count(struct retention_keeper *keeper)
{
        for (size_t i = 0; i < RETENTION_KINDS; i++) {
                keeper->purged[i] += keeper->pass.purged[i];
                METRIC_ADD(PURGED, i, (int64_t)keeper->pass.purged[i]);
        }
        if (!keeper->pass.is_done)
                return SLICE_REST_MS;
        tell(keeper);
        return keeper->pass.is_log_due ? RETRY_MS : HOUR_MS;
}

int64_t retention_keeper_run(void *arg)
{
        struct retention_keeper *keeper = arg;
        struct err_note note = {.text = ""};
        keeper->pass.now_ms = clock_wall_ms(keeper->clock);
        keeper->pass.message_before_ms = keeper->message_ms ? keeper->pass.now_ms - keeper->message_ms : 0;
        keeper->pass.record_before_ms = keeper->pass.now_ms - keeper->record_ms;
        enum err err = store_sqlite_purge(keeper->db, &keeper->pass, &note);
        if (err && !keeper->is_failing)
                LOG(RETENTION_FAILED, log_word("error", err_name(err)), log_note("reason", &note));
        keeper->is_failing = err != ERR_OK;
        return err ? RETRY_MS : count(keeper);
}
