/* SPDX-License-Identifier: Apache-2.0 */
#include "net/retry_after.h"

#include <string.h>

enum { DAY_S = 24 * 60 * 60 };

struct date {
        unsigned year, month, day, hour, minute, second; /* month from 1 */
};

static bool is_digit(char c)
{
        return c >= '0' && c <= '9';
}

/* "12" or "1.5", in thousandths at `scale` 1000; digits behind the third are dropped. */
static bool read_decimal(struct str text, uint64_t scale, uint64_t *ret_value)
{
        uint64_t whole, value;
        struct str fraction = text;
        struct str digits = str_split(&fraction, '.');
        if (digits.len > 15)
                return false;
        if (!str_to_u64(digits, &whole) || (fraction.ptr && fraction.len == 0))
                return false;
        value = whole * scale;
        for (size_t i = 0; fraction.ptr && i < fraction.len; i++) {
                if (!is_digit(fraction.ptr[i]))
                        return false;
                scale /= 10;
                value += scale * (uint64_t)(fraction.ptr[i] - '0');
        }
        *ret_value = value;
        return true;
}

/* Days since 1970-01-01 of the Gregorian calendar (Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static int64_t days_from_civil(unsigned year, unsigned month, unsigned day)
{
        int64_t y = (int64_t)year - (month <= 2);
        int64_t era = y / 400, of_era = y % 400;
        int64_t of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + (int64_t)day - 1;
        return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool read_month(const char *name, unsigned *ret_month)
{
        static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
        for (unsigned i = 0; i < 12; i++) {
                if (memcmp(months + 3 * i, name, 3) != 0)
                        continue;
                *ret_month = i + 1;
                return true;
        }
        return false;
}

static bool is_weekday(struct str name, bool is_whole)
{
        static const char *const days[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
        for (size_t i = 0; i < sizeof days / sizeof *days; i++)
                if (str_equal(name, (struct str){days[i], is_whole ? strlen(days[i]) : 3}))
                        return true;
        return false;
}

static unsigned *field_of(struct date *date, char kind)
{
        switch (kind) {
        case 'D':
                return &date->day;
        case 'Y':
                return &date->year;
        case 'h':
                return &date->hour;
        case 'm':
                return &date->minute;
        case 's':
                return &date->second;
        default:
                return NULL;
        }
}

/* Reads by a pattern of the same length: a letter of field_of() is one digit of that field, bbb the month,
 * _ the first digit of a day or a blank. Anything else stands for itself. */
static bool read_pattern(struct str text, const char *pattern, struct date *date)
{
        if (text.len != strlen(pattern))
                return false;
        for (size_t i = 0; i < text.len; i++) {
                char c = text.ptr[i];
                bool is_digit_here = pattern[i] == '_' && is_digit(c);
                unsigned *field = field_of(date, is_digit_here ? 'D' : pattern[i]);
                if (pattern[i] == 'b') {
                        if (!read_month(text.ptr + i, &date->month))
                                return false;
                        i += 2;
                } else if (field && is_digit(c)) {
                        *field = *field * 10 + (unsigned)(c - '0');
                } else if (field || c != (pattern[i] == '_' ? ' ' : pattern[i])) {
                        return false;
                }
        }
        return true;
}

static bool is_sound(const struct date *date)
{
        static const unsigned char lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
        bool is_leap = date->year % 4 == 0 && (date->year % 100 != 0 || date->year % 400 == 0);
        unsigned length = lengths[date->month - 1] + (date->month == 2 && is_leap ? 1U : 0U);
        return date->day >= 1 && date->day <= length && date->hour <= 23 && date->minute <= 59 && date->second <= 60;
}

static int64_t date_to_ms(const struct date *date)
{
        int64_t days = days_from_civil(date->year, date->month, date->day);
        return (days * DAY_S + date->hour * 3600 + date->minute * 60 + date->second) * 1000;
}

/* Two digits of a year: of this century, unless that is over 50 years ahead. */
static void complete_year(struct date *date, int64_t now_ms)
{
        const int64_t fifty_years_ms = 18263LL * DAY_S * 1000;
        date->year += 2000;
        if (date_to_ms(date) - now_ms > fifty_years_ms)
                date->year -= 100;
}

bool http_date_to_ms(struct str text, int64_t now_ms, int64_t *ret_ms)
{
        struct date date = {0};
        struct str rest = text;
        struct str weekday = str_split(&rest, text.len > 3 && text.ptr[3] == ' ' ? ' ' : ',');
        if (!rest.ptr)
                return false;
        if (is_weekday(weekday, false)) {
                if (!read_pattern(rest, " DD bbb YYYY hh:mm:ss GMT", &date) &&
                    !read_pattern(rest, "bbb _D hh:mm:ss YYYY", memset(&date, 0, sizeof date)))
                        return false;
        } else if (is_weekday(weekday, true) && read_pattern(rest, " DD-bbb-YY hh:mm:ss GMT", &date)) {
                complete_year(&date, now_ms);
        } else {
                return false;
        }
        if (!is_sound(&date))
                return false;
        *ret_ms = date_to_ms(&date);
        return true;
}

static int64_t capped(uint64_t ms)
{
        return ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : (int64_t)ms;
}

int64_t retry_after_ms(struct str after_ms, struct str after, int64_t now_ms)
{
        uint64_t ms;
        int64_t at_ms;
        if (after_ms.ptr && read_decimal(str_trim(after_ms), 1, &ms))
                return capped(ms);
        if (!after.ptr)
                return -1;
        if (read_decimal(str_trim(after), 1000, &ms))
                return capped(ms);
        if (!http_date_to_ms(str_trim(after), now_ms, &at_ms))
                return -1;
        return at_ms > now_ms ? capped((uint64_t)(at_ms - now_ms)) : 0;
}
