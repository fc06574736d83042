/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/adapt/store_fixture.h"

static struct sample *sample_of_ticket(size_t i, const char *queue, const char *customer)
{
        struct sample *sample = sample_init(i);
        sample->outcome.verdict.category = CATEGORY_SERVICE_ACTION;
        sample->outcome.verdict.intent = INTENT_REFUND;
        sample->outcome.ticket = (struct outcome_ticket){
                .is_open = true, .queue = str_from(queue), .priority = PRIORITY_MEDIUM};
        sample->record.customer_id.safe = str_from(customer);
        sample->record.received_at_ms = 1000 + (int64_t)i;
        return sample;
}

static void commit_tickets(size_t count)
{
        for (size_t i = 0; i < count; i++)
                start_commit(sample_of_ticket(i, i % 2 ? "orders" : "refunds", i % 3 ? "c-1" : NULL));
        wait_for(count);
}

static void on_found(struct store_ticket_query *query)
{
        (void)query;
        one_is_done();
}

static void find(struct store_ticket_query *query)
{
        query->arena = &fixture.arena;
        query->done = on_found;
        fixture.store->ops->find_ticket(fixture.store, query);
        wait_for(1);
}

static void on_changed(struct store_ticket_change *change)
{
        (void)change;
        one_is_done();
}

static void start_change(struct store_ticket_change *change, size_t i, const char *field, const char *value)
{
        *change = (struct store_ticket_change){.id = fixture.samples[i].record.id,
                                               .if_version = change->if_version,
                                               .by = STR("anna"),
                                               .now_ms = 5000,
                                               .arena = &fixture.arena,
                                               .result = ERR_COUNT,
                                               .done = on_changed};
        if (strcmp(field, "comment") == 0)
                assert_null(ticket_change_comment(&change->change, (struct safe_text){str_from(value)}));
        else
                assert_null(ticket_change_set(&change->change, str_from(field), str_from(value)));
        fixture.store->ops->change_ticket(fixture.store, change);
}

static enum err change(size_t i, int64_t if_version, const char *field, const char *value)
{
        struct store_ticket_change change = {.if_version = if_version};
        start_change(&change, i, field, value);
        wait_for(1);
        return change.result;
}

/* ---- One ticket ---- */

static void a_new_ticket_is_found_by_who_may_see_its_message(void **state)
{
        (void)state;
        struct sample *sample = sample_of_ticket(0, "refunds", "c-1");
        sample->record.key_id = 7;
        assert_ok(commit_one(sample));
        assert_ok(commit_one(sample_init(1)));
        struct record_id id = sample->record.id, wrong = id, without = fixture.samples[1].record.id;
        wrong.check ^= 1;
        const struct {
                struct record_id id;
                struct store_viewer viewer;
                enum err expected;
        } cases[] = {
                {id, {.sees_all = true}, ERR_OK},           {id, {.key_id = 7}, ERR_OK},
                {id, {.key_id = 8}, ERR_NOT_FOUND},         {wrong, {.sees_all = true}, ERR_NOT_FOUND},
                {without, {.sees_all = true}, ERR_NOT_FOUND}, {{99, 1}, {.sees_all = true}, ERR_NOT_FOUND},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct store_ticket_query query = {.id = cases[i].id, .viewer = cases[i].viewer};
                find(&query);
                assert_int_equal(query.result, cases[i].expected);
                if (query.result)
                        continue;
                assert_true(query.ticket.id.row == id.row && query.ticket.id.check == id.check);
                assert_str_equal(query.ticket.fields[TICKET_FIELD_STATUS], "open");
                assert_str_equal(query.ticket.fields[TICKET_FIELD_PRIORITY], "medium");
                assert_str_equal(query.ticket.fields[TICKET_FIELD_QUEUE], "refunds");
                assert_null(query.ticket.fields[TICKET_FIELD_ASSIGNEE].ptr);
                assert_str_equal(query.ticket.intent, "refund");
                assert_str_equal(query.ticket.channel, "chat");
                assert_str_equal(query.ticket.requester.safe, "c-1");
                assert_true(str_equal(query.ticket.text.safe, sample->record.text.safe));
                assert_int_equal(query.ticket.created_at_ms, 1000);
                assert_int_equal(query.ticket.updated_at_ms, 1000);
                assert_int_equal(query.ticket.version, 1);
                assert_int_equal(query.history.count, 0);
        }
}

