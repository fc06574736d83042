/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapt/audit_log.h"
#include "adapt/durable_file.h"
#include "adapt/store_sqlite_schema.h"
#include "base/alloc.h"

enum { PATH_BYTES = 4096, STEP_PAGES = 1024, CACHE_KIB = 1024, BUSY_MS = 5000, FILE_MAX_BYTES = 16 << 20, FAULTS_MAX = 100 };

static const struct sqlite_options reading = {.is_read_only = true, .cache_kib = CACHE_KIB, .busy_timeout_ms = BUSY_MS};

/* The files of a data directory that belong to a backup beside the store. */
static const char models[] = "models";

/* ---- Copying ---- */

struct copy {
        backup_progress *progress;
        void *arg;
};

static enum err copy_pages(sqlite3 *from, sqlite3 *to, const struct copy *copy, struct err_note *note)
{
        sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
        int code = backup ? SQLITE_OK : sqlite3_errcode(to);
        while (code == SQLITE_OK) {
                code = sqlite3_backup_step(backup, STEP_PAGES);
                size_t total = (size_t)sqlite3_backup_pagecount(backup);
                copy->progress(copy->arg, total - (size_t)sqlite3_backup_remaining(backup), total);
        }
        if (backup)
                (void)sqlite3_backup_finish(backup);
        return code == SQLITE_DONE ? ERR_OK : sqlite_db_err(to, code, note);
}

/* A read transaction that is held keeps the copy at one moment, whatever is written meanwhile. */
static enum err copy_snapshot(sqlite3 *from, sqlite3 *to, const struct copy *copy, struct err_note *note)
{
        int64_t tables;
        enum err err = sqlite_db_exec(from, "BEGIN", note);
        if (!err)
                err = sqlite_db_number(from, "SELECT count(*) FROM sqlite_schema", &tables, note);
        if (!err)
                err = copy_pages(from, to, copy, note);
        sqlite_db_rollback(from);
        return err;
}

static enum err open_new(const char *path, sqlite3 **ret_db, struct err_note *note)
{
        const struct sqlite_options options = {.cache_kib = CACHE_KIB, .busy_timeout_ms = BUSY_MS};
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return durable_file_errno(note, path, "create");
        close(fd);
        return sqlite_db_open(path, &options, ret_db, note);
}

/* Ends the write-ahead log of the new file, so that the file is all there is, and gives it its name. */
static enum err seal(sqlite3 *db, const char *aside, const char *path, struct err_note *note)
{
        enum err err = sqlite_db_exec(db, "PRAGMA wal_checkpoint(TRUNCATE); PRAGMA journal_mode=DELETE", note);
        if (sqlite3_close(db) != SQLITE_OK && !err)
                err = err_set(note, ERR_IO, "%s: cannot be closed", aside);
        int fd = err ? -1 : open(aside, O_RDWR | O_CLOEXEC);
        if (!err && (fd < 0 || fsync(fd) != 0))
                err = durable_file_errno(note, aside, "sync");
        if (fd >= 0)
                close(fd);
        if (!err && rename(aside, path) != 0)
                err = durable_file_errno(note, path, "name");
        return err ? err : durable_file_sync_parent(path, note);
}

static void remove_aside(const char *aside)
{
        static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
        for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
                char path[PATH_BYTES + 16];
                snprintf(path, sizeof path, "%s%s", aside, suffixes[i]);
                (void)unlink(path);
        }
}

static enum err refuse_existing(const char *path, struct err_note *note)
{
        struct stat st;
        if (lstat(path, &st) != 0)
                return errno == ENOENT ? ERR_OK : durable_file_errno(note, path, "look at");
        return err_set(note, ERR_EXISTS, "%s is there already: name another file, or move it away", path);
}

/* ---- The models ---- */

