/* SPDX-License-Identifier: Apache-2.0 */
#include "job/outbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

enum {
        ARENA_BYTES = 1 << 20,  /* OUTBOX_BATCH payloads, or at least a few of the largest */
        SETTLE_AFTER_MS = 1000, /* a slow target does not keep its results from the store for longer */
        STOPPED_MS = 1000,      /* how often a lane that the breaker has stopped looks again */
        STORE_RETRY_MS = 1000,
        LONGEST_REST_MS = 60 * 1000, /* due times are the wall clock's, which somebody may set */
        JITTER_PERCENT = 20,
        SECOND_MS = 1000,
        MINUTE_MS = 60 * SECOND_MS,
        HOUR_MS = 60 * MINUTE_MS,
};

struct outbox_lane {
        struct outbox_lane_config config;
        struct breaker *breaker; /* owns */
        struct arena arena;      /* of the batch */
        struct outbox_batch batch;
        size_t next; /* the first item of the batch that was not tried */
        struct outbox_result results[OUTBOX_BATCH];
        size_t result_count;
        int64_t first_result_ms; /* monotonic, like all below */
        int64_t stopped_until_ms;
        bool is_disabled;
};

int64_t outbox_delay_ms(uint32_t attempts, double random)
{
        static const int64_t schedule_ms[] = {
                5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS, 2 * HOUR_MS, 5 * HOUR_MS,
                10 * HOUR_MS, 14 * HOUR_MS, 20 * HOUR_MS, 24 * HOUR_MS,
        };
        enum { LAST = sizeof schedule_ms / sizeof *schedule_ms };
        assert(attempts > 0);
        size_t step = attempts < LAST ? attempts - 1 : LAST - 1;
        int64_t delay_ms = schedule_ms[step];
        return delay_ms + (int64_t)((double)delay_ms * (2 * random - 1) * JITTER_PERCENT / 100);
}

static int64_t monotonic_ms(const struct outbox_lane *lane)
{
        return clock_monotonic_us(lane->config.clock) / 1000;
}

struct outbox_lane *outbox_lane_new(const struct outbox_lane_config *config)
{
        struct outbox_lane *lane = alloc_zeroed(1, sizeof *lane);
        struct breaker_rules rules = breaker_default_rules();
        lane->config = *config;
        lane->breaker = breaker_new(&rules, config->random, NULL, config->arg);
        arena_init(&lane->arena, ARENA_BYTES);
        return lane;
}

void outbox_lane_free(struct outbox_lane *lane)
{
        if (!lane)
                return;
        breaker_free(lane->breaker);
        arena_deinit(&lane->arena);
        free(lane);
}

void outbox_lane_enable(struct outbox_lane *lane)
{
        lane->is_disabled = false;
        lane->stopped_until_ms = 0;
}

/* ---- The store ---- */

/* Items that were not tried are taken anew later: meanwhile somebody may have dropped them. */
static void forget_batch(struct outbox_lane *lane)
{
        lane->batch.count = lane->next = 0;
        arena_deinit(&lane->arena);
        arena_init(&lane->arena, ARENA_BYTES);
}

enum err outbox_lane_settle(struct outbox_lane *lane, struct err_note *note)
{
        const struct outbox_lane_config *config = &lane->config;
        if (lane->result_count == 0)
                return ERR_OK;
        enum err err = config->store->ops->settle(config->store, lane->results, lane->result_count,
                                                  clock_wall_ms(config->clock), note);
        if (!err)
                lane->result_count = 0;
        return err;
}

static int64_t told_failure(struct outbox_lane *lane, enum err err, const struct err_note *note)
{
        lane->config.watch->failed(lane->config.arg, lane->config.connector, err, note);
        return STORE_RETRY_MS;
}

static int64_t settle(struct outbox_lane *lane)
{
        struct err_note note = {.text = ""};
        enum err err = outbox_lane_settle(lane, &note);
        return err ? told_failure(lane, err, &note) : 0;
}

static int64_t take(struct outbox_lane *lane)
{
        const struct outbox_lane_config *config = &lane->config;
        struct err_note note = {.text = ""};
        forget_batch(lane);
        int64_t now_ms = clock_wall_ms(config->clock);
        lane->batch = (struct outbox_batch){.connector = config->connector, .now_ms = now_ms, .arena = &lane->arena};
        enum err err = config->store->ops->take(config->store, &lane->batch, &note);
        if (err) {
                forget_batch(lane);
                return told_failure(lane, err, &note);
        }
        if (lane->batch.count)
                return 0;
        return lane->batch.next_due_ms - now_ms < LONGEST_REST_MS ? lane->batch.next_due_ms - now_ms : LONGEST_REST_MS;
}

static int64_t give_up(struct outbox_lane *lane)
{
        const struct outbox_lane_config *config = &lane->config;
        struct err_note note = {.text = ""};
        size_t dead = 0;
        forget_batch(lane);
        enum err err = config->store->ops->give_up(config->store, config->connector,
                                                   "the target wants nothing more (410)", &dead, &note);
        if (err)
                return told_failure(lane, err, &note);
        if (dead)
                config->watch->disabled(config->arg, config->connector, dead);
        return LONGEST_REST_MS;
}

/* ---- An attempt ---- */

