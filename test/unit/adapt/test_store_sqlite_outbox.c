/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/adapt/store_fixture.h"

#include "adapt/store_sqlite_delivery.h"
#include "adapt/store_sqlite_outbox.h"

static void told(struct sample *sample, enum notice notice, const char *connector)
{
        sample->outcome.notices[sample->outcome.notice_count++] =
                (struct outcome_notice){notice, str_from(connector), notice == NOTICE_REVIEW_CREATED};
}

static void a_message_of_which_nobody_is_told_leaves_no_entry(void **state)
{
        (void)state;
        struct sample *sample = sample_of_safety(0, SEVERITY_URGENT, 5000);
        sample->outcome.ticket = (struct outcome_ticket){.is_open = true, .queue = STR("agents")};
        assert_ok(commit_one(sample));
        assert_int_equal(number("SELECT count(*) FROM outbox"), 0);
}

static void only_the_first_entry_of_a_message_and_connector_is_due(void **state)
{
        (void)state;
        for (size_t i = 0; i < 2; i++) {
                struct sample *sample = sample_of_safety(i, SEVERITY_URGENT, 5000);
                told(sample, NOTICE_COMPLIANCE_CREATED, "pager");
                told(sample, NOTICE_COMPLIANCE_CREATED, "mail");
                told(sample, NOTICE_REVIEW_CREATED, "pager");
                assert_ok(commit_one(sample));
        }
        assert_int_equal(number("SELECT count(*) FROM outbox"), 6);
        assert_int_equal(number("SELECT count(*) FROM outbox WHERE due_at=1000 AND event='compliance.created'"), 4);
        assert_int_equal(number("SELECT count(*) FROM outbox WHERE due_at IS NULL AND connector='pager'"
                                " AND event='review.created'"), 2);
        assert_int_equal(number("SELECT count(DISTINCT check_word) FROM outbox"), 6);
}

static void a_payload_says_what_happened(void **state)
{
        (void)state;
        struct sample *sample = sample_of_safety(0, SEVERITY_URGENT, 5000);
        sample->record.customer_id = SAFE_LITERAL("c-1");
        sample->record.conversation_id = SAFE_LITERAL("t-1");
        told(sample, NOTICE_COMPLIANCE_CREATED, "pager");
        told(sample, NOTICE_REVIEW_CREATED, "mail");
        assert_ok(commit_one(sample));
        static const char *const checks[] = {
                "type' = 'compliance.created' AND connector = 'pager",
                "timestamp' = '1970-01-01T00:00:01.000Z' AND connector = 'pager",
                "data.due_at' = '1970-01-01T00:00:05.000Z' AND connector = 'pager",
                "data.severity' = 'urgent' AND connector = 'pager",
                "data.text' = 'what are your hours' AND connector = 'pager",
                "data.ticket_id' IS NULL AND connector = 'pager",
                "data.customer_id' IS NULL AND connector = 'pager",
                "data.customer_id' = 'c-1' AND connector = 'mail",
                "data.conversation_id' = 't-1' AND connector = 'mail",
        };
        for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
                char sql[256];
                snprintf(sql, sizeof sql, "SELECT count(*) FROM outbox WHERE payload ->> '$.%s'", checks[i]);
                if (number(sql) != 1)
                        fail_msg("%s", sql);
        }
        assert_int_equal(number("SELECT count(*) FROM outbox WHERE payload ->> '$.data.compliance_id' ="
                                " 'cmp_' || substr(payload ->> '$.data.message_id', 5)"), 2);
}

static void a_text_that_does_not_fit_is_left_out(void **state)
{
        (void)state;
        struct sample *sample = sample_init(0);
        char *text = alloc_zeroed(1, OUTBOX_PAYLOAD_MAX);
        memset(text, 'a', OUTBOX_PAYLOAD_MAX);
        sample->record.text.safe = (struct str){text, OUTBOX_PAYLOAD_MAX};
        told(sample, NOTICE_TICKET_CREATED, "tracker");
        assert_ok(commit_one(sample));
        assert_int_equal(number("SELECT count(*) FROM outbox WHERE payload ->> '$.data.text' IS NULL"
                                " AND payload ->> '$.data.intent' = 'faq'"), 1);
        free(text);
}

/* ---- Delivery ---- */

static void commit_told(size_t i)
{
        struct sample *sample = sample_of_safety(i, SEVERITY_URGENT, 5000);
        sample->outcome.ticket = (struct outcome_ticket){.is_open = true, .queue = STR("agents")};
        told(sample, NOTICE_TICKET_CREATED, "tracker");
        told(sample, NOTICE_COMPLIANCE_CREATED, "tracker");
        assert_ok(commit_one(sample));
}

static void take(struct outbox_batch *batch, int64_t now_ms)
{
        struct store_outbox *outbox = store_sqlite_outbox(fixture.db);
        *batch = (struct outbox_batch){.connector = STR("tracker"), .now_ms = now_ms, .arena = &fixture.arena};
        assert_ok(outbox->ops->take(outbox, batch, NULL));
}

