/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "core/ticket.h"

#include <string.h>

static struct arena arena;

static int set_up(void **state)
{
        (void)state;
        arena_init(&arena, 1 << 20);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        arena_deinit(&arena);
        return 0;
}

/* Spelled out once more: a row for each status, a column for each that it may get. */
static void a_ticket_changes_its_status_along_the_table(void **state)
{
        (void)state;
        static const char allowed[TICKET_STATUS_COUNT][TICKET_STATUS_COUNT + 1] = {
                [TICKET_OPEN] = "yyyy",
                [TICKET_PENDING] = "yyyy",
                [TICKET_RESOLVED] = "ynyy",
                [TICKET_CLOSED] = "nnny",
        };
        for (enum ticket_status from = 0; from < TICKET_STATUS_COUNT; from++)
                for (enum ticket_status to = 0; to < TICKET_STATUS_COUNT; to++)
                        if (ticket_may_become(from, to) != (allowed[from][to] == 'y'))
                                fail_msg("%s to %s", ticket_status_name(from), ticket_status_name(to));
}

/* ---- Changes ---- */

static const char *set(struct ticket_change *change, const char *name, const char *value)
{
        return ticket_change_set(change, str_from(name), str_from(value));
}

static void a_change_holds_what_was_set(void **state)
{
        (void)state;
        struct ticket_change change = {0};
        assert_null(set(&change, "status", "pending"));
        assert_null(set(&change, "assignee", NULL));
        assert_null(ticket_change_comment(&change, SAFE_LITERAL(" called back \n")));
        for (enum ticket_field field = 0; field < TICKET_FIELD_COUNT; field++)
                assert_int_equal(ticket_changes(&change, field), field == TICKET_FIELD_STATUS ||
                                 field == TICKET_FIELD_ASSIGNEE || field == TICKET_FIELD_COMMENT);
        assert_str_equal(change.values[TICKET_FIELD_STATUS], "pending");
        assert_null(change.values[TICKET_FIELD_ASSIGNEE].ptr);
        assert_str_equal(change.values[TICKET_FIELD_COMMENT], "called back");
}

static void what_is_wrong_with_a_change_is_told_and_sets_nothing(void **state)
{
        (void)state;
        static const struct {
                const char *name, *value;
        } cases[] = {
                {"status", "new"}, {"status", "Open"}, {"status", ""}, {"status", NULL}, {"priority", "dire"},
                {"priority", NULL}, {"queue", ""}, {"queue", NULL}, {"queue", "two words"}, {"assignee", ""},
                {"assignee", "a@b.example"}, {"comment", "hello"}, {"text", "hello"}, {"version", "1"}, {"", "x"},
                {"queue", "01234567890123456789012345678901234567890123456789012345678901234"},
        };
        struct ticket_change change = {0};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                if (!set(&change, cases[i].name, cases[i].value))
                        fail_msg("%s=%s", cases[i].name, cases[i].value);
        assert_int_equal(change.fields, 0);
}

static void a_comment_has_its_length(void **state)
{
        (void)state;
        char text[2 * TICKET_COMMENT_MAX_POINTS + 2];
        struct ticket_change change = {0};
        for (size_t i = 0; i < sizeof text; i += 2)
                memcpy(text + i, "\xc3\xa4", 2);
        assert_non_null(ticket_change_comment(&change, SAFE_LITERAL(" \n ")));
        assert_non_null(ticket_change_comment(&change, (struct safe_text){{text, sizeof text}}));
        assert_non_null(ticket_change_comment(&change, SAFE_LITERAL("a\0b")));
        assert_int_equal(change.fields, 0);
        assert_null(ticket_change_comment(&change, (struct safe_text){{text, sizeof text - 2}}));
}

/* ---- Lists ---- */

static const char *filter(struct ticket_filter *filter, const char *name, const char *value)
{
        bool is_known = false;
        const char *message = ticket_filter_set(filter, str_from(name), str_from(value), &is_known);
        assert_true(is_known);
        return message;
}

static void a_filter_holds_what_was_set(void **state)
{
        (void)state;
        struct ticket_filter f = {0};
        assert_null(filter(&f, "status", "closed"));
        assert_null(filter(&f, "queue", "Rückfragen, Wien"));
        assert_null(filter(&f, "assignee", ""));
        assert_null(filter(&f, "requester", "c 1"));
        assert_null(filter(&f, "created_after", "1970-01-01T00:00:01Z"));
        assert_null(filter(&f, "created_before", "1970-01-01T00:00:02.500Z"));
        assert_null(filter(&f, "limit", "200"));
        assert_str_equal(f.fields[TICKET_FIELD_STATUS], "closed");
        assert_null(f.fields[TICKET_FIELD_PRIORITY].ptr);
        assert_str_equal(f.fields[TICKET_FIELD_QUEUE], "Rückfragen, Wien");
        assert_true(f.fields[TICKET_FIELD_ASSIGNEE].ptr && f.fields[TICKET_FIELD_ASSIGNEE].len == 0);
        assert_str_equal(f.requester, "c 1");
        assert_int_equal(f.created_from_ms, 1000);
        assert_int_equal(f.created_before_ms, 2500);
        assert_int_equal(f.limit, 200);
        assert_int_equal(f.before_row, 0);
}

