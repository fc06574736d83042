/* SPDX-License-Identifier: Apache-2.0 */
/* What goes when its time has come, what stays, and that nothing is left of what went. */
#include "adapt/store_sqlite_retention.h"
#include "unit/adapt/store_fixture.h"

enum { RECEIVED_MS = 1000, BEFORE_MS = 5000, RECORD_BEFORE_MS = 3000 };

/* Through a connection of its own. */
static void change(const char *sql)
{
        char path[96];
        sqlite3 *db;
        snprintf(path, sizeof path, "%s/triaged.db", fixture.directory);
        assert_ok(sqlite_db_open(path, &(struct sqlite_options){.cache_kib = 64, .busy_timeout_ms = 1000}, &db, NULL));
        assert_ok(sqlite_db_exec(db, sql, NULL));
        sqlite3_close(db);
}

/* A pass to its end; what it purged is the sum. */
static struct store_retention purge(void)
{
        struct store_retention pass = {.now_ms = 9000, .message_before_ms = BEFORE_MS, .record_before_ms = RECORD_BEFORE_MS};
        size_t purged[RETENTION_KINDS] = {0};
        struct err_note note = {.text = ""};
        do {
                if (store_sqlite_purge(fixture.db, &pass, &note))
                        fail_msg("purge: %s", note.text);
                for (size_t i = 0; i < RETENTION_KINDS; i++)
                        purged[i] += pass.purged[i];
        } while (!pass.is_done);
        memcpy(pass.purged, purged, sizeof purged);
        return pass;
}

static void add_messages(size_t count)
{
        for (size_t i = 0; i < count; i++)
                start_commit(sample_init(i));
        wait_for(count);
}

#define TICKET(status, updated_at) \
        "INSERT INTO ticket(id, status, priority, queue, intent, created_at, updated_at)" \
        " VALUES(1, '" status "', 'low', 'q', 'other', 1000, " updated_at ");"
#define RECORD(status, received_at) \
        "INSERT INTO compliance(id, severity, intent, received_at, due_at, status, channel, text_digest, text_points," \
        " is_report_candidate) VALUES(1, 'high', 'fraud', " received_at ", 2000, '" status "', 'chat', x'00', 1, 0);"
#define REVIEW "INSERT INTO review(due_at, message_row, severity, category, key_id, reason, status) VALUES(2000, "
#define REVIEW_END ", 'high', 'other', 0, 'safety', 'open');"
#define RESOLVED(at) \
        "INSERT INTO review_resolved(due_at, message_row, severity, category, key_id, reason, status, version, outcome," \
        " resolved_at) VALUES(2000, 1, 'high', 'other', 0, 'safety', 'resolved', 2, 'confirmed', " at ");" \
        "UPDATE message SET review_due_at = 2000 WHERE id = 1;"

/* Of two messages the first has this about it. */
static const struct {
        const char *sql;
        bool is_kept;
} cases[] = {
        {"", false},
        {"UPDATE message SET received_at = 5000", true},
        {TICKET("open", "NULL"), true},
        {TICKET("pending", "1000"), true},
        {TICKET("resolved", "4999"), false},
        {TICKET("closed", "4999"), false},
        {TICKET("closed", "5000"), true},
        {REVIEW "1" REVIEW_END "UPDATE message SET review_due_at = 2000 WHERE id = 1", true},
        {RESOLVED("4999"), false},
        {RESOLVED("5000"), true},
        {RECORD("resolved", "2999") RESOLVED("4000"), false},
        {RECORD("resolved", "3000") RESOLVED("4000"), true},
        {RECORD("in_progress", "1000"), true},
        {"INSERT INTO outbox(connector, event, message_row, created_at, queued_at, state, attempts, is_unknown, payload)"
         " VALUES('c', 'e', 1, 1000, 1000, 'dead', 1, 0, '{}')", true},
        {REVIEW "2" REVIEW_END "UPDATE message SET review_due_at = 2000 WHERE id = 2;"
         "INSERT INTO review_message VALUES(2, 1)", true},
};

static void a_message_stays_while_something_about_it_is_open_or_young(void **state)
{
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                fixture_set_up(state);
                add_messages(2);
                change(cases[i].sql);
                purge();
                if (number("SELECT count(*) FROM message WHERE id = 1") != cases[i].is_kept)
                        fail_msg("case %zu: %s", i, cases[i].sql);
                fixture_tear_down(state);
        }
}

