/* SPDX-License-Identifier: Apache-2.0 */
/* The SLA clock in virtual time: two days of thousands of reviews, a store that fails, restarts, a wall clock that jumps by an
 * hour, people who acknowledge and resolve at any moment. The judge keeps its own books of what each review was told. */
#include "unit/test.h"

#include "job/sla.h"
#include "policy/policy_parts.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
        REVIEWS = 5000,
        MINUTE_MS = 60 * 1000,
        HOUR_MS = 60 * MINUTE_MS,
        LENGTH_MS = 48 * HOUR_MS,
        JUMP_EVERY_MS = 3 * HOUR_MS,
        PATIENCE_MS = 5 * 60 * 1000, /* that the store may be ill in one go, and more */
};

static const char *const chains[SEVERITY_COUNT][4] = {
        [SEVERITY_STANDARD] = {NULL},
        [SEVERITY_HIGH] = {"mail", "boss"},
        [SEVERITY_URGENT] = {"pager", "mail", "boss"},
};

/* One review, the row of the clock, and the judge's books. Times of the books are monotonic. */
struct review {
        struct sla_state state;
        int64_t next_ms;
        bool is_open, is_acknowledged;
        int64_t due_for_ms; /* since when the wall clock was past its due time for good */
        int64_t told_at_ms, wait_ms;
        size_t told, reminders, breaches, heard_by_siem, heard_by_mail;
};

static struct {
        struct store_sla store;
        struct clock clock;
        struct snapshot_holder *snapshots;
        struct sla_clock job;
        int64_t monotonic_ms, wall_ms;
        struct review reviews[REVIEWS];
        size_t count;
        int64_t ill_until_ms;
        size_t failures, restarts, jumps;
        uint64_t random;
} world;

static uint64_t draw(uint64_t below)
{
        world.random ^= world.random << 13;
        world.random ^= world.random >> 7;
        world.random ^= world.random << 17;
        return world.random % below;
}

static int64_t monotonic_us(const struct clock *clock)
{
        (void)clock;
        return world.monotonic_ms * 1000;
}

static int64_t wall_ms(const struct clock *clock)
{
        (void)clock;
        return world.wall_ms;
}

/* ---- The judge ---- */

static const struct sla_rule *rule_of(const struct review *review)
{
        const struct snapshot *snapshot = snapshot_pin(world.snapshots);
        const struct sla_rule *rule = &policy_facts(snapshot->policy)->sla.rules[review->state.severity];
        snapshot_unpin(snapshot);
        return rule;
}

static void judge_telling(struct review *review, struct str connector)
{
        size_t length = 0;
        while (chains[review->state.severity][length])
                length++;
        assert_true(review->is_open && !review->is_acknowledged);
        size_t place = review->told < length ? review->told : length - 1;
        assert_str_equal(connector, chains[review->state.severity][place]);
        int64_t passed_ms = world.monotonic_ms - review->told_at_ms;
        /* Not much later than it has to be, even when the clock was set back meanwhile. */
        if (review->told > 0)
                assert_true(passed_ms <= 2 * review->wait_ms + PATIENCE_MS);
        review->told++;
        review->told_at_ms = world.monotonic_ms;
        review->wait_ms = review->told <= length ? rule_of(review)->acknowledge_ms : HOUR_MS;
}

static void judge(struct review *review, const struct store_sla_entry *entry)
{
        if (entry->notice == NOTICE_REVIEW_ESCALATED)
                judge_telling(review, entry->connector);
        else
                assert_true(review->is_open);
        if (entry->notice == NOTICE_REVIEW_BREACHED) {
                review->heard_by_siem += str_equal(entry->connector, STR("siem"));
                review->heard_by_mail += str_equal(entry->connector, STR("mail"));
        }
}

/* ---- The store ---- */

static bool is_wanted(const struct store_sla_pass *pass, size_t i)
{
        const struct review *review = &world.reviews[i];
        if (!review->is_open)
                return false;
        return pass->waits_only ? i + 1 > pass->after_row && review->state.acknowledge_by_ms > 0
                                : review->next_ms <= pass->now_ms;
}