static void settle(const struct outbox_item *item, enum outbox_fate fate, const char *external_id)
{
        struct store_outbox *outbox = store_sqlite_outbox(fixture.db);
        struct outbox_result result = {.id = item->id, .fate = fate, .due_at_ms = 9000, .is_unknown = true};
        snprintf(result.external_id, sizeof result.external_id, "%s", external_id);
        err_set(&result.note, ERR_UNAVAILABLE, "nobody listens");
        assert_ok(outbox->ops->settle(outbox, &result, 1, 2000, NULL));
}

static void what_is_delivered_leaves_its_name_and_makes_the_next_one_due(void **state)
{
        (void)state;
        struct outbox_batch batch;
        take(&batch, 1000);
        assert_true(batch.count == 0 && batch.next_due_ms == INT64_MAX);
        commit_told(0);
        take(&batch, 999);
        assert_true(batch.count == 0 && batch.next_due_ms == 1000);
        take(&batch, 1000);
        assert_int_equal(batch.count, 1);
        assert_str_equal(batch.items[0].event, "ticket.created");
        assert_false(batch.items[0].is_unknown);
        settle(&batch.items[0], OUTBOX_DONE, "RT-17");
        settle(&batch.items[0], OUTBOX_DONE, "RT-18"); /* it is gone: nothing happens */
        take(&batch, 2000);
        assert_int_equal(batch.count, 1);
        assert_str_equal(batch.items[0].event, "compliance.created");
        settle(&batch.items[0], OUTBOX_DONE, "C-3");
        assert_int_equal(number("SELECT count(*) FROM outbox"), 0);
        struct store_ticket_query query = {.id = fixture.samples[0].record.id, .viewer.sees_all = true, .arena = &fixture.arena};
        assert_ok(store_sqlite_find_ticket(fixture.db, &query, NULL));
        assert_str_equal(query.ticket.external_id, "RT-17");
        assert_int_equal(number("SELECT count(*) FROM compliance WHERE external_id='C-3'"), 1);
}

static void what_failed_is_due_later_and_knows_why(void **state)
{
        (void)state;
        struct outbox_batch batch;
        commit_told(0);
        take(&batch, 1000);
        settle(&batch.items[0], OUTBOX_AGAIN, "");
        take(&batch, 8999);
        assert_true(batch.count == 0 && batch.next_due_ms == 9000);
        take(&batch, 9000);
        assert_int_equal(batch.count, 1);
        assert_true(batch.items[0].attempts == 1 && batch.items[0].is_unknown);
        assert_int_equal(number("SELECT count(*) FROM outbox WHERE last_error='nobody listens'"), 1);
        assert_int_equal(number("SELECT count(*) FROM outbox WHERE due_at IS NULL"), 1);
}

static void an_entry_from_before_the_start_may_have_been_tried(void **state)
{
        (void)state;
        struct outbox_batch batch;
        commit_told(0);
        fixture_close();
        fixture_open();
        commit_told(1);
        take(&batch, 1000);
        assert_int_equal(batch.count, 2);
        assert_true(batch.items[0].is_unknown && !batch.items[1].is_unknown);
}

static void a_dead_letter_lets_the_next_one_go_and_comes_back_before_it(void **state)
{
        (void)state;
        struct outbox_batch batch;
        size_t count;
        commit_told(0);
        take(&batch, 1000);
        struct record_id first = batch.items[0].id;
        settle(&batch.items[0], OUTBOX_DEAD, "");
        take(&batch, 2000);
        assert_str_equal(batch.items[0].event, "compliance.created");
        assert_ok(store_sqlite_outbox_retry(fixture.db, &first, (struct str){0}, 3000, &count, NULL));
        take(&batch, 3000);
        assert_int_equal(batch.count, 1);
        assert_true(batch.items[0].id.row == first.row && batch.items[0].attempts == 0 && batch.items[0].is_unknown);
        assert_ok(store_sqlite_outbox_drop(fixture.db, first, 4000, NULL));
        take(&batch, 4000);
        assert_str_equal(batch.items[0].event, "compliance.created");
        assert_int_equal(store_sqlite_outbox_drop(fixture.db, first, 4000, NULL), ERR_NOT_FOUND);
        assert_int_equal(number("SELECT count(*) FROM audit WHERE entry LIKE '%outbox.changed%\"count\":1%'"), 2);
        assert_int_equal(store_sqlite_outbox_retry(fixture.db, &first, (struct str){0}, 1, &count, NULL), ERR_NOT_FOUND);
}

