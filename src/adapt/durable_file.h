/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are there whole or not at all, also after a power cut. Blocking. */
#ifndef ADAPT_DURABLE_FILE_H
#define ADAPT_DURABLE_FILE_H

#include "base/err.h"
#include "base/str.h"

/* Replaces the file: written aside as PATH.new with `mode` (less the umask), synced, renamed, and the directory
 * synced. On failure the old file stays and PATH.new is removed; what a killed process left of it is written over. */
enum err durable_file_write(const char *path, struct str bytes, unsigned mode, struct err_note *note) MUST_USE;

/* A new or removed entry lasts only when its parent directory has reached the disk as well. */
enum err durable_file_sync_parent(const char *path, struct err_note *note) MUST_USE;

/* errno as an error: "PATH: cannot WHAT: No such file or directory". */
enum err durable_file_errno(struct err_note *note, const char *path, const char *what);

#endif
