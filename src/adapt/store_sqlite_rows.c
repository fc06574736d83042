/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/store_sqlite_rows.h"

#include <string.h>

enum { DETAILS_MAX = 4096, SWEEP_SLICE = 256 }; /* keys looked at in a slice: under 1 ms of the writer's time */

static const char *const texts[ROWS_COUNT] = {
        [ROWS_BEGIN] = "BEGIN IMMEDIATE",
        [ROWS_COMMIT] = "COMMIT",
        [ROWS_MESSAGE] =
                "INSERT INTO message(id, check_word, received_at, key_id, channel, category, intent,"
                " secondary_intent, confidence, source, severity, request_id, is_refused, text, metadata,"
                " customer_id, model, prompt_version, decision_path, is_cached, action, priority,"
                " needs_review, article_id, answer, review_due_at, audit_seq, audit_salt, subject)"
                " VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        /* A live key is never overwritten: it belongs to an answer that somebody was promised. */
        [ROWS_IDEMPOTENCY] =
                "INSERT INTO idempotency(key, fingerprint, message_row, expires_at) VALUES(?1,?2,?3,?4)"
                " ON CONFLICT(key) DO UPDATE SET fingerprint=?2, message_row=?3, expires_at=?4"
                " WHERE expires_at <= ?5",
        [ROWS_TICKET] =
                "INSERT INTO ticket(id, status, priority, queue, intent, created_at)"
                " VALUES(?,'open',?,?,?,?)",
        [ROWS_COMPLIANCE] =
                "INSERT INTO compliance(id, severity, intent, secondary_intent, received_at, due_at, status,"
                " channel, text_digest, text_points, product_id, is_report_candidate)"
                " VALUES(?,?,?,?,?,?,'pending_review',?,?,?,?,?)",
        [ROWS_REVIEW] = "INSERT INTO review(due_at, message_row, severity, category, key_id, reason, status,"
                        " suggested_reply, conversation) VALUES(?,?,?,?,?,?,'pending_review',?,?)",
        [ROWS_REVIEW_MESSAGE] = "INSERT INTO review_message(review_row, message_row) VALUES(?,?)",
        [ROWS_EXPIRED] = "SELECT key, expires_at FROM idempotency WHERE key > ? ORDER BY key LIMIT ?",
        [ROWS_FORGET] = "DELETE FROM idempotency WHERE key = ? AND expires_at <= ?",
        [ROWS_PROBE] = "INSERT OR REPLACE INTO meta(key, value) VALUES('probe', zeroblob(65536))",
        [ROWS_UNPROBE] = "DELETE FROM meta WHERE key = 'probe'",
};

enum err rows_open(struct rows *rows, sqlite3 *db, struct vault *vault, struct err_note *note)
{
        *rows = (struct rows){.db = db};
        buf_init(&rows->details, DETAILS_MAX);
        enum err err = outbox_rows_open(&rows->outbox, db, note);
        if (!err)
                err = subject_rows_open(&rows->subjects, db, vault, note);
        if (!err)
                err = original_rows_open(&rows->originals, db, vault, note);
        for (size_t i = 0; !err && i < ROWS_COUNT; i++)
                err = sqlite_db_prepare(db, texts[i], &rows->stmts[i], note);
        if (!err)
                err = sla_rows_open(&rows->sla, db, note);
        return err ? err : audit_log_open(&rows->audit, db, note);
}

void rows_close(struct rows *rows)
{
        for (size_t i = 0; i < ROWS_COUNT; i++)
                (void)sqlite3_finalize(rows->stmts[i]);
        outbox_rows_close(&rows->outbox);
        sla_rows_close(&rows->sla);
        audit_log_close(&rows->audit);
        buf_deinit(&rows->details);
        subject_rows_close(&rows->subjects);
        original_rows_close(&rows->originals);
}

static enum err run(struct rows *rows, enum rows_stmt which, struct err_note *note)
{
        int code = sqlite_db_run(rows->stmts[which]);
        return code == SQLITE_OK ? ERR_OK : sqlite_db_err(rows->db, code, note);
}

