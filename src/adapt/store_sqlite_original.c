/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/store_sqlite_internal.h"

#include "base/json_writer.h"
#include "base/utf8.h"
#include "port/store_review.h"

#include <assert.h>
#include <string.h>

/* A message that is longer than any that is answered is kept so far; escaped, and with all contacts, it fits. */
enum { TEXT_MAX_BYTES = 128 << 10, JSON_MAX_BYTES = 1 << 20 };

/* ---- Written with its message ---- */

enum err original_rows_open(struct original_rows *rows, sqlite3 *db, struct vault *vault, struct err_note *note)
{
        *rows = (struct original_rows){.db = db, .vault = vault};
        buf_init(&rows->json, JSON_MAX_BYTES);
        return sqlite_db_prepare(db, "INSERT INTO original(message_row, sealed) VALUES(?,?)", &rows->add, note);
}

void original_rows_close(struct original_rows *rows)
{
        (void)sqlite3_finalize(rows->add);
        buf_deinit(&rows->json);
}

static void write_json(struct buf *buf, const struct message *message)
{
        struct json_writer w = {.buf = buf};
        buf_reset(buf);
        json_open(&w, '{');
        json_member(&w, "text", utf8_cut_bytes(message->text.raw, TEXT_MAX_BYTES));
        json_key(&w, "contact");
        json_open(&w, '{');
        for (size_t i = 0; i < message->metadata_count; i++) {
                if (!message_is_contact(message->metadata[i].key.raw))
                        continue;
                json_key_str(&w, message->metadata[i].key.raw);
                json_str(&w, message->metadata[i].value.raw);
        }
        json_close(&w, '}');
        json_close(&w, '}');
}

enum err original_rows_add(struct original_rows *rows, const struct store_record *record, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = rows->add};
        write_json(&rows->json, record->original);
        assert(!rows->json.is_over);
        bind_i64(&b, (int64_t)record->id.row);
        bind_sealed(&b, rows->vault, (struct vault_place){STR("original.sealed"), (int64_t)record->id.row},
                    buf_str(&rows->json));
        int code = b.code == SQLITE_OK ? sqlite_db_run(b.stmt) : b.code;
        return code == SQLITE_OK ? ERR_OK : sqlite_db_err(rows->db, code, note);
}

/* ---- Disclosed, with the reader's lock held ---- */

static const char find_text[] =
        "SELECT m.id, m.check_word, m.received_at, m.review_due_at, s.key IS NULL,"
        " unseal(s.id, s.key, 'original.sealed', m.id, o.sealed)"
        " FROM message m JOIN subject s ON s.id = m.subject LEFT JOIN original o ON o.message_row = m.id"
        " WHERE m.id IN (SELECT ?1 UNION ALL SELECT message_row FROM review_message WHERE review_row = ?1)"
        " ORDER BY m.id <> ?1, m.id LIMIT ?2";

/* Unknown, a wrong check and a message without a review are one answer: nobody learns what exists. */
static enum err check_first(sqlite3_stmt *stmt, struct record_id id)
{
        bool is_it = (uint64_t)sqlite3_column_int64(stmt, 0) == id.row &&
                     (uint64_t)sqlite3_column_int64(stmt, 1) == id.check &&
                     sqlite3_column_type(stmt, 3) != SQLITE_NULL;
        if (!is_it)
                return ERR_NOT_FOUND;
        if (sqlite3_column_int64(stmt, 4))
                return ERR_GONE;
        return sqlite3_column_type(stmt, 5) == SQLITE_NULL ? ERR_NOT_FOUND : ERR_OK;
}

/* False when the arena is full. */
static bool copy_item(sqlite3_stmt *stmt, struct arena *arena, struct review_original *item)
{
        item->id.row = (uint64_t)sqlite3_column_int64(stmt, 0);
        item->id.check = (uint64_t)sqlite3_column_int64(stmt, 1);
        item->received_at_ms = sqlite3_column_int64(stmt, 2);
        return column_copy(stmt, 5, arena, &item->content.raw);
}

static enum err copy_all(sqlite3 *db, sqlite3_stmt *stmt, struct store_originals_query *query, struct err_note *note)
{
        struct review_originals *originals = &query->originals;
        int code;
        while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
                enum err err = originals->count == 0 ? check_first(stmt, query->id) : ERR_OK;
                if (err)
                        return err;
                originals->is_cut = originals->count == REVIEW_MAX_MESSAGES ||
                                    !copy_item(stmt, query->arena, &originals->items[originals->count]);
                if (originals->is_cut)
                        return originals->count ? ERR_OK : ERR_TOO_LARGE;
                originals->count++;
        }
        if (code != SQLITE_DONE)
                return sqlite_db_err(db, code, note);
        return originals->count ? ERR_OK : ERR_NOT_FOUND;
}

static enum err find(struct reader *reader, void *op, struct err_note *note)
{
        struct store_originals_query *query = op;
        struct sqlite_binder b;
        query->originals = (struct review_originals){
                .items = arena_zeroed(query->arena, REVIEW_MAX_MESSAGES * sizeof *query->originals.items)};
        if (!query->originals.items)
                return ERR_TOO_LARGE;
        enum err err = sqlite_once(reader->db, find_text, &b, note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)query->id.row);
        bind_i64(&b, REVIEW_MAX_MESSAGES + 1);
        err = sqlite_once_end(&b, copy_all(reader->db, b.stmt, query, note));
        if (err == ERR_GONE)
                return err_set(note, err, "the customer was erased, and with it what it wrote");
        return err == ERR_NOT_FOUND ? err_set(note, err, "there is no review with this id, or its message was not kept as it came")
                                    : err;
}

static void finish_find(struct task *task)
{
        struct store_originals_query *op = list_item(task, struct store_originals_query, task);
        op->done(op);
}

void originals_find(struct store *store, struct store_originals_query *op)
{
        op->task.run = finish_find;
        reader_start(store, find, op, &op->task, &op->result);
}

enum err store_sqlite_find_originals(struct store_sqlite *db, struct store_originals_query *query, struct err_note *note)
{
        return reader_run(db, find, query, note);
}
