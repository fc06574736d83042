/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/store_sqlite_sla.h"

#include "adapt/outbox_payload.h"
#include "adapt/store_sqlite_internal.h"
#include "base/alloc.h"

enum { PASS_ARENA_BYTES = 256 * 1024 };

static const char add_sql[] =
        "INSERT INTO sla(message_row, severity, received_at, due_at, next_at, reminders, is_breached, told,"
        " acknowledge_by) VALUES(?,?,?,?,?,?,?,?,?)";

enum err sla_rows_open(struct sla_rows *rows, sqlite3 *db, struct err_note *note)
{
        *rows = (struct sla_rows){.db = db};
        return sqlite_db_prepare(db, add_sql, &rows->add, note);
}

void sla_rows_close(struct sla_rows *rows)
{
        (void)sqlite3_finalize(rows->add);
}

static enum err run(sqlite3 *db, const struct sqlite_binder *b, struct err_note *note)
{
        int code = b->code == SQLITE_OK ? sqlite_db_run(b->stmt) : b->code;
        return code == SQLITE_OK ? ERR_OK : sqlite_db_err(db, code, note);
}

static enum err insert(sqlite3 *db, sqlite3_stmt *stmt, uint64_t message_row, const struct sla_state *state,
                       int64_t next_ms, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = stmt};
        bind_i64(&b, (int64_t)message_row);
        bind_word(&b, severity_name(state->severity));
        bind_i64(&b, state->received_ms);
        bind_i64(&b, state->due_ms);
        bind_i64(&b, next_ms);
        bind_i64(&b, state->reminders);
        bind_i64(&b, state->is_breached);
        bind_i64(&b, state->told);
        bind_i64(&b, state->acknowledge_by_ms);
        return run(db, &b, note);
}

enum err sla_rows_add(struct sla_rows *rows, const struct store_record *record, struct err_note *note)
{
        const struct outcome_review *review = &record->outcome->review;
        return insert(rows->db, rows->add, record->id.row, &review->clock, review->look_at_ms, note);
}

/* ---- What people do ---- */

enum err sla_rows_follow(sqlite3 *db, const struct review *review, enum review_status to, int64_t now_ms,
                         struct err_note *note)
{
        static const char *const texts[REVIEW_STATUS_COUNT] = {
                /* Nobody has it: the next of the chain is told. Put back from among the resolved it has no clock; what
                 * is over by then is not told again. */
                [REVIEW_PENDING] = "INSERT INTO sla(message_row, next_at, acknowledge_by, severity, received_at, due_at,"
                                   " reminders, is_breached, told) VALUES(?1, ?2, ?2, ?3, ?4, ?5, ?6, ?5 <= ?2, 0)"
                                   " ON CONFLICT DO UPDATE SET next_at = ?2, acknowledge_by = ?2",
                /* The clock looks at it once more when somebody would have been told, in vain. */
                [REVIEW_CLAIMED] = "UPDATE sla SET acknowledge_by = 0 WHERE message_row = ?1",
                [REVIEW_RESOLVED] = "DELETE FROM sla WHERE message_row = ?1",
        };
        struct sqlite_binder b;
        enum err err = sqlite_once(db, texts[to], &b, note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)review->id.row);
        if (to == REVIEW_PENDING) {
                bind_i64(&b, now_ms);
                bind_word(&b, severity_name(review->severity));
                bind_i64(&b, review->received_at_ms);
                bind_i64(&b, review->due_at_ms);
                bind_i64(&b, SLA_MAX_REMINDERS);
        }
        return sqlite_once_run(db, &b, note);
}

/* ---- What the clock does ---- */

#define PASS_COLUMNS \
        "SELECT s.message_row, m.check_word, m.category, m.intent, r.reason, s.severity, s.received_at, s.due_at," \
        " s.reminders, s.is_breached, s.told, s.acknowledge_by" \
        " FROM sla s JOIN message m ON m.id = s.message_row" \
        " LEFT JOIN review r ON r.due_at = s.due_at AND r.message_row = s.message_row"

static const char due_sql[] = PASS_COLUMNS " WHERE s.next_at <= ?1 ORDER BY s.next_at LIMIT ?2";
static const char waits_sql[] = PASS_COLUMNS " WHERE s.message_row > ?1 AND s.acknowledge_by > 0"
                                             " ORDER BY s.message_row LIMIT ?2";
static const char decided_sql[] = "UPDATE sla SET next_at = ?, reminders = ?, is_breached = ?, told = ?, acknowledge_by = ?"
                                  " WHERE message_row = ?";

