/* SPDX-License-Identifier: Apache-2.0 */
/* The SLA clock (job/sla) as a job: what it does becomes log lines and metrics. */
#ifndef APP_SLA_WATCH_H
#define APP_SLA_WATCH_H

#include "job/sla.h"

struct sla_watch {
        struct sla_clock clock;
        bool is_failing; /* one line an incident */
};

void sla_watch_init(struct sla_watch *watch, struct store_sla *store, struct snapshot_holder *snapshots,
                    const struct clock *clock);

/* A job of app/jobs.h; `arg` is a struct sla_watch. */
int64_t sla_watch_run(void *arg);

/* Says of a policy that comes into force whether somebody is told of danger. */
void sla_watch_policy(const struct sla_policy *policy);

#endif
