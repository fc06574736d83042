/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/store_sqlite_outbox.h"

#include "adapt/outbox_payload.h"
#include "base/hash.h"

/* Whoever comes behind another entry of its message waits without a due time. */
static const char add_text[] =
        "INSERT INTO outbox(connector, event, message_row, created_at, queued_at, due_at, state, attempts,"
        " is_unknown, payload) SELECT ?1, ?2, ?3, ?4, ?4, CASE WHEN EXISTS(SELECT 1 FROM outbox"
        " WHERE connector = ?1 AND state = 'pending' AND message_row = ?3) THEN NULL ELSE ?4 END, 'pending', 0, 0, ?5";

enum err outbox_rows_open(struct outbox_rows *rows, sqlite3 *db, struct err_note *note)
{
        *rows = (struct outbox_rows){.db = db};
        buf_init(&rows->payload, OUTBOX_PAYLOAD_MAX);
        return sqlite_db_prepare(db, add_text, &rows->add, note);
}

void outbox_rows_close(struct outbox_rows *rows)
{
        (void)sqlite3_finalize(rows->add);
        buf_deinit(&rows->payload);
}

uint64_t outbox_bit(struct str connector)
{
        return UINT64_C(1) << (hash64(connector) & 63);
}

enum err outbox_rows_add(struct outbox_rows *rows, const struct outbox_entry *entry, struct err_note *note)
{
        if (entry->payload.len > OUTBOX_PAYLOAD_MAX)
                return err_set(note, ERR_TOO_LARGE, "an outbox entry of over %d bytes", OUTBOX_PAYLOAD_MAX);
        struct sqlite_binder b = {.stmt = rows->add};
        bind_text(&b, entry->connector);
        bind_text(&b, entry->event);
        bind_i64(&b, (int64_t)entry->message_row);
        bind_i64(&b, entry->now_ms);
        bind_text(&b, entry->payload);
        int code = b.code == SQLITE_OK ? sqlite_db_run(b.stmt) : b.code;
        if (code != SQLITE_OK)
                return sqlite_db_err(rows->db, code, note);
        rows->told |= outbox_bit(entry->connector);
        return ERR_OK;
}

enum err outbox_rows_write(struct outbox_rows *rows, const struct store_record *record, struct err_note *note)
{
        const struct outcome *outcome = record->outcome;
        enum err err = ERR_OK;
        for (size_t i = 0; !err && i < outcome->notice_count; i++) {
                const struct outcome_notice *notice = &outcome->notices[i];
                outbox_payload_write(&rows->payload, record, notice);
                const struct outbox_entry entry = {
                        .connector = notice->connector,
                        .event = str_from(notice_name(notice->notice)),
                        .message_row = record->id.row,
                        .now_ms = record->received_at_ms,
                        .payload = buf_str(&rows->payload),
                };
                err = outbox_rows_add(rows, &entry, note);
        }
        return err;
}
