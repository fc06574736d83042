/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox's threads: a lane (job/outbox) for each connector of the policy, woken when a transaction has written entries
 * for it. A lane stays when its connector leaves the policy: what is still to be told waits, in case it comes back.
 *
 * What a lane does becomes log lines and metrics, by the connector's place: the first OUTBOX_MAX_LANES that were ever
 * configured have one each.
 */
#ifndef APP_OUTBOX_LANES_H
#define APP_OUTBOX_LANES_H

#include "job/outbox.h"
#include "policy/connector_policy.h"

enum { OUTBOX_MAX_LANES = 16 };

struct outbox_lanes_config {
        struct outbox_rules rules;
        struct store_outbox *store;
        struct connectors *connectors;
        const struct clock *clock;
};

struct outbox_lanes;

struct outbox_lanes *outbox_lanes_new(const struct outbox_lanes_config *config);

/* Starts lanes for the connectors that have none, and tries disabled ones again. ERR_UNAVAILABLE when no thread can be had,
 * ERR_TOO_LARGE over OUTBOX_MAX_LANES; what could be started runs. On one thread at a time. */
enum err outbox_lanes_follow(struct outbox_lanes *lanes, const struct connectors_policy *policy, struct err_note *note) MUST_USE;

/* Those of these bits (store_sqlite_outbox_bit()) look whether there is something for them, and try a target again that wanted
 * nothing more, if `is_by_hand`; on any thread, does not wait. */
void outbox_lanes_wake(struct outbox_lanes *lanes, uint64_t connectors, bool is_by_hand);

/* The lane of that connector, for the labels of metrics; OUTBOX_MAX_LANES: it has none. */
size_t outbox_lanes_place(struct outbox_lanes *lanes, struct str connector);

/* No lane begins another attempt. NULL is allowed. */
void outbox_lanes_close(struct outbox_lanes *lanes);

/* Ends the attempts under way, at the latest after `grace_ms`, records what came of them and frees all. False: one is still under
 * way; then nothing is freed, and store and connectors must be left open until the process ends. NULL is allowed. */
bool outbox_lanes_stop(struct outbox_lanes *lanes, int64_t grace_ms);

#endif
