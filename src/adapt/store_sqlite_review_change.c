/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of reviews, on the writer's thread, and which conversations have an open one. */
#include "adapt/store_sqlite_review.h"

#include <string.h>

#include "base/alloc.h"
#include "base/metric.h"

enum { CHANGE_ROOM_BYTES = 65536 };

/* ---- Changes, on the writer's thread ---- */

/* One on its way to the writer and back. */
struct change_call {
        struct store_call call;
        struct store_review_change *op;
        struct store_conversation conversation;
        bool has_conversation; /* of which the change is told once it is committed */
        struct review before;
        enum review_status to; /* REVIEW_STATUS_COUNT: it is as before */
};

/* Whether the change may be made; *ret_to is where it leads, REVIEW_STATUS_COUNT when nothing is to be done. */
static enum err check(const struct store_review_change *op, enum review_status *ret_to, struct err_note *note)
{
        const struct review *review = &op->review;
        if (op->if_version && op->if_version != review->version)
                return err_set(note, ERR_STALE, "the review has version %lld now", (long long)review->version);
        bool has_it = op->change.action == REVIEW_CLAIM && review->status == REVIEW_CLAIMED;
        if (has_it && str_equal(review->assignee, op->change.assignee)) {
                *ret_to = REVIEW_STATUS_COUNT;
                return ERR_OK;
        }
        if (has_it)
                return err_set(note, ERR_CONFLICT, "%.*s has claimed the review: it has to be released first",
                               STR_ARGS(review->assignee));
        if (review->version >= REVIEW_MAX_VERSION && op->change.action != REVIEW_RESOLVE)
                return err_set(note, ERR_CONFLICT, "the review has changed %d times and can only be resolved",
                               REVIEW_MAX_VERSION);
        if (!review_after(review->status, op->change.action, ret_to))
                return err_set(note, ERR_CONFLICT, "%s is not possible while the review is %s",
                               review_action_name(op->change.action), review_status_name(review->status));
        return ERR_OK;
}

static enum err log_event(sqlite3 *db, const struct store_review_change *op, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db,
                               "INSERT INTO review_event(message_row, version, at, by_key, action, assignee, outcome,"
                               " note) VALUES(?,?,?,?,?,?,?,?)",
                               &b, note);
        if (err)
                return err;
        bool is_claim = op->change.action == REVIEW_CLAIM;
        bind_i64(&b, (int64_t)op->id.row);
        bind_i64(&b, op->review.version + 1);
        bind_i64(&b, op->now_ms);
        bind_text(&b, op->by);
        bind_word(&b, review_action_name(op->change.action));
        bind_text(&b, is_claim ? op->change.assignee : op->review.assignee);
        bind_word(&b, review_outcome_name(op->change.outcome));
        bind_text(&b, op->change.note.safe);
        return sqlite_once_run(db, &b, note);
}

static enum err update(sqlite3 *db, const struct store_review_change *op, enum review_status to, struct err_note *note)
{
        struct sqlite_binder b;
        const struct review *review = &op->review;
        enum err err = sqlite_once(db,
                               "UPDATE review SET status = ?3, assignee = ?4, version = ?5, updated_at = ?6,"
                               " acknowledged_at = ?7" REVIEW_KEY,
                               &b, note);
        if (err)
                return err;
        bool is_seen = review->acknowledged_at_ms || to != REVIEW_PENDING;
        review_row_bind_key(&b, review);
        bind_word(&b, review_status_name(to));
        bind_text(&b, to == REVIEW_CLAIMED ? op->change.assignee
                                           : to == REVIEW_RESOLVED ? review->assignee : (struct str){0});
        bind_i64(&b, review->version + 1);
        bind_i64(&b, op->now_ms);
        if (is_seen)
                bind_i64(&b, review->acknowledged_at_ms ? review->acknowledged_at_ms : op->now_ms);
        return sqlite_once_run(db, &b, note);
}

/* From the one table to the other: `insert` and then `delete`, by the review's key. */
static enum err move(sqlite3 *db, const struct store_review_change *op, const char *insert, const char *delete,
                     struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db, insert, &b, note);
        if (err)
                return err;
        review_row_bind_key(&b, &op->review);
        if (op->change.action == REVIEW_RESOLVE) {
                bind_word(&b, review_outcome_name(op->change.outcome));
                bind_i64(&b, op->now_ms);
        }
        err = sqlite_once_run(db, &b, note);
        if (!err)
                err = sqlite_once(db, delete, &b, note);
        if (err)
                return err;
        review_row_bind_key(&b, &op->review);
        return sqlite_once_run(db, &b, note);
}

