/* SPDX-License-Identifier: Apache-2.0 */
/* Backups of a data directory: one SQLite file with the store as of one moment, and the models that were learnt.
 *
 * Made beside a running server, which is not held up: the copy is of one read transaction of the write-ahead log. Keys
 * are not part of it: who finds a backup must not find them, too. Blocking, for the command line.
 */
#ifndef ADAPT_BACKUP_H
#define ADAPT_BACKUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Called now and then; pages of 4 KiB. */
typedef void backup_progress(void *arg, size_t done, size_t total);

/* Writes PATH, which must not be there yet: whole, synced, or not at all. */
enum err backup_make(const char *directory, const char *path, backup_progress *progress, void *arg,
                     struct err_note *note) MUST_USE;

/* Puts a backup into a data directory that is locked by the caller and holds no store. ERR_EXISTS when it holds one,
 * ERR_UNSUPPORTED for a file of another program or a newer one, ERR_CORRUPT for a damaged one. */
enum err backup_restore(const char *directory, const char *path, backup_progress *progress, void *arg,
                        struct err_note *note) MUST_USE;

/* What `backup_check` found out. */
struct backup_report {
        int64_t behind; /* steps that an earlier version's store has yet to take: then only pages and indexes were read */
        int64_t messages;
        int64_t entries; /* of the audit log */
};

/* Reads all of the store in the file, a backup's or a data directory's triaged.db: pages and indexes, rows that belong
 * together, the audit log's hashes. Each fault is told, at most 100; ERR_CORRUPT when there was one. */
typedef void backup_fault(void *arg, const char *fault);
enum err backup_check(const char *path, backup_fault *fault, void *arg, struct backup_report *ret_report,
                      struct err_note *note) MUST_USE;

#endif
