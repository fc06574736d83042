/* SPDX-License-Identifier: Apache-2.0 */
#include "app/outbox_lanes.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "adapt/store_sqlite_delivery.h"
#include "app/thread.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"

static_assert((int)METRIC_CONNECTOR_COUNT == (int)OUTBOX_MAX_LANES, "each lane has its label");
static_assert((int)OUTBOX_MAX_LANES >= (int)POLICY_MAX_CONNECTORS, "each connector has its lane");

struct thread_lane {
        struct outbox_lanes *lanes; /* borrows */
        char *connector;            /* owns */
        uint64_t bit;
        size_t place;
        struct outbox_lane *lane; /* owns; its thread's */
        pthread_t thread;
        pthread_cond_t wake;
        bool is_awake;      /* somebody has something new; under the lock */
        bool is_to_enable;  /* under the lock */
        bool is_failing;    /* the store; its thread's: one log line an incident */
};

struct outbox_lanes {
        struct outbox_lanes_config config;
        pthread_mutex_t lock;
        bool is_closing;
        bool is_left; /* the process ends with an attempt under way: whatever comes of it is nobody's */
        struct thread_lane lanes[OUTBOX_MAX_LANES];
        size_t count; /* under the lock */
};

/* ---- What a lane tells ---- */

static bool is_left(struct outbox_lanes *lanes)
{
        pthread_mutex_lock(&lanes->lock);
        bool is_left = lanes->is_left;
        pthread_mutex_unlock(&lanes->lock);
        return is_left;
}

static_assert((int)METRIC_CONNECTOR_RESULT_COUNT == CONNECTOR_DISABLED + 1, "each result has its label");

static void on_attempted(void *arg, const struct outbox_attempt *attempt)
{
        struct thread_lane *lane = arg;
        const struct connector_delivery *delivery = attempt->delivery;
        if (is_left(lane->lanes))
                return;
        lane->is_failing = false;
        METRIC_ADD(OUTBOX_ATTEMPTS, METRIC_PAIR(CONNECTOR_RESULT, lane->place, delivery->result), 1);
        if (attempt->fate == OUTBOX_DONE)
                METRIC_OBSERVE(OUTBOX_DELIVERED, lane->place, (double)attempt->age_ms / 1e3);
        if (attempt->fate == OUTBOX_DEAD)
                LOG(OUTBOX_DEAD_LETTER, log_safe("connector", (struct safe_text){attempt->connector}),
                    log_ident("delivery_id", &delivery->id), log_safe("kind", (struct safe_text){attempt->item->event}),
                    log_i64("attempts", attempt->item->attempts + 1), log_i64("http_status", delivery->http_status),
                    log_note("reason", &delivery->note));
}

static void on_disabled(void *arg, struct str connector, size_t dead)
{
        (void)arg;
        LOG(OUTBOX_DISABLED, log_safe("connector", (struct safe_text){connector}), log_i64("entries", (int64_t)dead));
}

static void on_failed(void *arg, struct str connector, enum err err, const struct err_note *note)
{
        struct thread_lane *lane = arg;
        if (!lane->is_failing)
                LOG(OUTBOX_FAILED, log_safe("connector", (struct safe_text){connector}), log_word("error", err_name(err)),
                    log_note("reason", note));
        lane->is_failing = true;
}

/* ---- The threads ---- */

/* With the lock held. */
static void rest(struct thread_lane *lane, int64_t rest_ms)
{
        int64_t until_ms = thread_now_ms() + rest_ms;
        while (!lane->lanes->is_closing && !lane->is_awake)
                if (!thread_wait(&lane->wake, &lane->lanes->lock, until_ms))
                        break;
        lane->is_awake = false;
        if (lane->is_to_enable)
                outbox_lane_enable(lane->lane);
        lane->is_to_enable = false;
}

static void *lane_main(void *arg)
{
        struct thread_lane *lane = arg;
        struct outbox_lanes *lanes = lane->lanes;
        pthread_mutex_lock(&lanes->lock);
        while (!lanes->is_closing) {
                pthread_mutex_unlock(&lanes->lock);
                int64_t rest_ms = outbox_lane_step(lane->lane);
                pthread_mutex_lock(&lanes->lock);
                if (rest_ms > 0)
                        rest(lane, rest_ms);
        }
        bool is_left = lanes->is_left;
        pthread_mutex_unlock(&lanes->lock);
        struct err_note note = {.text = ""};
        if (!is_left && outbox_lane_settle(lane->lane, &note) != ERR_OK)
                on_failed(lane, str_from(lane->connector), ERR_UNAVAILABLE, &note);
        return NULL;
}

