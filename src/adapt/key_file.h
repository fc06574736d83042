/* SPDX-License-Identifier: Apache-2.0 */
/* Files of secret keys, 32 random bytes each, readable by their owner only. */
#ifndef ADAPT_KEY_FILE_H
#define ADAPT_KEY_FILE_H

#include "base/err.h"
#include "base/hash.h"

/* Reads the key, or makes one where there is no file and `may_create`. ERR_FORBIDDEN when others may read the file,
 * ERR_CORRUPT when it does not hold 32 bytes, ERR_NOT_FOUND when it is missing and must not be made anew. */
enum err key_file_read(const char *path, bool may_create, struct digest *ret_key, struct err_note *note) MUST_USE;

#endif
