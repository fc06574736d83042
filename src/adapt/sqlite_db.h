/* SPDX-License-Identifier: Apache-2.0 */
/* One SQLite connection: opening, errors, and the small verbs that every statement needs.
 *
 * A connection is used by one thread at a time (SQLITE_OPEN_NOMUTEX); who shares one brings the lock.
 */
#ifndef ADAPT_SQLITE_DB_H
#define ADAPT_SQLITE_DB_H

#include <sqlite3.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct sqlite_options {
        bool is_read_only;
        int cache_kib;
        int busy_timeout_ms;
        int64_t max_pages; /* 0: SQLite's own limit */
};

/* WAL, synchronous=FULL, no automatic checkpoints. */
enum err sqlite_db_open(const char *path, const struct sqlite_options *options, sqlite3 **ret_db,
                        struct err_note *note) MUST_USE;

/* What the connection's last failure means; the note gets SQLite's words, never a row's content. */
enum err sqlite_db_err(sqlite3 *db, int code, struct err_note *note);

/* Whether this error concerns one row only, so that its neighbours may still be stored: ERR_EXISTS
 * (a key is taken), ERR_INVALID (another constraint), ERR_TOO_LARGE. */
bool sqlite_db_is_of_row(enum err err);

enum err sqlite_db_exec(sqlite3 *db, const char *sql, struct err_note *note) MUST_USE;

/* The first column of the first row as a number. ERR_NOT_FOUND without a row. */
enum err sqlite_db_number(sqlite3 *db, const char *sql, int64_t *ret_value, struct err_note *note) MUST_USE;

/* A statement that is used for as long as the connection lives. */
enum err sqlite_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_stmt,
                           struct err_note *note) MUST_USE;

/* Steps a statement that returns no rows, and resets it. Returns SQLite's code. */
int sqlite_db_run(sqlite3_stmt *stmt);

/* Ends an open transaction without its changes. */
void sqlite_db_rollback(sqlite3 *db);

/* Binds values one after the other, from the first parameter on. Text is borrowed until the
 * statement runs. The first failure is kept in `code`. */
struct sqlite_binder {
        sqlite3_stmt *stmt;
        int last;
        int code;
};

void bind_text(struct sqlite_binder *binder, struct str text);  /* absent: NULL */
void bind_word(struct sqlite_binder *binder, const char *word); /* NULL: NULL */
void bind_i64(struct sqlite_binder *binder, int64_t value);
void bind_real(struct sqlite_binder *binder, double value);
void bind_blob(struct sqlite_binder *binder, const void *ptr, size_t len);

/* A statement that is used once, at the pace of people: prepares it for its binder; one of the
 * other two ends it. */
enum err sqlite_once(sqlite3 *db, const char *sql, struct sqlite_binder *ret_binder, struct err_note *note) MUST_USE;
enum err sqlite_once_end(struct sqlite_binder *binder, enum err err); /* returns `err` */
/* Runs one without rows, and ends it. */
enum err sqlite_once_run(sqlite3 *db, struct sqlite_binder *binder, struct err_note *note) MUST_USE;

/* A column's text, borrowed until the next step; absent for NULL. */
struct str column_text(sqlite3_stmt *stmt, int column);

/* The same, copied. False when the arena is full. */
bool column_copy(sqlite3_stmt *stmt, int column, struct arena *arena, struct str *ret_text);

#endif
