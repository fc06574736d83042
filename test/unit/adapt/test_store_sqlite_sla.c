/* SPDX-License-Identifier: Apache-2.0 */
/* The SLA clock's rows in the real store. */
#include "store_fixture.h"

#include "port/store_review.h"

#include <pthread.h>

enum { DUE_MS = 100000 };

/* A safety record that is due at DUE_MS and whose chain begins with "pager". */
static struct sample *reviewed(size_t i, int64_t look_at_ms)
{
        struct sample *sample = sample_of_safety(i, SEVERITY_URGENT, DUE_MS);
        sample->outcome.review.clock = (struct sla_state){
                .severity = SEVERITY_URGENT, .received_ms = 1000, .due_ms = DUE_MS, .told = 1, .acknowledge_by_ms = 5000};
        sample->outcome.review.look_at_ms = look_at_ms;
        sample->outcome.notices[0] = (struct outcome_notice){.notice = NOTICE_REVIEW_CREATED, .connector = STR("pager")};
        sample->outcome.notice_count = 1;
        return sample;
}

static void execute(const char *sql)
{
        char path[96];
        sqlite3 *db;
        struct err_note note = {.text = ""};
        snprintf(path, sizeof path, "%s/triaged.db", fixture.directory);
        assert_ok(sqlite_db_open(path, &(struct sqlite_options){.cache_kib = 64, .busy_timeout_ms = 1000}, &db, NULL));
        if (sqlite_db_exec(db, sql, &note) != ERR_OK)
                fail_msg("%s: %s", sql, note.text);
        sqlite3_close(db);
}

static struct store_sla_counts counts(void)
{
        struct store_sla_counts counts;
        struct store_sla *store = store_sqlite_sla(fixture.db);
        struct err_note note;
        assert_ok(store->ops->count(store, &counts, &note));
        return counts;
}

/* Tells "mail" of a breach, and has the clock look never again. */
static void breach(void *arg, struct store_sla_row *row, struct store_sla_decision *ret_decision)
{
        (*(size_t *)arg)++;
        assert_int_equal(row->category, CATEGORY_SAFETY_COMPLIANCE);
        assert_str_equal(row->intent, "product_safety");
        assert_str_equal(row->reason, "safety");
        assert_int_equal(row->state.severity, SEVERITY_URGENT);
        assert_true(row->state.received_ms == 1000 && row->state.due_ms == DUE_MS && row->state.told == 1);
        row->state.is_breached = true;
        row->state.reminders = 2;
        row->state.told = 2;
        row->state.acknowledge_by_ms = 7000;
        *ret_decision = (struct store_sla_decision){.next_ms = INT64_MAX, .entries = {{NOTICE_REVIEW_BREACHED, STR("mail")}}, .count = 1,
                                                       .notices = {NOTICE_REVIEW_BREACHED}, .notice_count = 1};
}

static enum err pass(int64_t now_ms, size_t *ret_decided, size_t *ret_count)
{
        struct store_sla *store = store_sqlite_sla(fixture.db);
        struct err_note note = {.text = ""};
        *ret_decided = 0;
        struct store_sla_pass pass = {.now_ms = now_ms, .decide = breach, .arg = ret_decided};
        enum err err = store->ops->pass(store, &pass, &note);
        *ret_count = pass.count;
        return err;
}

static void a_review_and_its_first_notice_are_one_transaction(void **state)
{
        (void)state;
        assert_ok(commit_one(reviewed(0, 3000)));
        assert_int_equal(number("SELECT count(*) FROM sla WHERE severity = 'urgent' AND received_at = 1000 AND due_at = 100000"
                                " AND next_at = 3000 AND told = 1 AND acknowledge_by = 5000"), 1);
        assert_int_equal(number("SELECT count(*) FROM outbox WHERE connector = 'pager' AND event = 'review.created'"), 1);
        assert_ok(commit_one(sample_init(1)));
        assert_int_equal(number("SELECT count(*) FROM sla"), 1);
        execute("CREATE TRIGGER broken BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'broken'); END");
        assert_int_not_equal(commit_one(reviewed(2, 3000)), ERR_OK);
        assert_int_equal(number("SELECT count(*) FROM sla"), 1);
        assert_int_equal(number("SELECT count(*) FROM compliance"), 1);
        assert_int_equal(counts().open[SEVERITY_URGENT], 1);
}

