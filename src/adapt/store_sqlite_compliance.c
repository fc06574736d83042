/* SPDX-License-Identifier: Apache-2.0 */
/* Compliance records: look-up and list, through the reader's connection. What came of one stands with its review. */
#include "adapt/store_sqlite_internal.h"

#include <string.h>

enum { PAGE_EFFORT = 5000 }; /* records that one page may look at */

#define SELECT_RECORD \
        "SELECT c.id, m.check_word, c.received_at, c.due_at, c.severity, c.intent, c.secondary_intent, c.channel," \
        " c.status, c.text_digest, c.text_points, m.text, m.customer_id, c.product_id, c.is_report_candidate," \
        " m.source, m.model, m.prompt_version, r.outcome, r.resolved_at, coalesce(r.acknowledged_at, o.acknowledged_at)" \
        " FROM compliance c JOIN opened_message m ON m.id = c.id" \
        " LEFT JOIN review_resolved r ON r.due_at = m.review_due_at AND r.message_row = c.id" \
        " LEFT JOIN review o ON o.due_at = m.review_due_at AND o.message_row = c.id"

static bool read_terms(sqlite3_stmt *stmt, struct compliance *record)
{
        struct str secondary = column_text(stmt, 6), outcome = column_text(stmt, 18);
        record->secondary_intent = INTENT_NONE;
        record->outcome = REVIEW_OUTCOME_NONE;
        return severity_from(column_text(stmt, 4), &record->severity) &&
               intent_from(column_text(stmt, 5), &record->intent) &&
               (!secondary.ptr || intent_from(secondary, &record->secondary_intent)) &&
               channel_from(column_text(stmt, 7), &record->channel) &&
               (!outcome.ptr || review_outcome_from(outcome, &record->outcome)) &&
               sqlite3_column_bytes(stmt, 9) == (int)sizeof record->digest.bytes;
}

static enum err copy_record(sqlite3_stmt *stmt, struct arena *arena, struct compliance *record)
{
        if (!read_terms(stmt, record))
                return ERR_CORRUPT;
        record->id.row = (uint64_t)sqlite3_column_int64(stmt, 0);
        record->id.check = (uint64_t)sqlite3_column_int64(stmt, 1);
        record->received_at_ms = sqlite3_column_int64(stmt, 2);
        record->due_at_ms = sqlite3_column_int64(stmt, 3);
        memcpy(record->digest.bytes, sqlite3_column_blob(stmt, 9), sizeof record->digest.bytes);
        record->text_points = sqlite3_column_int64(stmt, 10);
        record->is_report_candidate = sqlite3_column_int64(stmt, 14);
        record->resolved_at_ms = sqlite3_column_int64(stmt, 19);
        record->acknowledged_at_ms = sqlite3_column_int64(stmt, 20);
        const struct {
                int column;
                struct str *text;
        } texts[] = {
                {8, &record->status},          {11, &record->text.safe}, {12, &record->customer_id.safe},
                {13, &record->product_id.safe}, {15, &record->source},    {16, &record->model},
                {17, &record->prompt_version},
        };
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                if (!column_copy(stmt, texts[i].column, arena, texts[i].text))
                        return ERR_TOO_LARGE;
        return ERR_OK;
}

static enum err find(struct reader *reader, void *op, struct err_note *note)
{
        struct store_compliance_query *query = op;
        struct sqlite_binder b;
        struct compliance record = {0};
        enum err err = sqlite_once(reader->db, SELECT_RECORD " WHERE c.id = ?", &b, note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)query->id.row);
        int code = sqlite3_step(b.stmt);
        if (code == SQLITE_ROW)
                err = copy_record(b.stmt, query->arena, &record);
        else
                err = code == SQLITE_DONE ? ERR_NOT_FOUND : sqlite_db_err(reader->db, code, note);
        err = sqlite_once_end(&b, err);
        if (!err && record.id.check != query->id.check)
                err = ERR_NOT_FOUND;
        if (!err)
                query->record = record;
        return err;
}

static void finish_find(struct task *task)
{
        struct store_compliance_query *op = list_item(task, struct store_compliance_query, task);
        op->done(op);
}

void compliance_find(struct store *store, struct store_compliance_query *op)
{
        op->task.run = finish_find;
        reader_start(store, find, op, &op->task, &op->result);
}

/* ---- List, also for the export ---- */

static bool is_wanted(sqlite3_stmt *stmt, const struct compliance_filter *filter)
{
        int64_t received_at = sqlite3_column_int64(stmt, 2);
        return received_at >= filter->from_ms && (!filter->to_ms || received_at < filter->to_ms) &&
               (!filter->is_candidates || sqlite3_column_int64(stmt, 14));
}

/* Goes up the rows until the page is full: of records, of bytes or of effort. */
static enum err fill_page(sqlite3 *db, sqlite3_stmt *stmt, struct store_compliance_page *page, struct err_note *note)
{
        uint64_t seen = page->filter.after_row;
        int code, effort = 0;
        while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
                page->next_row = seen;
                if (page->count == page->filter.limit || effort++ == PAGE_EFFORT)
                        return ERR_OK;
                bool is_candidate = is_wanted(stmt, &page->filter);
                enum err err = is_candidate ? copy_record(stmt, page->arena, &page->records[page->count]) : ERR_OK;
                if (err)
                        return err == ERR_TOO_LARGE && page->count ? ERR_OK : err;
                page->count += is_candidate;
                seen = (uint64_t)sqlite3_column_int64(stmt, 0);
        }
        page->next_row = 0;
        return code == SQLITE_DONE ? ERR_OK : sqlite_db_err(db, code, note);
}

static enum err list(struct reader *reader, void *op, struct err_note *note)
{
        struct store_compliance_page *page = op;
        struct sqlite_binder b;
        if (page->filter.limit == 0)
                page->filter.limit = COMPLIANCE_DEFAULT_LIMIT;
        if (page->filter.limit > COMPLIANCE_MAX_LIMIT)
                return ERR_INVALID;
        page->count = 0;
        page->records = arena_zeroed(page->arena, page->filter.limit * sizeof *page->records);
        if (!page->records)
                return ERR_TOO_LARGE;
        enum err err = sqlite_once(reader->db, SELECT_RECORD " WHERE c.id > ? ORDER BY c.id", &b, note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)page->filter.after_row);
        return sqlite_once_end(&b, fill_page(reader->db, b.stmt, page, note));
}

static void finish_list(struct task *task)
{
        struct store_compliance_page *page = list_item(task, struct store_compliance_page, task);
        page->done(page);
}

void compliance_list(struct store *store, struct store_compliance_page *page)
{
        page->task.run = finish_list;
        reader_start(store, list, page, &page->task, &page->result);
}

enum err store_sqlite_page_compliance(struct store_sqlite *db, struct store_compliance_page *page, struct err_note *note)
{
        return reader_run(db, list, page, note);
}
