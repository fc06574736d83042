/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <string.h>

#include "core/compliance.h"
#include "core/review.h"

static void a_review_goes_only_where_the_table_says(void **state)
{
        (void)state;
        static const enum review_status to[REVIEW_STATUS_COUNT][REVIEW_ACTION_COUNT] = {
                /* claim, release, resolve, reopen; REVIEW_STATUS_COUNT: not possible */
                [REVIEW_PENDING] = {REVIEW_CLAIMED, REVIEW_STATUS_COUNT, REVIEW_RESOLVED, REVIEW_STATUS_COUNT},
                [REVIEW_CLAIMED] = {REVIEW_STATUS_COUNT, REVIEW_PENDING, REVIEW_RESOLVED, REVIEW_STATUS_COUNT},
                [REVIEW_RESOLVED] = {REVIEW_STATUS_COUNT, REVIEW_STATUS_COUNT, REVIEW_STATUS_COUNT, REVIEW_PENDING},
        };
        for (enum review_status from = 0; from < REVIEW_STATUS_COUNT; from++)
                for (enum review_action action = 0; action < REVIEW_ACTION_COUNT; action++) {
                        enum review_status after = REVIEW_STATUS_COUNT;
                        (void)review_after(from, action, &after);
                        assert_int_equal(after, to[from][action]);
                }
}

static void words_are_read_as_they_are_written(void **state)
{
        (void)state;
        for (enum review_outcome i = 0; i < REVIEW_OUTCOME_COUNT; i++) {
                enum review_outcome outcome;
                assert_true(review_outcome_from(str_from(review_outcome_name(i)), &outcome));
                assert_int_equal(outcome, i);
        }
        for (enum review_action i = 0; i < REVIEW_ACTION_COUNT; i++) {
                enum review_action action;
                assert_true(review_action_from(str_from(review_action_name(i)), &action));
                assert_int_equal(action, i);
        }
        assert_null(review_outcome_name(REVIEW_OUTCOME_NONE));
        assert_string_equal(review_compliance_status(REVIEW_CLAIMED), "in_review");
}

static void a_page_ends_with_the_cursor_that_the_filter_reads(void **state)
{
        (void)state;
        struct arena arena;
        struct buf buf;
        struct review_filter filter = {0};
        bool is_known;
        arena_init(&arena, 4096);
        buf_init(&buf, 4096);
        struct json_writer w = {.buf = &buf};
        review_write_page(&w, &arena, &(struct review_page){.has_more = true, .cursor_due_at_ms = 1795348802000, .cursor_row = 43});
        assert_str_equal(buf_str(&buf), "\"reviews\":[],\"next_cursor\":\"1795348802000.43\"");
        assert_null(review_filter_set(&filter, STR("cursor"), STR("1795348802000.43"), &is_known));
        assert_true(filter.has_cursor && filter.cursor_due_at_ms == 1795348802000 && filter.cursor_row == 43);
        buf_deinit(&buf);
        arena_deinit(&arena);
}

static void no_cell_of_csv_is_a_formula_or_ends_early(void **state)
{
        (void)state;
        static const char *const texts[][2] = {
                {"=1+1", "\"'=1+1\""}, {"+49", "\"'+49\""}, {"-1", "\"'-1\""}, {"@x", "\"'@x\""}, {"\tx", "\"'\tx\""},
                {"say \"hi\",\r\nbye", "\"say \"\"hi\"\",\r\nbye\""}, {"plain", "\"plain\""},
        };
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                struct arena arena;
                struct buf buf;
                arena_init(&arena, 4096);
                buf_init(&buf, 4096);
                struct compliance record = {.text.safe = str_from(texts[i][0]),
                                            .severity = SEVERITY_HIGH,
                                            .secondary_intent = INTENT_NONE,
                                            .outcome = REVIEW_OUTCOME_NONE};
                compliance_write_csv(&buf, &arena, &record);
                assert_non_null(memmem(buf_str(&buf).ptr, buf_str(&buf).len, texts[i][1], strlen(texts[i][1])));
                assert_memory_equal(buf_str(&buf).ptr + buf_str(&buf).len - 2, "\r\n", 2);
                buf_deinit(&buf);
                arena_deinit(&arena);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_review_goes_only_where_the_table_says),
                cmocka_unit_test(words_are_read_as_they_are_written),
                cmocka_unit_test(a_page_ends_with_the_cursor_that_the_filter_reads),
                cmocka_unit_test(no_cell_of_csv_is_a_formula_or_ends_early),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
