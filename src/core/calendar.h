/* SPDX-License-Identifier: Apache-2.0 */
/* When a team works: hours of each weekday and holidays, in a time zone. Pure; immutable once filled.
 *
 * A span of hours is of local time: on a day on which the clock is changed it lasts as long as it really does.
 */
#ifndef CORE_CALENDAR_H
#define CORE_CALENDAR_H

#include "core/zone.h"

enum { CALENDAR_MAX_SPANS = 4, CALENDAR_MAX_HOLIDAYS = 512, CALENDAR_MAX_DAYS = 3660 };

/* Minutes of a local day. */
struct calendar_span {
        unsigned from;
        unsigned to; /* up to 1440, over `from` */
};

struct calendar_day {
        struct calendar_span spans[CALENDAR_MAX_SPANS]; /* ascending, apart */
        size_t count;
};

struct calendar_date {
        uint32_t year; /* 0: every year */
        uint32_t month;
        uint32_t day;
};

struct calendar {
        struct str name;
        struct zone zone;
        struct calendar_day week[7]; /* from Monday */
        const struct calendar_date *holidays;
        size_t holiday_count;
};

/* The moment at which `open_ms` of working time have passed since `from_ms` (wall clock). Without a calendar
 * (NULL) the clock never rests. A calendar that is closed for CALENDAR_MAX_DAYS gives way to round the clock: a
 * matter that is never due would be forgotten. */
int64_t calendar_due(const struct calendar *calendar, int64_t from_ms, int64_t open_ms);

/* "2026-12-24" or "12-24". */
bool calendar_date_from(struct str text, struct calendar_date *ret_date);

/* "09:00-12:30", up to "24:00"; nothing over midnight. */
bool calendar_span_from(struct str text, struct calendar_span *ret_span);

#endif
