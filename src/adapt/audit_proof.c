/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/audit_proof.h"

#include <fcntl.h>
#include <unistd.h>

#include "adapt/audit_log.h"
#include "adapt/durable_file.h"

enum { ARENA_BYTES = 65536 };

/* One look: what is asked for, and where the answer goes. */
struct look {
        uint64_t index;
        size_t max;
        struct record_id id;
        struct arena *arena;
        struct audit_proof *proof;
        struct buf *lines;
        size_t *ret_count;
        uint64_t *ret_index;
};

static enum err too_short(struct err_note *note, const struct merkle *tree)
{
        return err_set(note, ERR_NOT_FOUND, "the audit log has %llu entries", (unsigned long long)tree->size);
}

static struct audit_checkpoint checkpoint_of(const struct merkle *tree)
{
        return (struct audit_checkpoint){tree->size, merkle_root(tree)};
}

static enum err see_checkpoint(void *arg, struct sqlite3 *db, const struct merkle *tree, struct err_note *note)
{
        (void)db;
        (void)note;
        *(struct audit_checkpoint *)arg = checkpoint_of(tree);
        return ERR_OK;
}

enum err audit_proof_checkpoint(struct store_sqlite *db, struct audit_checkpoint *ret_checkpoint, struct err_note *note)
{
        return store_sqlite_audit_view(db, see_checkpoint, ret_checkpoint, note);
}

static enum err read_entry(struct sqlite3 *db, uint64_t index, struct arena *arena, struct str *ret_entry, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db, "SELECT entry FROM audit WHERE seq = ?", &b, note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)index);
        int code = sqlite3_step(b.stmt);
        if (code != SQLITE_ROW)
                err = code == SQLITE_DONE ? err_set(note, ERR_CORRUPT, "an audit entry is missing") : sqlite_db_err(db, code, note);
        else if (!column_copy(b.stmt, 0, arena, ret_entry))
                err = ERR_TOO_LARGE;
        return sqlite_once_end(&b, err);
}

static enum err see_entry(void *arg, struct sqlite3 *db, const struct merkle *tree, struct err_note *note)
{
        struct look *look = arg;
        struct audit_reader reader = {db, note};
        if (look->index >= tree->size)
                return too_short(note, tree);
        look->proof->index = look->index;
        look->proof->checkpoint = checkpoint_of(tree);
        enum err err = read_entry(db, look->index, look->arena, &look->proof->entry, note);
        return err ? err : merkle_inclusion(look->index, tree->size, audit_log_subtree, &reader, &look->proof->path);
}

enum err audit_proof_entry(struct store_sqlite *db, uint64_t index, struct arena *arena, struct audit_proof *ret_proof,
                           struct err_note *note)
{
        struct look look = {.index = index, .arena = arena, .proof = ret_proof};
        return store_sqlite_audit_view(db, see_entry, &look, note);
}

static enum err see_growth(void *arg, struct sqlite3 *db, const struct merkle *tree, struct err_note *note)
{
        struct look *look = arg;
        struct audit_reader reader = {db, note};
        if (look->index == 0 || look->index > tree->size)
                return too_short(note, tree);
        look->proof->index = look->index;
        look->proof->checkpoint = checkpoint_of(tree);
        return merkle_consistency(look->index, tree->size, audit_log_subtree, &reader, &look->proof->path);
}

enum err audit_proof_growth(struct store_sqlite *db, uint64_t old_size, struct audit_proof *ret_proof, struct err_note *note)
{
        struct look look = {.index = old_size, .proof = ret_proof};
        return store_sqlite_audit_view(db, see_growth, &look, note);
}

static enum err see_place(void *arg, struct sqlite3 *db, const struct merkle *tree, struct err_note *note)
{
        struct look *look = arg;
        struct sqlite_binder b;
        (void)tree;
        enum err err = sqlite_once(db, "SELECT audit_seq FROM message WHERE id = ? AND check_word = ? AND audit_seq IS NOT NULL",
                                   &b, note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)look->id.row);
        bind_i64(&b, (int64_t)look->id.check);
        int code = sqlite3_step(b.stmt);
        if (code == SQLITE_ROW)
                *look->ret_index = (uint64_t)sqlite3_column_int64(b.stmt, 0);
        else
                err = code == SQLITE_DONE ? err_set(note, ERR_NOT_FOUND, "there is no message with this id, or none that was audited")
                                          : sqlite_db_err(db, code, note);
        return sqlite_once_end(&b, err);
}

enum err audit_proof_find(struct store_sqlite *db, struct record_id id, uint64_t *ret_index, struct err_note *note)
{
        struct look look = {.id = id, .ret_index = ret_index};
        return store_sqlite_audit_view(db, see_place, &look, note);
}

static enum err see_entries(void *arg, struct sqlite3 *db, const struct merkle *tree, struct err_note *note)
{
        struct look *look = arg;
        (void)tree;
        return audit_log_read(db, look->index, look->max, look->lines, look->ret_count, note);
}

enum err audit_proof_read(struct store_sqlite *db, uint64_t first, size_t max, struct buf *lines, size_t *ret_count,
                          struct err_note *note)
{
        struct look look = {.index = first, .max = max, .lines = lines, .ret_count = ret_count};
        return store_sqlite_audit_view(db, see_entries, &look, note);
}

static enum err append(const char *path, struct str text, struct err_note *note)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        if (fd < 0)
                return durable_file_errno(note, path, "open");
        bool is_written = write(fd, text.ptr, text.len) == (ssize_t)text.len && fsync(fd) == 0;
        enum err err = is_written ? ERR_OK : durable_file_errno(note, path, "append to");
        close(fd);
        return err;
}

enum err audit_proof_append(const struct audit_key *key, const char *path, const struct audit_checkpoint *checkpoint,
                            struct err_note *note)
{
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        enum err err = append(path, audit_note_sign(key, checkpoint, &arena), note);
        arena_deinit(&arena);
        return err;
}
