/* SPDX-License-Identifier: Apache-2.0 */
/* Identifiers that may stand in logs and headers: 1 to 64 characters of [A-Za-z0-9._:-].
 *
 * Whoever takes one from a client must also have asked the redactor whether it finds personal
 * data in it (api/request_id does).
 */
#ifndef BASE_IDENT_H
#define BASE_IDENT_H

#include "base/str.h"

enum { IDENT_MAX = 64 };

struct ident {
        char text[IDENT_MAX + 1];
};

/* False when `s` is not one. */
bool ident_from(struct str s, struct ident *ret_ident);

/* 26 random characters of Crockford's base 32, behind `prefix` (at most 16 bytes, may be ""). */
struct ident ident_random(const char *prefix);

struct str ident_str(const struct ident *ident);

#endif
