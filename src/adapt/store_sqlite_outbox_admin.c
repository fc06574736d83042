/* SPDX-License-Identifier: Apache-2.0 */
/* What people and the clock do with the outbox: list, retry, drop, purge, count. */
#include "adapt/store_sqlite_internal.h"

#include <stdio.h>

#include "adapt/store_sqlite_delivery.h"

/* ---- List and count, on the connection for lists ---- */

static bool copy_row(sqlite3_stmt *stmt, struct arena *arena, struct store_outbox_row *row)
{
        *row = (struct store_outbox_row){
                .id = {(uint64_t)sqlite3_column_int64(stmt, 0), (uint64_t)sqlite3_column_int64(stmt, 1)},
                .message = {(uint64_t)sqlite3_column_int64(stmt, 4), (uint64_t)sqlite3_column_int64(stmt, 5)},
                .created_at_ms = sqlite3_column_int64(stmt, 7),
                .due_at_ms = sqlite3_column_int64(stmt, 8),
                .attempts = (uint32_t)sqlite3_column_int64(stmt, 9),
                .is_unknown = sqlite3_column_int64(stmt, 10),
        };
        return column_copy(stmt, 2, arena, &row->connector) && column_copy(stmt, 3, arena, &row->event) &&
               column_copy(stmt, 6, arena, &row->state) && column_copy(stmt, 11, arena, &row->last_error);
}

static enum err list(sqlite3 *db, const struct store_outbox_filter *filter, struct arena *arena,
                     struct store_outbox_row *rows, size_t *ret_count, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db,
                                   "SELECT o.id, o.check_word, o.connector, o.event, o.message_row, m.check_word, o.state,"
                                   " o.created_at, o.due_at, o.attempts, o.is_unknown, o.last_error FROM outbox o"
                                   " LEFT JOIN message m ON m.id = o.message_row WHERE o.id > ?1"
                                   " AND (?2 IS NULL OR o.connector = ?2) AND (?3 IS NULL OR o.state = ?3)"
                                   " ORDER BY o.id LIMIT ?4",
                                   &b, note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)filter->after_row);
        bind_text(&b, filter->connector);
        bind_text(&b, filter->state);
        bind_i64(&b, (int64_t)filter->limit);
        int code;
        size_t count = 0;
        while (!err && (code = sqlite3_step(b.stmt)) == SQLITE_ROW)
                err = copy_row(b.stmt, arena, &rows[count++]) ? ERR_OK : ERR_TOO_LARGE;
        if (!err && code != SQLITE_DONE)
                err = sqlite_db_err(db, code, note);
        *ret_count = count;
        return sqlite_once_end(&b, err);
}

enum err store_sqlite_outbox_list(struct store_sqlite *db, const struct store_outbox_filter *filter, struct arena *arena,
                                  struct store_outbox_row **ret_rows, size_t *ret_count, struct err_note *note)
{
        struct store_outbox_row *rows = arena_zeroed(arena, filter->limit * sizeof *rows);
        if (filter->limit < 1 || filter->limit > OUTBOX_LIST_MAX || !rows)
                return err_set(note, ERR_INVALID, "a list has 1 to %d entries", OUTBOX_LIST_MAX);
        pthread_mutex_lock(&db->admin_reader.lock);
        enum err err = list(db->admin_reader.db, filter, arena, rows, ret_count, note);
        pthread_mutex_unlock(&db->admin_reader.lock);
        *ret_rows = rows;
        return err;
}

static enum err count(sqlite3 *db, struct arena *arena, struct store_outbox_counts *counts, size_t *ret_count,
                      struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db,
                                   "SELECT connector, sum(state = 'pending'), sum(state = 'dead'),"
                                   " min(CASE WHEN state = 'pending' THEN queued_at END) FROM outbox GROUP BY connector",
                                   &b, note);
        if (err)
                return err;
        int code = SQLITE_DONE;
        size_t found = 0;
        while (!err && found < OUTBOX_COUNTS_MAX && (code = sqlite3_step(b.stmt)) == SQLITE_ROW) {
                struct store_outbox_counts *one = &counts[found++];
                *one = (struct store_outbox_counts){
                        .pending = sqlite3_column_int64(b.stmt, 1),
                        .dead = sqlite3_column_int64(b.stmt, 2),
                        .oldest_ms = sqlite3_column_int64(b.stmt, 3),
                };
                err = column_copy(b.stmt, 0, arena, &one->connector) ? ERR_OK : ERR_TOO_LARGE;
        }
        if (!err && code != SQLITE_DONE && code != SQLITE_ROW)
                err = sqlite_db_err(db, code, note);
        *ret_count = found;
        return sqlite_once_end(&b, err);
}