/* A pass under way on the writer's thread. */
struct pass_call {
        struct store_call call;
        struct store_sqlite *db;
        struct store_sla_pass *pass;
        struct arena arena; /* of the rows' strings */
        struct store_sla_row rows[STORE_SLA_BATCH];
        size_t count;
};

static bool read_row(sqlite3_stmt *stmt, struct arena *arena, struct store_sla_row *row)
{
        row->id = (struct record_id){(uint64_t)sqlite3_column_int64(stmt, 0), (uint64_t)sqlite3_column_int64(stmt, 1)};
        row->state = (struct sla_state){
                .received_ms = sqlite3_column_int64(stmt, 6),
                .due_ms = sqlite3_column_int64(stmt, 7),
                .reminders = sqlite3_column_int64(stmt, 8),
                .is_breached = sqlite3_column_int64(stmt, 9) != 0,
                .told = sqlite3_column_int64(stmt, 10),
                .acknowledge_by_ms = sqlite3_column_int64(stmt, 11),
        };
        return category_from(column_text(stmt, 2), &row->category) &&
               severity_from(column_text(stmt, 5), &row->state.severity) &&
               column_copy(stmt, 3, arena, &row->intent) && column_copy(stmt, 4, arena, &row->reason);
}

/* All of them before any is changed, since the statement walks along what is changed. */
static enum err read_rows(struct pass_call *call, sqlite3 *db, struct err_note *note)
{
        const struct store_sla_pass *pass = call->pass;
        struct sqlite_binder b;
        enum err err = sqlite_once(db, pass->waits_only ? waits_sql : due_sql, &b, note);
        if (err)
                return err;
        bind_i64(&b, pass->waits_only ? (int64_t)pass->after_row : pass->now_ms);
        bind_i64(&b, STORE_SLA_BATCH);
        int code = b.code;
        while (code == SQLITE_OK && (code = sqlite3_step(b.stmt)) == SQLITE_ROW) {
                code = SQLITE_OK;
                if (!read_row(b.stmt, &call->arena, &call->rows[call->count++])) {
                        err = err_set(note, ERR_CORRUPT, "a stored review is not one of this program's");
                        break;
                }
        }
        if (!err && code != SQLITE_DONE)
                err = sqlite_db_err(db, code, note);
        return sqlite_once_end(&b, err);
}

/* Nothing of what the customer wrote: that was told when the review was created. */
static void write_payload(struct buf *buf, enum notice notice, const struct store_sla_row *row, int64_t now_ms)
{
        const struct sla_state *state = &row->state;
        struct json_writer w = {.buf = buf};
        buf_reset(buf);
        outbox_payload_open(&w, notice, now_ms);
        outbox_payload_id(&w, "review_id", "rev_", &row->id);
        outbox_payload_id(&w, "message_id", "msg_", &row->id);
        outbox_payload_id(&w, "compliance_id", "cmp_", state->severity != SEVERITY_NONE ? &row->id : NULL);
        json_member(&w, "category", str_from(category_name(row->category)));
        json_member(&w, "intent", row->intent);
        json_member(&w, "severity", str_from(severity_name(state->severity)));
        json_member(&w, "review_reason", row->reason);
        json_time_member(&w, "received_at", state->received_ms);
        json_time_member(&w, "due_at", state->due_ms);
        json_key(&w, "told");
        json_i64(&w, state->told);
        json_time_member(&w, "acknowledge_by", state->acknowledge_by_ms);
        outbox_payload_close(&w);
}

static enum err tell(struct pass_call *call, const struct store_sla_row *row, const struct store_sla_entry *told,
                     struct err_note *note)
{
        struct outbox_rows *outbox = &call->db->writer.rows.outbox;
        write_payload(&outbox->payload, told->notice, row, call->pass->now_ms);
        const struct outbox_entry entry = {
                .connector = told->connector,
                .event = str_from(notice_name(told->notice)),
                .message_row = row->id.row,
                .now_ms = call->pass->now_ms,
                .payload = buf_str(&outbox->payload),
        };
        return outbox_rows_add(outbox, &entry, note);
}

