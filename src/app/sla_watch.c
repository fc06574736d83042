/* SPDX-License-Identifier: Apache-2.0 */
#include "app/sla_watch.h"

#include "base/log.h"
#include "base/metric.h"

enum { ID_BYTES = 128 };

static_assert((int)METRIC_SLA_EVENT_COUNT == NOTICE_REVIEW_ESCALATED - NOTICE_REVIEW_REMINDER + 1, "each event has its label");

static void log_told(const struct sla_told *told, struct safe_text id)
{
        const struct log_field message = log_safe("message_id", id);
        const struct log_field severity = log_word("severity", severity_name(told->severity));
        const struct log_field connectors = log_i64("connectors", (int64_t)told->connectors);
        if (told->notice == NOTICE_REVIEW_REMINDER)
                LOG(REVIEW_REMINDER, message, severity, log_i64("due_in_s", -told->late_ms / 1000), connectors);
        else if (told->notice == NOTICE_REVIEW_BREACHED)
                LOG(REVIEW_BREACHED, message, severity, log_i64("overdue_s", told->late_ms / 1000), connectors);
        else
                LOG(REVIEW_ESCALATED, message, severity, log_i64("times", told->times), connectors);
}

static void on_told(void *arg, const struct sla_told *told)
{
        (void)arg;
        struct arena arena;
        arena_init(&arena, ID_BYTES);
        log_told(told, (struct safe_text){record_id_text(&arena, "msg_", told->id)});
        arena_deinit(&arena);
        METRIC_ADD(SLA_EVENTS, METRIC_PAIR(SEVERITY, told->notice - NOTICE_REVIEW_REMINDER, told->severity), 1);
}

static void on_looked(void *arg, const struct store_sla_counts *counts, int64_t now_ms)
{
        struct sla_watch *watch = arg;
        watch->is_failing = false;
        int64_t oldest_ms = counts->oldest_due_ms < now_ms ? now_ms - counts->oldest_due_ms : 0;
        for (enum severity i = 0; i < SEVERITY_COUNT; i++) {
                METRIC_SET(REVIEWS_OPEN, i, (double)counts->open[i]);
                METRIC_SET(REVIEWS_OVERDUE, i, (double)counts->overdue[i]);
        }
        METRIC_SET(REVIEW_OLDEST_OVERDUE, 0, (double)oldest_ms / 1e3);
        METRIC_SET(SLA_LAST_LOOK, 0, (double)now_ms / 1e3);
}

static void on_failed(void *arg, enum err err, const struct err_note *note)
{
        struct sla_watch *watch = arg;
        if (!watch->is_failing)
                LOG(SLA_CLOCK_FAILED, log_word("error", err_name(err)), log_note("reason", note));
        watch->is_failing = true;
}

void sla_watch_init(struct sla_watch *watch, struct store_sla *store, struct snapshot_holder *snapshots,
                    const struct clock *clock)
{
        static const struct sla_clock_ops ops = {.told = on_told, .looked = on_looked, .failed = on_failed};
        *watch = (struct sla_watch){
                .clock = {.store = store, .snapshots = snapshots, .clock = clock, .ops = &ops, .arg = watch}};
}

int64_t sla_watch_run(void *arg)
{
        struct sla_watch *watch = arg;
        return sla_clock_look(&watch->clock);
}

void sla_watch_policy(const struct sla_policy *policy)
{
        bool has_urgent = policy->rules[SEVERITY_URGENT].notify_count > 0;
        bool has_high = policy->rules[SEVERITY_HIGH].notify_count > 0;
        for (enum severity i = 0; i < SEVERITY_COUNT; i++)
                METRIC_SET(NOTIFY_TARGETS, i, (double)policy->rules[i].notify_count);
        if (!has_urgent || !has_high)
                LOG(NOBODY_TOLD, log_word("severity", has_urgent ? "high" : has_high ? "urgent" : "urgent, high"),
                    log_word("reason", "no connector stands under `notify` in the policy's sla.yaml: nobody is told when "
                                       "somebody may be in danger, unless he looks at the review queue"));
}