enum err store_sqlite_outbox_count(struct store_sqlite *db, struct arena *arena,
                                   struct store_outbox_counts ret_counts[OUTBOX_COUNTS_MAX], size_t *ret_count,
                                   struct err_note *note)
{
        pthread_mutex_lock(&db->admin_reader.lock);
        enum err err = count(db->admin_reader.db, arena, ret_counts, ret_count, note);
        pthread_mutex_unlock(&db->admin_reader.lock);
        return err;
}

/* ---- Changes, on the writer's thread ---- */

struct outbox_call {
        struct store_call call;
        struct outbox_rows *rows; /* of the writer */
        const struct record_id *id;
        struct str connector;
        int64_t now_ms;
        struct store_outbox_purge *purge;
        size_t count;
        char details[128];
};

/* Of what people change; what the entry told is found by its message. */
static void tell_audit(struct outbox_call *call, const char *action)
{
        if (call->count == 0)
                return;
        struct ident id = call->id ? record_ident("out_", *call->id) : (struct ident){""};
        int len = snprintf(call->details, sizeof call->details, "{\"action\":\"%s\",\"entry\":\"%s\",\"count\":%zu}", action,
                           call->id ? id.text : "all", call->count);
        call->call.audit = (struct audit_entry){
                .kind = AUDIT_OUTBOX_CHANGED,
                .at_ms = call->now_ms,
                .actor = STR("cli"),
                .details = {call->details, (size_t)len},
        };
}

static enum err not_there(struct err_note *note)
{
        return err_set(note, ERR_NOT_FOUND, "there is no entry with this id in the outbox; it may have been delivered");
}

/* Of each message and connector the first is due, and none but that. */
static enum err order(struct outbox_call *call, sqlite3 *db, struct err_note *note)
{
        static const char *const texts[] = {
                "UPDATE outbox SET due_at = ? WHERE state = 'pending' AND due_at IS NULL AND id IN (SELECT min(id)"
                " FROM outbox WHERE state = 'pending' GROUP BY connector, message_row)",
                "UPDATE outbox SET due_at = NULL WHERE due_at IS NOT NULL AND id NOT IN (SELECT min(id)"
                " FROM outbox WHERE state = 'pending' GROUP BY connector, message_row)",
        };
        enum err err = ERR_OK;
        for (size_t i = 0; !err && i < sizeof texts / sizeof *texts; i++) {
                struct sqlite_binder b;
                err = sqlite_once(db, texts[i], &b, note);
                if (err)
                        return err;
                if (i == 0)
                        bind_i64(&b, call->now_ms);
                err = sqlite_once_run(db, &b, note);
        }
        /* Nobody keeps account of whose entries these were: all lanes look. */
        call->rows->told = UINT64_MAX;
        return err;
}

static enum err change(struct outbox_call *call, sqlite3 *db, struct sqlite_binder *b, struct err_note *note)
{
        enum err err = sqlite_once_run(db, b, note);
        call->count = err ? 0 : (size_t)sqlite3_changes(db);
        return err || call->count == 0 ? err : order(call, db, note);
}

#define MAKE_DUE "UPDATE outbox SET state = 'pending', attempts = 0, queued_at = ?1, due_at = ?1 WHERE "

static enum err retry_one(struct store_call *base, sqlite3 *db, struct err_note *note)
{
        struct outbox_call *call = list_item(base, struct outbox_call, call);
        struct sqlite_binder b;
        enum err err = sqlite_once(db, MAKE_DUE "id = ?2 AND check_word = ?3", &b, note);
        if (err)
                return err;
        bind_i64(&b, call->now_ms);
        bind_i64(&b, (int64_t)call->id->row);
        bind_i64(&b, (int64_t)call->id->check);
        err = change(call, db, &b, note);
        call->rows->is_by_hand = call->count > 0;
        tell_audit(call, "retry");
        return !err && call->count == 0 ? not_there(note) : err;
}

