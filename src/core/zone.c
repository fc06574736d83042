/* SPDX-License-Identifier: Apache-2.0 */
#include "core/zone.h"

#include <string.h>

#include "base/time_text.h"

enum { HEADER_BYTES = 44, TYPE_BYTES = 6, DAY_S = 86400, HOUR_S = 3600, MAX_OFFSET_S = 26 * HOUR_S, THURSDAY = 4 };

/* ---- The rule ---- */

static bool read_number(struct str *text, unsigned max, unsigned *ret_value)
{
        unsigned value = 0;
        size_t len = 0;
        for (; len < text->len && text->ptr[len] >= '0' && text->ptr[len] <= '9' && value <= max; len++)
                value = value * 10 + (unsigned)(text->ptr[len] - '0');
        *text = (struct str){text->ptr + len, text->len - len};
        *ret_value = value;
        return len > 0 && value <= max;
}

static bool read_char(struct str *text, char wanted)
{
        if (text->len == 0 || text->ptr[0] != wanted)
                return false;
        *text = (struct str){text->ptr + 1, text->len - 1};
        return true;
}

/* [+-]hh[:mm[:ss]] */
static bool read_time(struct str *text, int64_t *ret_s)
{
        bool is_negative = read_char(text, '-');
        unsigned hours, minutes = 0, seconds = 0;
        if (!is_negative)
                (void)read_char(text, '+');
        if (!read_number(text, 167, &hours))
                return false;
        if (read_char(text, ':') && !read_number(text, 59, &minutes))
                return false;
        if (read_char(text, ':') && !read_number(text, 59, &seconds))
                return false;
        int64_t s = (int64_t)hours * HOUR_S + minutes * 60 + seconds;
        *ret_s = is_negative ? -s : s;
        return true;
}

/* "CET" or "<+03>". */
static bool skip_name(struct str *text)
{
        bool is_quoted = read_char(text, '<');
        size_t len = 0;
        for (; len < text->len; len++) {
                char c = text->ptr[len];
                bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
                bool is_sign_or_digit = (c >= '0' && c <= '9') || c == '+' || c == '-';
                if (!is_letter && !(is_quoted && is_sign_or_digit))
                        break;
        }
        *text = (struct str){text->ptr + len, text->len - len};
        return len >= 3 && (!is_quoted || read_char(text, '>'));
}

static bool read_day(struct str *text, struct zone_day *day)
{
        *day = (struct zone_day){.kind = 'D', .at_s = 2 * HOUR_S};
        bool is_read;
        if (read_char(text, 'M')) {
                day->kind = 'M';
                is_read = read_number(text, 12, &day->month) && day->month >= 1 && read_char(text, '.') &&
                          read_number(text, 5, &day->week) && day->week >= 1 && read_char(text, '.') &&
                          read_number(text, 6, &day->day);
        } else if (read_char(text, 'J')) {
                day->kind = 'J';
                is_read = read_number(text, 365, &day->day) && day->day >= 1;
        } else {
                is_read = read_number(text, 365, &day->day);
        }
        return is_read && (!read_char(text, '/') || read_time(text, &day->at_s));
}

/* POSIX counts west of Greenwich. */
static bool read_offset(struct str *text, int64_t *ret_s)
{
        int64_t west_s;
        if (!read_time(text, &west_s) || west_s > MAX_OFFSET_S || west_s < -MAX_OFFSET_S)
                return false;
        *ret_s = -west_s;
        return true;
}

static bool read_rule(struct str text, struct zone_rule *rule)
{
        *rule = (struct zone_rule){0};
        if (!skip_name(&text) || !read_offset(&text, &rule->standard_s))
                return false;
        if (text.len == 0)
                return true;
        rule->has_summer = true;
        rule->summer_s = rule->standard_s + HOUR_S;
        if (!skip_name(&text) || (text.len && text.ptr[0] != ',' && !read_offset(&text, &rule->summer_s)))
                return false;
        return read_char(&text, ',') && read_day(&text, &rule->starts) && read_char(&text, ',') &&
               read_day(&text, &rule->ends) && text.len == 0;
}

