/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/sqlite_db.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_once_t configure_once = PTHREAD_ONCE_INIT;

/* SQLite's own count of its memory costs a process-wide lock at each allocation. */
static void configure(void)
{
        (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static bool is_errno_of_room(int error)
{
        return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

/* What the system last said about the database's file or its log; 0 when it said nothing. */
static int last_errno(sqlite3 *db, int which_file)
{
        sqlite3_file *file = NULL;
        int error = 0;
        if (sqlite3_file_control(db, "main", which_file, &file) != SQLITE_OK || !file || !file->pMethods)
                return 0;
        (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
        return error;
}

/* A failed write for want of room is no broken disk: a quota, a file-size limit, a full disk that
 * SQLite met while it grew the shared-memory file. A failed fsync always is one, and so is a write
 * when either file has met EIO. */
static bool is_want_of_room(sqlite3 *db, int extended)
{
        if (extended == SQLITE_IOERR_SHMSIZE)
                return is_errno_of_room(sqlite3_system_errno(db));
        if (extended != SQLITE_IOERR_WRITE && extended != SQLITE_IOERR_TRUNCATE)
                return false;
        int of_file = last_errno(db, SQLITE_FCNTL_FILE_POINTER);
        int of_log = last_errno(db, SQLITE_FCNTL_JOURNAL_POINTER);
        return of_file != EIO && of_log != EIO && (is_errno_of_room(of_file) || is_errno_of_room(of_log));
}

static bool is_taken_key(int extended)
{
        return extended == SQLITE_CONSTRAINT_PRIMARYKEY || extended == SQLITE_CONSTRAINT_UNIQUE ||
               extended == SQLITE_CONSTRAINT_ROWID;
}

static enum err meaning(sqlite3 *db, int code)
{
        switch (code & 0xff) {
        case SQLITE_FULL:
                return ERR_NO_SPACE;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return ERR_BUSY;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return ERR_CORRUPT;
        case SQLITE_CONSTRAINT:
                return is_taken_key(code) ? ERR_EXISTS : ERR_INVALID;
        case SQLITE_TOOBIG:
                return ERR_TOO_LARGE;
        case SQLITE_PERM:
        case SQLITE_READONLY:
        case SQLITE_AUTH:
                return ERR_FORBIDDEN;
        case SQLITE_MISUSE:
        case SQLITE_ERROR:
                return ERR_INTERNAL;
        default: /* another library's numbers: IOERR, CANTOPEN, PROTOCOL and what is to come */
                return is_want_of_room(db, code) ? ERR_NO_SPACE : ERR_IO;
        }
}

enum err sqlite_db_err(sqlite3 *db, int code, struct err_note *note)
{
        int extended = sqlite3_extended_errcode(db);
        if ((extended & 0xff) != (code & 0xff))
                extended = code;
        const char *path = sqlite3_db_filename(db, "main");
        enum err err = meaning(db, extended);
        if (err == ERR_CORRUPT)
                return err_set(note, err, "%s is damaged (%s): stop, and restore it from a backup",
                               path ? path : "database", sqlite3_errstr(extended));
        return err_set(note, err, "%s: %s (SQLite %d)", path ? path : "database", sqlite3_errstr(extended),
                       extended);
}

bool sqlite_db_is_of_row(enum err err)
{
        return err == ERR_EXISTS || err == ERR_INVALID || err == ERR_TOO_LARGE;
}

static enum err set_up(sqlite3 *db, const struct sqlite_options *options, struct err_note *note)
{
        (void)sqlite3_extended_result_codes(db, 1);
        (void)sqlite3_busy_timeout(db, options->busy_timeout_ms);
        char sql[256];
        snprintf(sql, sizeof sql, "PRAGMA cache_size=-%d; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=0;",
                 options->cache_kib);
        enum err err = sqlite_db_exec(db, sql, note);
        if (err || options->is_read_only)
                return err;
        /* Not mapped: an input error on a mapped page is a SIGBUS, not an answer.
         * The log keeps its size when it starts anew: overwriting costs an fsync less than growing does. */
        snprintf(sql, sizeof sql,
                 "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0;"
                 "PRAGMA journal_size_limit=67108864; PRAGMA max_page_count=%lld;",
                 options->max_pages ? (long long)options->max_pages : 1073741823LL);
        return sqlite_db_exec(db, sql, note);
}

enum err sqlite_db_open(const char *path, const struct sqlite_options *options, sqlite3 **ret_db,
                        struct err_note *note)
{
        pthread_once(&configure_once, configure);
        int flags = options->is_read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
        sqlite3 *db = NULL;
        int code = sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
        enum err err = ERR_OK;
        if (code != SQLITE_OK)
                err = db ? sqlite_db_err(db, code, note) : err_set(note, ERR_IO, "%s: cannot open", path);
        else
                err = set_up(db, options, note);
        if (err) {
                (void)sqlite3_close(db);
                return err;
        }
        *ret_db = db;
        return ERR_OK;
}

enum err sqlite_db_exec(sqlite3 *db, const char *sql, struct err_note *note)
{
        int code = sqlite3_exec(db, sql, NULL, NULL, NULL);
        return code == SQLITE_OK ? ERR_OK : sqlite_db_err(db, code, note);
}

enum err sqlite_db_number(sqlite3 *db, const char *sql, int64_t *ret_value, struct err_note *note)
{
        sqlite3_stmt *stmt = NULL;
        int code = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
        if (code == SQLITE_OK)
                code = sqlite3_step(stmt);
        enum err err = ERR_OK;
        if (code == SQLITE_ROW)
                *ret_value = sqlite3_column_int64(stmt, 0);
        else
                err = code == SQLITE_DONE ? err_set(note, ERR_NOT_FOUND, "no row")
                                          : sqlite_db_err(db, code, note);
        (void)sqlite3_finalize(stmt);
        return err;
}

enum err sqlite_db_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **ret_stmt, struct err_note *note)
{
        int code = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret_stmt, NULL);
        return code == SQLITE_OK ? ERR_OK : sqlite_db_err(db, code, note);
}

int sqlite_db_run(sqlite3_stmt *stmt)
{
        int code = sqlite3_step(stmt);
        int reset = sqlite3_reset(stmt);
        if (code == SQLITE_DONE || code == SQLITE_ROW)
                return reset;
        return code;
}

void sqlite_db_rollback(sqlite3 *db)
{
        if (!sqlite3_get_autocommit(db))
                (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

static void keep(struct sqlite_binder *binder, int code)
{
        if (binder->code == SQLITE_OK)
                binder->code = code;
}

void bind_text(struct sqlite_binder *binder, struct str text)
{
        keep(binder, sqlite3_bind_text64(binder->stmt, ++binder->last, text.ptr, text.len, SQLITE_STATIC,
                                         SQLITE_UTF8));
}

void bind_word(struct sqlite_binder *binder, const char *word)
{
        bind_text(binder, str_from(word));
}

void bind_i64(struct sqlite_binder *binder, int64_t value)
{
        keep(binder, sqlite3_bind_int64(binder->stmt, ++binder->last, value));
}

void bind_real(struct sqlite_binder *binder, double value)
{
        keep(binder, sqlite3_bind_double(binder->stmt, ++binder->last, value));
}

void bind_blob(struct sqlite_binder *binder, const void *ptr, size_t len)
{
        keep(binder, sqlite3_bind_blob64(binder->stmt, ++binder->last, ptr, len, SQLITE_STATIC));
}

struct str column_text(sqlite3_stmt *stmt, int column)
{
        const unsigned char *text = sqlite3_column_text(stmt, column);
        return (struct str){(const char *)text, (size_t)sqlite3_column_bytes(stmt, column)};
}

bool column_copy(sqlite3_stmt *stmt, int column, struct arena *arena, struct str *ret_text)
{
        struct str text = column_text(stmt, column);
        *ret_text = arena_copy(arena, text);
        return !text.ptr || ret_text->ptr;
}

enum err sqlite_once(sqlite3 *db, const char *sql, struct sqlite_binder *ret_binder, struct err_note *note)
{
        *ret_binder = (struct sqlite_binder){0};
        return sqlite_db_prepare(db, sql, &ret_binder->stmt, note);
}

enum err sqlite_once_end(struct sqlite_binder *binder, enum err err)
{
        (void)sqlite3_finalize(binder->stmt);
        return err;
}

enum err sqlite_once_run(sqlite3 *db, struct sqlite_binder *binder, struct err_note *note)
{
        int code = binder->code == SQLITE_OK ? sqlite_db_run(binder->stmt) : binder->code;
        return sqlite_once_end(binder, code == SQLITE_OK ? ERR_OK : sqlite_db_err(db, code, note));
}
