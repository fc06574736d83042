/* SPDX-License-Identifier: Apache-2.0 */
#include "core/sla.h"

enum { REPEAT_MAX_MS = 3600 * 1000 };

int64_t sla_due(const struct sla_rule *rule, int64_t received_ms)
{
        return calendar_due(rule->calendar, received_ms, rule->sla_ms);
}

static int64_t reminder_at(const struct sla_policy *policy, const struct sla_state *state)
{
        const struct sla_rule *rule = &policy->rules[state->severity];
        if (state->is_breached || state->reminders >= (int64_t)policy->reminder_count)
                return INT64_MAX;
        return calendar_due(rule->calendar, state->received_ms, rule->sla_ms * policy->reminders[state->reminders] / 100);
}

/* Until when the one who was told last has time, of the rule's calendar. The last of the chain is told again after twice the time each time, so
 * that a target that nobody hears does not fill the outbox. */
static int64_t acknowledge_by(const struct sla_rule *rule, int64_t told, int64_t now_ms)
{
        int64_t wait_ms = rule->acknowledge_ms;
        for (int64_t again = (int64_t)rule->notify_count; again < told && wait_ms < REPEAT_MAX_MS; again++)
                wait_ms = 2 * wait_ms < REPEAT_MAX_MS ? 2 * wait_ms : REPEAT_MAX_MS;
        return calendar_due(rule->calendar, now_ms, wait_ms);
}

/* The one who was told last; the chain may have become shorter since. */
static struct str last_told(const struct sla_rule *rule, const struct sla_state *state)
{
        if (rule->notify_count == 0 || state->told == 0)
                return (struct str){0};
        size_t told = (size_t)state->told < rule->notify_count ? (size_t)state->told : rule->notify_count;
        return rule->notify[told - 1];
}

static struct str tell_next(const struct sla_rule *rule, struct sla_state *state, int64_t now_ms)
{
        state->told++;
        state->acknowledge_by_ms = acknowledge_by(rule, state->told, now_ms);
        return last_told(rule, state);
}

struct str sla_start(const struct sla_policy *policy, enum severity severity, int64_t received_ms, int64_t due_ms,
                     struct sla_state *ret_state)
{
        const struct sla_rule *rule = &policy->rules[severity];
        *ret_state = (struct sla_state){.severity = severity, .received_ms = received_ms, .due_ms = due_ms};
        return rule->notify_count ? tell_next(rule, ret_state, received_ms) : (struct str){0};
}

static bool is_reminder_due(const struct sla_policy *policy, struct sla_state *state, int64_t now_ms)
{
        int64_t before = state->reminders;
        while (reminder_at(policy, state) <= now_ms)
                state->reminders++;
        return state->reminders > before;
}

static bool is_escalation_due(const struct sla_rule *rule, struct sla_state *state, int64_t now_ms)
{
        if (state->acknowledge_by_ms == 0)
                return false;
        if (rule->notify_count == 0) {
                state->acknowledge_by_ms = 0;
                return false;
        }
        int64_t latest_ms = acknowledge_by(rule, state->told, now_ms);
        if (state->acknowledge_by_ms > latest_ms)
                state->acknowledge_by_ms = latest_ms;
        return state->acknowledge_by_ms <= now_ms;
}

size_t sla_look(const struct sla_policy *policy, struct sla_state *state, int64_t now_ms,
                struct sla_telling ret_tellings[SLA_MAX_TELLINGS])
{
        const struct sla_rule *rule = &policy->rules[state->severity];
        size_t count = 0;
        if (!state->is_breached && state->due_ms <= now_ms) {
                state->is_breached = true;
                ret_tellings[count++] = (struct sla_telling){NOTICE_REVIEW_BREACHED, last_told(rule, state)};
        } else if (is_reminder_due(policy, state, now_ms)) {
                ret_tellings[count++] = (struct sla_telling){NOTICE_REVIEW_REMINDER, last_told(rule, state)};
        }
        if (is_escalation_due(rule, state, now_ms)) {
                struct str target = tell_next(rule, state, now_ms);
                ret_tellings[count++] = (struct sla_telling){NOTICE_REVIEW_ESCALATED, target};
        }
        return count;
}

int64_t sla_next(const struct sla_policy *policy, const struct sla_state *state)
{
        int64_t next_ms = reminder_at(policy, state);
        if (!state->is_breached && state->due_ms < next_ms)
                next_ms = state->due_ms;
        if (state->acknowledge_by_ms && state->acknowledge_by_ms < next_ms)
                next_ms = state->acknowledge_by_ms;
        return next_ms;
}
