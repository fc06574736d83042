/* SPDX-License-Identifier: Apache-2.0 */
/* Expired idempotency keys are swept by the writer and answer nothing; as no message is purged before its key has
 * expired, nobody looks for them here: they are not in the order of messages. */
#include "adapt/store_sqlite_retention.h"

#include <stdio.h>
#include <string.h>

#include "adapt/store_sqlite_internal.h"

enum { DETAILS_BYTES = 256 };

struct retention_call {
        struct store_call call;
        struct store_retention *pass;
        struct buf ids;      /* of the messages that go, as a JSON array */
        struct buf subjects; /* theirs, where they have a name */
        size_t due;
        char details[DETAILS_BYTES];
};

/* ?1 where the pass stands, ?2 the slice, ?3 and ?4 the times; everything is found by its key. */
static const char slice_text[] =
        "SELECT json_group_array(id) FILTER (WHERE is_due),"
        " json_group_array(DISTINCT subject) FILTER (WHERE is_due AND subject < 0),"
        " count(*) FILTER (WHERE is_due), count(*), max(id), count(*) FILTER (WHERE received_at < ?3) FROM ("
        "SELECT id, subject, received_at, received_at < ?3"
        " AND NOT EXISTS(SELECT 1 FROM review r WHERE r.due_at = m.review_due_at AND r.message_row = m.id)"
        " AND NOT EXISTS(SELECT 1 FROM review_resolved r WHERE r.due_at = m.review_due_at AND r.message_row = m.id"
        "  AND r.resolved_at >= ?3)"
        " AND NOT EXISTS(SELECT 1 FROM review_message j JOIN message o ON o.id = j.review_row"
        "  JOIN review r ON r.due_at = o.review_due_at AND r.message_row = o.id WHERE j.message_row = m.id)"
        " AND NOT EXISTS(SELECT 1 FROM ticket t WHERE t.id = m.id"
        "  AND (t.status NOT IN ('resolved', 'closed') OR t.updated_at >= ?3))"
        " AND NOT EXISTS(SELECT 1 FROM compliance c WHERE c.id = m.id"
        "  AND (c.status <> 'resolved' OR c.received_at >= ?4))"
        " AND id NOT IN (SELECT message_row FROM outbox) AS is_due"
        " FROM (SELECT id, subject, received_at, review_due_at FROM message WHERE id > ?1 ORDER BY id LIMIT ?2) m)";

/* ?1 the messages, ?2 the subjects. Rows are numbered from the largest on that there has been: no row means two messages. */
#define GOING "(SELECT value FROM json_each(?1))"
static const struct {
        enum retention_kind kind; /* RETENTION_KINDS: not counted */
        const char *sql;
} deletions[] = {
        {RETENTION_KINDS, "INSERT OR REPLACE INTO meta(key, value)"
                          " SELECT 'last_row', CAST(CAST(max(id) AS TEXT) AS BLOB) FROM message"},
        {RETENTION_REVIEW, "DELETE FROM review_resolved WHERE (due_at, message_row) IN"
                           " (SELECT review_due_at, id FROM message WHERE id IN " GOING ")"},
        {RETENTION_KINDS, "DELETE FROM review_event WHERE message_row IN " GOING},
        {RETENTION_KINDS, "DELETE FROM review_message WHERE review_row IN " GOING},
        {RETENTION_KINDS, "DELETE FROM review_message WHERE message_row IN " GOING},
        {RETENTION_KINDS, "DELETE FROM sla WHERE message_row IN " GOING},
        {RETENTION_KINDS, "DELETE FROM ticket_event WHERE ticket_row IN " GOING},
        {RETENTION_TICKET, "DELETE FROM ticket WHERE id IN " GOING},
        {RETENTION_RECORD, "DELETE FROM compliance WHERE id IN " GOING},
        {RETENTION_KINDS, "DELETE FROM original WHERE message_row IN " GOING},
        {RETENTION_FEEDBACK, "DELETE FROM feedback WHERE message_row IN " GOING},
        {RETENTION_MESSAGE, "DELETE FROM message WHERE id IN " GOING},
        {RETENTION_SUBJECT, "DELETE FROM subject WHERE id IN " GOING " OR (id IN (SELECT value FROM json_each(?2))"
                            " AND id NOT IN (SELECT subject FROM message WHERE subject < 0))"},
};

/* ---- What goes ---- */