static void what_is_due_is_decided_once_and_stays_so_after_a_restart(void **state)
{
        (void)state;
        size_t decided, count;
        assert_ok(commit_one(reviewed(0, 3000)));
        assert_ok(pass(2999, &decided, &count));
        assert_int_equal(decided, 0);
        assert_true(counts().next_ms == 3000);
        assert_ok(pass(3000, &decided, &count));
        assert_int_equal(decided, 1);
        assert_int_equal(count, 1);
        fixture_close();
        fixture_open();
        assert_ok(pass(INT64_C(1) << 50, &decided, &count));
        assert_int_equal(decided, 0);
        assert_int_equal(number("SELECT count(*) FROM sla WHERE is_breached = 1 AND reminders = 2 AND told = 2"
                                " AND acknowledge_by = 7000"), 1);
        assert_int_equal(number("SELECT count(*) FROM outbox WHERE connector = 'mail' AND event = 'review.breached'"
                                " AND created_at = 3000 AND payload ->> '$.type' = 'review.breached'"
                                " AND payload ->> '$.data.severity' = 'urgent' AND payload ->> '$.data.told' = 2"
                                " AND payload ->> '$.data.due_at' = '1970-01-01T00:01:40.000Z'"
                                " AND payload ->> '$.data.review_reason' = 'safety'"), 1);
        assert_true(counts().next_ms == INT64_MAX);
        assert_int_equal(number("SELECT count(*) FROM audit WHERE entry LIKE '%\"kind\":\"review.notified\",\"actor\":\"server\"%"
                                "\"details\":{\"event\":\"review.breached\",\"connectors\":[\"mail\"]}}%'"), 1);
}

static void a_pass_that_fails_has_not_happened(void **state)
{
        (void)state;
        size_t decided, count;
        assert_ok(commit_one(reviewed(0, 3000)));
        execute("CREATE TRIGGER broken BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'broken'); END");
        assert_int_not_equal(pass(4000, &decided, &count), ERR_OK);
        assert_int_equal(decided, 1);
        assert_int_equal(count, 0);
        assert_int_equal(number("SELECT count(*) FROM sla WHERE is_breached = 0 AND told = 1 AND next_at = 3000"), 1);
        assert_int_equal(counts().overdue[SEVERITY_URGENT], 0);
        execute("DROP TRIGGER broken");
        assert_ok(pass(4000, &decided, &count));
        assert_int_equal(counts().overdue[SEVERITY_URGENT], 1);
}

static void many_are_passed_in_pieces(void **state)
{
        (void)state;
        size_t decided, count, all = 0;
        for (size_t i = 0; i < 2 * STORE_SLA_BATCH + 5; i++)
                start_commit(reviewed(i, 3000 + (int64_t)i));
        wait_for(2 * STORE_SLA_BATCH + 5);
        assert_int_equal(counts().open[SEVERITY_URGENT], 2 * STORE_SLA_BATCH + 5);
        do {
                assert_ok(pass(100000, &decided, &count));
                all += decided;
        } while (count == STORE_SLA_BATCH);
        assert_int_equal(all, 2 * STORE_SLA_BATCH + 5);
        struct store_sla_counts found = counts();
        assert_int_equal(found.overdue[SEVERITY_URGENT], all);
        assert_int_equal(found.open[SEVERITY_URGENT], all);
        assert_true(found.oldest_due_ms == DUE_MS);
}

static void note_row(void *arg, struct store_sla_row *row, struct store_sla_decision *ret_decision)
{
        *(uint64_t *)arg = row->id.row;
        ret_decision->next_ms = 3000;
}

static void those_that_wait_for_somebody_are_gone_through_in_order(void **state)
{
        (void)state;
        uint64_t last = 0;
        struct err_note note;
        for (size_t i = 0; i < STORE_SLA_BATCH + 2; i++)
                assert_ok(commit_one(reviewed(i, 3000)));
        struct sample *sample = reviewed(STORE_SLA_BATCH + 2, 3000);
        sample->outcome.review.clock.acknowledge_by_ms = 0;
        assert_ok(commit_one(sample));
        struct store_sla *store = store_sqlite_sla(fixture.db);
        struct store_sla_pass pass = {.now_ms = 10, .waits_only = true, .decide = note_row, .arg = &last};
        assert_ok(store->ops->pass(store, &pass, &note));
        assert_int_equal(pass.count, STORE_SLA_BATCH);
        assert_ok(store->ops->pass(store, &pass, &note));
        assert_int_equal(pass.count, 2);
        assert_true(last == fixture.samples[STORE_SLA_BATCH + 1].record.id.row && pass.after_row == last);
}

static void change(size_t i, enum review_action action, int64_t now_ms)
{
        struct store_review_change op = {.id = fixture.samples[i].record.id, .now_ms = now_ms, .arena = &fixture.arena};
        op.change = (struct review_change){action, STR("anna"), REVIEW_CONFIRMED, {{0}}};
        if (action != REVIEW_RESOLVE)
                op.change.outcome = REVIEW_OUTCOME_NONE;
        if (store_sqlite_change_review(fixture.db, &op) != ERR_OK)
                fail_msg("%s", op.note.text);
}

static void a_claim_stops_the_escalation_and_a_release_goes_on_with_it(void **state)
{
        (void)state;
        assert_ok(commit_one(reviewed(0, 3000)));
        change(0, REVIEW_CLAIM, 4000);
        assert_int_equal(number("SELECT count(*) FROM sla WHERE acknowledge_by = 0 AND told = 1 AND next_at = 3000"), 1);
        assert_int_equal(counts().open[SEVERITY_URGENT], 1);
        change(0, REVIEW_RELEASE, 4500);
        assert_int_equal(number("SELECT count(*) FROM sla WHERE acknowledge_by = 4500 AND told = 1 AND next_at = 4500"), 1);
}

