/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/time_text.h"
#include "core/calendar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS };

static int64_t at(const char *text)
{
        int64_t ms = -1;
        assert_true(time_from_text(str_from(text), &ms));
        return ms;
}

/* ---- Zones ---- */

static void an_offset_follows_the_rule(void **state)
{
        (void)state;
        static const struct {
                const char *rule, *utc;
                int64_t offset_minutes;
        } cases[] = {
                {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T00:59:59Z", 60},
                {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-03-29T01:00:00Z", 120},
                {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T00:59:59Z", 120},
                {"CET-1CEST,M3.5.0,M10.5.0/3", "2026-10-25T01:00:00Z", 60},
                {"EST5EDT,M3.2.0,M11.1.0", "2026-03-08T06:59:59Z", -300},
                {"EST5EDT,M3.2.0,M11.1.0", "2026-03-08T07:00:00Z", -240},
                {"EST5EDT,M3.2.0,M11.1.0", "2026-11-01T06:00:00Z", -300},
                /* South of the equator, where summer spans the new year. */
                {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-01-01T00:00:00Z", 660},
                {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-04-04T16:00:00Z", 600},
                {"AEST-10AEDT,M10.1.0,M4.1.0/3", "2026-10-03T16:00:00Z", 660},
                {"<+0530>-5:30", "2026-07-01T00:00:00Z", 330},
                {"<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "2026-03-29T01:00:00Z", -120},
                {"IST-1GMT0,M10.5.0,M3.5.0/1", "2026-01-01T00:00:00Z", 0},
                {"XXX0YYY,J60,J300", "2028-03-01T02:00:00Z", 60},
                {"XXX0YYY,J60,J300", "2028-03-01T01:59:59Z", 0},
                {"XXX0YYY,59,300", "2028-02-29T02:00:00Z", 60},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct zone zone;
                assert_true(zone_from_rule(str_from(cases[i].rule), &zone));
                int64_t offset = zone_offset(&zone, at(cases[i].utc) / 1000);
                if (offset != cases[i].offset_minutes * 60)
                        fail_msg("%s at %s is %lld s", cases[i].rule, cases[i].utc, (long long)offset);
        }
}

static void a_broken_rule_is_none(void **state)
{
        (void)state;
        static const char *const cases[] = {"", "CET", "CE-1", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0",
                                            "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J1",
                                            "CET-1CEST,366,1", "CET-27", "CET-1CEST,M3.5.0,M10.5.0/3x", "<+01-1",
                                            "CET-1CEST,M3.5.0/168,M10.5.0", "CET--1"};
        struct zone zone;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                if (zone_from_rule(str_from(cases[i]), &zone))
                        fail_msg("%s", cases[i]);
}

/* The C library converts for the process's own zone; here it is the witness. */
static void compare_with_libc(const char *name, const struct zone *zone)
{
        setenv("TZ", name, 1);
        tzset();
        for (int64_t s = 0; s < INT64_C(4102444800); s += 86400 * 3 + 1799) {
                struct tm local;
                time_t moment = s;
                assert_non_null(localtime_r(&moment, &local));
                if (zone_offset(zone, s) != local.tm_gmtoff)
                        fail_msg("%s at %lld: %lld, not %ld", name, (long long)s, (long long)zone_offset(zone, s), local.tm_gmtoff);
        }
}

static struct str read_zone_file(const char *name, char *bytes, size_t size)
{
        char path[128];
        snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", name);
        FILE *file = fopen(path, "re");
        if (!file)
                fail_msg("%s is missing: install tzdata", path);
        size_t len = fread(bytes, 1, size, file);
        fclose(file);
        return (struct str){bytes, len};
}

static void zone_files_say_what_the_c_library_says(void **state)
{
        (void)state;
        static const char *const names[] = {"UTC", "Europe/Berlin", "America/New_York", "Africa/Casablanca", "Asia/Tehran",
                                            "Australia/Lord_Howe", "Pacific/Apia", "America/Nuuk", "Asia/Kolkata"};
        static char bytes[ZONE_FILE_MAX_BYTES];
        struct arena arena;
        arena_init(&arena, 1 << 20);
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                struct zone zone;
                assert_true(zone_from_file(&arena, read_zone_file(names[i], bytes, sizeof bytes), &zone));
                compare_with_libc(names[i], &zone);
        }
        arena_deinit(&arena);
}

static void cut_and_changed_zone_files_do_no_harm(void **state)
{
        (void)state;
        static char bytes[ZONE_FILE_MAX_BYTES];
        struct str file = read_zone_file("Europe/Berlin", bytes, sizeof bytes);
        for (size_t len = 0; len < file.len; len++) {
                struct arena arena;
                struct zone zone;
                arena_init(&arena, 1 << 20);
                char *part = malloc(len + 1); /* so that a sanitizer sees a read behind it */
                memcpy(part, file.ptr, len);
                assert_false(zone_from_file(&arena, (struct str){part, len}, &zone));
                free(part);
                arena_deinit(&arena);
        }
        for (size_t i = 0; i < 400 && i < file.len; i++) {
                struct arena arena;
                struct zone zone;
                arena_init(&arena, 1 << 20);
                bytes[i] = (char)~bytes[i];
                if (zone_from_file(&arena, file, &zone))
                        (void)zone_offset(&zone, 1800000000);
                bytes[i] = (char)~bytes[i];
                arena_deinit(&arena);
        }
}

/* ---- Calendars ---- */

/* Nine to five from Monday to Friday, in Berlin. */
static struct calendar office(void)
{
        struct calendar calendar = {.name = STR("office")};
        assert_true(zone_from_rule(STR("CET-1CEST,M3.5.0,M10.5.0/3"), &calendar.zone));
        for (size_t i = 0; i < 5; i++)
                calendar.week[i] = (struct calendar_day){.spans = {{9 * 60, 17 * 60}}, .count = 1};
        return calendar;
}

static void check_due(const struct calendar *calendar, const char *from, int64_t open_ms, const char *due)
{
        char found[TIME_TEXT_BYTES], wanted[TIME_TEXT_BYTES];
        time_to_text(calendar_due(calendar, at(from), open_ms), found);
        time_to_text(at(due), wanted);
        if (strcmp(found, wanted) != 0)
                fail_msg("from %s: %s, not %s", from, found, wanted);
}

static void time_runs_while_the_calendar_is_open(void **state)
{
        (void)state;
        struct calendar calendar = office();
        check_due(NULL, "2026-06-05T23:00:00Z", 24 * HOUR_MS, "2026-06-06T23:00:00Z");
        /* Within a day; to the end of one, not the beginning of the next; over night. Berlin is at +2. */
        check_due(&calendar, "2026-06-03T07:30:00Z", 2 * HOUR_MS, "2026-06-03T09:30:00Z");
        check_due(&calendar, "2026-06-03T13:00:00Z", 2 * HOUR_MS, "2026-06-03T15:00:00Z");
        check_due(&calendar, "2026-06-03T14:00:00Z", 2 * HOUR_MS, "2026-06-04T08:00:00Z");
        /* Received before and after the hours. */
        check_due(&calendar, "2026-06-03T01:00:00Z", HOUR_MS, "2026-06-03T08:00:00Z");
        check_due(&calendar, "2026-06-03T20:00:00.250Z", HOUR_MS, "2026-06-04T08:00:00Z");
        /* Friday evening to Monday. */
        check_due(&calendar, "2026-06-05T15:00:00.001Z", 1, "2026-06-08T07:00:00.001Z");
        /* It is Tuesday in Berlin already. */
        check_due(&calendar, "2026-06-01T22:30:00Z", HOUR_MS, "2026-06-02T08:00:00Z");
        check_due(&calendar, "2026-06-03T07:30:00Z", 0, "2026-06-03T07:30:00Z");
}

static void a_day_of_working_time_over_a_long_weekend(void **state)
{
        (void)state;
        struct calendar calendar = office();
        static const struct calendar_date easter[] = {{2026, 4, 3}, {2026, 4, 6}, {0, 5, 1}};
        calendar.holidays = easter;
        calendar.holiday_count = 3;
        /* 24 h from Thursday 14:00: 3 h, Friday to Monday off, 8 h, 8 h, 5 h on Thursday. */
        check_due(&calendar, "2026-04-02T12:00:00Z", 24 * HOUR_MS, "2026-04-09T12:00:00Z");
        /* The first of May in any year. */
        check_due(&calendar, "2030-05-01T07:00:00Z", HOUR_MS, "2030-05-02T08:00:00Z");
        check_due(&calendar, "2027-04-05T07:00:00Z", HOUR_MS, "2027-04-05T08:00:00Z");
}

static void a_change_of_the_clock_moves_the_hours(void **state)
{
        (void)state;
        struct calendar calendar = office();
        /* Friday 16:00 CET to Monday 10:00 CEST. */
        check_due(&calendar, "2026-03-27T15:00:00Z", 2 * HOUR_MS, "2026-03-30T08:00:00Z");
        check_due(&calendar, "2026-10-23T14:00:00Z", 2 * HOUR_MS, "2026-10-26T09:00:00Z");
        /* Round the clock on Sunday: one has 23 hours, the other 25. */
        calendar.week[6] = (struct calendar_day){.spans = {{0, 1440}}, .count = 1};
        check_due(&calendar, "2026-03-28T23:00:00Z", 23 * HOUR_MS, "2026-03-29T22:00:00Z");
        check_due(&calendar, "2026-10-24T22:00:00Z", 25 * HOUR_MS, "2026-10-25T23:00:00Z");
        /* An hour that comes twice is open twice; one that is skipped is not open. */
        calendar.week[6] = (struct calendar_day){.spans = {{2 * 60, 3 * 60}}, .count = 1};
        check_due(&calendar, "2026-10-25T00:00:00Z", 2 * HOUR_MS, "2026-10-25T02:00:00Z");
        check_due(&calendar, "2026-03-29T00:00:00Z", MINUTE_MS, "2026-03-30T07:01:00Z");
        /* An edge within the skipped hour lies behind the change. */
        calendar.week[6] = (struct calendar_day){.spans = {{2 * 60 + 30, 4 * 60}}, .count = 1};
        check_due(&calendar, "2026-03-29T00:00:00Z", MINUTE_MS, "2026-03-29T01:31:00Z");
}

/* Against a clock that is moved on by minutes. */
static void every_minute_counts_once(void **state)
{
        (void)state;
        struct calendar calendar = office();
        int64_t from = at("2026-10-20T00:00:00Z");
        for (int64_t open = 7; open < 50 * 60; open += 97, from += 5 * HOUR_MS + 13 * MINUTE_MS) {
                int64_t now = from, left = open;
                while (left > 0) {
                        int64_t local = now / 1000 + zone_offset(&calendar.zone, now / 1000);
                        int64_t weekday = (local / 86400 + 3) % 7, hour = local % 86400 / 3600;
                        left -= weekday < 5 && hour >= 9 && hour < 17;
                        now += MINUTE_MS;
                }
                assert_int_equal(calendar_due(&calendar, from, open * MINUTE_MS), now);
        }
}

static void a_calendar_that_never_opens_gives_way(void **state)
{
        (void)state;
        struct calendar calendar = {0};
        assert_true(zone_from_rule(STR("UTC0"), &calendar.zone));
        check_due(&calendar, "2026-06-03T00:00:00Z", HOUR_MS, "2026-06-03T01:00:00Z");
}

static void days_and_hours_are_read_as_people_write_them(void **state)
{
        (void)state;
        struct calendar_date date;
        struct calendar_span span;
        assert_true(calendar_date_from(STR("2026-12-24"), &date));
        assert_true(date.year == 2026 && date.month == 12 && date.day == 24);
        assert_true(calendar_date_from(STR("02-29"), &date));
        assert_true(date.year == 0 && date.month == 2 && date.day == 29);
        static const char *const no_dates[] = {"", "24.12.", "2026-02-29", "13-01", "1-1", "2026-12-24 ", "12-241"};
        for (size_t i = 0; i < sizeof no_dates / sizeof *no_dates; i++)
                assert_false(calendar_date_from(str_from(no_dates[i]), &date));
        assert_true(calendar_span_from(STR("09:00-24:00"), &span));
        assert_true(span.from == 540 && span.to == 1440);
        static const char *const no_spans[] = {"", "9-17", "09:00-09:00", "17:00-09:00", "09:00-24:01", "09:60-10:00",
                                               "09:00 10:00", "09:00-1:000"};
        for (size_t i = 0; i < sizeof no_spans / sizeof *no_spans; i++)
                assert_false(calendar_span_from(str_from(no_spans[i]), &span));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_offset_follows_the_rule),
                cmocka_unit_test(a_broken_rule_is_none),
                cmocka_unit_test(zone_files_say_what_the_c_library_says),
                cmocka_unit_test(cut_and_changed_zone_files_do_no_harm),
                cmocka_unit_test(time_runs_while_the_calendar_is_open),
                cmocka_unit_test(a_day_of_working_time_over_a_long_weekend),
                cmocka_unit_test(a_change_of_the_clock_moves_the_hours),
                cmocka_unit_test(every_minute_counts_once),
                cmocka_unit_test(a_calendar_that_never_opens_gives_way),
                cmocka_unit_test(days_and_hours_are_read_as_people_write_them),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