static void take_slice(struct retention_call *call, sqlite3_stmt *stmt)
{
        struct store_retention *pass = call->pass;
        buf_append_str(&call->ids, column_text(stmt, 0));
        buf_append_str(&call->subjects, column_text(stmt, 1));
        call->due = (size_t)sqlite3_column_int64(stmt, 2);
        /* Rows are in the order of arrival but for those that were under way together. */
        pass->is_done = sqlite3_column_int64(stmt, 3) < RETENTION_SLICE || sqlite3_column_int64(stmt, 5) == 0;
        pass->after_row = pass->is_done ? 0 : (uint64_t)sqlite3_column_int64(stmt, 4);
}

static enum err find_due(struct retention_call *call, sqlite3 *db, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db, slice_text, &b, note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)call->pass->after_row);
        bind_i64(&b, RETENTION_SLICE);
        bind_i64(&b, call->pass->message_before_ms);
        bind_i64(&b, call->pass->record_before_ms);
        int code = b.code == SQLITE_OK ? sqlite3_step(b.stmt) : b.code;
        if (code == SQLITE_ROW)
                take_slice(call, b.stmt);
        else
                err = sqlite_db_err(db, code, note);
        return sqlite_once_end(&b, err);
}

/* ---- The transaction ---- */

static enum err delete_due(struct retention_call *call, sqlite3 *db, struct err_note *note)
{
        enum err err = ERR_OK;
        for (size_t i = 0; !err && i < sizeof deletions / sizeof *deletions; i++) {
                struct sqlite_binder b;
                err = sqlite_once(db, deletions[i].sql, &b, note);
                if (err)
                        break;
                if (sqlite3_bind_parameter_count(b.stmt) > 0)
                        bind_text(&b, buf_str(&call->ids));
                if (sqlite3_bind_parameter_count(b.stmt) > 1)
                        bind_text(&b, buf_str(&call->subjects));
                err = sqlite_once_run(db, &b, note);
                if (!err && deletions[i].kind != RETENTION_KINDS)
                        call->pass->purged[deletions[i].kind] = (size_t)sqlite3_changes(db);
        }
        return err;
}

static void tell_audit(struct retention_call *call)
{
        const size_t *purged = call->pass->purged;
        int len = snprintf(call->details, sizeof call->details,
                           "{\"messages\":%zu,\"tickets\":%zu,\"compliance_records\":%zu,\"reviews\":%zu,\"feedback\":%zu,"
                           "\"subjects\":%zu}",
                           purged[RETENTION_MESSAGE], purged[RETENTION_TICKET], purged[RETENTION_RECORD],
                           purged[RETENTION_REVIEW], purged[RETENTION_FEEDBACK], purged[RETENTION_SUBJECT]);
        call->call.audit = (struct audit_entry){.kind = AUDIT_RETENTION_PURGED,
                                                .at_ms = call->pass->now_ms,
                                                .actor = STR("server"),
                                                .details = {call->details, (size_t)len}};
}

static enum err purge(struct store_call *base, sqlite3 *db, struct err_note *note)
{
        struct retention_call *call = list_item(base, struct retention_call, call);
        struct store_retention *pass = call->pass;
        enum err err = find_due(call, db, note);
        if (!err && call->due > 0)
                err = delete_due(call, db, note);
        if (!err && call->due > 0)
                tell_audit(call);
        if (!err && pass->is_done)
                err = sqlite_db_number(db,
                                       "SELECT coalesce(max(received_at), 0) FROM"
                                       " (SELECT received_at FROM message ORDER BY id LIMIT 1)",
                                       &pass->oldest_ms, note);
        return err;
}

/* Pages are overwritten (secure_delete), but the log holds them as they were. */
static void empty_log(struct store_call *base, struct store_sqlite *db)
{
        struct retention_call *call = list_item(base, struct retention_call, call);
        call->pass->is_log_due |= call->due > 0;
        if (call->pass->is_done && call->pass->is_log_due)
                call->pass->is_log_due = !checkpointer_empty_log(db);
}

enum err store_sqlite_purge(struct store_sqlite *db, struct store_retention *pass, struct err_note *note)
{
        struct retention_call call = {.call = {.run = purge, .committed = empty_log}, .pass = pass};
        struct store_retention before = *pass;
        buf_init(&call.ids, RETENTION_SLICE * 21 + 2);
        buf_init(&call.subjects, RETENTION_SLICE * 21 + 2);
        memset(pass->purged, 0, sizeof pass->purged);
        enum err err = writer_call(db, &call.call, note);
        buf_deinit(&call.ids);
        buf_deinit(&call.subjects);
        if (err) {
                *pass = before;
                memset(pass->purged, 0, sizeof pass->purged);
        }
        return err;
}
