/* SPDX-License-Identifier: Apache-2.0 */
/* The data directory: one owner at a time, readable by nobody else.
 *
 * The owner holds an exclusive lock on DIR/lock (flock) until data_dir_close() or its death; the
 * kernel gives the lock back, so that a killed process leaves nothing to clean up. The file holds
 * the owner's process id in decimal, for people and for messages only.
 */
#ifndef ADAPT_DATA_DIR_H
#define ADAPT_DATA_DIR_H

#include "base/err.h"
#include "base/hash.h"

struct data_dir;

/* Creates the directory with mode 0700 when it is missing (its parent must exist) and takes the
 * lock. ERR_BUSY when another process has it: the note names that process and what to do. */
enum err data_dir_open(const char *path, struct data_dir **ret_dir, struct err_note *note) MUST_USE;

/* NULL is allowed. */
void data_dir_close(struct data_dir *dir);

const char *data_dir_path(const struct data_dir *dir);

/* The key of the digests in compliance records: 32 random bytes in DIR/digest.key, made at the
 * first call. ERR_FORBIDDEN when others than the owner may read the file, ERR_CORRUPT when it does
 * not hold 32 bytes. */
enum err data_dir_digest_key(const struct data_dir *dir, struct digest *ret_key,
                             struct err_note *note) MUST_USE;

#endif