/* Who was told of what and when has to be shown to others than us one day. */
static enum err write_audit(struct pass_call *call, const struct store_sla_row *row, enum notice notice,
                            const struct store_sla_decision *decision, struct err_note *note)
{
        struct rows *rows = &call->db->writer.rows;
        struct json_writer w = {.buf = &rows->details};
        buf_reset(&rows->details);
        json_open(&w, '{');
        json_member(&w, "event", str_from(notice_name(notice)));
        json_key(&w, "connectors");
        json_open(&w, '[');
        for (size_t i = 0; i < decision->count; i++)
                if (decision->entries[i].notice == notice)
                        json_str(&w, decision->entries[i].connector);
        json_close(&w, ']');
        json_close(&w, '}');
        const struct audit_entry entry = {
                .kind = AUDIT_REVIEW_NOTIFIED,
                .at_ms = call->pass->now_ms,
                .actor = STR("server"),
                .record = row->id,
                .details = buf_str(&rows->details),
        };
        return audit_log_append(&rows->audit, &entry, note);
}

static enum err write_decision(struct pass_call *call, sqlite3 *db, const struct store_sla_row *row,
                               const struct store_sla_decision *decision, struct err_note *note)
{
        const struct sla_state *state = &row->state;
        struct sqlite_binder b;
        enum err err = sqlite_once(db, decided_sql, &b, note);
        if (err)
                return err;
        bind_i64(&b, decision->next_ms);
        bind_i64(&b, state->reminders);
        bind_i64(&b, state->is_breached);
        bind_i64(&b, state->told);
        bind_i64(&b, state->acknowledge_by_ms);
        bind_i64(&b, (int64_t)row->id.row);
        err = sqlite_once_run(db, &b, note);
        for (size_t i = 0; !err && i < decision->count; i++)
                err = tell(call, row, &decision->entries[i], note);
        for (size_t i = 0; !err && i < decision->notice_count; i++)
                err = write_audit(call, row, decision->notices[i], decision, note);
        return err;
}

static enum err run_pass(struct store_call *store_call, sqlite3 *db, struct err_note *note)
{
        struct pass_call *call = list_item(store_call, struct pass_call, call);
        struct store_sla_pass *pass = call->pass;
        enum err err = read_rows(call, db, note);
        for (size_t i = 0; !err && i < call->count; i++) {
                struct store_sla_decision decision = {.count = 0};
                pass->decide(pass->arg, &call->rows[i], &decision);
                err = write_decision(call, db, &call->rows[i], &decision, note);
        }
        return err;
}

static enum err start_pass(struct store_sla *store, struct store_sla_pass *pass, struct err_note *note)
{
        struct pass_call *call = alloc_zeroed(1, sizeof *call);
        call->call = (struct store_call){.run = run_pass};
        call->db = list_item(store, struct store_sqlite, sla);
        call->pass = pass;
        arena_init(&call->arena, PASS_ARENA_BYTES);
        enum err err = writer_call(call->db, &call->call, note);
        if (!err) {
                pass->count = call->count;
                if (call->count)
                        pass->after_row = call->rows[call->count - 1].id.row;
        }
        arena_deinit(&call->arena);
        free(call);
        return err;
}

/* ---- How many there are ---- */

static enum err read_counts(struct reader *reader, struct store_sla_counts *counts, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(reader->db, "SELECT severity, is_breached, number FROM sla_count", &b, note);
        if (err)
                return err;
        int code;
        while ((code = sqlite3_step(b.stmt)) == SQLITE_ROW) {
                enum severity severity;
                if (!severity_from(column_text(b.stmt, 0), &severity))
                        continue;
                counts->open[severity] += sqlite3_column_int64(b.stmt, 2);
                if (sqlite3_column_int64(b.stmt, 1))
                        counts->overdue[severity] += sqlite3_column_int64(b.stmt, 2);
        }
        if (code != SQLITE_DONE)
                err = sqlite_db_err(reader->db, code, note);
        return sqlite_once_end(&b, err);
}

#define NEVER "9223372036854775807"

static enum err count(struct reader *reader, void *op, struct err_note *note)
{
        struct store_sla_counts *counts = op;
        enum err err = read_counts(reader, counts, note);
        if (!err)
                err = sqlite_db_number(reader->db, "SELECT coalesce(min(next_at), " NEVER ") FROM sla", &counts->next_ms, note);
        if (!err)
                err = sqlite_db_number(reader->db, "SELECT coalesce(min(due_at), " NEVER ") FROM sla WHERE is_breached = 1",
                                       &counts->oldest_due_ms, note);
        return err;
}

static enum err start_count(struct store_sla *store, struct store_sla_counts *ret_counts, struct err_note *note)
{
        *ret_counts = (struct store_sla_counts){0};
        return reader_run(list_item(store, struct store_sqlite, sla), count, ret_counts, note);
}

struct store_sla *store_sqlite_sla(struct store_sqlite *db)
{
        static const struct store_sla_ops ops = {.count = start_count, .pass = start_pass};
        db->sla.ops = &ops;
        return &db->sla;
}
