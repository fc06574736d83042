/* SPDX-License-Identifier: Apache-2.0 */
#include "base/time_text.h"

static char *digits(char *to, uint32_t value, int count)
{
        for (int i = count - 1; i >= 0; i--) {
                to[i] = (char)('0' + value % 10);
                value /= 10;
        }
        return to + count;
}

/* Days since 1970 to a date in the Gregorian calendar: H. Hinnant, "chrono-compatible low-level
 * date algorithms", civil_from_days, for days that are not negative. */
void time_civil_from_days(uint32_t days, uint32_t *ret_year, uint32_t *ret_month, uint32_t *ret_day)
{
        uint32_t z = days + 719468;
        uint32_t era = z / 146097;
        uint32_t day_of_era = z % 146097;
        uint32_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
        uint32_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        uint32_t shifted_month = (5 * day_of_year + 2) / 153;
        *ret_day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
        *ret_month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
        *ret_year = year_of_era + era * 400 + (*ret_month <= 2);
}

void time_to_text(int64_t wall_ms, char ret_text[TIME_TEXT_BYTES])
{
        uint64_t ms = wall_ms < 0 ? 0 : (uint64_t)wall_ms;
        uint32_t second_of_day = (uint32_t)(ms / 1000 % 86400);
        uint32_t year, month, day;
        time_civil_from_days((uint32_t)(ms / 86400000), &year, &month, &day);
        char *to = digits(ret_text, year, 4);
        *to++ = '-';
        to = digits(to, month, 2);
        *to++ = '-';
        to = digits(to, day, 2);
        *to++ = 'T';
        to = digits(to, second_of_day / 3600, 2);
        *to++ = ':';
        to = digits(to, second_of_day / 60 % 60, 2);
        *to++ = ':';
        to = digits(to, second_of_day % 60, 2);
        *to++ = '.';
        to = digits(to, (uint32_t)(ms % 1000), 3);
        *to++ = 'Z';
        *to = '\0';
}

/* The inverse, days_from_civil of the same source. */
uint32_t time_days_from_civil(uint32_t year, uint32_t month, uint32_t day)
{
        uint32_t shifted_year = year - (month <= 2);
        uint32_t era = shifted_year / 400;
        uint32_t year_of_era = shifted_year - era * 400;
        uint32_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
        return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

/* Fills ret_numbers with the digits' groups; false when the text differs from the form anywhere else. */
static bool read_form(struct str text, const char *form, uint32_t *ret_numbers)
{
        int group = -1;
        char before = '\0';
        for (size_t i = 0; i < text.len; before = form[i++]) {
                if (form[i] != '0' && form[i] != text.ptr[i])
                        return false;
                if (form[i] != '0')
                        continue;
                if (text.ptr[i] < '0' || text.ptr[i] > '9')
                        return false;
                if (before != '0')
                        ret_numbers[++group] = 0;
                ret_numbers[group] = ret_numbers[group] * 10 + (uint32_t)(text.ptr[i] - '0');
        }
        return true;
}

bool time_from_text(struct str text, int64_t *ret_wall_ms)
{
        static const char with_ms[] = "0000-00-00T00:00:00.000Z", without[] = "0000-00-00T00:00:00Z";
        uint32_t n[7] = {0}; /* year, month, day, hour, minute, second, millisecond */
        bool has_form = (text.len == sizeof with_ms - 1 && read_form(text, with_ms, n)) ||
                        (text.len == sizeof without - 1 && read_form(text, without, n));
        bool is_in_range = n[0] >= 1970 && n[1] >= 1 && n[1] <= 12 && n[2] >= 1 && n[3] < 24 && n[4] < 60 && n[5] < 60;
        if (!has_form || !is_in_range)
                return false;
        uint32_t days = time_days_from_civil(n[0], n[1], n[2]), year, month, day;
        time_civil_from_days(days, &year, &month, &day);
        if (day != n[2]) /* the 31st of a short month is a day of the next */
                return false;
        *ret_wall_ms = ((int64_t)days * 86400 + n[3] * 3600 + n[4] * 60 + n[5]) * 1000 + n[6];
        return true;
}
