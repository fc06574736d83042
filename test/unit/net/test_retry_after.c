/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "net/retry_after.h"

/* 1994-11-06T08:49:37Z, the example of RFC 9110. */
static const int64_t example_ms = 784111777000;

static const char *const wrong_dates[] = {
        "",
        "Sun",
        "Sun, ",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 UTC",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Son, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT",
        "Sun, 06 Nox 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT",
        "Sun, 29 Feb 2023 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 1994 08:49:3a GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06-Nov-94 08:49:37 GMT",
        "Sunday, 00-Jan-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 94",
        "Sun Nov 006 08:49:37 1994",
        "1994-11-06T08:49:37Z",
};

static void the_three_forms_of_a_date_are_read(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                int64_t ms;
        } cases[] = {
                {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777000},
                {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777000},
                {"Sun Nov  6 08:49:37 1994", 784111777000},
                {"Sun Nov 16 08:49:37 1994", 784975777000},
                {"Thu, 01 Jan 1970 00:00:00 GMT", 0},
                {"Thu, 29 Feb 2024 23:59:60 GMT", 1709251200000},
                {"Tue, 24 Nov 2026 20:00:00 GMT", 1795550400000},
                {"Tuesday, 24-Nov-26 20:00:00 GMT", 1795550400000},
                {"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799000},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                int64_t ms = -7;
                if (!http_date_to_ms(str_from(cases[i].text), example_ms + 31LL * 365 * 86400000, &ms))
                        print_error("%s\n", cases[i].text);
                assert_int_equal(ms, cases[i].ms);
        }
}

static void what_is_no_date_is_refused(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof wrong_dates / sizeof *wrong_dates; i++) {
                int64_t ms = -7;
                if (http_date_to_ms(str_from(wrong_dates[i]), example_ms, &ms))
                        fail_msg("%s", wrong_dates[i]);
                assert_int_equal(ms, -7);
        }
}

static void a_wish_is_told_in_ms(void **state)
{
        (void)state;
        static const struct {
                const char *after_ms, *after;
                int64_t expected;
        } cases[] = {
                {NULL, NULL, -1},
                {"250", "9", 250},
                {"250.9", NULL, 250},
                {"soon", "9", 9000},
                {"-1", NULL, -1},
                {"", NULL, -1},
                {NULL, "0", 0},
                {NULL, " 120 ", 120000},
                {NULL, "1.5", 1500},
                {NULL, "0.0004", 0},
                {NULL, "1.23456789", 1234},
                {NULL, "1.", -1},
                {NULL, ".5", -1},
                {NULL, "1.5.5", -1},
                {NULL, "1e3", -1},
                {NULL, "+3", -1},
                {NULL, "0x10", -1},
                {NULL, "86400", 86400000},
                {NULL, "86401", 86400000},
                {NULL, "999999999999999", 86400000},
                {NULL, "99999999999999999999999", -1},
                {NULL, "Sun, 06 Nov 1994 08:49:37 GMT", 0},
                {NULL, "Sun, 06 Nov 1994 08:49:47 GMT", 10000},
                {NULL, "Sun, 06 Nov 1994 08:49:27 GMT", 0},
                {NULL, "Sun, 06 Nov 2094 08:49:27 GMT", 86400000},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                int64_t ms = retry_after_ms(str_from(cases[i].after_ms), str_from(cases[i].after), example_ms);
                if (ms != cases[i].expected)
                        print_error("case %zu\n", i);
                assert_int_equal(ms, cases[i].expected);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_three_forms_of_a_date_are_read),
                cmocka_unit_test(what_is_no_date_is_refused),
                cmocka_unit_test(a_wish_is_told_in_ms),
        };
        return cmocka_run_group_tests_name("net/retry_after", tests, NULL, NULL);
}
