/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/json_reader.h"
#include "text/entity_paths.h" /* generated */
#include "text/entities.h"
#include "text/entity_date.h"

#define NONE ""

static const struct {
        const char *text;
        const char *order_id;
        const char *amount;
        const char *product;
} cases[] = {
        {"Please refund ORD-12345, it cost 19.90 EUR", "ORD-12345", "19.90 EUR", NONE},
        {"where is ORDER#12345?", "ORDER#12345", NONE, NONE},
        {"my parcel #123456 is late", "123456", NONE, NONE},
        {"room #12 is cold", NONE, NONE, NONE},
        {"order 1234567890 never came", "1234567890", NONE, NONE},
        {"my order number is 12345678", "12345678", NONE, NONE},
        {"call me on 1234567890 about it", NONE, NONE, NONE},
        {"my order is late, call me on 4155550123", NONE, NONE, NONE},
        {"I ordered on 2026-11-22 and paid $1,299.00", NONE, "1299.00 USD", NONE},
        {"they took \xe2\x82\xac" "20 twice", NONE, "20 EUR", NONE},
        {"they took 1.299,50 euros", NONE, "1299.50 EUR", NONE},
        {"GBP 5 please", NONE, "5 GBP", NONE},
        {"the \"Aqua kettle\" leaks", NONE, NONE, "Aqua kettle"},
        {"product code KT-2004 is broken", NONE, NONE, "KT-2004"},
        {"tracking AB-99887766 says lost", "AB-99887766", NONE, NONE},
        {"I have 2 orders and 3 questions", NONE, NONE, NONE},
        {"", NONE, NONE, NONE},
};

static void entities_are_found_where_the_words_say_so(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct arena arena;
                struct entities found;
                arena_init(&arena, 65536);
                assert_true(entities_find((struct safe_text){str_from(cases[i].text)}, &arena, &found));
                assert_str_equal(found.order_id.safe, cases[i].order_id);
                assert_str_equal(found.amount.safe, cases[i].amount);
                assert_str_equal(found.product.safe, cases[i].product);
                arena_deinit(&arena);
        }
}

static void a_full_arena_is_an_error_and_not_a_missing_order(void **state)
{
        (void)state;
        struct arena arena;
        struct entities found;
        arena_init(&arena, 16);
        assert_false(entities_find(SAFE_LITERAL("refund ORD-12345 now please"), &arena, &found));
        arena_deinit(&arena);
}

static void dates_are_read_as_far_as_they_are_one(void **state)
{
        (void)state;
        static const char *const dates[][2] = {
                {"2026-11-22 at ten", "2026-11-22"}, {"2026-1-2", NONE},      {"29.2.2026", "2026-02-29"},
                {"30.2.2026", NONE},                 {"1/1/2026", "2026-01-01"}, {"13/13/2026", NONE},
                {"2/13/26", "2026-02-13"},           {"1.2.3.4", NONE},       {"1.2.2026.5", NONE},
                {"3rd of May, 2026", "2026-05-03"},  {"may 3", NONE},         {"May 3", "--05-03"},
                {"Sept. 4th 2026", "2026-09-04"},    {"4 Marshall", NONE},    {"marathon 4", NONE},
                {"31 November", NONE},          {"1er juillet", "--07-01"}, {"12345-11-22", NONE},
                {"2026-11-223", NONE},               {"22.11.", "--11-22"},   {"", NONE},
                {"1.1.1800", NONE},                  {"December 24 12 o'clock", "--12-24"},
        };
        for (size_t i = 0; i < sizeof dates / sizeof *dates; i++) {
                struct arena arena;
                struct str date = {0};
                arena_init(&arena, 4096);
                bool is_found = entity_date_read(str_from(dates[i][0]), &arena, &date);
                if (is_found != (dates[i][1][0] != '\0') || (is_found && !str_equal(date, str_from(dates[i][1]))))
                        fail_msg("%s: %.*s", dates[i][0], STR_ARGS(date));
                arena_deinit(&arena);
        }
}

/* ---- Measured on a labelled set ---- */

enum { KINDS = 5 };

static const char *const kinds[KINDS] = {"order_id", "amount", "product", "date", "contact"};

struct score {
        unsigned right, wrong, missed;
};

static void judge(struct json line, struct score scores[KINDS])
{
        struct arena arena;
        struct entities found;
        struct json value;
        struct str text;
        arena_init(&arena, 65536);
        assert_true(json_find(line, STR("text"), &value) && json_to_str(value, &text));
        assert_true(entities_find((struct safe_text){text}, &arena, &found));
        const struct str values[KINDS] = {found.order_id.safe, found.amount.safe, found.product.safe, found.date.safe,
                                          found.contact.safe};
        for (size_t k = 0; k < KINDS; k++) {
                struct str expected = {0};
                if (json_find(line, str_from(kinds[k]), &value))
                        assert_true(json_to_str(value, &expected));
                bool is_right = values[k].ptr && expected.ptr && str_equal(values[k], expected);
                scores[k].right += is_right;
                scores[k].wrong += values[k].ptr && !is_right;
                scores[k].missed += expected.ptr && !is_right;
                if (!is_right && (values[k].ptr || expected.ptr))
                        printf("# %.*s: %s is %.*s\n", STR_ARGS(text), kinds[k], STR_ARGS(values[k]));
        }
        arena_deinit(&arena);
}

static void precision_and_recall_on_the_labelled_set_are_kept(void **state)
{
        (void)state;
        static const struct {
                double precision, recall;
        } bounds[KINDS] = {{1, 0.9}, {0.95, 0.95}, {0.85, 0.95}, {0.95, 0.95}, {1, 1}};
        struct score scores[KINDS] = {0};
        struct json_parser *parser = json_parser_new(65536, 8);
        char line[4096];
        FILE *file = fopen(ENTITIES_FILE, "r");
        assert_non_null(file);
        while (fgets(line, sizeof line, file)) {
                struct json root;
                assert_ok(json_parse(parser, str_from(line), &root, NULL));
                judge(root, scores);
        }
        fclose(file);
        json_parser_free(parser);
        for (size_t k = 0; k < KINDS; k++) {
                double right = scores[k].right;
                double precision = right / (right + scores[k].wrong), recall = right / (right + scores[k].missed);
                printf("# %s: precision %.3f, recall %.3f, of %u\n", kinds[k], precision, recall,
                       scores[k].right + scores[k].missed);
                assert_true(precision >= bounds[k].precision);
                assert_true(recall >= bounds[k].recall);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(entities_are_found_where_the_words_say_so),
                cmocka_unit_test(dates_are_read_as_far_as_they_are_one),
                cmocka_unit_test(precision_and_recall_on_the_labelled_set_are_kept),
                cmocka_unit_test(a_full_arena_is_an_error_and_not_a_missing_order),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
