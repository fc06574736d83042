/* SPDX-License-Identifier: Apache-2.0 */
/* What the lanes of the outbox do with its rows: take, settle, give up. */
#include "adapt/store_sqlite_delivery.h"

#include "adapt/store_sqlite_internal.h"

struct store_outbox *store_sqlite_outbox(struct store_sqlite *db)
{
        return &db->outbox;
}

uint64_t store_sqlite_outbox_bit(struct str connector)
{
        return outbox_bit(connector);
}

enum err outbox_delivery_open(struct store_sqlite *db, struct err_note *note)
{
        int64_t last = 0;
        db->outbox.ops = &outbox_delivery_ops;
        enum err err = sqlite_db_number(db->admin_reader.db, "SELECT coalesce(max(id), 0) FROM outbox", &last, note);
        db->outbox_unsure_row = (uint64_t)last;
        return err;
}

/* ---- Take ---- */

static bool copy_item(const struct store_sqlite *db, sqlite3_stmt *stmt, struct arena *arena, struct outbox_item *item)
{
        *item = (struct outbox_item){
                .id = {(uint64_t)sqlite3_column_int64(stmt, 0), (uint64_t)sqlite3_column_int64(stmt, 1)},
                .message_row = (uint64_t)sqlite3_column_int64(stmt, 3),
                .created_at_ms = sqlite3_column_int64(stmt, 4),
                .queued_at_ms = sqlite3_column_int64(stmt, 5),
                .attempts = (uint32_t)sqlite3_column_int64(stmt, 6),
                .is_unknown = sqlite3_column_int64(stmt, 7),
        };
        item->is_unknown |= item->id.row <= db->outbox_unsure_row;
        return column_copy(stmt, 2, arena, &item->event) && column_copy(stmt, 8, arena, &item->payload.safe);
}

static enum err take_due(struct store_sqlite *db, struct outbox_batch *batch, struct err_note *note)
{
        struct sqlite_binder b;
        sqlite3 *reader = db->admin_reader.db;
        enum err err = sqlite_once(reader,
                                   "SELECT id, check_word, event, message_row, created_at, queued_at, attempts, is_unknown,"
                                   " payload FROM outbox WHERE connector = ? AND due_at <= ? ORDER BY due_at, id LIMIT ?",
                                   &b, note);
        if (err)
                return err;
        bind_text(&b, batch->connector);
        bind_i64(&b, batch->now_ms);
        bind_i64(&b, OUTBOX_BATCH);
        int code;
        while ((code = sqlite3_step(b.stmt)) == SQLITE_ROW && batch->count < OUTBOX_BATCH) {
                if (!copy_item(db, b.stmt, batch->arena, &batch->items[batch->count]))
                        break;
                batch->count++;
        }
        if (code != SQLITE_DONE && code != SQLITE_ROW)
                err = sqlite_db_err(reader, code, note);
        return sqlite_once_end(&b, err);
}

static enum err find_next(sqlite3 *reader, struct outbox_batch *batch, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(reader, "SELECT min(due_at) FROM outbox WHERE connector = ? AND due_at IS NOT NULL", &b, note);
        if (err)
                return err;
        bind_text(&b, batch->connector);
        int code = sqlite3_step(b.stmt);
        batch->next_due_ms = sqlite3_column_type(b.stmt, 0) == SQLITE_NULL ? INT64_MAX : sqlite3_column_int64(b.stmt, 0);
        if (code != SQLITE_ROW)
                err = sqlite_db_err(reader, code, note);
        return sqlite_once_end(&b, err);
}

static enum err take(struct store_outbox *outbox, struct outbox_batch *batch, struct err_note *note)
{
        struct store_sqlite *db = list_item(outbox, struct store_sqlite, outbox);
        pthread_mutex_lock(&db->admin_reader.lock);
        enum err err = take_due(db, batch, note);
        if (!err && batch->count == 0)
                err = find_next(db->admin_reader.db, batch, note);
        pthread_mutex_unlock(&db->admin_reader.lock);
        writer_report(db, err, note);
        return err;
}

/* ---- Settle ---- */

enum settle_stmt { FIND, REMOVE, POSTPONE, BURY, PROMOTE, NAME_TICKET, NAME_COMPLIANCE, SETTLE_STMTS };

static const char *const settle_texts[SETTLE_STMTS] = {
        [FIND] = "SELECT connector, message_row, event FROM outbox WHERE id = ? AND check_word = ?",
        [REMOVE] = "DELETE FROM outbox WHERE id = ?",
        [POSTPONE] = "UPDATE outbox SET attempts = attempts + 1, is_unknown = ?2, last_error = ?3, due_at = ?4"
                     " WHERE id = ?1 AND state = 'pending'",
        [BURY] = "UPDATE outbox SET attempts = attempts + 1, is_unknown = ?2, last_error = ?3, due_at = NULL, state = 'dead'"
                 " WHERE id = ?1",
        [PROMOTE] = "UPDATE outbox SET due_at = ?3 WHERE due_at IS NULL AND id = (SELECT min(id) FROM outbox"
                    " WHERE connector = ?1 AND state = 'pending' AND message_row = ?2)",
        [NAME_TICKET] = "UPDATE ticket SET external_id = ?2 WHERE id = ?1",
        [NAME_COMPLIANCE] = "UPDATE compliance SET external_id = ?2 WHERE id = ?1",
};

struct settle_call {
        struct store_call call;
        sqlite3 *db;
        sqlite3_stmt *stmts[SETTLE_STMTS];
        const struct outbox_result *results;
        size_t count;
        int64_t now_ms;
};

