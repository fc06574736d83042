/* SPDX-License-Identifier: Apache-2.0 */
/* What is held about one subject, and its erasure.
 *
 * Erasure is one transaction: with the key go the values sealed under it, the salts and digests that would tell what
 * they were, and whatever of the subject's words people or other systems were given a copy of here. What stays is that
 * there was a message, and what became of it; its look-up answers "gone". Then the log is emptied: pages are overwritten
 * (secure_delete), and the log holds them as they were. A process that dies in between empties it when it starts.
 */
#include "adapt/store_sqlite_internal.h"

#include <string.h>

enum { EMPTY_TRIES = 8 };

/* The rows of the messages of subject ?1; the first half is by an index of subjects that have a name. */
#define MESSAGES "(SELECT id FROM message WHERE subject = ?1 AND subject < 0 UNION ALL SELECT ?1 WHERE ?1 > 0)"

struct subject_call {
        struct store_call call;
        struct vault *vault;
        const struct store_subject_name *name;
        struct store_subject subject;
        bool is_log_emptied;
};

static enum err not_there(struct err_note *note)
{
        return err_set(note, ERR_NOT_FOUND, "nothing is held about a customer with this id, nor is it a message's");
}

static enum err find_id(struct subject_call *call, sqlite3 *db, struct err_note *note)
{
        const struct store_subject_name *name = call->name;
        bool is_message = name->message.row != 0;
        struct sqlite_binder b;
        enum err err = sqlite_once(db, is_message ? "SELECT subject FROM message WHERE id = ? AND check_word = ?"
                                                  : "SELECT id FROM subject WHERE digest = ?", &b, note);
        if (err)
                return err;
        struct digest digest;
        if (is_message) {
                bind_i64(&b, (int64_t)name->message.row);
                bind_i64(&b, (int64_t)name->message.check);
        } else {
                digest = vault_digest(call->vault, false, 0, name->customer_id);
                bind_blob(&b, digest.bytes, sizeof digest.bytes);
        }
        int code = b.code == SQLITE_OK ? sqlite3_step(b.stmt) : b.code;
        if (code == SQLITE_ROW)
                call->subject.id = sqlite3_column_int64(b.stmt, 0);
        else
                err = code == SQLITE_DONE ? not_there(note) : sqlite_db_err(db, code, note);
        return sqlite_once_end(&b, err);
}

static enum err count_rows(struct store_subject *subject, sqlite3 *db, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(
                db,
                "SELECT created_at, coalesce(erased_at, 0), (SELECT count(*) FROM " MESSAGES "),"
                " (SELECT count(*) FROM ticket WHERE id IN " MESSAGES "),"
                " (SELECT count(*) FROM compliance WHERE id IN " MESSAGES "),"
                " (SELECT count(*) FROM compliance WHERE status <> 'resolved' AND id IN " MESSAGES "),"
                " (SELECT count(*) FROM feedback WHERE message_row IN " MESSAGES ")"
                " FROM subject WHERE id = ?1",
                &b, note);
        if (err)
                return err;
        bind_i64(&b, subject->id);
        int code = sqlite3_step(b.stmt);
        if (code == SQLITE_ROW) {
                subject->created_at_ms = sqlite3_column_int64(b.stmt, 0);
                subject->erased_at_ms = sqlite3_column_int64(b.stmt, 1);
                subject->messages = (size_t)sqlite3_column_int64(b.stmt, 2);
                subject->tickets = (size_t)sqlite3_column_int64(b.stmt, 3);
                subject->records = (size_t)sqlite3_column_int64(b.stmt, 4);
                subject->held = (size_t)sqlite3_column_int64(b.stmt, 5);
                subject->feedback = (size_t)sqlite3_column_int64(b.stmt, 6);
        } else {
                err = code == SQLITE_DONE ? not_there(note) : sqlite_db_err(db, code, note);
        }
        return sqlite_once_end(&b, err);
}

static enum err find(struct store_call *base, sqlite3 *db, struct err_note *note)
{
        struct subject_call *call = list_item(base, struct subject_call, call);
        enum err err = find_id(call, db, note);
        return err ? err : count_rows(&call->subject, db, note);
}

static enum err run(struct store_sqlite *db, struct subject_call *call, struct store_subject *ret_subject,
                    struct err_note *note)
{
        call->vault = db->writer.rows.subjects.vault;
        if (call->name->customer_id.len > METADATA_MAX_VALUE_BYTES)
                return err_set(note, ERR_INVALID, "a customer_id has at most %d bytes", METADATA_MAX_VALUE_BYTES);
        enum err err = writer_call(db, &call->call, note);
        if (!err)
                *ret_subject = call->subject;
        return err;
}

enum err store_sqlite_find_subject(struct store_sqlite *db, const struct store_subject_name *name,
                                   struct store_subject *ret_subject, struct err_note *note)
{
        struct subject_call call = {.call.run = find, .name = name};
        return run(db, &call, ret_subject, note);
}

/* ---- Erasure ---- */

static const char *const erasures[] = {
        "UPDATE message SET text = x'', metadata = NULL, customer_id = NULL, decision_path = NULL, answer = x'',"
        " audit_salt = NULL WHERE id IN " MESSAGES,
        "UPDATE compliance SET text_digest = zeroblob(32) WHERE id IN " MESSAGES,
        "UPDATE feedback SET comment = NULL WHERE message_row IN " MESSAGES,
        "UPDATE ticket_event SET old_value = NULL, new_value = NULL WHERE field = 'comment' AND ticket_row IN " MESSAGES,
        "UPDATE review_event SET note = NULL WHERE message_row IN " MESSAGES,
        "UPDATE review SET suggested_reply = NULL WHERE message_row IN " MESSAGES,
        "UPDATE review_resolved SET suggested_reply = NULL, conversation = NULL WHERE (due_at, message_row) IN"
        " (SELECT review_due_at, id FROM message WHERE id IN " MESSAGES ")",
        "DELETE FROM original WHERE message_row IN " MESSAGES,
        "DELETE FROM outbox WHERE message_row IN " MESSAGES,
        "DELETE FROM idempotency WHERE message_row IN " MESSAGES,
        "UPDATE subject SET digest = NULL, key = NULL, erased_at = coalesce(erased_at, ?2) WHERE id = ?1",
};