static void a_change_leaves_a_version_and_an_event_a_field(void **state)
{
        (void)state;
        commit_tickets(1);
        struct store_ticket_change both = {.id = fixture.samples[0].record.id,
                                           .now_ms = 6000,
                                           .arena = &fixture.arena,
                                           .done = on_changed};
        assert_ok(change(0, 1, "status", "pending"));
        assert_null(ticket_change_set(&both.change, STR("priority"), STR("urgent")));
        assert_null(ticket_change_set(&both.change, STR("assignee"), STR("bert")));
        assert_null(ticket_change_set(&both.change, STR("queue"), STR("refunds"))); /* as it was */
        fixture.store->ops->change_ticket(fixture.store, &both);
        wait_for(1);
        assert_ok(both.result);
        assert_int_equal(both.ticket.version, 3);
        assert_ok(change(0, 0, "comment", "called back"));
        fixture_close();
        fixture_open();
        struct store_ticket_query query = {.id = fixture.samples[0].record.id, .viewer.sees_all = true};
        find(&query);
        assert_ok(query.result);
        static const struct ticket_event expected[] = {
                {2, 5000, STR_INIT("anna"), STR_INIT("status"), STR_INIT("open"), STR_INIT("pending")},
                {3, 6000, {0}, STR_INIT("assignee"), {0}, STR_INIT("bert")},
                {3, 6000, {0}, STR_INIT("priority"), STR_INIT("medium"), STR_INIT("urgent")},
                {4, 5000, STR_INIT("anna"), STR_INIT("comment"), {0}, STR_INIT("called back")},
        };
        assert_int_equal(query.ticket.version, 4);
        assert_int_equal(query.ticket.updated_at_ms, 5000);
        assert_str_equal(query.ticket.fields[TICKET_FIELD_ASSIGNEE], "bert");
        assert_int_equal(query.history.count, sizeof expected / sizeof *expected);
        for (size_t i = 0; i < query.history.count; i++) {
                const struct ticket_event *event = &query.history.events[i];
                assert_int_equal(event->version, expected[i].version);
                assert_int_equal(event->at_ms, expected[i].at_ms);
                assert_true(str_equal(event->by, expected[i].by) && str_equal(event->field, expected[i].field));
                assert_true(str_equal(event->old_value, expected[i].old_value));
                assert_true(str_equal(event->new_value, expected[i].new_value));
        }
}

static void what_changes_nothing_leaves_nothing(void **state)
{
        (void)state;
        commit_tickets(1);
        assert_ok(change(0, 1, "status", "open"));
        assert_ok(change(0, 1, "assignee", NULL));
        assert_int_equal(number("SELECT count(*) FROM ticket_event"), 0);
        assert_int_equal(number("SELECT count(*) FROM ticket WHERE version = 1 AND updated_at IS NULL"), 1);
}

static void a_change_of_another_version_or_against_the_table_is_refused(void **state)
{
        (void)state;
        commit_tickets(1);
        assert_int_equal(change(0, 2, "status", "pending"), ERR_STALE);
        assert_ok(change(0, 1, "status", "pending"));
        assert_int_equal(change(0, 1, "status", "resolved"), ERR_STALE);
        assert_ok(change(0, 2, "status", "closed"));
        struct store_ticket_change reopening = {.if_version = 3};
        start_change(&reopening, 0, "status", "open");
        wait_for(1);
        assert_int_equal(reopening.result, ERR_CONFLICT);
        assert_string_equal(reopening.note.text, "a ticket that is closed cannot become open");
        assert_ok(change(0, 3, "comment", "the customer wrote again"));
        fixture.samples[0].record.id.check ^= 1;
        assert_int_equal(change(0, 4, "status", "closed"), ERR_NOT_FOUND);
        assert_int_equal(number("SELECT count(*) FROM ticket_event"), 3);
}

static void of_many_changes_of_one_version_one_wins(void **state)
{
        (void)state;
        enum { WRITERS = 20 };
        static struct store_ticket_change changes[WRITERS];
        static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j",
                                            "k", "l", "m", "n", "o", "p", "q", "r", "s", "t"};
        commit_tickets(1);
        for (size_t i = 0; i < WRITERS; i++) {
                changes[i] = (struct store_ticket_change){.if_version = 1};
                start_change(&changes[i], 0, "assignee", names[i]);
        }
        start_commit(sample_init(1)); /* messages go on meanwhile */
        wait_for(WRITERS + 1);
        size_t won = 0;
        for (size_t i = 0; i < WRITERS; i++) {
                won += changes[i].result == ERR_OK;
                assert_true(changes[i].result == ERR_OK || changes[i].result == ERR_STALE);
        }
        assert_int_equal(won, 1);
        assert_int_equal(number("SELECT version FROM ticket"), 2);
        assert_ok(fixture.samples[1].commit.result);
}

