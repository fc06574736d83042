/* SPDX-License-Identifier: Apache-2.0 */
/* How soon a person has to look at what, and who is told: sla.yaml and the times of taxonomy.yaml. Part of a
 * policy (policy.h). */
#ifndef POLICY_SLA_POLICY_H
#define POLICY_SLA_POLICY_H

#include "core/calendar.h"
#include "core/terms.h"

enum { SLA_MAX_CALENDARS = 16, SLA_MAX_REMINDERS = 4, SLA_MAX_TARGETS = 8 };

/* For one severity; SEVERITY_NONE is what a person must look at without a safety matter. */
struct sla_rule {
        int64_t sla_ms;                  /* working time of the calendar */
        const struct calendar *calendar; /* NULL: round the clock */
        int64_t acknowledge_ms;          /* how long one target has before the next is told; 0 without targets */
        const struct str *notify;        /* names of connectors, in the order in which they are told */
        size_t notify_count;
};

struct sla_policy {
        struct sla_rule rules[SEVERITY_COUNT];
        unsigned reminders[SLA_MAX_REMINDERS]; /* per cent of the SLA, ascending */
        size_t reminder_count;
};

/* When it is due that arrived then. */
static inline int64_t sla_due(const struct sla_rule *rule, int64_t received_ms)
{
        return calendar_due(rule->calendar, received_ms, rule->sla_ms);
}

/* When that reminder is; sla.reminder_count says how many there are. */
static inline int64_t sla_reminder(const struct sla_policy *sla, enum severity severity, size_t number, int64_t received_ms)
{
        const struct sla_rule *rule = &sla->rules[severity];
        return calendar_due(rule->calendar, received_ms, rule->sla_ms * sla->reminders[number] / 100);
}

#endif