static enum err erase(struct store_call *base, sqlite3 *db, struct err_note *note)
{
        struct subject_call *call = list_item(base, struct subject_call, call);
        enum err err = find(base, db, note);
        if (!err && call->subject.held)
                err = err_set(note, ERR_CONFLICT,
                              "%zu compliance records about this subject are still open, which the law may want kept:"
                              " resolve them first (triaged review resolve)",
                              call->subject.held);
        for (size_t i = 0; !err && i < sizeof erasures / sizeof *erasures; i++) {
                struct sqlite_binder b;
                err = sqlite_once(db, erasures[i], &b, note);
                if (err)
                        break;
                bind_i64(&b, call->subject.id);
                if (sqlite3_bind_parameter_count(b.stmt) > 1)
                        bind_i64(&b, call->call.audit.at_ms);
                err = sqlite_once_run(db, &b, note);
        }
        return err;
}

static void empty_log(struct store_call *base, struct store_sqlite *db)
{
        struct subject_call *call = list_item(base, struct subject_call, call);
        for (int i = 0; i < EMPTY_TRIES && !call->is_log_emptied; i++)
                call->is_log_emptied = checkpointer_empty_log(db);
}

enum err store_sqlite_erase_subject(struct store_sqlite *db, const struct store_subject_name *name, int64_t now_ms,
                                    struct store_subject *ret_subject, struct err_note *note)
{
        struct subject_call call = {
                .call = {.run = erase,
                         .committed = empty_log,
                         .audit = {.kind = AUDIT_SUBJECT_ERASED, .at_ms = now_ms, .actor = STR("cli")}},
                .name = name,
        };
        enum err err = run(db, &call, ret_subject, note);
        if (!err && !call.is_log_emptied)
                return err_set(note, ERR_BUSY,
                               "the subject is erased, but somebody reads the database, so that its log could not be emptied:"
                               " erase again, by the id of one of its messages");
        return err;
}

/* ---- Export ---- */

static const char export_text[] =
        "SELECT json_object('id', m.id, 'received_at', m.received_at, 'channel', m.channel, 'category', m.category,"
        " 'intent', m.intent, 'customer_id', m.customer_id, 'text', m.text, 'metadata', json(m.metadata),"
        " 'answer', json(m.answer),"
        " 'ticket', (SELECT json_object('status', t.status, 'priority', t.priority, 'queue', t.queue,"
        "  'comments', (SELECT json_group_array(e.new_value) FROM ticket_event e"
        "   WHERE e.ticket_row = t.id AND e.field = 'comment')) FROM ticket t WHERE t.id = m.id),"
        " 'compliance', (SELECT json_object('severity', c.severity, 'status', c.status, 'due_at', c.due_at,"
        "  'product_id', c.product_id) FROM compliance c WHERE c.id = m.id),"
        " 'review_notes', (SELECT json_group_array(r.note) FROM review_event r WHERE r.message_row = m.id"
        "  AND r.note IS NOT NULL),"
        " 'feedback', (SELECT json_group_array(json_object('is_right', f.is_right, 'category', f.category, 'intent',"
        "  f.intent, 'comment', unseal(m.subject, (SELECT s.key FROM subject s WHERE s.id = m.subject),"
        "  'feedback.comment/' || f.key_id, m.id, f.comment))) FROM feedback f WHERE f.message_row = m.id))"
        " FROM opened_message m WHERE m.id IN " MESSAGES " ORDER BY m.id";

static enum err copy_exported(sqlite3 *db, sqlite3_stmt *stmt, struct buf *lines, struct err_note *note)
{
        int code;
        while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
                buf_append_str(lines, column_text(stmt, 0));
                buf_append_char(lines, '\n');
        }
        return code == SQLITE_DONE ? ERR_OK : sqlite_db_err(db, code, note);
}

enum err store_sqlite_export_subject(struct store_sqlite *db, const struct store_subject_name *name, int64_t now_ms,
                                     struct buf *lines, struct store_subject *ret_subject, struct err_note *note)
{
        /* Audited first: what is disclosed is in the log, whatever happens then. */
        struct subject_call call = {
                .call = {.run = find,
                         .audit = {.kind = AUDIT_SUBJECT_EXPORTED, .at_ms = now_ms, .actor = STR("cli")}},
                .name = name,
        };
        struct store_subject subject;
        enum err err = run(db, &call, &subject, note);
        if (!err && subject.messages > SUBJECT_EXPORT_MAX)
                err = err_set(note, ERR_TOO_LARGE, "the subject has %zu messages; an export holds %d", subject.messages,
                              SUBJECT_EXPORT_MAX);
        if (err)
                return err;
        struct admin_reader *reader = &db->admin_reader;
        struct sqlite_binder b;
        pthread_mutex_lock(&reader->lock);
        err = sqlite_once(reader->db, export_text, &b, note);
        if (!err) {
                bind_i64(&b, subject.id);
                err = sqlite_once_end(&b, copy_exported(reader->db, b.stmt, lines, note));
        }
        pthread_mutex_unlock(&reader->lock);
        if (!err)
                *ret_subject = subject;
        return err;
}
