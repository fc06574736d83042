/* SPDX-License-Identifier: Apache-2.0 */
/* How long an answer asks its client to wait: Retry-After (RFC 9110, 10.2.3) and its kin. Pure. */
#ifndef NET_RETRY_AFTER_H
#define NET_RETRY_AFTER_H

#include "base/str.h"

/* No more than a day is reported. */
enum { RETRY_AFTER_MAX_MS = 24 * 60 * 60 * 1000 };

/* The wish in ms from now (ms since 1970): `retry-after-ms` where it is there and sound, else
 * `retry-after`: seconds, also with a fraction, or a date in any of HTTP's three forms, whose past is 0.
 * -1 when neither is there or sound; an absent string is a header that is not there. */
int64_t retry_after_ms(struct str after_ms, struct str after, int64_t now_ms);

/* An HTTP-date (RFC 9110, 5.6.7) in ms since 1970: IMF-fixdate, RFC 850 (a year over 50 years ahead is
 * of the past century) or asctime. False for any other text and for a day that no month has. */
bool http_date_to_ms(struct str text, int64_t now_ms, int64_t *ret_ms);

#endif
