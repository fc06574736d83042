/* SPDX-License-Identifier: Apache-2.0 */
/* The name of a stored message and of all that it left behind: its row and a random check that only
 * the answer told. In text it is a prefix ("msg_", "tkt_", "cmp_") and 26 characters of base 32
 * (base/base32.h). */
#ifndef CORE_RECORD_ID_H
#define CORE_RECORD_ID_H

#include "base/arena.h"
#include "base/ident.h"

struct record_id {
        uint64_t row; /* from 1 */
        uint64_t check;
};

/* Absent when the arena is full. */
struct str record_id_text(struct arena *arena, const char *prefix, struct record_id id);
struct ident record_ident(const char *prefix, struct record_id id);

/* False for any other text than record_id_text() makes with that prefix. */
bool record_id_from(struct str text, struct str prefix, struct record_id *ret_id);

#endif
