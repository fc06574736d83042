/* SPDX-License-Identifier: Apache-2.0 */
/* A time zone: how far local time is ahead of UTC at a moment, from the bytes of a compiled zone file.
 *
 * The format is RFC 8536 (TZif), version 2 or later: the moments at which the offset changed, as the file lists
 * them, and behind the last of them the rule of the footer ("CET-1CEST,M3.5.0,M10.5.0/3", the form of POSIX's TZ
 * with the extension of RFC 8536 that times may be from -167 to 167 hours). The C library converts for one zone
 * only, the process's own, which no server with threads may change; hence this.
 *
 * Pure; immutable once read. Seconds since 1970 without leap seconds.
 */
#ifndef CORE_ZONE_H
#define CORE_ZONE_H

#include "base/arena.h"
#include "base/str.h"

enum { ZONE_FILE_MAX_BYTES = 64 * 1024, ZONE_MAX_CHANGES = 2000 };

/* A day of each year on which the offset changes. */
struct zone_day {
        char kind;              /* 'M': week and weekday of a month, 'J': day without 29 February, 'D': with */
        unsigned month, week;   /* of 'M'; the fifth week is the last */
        unsigned day;           /* 0 (Sunday) to 6; 1 to 365; 0 to 365 */
        int64_t at_s;           /* local time of that day, as it is before the change */
};

struct zone_rule {
        int64_t standard_s; /* ahead of UTC */
        int64_t summer_s;
        bool has_summer;
        struct zone_day starts, ends; /* of summer time */
};

struct zone {
        const int64_t *changes_at; /* ascending */
        const int32_t *offsets;    /* from that change on */
        size_t change_count;
        int32_t first_offset; /* before the first change */
        bool has_rule;
        struct zone_rule rule; /* from the last change on */
};

/* Keeps what it needs in the arena. False for bytes that are no zone, or when the arena is full. */
bool zone_from_file(struct arena *arena, struct str bytes, struct zone *ret_zone);

/* A zone of one rule, as the footer writes it. */
bool zone_from_rule(struct str text, struct zone *ret_zone);

/* Seconds that local time is ahead of UTC; for times from 1970 on. */
int64_t zone_offset(const struct zone *zone, int64_t utc_s);

/* Local time as a moment. An hour that the clock skips lies behind the change; of one that comes twice the
 * first is meant, or the second (is_last). */
int64_t zone_to_utc(const struct zone *zone, int64_t local_s, bool is_last);

#endif