/* A store that is ill fails behind the decisions, too: none of them counts then. */
static enum err run_pass(struct store_sla *store, struct store_sla_pass *pass, struct err_note *note)
{
        (void)store;
        static struct store_sla_row rows[STORE_SLA_BATCH];
        static struct store_sla_decision decisions[STORE_SLA_BATCH];
        size_t count = 0;
        for (size_t i = 0; i < world.count && count < STORE_SLA_BATCH; i++) {
                if (!is_wanted(pass, i))
                        continue;
                rows[count] = (struct store_sla_row){.id = {i + 1, 1}, .state = world.reviews[i].state};
                decisions[count] = (struct store_sla_decision){.count = 0};
                pass->decide(pass->arg, &rows[count], &decisions[count]);
                count++;
        }
        if (world.monotonic_ms < world.ill_until_ms)
                return err_set(note, ERR_BUSY, "ill");
        for (size_t i = 0; i < count; i++) {
                struct review *review = &world.reviews[rows[i].id.row - 1];
                review->breaches += rows[i].state.is_breached && !review->state.is_breached;
                review->reminders += rows[i].state.reminders > review->state.reminders;
                for (size_t j = 0; j < decisions[i].count; j++)
                        judge(review, &decisions[i].entries[j]);
                review->state = rows[i].state;
                review->next_ms = decisions[i].next_ms;
        }
        pass->count = count;
        if (count)
                pass->after_row = rows[count - 1].id.row;
        return ERR_OK;
}

static enum err count_all(struct store_sla *store, struct store_sla_counts *counts, struct err_note *note)
{
        (void)store;
        (void)note;
        *counts = (struct store_sla_counts){.next_ms = INT64_MAX, .oldest_due_ms = INT64_MAX};
        for (size_t i = 0; i < world.count; i++)
                if (world.reviews[i].is_open && world.reviews[i].next_ms < counts->next_ms)
                        counts->next_ms = world.reviews[i].next_ms;
        return ERR_OK;
}

/* ---- The world ---- */

static void told(void *arg, const struct sla_told *told)
{
        (void)arg;
        assert_true(told->id.row >= 1 && told->id.row <= world.count);
        assert_true(told->notice != NOTICE_REVIEW_BREACHED || told->late_ms >= 0);
}

static void looked(void *arg, const struct store_sla_counts *counts, int64_t now_ms)
{
        (void)arg;
        (void)counts;
        assert_true(now_ms == world.wall_ms);
}

static void failed(void *arg, enum err err, const struct err_note *note)
{
        (void)arg;
        (void)note;
        assert_int_equal(err, ERR_BUSY);
        world.failures++;
}

static void start_clock(void)
{
        static const struct sla_clock_ops ops = {told, looked, failed};
        world.job = (struct sla_clock){.store = &world.store, .snapshots = world.snapshots, .clock = &world.clock, .ops = &ops};
}

static void arrive(void)
{
        const struct snapshot *snapshot = snapshot_pin(world.snapshots);
        const struct sla_policy *sla = &policy_facts(snapshot->policy)->sla;
        struct review *review = &world.reviews[world.count++];
        enum severity severity = (enum severity)draw(SEVERITY_COUNT);
        *review = (struct review){.is_open = true};
        struct str first = sla_start(sla, severity, world.wall_ms, sla_due(&sla->rules[severity], world.wall_ms), &review->state);
        review->next_ms = sla_next(sla, &review->state);
        if (first.ptr)
                judge_telling(review, first);
        snapshot_unpin(snapshot);
}

/* Between two passes, as transactions are. */
static void people_act(void)
{
        if (!world.count)
                return;
        struct review *review = &world.reviews[draw(world.count)];
        if (draw(3) == 0) {
                review->is_open = false;
        } else if (review->is_open) {
                review->is_acknowledged = true;
                review->state.acknowledge_by_ms = 0;
        }
}

static void something_happens(void)
{
        if (world.count < REVIEWS && draw(20) == 0)
                arrive();
        if (draw(50) == 0)
                people_act();
        if (draw(20000) == 0) {
                start_clock();
                world.restarts++;
        }
        if (world.monotonic_ms / JUMP_EVERY_MS > (int64_t)world.jumps) {
                world.wall_ms += draw(2) ? HOUR_MS : -HOUR_MS;
                world.jumps++;
        }
        if (draw(20000) == 0)
                world.ill_until_ms = world.monotonic_ms + (int64_t)draw(PATIENCE_MS / 2);
}

static void watch_due_times(void)
{
        for (size_t i = 0; i < world.count; i++) {
                struct review *review = &world.reviews[i];
                if (!review->is_open)
                        continue;
                assert_true(review->breaches <= 1 && review->reminders <= 2);
                if (review->state.due_ms > world.wall_ms)
                        review->due_for_ms = 0;
                else
                        review->due_for_ms += MINUTE_MS;
                if (review->due_for_ms > PATIENCE_MS + MINUTE_MS)
                        assert_int_equal(review->breaches, 1);
                /* Nobody who has to be told is forgotten. */
                if (chains[review->state.severity][0] && !review->is_acknowledged)
                        assert_true(world.monotonic_ms - review->told_at_ms <= 2 * review->wait_ms + PATIENCE_MS);
        }
}

