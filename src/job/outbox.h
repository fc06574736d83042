/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox: other systems are told what happened, at least once, under an id that stays the same.
 *
 * One lane a connector, used by one thread. A lane takes what is due, makes one attempt at a time and records what came of
 * several in one transaction; until that is done it takes no more. Order is strict within a message and free between
 * messages: an entry that waits for its next attempt holds up nothing but what comes behind it of its own message.
 *
 * What an attempt's result means:
 *   delivered   the entry is gone
 *   not done, unknown
 *               again after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h (the schedule of Standard Webhooks), give or
 *               take a fifth, or later when the target wishes; a dead letter after `max_attempts` or at `max_age_ms`. After
 *               an unknown outcome, its own or one that a crash left, the connector searches before it sends
 *   refused     a dead letter at once
 *   disabled    the target wants nothing more: the lane's entries are dead letters until outbox_lane_enable()
 *
 * A target that is down is not hammered: a breaker (guard/breaker.h) stops the whole lane and lets one probe through now
 * and then, so that an outage costs few entries an attempt. A target's Retry-After stops the lane, too.
 *
 * The world comes in by ports, time and randomness with them, so that the simulation has its own.
 */
#ifndef JOB_OUTBOX_H
#define JOB_OUTBOX_H

#include "guard/breaker.h"
#include "port/clock.h"
#include "port/connector.h"
#include "port/store_outbox.h"

struct outbox_rules {
        uint32_t max_attempts;
        int64_t max_age_ms;
        int64_t max_retry_after_ms; /* a longer wish is cut to it */
};

/* One attempt that was made, for logs and metrics; borrowed during the call. */
struct outbox_attempt {
        struct str connector;
        const struct outbox_item *item;
        const struct connector_delivery *delivery;
        enum outbox_fate fate;
        int64_t age_ms; /* of the entry, afterwards */
};

/* Who hears of it, on the lane's thread. */
struct outbox_watch {
        void (*attempted)(void *arg, const struct outbox_attempt *attempt);
        void (*disabled)(void *arg, struct str connector, size_t dead);
        void (*failed)(void *arg, struct str connector, enum err err, const struct err_note *note); /* the store did */
};

/* Filled in by the caller, who keeps what it points to; the rest is the lane's own. */
struct outbox_lane_config {
        struct str connector;
        struct outbox_rules rules;
        struct store_outbox *store;
        struct connectors *connectors;
        const struct clock *clock;
        double (*random)(void *arg); /* in [0, 1) */
        const struct outbox_watch *watch;
        void *arg; /* of random and watch */
};

struct outbox_lane;

struct outbox_lane *outbox_lane_new(const struct outbox_lane_config *config);

/* What was not settled is delivered again, later. NULL is allowed. */
void outbox_lane_free(struct outbox_lane *lane);

/* Does one thing: takes a batch, makes an attempt (which blocks as long as the connector does), or settles. Returns how many
 * milliseconds it wants to rest, 0: none; before that it need not be called unless there is something new to deliver. */
int64_t outbox_lane_step(struct outbox_lane *lane);

/* Records what is not yet recorded, when the lane is to end. ERR_OK when there was nothing. */
enum err outbox_lane_settle(struct outbox_lane *lane, struct err_note *note) MUST_USE;

/* A target that was disabled is tried again. */
void outbox_lane_enable(struct outbox_lane *lane);

/* How long to wait before the attempt behind number `attempts` (from 1); `random` in [0, 1). */
int64_t outbox_delay_ms(uint32_t attempts, double random);

#endif
