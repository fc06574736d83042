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
                          " FROM idempotency i JOIN opened_message m ON m.id = i.message_row"
                          " WHERE i.key = ? AND i.expires_at > ?",
        [READER_MESSAGE] = "SELECT key_id, check_word, answer FROM opened_message WHERE id = ?",
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
        err = store_vault_attach_reader(reader->db, &db->master, note);
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
        if (sqlite3_column_type(b.stmt, 2) == SQLITE_NULL)
                return ERR_GONE;
        return column_copy(b.stmt, 2, query->arena, &query->answer.safe) ? ERR_OK : ERR_TOO_LARGE;
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

void reader_start(struct store *store, reader_fn *run, void *op, struct task *task, enum err *ret_result)
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
        reader_start(store, replay, op, &op->task, &op->result);
}

static void finish_find_message(struct task *task)
{
        struct store_message_query *op = list_item(task, struct store_message_query, task);
        op->done(op);
}

void reader_find_message(struct store *store, struct store_message_query *op)
{
        op->task.run = finish_find_message;
        reader_start(store, find_message, op, &op->task, &op->result);
}

static void finish_find_ticket(struct task *task)
{
        struct store_ticket_query *op = list_item(task, struct store_ticket_query, task);
        op->done(op);
}

void reader_find_ticket(struct store *store, struct store_ticket_query *op)
{
        op->task.run = finish_find_ticket;
        reader_start(store, ticket_find, op, &op->task, &op->result);
}

static void finish_list_tickets(struct task *task)
{
        struct store_tickets_query *op = list_item(task, struct store_tickets_query, task);
        op->done(op);
}

void reader_list_tickets(struct store *store, struct store_tickets_query *op)
{
        op->task.run = finish_list_tickets;
        reader_start(store, ticket_list, op, &op->task, &op->result);
}