static void what_is_wrong_with_a_filter_is_told(void **state)
{
        (void)state;
        static const struct {
                const char *name, *value;
        } cases[] = {
                {"status", "any"}, {"status", ""}, {"priority", "1"}, {"queue", ""}, {"requester", ""}, {"limit", "0"},
                {"limit", "201"}, {"limit", "-1"}, {"limit", NULL}, {"cursor", ""}, {"cursor", "1"},
                {"created_after", "yesterday"}, {"created_before", "1795341600000"},
        };
        struct ticket_filter f = {0};
        bool is_known = true;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                if (!filter(&f, cases[i].name, cases[i].value))
                        fail_msg("%s=%s", cases[i].name, cases[i].value);
        assert_null(ticket_filter_set(&f, STR("comment"), STR("x"), &is_known));
        assert_false(is_known);
}

static void a_cursor_leads_back_to_its_row(void **state)
{
        (void)state;
        static const uint64_t rows[] = {1, 2, 4711, UINT64_C(1) << 40, INT64_MAX};
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                uint64_t found = 0;
                assert_true(ticket_cursor_read(ticket_cursor(&arena, rows[i]), &found));
                assert_true(found == rows[i]);
        }
}

static void a_damaged_cursor_is_none(void **state)
{
        (void)state;
        struct str good = ticket_cursor(&arena, 4711);
        uint64_t row = 77;
        char text[64];
        for (size_t i = 0; i < good.len; i++) {
                memcpy(text, good.ptr, good.len);
                text[i] = text[i] == '3' ? '4' : '3';
                if (ticket_cursor_read((struct str){text, good.len}, &row))
                        fail_msg("%.*s", (int)good.len, text);
        }
        assert_false(ticket_cursor_read((struct str){good.ptr, good.len - 1}, &row));
        assert_false(ticket_cursor_read(ticket_cursor(&arena, 0), &row));
        assert_false(ticket_cursor_read(ticket_cursor(&arena, UINT64_C(1) << 63), &row));
        assert_int_equal(row, 77);
}

/* ---- JSON ---- */

static void a_ticket_is_told_with_its_history(void **state)
{
        (void)state;
        struct ticket_event events[] = {
                {2, 1000, STR("anna"), STR("assignee"), {0}, STR("anna")},
                {3, 2000, {0}, STR("comment"), {0}, STR("a \"word\"")},
        };
        const struct ticket ticket = {
                .id = {1, 2},
                .fields = {STR("open"), STR("high"), STR("refunds"), STR("anna")},
                .intent = STR("refund"),
                .channel = STR("chat"),
                .text = SAFE_LITERAL("my money"),
                .updated_at_ms = 2000,
                .version = 3,
        };
        struct buf buf;
        struct json_writer w = {.buf = &buf};
        buf_init(&buf, 4096);
        ticket_write(&w, &arena, &ticket, &(struct ticket_history){events, 2});
        assert_str_equal(buf_str(&buf),
                         "{\"id\":\"tkt_0000000000000g000000000002\",\"message_id\":\"msg_0000000000000g000000000002\","
                         "\"status\":\"open\",\"priority\":\"high\",\"queue\":\"refunds\",\"assignee\":\"anna\","
                         "\"intent\":\"refund\",\"channel\":\"chat\",\"requester\":null,\"external_id\":null,\"text\":\"my money\","
                         "\"created_at\":\"1970-01-01T00:00:00.000Z\",\"updated_at\":\"1970-01-01T00:00:02.000Z\","
                         "\"version\":3,\"history\":["
                         "{\"version\":2,\"at\":\"1970-01-01T00:00:01.000Z\",\"by\":\"anna\",\"field\":\"assignee\","
                         "\"from\":null,\"to\":\"anna\"},"
                         "{\"version\":3,\"at\":\"1970-01-01T00:00:02.000Z\",\"by\":null,\"field\":\"comment\","
                         "\"from\":null,\"to\":\"a \\\"word\\\"\"}]}");
        buf_deinit(&buf);
}

static void only_the_last_page_has_no_cursor(void **state)
{
        (void)state;
        for (uint64_t next_row = 0; next_row < 2; next_row++) {
                struct buf buf;
                struct json_writer w = {.buf = &buf};
                buf_init(&buf, 4096);
                ticket_write_page(&w, &arena, NULL, 0, next_row);
                struct str cursor = ticket_cursor(&arena, 1);
                struct str expected = next_row ? arena_format(&arena, "\"tickets\":[],\"next_cursor\":\"%.*s\"",
                                                              STR_ARGS(cursor))
                                               : STR("\"tickets\":[],\"next_cursor\":null");
                assert_true(str_equal(buf_str(&buf), expected));
                buf_deinit(&buf);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_ticket_changes_its_status_along_the_table),
                cmocka_unit_test(a_change_holds_what_was_set),
                cmocka_unit_test(what_is_wrong_with_a_change_is_told_and_sets_nothing),
                cmocka_unit_test(a_comment_has_its_length),
                cmocka_unit_test(a_filter_holds_what_was_set),
                cmocka_unit_test(what_is_wrong_with_a_filter_is_told),
                cmocka_unit_test(a_cursor_leads_back_to_its_row),
                cmocka_unit_test(a_damaged_cursor_is_none),
                cmocka_unit_test(a_ticket_is_told_with_its_history),
                cmocka_unit_test(only_the_last_page_has_no_cursor),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