struct outbox_lanes *outbox_lanes_new(const struct outbox_lanes_config *config)
{
        struct outbox_lanes *lanes = alloc_zeroed(1, sizeof *lanes);
        lanes->config = *config;
        pthread_mutex_init(&lanes->lock, NULL);
        return lanes;
}

static void free_lane(struct thread_lane *lane)
{
        outbox_lane_free(lane->lane);
        pthread_cond_destroy(&lane->wake);
        free(lane->connector);
}

static enum err start_lane(struct outbox_lanes *lanes, struct str connector, struct err_note *note)
{
        static const struct outbox_watch watch = {on_attempted, on_disabled, on_failed};
        struct thread_lane *lane = &lanes->lanes[lanes->count];
        if (lanes->count == OUTBOX_MAX_LANES)
                return err_set(note, ERR_TOO_LARGE, "more than %d connectors since the start: restart to be rid of old ones",
                               OUTBOX_MAX_LANES);
        *lane = (struct thread_lane){.lanes = lanes, .place = lanes->count, .bit = store_sqlite_outbox_bit(connector)};
        lane->connector = alloc_copy(connector.ptr, connector.len);
        lane->lane = outbox_lane_new(&(struct outbox_lane_config){
                .connector = str_from(lane->connector),
                .rules = lanes->config.rules,
                .store = lanes->config.store,
                .connectors = lanes->config.connectors,
                .clock = lanes->config.clock,
                .random = random_fraction,
                .watch = &watch,
                .arg = lane,
        });
        thread_wake_init(&lane->wake);
        if (thread_start(&lane->thread, lane_main, lane) != 0) {
                free_lane(lane);
                return err_set(note, ERR_UNAVAILABLE, "no thread for the connector %.*s", STR_ARGS(connector));
        }
        pthread_mutex_lock(&lanes->lock);
        lanes->count++;
        pthread_mutex_unlock(&lanes->lock);
        LOG(OUTBOX_LANE, log_safe("connector", (struct safe_text){connector}), log_i64("place", (int64_t)lane->place + 1));
        return ERR_OK;
}

size_t outbox_lanes_place(struct outbox_lanes *lanes, struct str connector)
{
        pthread_mutex_lock(&lanes->lock);
        size_t count = lanes->count, place = 0;
        pthread_mutex_unlock(&lanes->lock);
        while (place < count && !str_equal(str_from(lanes->lanes[place].connector), connector))
                place++;
        return place < count ? place : OUTBOX_MAX_LANES;
}

void outbox_lanes_wake(struct outbox_lanes *lanes, uint64_t connectors, bool is_by_hand)
{
        pthread_mutex_lock(&lanes->lock);
        for (size_t i = 0; i < lanes->count; i++) {
                struct thread_lane *lane = &lanes->lanes[i];
                if (!(lane->bit & connectors))
                        continue;
                lane->is_awake = true;
                lane->is_to_enable |= is_by_hand;
                pthread_cond_signal(&lane->wake);
        }
        pthread_mutex_unlock(&lanes->lock);
}

enum err outbox_lanes_follow(struct outbox_lanes *lanes, const struct connectors_policy *policy, struct err_note *note)
{
        enum err err = ERR_OK;
        for (size_t i = 0; !err && i < policy->connector_count; i++)
                if (outbox_lanes_place(lanes, policy->connectors[i].name) == OUTBOX_MAX_LANES)
                        err = start_lane(lanes, policy->connectors[i].name, note);
        outbox_lanes_wake(lanes, UINT64_MAX, true);
        return err;
}

void outbox_lanes_close(struct outbox_lanes *lanes)
{
        if (!lanes)
                return;
        pthread_mutex_lock(&lanes->lock);
        lanes->is_closing = true;
        for (size_t i = 0; i < lanes->count; i++)
                pthread_cond_signal(&lanes->lanes[i].wake);
        pthread_mutex_unlock(&lanes->lock);
}

bool outbox_lanes_stop(struct outbox_lanes *lanes, int64_t grace_ms)
{
        if (!lanes)
                return true;
        outbox_lanes_close(lanes);
        int64_t end_ms = thread_now_ms() + grace_ms;
        bool is_ended = true;
        for (size_t i = 0; i < lanes->count; i++) {
                int64_t left_ms = end_ms - thread_now_ms();
                is_ended &= thread_join(lanes->lanes[i].thread, left_ms > 0 ? left_ms : 0);
        }
        if (!is_ended) {
                pthread_mutex_lock(&lanes->lock);
                lanes->is_left = true;
                pthread_mutex_unlock(&lanes->lock);
                return false;
        }
        for (size_t i = 0; i < lanes->count; i++)
                free_lane(&lanes->lanes[i]);
        pthread_mutex_destroy(&lanes->lock);
        free(lanes);
        return true;
}
