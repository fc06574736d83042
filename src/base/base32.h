/* SPDX-License-Identifier: Apache-2.0 */
/* 128 bits as 26 characters of Crockford's base 32 (no I, L, O, U), most significant first. */
#ifndef BASE_BASE32_H
#define BASE_BASE32_H

#include "base/str.h"

enum { BASE32_CHARS = 26 };

/* Writes 26 characters and a NUL. */
void base32_encode(uint64_t high, uint64_t low, char ret_text[BASE32_CHARS + 1]);

/* Accepts exactly what base32_encode() writes: one text for one value. */
bool base32_decode(struct str text, uint64_t *ret_high, uint64_t *ret_low);

#endif