static enum err read_whole(const char *path, void **ret_bytes, size_t *ret_len, struct err_note *note)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        struct stat st;
        if (fd < 0 || fstat(fd, &st) != 0 || st.st_size > FILE_MAX_BYTES) {
                enum err err = durable_file_errno(note, path, "read");
                if (fd >= 0)
                        close(fd);
                return err;
        }
        char *bytes = alloc_zeroed(1, (size_t)st.st_size + 1);
        ssize_t got = 0, len = 0;
        while (len < st.st_size && (got = read(fd, bytes + len, (size_t)(st.st_size - len))) > 0)
                len += got;
        close(fd);
        *ret_bytes = bytes;
        *ret_len = (size_t)len;
        return ERR_OK;
}

static enum err add_file(sqlite3 *db, const char *directory, const char *name, struct err_note *note)
{
        char path[PATH_BYTES];
        void *bytes = NULL;
        size_t len = 0;
        struct sqlite_binder b;
        snprintf(path, sizeof path, "%s/%s/%s", directory, models, name);
        enum err err = read_whole(path, &bytes, &len, note);
        if (err == ERR_NOT_FOUND) /* pruned meanwhile */
                return ERR_OK;
        if (err)
                return err;
        err = sqlite_once(db, "INSERT INTO backup_file(name, bytes) VALUES(?,?)", &b, note);
        if (!err) {
                bind_word(&b, name);
                bind_blob(&b, bytes, len);
                err = sqlite_once_run(db, &b, note);
        }
        free(bytes);
        return err;
}

static bool is_of_models(const char *name)
{
        size_t len = strlen(name);
        return strcmp(name, "history") == 0 || (len > 6 && strcmp(name + len - 6, ".model") == 0);
}

static enum err add_models(sqlite3 *db, const char *directory, struct err_note *note)
{
        char path[PATH_BYTES];
        struct dirent *file;
        enum err err = sqlite_db_exec(db, "CREATE TABLE backup_file(name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT", note);
        snprintf(path, sizeof path, "%s/%s", directory, models);
        DIR *dir = opendir(path);
        while (!err && dir && (file = readdir(dir)) != NULL)
                if (is_of_models(file->d_name))
                        err = add_file(db, directory, file->d_name, note);
        if (dir)
                closedir(dir);
        return err;
}

static enum err take_models(sqlite3 *db, const char *directory, struct err_note *note)
{
        char path[PATH_BYTES];
        struct sqlite_binder b;
        int code = SQLITE_DONE;
        snprintf(path, sizeof path, "%s/%s", directory, models);
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
                return durable_file_errno(note, path, "create");
        enum err err = sqlite_once(db, "SELECT name, bytes FROM backup_file", &b, note);
        if (err)
                return err;
        while (!err && (code = sqlite3_step(b.stmt)) == SQLITE_ROW) {
                const char *name = (const char *)sqlite3_column_text(b.stmt, 0);
                if (strchr(name, '/') || !is_of_models(name))
                        continue;
                struct str bytes = {sqlite3_column_blob(b.stmt, 1), (size_t)sqlite3_column_bytes(b.stmt, 1)};
                snprintf(path, sizeof path, "%s/%s/%s", directory, models, name);
                err = durable_file_write(path, bytes, 0600, note);
        }
        if (!err && code != SQLITE_DONE)
                err = sqlite_db_err(db, code, note);
        err = sqlite_once_end(&b, err);
        return err ? err : sqlite_db_exec(db, "DROP TABLE backup_file", note);
}

/* ---- Backup and restore ---- */

static void database_path(const char *directory, char path[PATH_BYTES])
{
        snprintf(path, PATH_BYTES, "%s/triaged.db", directory);
}

static enum err fill(sqlite3 *from, const char *directory, const char *aside, const struct copy *copy, sqlite3 **ret_to,
                     struct err_note *note)
{
        enum err err = open_new(aside, ret_to, note);
        if (!err)
                err = copy_snapshot(from, *ret_to, copy, note);
        return err ? err : add_models(*ret_to, directory, note);
}

