/* SPDX-License-Identifier: Apache-2.0 */
/* Times as text: RFC 3339 in UTC with milliseconds; dates. Pure arithmetic, valid for years 1970-9999. */
#ifndef BASE_TIME_TEXT_H
#define BASE_TIME_TEXT_H

#include "base/str.h"

enum { TIME_TEXT_BYTES = 25 }; /* "2026-11-22T10:00:00.000Z" and a NUL */

/* `wall_ms` is ms since 1970-01-01T00:00:00Z. */
void time_to_text(int64_t wall_ms, char ret_text[TIME_TEXT_BYTES]);

/* Reads what time_to_text() writes, also without the milliseconds. */
bool time_from_text(struct str text, int64_t *ret_wall_ms);

/* Between a date of the Gregorian calendar (months and days from 1) and days since 1970-01-01. A day behind
 * the end of its month is one of the next. */
void time_civil_from_days(uint32_t days, uint32_t *ret_year, uint32_t *ret_month, uint32_t *ret_day);
uint32_t time_days_from_civil(uint32_t year, uint32_t month, uint32_t day);

#endif
