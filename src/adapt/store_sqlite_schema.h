/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of the embedded store, as a list of steps: step n takes a database from version n to
 * n + 1 (PRAGMA user_version). A step that has been released is never changed. */
#ifndef ADAPT_STORE_SQLITE_SCHEMA_H
#define ADAPT_STORE_SQLITE_SCHEMA_H

#include "adapt/sqlite_db.h"

enum { STORE_SQLITE_APPLICATION_ID = 0x54524941 }; /* "TRIA" */

/* Each step in its own transaction. ERR_UNSUPPORTED for a newer version or a foreign database. */
enum err store_sqlite_migrate(sqlite3 *db, const char *path, struct err_note *note) MUST_USE;

/* The same up to a version that this program knows: what a store of an earlier one was, for the tests. */
enum err store_sqlite_migrate_to(sqlite3 *db, const char *path, int64_t target, struct err_note *note) MUST_USE;

/* Whether it is a store of this program: ERR_UNSUPPORTED otherwise. ret_behind: steps that it has yet to take. */
enum err store_sqlite_identify(sqlite3 *db, const char *path, int64_t *ret_behind, struct err_note *note) MUST_USE;

#endif
