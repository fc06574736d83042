/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "text/entities.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(entities_are_found_where_the_words_say_so),
                cmocka_unit_test(a_full_arena_is_an_error_and_not_a_missing_order),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
