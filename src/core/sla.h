/* SPDX-License-Identifier: Apache-2.0 */
/* How soon a person has to look at what, who is told until somebody does, and what the clock makes of it.
 *
 *     received      reminders           due
 *        |------------|-----|------------|----->   until it is resolved
 *        told 1st .. told 2nd .. told last .. told last again ..   until somebody acknowledges it
 *
 * Both lines run on the wall clock, since that is what was promised. A reminder is told at most once, the breach
 * exactly once; of what was missed while nobody looked at the clock the breach alone is told, or else the last
 * reminder. Somebody is told again from the moment at which the one before him was told: a clock that jumps ahead
 * skips nobody, and one that was set back makes no wait longer than the rule's.
 *
 * Pure: the caller brings the time and keeps the state.
 */
#ifndef CORE_SLA_H
#define CORE_SLA_H

#include "core/calendar.h"
#include "core/terms.h"

enum { SLA_MAX_CALENDARS = 16, SLA_MAX_REMINDERS = 4, SLA_MAX_TARGETS = 8 };

/* For one severity; SEVERITY_NONE is what a person must look at without a safety matter. */
struct sla_rule {
        int64_t sla_ms;                  /* working time of the calendar */
        const struct calendar *calendar; /* NULL: round the clock */
        int64_t acknowledge_ms;          /* how long one target has before the next is told; of the calendar, too */
        const struct str *notify;        /* names of connectors, in the order in which they are told */
        size_t notify_count;
};

struct sla_policy {
        struct sla_rule rules[SEVERITY_COUNT];
        unsigned reminders[SLA_MAX_REMINDERS]; /* per cent of the SLA, ascending */
        size_t reminder_count;
};

/* Of one open review. */
struct sla_state {
        enum severity severity;
        int64_t received_ms;
        int64_t due_ms;
        int64_t reminders;         /* how many are over, told or not */
        bool is_breached;
        int64_t told;              /* how often somebody of the rule's chain was */
        int64_t acknowledge_by_ms; /* when the next one is told; 0: somebody looks at it, or nobody is to be told */
};

/* Who is told of what; at most a reminder or the breach, and an escalation. */
struct sla_telling {
        enum notice notice;
        struct str target; /* of the chain; absent: nobody beside those who want every such event */
};

enum { SLA_MAX_TELLINGS = 2 };

/* When what arrived then is due. */
int64_t sla_due(const struct sla_rule *rule, int64_t received_ms);

/* The state of a new review, and the first of its chain, absent without one. */
struct str sla_start(const struct sla_policy *policy, enum severity severity, int64_t received_ms, int64_t due_ms,
                     struct sla_state *ret_state);

/* What is to be told now; the state is as if it were. Returns how much. */
size_t sla_look(const struct sla_policy *policy, struct sla_state *state, int64_t now_ms,
                struct sla_telling ret_tellings[SLA_MAX_TELLINGS]);

/* When to look next; INT64_MAX: nothing comes any more. */
int64_t sla_next(const struct sla_policy *policy, const struct sla_state *state);

#endif