static enum err run_bound(struct rows *rows, const struct sqlite_binder *b, struct err_note *note)
{
        int code = b->code;
        if (code == SQLITE_OK)
                code = sqlite_db_run(b->stmt);
        return code == SQLITE_OK ? ERR_OK : sqlite_db_err(rows->db, code, note);
}

enum err rows_begin(struct rows *rows, struct err_note *note)
{
        audit_log_begin(&rows->audit);
        return run(rows, ROWS_BEGIN, note);
}

enum err rows_commit(struct rows *rows, struct err_note *note)
{
        return run(rows, ROWS_COMMIT, note);
}

void rows_rollback(struct rows *rows)
{
        sqlite_db_rollback(rows->db);
        audit_log_rollback(&rows->audit);
}

static void seal(struct sqlite_binder *b, struct rows *rows, const struct store_record *record, struct str column,
                 struct str text)
{
        bind_sealed(b, rows->subjects.vault, (struct vault_place){column, (int64_t)record->id.row}, text);
}

static enum err write_message(struct rows *rows, const struct store_record *record, struct err_note *note)
{
        int64_t subject;
        enum err err = subject_rows_take(&rows->subjects, record, &subject, note);
        if (err)
                return err;
        const struct outcome *outcome = record->outcome;
        const struct verdict *verdict = &outcome->verdict;
        struct sqlite_binder b = {.stmt = rows->stmts[ROWS_MESSAGE]};
        bind_i64(&b, (int64_t)record->id.row);
        bind_i64(&b, (int64_t)record->id.check);
        bind_i64(&b, record->received_at_ms);
        bind_i64(&b, record->key_id);
        bind_word(&b, channel_name(record->channel));
        bind_word(&b, category_name(verdict->category));
        bind_word(&b, intent_name(verdict->intent));
        bind_word(&b, intent_name(verdict->secondary_intent));
        bind_real(&b, verdict->confidence);
        bind_word(&b, source_name(verdict->source));
        bind_word(&b, severity_name(verdict->severity));
        bind_text(&b, ident_str(&record->request_id));
        bind_i64(&b, record->is_refused);
        seal(&b, rows, record, STR("message.text"), record->text.safe);
        seal(&b, rows, record, STR("message.metadata"), record->metadata.safe);
        seal(&b, rows, record, STR("message.customer_id"), record->customer_id.safe);
        bind_text(&b, verdict->model);
        bind_text(&b, verdict->prompt_version);
        seal(&b, rows, record, STR("message.decision_path"), verdict->decision_path);
        bind_i64(&b, verdict->is_cached);
        bind_text(&b, outcome->next_step.action);
        bind_word(&b, priority_name(outcome->next_step.priority));
        bind_i64(&b, outcome->next_step.requires_human_review);
        bind_text(&b, outcome->article.id);
        seal(&b, rows, record, STR("message.answer"), record->answer.safe);
        if (outcome->review.is_needed)
                bind_i64(&b, outcome->review.due_at_ms);
        else
                bind_word(&b, NULL);
        random_bytes(rows->salt, sizeof rows->salt);
        bind_i64(&b, (int64_t)audit_log_next(&rows->audit));
        bind_blob(&b, rows->salt, sizeof rows->salt);
        bind_i64(&b, subject);
        return run_bound(rows, &b, note);
}

/* What was decided, in words of ours alone. */
static struct str write_details(struct buf *buf, const struct verdict *verdict)
{
        struct json_writer w = {.buf = buf};
        buf_reset(buf);
        json_open(&w, '{');
        json_member(&w, "category", str_from(category_name(verdict->category)));
        json_member(&w, "severity", str_from(severity_name(verdict->severity)));
        json_member(&w, "source", str_from(source_name(verdict->source)));
        json_member(&w, "model", verdict->model);
        json_member(&w, "prompt_version", verdict->prompt_version);
        json_close(&w, '}');
        return buf_str(buf);
}

