/* SPDX-License-Identifier: Apache-2.0 */
/* What reviewers say about decisions: written as administration is, between two batches, as it comes
 * at the pace of people. */
#include "adapt/store_sqlite_internal.h"

#include "base/alloc.h"

enum { FEEDBACK_ROOM_BYTES = 16384 };

static const char insert_text[] =
        "INSERT OR REPLACE INTO feedback SELECT ?1, ?2, ?3, ?4, ?5, ?6,"
        " seal(s.id, s.key, 'feedback.comment/' || ?2, ?1, ?7)"
        " FROM message m JOIN subject s ON s.id = m.subject WHERE m.id = ?1";

struct feedback_call {
        struct store_call call;
        const struct store_feedback *feedback;
};

/* As for look-ups: what another key may not see does not exist for it. */
static enum err check_message(sqlite3 *db, const struct store_feedback *feedback, struct err_note *note)
{
        sqlite3_stmt *stmt;
        enum err err = sqlite_db_prepare(db, "SELECT key_id, check_word FROM message WHERE id = ?", &stmt, note);
        if (err)
                return err;
        struct sqlite_binder b = {.stmt = stmt};
        bind_i64(&b, (int64_t)feedback->id.row);
        int code = sqlite3_step(stmt);
        if (code == SQLITE_ROW) {
                bool is_visible = feedback->viewer.sees_all ||
                                  sqlite3_column_int64(stmt, 0) == feedback->viewer.key_id;
                if (!is_visible || (uint64_t)sqlite3_column_int64(stmt, 1) != feedback->id.check)
                        err = ERR_NOT_FOUND;
        } else {
                err = code == SQLITE_DONE ? ERR_NOT_FOUND : sqlite_db_err(db, code, note);
        }
        (void)sqlite3_finalize(stmt);
        return err;
}

static enum err write_feedback(struct store_call *call, sqlite3 *db, struct err_note *note)
{
        const struct store_feedback *feedback = list_item(call, struct feedback_call, call)->feedback;
        sqlite3_stmt *stmt;
        enum err err = check_message(db, feedback, note);
        if (!err)
                err = sqlite_db_prepare(db, insert_text, &stmt, note);
        if (err)
                return err;
        struct sqlite_binder b = {.stmt = stmt};
        bind_i64(&b, (int64_t)feedback->id.row);
        bind_i64(&b, feedback->viewer.key_id);
        bind_i64(&b, feedback->now_ms);
        bind_i64(&b, feedback->is_right);
        bind_word(&b, feedback->category == CATEGORY_COUNT ? NULL : category_name(feedback->category));
        bind_word(&b, feedback->intent == INTENT_NONE ? NULL : intent_name(feedback->intent));
        bind_text(&b, feedback->comment.safe);
        int code = b.code == SQLITE_OK ? sqlite_db_run(stmt) : b.code;
        if (code != SQLITE_OK)
                err = sqlite_db_err(db, code, note);
        (void)sqlite3_finalize(stmt);
        return err;
}

static void finish(struct task *task)
{
        struct store_feedback *feedback = list_item(task, struct store_feedback, task);
        feedback->done(feedback);
}

void feedback_add(struct store *store, struct store_feedback *feedback)
{
        struct feedback_call *add = alloc_zeroed(1, sizeof *add);
        *add = (struct feedback_call){
                .call = {.run = write_feedback,
                         .room_bytes = FEEDBACK_ROOM_BYTES,
                         .audit = {.kind = AUDIT_FEEDBACK_GIVEN,
                                   .at_ms = feedback->now_ms,
                                   .key_id = feedback->viewer.key_id,
                                   .record = feedback->id}},
                .feedback = feedback,
        };
        feedback->task.run = finish;
        writer_start(list_item(store, struct facade, store), &add->call, &feedback->task, &feedback->result);
}