static void a_resolution_stops_the_clock_and_reopening_starts_it(void **state)
{
        (void)state;
        assert_ok(commit_one(reviewed(0, 3000)));
        change(0, REVIEW_RESOLVE, 4000);
        struct store_sla_counts found = counts();
        assert_int_equal(found.open[SEVERITY_URGENT], 0);
        assert_true(found.next_ms == INT64_MAX && found.oldest_due_ms == INT64_MAX);
        change(0, REVIEW_REOPEN, DUE_MS - 1);
        assert_int_equal(number("SELECT count(*) FROM sla WHERE is_breached = 0 AND told = 0 AND received_at = 1000"
                                " AND due_at = 100000 AND acknowledge_by = 99999 AND next_at = 99999"), 1);
        change(0, REVIEW_RESOLVE, DUE_MS);
        /* Nobody is told of a breach that happened while it was done, but it counts as overdue. */
        change(0, REVIEW_REOPEN, DUE_MS + 1);
        found = counts();
        assert_true(found.open[SEVERITY_URGENT] == 1 && found.overdue[SEVERITY_URGENT] == 1 && found.oldest_due_ms == DUE_MS);
}

/* Due for ever, and tells somebody each time unless somebody looks at it. */
static void tell_again(void *arg, struct store_sla_row *row, struct store_sla_decision *ret_decision)
{
        (void)arg;
        ret_decision->next_ms = 0;
        if (row->state.acknowledge_by_ms == 0)
                return;
        row->state.told++;
        ret_decision->entries[0] = (struct store_sla_entry){NOTICE_REVIEW_ESCALATED, STR("mail")};
        ret_decision->count = 1;
}

static atomic_bool is_over;
static atomic_size_t passes;

static void *escalate(void *arg)
{
        struct store_sla *store = store_sqlite_sla(fixture.db);
        struct err_note note;
        while (!atomic_load(&is_over)) {
                struct store_sla_pass pass = {.now_ms = 1000, .decide = tell_again, .arg = arg};
                assert_ok(store->ops->pass(store, &pass, &note));
                atomic_fetch_add(&passes, 1);
        }
        return NULL;
}

static void nobody_is_told_after_a_claim_was_acknowledged(void **state)
{
        (void)state;
        enum { RACES = 20 };
        int64_t told[RACES];
        char sql[96];
        pthread_t thread;
        for (size_t i = 0; i < RACES; i++)
                assert_ok(commit_one(reviewed(i, 0)));
        assert_int_equal(pthread_create(&thread, NULL, escalate, NULL), 0);
        for (size_t i = 0; i < RACES; i++) {
                change(i, REVIEW_CLAIM, 4000);
                snprintf(sql, sizeof sql, "SELECT count(*) FROM outbox WHERE message_row = %llu",
                         (unsigned long long)fixture.samples[i].record.id.row);
                told[i] = number(sql);
        }
        for (size_t before = atomic_load(&passes); atomic_load(&passes) < before + 3;)
                usleep(1000);
        atomic_store(&is_over, true);
        assert_int_equal(pthread_join(thread, NULL), 0);
        for (size_t i = 0; i < RACES; i++) {
                snprintf(sql, sizeof sql, "SELECT count(*) FROM outbox WHERE message_row = %llu",
                         (unsigned long long)fixture.samples[i].record.id.row);
                assert_int_equal(number(sql), told[i]);
        }
        assert_true(number("SELECT max(told) FROM sla") > 2);
}

static void reviews_of_an_earlier_version_get_their_clock(void **state)
{
        (void)state;
        fixture_make_old(4, OLD_MESSAGE
                         "INSERT INTO review(due_at, message_row, severity, category, key_id, reason, status)"
                         " VALUES(100000, 1, 'high', 'safety_compliance', 0, 'safety', 'pending_review')");
        fixture_open();
        struct store_sla_counts found = counts();
        assert_int_equal(found.open[SEVERITY_HIGH], 1);
        assert_int_equal(found.overdue[SEVERITY_HIGH], 1);
        assert_true(found.next_ms == DUE_MS && found.oldest_due_ms == DUE_MS);
        assert_int_equal(number("SELECT acknowledge_by FROM sla"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_review_and_its_first_notice_are_one_transaction),
                TEST(what_is_due_is_decided_once_and_stays_so_after_a_restart),
                TEST(a_pass_that_fails_has_not_happened),
                TEST(many_are_passed_in_pieces),
                TEST(those_that_wait_for_somebody_are_gone_through_in_order),
                TEST(a_claim_stops_the_escalation_and_a_release_goes_on_with_it),
                TEST(a_resolution_stops_the_clock_and_reopening_starts_it),
                TEST(nobody_is_told_after_a_claim_was_acknowledged),
                TEST(reviews_of_an_earlier_version_get_their_clock),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
