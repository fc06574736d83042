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
static void civil_from_days(uint32_t days, uint32_t *ret_year, uint32_t *ret_month, uint32_t *ret_day)
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
        civil_from_days((uint32_t)(ms / 86400000), &year, &month, &day);
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
