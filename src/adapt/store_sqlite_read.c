/* SPDX-License-Identifier: Apache-2.0 */
/* Look-ups: on the work pool, through one read-only connection.
 *
 * SQLite gives each look-up a consistent view of the last commit; the writer never waits for it.
 */
#include "adapt/store_sqlite_internal.h"

#include <string.h>

#include "base/alloc.h"
#include "net/work.h"

enum { READER_CACHE_KIB = 256 };

static const char *const texts[READER_COUNT] = {
        [READER_REPLAY] = "SELECT i.fingerprint, m.id, m.check_word, m.answer"
                          " FROM idempotency i JOIN message m ON m.id = i.message_row"
                          " WHERE i.key = ? AND i.expires_at > ?",
        [READER_MESSAGE] = "SELECT key_id, check_word, answer FROM message WHERE id = ?",
        [READER_REVIEWS] =
                "SELECT r.message_row, m.check_word, r.due_at, m.received_at, r.category, m.intent,"
                " r.severity, m.channel, r.reason, r.status, m.text, m.request_id"
                " FROM review r JOIN message m ON m.id = r.message_row"
                " WHERE (r.due_at, r.message_row) > (?1, ?2) AND r.due_at < ?3"
                " AND r.status = 'pending_review' AND (?4 OR r.key_id = ?5) AND (?6 IS NULL OR r.category = ?6)"
                " AND r.severity IN (?7, ?8, ?9, ?10) ORDER BY r.due_at, r.message_row LIMIT ?11",
};

enum err reader_open(struct store_sqlite *db, struct err_note *note)
{
        struct reader *reader = &db->reader;
        struct sqlite_options options = {.is_read_only = true,
                                         .cache_kib = READER_CACHE_KIB,
                                         .busy_timeout_ms = db->config.busy_timeout_ms};
        enum err err = sqlite_db_open(db->path, &options, &reader->db, note);
        if (err)
                return err;
        pthread_mutex_init(&reader->lock, NULL);
        for (size_t i = 0; !err && i < READER_COUNT; i++)
                err = sqlite_db_prepare(reader->db, texts[i], &reader->stmts[i], note);
        return err ? err : ticket_stmts_open(&reader->tickets, reader->db, TICKET_ALL, TICKET_LOG, note);
}

void reader_close(struct store_sqlite *db)
{
        struct reader *reader = &db->reader;
        if (!reader->db)
                return;
        for (size_t i = 0; i < READER_COUNT; i++)
                (void)sqlite3_finalize(reader->stmts[i]);
        ticket_stmts_close(&reader->tickets);
        (void)sqlite3_close(reader->db);
        pthread_mutex_destroy(&reader->lock);
}

/* ---- The statements, with the reader's lock held ---- */

static enum err replay_row(sqlite3_stmt *stmt, struct store_replay *replay)
{
        const struct digest *wanted = &replay->idempotency->fingerprint;
        struct digest found;
        if (sqlite3_column_bytes(stmt, 0) != (int)sizeof found.bytes)
                return ERR_CORRUPT;
        memcpy(found.bytes, sqlite3_column_blob(stmt, 0), sizeof found.bytes);
        if (!digest_equal(&found, wanted))
                return ERR_MISMATCH;
        if (!column_copy(stmt, 3, replay->arena, &replay->answer.safe))
                return ERR_TOO_LARGE;
        replay->id.row = (uint64_t)sqlite3_column_int64(stmt, 1);
        replay->id.check = (uint64_t)sqlite3_column_int64(stmt, 2);
        return ERR_OK;
}

static enum err replay(struct reader *reader, void *op, struct err_note *note)
{
        struct store_replay *replay = op;
        struct sqlite_binder b = {.stmt = reader->stmts[READER_REPLAY]};
        bind_blob(&b, replay->idempotency->key.bytes, sizeof replay->idempotency->key.bytes);
        bind_i64(&b, replay->now_ms);
        int code = sqlite3_step(b.stmt);
        if (code == SQLITE_ROW)
                return replay_row(b.stmt, replay);
        return code == SQLITE_DONE ? ERR_NOT_FOUND : sqlite_db_err(reader->db, code, note);
}

