/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets where they belong: in a file that nobody else can read, or in a credential that systemd hands over. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/err.h"
#include "base/str.h"

enum { SECRET_MAX_BYTES = 4096 };

/* One line of printable ASCII without spaces, or ERR_INVALID. */
enum err secret_check(struct str text, const char *where, struct err_note *note) MUST_USE;

/* The file's one line; the caller owns *ret_secret. ERR_FORBIDDEN when others than its owner can read it and
 * `is_private`; ERR_NOT_FOUND, ERR_INVALID, ERR_TOO_LARGE, ERR_IO. */
enum err secret_read_file(const char *path, bool is_private, char **ret_secret, struct err_note *note) MUST_USE;

/* That of $CREDENTIALS_DIRECTORY/name. `key` names the setting in notes. */
enum err secret_read_credential(const char *key, const char *name, char **ret_secret, struct err_note *note) MUST_USE;

#endif