/* The digest says what was stored to whoever has the row and its salt, and nothing to others. */
static enum err write_audit(struct rows *rows, const struct store_record *record, struct err_note *note)
{
        const struct str parts[] = {{(const char *)rows->salt, sizeof rows->salt}, record->text.safe, record->metadata.safe,
                                    record->answer.safe};
        struct digest digest = digest_sha256_parts(parts, sizeof parts / sizeof *parts);
        const struct audit_entry entry = {
                .kind = AUDIT_RECORD_CREATED,
                .at_ms = record->received_at_ms,
                .key_id = record->key_id,
                .record = record->id,
                .digest = &digest,
                .details = write_details(&rows->details, &record->outcome->verdict),
        };
        return audit_log_append(&rows->audit, &entry, note);
}

static enum err write_idempotency(struct rows *rows, const struct store_record *record, int64_t now_ms,
                                  struct err_note *note)
{
        const struct idempotency *idempotency = record->idempotency;
        struct sqlite_binder b = {.stmt = rows->stmts[ROWS_IDEMPOTENCY]};
        bind_blob(&b, idempotency->key.bytes, sizeof idempotency->key.bytes);
        bind_blob(&b, idempotency->fingerprint.bytes, sizeof idempotency->fingerprint.bytes);
        bind_i64(&b, (int64_t)record->id.row);
        bind_i64(&b, idempotency->expires_at_ms);
        bind_i64(&b, now_ms);
        enum err err = run_bound(rows, &b, note);
        if (!err && sqlite3_changes(rows->db) == 0)
                return err_set(note, ERR_EXISTS, "the idempotency key is in use");
        return err;
}

static enum err write_ticket(struct rows *rows, const struct store_record *record, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = rows->stmts[ROWS_TICKET]};
        bind_i64(&b, (int64_t)record->id.row);
        bind_word(&b, priority_name(record->outcome->ticket.priority));
        bind_text(&b, record->outcome->ticket.queue);
        bind_word(&b, intent_name(record->outcome->verdict.intent));
        bind_i64(&b, record->received_at_ms);
        return run_bound(rows, &b, note);
}

static enum err write_compliance(struct rows *rows, const struct store_record *record, struct err_note *note)
{
        const struct outcome_compliance *compliance = &record->outcome->compliance;
        struct sqlite_binder b = {.stmt = rows->stmts[ROWS_COMPLIANCE]};
        bind_i64(&b, (int64_t)record->id.row);
        bind_word(&b, severity_name(compliance->severity));
        bind_word(&b, intent_name(record->outcome->verdict.intent));
        bind_word(&b, intent_name(record->outcome->verdict.secondary_intent));
        bind_i64(&b, record->received_at_ms);
        bind_i64(&b, compliance->due_at_ms);
        bind_word(&b, channel_name(record->channel));
        bind_blob(&b, record->text_digest.bytes, sizeof record->text_digest.bytes);
        bind_i64(&b, (int64_t)record->text_points);
        bind_text(&b, record->product_id.safe);
        bind_i64(&b, compliance->is_report_candidate);
        return run_bound(rows, &b, note);
}

static enum err write_review(struct rows *rows, const struct store_record *record, struct err_note *note)
{
        const struct outcome *outcome = record->outcome;
        struct sqlite_binder b = {.stmt = rows->stmts[ROWS_REVIEW]};
        bind_i64(&b, outcome->review.due_at_ms);
        bind_i64(&b, (int64_t)record->id.row);
        bind_word(&b, severity_name(outcome->compliance.severity));
        bind_word(&b, category_name(outcome->verdict.category));
        bind_i64(&b, record->key_id);
        bind_word(&b, outcome->review.reason);
        bind_text(&b, outcome->review.suggested_reply.safe);
        if (record->conversation)
                bind_blob(&b, record->conversation->bytes, sizeof record->conversation->bytes);
        else
                bind_word(&b, NULL);
        return run_bound(rows, &b, note);
}