static bool is_leap(uint32_t year)
{
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* The change's local time in that year, in seconds since 1970. */
static int64_t change_in(const struct zone_day *day, uint32_t year)
{
        uint32_t days;
        if (day->kind == 'M') {
                uint32_t first = time_days_from_civil(year, day->month, 1);
                uint32_t next = day->month < 12 ? time_days_from_civil(year, day->month + 1, 1)
                                                : time_days_from_civil(year + 1, 1, 1);
                days = first + (day->day + 7 - (first + THURSDAY) % 7) % 7 + (day->week - 1) * 7;
                if (days >= next)
                        days -= 7;
        } else {
                days = time_days_from_civil(year, 1, 1) + day->day;
                /* Counted from 1 and without 29 February, the 60th day is 1 March in each year. */
                if (day->kind == 'J' && !(is_leap(year) && day->day >= 60))
                        days--;
        }
        return (int64_t)days * DAY_S + day->at_s;
}

static int64_t rule_offset(const struct zone_rule *rule, int64_t utc_s)
{
        uint32_t year, month, day;
        if (!rule->has_summer)
                return rule->standard_s;
        int64_t local_s = utc_s + rule->standard_s;
        time_civil_from_days(local_s > 0 ? (uint32_t)(local_s / DAY_S) : 0, &year, &month, &day);
        int64_t starts = change_in(&rule->starts, year) - rule->standard_s;
        int64_t ends = change_in(&rule->ends, year) - rule->summer_s;
        bool is_summer = starts < ends ? utc_s >= starts && utc_s < ends : utc_s >= starts || utc_s < ends;
        return is_summer ? rule->summer_s : rule->standard_s;
}

bool zone_from_rule(struct str text, struct zone *ret_zone)
{
        struct zone_rule rule;
        if (!read_rule(text, &rule))
                return false;
        *ret_zone = (struct zone){.has_rule = true, .rule = rule};
        return true;
}

/* ---- The file ---- */

static uint64_t big_endian(const char *ptr, size_t bytes)
{
        uint64_t value = 0;
        for (size_t i = 0; i < bytes; i++)
                value = value << 8 | (unsigned char)ptr[i];
        return value;
}

/* One of the file's two blocks. */
struct block {
        size_t utc_count, standard_count, leap_count, change_count, type_count, name_bytes;
        const char *data;
        size_t bytes; /* of the data */
};

static bool read_block(struct str bytes, size_t time_bytes, struct block *block)
{
        if (bytes.len < HEADER_BYTES || memcmp(bytes.ptr, "TZif", 4) != 0)
                return false;
        size_t *const counts[] = {&block->utc_count,    &block->standard_count, &block->leap_count,
                                  &block->change_count, &block->type_count,     &block->name_bytes};
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
                *counts[i] = big_endian(bytes.ptr + 20 + 4 * i, 4);
                if (*counts[i] > ZONE_FILE_MAX_BYTES)
                        return false;
        }
        block->data = bytes.ptr + HEADER_BYTES;
        block->bytes = block->change_count * (time_bytes + 1) + block->type_count * TYPE_BYTES + block->name_bytes +
                       block->leap_count * (time_bytes + 4) + block->standard_count + block->utc_count;
        return block->bytes <= bytes.len - HEADER_BYTES;
}

static bool offset_of(const struct block *block, size_t type, int32_t *ret_offset)
{
        if (type >= block->type_count)
                return false;
        const char *types = block->data + block->change_count * 9;
        *ret_offset = (int32_t)(uint32_t)big_endian(types + type * TYPE_BYTES, 4);
        return *ret_offset <= MAX_OFFSET_S && *ret_offset >= -MAX_OFFSET_S;
}

static bool read_changes(struct arena *arena, const struct block *block, struct zone *zone)
{
        size_t count = block->change_count;
        int64_t *changes = arena_zeroed(arena, (count + 1) * sizeof *changes);
        int32_t *offsets = arena_zeroed(arena, (count + 1) * sizeof *offsets);
        if (count > ZONE_MAX_CHANGES || !changes || !offsets || !offset_of(block, 0, &zone->first_offset))
                return false;
        for (size_t i = 0; i < count; i++) {
                changes[i] = (int64_t)big_endian(block->data + i * 8, 8);
                if (!offset_of(block, (unsigned char)block->data[count * 8 + i], &offsets[i]) ||
                    (i > 0 && changes[i] <= changes[i - 1]))
                        return false;
        }
        zone->changes_at = changes;
        zone->offsets = offsets;
        zone->change_count = count;
        return true;
}

bool zone_from_file(struct arena *arena, struct str bytes, struct zone *ret_zone)
{
        struct block block;
        struct zone zone = {0};
        if (!read_block(bytes, 4, &block) || bytes.ptr[4] < '2')
                return false;
        size_t first = HEADER_BYTES + block.bytes;
        struct str rest = {bytes.ptr + first, bytes.len - first};
        if (!read_block(rest, 8, &block) || !read_changes(arena, &block, &zone))
                return false;
        struct str footer = {block.data + block.bytes, rest.len - HEADER_BYTES - block.bytes};
        if (footer.len < 2 || footer.ptr[0] != '\n' || footer.ptr[footer.len - 1] != '\n')
                return false;
        footer = (struct str){footer.ptr + 1, footer.len - 2};
        zone.has_rule = footer.len > 0;
        if (zone.has_rule && !read_rule(footer, &zone.rule))
                return false;
        *ret_zone = zone;
        return true;
}

/* ---- Asking ---- */

int64_t zone_offset(const struct zone *zone, int64_t utc_s)
{
        size_t low = 0, high = zone->change_count;
        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (zone->changes_at[middle] <= utc_s)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (zone->has_rule && low == zone->change_count)
                return rule_offset(&zone->rule, utc_s);
        return low ? zone->offsets[low - 1] : zone->first_offset;
}

int64_t zone_to_utc(const struct zone *zone, int64_t local_s, bool is_last)
{
        int64_t before = zone_offset(zone, local_s - DAY_S), after = zone_offset(zone, local_s + DAY_S);
        int64_t first = local_s - before, last = local_s - after;
        bool is_first_right = zone_offset(zone, first) == before, is_last_right = zone_offset(zone, last) == after;
        if (is_last_right && (is_last || !is_first_right))
                return last;
        return first;
}
