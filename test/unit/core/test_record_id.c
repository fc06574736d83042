/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "core/record_id.h"

static void an_id_is_read_as_it_was_written(void **state)
{
        (void)state;
        static const struct record_id cases[] = {{1, 0}, {1, UINT64_MAX}, {UINT64_MAX, 7}, {4711, 0x123456789abcdef}};
        struct arena arena;
        arena_init(&arena, 4096);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct record_id found;
                struct str text = record_id_text(&arena, "tkt_", cases[i]);
                assert_true(record_id_from(text, STR("tkt_"), &found));
                assert_true(found.row == cases[i].row && found.check == cases[i].check);
                assert_false(record_id_from(text, STR("msg_"), &found));
        }
        arena_deinit(&arena);
}

static void other_texts_are_no_ids(void **state)
{
        (void)state;
        static const char *const cases[] = {NULL, "", "tkt", "tkt_", "tkt_1", "00000000000000000000000001",
                                            "tkt_0000000000000000000000000u", "tkt_000000000000000000000000010"};
        struct record_id found;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                assert_false(record_id_from(str_from(cases[i]), STR("tkt_"), &found));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_id_is_read_as_it_was_written),
                cmocka_unit_test(other_texts_are_no_ids),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