static enum err retry_slice(struct store_call *base, sqlite3 *db, struct err_note *note)
{
        struct outbox_call *call = list_item(base, struct outbox_call, call);
        struct sqlite_binder b;
        enum err err = sqlite_once(db,
                                   MAKE_DUE "id IN (SELECT id FROM outbox WHERE state = 'dead'"
                                            " AND (?2 IS NULL OR connector = ?2) ORDER BY id LIMIT ?3)",
                                   &b, note);
        if (err)
                return err;
        bind_i64(&b, call->now_ms);
        bind_text(&b, call->connector);
        bind_i64(&b, OUTBOX_SLICE);
        err = change(call, db, &b, note);
        call->rows->is_by_hand = call->count > 0;
        tell_audit(call, "retry");
        return err;
}

enum err store_sqlite_outbox_retry(struct store_sqlite *db, const struct record_id *id, struct str connector, int64_t now_ms,
                                   size_t *ret_count, struct err_note *note)
{
        struct outbox_call call = {.call.run = id ? retry_one : retry_slice,
                                   .rows = &db->writer.rows.outbox,
                                   .id = id,
                                   .connector = connector,
                                   .now_ms = now_ms};
        enum err err;
        *ret_count = 0;
        do {
                err = writer_call(db, &call.call, note);
                *ret_count += err ? 0 : call.count;
        } while (!err && call.count == OUTBOX_SLICE);
        return err;
}

static enum err drop(struct store_call *base, sqlite3 *db, struct err_note *note)
{
        struct outbox_call *call = list_item(base, struct outbox_call, call);
        struct sqlite_binder b;
        enum err err = sqlite_once(db, "DELETE FROM outbox WHERE id = ? AND check_word = ?", &b, note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)call->id->row);
        bind_i64(&b, (int64_t)call->id->check);
        err = change(call, db, &b, note);
        tell_audit(call, "drop");
        return !err && call->count == 0 ? not_there(note) : err;
}

enum err store_sqlite_outbox_drop(struct store_sqlite *db, struct record_id id, int64_t now_ms, struct err_note *note)
{
        struct outbox_call call = {.call.run = drop, .rows = &db->writer.rows.outbox, .id = &id, .now_ms = now_ms};
        return writer_call(db, &call.call, note);
}

/* ---- Purge ---- */

static enum err purge_state(sqlite3 *db, const char *sql, int64_t before_ms, size_t *ret_count, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db, sql, &b, note);
        if (err)
                return err;
        bind_i64(&b, before_ms);
        bind_i64(&b, OUTBOX_SLICE);
        err = sqlite_once_run(db, &b, note);
        *ret_count = err ? 0 : (size_t)sqlite3_changes(db);
        return err;
}

static enum err purge(struct store_call *base, sqlite3 *db, struct err_note *note)
{
        struct outbox_call *call = list_item(base, struct outbox_call, call);
        enum err err = purge_state(db,
                                   "DELETE FROM outbox WHERE id IN"
                                   " (SELECT id FROM outbox WHERE state = 'dead' AND queued_at < ? LIMIT ?)",
                                   call->purge->dead_before_ms, &call->purge->deleted, note);
        if (!err)
                err = purge_state(db,
                                  "UPDATE outbox SET state = 'dead', due_at = NULL,"
                                  " last_error = coalesce(last_error || '; ', '') || 'too old to be tried again' WHERE id IN"
                                  " (SELECT id FROM outbox WHERE state = 'pending' AND queued_at < ? LIMIT ?)",
                                  call->purge->pending_before_ms, &call->purge->died, note);
        return err || call->purge->died == 0 ? err : order(call, db, note);
}

enum err store_sqlite_outbox_purge(struct store_sqlite *db, struct store_outbox_purge *work, struct err_note *note)
{
        struct outbox_call call = {
                .call.run = purge, .rows = &db->writer.rows.outbox, .purge = work, .now_ms = work->now_ms};
        return writer_call(db, &call.call, note);
}
