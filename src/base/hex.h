/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as hexadecimal digits, two a byte, always in lower case. */
#ifndef BASE_HEX_H
#define BASE_HEX_H

#include "base/str.h"

/* 2 * `len` digits and a NUL. */
void hex_write(const void *ptr, size_t len, char *ret_text);

/* False, and nothing written, unless `text` is 2 * `len` digits. Capitals are none. */
bool hex_read(struct str text, void *ret_ptr, size_t len);

#endif