static char directory[] = "/tmp/test_sla.XXXXXX";

static const char connectors_text[] =
        "connectors:\n"
        "  pager: {kind: http, url: \"http://127.0.0.1:9\", body: '{\"all\": \"{payload}\"}'}\n"
        "  mail: {kind: http, url: \"http://127.0.0.1:9\", body: '{\"all\": \"{payload}\"}'}\n"
        "  boss: {kind: http, url: \"http://127.0.0.1:9\", body: '{\"all\": \"{payload}\"}'}\n"
        "  siem: {kind: http, url: \"http://127.0.0.1:9\", body: '{\"all\": \"{payload}\"}'}\n"
        "events: {review.breached: [siem, mail]}\nsystems: {}\n";

static const char policy_text[] = "reminders: [50, 80]\n"
                                  "calendars: {}\n"
                                  "severities:\n"
                                  "  urgent: {notify: [pager, mail, boss], acknowledge_minutes: 5}\n"
                                  "  high: {notify: [mail, boss], acknowledge_minutes: 30}\n"
                                  "  standard: {notify: [], acknowledge_minutes: 30}\n"
                                  "  none: {notify: [], acknowledge_minutes: 30}\n";

static void write_policy_file(enum policy_file which, struct str text)
{
        char path[128];
        snprintf(path, sizeof path, "%s/%s", directory, policy_file_name(which));
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
        assert_int_equal(fclose(file), 0);
}

static int set_up(void **state)
{
        (void)state;
        static const struct clock_ops clock_ops = {monotonic_us, wall_ms};
        static const struct store_sla_ops store_ops = {count_all, run_pass};
        struct policy *policy;
        assert_non_null(mkdtemp(directory));
        for (enum policy_file i = 0; i < POLICY_FILE_COUNT; i++)
                write_policy_file(i, i == POLICY_SLA          ? str_from(policy_text)
                                     : i == POLICY_CONNECTORS ? str_from(connectors_text)
                                                              : policy_builtin(i));
        assert_ok(policy_load(directory, &policy, NULL));
        world.snapshots = snapshot_holder_new(policy, NULL, NULL);
        world.clock.ops = &clock_ops;
        world.store.ops = &store_ops;
        world.wall_ms = INT64_C(1795341600000);
        world.random = 88172645463325252U;
        start_clock();
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        char path[128];
        for (enum policy_file i = 0; i < POLICY_FILE_COUNT; i++) {
                snprintf(path, sizeof path, "%s/%s", directory, policy_file_name(i));
                unlink(path);
        }
        snapshot_holder_free(world.snapshots);
        return rmdir(directory);
}

static void every_review_is_told_of_exactly_as_it_should_be(void **state)
{
        (void)state;
        int64_t watched_ms = 0;
        size_t breaches = 0, told_often = 0;
        while (world.monotonic_ms < LENGTH_MS) {
                something_happens();
                int64_t rest_ms = sla_clock_look(&world.job);
                assert_true(rest_ms >= 1 && rest_ms <= 1000);
                world.monotonic_ms += rest_ms;
                world.wall_ms += rest_ms;
                if (world.monotonic_ms >= watched_ms + MINUTE_MS) {
                        watched_ms = world.monotonic_ms;
                        watch_due_times();
                }
        }
        for (size_t i = 0; i < world.count; i++) {
                /* Both want every breach; one of them may be the last who was told, too. */
                assert_int_equal(world.reviews[i].heard_by_siem, world.reviews[i].breaches);
                assert_int_equal(world.reviews[i].heard_by_mail, world.reviews[i].breaches);
                breaches += world.reviews[i].breaches;
                told_often += world.reviews[i].told > 3;
        }
        printf("# %zu reviews, %zu breaches, %zu told over three times, %zu failures, %zu restarts, %zu jumps\n", world.count,
               breaches, told_often, world.failures, world.restarts, world.jumps);
        assert_true(world.count == REVIEWS && breaches > REVIEWS / 10 && told_often > REVIEWS / 20);
        assert_true(world.failures > 10 && world.restarts > 2 && world.jumps > 10);
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(every_review_is_told_of_exactly_as_it_should_be)};
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