static int64_t wish_ms(const struct outbox_lane *lane, const struct connector_delivery *delivery)
{
        int64_t max_ms = lane->config.rules.max_retry_after_ms;
        return delivery->retry_after_ms < max_ms ? delivery->retry_after_ms : max_ms;
}

static void postpone(const struct outbox_lane *lane, const struct outbox_item *item,
                     const struct connector_delivery *delivery, struct outbox_result *result)
{
        const struct outbox_rules *rules = &lane->config.rules;
        int64_t now_ms = clock_wall_ms(lane->config.clock), wished_ms = wish_ms(lane, delivery);
        bool is_over = item->attempts + 1 >= rules->max_attempts || now_ms - item->queued_at_ms >= rules->max_age_ms;
        int64_t delay_ms = outbox_delay_ms(item->attempts + 1, lane->config.random(lane->config.arg));
        result->fate = is_over ? OUTBOX_DEAD : OUTBOX_AGAIN;
        result->due_at_ms = now_ms + (delay_ms > wished_ms ? delay_ms : wished_ms);
}

static void judge(struct outbox_lane *lane, const struct outbox_item *item, const struct connector_delivery *delivery,
                  struct outbox_result *result)
{
        *result = (struct outbox_result){
                .id = item->id,
                .is_unknown = item->is_unknown || delivery->result == CONNECTOR_UNKNOWN,
                .note = delivery->note,
        };
        memcpy(result->external_id, delivery->external_id, sizeof result->external_id);
        switch (delivery->result) {
        case CONNECTOR_DELIVERED:
                result->fate = OUTBOX_DONE;
                break;
        case CONNECTOR_NOT_DONE:
        case CONNECTOR_UNKNOWN:
                postpone(lane, item, delivery, result);
                break;
        case CONNECTOR_REFUSED:
                result->fate = OUTBOX_DEAD;
                break;
        case CONNECTOR_DISABLED:
                result->fate = OUTBOX_DEAD;
                lane->is_disabled = true;
                break;
        }
}

/* A target that says when to come again is not broken. */
static enum breaker_outcome health(const struct connector_delivery *delivery)
{
        bool is_failure = delivery->result == CONNECTOR_NOT_DONE || delivery->result == CONNECTOR_UNKNOWN;
        if (!is_failure)
                return BREAKER_SUCCESS;
        return delivery->retry_after_ms > 0 ? BREAKER_UNKNOWN : BREAKER_FAILURE;
}

static void deliver(struct outbox_lane *lane, const struct outbox_item *item, struct connector_delivery *delivery)
{
        const struct outbox_lane_config *config = &lane->config;
        *delivery = (struct connector_delivery){
                .id = record_ident("out_", item->id),
                .event = item->event,
                .created_at_ms = item->created_at_ms,
                .payload = item->payload,
                .search_first = item->is_unknown,
                .result = CONNECTOR_NOT_DONE,
                .retry_after_ms = -1,
        };
        config->connectors->ops->deliver(config->connectors, config->connector, delivery);
}

static void tell(const struct outbox_lane *lane, const struct outbox_item *item, const struct connector_delivery *delivery,
                 enum outbox_fate fate)
{
        const struct outbox_attempt attempt = {
                .connector = lane->config.connector,
                .item = item,
                .delivery = delivery,
                .fate = fate,
                .age_ms = clock_wall_ms(lane->config.clock) - item->created_at_ms,
        };
        lane->config.watch->attempted(lane->config.arg, &attempt);
}

static int64_t attempt(struct outbox_lane *lane)
{
        struct breaker_permit permit;
        struct connector_delivery delivery;
        if (!breaker_enter(lane->breaker, monotonic_ms(lane), &permit)) {
                forget_batch(lane);
                return STOPPED_MS;
        }
        const struct outbox_item *item = &lane->batch.items[lane->next++];
        deliver(lane, item, &delivery);
        int64_t now_ms = monotonic_ms(lane);
        breaker_leave(lane->breaker, permit, health(&delivery), now_ms);
        if (lane->result_count == 0)
                lane->first_result_ms = now_ms;
        struct outbox_result *result = &lane->results[lane->result_count++];
        judge(lane, item, &delivery, result);
        if (delivery.retry_after_ms > 0)
                lane->stopped_until_ms = now_ms + wish_ms(lane, &delivery);
        tell(lane, item, &delivery, result->fate);
        return 0;
}

/* While the lane stands still, nothing waits to be recorded. */
static bool is_settling_due(const struct outbox_lane *lane, int64_t now_ms)
{
        bool is_standing = lane->next == lane->batch.count || lane->is_disabled || lane->stopped_until_ms > now_ms ||
                           breaker_state(lane->breaker) == BREAKER_OPEN;
        return lane->result_count && (is_standing || now_ms - lane->first_result_ms >= SETTLE_AFTER_MS);
}

int64_t outbox_lane_step(struct outbox_lane *lane)
{
        int64_t now_ms = monotonic_ms(lane);
        if (is_settling_due(lane, now_ms))
                return settle(lane);
        if (lane->is_disabled)
                return give_up(lane);
        if (lane->stopped_until_ms > now_ms) {
                forget_batch(lane);
                return lane->stopped_until_ms - now_ms;
        }
        return lane->next < lane->batch.count ? attempt(lane) : take(lane);
}