static enum err tell_compliance(sqlite3 *db, const struct store_review_change *op, enum review_status to,
                                struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db, "UPDATE compliance SET status = ? WHERE id = ?", &b, note);
        if (err)
                return err;
        bind_word(&b, review_compliance_status(to));
        bind_i64(&b, (int64_t)op->id.row);
        return sqlite_once_run(db, &b, note);
}

static enum err apply(sqlite3 *db, const struct store_review_change *op, enum review_status to, struct err_note *note)
{
        enum err err = log_event(db, op, note);
        if (!err && op->change.action == REVIEW_REOPEN)
                err = move(db, op,
                           "INSERT INTO review(" REVIEW_ALL_COLUMNS ") SELECT " REVIEW_ALL_COLUMNS " FROM review_resolved" REVIEW_KEY,
                           "DELETE FROM review_resolved" REVIEW_KEY, note);
        if (!err)
                err = update(db, op, to, note);
        if (!err && to == REVIEW_RESOLVED)
                err = move(db, op,
                           "INSERT INTO review_resolved(" REVIEW_ALL_COLUMNS ", outcome, resolved_at) SELECT " REVIEW_ALL_COLUMNS
                           ", ?3, ?4 FROM review" REVIEW_KEY,
                           "DELETE FROM review" REVIEW_KEY, note);
        if (!err)
                err = sla_rows_follow(db, &op->review, to, op->now_ms, note);
        if (!err && op->review.severity != SEVERITY_NONE)
                err = tell_compliance(db, op, to, note);
        return err;
}

/* ---- Conversations ---- */

#define OPEN_CONVERSATIONS \
        "SELECT r.conversation, r.message_row, m.check_word," \
        " EXISTS(SELECT 1 FROM review_message j WHERE j.review_row = r.message_row)" \
        " FROM review r JOIN message m ON m.id = r.message_row WHERE r.conversation IS NOT NULL"

/* False when the value is not one of this program's. */
static bool read_conversation(sqlite3_stmt *stmt, struct store_conversation *ret_conversation)
{
        struct store_conversation conversation = {.is_open = true};
        if (sqlite3_column_bytes(stmt, 0) != (int)sizeof conversation.conversation.bytes)
                return false;
        memcpy(conversation.conversation.bytes, sqlite3_column_blob(stmt, 0), sizeof conversation.conversation.bytes);
        conversation.review.row = (uint64_t)sqlite3_column_int64(stmt, 1);
        conversation.review.check = (uint64_t)sqlite3_column_int64(stmt, 2);
        conversation.is_joined = sqlite3_column_int64(stmt, 3);
        *ret_conversation = conversation;
        return true;
}

enum err store_sqlite_tell_conversations(struct store_sqlite *db, struct err_note *note)
{
        struct sqlite_binder b;
        struct store_conversation conversation;
        pthread_mutex_lock(&db->admin_reader.lock);
        enum err err = sqlite_once(db->admin_reader.db, OPEN_CONVERSATIONS " ORDER BY r.message_row", &b, note);
        int code = SQLITE_DONE;
        while (!err && (code = sqlite3_step(b.stmt)) == SQLITE_ROW) {
                if (read_conversation(b.stmt, &conversation))
                        db->config.on_conversation(db->config.arg, &conversation);
                else
                        err = err_set(note, ERR_CORRUPT, "a stored value is not one of this program's");
        }
        if (!err && code != SQLITE_DONE)
                err = sqlite_db_err(db->admin_reader.db, code, note);
        err = sqlite_once_end(&b, err);
        pthread_mutex_unlock(&db->admin_reader.lock);
        return err;
}

void reviews_opened(struct store_sqlite *db, const struct pending *batch, size_t count)
{
        for (size_t i = 0; i < count; i++) {
                const struct store_record *record = batch[i].commit->record;
                if (!record->conversation)
                        continue;
                const struct store_conversation conversation = {*record->conversation, record->id, .is_open = true};
                db->config.on_conversation(db->config.arg, &conversation);
        }
}

