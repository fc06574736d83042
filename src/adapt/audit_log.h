/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log: rows that form a Merkle tree (base/merkle.h), written in the transaction of what they record.
 *
 * An entry is one line of canonical JSON,
 *     {"seq":12,"time":"…","kind":"record.created","actor":"key:shop","record":"msg_…","digest":"…","details":{…}}
 * and its bytes are the leaf. `seq` is its place, from 0. Hashes of full subtrees of 256 leaves, of 65,536 and so on
 * are stored beside them, so that opening a log and proving an entry take a few hundred rows of any number.
 *
 * struct audit_log is the writer's, on its thread, inside its transactions: audit_log_begin() behind BEGIN,
 * audit_log_rollback() behind ROLLBACK. Readers use the functions on a connection of their own.
 */
#ifndef ADAPT_AUDIT_LOG_H
#define ADAPT_AUDIT_LOG_H

#include "adapt/sqlite_db.h"
#include "base/buf.h"
#include "base/merkle.h"
#include "core/audit.h"

struct audit_log {
        sqlite3 *db; /* borrows */
        sqlite3_stmt *add_entry;
        sqlite3_stmt *add_tile;
        struct merkle tree;
        struct merkle committed; /* what a rollback goes back to */
        struct buf leaf;         /* the byte 0 and the entry */
};

/* ERR_CORRUPT when rows are missing or out of order. */
enum err audit_log_open(struct audit_log *log, sqlite3 *db, struct err_note *note) MUST_USE;
void audit_log_close(struct audit_log *log);

void audit_log_begin(struct audit_log *log);
void audit_log_rollback(struct audit_log *log);

/* The place that the next entry gets. */
uint64_t audit_log_next(const struct audit_log *log);

/* ERR_TOO_LARGE when the entry has more than 16 KiB. */
enum err audit_log_append(struct audit_log *log, const struct audit_entry *entry, struct err_note *note) MUST_USE;

/* ---- Readers ---- */

/* The tree as it is stored now; call it, and what follows on the same state, in one read transaction. */
enum err audit_log_tree(sqlite3 *db, struct merkle *ret_tree, struct err_note *note) MUST_USE;

/* For merkle_inclusion() and merkle_consistency(): `arg` is a struct audit_reader. */
struct audit_reader {
        sqlite3 *db; /* borrows */
        struct err_note *note;
};
enum err audit_log_subtree(void *arg, unsigned level, uint64_t index, struct digest *ret_hash);

/* Hashes the entries of a subtree of at most MERKLE_TILE_HEIGHT levels anew. */
enum err audit_log_hash_leaves(struct audit_reader *reader, unsigned level, uint64_t index, struct digest *ret_hash) MUST_USE;

/* At most `max` entries from `first` on, each a line with its line break, into the buf; *ret_count says how many. */
enum err audit_log_read(sqlite3 *db, uint64_t first, size_t max, struct buf *lines, size_t *ret_count,
                        struct err_note *note) MUST_USE;

#endif
