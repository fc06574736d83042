/* SPDX-License-Identifier: Apache-2.0 */
#include "job/sla.h"

#include <assert.h>

enum { REST_MS = 1000, AGAIN_MS = 1, STEP_MS = 500 };

/* A pass under way; what is told is said when it is stored. */
struct looking {
        const struct policy_facts *policy;
        int64_t now_ms;
        struct sla_told told[STORE_SLA_BATCH * SLA_MAX_TELLINGS];
        size_t count;
};

static void tell(struct store_sla_decision *decision, enum notice notice, struct str connector)
{
        for (size_t i = 0; i < decision->count; i++)
                if (decision->entries[i].notice == notice && str_equal(decision->entries[i].connector, connector))
                        return;
        decision->entries[decision->count++] = (struct store_sla_entry){notice, connector};
}

static_assert(STORE_SLA_MAX_ENTRIES >= SLA_MAX_TELLINGS * (POLICY_MAX_TARGETS + 1), "all who can be told fit");

/* The one of the chain, and whoever wants every such event. Returns how many. */
static size_t tell_all(const struct policy_facts *policy, const struct sla_telling *telling,
                       struct store_sla_decision *decision)
{
        const struct connector_targets *wanted = &policy->connectors.events[telling->notice];
        size_t before = decision->count;
        if (telling->target.ptr)
                tell(decision, telling->notice, telling->target);
        for (size_t i = 0; i < wanted->count; i++)
                tell(decision, telling->notice, wanted->targets[i]->name);
        return decision->count - before;
}

static void decide(void *arg, struct store_sla_row *row, struct store_sla_decision *ret_decision)
{
        struct looking *looking = arg;
        const struct sla_policy *sla = &looking->policy->sla;
        struct sla_telling tellings[SLA_MAX_TELLINGS];
        size_t count = sla_look(sla, &row->state, looking->now_ms, tellings);
        ret_decision->next_ms = sla_next(sla, &row->state);
        for (size_t i = 0; i < count; i++) {
                ret_decision->notices[ret_decision->notice_count++] = tellings[i].notice;
                looking->told[looking->count++] = (struct sla_told){
                        .id = row->id,
                        .notice = tellings[i].notice,
                        .severity = row->state.severity,
                        .late_ms = looking->now_ms - row->state.due_ms,
                        .times = row->state.told,
                        .connectors = tell_all(looking->policy, &tellings[i], ret_decision),
                };
        }
}

static enum err run_pass(struct sla_clock *clock, bool waits_only, int64_t now_ms, size_t *ret_count, struct err_note *note)
{
        const struct snapshot *snapshot = snapshot_pin(clock->snapshots);
        struct looking looking = {.policy = policy_facts(snapshot->policy), .now_ms = now_ms};
        struct store_sla_pass pass = {
                .now_ms = now_ms,
                .waits_only = waits_only,
                .after_row = clock->rechecked_row,
                .decide = decide,
                .arg = &looking,
        };
        enum err err = clock->store->ops->pass(clock->store, &pass, note);
        for (size_t i = 0; !err && i < looking.count; i++)
                clock->ops->told(clock->arg, &looking.told[i]);
        snapshot_unpin(snapshot);
        *ret_count = pass.count;
        if (waits_only && !err)
                clock->rechecked_row = pass.after_row;
        return err;
}

/* A slewed clock drifts by less than a step between two looks. */
static void watch_wall_clock(struct sla_clock *clock, int64_t now_ms)
{
        int64_t ahead_ms = now_ms - clock_monotonic_us(clock->clock) / 1000;
        if (!clock->has_looked || ahead_ms < clock->ahead_ms - STEP_MS) {
                clock->is_rechecking = true;
                clock->rechecked_row = 0;
        }
        clock->has_looked = true;
        clock->ahead_ms = ahead_ms;
}

static enum err recheck(struct sla_clock *clock, int64_t now_ms, struct err_note *note)
{
        size_t count;
        enum err err = run_pass(clock, true, now_ms, &count, note);
        if (!err)
                clock->is_rechecking = count == STORE_SLA_BATCH;
        return err;
}

int64_t sla_clock_look(struct sla_clock *clock)
{
        struct err_note note = {.text = ""};
        struct store_sla_counts counts;
        size_t count = 0;
        int64_t now_ms = clock_wall_ms(clock->clock);
        watch_wall_clock(clock, now_ms);
        enum err err = clock->is_rechecking ? recheck(clock, now_ms, &note) : ERR_OK;
        if (!err)
                err = clock->store->ops->count(clock->store, &counts, &note);
        if (!err && counts.next_ms <= now_ms)
                err = run_pass(clock, false, now_ms, &count, &note);
        if (err) {
                clock->ops->failed(clock->arg, err, &note);
                return REST_MS;
        }
        clock->ops->looked(clock->arg, &counts, now_ms);
        return count || clock->is_rechecking ? AGAIN_MS : REST_MS;
}