static void too_many_changes_at_a_time_are_shed(void **state)
{
        (void)state;
        static struct store_ticket_change changes[4];
        commit_tickets(1);
        fixture_close();
        fixture.config.lookups_max = 2;
        fixture_open();
        for (size_t i = 0; i < 4; i++)
                start_change(&changes[i], 0, "comment", "one more");
        wait_for(4);
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(changes[i].result, i < 2 ? ERR_OK : ERR_OVERLOADED);
        assert_ok(change(0, 0, "comment", "there is room again"));
}

/* Through a connection of its own. */
static void execute(const char *sql)
{
        sqlite3 *db;
        char path[96];
        snprintf(path, sizeof path, "%s/triaged.db", fixture.directory);
        assert_ok(sqlite_db_open(path, &(struct sqlite_options){.cache_kib = 64, .busy_timeout_ms = 1000}, &db, NULL));
        assert_ok(sqlite_db_exec(db, sql, NULL));
        sqlite3_close(db);
}

static void a_history_has_its_end(void **state)
{
        (void)state;
        commit_tickets(1);
        execute("UPDATE ticket SET version = 499");
        assert_ok(change(0, 499, "comment", "the last word"));
        assert_int_equal(change(0, 500, "comment", "one more"), ERR_CONFLICT);
}

static void tickets_of_an_earlier_version_can_be_changed(void **state)
{
        (void)state;
        fixture_make_old(2, OLD_MESSAGE "INSERT INTO ticket(id, status, priority, queue, intent, created_at)"
                                        " VALUES(1, 'closed', 'high', 'agents', 'fraud', 1000)");
        fixture_open();
        fixture.samples[0].record.id = (struct record_id){1, 77};
        struct store_ticket_query query = {.id = fixture.samples[0].record.id, .viewer.sees_all = true};
        find(&query);
        assert_ok(query.result);
        assert_int_equal(query.ticket.version, 1);
        assert_int_equal(query.ticket.updated_at_ms, 1000);
        assert_ok(change(0, 1, "assignee", "anna"));
}

/* ---- Lists ---- */

static void on_listed(struct store_tickets_query *query)
{
        (void)query;
        one_is_done();
}

static void list(struct store_tickets_query *query)
{
        query->arena = &fixture.arena;
        query->done = on_listed;
        fixture.store->ops->list_tickets(fixture.store, query);
        wait_for(1);
}

static void check_rows(struct ticket_filter filter, const char *expected)
{
        struct store_tickets_query query = {.filter = filter};
        char rows[64] = "";
        size_t len = 0;
        list(&query);
        assert_ok(query.result);
        for (size_t i = 0; i < query.count; i++)
                len += (size_t)snprintf(rows + len, sizeof rows - len, "%d ", (int)query.tickets[i].id.row);
        if (query.next_row)
                snprintf(rows + len, sizeof rows - len, "+%d", (int)query.next_row);
        assert_string_equal(rows, expected);
}

