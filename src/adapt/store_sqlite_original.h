/* SPDX-License-Identifier: Apache-2.0 */
/* What people review, as it came: one sealed value a message, in the message's transaction. Nothing of it is kept
 * anywhere else, and nothing reads it but the operation that discloses it (store_sqlite_original.c). */
#ifndef ADAPT_STORE_SQLITE_ORIGINAL_H
#define ADAPT_STORE_SQLITE_ORIGINAL_H

#include "adapt/store_sqlite_vault.h"
#include "base/buf.h"

struct original_rows {
        sqlite3 *db;         /* borrows */
        struct vault *vault; /* borrows */
        sqlite3_stmt *add;
        struct buf json; /* of the one that is being sealed */
};

enum err original_rows_open(struct original_rows *rows, sqlite3 *db, struct vault *vault, struct err_note *note) MUST_USE;
void original_rows_close(struct original_rows *rows);

/* Seals record->original under the key in use, which is that of the record's subject. */
enum err original_rows_add(struct original_rows *rows, const struct store_record *record, struct err_note *note) MUST_USE;

#endif