/* Unknown, a wrong check and another key's row are one answer: nobody learns what exists. */
static enum err find_message(struct reader *reader, void *op, struct err_note *note)
{
        struct store_message_query *query = op;
        struct sqlite_binder b = {.stmt = reader->stmts[READER_MESSAGE]};
        bind_i64(&b, (int64_t)query->id.row);
        int code = sqlite3_step(b.stmt);
        if (code != SQLITE_ROW)
                return code == SQLITE_DONE ? ERR_NOT_FOUND : sqlite_db_err(reader->db, code, note);
        bool is_visible = query->viewer.sees_all || sqlite3_column_int64(b.stmt, 0) == query->viewer.key_id;
        if (!is_visible || (uint64_t)sqlite3_column_int64(b.stmt, 1) != query->id.check)
                return ERR_NOT_FOUND;
        return column_copy(b.stmt, 2, query->arena, &query->answer.safe) ? ERR_OK : ERR_TOO_LARGE;
}

static void bind_reviews(struct sqlite_binder *b, const struct store_reviews_query *query)
{
        bind_i64(b, query->after_due_at_ms);
        bind_i64(b, (int64_t)query->after_row);
        bind_i64(b, query->due_before_ms ? query->due_before_ms : INT64_MAX);
        bind_i64(b, query->viewer.sees_all);
        bind_i64(b, query->viewer.key_id);
        bind_word(b, query->has_category ? category_name(query->category) : NULL);
        for (int severity = SEVERITY_NONE; severity < SEVERITY_COUNT; severity++)
                bind_word(b, severity < (int)query->min_severity ? NULL
                                                                 : severity_name((enum severity)severity));
        bind_i64(b, (int64_t)query->limit + 1);
}

static bool terms_of_review(sqlite3_stmt *stmt, struct review *review)
{
        return category_from(column_text(stmt, 4), &review->category) &&
               intent_from(column_text(stmt, 5), &review->intent) &&
               severity_from(column_text(stmt, 6), &review->severity) &&
               channel_from(column_text(stmt, 7), &review->channel) &&
               ident_from(column_text(stmt, 11), &review->request_id);
}

static enum err review_row(sqlite3_stmt *stmt, struct arena *arena, struct review *review)
{
        if (!terms_of_review(stmt, review))
                return ERR_CORRUPT;
        review->id.row = (uint64_t)sqlite3_column_int64(stmt, 0);
        review->id.check = (uint64_t)sqlite3_column_int64(stmt, 1);
        review->due_at_ms = sqlite3_column_int64(stmt, 2);
        review->received_at_ms = sqlite3_column_int64(stmt, 3);
        bool is_copied = column_copy(stmt, 8, arena, &review->reason) &&
                         column_copy(stmt, 9, arena, &review->status) &&
                         column_copy(stmt, 10, arena, &review->text.safe);
        return is_copied ? ERR_OK : ERR_TOO_LARGE;
}

/* A page that the arena cannot hold ends early; the cursor behind its last row goes on. */
static enum err list_reviews(struct reader *reader, void *op, struct err_note *note)
{
        struct store_reviews_query *query = op;
        struct sqlite_binder b = {.stmt = reader->stmts[READER_REVIEWS]};
        if (query->limit < 1 || query->limit > REVIEWS_MAX_LIMIT)
                return ERR_INVALID;
        query->reviews = arena_zeroed(query->arena, query->limit * sizeof *query->reviews);
        if (!query->reviews)
                return ERR_TOO_LARGE;
        bind_reviews(&b, query);
        int code;
        while ((code = sqlite3_step(b.stmt)) == SQLITE_ROW) {
                query->has_more = true;
                if (query->count == query->limit)
                        return ERR_OK;
                enum err err = review_row(b.stmt, query->arena, &query->reviews[query->count]);
                if (err)
                        return err == ERR_TOO_LARGE && query->count ? ERR_OK : err;
                query->count++;
                query->has_more = false;
        }
        return code == SQLITE_DONE ? ERR_OK : sqlite_db_err(reader->db, code, note);
}