static const char *const emptied[] = {
        "message", "subject", "ticket", "ticket_event", "compliance", "review_resolved", "review_event", "review_message",
        "feedback", "sla",
};

static void with_a_message_goes_all_that_hangs_on_it_and_the_log_says_so(void **state)
{
        (void)state;
        add_messages(2);
        change(TICKET("closed", "1000") RECORD("resolved", "1000") RESOLVED("1000")
               "INSERT INTO ticket_event VALUES(1, 2, 'comment', 1000, 'k', NULL, 'a comment');"
               "INSERT INTO review_event(message_row, version, at, action, note) VALUES(1, 2, 1000, 'resolve', 'a note');"
               "INSERT INTO review_message VALUES(1, 2);"
               "INSERT INTO feedback VALUES(1, 3, 1000, 1, NULL, NULL, NULL);"
               "INSERT INTO sla VALUES(1, 'high', 1000, 2000, 2000, 0, 0, 0, 0);");
        int64_t entries = number("SELECT count(*) FROM audit");
        struct store_retention pass = purge();
        static const size_t expected[RETENTION_KINDS] = {2, 1, 1, 1, 1, 2};
        assert_memory_equal(pass.purged, expected, sizeof expected);
        assert_int_equal(pass.oldest_ms, 0);
        assert_false(pass.is_log_due);
        for (size_t i = 0; i < sizeof emptied / sizeof *emptied; i++) {
                char sql[64];
                snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", emptied[i]);
                assert_int_equal(number(sql), 0);
        }
        assert_int_equal(number("SELECT count(*) FROM audit"), entries + 1);
        assert_int_equal(number("SELECT count(*) FROM audit WHERE entry LIKE '%\"retention.purged\"%'"
                                " AND entry LIKE '%\"messages\":2,\"tickets\":1,%\"subjects\":2}%'"), 1);
        purge();
        assert_int_equal(number("SELECT count(*) FROM audit"), entries + 1);
}

static void a_subject_stays_while_it_has_a_message(void **state)
{
        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct sample *sample = sample_init(i);
                sample->record.subject = (struct raw_text){STR("customer-1")};
                sample->record.received_at_ms = i == 0 ? RECEIVED_MS : BEFORE_MS;
                assert_ok(commit_one(sample));
        }
        struct store_retention pass = purge();
        assert_int_equal(pass.purged[RETENTION_MESSAGE], 1);
        assert_int_equal(pass.purged[RETENTION_SUBJECT], 0);
        assert_int_equal(pass.oldest_ms, BEFORE_MS);
        change("UPDATE message SET received_at = 1000");
        assert_int_equal(purge().purged[RETENTION_SUBJECT], 1);
        assert_int_equal(number("SELECT count(*) FROM subject"), 0);
}

static void many_go_in_slices_past_those_that_stay(void **state)
{
        (void)state;
        add_messages(COMMITS_MAX);
        change("INSERT INTO ticket(id, status, priority, queue, intent, created_at)"
               " SELECT id, 'open', 'low', 'q', 'other', 1000 FROM message WHERE id <= 150");
        struct store_retention pass = {.now_ms = 9000, .message_before_ms = BEFORE_MS, .record_before_ms = 1};
        assert_ok(store_sqlite_purge(fixture.db, &pass, NULL));
        assert_false(pass.is_done);
        assert_int_equal(pass.purged[RETENTION_MESSAGE], 0);
        assert_ok(store_sqlite_purge(fixture.db, &pass, NULL));
        assert_int_equal(pass.purged[RETENTION_MESSAGE], 50);
        assert_true(pass.is_log_due);
        assert_int_equal(purge().purged[RETENTION_MESSAGE], COMMITS_MAX - 200);
        assert_int_equal(number("SELECT count(*) FROM message"), 150);
}

static void no_row_is_given_twice(void **state)
{
        (void)state;
        add_messages(3);
        purge();
        assert_int_equal(number("SELECT count(*) FROM message"), 0);
        fixture_close();
        fixture_open();
        assert_int_equal(sample_init(0)->record.id.row, 4);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_message_stays_while_something_about_it_is_open_or_young),
                cmocka_unit_test_setup_teardown(with_a_message_goes_all_that_hangs_on_it_and_the_log_says_so, fixture_set_up,
                                                fixture_tear_down),
                cmocka_unit_test_setup_teardown(a_subject_stays_while_it_has_a_message, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(many_go_in_slices_past_those_that_stay, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(no_row_is_given_twice, fixture_set_up, fixture_tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