static enum err write_review_message(struct rows *rows, const struct store_record *record, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = rows->stmts[ROWS_REVIEW_MESSAGE]};
        bind_i64(&b, (int64_t)record->outcome->joins.row);
        bind_i64(&b, (int64_t)record->id.row);
        return run_bound(rows, &b, note);
}

enum err rows_write(struct rows *rows, const struct store_record *record, int64_t now_ms,
                    struct err_note *note)
{
        const struct outcome *outcome = record->outcome;
        enum err err = write_message(rows, record, note); /* takes the subject's key into use */
        if (!err && record->original)
                err = original_rows_add(&rows->originals, record, note);
        if (!err && record->idempotency)
                err = write_idempotency(rows, record, now_ms, note);
        if (!err && outcome->ticket.is_open)
                err = write_ticket(rows, record, note);
        if (!err && outcome->compliance.severity != SEVERITY_NONE)
                err = write_compliance(rows, record, note);
        if (!err && outcome->review.is_needed)
                err = write_review(rows, record, note);
        if (!err && outcome->joins.row)
                err = write_review_message(rows, record, note);
        if (!err && outcome->review.is_needed)
                err = sla_rows_add(&rows->sla, record, note);
        if (!err && outcome->notice_count)
                err = outbox_rows_write(&rows->outbox, record, note);
        return err ? err : write_audit(rows, record, note);
}

enum err rows_probe(struct rows *rows, struct err_note *note)
{
        enum err err = run(rows, ROWS_PROBE, note);
        return err ? err : run(rows, ROWS_UNPROBE, note);
}

static enum err forget(struct rows *rows, const struct digest *key, int64_t now_ms, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = rows->stmts[ROWS_FORGET]};
        bind_blob(&b, key->bytes, sizeof key->bytes);
        bind_i64(&b, now_ms);
        return run_bound(rows, &b, note);
}

/* Collects the expired keys of one slice; *ret_seen is how many keys it looked at. */
static enum err find_expired(struct rows *rows, int64_t now_ms, struct digest expired[SWEEP_SLICE],
                             size_t *ret_seen, size_t *ret_expired, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = rows->stmts[ROWS_EXPIRED]};
        bind_blob(&b, rows->swept.bytes, rows->is_sweeping ? sizeof rows->swept.bytes : 0);
        bind_i64(&b, SWEEP_SLICE);
        size_t seen = 0, found = 0;
        int code = b.code;
        while (code == SQLITE_OK && (code = sqlite3_step(b.stmt)) == SQLITE_ROW) {
                code = SQLITE_OK;
                seen++;
                if (sqlite3_column_bytes(b.stmt, 0) != (int)sizeof rows->swept.bytes)
                        continue;
                memcpy(rows->swept.bytes, sqlite3_column_blob(b.stmt, 0), sizeof rows->swept.bytes);
                if (sqlite3_column_int64(b.stmt, 1) <= now_ms)
                        expired[found++] = rows->swept;
        }
        enum err err = code == SQLITE_DONE ? ERR_OK : sqlite_db_err(rows->db, code, note);
        (void)sqlite3_reset(b.stmt);
        *ret_seen = seen;
        *ret_expired = found;
        return err;
}

enum err rows_sweep(struct rows *rows, int64_t now_ms, bool *ret_is_done, struct err_note *note)
{
        struct digest expired[SWEEP_SLICE];
        size_t seen, found;
        enum err err = find_expired(rows, now_ms, expired, &seen, &found, note);
        rows->is_sweeping = !err && seen == SWEEP_SLICE;
        if (!err && found) {
                err = rows_begin(rows, note);
                for (size_t i = 0; !err && i < found; i++)
                        err = forget(rows, &expired[i], now_ms, note);
                if (!err)
                        err = rows_commit(rows, note);
                if (err)
                        rows_rollback(rows);
        }
        *ret_is_done = !rows->is_sweeping;
        return err;
}
