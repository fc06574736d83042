/* SPDX-License-Identifier: Apache-2.0 */
#include "core/calendar.h"

#include "base/time_text.h"

#include <stdio.h>
#include <string.h>

enum { DAY_S = 86400, DAY_MS = DAY_S * 1000, THURSDAY = 3 };

static bool is_holiday(const struct calendar *calendar, uint32_t days)
{
        uint32_t year, month, day;
        time_civil_from_days(days, &year, &month, &day);
        for (size_t i = 0; i < calendar->holiday_count; i++) {
                const struct calendar_date *holiday = &calendar->holidays[i];
                if (holiday->day == day && holiday->month == month && (!holiday->year || holiday->year == year))
                        return true;
        }
        return false;
}

/* Takes what the span offers from *left_ms; true when that is all, with the moment. */
static bool spend(const struct calendar *calendar, int64_t midnight_s, const struct calendar_span *span, int64_t from_ms,
                  int64_t *left_ms, int64_t *ret_due_ms)
{
        int64_t opens_ms = 1000 * zone_to_utc(&calendar->zone, midnight_s + (int64_t)span->from * 60, false);
        int64_t closes_ms = 1000 * zone_to_utc(&calendar->zone, midnight_s + (int64_t)span->to * 60, true);
        if (opens_ms < from_ms)
                opens_ms = from_ms;
        if (closes_ms - opens_ms >= *left_ms) {
                *ret_due_ms = opens_ms + *left_ms;
                return true;
        }
        if (closes_ms > opens_ms)
                *left_ms -= closes_ms - opens_ms;
        return false;
}

int64_t calendar_due(const struct calendar *calendar, int64_t from_ms, int64_t open_ms)
{
        int64_t left_ms = open_ms, due_ms;
        if (!calendar || from_ms < 0)
                return from_ms + open_ms;
        int64_t local_s = from_ms / 1000 + zone_offset(&calendar->zone, from_ms / 1000);
        uint32_t today = local_s > 0 ? (uint32_t)(local_s / DAY_S) : 0;
        for (uint32_t days = today; days < today + CALENDAR_MAX_DAYS; days++) {
                const struct calendar_day *day = &calendar->week[(days + THURSDAY) % 7];
                if (day->count == 0 || is_holiday(calendar, days))
                        continue;
                for (size_t i = 0; i < day->count; i++)
                        if (spend(calendar, (int64_t)days * DAY_S, &day->spans[i], from_ms, &left_ms, &due_ms))
                                return due_ms;
        }
        return from_ms + open_ms;
}

/* The time that the text becomes between these two, by the one reader of times that there is. */
static bool read_within(const char *before, struct str text, const char *after, int64_t *ret_ms)
{
        char whole[TIME_TEXT_BYTES];
        int len = snprintf(whole, sizeof whole, "%s%.*s%s", before, STR_ARGS(text), after);
        return len > 0 && (size_t)len < sizeof whole && time_from_text((struct str){whole, (size_t)len}, ret_ms);
}

bool calendar_date_from(struct str text, struct calendar_date *ret_date)
{
        int64_t ms;
        /* 29 February is a day of each year that has one. */
        bool is_yearly = read_within("2000-", text, "T00:00:00Z", &ms);
        if (!is_yearly && !read_within("", text, "T00:00:00Z", &ms))
                return false;
        time_civil_from_days((uint32_t)(ms / DAY_MS), &ret_date->year, &ret_date->month, &ret_date->day);
        if (is_yearly)
                ret_date->year = 0;
        return true;
}

static bool read_minute(struct str text, unsigned *ret_minute)
{
        int64_t ms = DAY_MS;
        if (!str_equal(text, STR("24:00")) && !read_within("1970-01-01T", text, ":00Z", &ms))
                return false;
        *ret_minute = (unsigned)(ms / 60000);
        return true;
}

bool calendar_span_from(struct str text, struct calendar_span *ret_span)
{
        struct calendar_span span;
        if (text.len != strlen("09:00-12:30") || text.ptr[5] != '-' ||
            !read_minute((struct str){text.ptr, 5}, &span.from) || !read_minute((struct str){text.ptr + 6, 5}, &span.to))
                return false;
        if (span.from >= span.to)
                return false;
        *ret_span = span;
        return true;
}