static void all_of_a_connector_can_be_given_up_and_tried_again(void **state)
{
        (void)state;
        struct store_outbox *outbox = store_sqlite_outbox(fixture.db);
        struct store_outbox_counts counts[OUTBOX_COUNTS_MAX];
        struct outbox_batch batch;
        size_t count;
        for (size_t i = 0; i < OUTBOX_SLICE; i++)
                commit_told(i);
        assert_ok(outbox->ops->give_up(outbox, STR("tracker"), "410", &count, NULL));
        assert_int_equal(count, 2 * OUTBOX_SLICE);
        assert_ok(store_sqlite_outbox_count(fixture.db, &fixture.arena, counts, &count, NULL));
        assert_true(count == 1 && counts[0].pending == 0 && counts[0].dead == 2 * OUTBOX_SLICE && counts[0].oldest_ms == 0);
        assert_ok(store_sqlite_outbox_retry(fixture.db, NULL, STR("pager"), 7000, &count, NULL));
        assert_int_equal(count, 0);
        assert_ok(store_sqlite_outbox_retry(fixture.db, NULL, STR("tracker"), 7000, &count, NULL));
        assert_int_equal(count, 2 * OUTBOX_SLICE);
        assert_ok(store_sqlite_outbox_count(fixture.db, &fixture.arena, counts, &count, NULL));
        assert_true(counts[0].pending == 2 * OUTBOX_SLICE && counts[0].dead == 0 && counts[0].oldest_ms == 7000);
        assert_int_equal(number("SELECT count(*) FROM outbox WHERE due_at = 7000"), OUTBOX_SLICE);
        take(&batch, 7000);
        assert_int_equal(batch.count, OUTBOX_BATCH);
}

static void what_is_too_old_dies_and_what_is_long_dead_is_purged(void **state)
{
        (void)state;
        commit_told(0);
        struct store_outbox_purge purge = {.pending_before_ms = 1000, .dead_before_ms = 1000, .now_ms = 5000};
        assert_ok(store_sqlite_outbox_purge(fixture.db, &purge, NULL));
        assert_true(purge.died == 0 && purge.deleted == 0);
        purge.pending_before_ms = 1001;
        assert_ok(store_sqlite_outbox_purge(fixture.db, &purge, NULL));
        assert_true(purge.died == 2 && purge.deleted == 0);
        purge.dead_before_ms = 1001;
        assert_ok(store_sqlite_outbox_purge(fixture.db, &purge, NULL));
        assert_true(purge.died == 0 && purge.deleted == 2);
}

static void a_list_goes_by_state_and_connector_from_a_cursor_on(void **state)
{
        (void)state;
        struct store_outbox_row *rows;
        struct outbox_batch batch;
        size_t count;
        commit_told(0);
        commit_told(1);
        take(&batch, 1000);
        settle(&batch.items[0], OUTBOX_DEAD, "");
        struct store_outbox_filter filter = {.connector = STR("tracker"), .limit = 3};
        assert_ok(store_sqlite_outbox_list(fixture.db, &filter, &fixture.arena, &rows, &count, NULL));
        assert_int_equal(count, 3);
        assert_true(rows[0].message.row == fixture.samples[0].record.id.row &&
                    rows[0].message.check == fixture.samples[0].record.id.check);
        filter.after_row = rows[2].id.row;
        assert_ok(store_sqlite_outbox_list(fixture.db, &filter, &fixture.arena, &rows, &count, NULL));
        assert_int_equal(count, 1);
        filter = (struct store_outbox_filter){.state = STR("dead"), .limit = 200};
        assert_ok(store_sqlite_outbox_list(fixture.db, &filter, &fixture.arena, &rows, &count, NULL));
        assert_true(count == 1 && rows[0].attempts == 1 && rows[0].due_at_ms == 0);
        assert_str_equal(rows[0].last_error, "nobody listens");
        filter.connector = STR("pager");
        assert_ok(store_sqlite_outbox_list(fixture.db, &filter, &fixture.arena, &rows, &count, NULL));
        assert_int_equal(count, 0);
}

static _Atomic uint64_t woken;

static void on_outbox(void *arg, uint64_t connectors, bool is_by_hand)
{
        (void)arg;
        assert_false(is_by_hand);
        woken |= connectors;
}

static void who_is_told_is_woken_after_the_commit(void **state)
{
        (void)state;
        fixture_close();
        fixture.config.on_outbox = on_outbox;
        fixture_open();
        assert_ok(commit_one(sample_init(0)));
        assert_true(woken == 0);
        commit_told(1);
        assert_true(woken == store_sqlite_outbox_bit(STR("tracker")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_message_of_which_nobody_is_told_leaves_no_entry),
                TEST(only_the_first_entry_of_a_message_and_connector_is_due),
                TEST(a_payload_says_what_happened),
                TEST(a_text_that_does_not_fit_is_left_out),
                TEST(what_is_delivered_leaves_its_name_and_makes_the_next_one_due),
                TEST(what_failed_is_due_later_and_knows_why),
                TEST(an_entry_from_before_the_start_may_have_been_tried),
                TEST(a_dead_letter_lets_the_next_one_go_and_comes_back_before_it),
                TEST(all_of_a_connector_can_be_given_up_and_tried_again),
                TEST(what_is_too_old_dies_and_what_is_long_dead_is_purged),
                TEST(a_list_goes_by_state_and_connector_from_a_cursor_on),
                TEST(who_is_told_is_woken_after_the_commit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
