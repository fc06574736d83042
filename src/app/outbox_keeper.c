/* SPDX-License-Identifier: Apache-2.0 */
#include "app/outbox_keeper.h"

#include "base/log.h"
#include "base/metric.h"

enum { LOOK_MS = 15 * 1000, PURGE_MS = 60 * 60 * 1000, ARENA_BYTES = 64 * 1024 };

static void show(const struct outbox_keeper *keeper, const struct store_outbox_counts *counts, int64_t now_ms)
{
        size_t place = outbox_lanes_place(keeper->lanes, counts->connector);
        if (place == OUTBOX_MAX_LANES)
                return;
        METRIC_SET(OUTBOX_PENDING, place, (double)counts->pending);
        METRIC_SET(OUTBOX_DEAD, place, (double)counts->dead);
        METRIC_SET(OUTBOX_OLDEST, place, counts->oldest_ms ? (double)(now_ms - counts->oldest_ms) / 1e3 : 0);
}

/* A connector without entries is none of those that were counted. */
static void show_nothing(void)
{
        for (uint32_t i = 0; i < OUTBOX_MAX_LANES; i++) {
                METRIC_SET(OUTBOX_PENDING, i, 0);
                METRIC_SET(OUTBOX_DEAD, i, 0);
                METRIC_SET(OUTBOX_OLDEST, i, 0);
        }
}

static enum err look(const struct outbox_keeper *keeper, int64_t now_ms, struct err_note *note)
{
        struct store_outbox_counts counts[OUTBOX_COUNTS_MAX];
        struct arena arena;
        size_t count;
        arena_init(&arena, ARENA_BYTES);
        enum err err = store_sqlite_outbox_count(keeper->db, &arena, counts, &count, note);
        if (!err)
                show_nothing();
        for (size_t i = 0; !err && i < count; i++)
                show(keeper, &counts[i], now_ms);
        arena_deinit(&arena);
        return err;
}

static enum err purge(struct outbox_keeper *keeper, int64_t now_ms, struct err_note *note)
{
        struct store_outbox_purge work = {
                .pending_before_ms = now_ms - keeper->max_age_ms,
                .dead_before_ms = now_ms - keeper->dead_age_ms,
                .now_ms = now_ms,
        };
        enum err err = store_sqlite_outbox_purge(keeper->db, &work, note);
        bool has_more = !err && (work.died == OUTBOX_SLICE || work.deleted == OUTBOX_SLICE);
        keeper->purge_at_ms = clock_monotonic_us(keeper->clock) / 1000 + (has_more ? 0 : PURGE_MS);
        if (!err && (work.died || work.deleted))
                LOG(OUTBOX_PURGED, log_i64("died", (int64_t)work.died), log_i64("deleted", (int64_t)work.deleted));
        return err;
}

int64_t outbox_keeper_run(void *arg)
{
        struct outbox_keeper *keeper = arg;
        struct err_note note = {.text = ""};
        int64_t now_ms = clock_wall_ms(keeper->clock);
        enum err err = keeper->lanes ? look(keeper, now_ms, &note) : ERR_OK;
        if (!err && clock_monotonic_us(keeper->clock) / 1000 >= keeper->purge_at_ms)
                err = purge(keeper, now_ms, &note);
        if (err && !keeper->is_failing)
                LOG(OUTBOX_FAILED, log_word("error", err_name(err)), log_note("reason", &note));
        keeper->is_failing = err != ERR_OK;
        return LOOK_MS;
}