enum err backup_make(const char *directory, const char *path, backup_progress *progress, void *arg, struct err_note *note)
{
        char source[PATH_BYTES], aside[PATH_BYTES];
        struct copy copy = {progress, arg};
        sqlite3 *from = NULL, *to = NULL;
        database_path(directory, source);
        snprintf(aside, sizeof aside, "%s.new", path);
        enum err err = refuse_existing(path, note);
        if (!err)
                err = refuse_existing(aside, note);
        if (!err)
                err = sqlite_db_open(source, &reading, &from, note);
        if (err)
                return err;
        err = fill(from, directory, aside, &copy, &to, note);
        (void)sqlite3_close(from);
        if (!err)
                return seal(to, aside, path, note);
        (void)sqlite3_close(to);
        remove_aside(aside);
        return err;
}

/* That it is whole, of this program, and none that is newer. */
static enum err check_source(sqlite3 *db, const char *path, struct err_note *note)
{
        int64_t number = 0;
        enum err err = sqlite_db_number(db, "SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'", &number, note);
        if (!err && number > 0)
                return err_set(note, ERR_CORRUPT, "%s is damaged: `triaged check %s` says where; take another backup", path, path);
        if (!err)
                err = sqlite_db_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'backup_file'", &number, note);
        if (!err && number == 0)
                return err_set(note, ERR_UNSUPPORTED, "%s is none that `triaged backup` made", path);
        return err ? err : store_sqlite_identify(db, path, &number, note);
}

static enum err put_back(sqlite3 *from, const char *directory, const char *aside, const struct copy *copy, sqlite3 **ret_to,
                         struct err_note *note)
{
        enum err err = open_new(aside, ret_to, note);
        if (!err)
                err = copy_snapshot(from, *ret_to, copy, note);
        return err ? err : take_models(*ret_to, directory, note);
}

enum err backup_restore(const char *directory, const char *path, backup_progress *progress, void *arg, struct err_note *note)
{
        char target[PATH_BYTES], aside[PATH_BYTES + 4];
        struct copy copy = {progress, arg};
        sqlite3 *from = NULL, *to = NULL;
        database_path(directory, target);
        snprintf(aside, sizeof aside, "%s.new", target);
        enum err err = refuse_existing(target, note);
        if (!err)
                err = sqlite_db_open(path, &reading, &from, note);
        if (err)
                return err;
        remove_aside(aside); /* of a restore that was killed */
        err = check_source(from, path, note);
        if (!err)
                err = put_back(from, directory, aside, &copy, &to, note);
        (void)sqlite3_close(from);
        if (!err)
                return seal(to, aside, target, note);
        (void)sqlite3_close(to);
        remove_aside(aside);
        return err;
}

/* ---- Check ---- */

struct check {
        sqlite3 *db;
        backup_fault *fault;
        void *arg;
        size_t faults;
        struct err_note *note;
};

static void complain(struct check *check, const char *fault)
{
        if (check->faults++ < FAULTS_MAX)
                check->fault(check->arg, fault);
}

/* Each row of the statement is a fault. */
static enum err find_faults(struct check *check, const char *sql)
{
        struct sqlite_binder b;
        int code = SQLITE_DONE;
        enum err err = sqlite_once(check->db, sql, &b, check->note);
        if (err)
                return err;
        while (check->faults < FAULTS_MAX && (code = sqlite3_step(b.stmt)) == SQLITE_ROW)
                complain(check, (const char *)sqlite3_column_text(b.stmt, 0));
        if (code != SQLITE_ROW && code != SQLITE_DONE)
                err = sqlite_db_err(check->db, code, check->note);
        return sqlite_once_end(&b, err);
}

