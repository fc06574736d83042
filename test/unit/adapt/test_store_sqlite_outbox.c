/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/adapt/store_fixture.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_message_of_which_nobody_is_told_leaves_no_entry, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(only_the_first_entry_of_a_message_and_connector_is_due, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(a_payload_says_what_happened, fixture_set_up, fixture_tear_down),
                cmocka_unit_test_setup_teardown(a_text_that_does_not_fit_is_left_out, fixture_set_up, fixture_tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