/* ---- The way to the pool and back ---- */

struct lookup {
        struct work work;
        struct facade *facade;
        reader_fn *run;
        void *op;
        struct task *task; /* of the op */
        enum err *ret_result;
};

enum err reader_run(struct store_sqlite *db, reader_fn *run, void *op, struct err_note *note)
{
        struct reader *reader = &db->reader;
        pthread_mutex_lock(&reader->lock);
        (void)err_set(note, ERR_CORRUPT, "a stored value is not one of this program's");
        enum err err = run(reader, op, note);
        for (size_t i = 0; i < READER_COUNT; i++)
                (void)sqlite3_reset(reader->stmts[i]);
        pthread_mutex_unlock(&reader->lock);
        writer_report(db, err, note);
        return err;
}

enum err as_looked_up(enum err err)
{
        return err == ERR_INTERNAL || err == ERR_FORBIDDEN ? ERR_UNAVAILABLE : err;
}

static void run_lookup(struct work *work)
{
        struct lookup *lookup = list_item(work, struct lookup, work);
        struct err_note note;
        *lookup->ret_result = as_looked_up(reader_run(lookup->facade->db, lookup->run, lookup->op, &note));
}

static void finish_lookup(struct work *work)
{
        struct lookup *lookup = list_item(work, struct lookup, work);
        struct task *task = lookup->task;
        lookup->facade->lookups--;
        lookup->facade->in_flight--;
        free(lookup);
        task->run(task);
}

static void start_lookup(struct store *store, reader_fn *run, void *op, struct task *task, enum err *ret_result)
{
        struct facade *facade = list_item(store, struct facade, store);
        if (!facade_enter(facade, task, ret_result))
                return;
        struct lookup *lookup = alloc_zeroed(1, sizeof *lookup);
        *lookup = (struct lookup){
                .work = {.run = run_lookup, .done = finish_lookup},
                .facade = facade,
                .run = run,
                .op = op,
                .task = task,
                .ret_result = ret_result,
        };
        work_start(facade->loop, &lookup->work);
}

static void finish_replay(struct task *task)
{
        struct store_replay *op = list_item(task, struct store_replay, task);
        op->done(op);
}

void reader_replay(struct store *store, struct store_replay *op)
{
        op->task.run = finish_replay;
        start_lookup(store, replay, op, &op->task, &op->result);
}

static void finish_find_message(struct task *task)
{
        struct store_message_query *op = list_item(task, struct store_message_query, task);
        op->done(op);
}

void reader_find_message(struct store *store, struct store_message_query *op)
{
        op->task.run = finish_find_message;
        start_lookup(store, find_message, op, &op->task, &op->result);
}

static void finish_list_reviews(struct task *task)
{
        struct store_reviews_query *op = list_item(task, struct store_reviews_query, task);
        op->done(op);
}

void reader_list_reviews(struct store *store, struct store_reviews_query *op)
{
        op->task.run = finish_list_reviews;
        op->count = 0;
        op->has_more = false;
        start_lookup(store, list_reviews, op, &op->task, &op->result);
}

static void finish_find_ticket(struct task *task)
{
        struct store_ticket_query *op = list_item(task, struct store_ticket_query, task);
        op->done(op);
}

void reader_find_ticket(struct store *store, struct store_ticket_query *op)
{
        op->task.run = finish_find_ticket;
        start_lookup(store, ticket_find, op, &op->task, &op->result);
}

static void finish_list_tickets(struct task *task)
{
        struct store_tickets_query *op = list_item(task, struct store_tickets_query, task);
        op->done(op);
}

void reader_list_tickets(struct store *store, struct store_tickets_query *op)
{
        op->task.run = finish_list_tickets;
        start_lookup(store, ticket_list, op, &op->task, &op->result);
}
