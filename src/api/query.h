/* SPDX-License-Identifier: Apache-2.0 */
/* The query of a request's target, as HTML forms encode it: "status=open&requester=c%2F1". */
#ifndef API_QUERY_H
#define API_QUERY_H

#include "base/arena.h"

/* The next pair of *rest, decoded into the arena; false at the end. A pair without '=' has an absent value,
 * and so has one whose value is no valid encoding of UTF-8 text. */
bool query_next(struct str *rest, struct arena *arena, struct str *ret_name, struct str *ret_value);

#endif
