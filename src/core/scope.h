/* SPDX-License-Identifier: Apache-2.0 */
/* What an API key lets its bearer do. */
#ifndef CORE_SCOPE_H
#define CORE_SCOPE_H

#include "base/str.h"

enum scope { SCOPE_CLASSIFY = 1, SCOPE_REVIEW = 2, SCOPE_ADMIN = 4, SCOPE_REVEAL = 8 };

/* "classify,review" to its bits; false for an unknown scope or none. */
bool scopes_from(struct str text, unsigned *ret_scopes);

#endif
