/* SPDX-License-Identifier: Apache-2.0 */
/* The audit log of the store: entries of what is no message, and consistent views for export and proofs. */
#include "adapt/store_sqlite_internal.h"

#include "base/alloc.h"

enum { ENTRY_ROOM_BYTES = 16384 };

static enum err nothing_else(struct store_call *call, sqlite3 *db, struct err_note *note)
{
        (void)call;
        (void)db;
        (void)note;
        return ERR_OK;
}

enum err store_sqlite_audit(struct store_sqlite *db, const struct audit_entry *entry, struct err_note *note)
{
        struct store_call call = {.run = nothing_else, .room_bytes = ENTRY_ROOM_BYTES, .audit = *entry};
        return writer_call(db, &call, note);
}

struct version_call {
        struct store_call call;
        struct str version;
};

static enum err keep_version(struct store_call *call, sqlite3 *db, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db, "INSERT INTO meta(key, value) VALUES('last ' || ?, CAST(? AS BLOB))"
                                   " ON CONFLICT(key) DO UPDATE SET value = excluded.value WHERE value <> excluded.value",
                                   &b, note);
        if (err)
                return err;
        bind_word(&b, audit_kind_name(call->audit.kind));
        bind_text(&b, list_item(call, struct version_call, call)->version);
        err = sqlite_once_run(db, &b, note);
        if (!err && sqlite3_changes(db) == 0)
                call->audit = (struct audit_entry){.at_ms = 0};
        return err;
}

enum err store_sqlite_audit_version(struct store_sqlite *db, const struct audit_entry *entry, struct str version,
                                    struct err_note *note)
{
        struct version_call keep = {
                .call = {.run = keep_version, .room_bytes = ENTRY_ROOM_BYTES, .audit = *entry}, .version = version};
        return writer_call(db, &keep.call, note);
}

static void finish(struct task *task)
{
        struct store_audit *audit = list_item(task, struct store_audit, task);
        audit->done(audit);
}

void audit_add(struct store *store, struct store_audit *audit)
{
        struct store_call *call = alloc_zeroed(1, sizeof *call);
        *call = (struct store_call){.run = nothing_else, .audit = audit->entry};
        audit->task.run = finish;
        writer_start(list_item(store, struct facade, store), call, &audit->task, &audit->result);
}

/* In one read transaction, so that whatever is written meanwhile is not seen. */
enum err store_sqlite_audit_view(struct store_sqlite *db, store_audit_view *view, void *arg, struct err_note *note)
{
        struct admin_reader *reader = &db->admin_reader;
        struct merkle tree;
        pthread_mutex_lock(&reader->lock);
        enum err err = sqlite_db_exec(reader->db, "BEGIN", note);
        if (!err) {
                err = audit_log_tree(reader->db, &tree, note);
                if (!err)
                        err = view(arg, reader->db, &tree, note);
                sqlite_db_rollback(reader->db);
        }
        pthread_mutex_unlock(&reader->lock);
        return err;
}