static enum err run(struct settle_call *settle, struct sqlite_binder *b, struct err_note *note)
{
        int code = b->code == SQLITE_OK ? sqlite_db_run(b->stmt) : b->code;
        return code == SQLITE_OK ? ERR_OK : sqlite_db_err(settle->db, code, note);
}

static struct sqlite_binder bind_row(struct settle_call *settle, enum settle_stmt which, uint64_t row)
{
        struct sqlite_binder b = {.stmt = settle->stmts[which]};
        bind_i64(&b, (int64_t)row);
        return b;
}

static enum err keep_name(struct settle_call *settle, const struct outbox_result *result, uint64_t message_row,
                          struct str event, struct err_note *note)
{
        bool is_ticket = str_equal(event, str_from(notice_name(NOTICE_TICKET_CREATED)));
        bool is_compliance = str_equal(event, str_from(notice_name(NOTICE_COMPLIANCE_CREATED)));
        if (!result->external_id[0] || (!is_ticket && !is_compliance))
                return ERR_OK;
        struct sqlite_binder b = bind_row(settle, is_ticket ? NAME_TICKET : NAME_COMPLIANCE, message_row);
        bind_text(&b, str_from(result->external_id));
        return run(settle, &b, note);
}

static enum err change(struct settle_call *settle, const struct outbox_result *result, struct err_note *note)
{
        static const enum settle_stmt changes[] = {
                [OUTBOX_DONE] = REMOVE, [OUTBOX_AGAIN] = POSTPONE, [OUTBOX_DEAD] = BURY};
        struct sqlite_binder b = bind_row(settle, changes[result->fate], result->id.row);
        if (result->fate != OUTBOX_DONE) {
                bind_i64(&b, result->is_unknown);
                bind_text(&b, str_from(result->note.text));
        }
        if (result->fate == OUTBOX_AGAIN)
                bind_i64(&b, result->due_at_ms);
        return run(settle, &b, note);
}

/* With the row of FIND before it. */
static enum err settle_found(struct settle_call *settle, const struct outbox_result *result, sqlite3_stmt *found,
                             struct err_note *note)
{
        uint64_t message_row = (uint64_t)sqlite3_column_int64(found, 1);
        enum err err = keep_name(settle, result, message_row, column_text(found, 2), note);
        if (!err)
                err = change(settle, result, note);
        if (err || result->fate == OUTBOX_AGAIN)
                return err;
        struct sqlite_binder b = {.stmt = settle->stmts[PROMOTE]};
        bind_text(&b, column_text(found, 0));
        bind_i64(&b, (int64_t)message_row);
        bind_i64(&b, settle->now_ms);
        return run(settle, &b, note);
}

static enum err settle_one(struct settle_call *settle, const struct outbox_result *result, struct err_note *note)
{
        struct sqlite_binder b = bind_row(settle, FIND, result->id.row);
        bind_i64(&b, (int64_t)result->id.check);
        int code = sqlite3_step(b.stmt);
        enum err err = ERR_OK;
        if (code == SQLITE_ROW)
                err = settle_found(settle, result, b.stmt, note);
        else if (code != SQLITE_DONE)
                err = sqlite_db_err(settle->db, code, note);
        (void)sqlite3_reset(b.stmt);
        return err;
}

static enum err settle_all(struct store_call *call, sqlite3 *db, struct err_note *note)
{
        struct settle_call *settle = list_item(call, struct settle_call, call);
        enum err err = ERR_OK;
        settle->db = db;
        for (size_t i = 0; !err && i < SETTLE_STMTS; i++)
                err = sqlite_db_prepare(db, settle_texts[i], &settle->stmts[i], note);
        for (size_t i = 0; !err && i < settle->count; i++)
                err = settle_one(settle, &settle->results[i], note);
        for (size_t i = 0; i < SETTLE_STMTS; i++)
                (void)sqlite3_finalize(settle->stmts[i]);
        return err;
}

static enum err settle(struct store_outbox *outbox, const struct outbox_result *results, size_t count, int64_t now_ms,
                       struct err_note *note)
{
        struct settle_call settle = {
                .call.run = settle_all,
                .results = results,
                .count = count,
                .now_ms = now_ms,
        };
        return writer_call(list_item(outbox, struct store_sqlite, outbox), &settle.call, note);
}

/* ---- Give up ---- */

struct give_up_call {
        struct store_call call;
        struct str connector;
        const char *why;
        size_t count;
};

static enum err bury_slice(struct store_call *call, sqlite3 *db, struct err_note *note)
{
        struct give_up_call *give_up = list_item(call, struct give_up_call, call);
        struct sqlite_binder b;
        enum err err = sqlite_once(db,
                                   "UPDATE outbox SET state = 'dead', due_at = NULL, last_error = ? WHERE id IN (SELECT id"
                                   " FROM outbox WHERE connector = ? AND state = 'pending' LIMIT ?)",
                                   &b, note);
        if (err)
                return err;
        bind_word(&b, give_up->why);
        bind_text(&b, give_up->connector);
        bind_i64(&b, OUTBOX_SLICE);
        err = sqlite_once_run(db, &b, note);
        give_up->count = err ? 0 : (size_t)sqlite3_changes(db);
        return err;
}

static enum err give_up(struct store_outbox *outbox, struct str connector, const char *why, size_t *ret_count,
                        struct err_note *note)
{
        struct give_up_call give_up = {.call.run = bury_slice, .connector = connector, .why = why};
        enum err err;
        *ret_count = 0;
        do {
                err = writer_call(list_item(outbox, struct store_sqlite, outbox), &give_up.call, note);
                *ret_count += err ? 0 : give_up.count;
        } while (!err && give_up.count == OUTBOX_SLICE);
        return err;
}

const struct store_outbox_ops outbox_delivery_ops = {.take = take, .settle = settle, .give_up = give_up};