static const char *const questions[] = {
        "SELECT integrity_check FROM pragma_integrity_check(100) WHERE integrity_check <> 'ok'",
        "SELECT 'ticket ' || id || ' has no message' FROM ticket WHERE id NOT IN (SELECT id FROM message)",
        "SELECT 'compliance record ' || id || ' has no message' FROM compliance WHERE id NOT IN (SELECT id FROM message)",
        "SELECT 'review of message ' || message_row || ' has no message' FROM review"
        " WHERE message_row NOT IN (SELECT id FROM message)",
        "SELECT 'compliance record ' || id || ' has no review' FROM compliance WHERE status = 'pending_review'"
        " AND id NOT IN (SELECT message_row FROM review)",
        /* One that has expired is nobody's, until it is swept. */
        "SELECT 'idempotency key of message ' || message_row || ' has no message' FROM idempotency"
        " WHERE expires_at > unixepoch() * 1000 AND message_row NOT IN (SELECT id FROM message)",
        "SELECT 'original of message ' || message_row || ' has no message' FROM original"
        " WHERE message_row NOT IN (SELECT id FROM message)",
        "SELECT 'feedback on message ' || message_row || ' has no message' FROM feedback"
        " WHERE message_row NOT IN (SELECT id FROM message)",
        "SELECT 'resolved review of message ' || message_row || ' has no message' FROM review_resolved"
        " WHERE message_row NOT IN (SELECT id FROM message)",
        "SELECT 'event of ticket ' || ticket_row || ' has no ticket' FROM ticket_event"
        " WHERE ticket_row NOT IN (SELECT id FROM ticket)",
        "SELECT 'message ' || id || ' has no subject' FROM message WHERE subject NOT IN (SELECT id FROM subject)",
        "SELECT 'subject ' || id || ' has no message' FROM subject WHERE id NOT IN (SELECT subject FROM message)",
        "SELECT 'message ' || id || ' has no entry in the audit log' FROM message WHERE audit_seq IS NOT NULL"
        " AND audit_seq NOT IN (SELECT seq FROM audit)",
};

/* Hashes every entry and compares with what is stored beside them. */
static enum err check_audit(struct check *check, int64_t *ret_entries)
{
        struct merkle tree;
        struct sqlite_binder b;
        uint64_t number = 0;
        char text[100];
        enum err err = audit_log_tree(check->db, &tree, check->note);
        if (err == ERR_CORRUPT) {
                complain(check, check->note->text);
                return ERR_OK;
        }
        *ret_entries = (int64_t)tree.size;
        if (!err)
                err = sqlite_once(check->db, "SELECT number, hash FROM audit_tile WHERE level = 1 ORDER BY number", &b, check->note);
        while (!err && sqlite3_step(b.stmt) == SQLITE_ROW) {
                struct audit_reader reader = {check->db, check->note};
                struct digest hash;
                number = (uint64_t)sqlite3_column_int64(b.stmt, 0);
                err = audit_log_hash_leaves(&reader, MERKLE_TILE_HEIGHT, number, &hash);
                bool is_same = !err && sqlite3_column_bytes(b.stmt, 1) == sizeof hash.bytes &&
                               memcmp(sqlite3_column_blob(b.stmt, 1), hash.bytes, sizeof hash.bytes) == 0;
                snprintf(text, sizeof text, "the audit log's entries from %llu on are not those that were hashed",
                         (unsigned long long)number << MERKLE_TILE_HEIGHT);
                if (!is_same)
                        complain(check, text);
        }
        return sqlite_once_end(&b, err);
}

enum err backup_check(const char *path, backup_fault *fault, void *arg, struct backup_report *ret_report, struct err_note *note)
{
        struct check check = {.fault = fault, .arg = arg, .note = note};
        *ret_report = (struct backup_report){0};
        enum err err = sqlite_db_open(path, &reading, &check.db, note);
        if (!err)
                err = store_sqlite_identify(check.db, path, &ret_report->behind, note);
        if (!err)
                err = sqlite_db_exec(check.db, "BEGIN", note);
        if (!err)
                err = sqlite_db_number(check.db, "SELECT count(*) FROM message", &ret_report->messages, note);
        /* An earlier version's rows may be shaped otherwise: then the pages alone. */
        size_t count = ret_report->behind ? 1 : sizeof questions / sizeof *questions;
        for (size_t i = 0; !err && i < count; i++)
                err = find_faults(&check, questions[i]);
        if (!err && !ret_report->behind)
                err = check_audit(&check, &ret_report->entries);
        (void)sqlite3_close(check.db);
        if (!err && check.faults > 0)
                err = err_set(note, ERR_CORRUPT, "%s: %zu faults", path, check.faults);
        return err;
}
