/* SPDX-License-Identifier: Apache-2.0 */
/* The vault of a connection. SQL opens and seals through functions of ours:
 *
 *   unseal(subject, wrapped key, 'table.column', row, value)   the text; NULL for NULL or without a key
 *   seal(subject, wrapped key, 'table.column', row, text)      the value; NULL for NULL
 *   new_key(subject)   new_index_key()   customer_digest(id)   for the writer and the schema
 *
 * A value that does not open is an error of its statement. Readers select from `opened_message`, a view of the connection's own.
 * The connection owns the vault; both belong to one thread at a time.
 */
#ifndef ADAPT_STORE_SQLITE_VAULT_H
#define ADAPT_STORE_SQLITE_VAULT_H

#include "adapt/sqlite_db.h"
#include "adapt/vault.h"
#include "port/store.h"

enum err store_vault_attach(sqlite3 *db, const struct digest *master, struct vault **ret_vault,
                            struct err_note *note) MUST_USE;

/* Needs the schema. ERR_FORBIDDEN when the store was sealed under another master key. */
enum err store_vault_check(sqlite3 *db, struct vault *vault, const char *path, struct err_note *note) MUST_USE;
enum err store_vault_make_view(sqlite3 *db, struct err_note *note) MUST_USE;

/* For a connection that only reads: the vault, and the view. */
enum err store_vault_attach_reader(sqlite3 *db, const struct digest *master, struct err_note *note) MUST_USE;

/* Whether the store holds sealed values, so that its master key must be there. */
enum err store_vault_is_in_use(sqlite3 *db, bool *ret_is_in_use, struct err_note *note) MUST_USE;

/* Binds the value sealed under the key in use; absent: NULL. */
void bind_sealed(struct sqlite_binder *binder, struct vault *vault, struct vault_place place, struct str text);

/* Finds or makes the record's subject, and takes its key into use. Where that was damaged, the message gets a subject of
 * its own, and the log says so. */
struct subject_rows {
        sqlite3 *db; /* borrows */
        struct vault *vault; /* borrows */
        sqlite3_stmt *find, *add;
};

enum err subject_rows_open(struct subject_rows *rows, sqlite3 *db, struct vault *vault, struct err_note *note) MUST_USE;
void subject_rows_close(struct subject_rows *rows);
enum err subject_rows_take(struct subject_rows *rows, const struct store_record *record, int64_t *ret_subject,
                           struct err_note *note) MUST_USE;

#endif