static void tickets_come_newest_first_and_filtered(void **state)
{
        (void)state;
        commit_tickets(6); /* rows 1 to 6, created at 1000 to 1005 */
        assert_ok(change(1, 1, "status", "pending"));
        assert_ok(change(2, 1, "assignee", "anna"));
        assert_ok(change(3, 1, "assignee", "anna"));
        assert_ok(change(3, 2, "status", "closed"));
        assert_ok(change(4, 1, "priority", "urgent"));
        const struct {
                struct ticket_filter filter;
                const char *rows;
        } cases[] = {
                {{.limit = 200}, "6 5 4 3 2 1 "},
                {{.limit = 0}, "6 5 4 3 2 1 "},
                {{.limit = 2}, "6 5 +5"},
                {{.limit = 2, .before_row = 5}, "4 3 +3"},
                {{.limit = 2, .before_row = 3}, "2 1 "},
                {{.fields[TICKET_FIELD_STATUS] = STR("open")}, "6 5 3 1 "},
                {{.fields[TICKET_FIELD_STATUS] = STR("pending")}, "2 "},
                {{.fields[TICKET_FIELD_STATUS] = STR("resolved")}, ""},
                {{.fields[TICKET_FIELD_PRIORITY] = STR("urgent")}, "5 "},
                {{.fields[TICKET_FIELD_QUEUE] = STR("orders")}, "6 4 2 "},
                {{.fields[TICKET_FIELD_ASSIGNEE] = STR("anna")}, "4 3 "},
                {{.fields[TICKET_FIELD_ASSIGNEE] = STR("anna"), .limit = 1}, "4 +4"},
                {{.fields[TICKET_FIELD_ASSIGNEE] = STR("anna"), .before_row = 4}, "3 "},
                {{.fields = {[TICKET_FIELD_ASSIGNEE] = STR("anna"), [TICKET_FIELD_STATUS] = STR("closed")}}, "4 "},
                {{.fields = {[TICKET_FIELD_QUEUE] = STR("orders"), [TICKET_FIELD_STATUS] = STR("closed")}}, "4 "},
                {{.fields = {[TICKET_FIELD_QUEUE] = STR("refunds"), [TICKET_FIELD_STATUS] = STR("closed")}}, ""},
                {{.fields[TICKET_FIELD_ASSIGNEE] = STR("")}, "6 5 2 1 "},
                {{.requester = STR("c-1")}, "6 5 3 2 "},
                {{.requester = STR("c")}, ""},
                {{.created_from_ms = 1003}, "6 5 4 "},
                {{.created_before_ms = 1003}, "3 2 1 "},
                {{.created_from_ms = 1003, .created_before_ms = 1004}, "4 "},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                check_rows(cases[i].filter, cases[i].rows);
        struct store_tickets_query query = {.filter.limit = TICKETS_MAX_LIMIT + 1};
        list(&query);
        assert_int_equal(query.result, ERR_INVALID);
}

/* Many tickets at once, by hand. */
static void make_tickets(int count)
{
        char sql[512];
        snprintf(sql, sizeof sql,
                 "INSERT INTO ticket(id, status, priority, queue, intent, created_at)"
                 " WITH RECURSIVE n(i) AS (VALUES(2) UNION ALL SELECT i + 1 FROM n WHERE i <= %d)"
                 " SELECT i, 'open', 'low', 'q', 'refund', i FROM n", count);
        execute(sql);
}

static void a_page_searches_so_far_and_the_next_goes_on(void **state)
{
        (void)state;
        enum { OTHERS = 50000 };
        commit_tickets(1); /* the oldest is the only one of the queue refunds */
        make_tickets(OTHERS);
        size_t pages = 0, found = 0;
        struct ticket_filter filter = {.fields[TICKET_FIELD_QUEUE] = STR("refunds")};
        do {
                struct store_tickets_query query = {.filter = filter};
                list(&query);
                assert_ok(query.result);
                assert_true(query.next_row == 0 || query.next_row < (filter.before_row ? filter.before_row : OTHERS * 2));
                filter.before_row = query.next_row;
                found += query.count;
                pages++;
        } while (filter.before_row);
        assert_int_equal(found, 1);
        assert_int_equal(pages, 3);
}

static void a_page_that_the_arena_cannot_hold_ends_early(void **state)
{
        (void)state;
        commit_tickets(40);
        size_t pages = 0, found = 0;
        uint64_t before_row = 0;
        do {
                struct arena small;
                arena_init(&small, 10 * 1024);
                struct store_tickets_query query = {
                        .filter = {.limit = 40, .before_row = before_row}, .arena = &small, .done = on_listed};
                fixture.store->ops->list_tickets(fixture.store, &query);
                wait_for(1);
                assert_ok(query.result);
                before_row = query.next_row;
                found += query.count;
                pages++;
                arena_deinit(&small);
        } while (before_row && pages < 50);
        assert_int_equal(found, 40);
        assert_true(pages > 1);
}

/* A message's transaction must not pay for the lists. */
static void no_index_holds_a_new_ticket(void **state)
{
        (void)state;
        commit_tickets(300);
        int64_t before = number("SELECT sum(pageno) FROM dbstat WHERE name LIKE 'ticket_by_%'");
        assert_int_equal(number("SELECT sum(ncell) FROM dbstat WHERE name LIKE 'ticket_by_%'"), 0);
        assert_ok(change(0, 1, "assignee", "anna"));
        assert_int_equal(number("SELECT sum(ncell) FROM dbstat WHERE name LIKE 'ticket_by_%'"), 1);
        assert_true(before > 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
                TEST(a_new_ticket_is_found_by_who_may_see_its_message),
                TEST(a_change_leaves_a_version_and_an_event_a_field),
                TEST(what_changes_nothing_leaves_nothing),
                TEST(a_change_of_another_version_or_against_the_table_is_refused),
                TEST(of_many_changes_of_one_version_one_wins),
                TEST(too_many_changes_at_a_time_are_shed),
                TEST(a_history_has_its_end),
                TEST(tickets_of_an_earlier_version_can_be_changed),
                TEST(tickets_come_newest_first_and_filtered),
                TEST(a_page_searches_so_far_and_the_next_goes_on),
                TEST(a_page_that_the_arena_cannot_hold_ends_early),
                TEST(no_index_holds_a_new_ticket),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
