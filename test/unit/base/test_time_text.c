/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/time_text.h"

#include <inttypes.h>

static void a_time_is_read_as_it_was_written(void **state)
{
        (void)state;
        /* Steps of a prime number of ms, so that every part takes many values. */
        for (int64_t ms = 0; ms < INT64_C(253402300800000); ms += INT64_C(86399999983)) {
                char text[TIME_TEXT_BYTES];
                int64_t found = -1;
                time_to_text(ms, text);
                if (!time_from_text(str_from(text), &found) || found != ms)
                        fail_msg("%s of %" PRId64 " is read as %" PRId64, text, ms, found);
        }
}

static void known_times_are_read(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                int64_t ms;
        } cases[] = {
                {"1970-01-01T00:00:00Z", 0},
                {"2000-02-29T23:59:59.999Z", INT64_C(951868799999)},
                {"2026-11-22T10:00:00Z", INT64_C(1795341600000)},
                {"2026-11-22T10:00:00.123Z", INT64_C(1795341600123)},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                int64_t ms = -1;
                assert_true(time_from_text(str_from(cases[i].text), &ms));
                assert_int_equal(ms, cases[i].ms);
        }
}

static void other_texts_are_no_times(void **state)
{
        (void)state;
        static const char *const cases[] = {
                NULL, "", "2026", "1795341600000", "2026-11-22", "2026-11-22 10:00:00Z", "2026-11-22T10:00:00",
                "2026-11-22T10:00:00+01:00", "2026-11-22T10:00:00.1Z", "2026-11-22t10:00:00z", "2026-00-01T00:00:00Z",
                "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-00T00:00:00Z",
                "2026-01-99T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
                "1969-12-31T23:59:59Z", "2026-11-22T10:00:0xZ", "-026-11-22T10:00:00Z",
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                int64_t ms = 77;
                if (time_from_text(str_from(cases[i]), &ms) || ms != 77)
                        fail_msg("%s", cases[i]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_time_is_read_as_it_was_written),
                cmocka_unit_test(known_times_are_read),
                cmocka_unit_test(other_texts_are_no_times),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