/* Of a review that is open; one that is resolved is not found, and was told of before it was moved. */
static enum err find_conversation(struct change_call *change, sqlite3 *db, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db, OPEN_CONVERSATIONS " AND r.due_at = ?1 AND r.message_row = ?2", &b, note);
        if (err)
                return err;
        review_row_bind_key(&b, &change->op->review);
        int code = sqlite3_step(b.stmt);
        if (code == SQLITE_ROW)
                change->has_conversation = read_conversation(b.stmt, &change->conversation);
        return sqlite_once_end(&b, code == SQLITE_ROW || code == SQLITE_DONE ? ERR_OK : sqlite_db_err(db, code, note));
}

static void measure(const struct change_call *change)
{
        const struct review *review = &change->before;
        int64_t passed_ms = change->op->now_ms - review->received_at_ms;
        double seconds = passed_ms > 0 ? (double)passed_ms / 1e3 : 0;
        if (!review->acknowledged_at_ms && (change->to == REVIEW_CLAIMED || change->to == REVIEW_RESOLVED))
                METRIC_OBSERVE(REVIEW_ACKNOWLEDGED, review->severity, seconds);
        if (change->to == REVIEW_RESOLVED)
                METRIC_OBSERVE(REVIEW_RESOLVED, review->severity, seconds);
}

static void tell_change(struct store_call *call, struct store_sqlite *db)
{
        struct change_call *change = list_item(call, struct change_call, call);
        measure(change);
        if (!change->has_conversation || !db->config.on_conversation)
                return;
        change->conversation.is_open = change->op->review.status != REVIEW_RESOLVED;
        /* The bot has spoken there meanwhile: that a person is back has to be said again. */
        if (change->op->change.action == REVIEW_REOPEN)
                change->conversation.is_joined = false;
        db->config.on_conversation(db->config.arg, &change->conversation);
}

static struct audit_entry audit_of(const struct store_review_change *op)
{
        return (struct audit_entry){
                .kind = AUDIT_REVIEW_CHANGED,
                .at_ms = op->now_ms,
                .by = op->by,
                .record = op->id,
                .details = arena_format(op->arena, "{\"action\":\"%s\",\"version\":%lld}",
                                        review_action_name(op->change.action), (long long)op->review.version),
        };
}

static enum err run_change(struct store_call *call, sqlite3 *db, struct err_note *note)
{
        struct change_call *change = list_item(call, struct change_call, call);
        struct store_review_change *op = change->op;
        change->to = REVIEW_STATUS_COUNT;
        enum err err = review_row_find(db, op->id, op->arena, &op->review, note);
        change->before = op->review;
        if (!err)
                err = check(op, &change->to, note);
        if (!err)
                err = find_conversation(change, db, note);
        if (!err && change->to != REVIEW_STATUS_COUNT)
                err = apply(db, op, change->to, note);
        if (!err && op->change.action == REVIEW_REOPEN)
                err = find_conversation(change, db, note);
        if (!err)
                err = review_row_find(db, op->id, op->arena, &op->review, note);
        if (!err && change->to != REVIEW_STATUS_COUNT)
                call->audit = audit_of(op);
        return err ? err : review_row_history(db, &op->review, op->arena, &op->history, note);
}

/* ---- The ways in: a loop's, and administration's ---- */

static void finish_change(struct task *task)
{
        struct store_review_change *op = list_item(task, struct store_review_change, task);
        op->done(op);
}

void review_change(struct store *store, struct store_review_change *op)
{
        struct facade *facade = list_item(store, struct facade, store);
        struct change_call *change = alloc_zeroed(1, sizeof *change);
        *change = (struct change_call){
                .call = {.run = run_change, .committed = tell_change, .room_bytes = CHANGE_ROOM_BYTES, .note = &op->note},
                .op = op};
        op->task.run = finish_change;
        writer_start(facade, &change->call, &op->task, &op->result);
}

enum err store_sqlite_change_review(struct store_sqlite *db, struct store_review_change *op)
{
        struct change_call change = {
                .call = {.run = run_change, .committed = tell_change, .room_bytes = CHANGE_ROOM_BYTES}, .op = op};
        op->result = writer_call(db, &change.call, &op->note);
        return op->result;
}
