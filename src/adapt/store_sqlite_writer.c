/* SPDX-License-Identifier: Apache-2.0 */
/* The writer thread: group commit, health, and what is done when nothing else is.
 *
 * One turn takes all that is queued, commits it, gives it back. While an fsync runs the next batch
 * forms, so that the batch grows with the load and a lone message waits for nobody.
 *
 * A commit costs the same for one record as for ten. Where records come from many clients that do
 * not wait for each other, as those do whose messages an LLM holds for a while, a millisecond or two
 * of waiting fill the batch and save most commits; where few clients each wait for their answer it
 * fills nothing. Which of the two it is shows only by waiting: see linger_once().
 *
 * A failed COMMIT acknowledges nothing. Whether the process goes on depends on why it failed:
 * want of room and locks pass, so ordinary records are refused until a probe has succeeded, while
 * records with a compliance part keep trying. After a failed fsync nobody knows what the disk
 * holds (Linux forgets the dirty pages), and after damage nothing can be trusted: both are final.
 */
#include "adapt/store_sqlite_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/statvfs.h>
#include <time.h>

enum {
        FULL_BATCH = 8,          /* records waiting that need no patience, */
        PATIENT_BATCH = 16,      /* and where patience has proved to be worth it */
        FULL_LINGER_NS = 50000,  /* plus the scheduler's slack: at most 100 us */
        LINGER_NS = 500 * 1000,  /* one wait, */
        LINGER_WAITS = 4,        /* and at most so many for a batch */
        LINGER_MEMORY = 8,       /* waits over which that is averaged */
        LINGER_TRY_EVERY = 256,  /* batches, when it was not */
        PROBE_INTERVAL_MS = 1000,
        FLOOR_INTERVAL_MS = 1000,
        FREE_CHECK_INTERVAL_MS = 100,
        SWEEP_SLICE_INTERVAL_MS = 100,
        SWEEP_REST_MS = 60 * 1000,
        RESERVE_SHARE = 4, /* safety records may use the floor down to this part of it */
};

/* Records in a wait that is not the first. Chance makes the figure waver: what has begun goes on for longer. */
static const double WORTH_LINGERING = 1, WORTH_GOING_ON = 0.4;

static int64_t now_us(clockid_t id)
{
        struct timespec now;
        clock_gettime(id, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool is_fatal(enum err err)
{
        return err == ERR_IO || err == ERR_CORRUPT;
}

/* ---- Health ---- */

static void publish(struct store_sqlite *db)
{
        struct writer *writer = &db->writer;
        struct store_sqlite_health health = {
                .is_ready = writer->ailment == ERR_OK,
                .is_fatal = is_fatal(writer->ailment),
                .err = writer->ailment,
                .note = writer->ailment_note,
        };
        pthread_mutex_lock(&db->lock);
        db->health = health;
        pthread_mutex_unlock(&db->lock);
        if (db->config.on_health)
                db->config.on_health(db->config.arg, &health);
}

static void fall_ill(struct store_sqlite *db, enum err err, const struct err_note *note)
{
        struct writer *writer = &db->writer;
        assert(err);
        bool is_news = writer->ailment != err;
        if (is_fatal(writer->ailment) || !is_news)
                return;
        writer->ailment = err;
        writer->ailment_note = *note;
        writer->probe_at_ms = now_us(CLOCK_MONOTONIC) / 1000 + PROBE_INTERVAL_MS;
        publish(db);
}

static void recover(struct store_sqlite *db)
{
        db->writer.ailment = ERR_OK;
        db->writer.ailment_note.text[0] = '\0';
        publish(db);
}

/* What fails for this store alone has its own error; all else that may pass is "unavailable". */
static enum err as_told(enum err err)
{
        if (err == ERR_OK || is_fatal(err) || err == ERR_NO_SPACE || err == ERR_BUSY ||
            sqlite_db_is_of_row(err))
                return err;
        return ERR_UNAVAILABLE;
}

void writer_report(struct store_sqlite *db, enum err err, const struct err_note *note)
{
        if (!is_fatal(err))
                return;
        pthread_mutex_lock(&db->lock);
        if (!db->failure) {
                db->failure = err;
                db->failure_note = *note;
                pthread_cond_signal(&db->wake);
        }
        pthread_mutex_unlock(&db->lock);
}

static void hear_of_failures(struct store_sqlite *db)
{
        pthread_mutex_lock(&db->lock);
        enum err failure = db->failure;
        struct err_note note = db->failure_note;
        pthread_mutex_unlock(&db->lock);
        if (failure)
                fall_ill(db, failure, &note);
}

/* ---- Room ---- */

static void look_at_free_space(struct store_sqlite *db, int64_t now_ms)
{
        struct writer *writer = &db->writer;
        if (db->config.min_free_bytes == 0 || now_ms < writer->free_checked_ms + FREE_CHECK_INTERVAL_MS)
                return;
        struct statvfs fs;
        writer->free_checked_ms = now_ms;
        if (statvfs(db->directory, &fs) == 0)
                writer->free_bytes = (int64_t)(fs.f_bavail * fs.f_frsize);
}

/* Without a floor nobody looks at the free space, and nothing is below it. */
static bool is_below(const struct store_sqlite *db, int64_t floor)
{
        return floor > 0 && db->writer.free_bytes < floor;
}

static enum err may_write(const struct store_sqlite *db, const struct store_record *record)
{
        const struct writer *writer = &db->writer;
        if (is_fatal(writer->ailment))
                return writer->ailment;
        bool is_safety = record->outcome->compliance.severity != SEVERITY_NONE;
        if (writer->ailment && !is_safety)
                return as_told(writer->ailment);
        int64_t floor = db->config.min_free_bytes / (is_safety ? RESERVE_SHARE : 1);
        return is_below(db, floor) ? ERR_NO_SPACE : ERR_OK;
}

static void watch_floor(struct store_sqlite *db, int64_t now_ms)
{
        look_at_free_space(db, now_ms);
        if (!is_below(db, db->config.min_free_bytes) || db->writer.ailment)
                return;
        struct err_note note;
        fall_ill(db,
                 err_set(&note, ERR_NO_SPACE, "%s: %lld bytes free, below the floor of %lld", db->directory,
                         (long long)db->writer.free_bytes, (long long)db->config.min_free_bytes),
                 &note);
}

/* ---- Commits ---- */

/* Behind a transaction, whether it was committed or rolled back. */
static void tell_outbox(struct store_sqlite *db, enum err err)
{
        struct outbox_rows *rows = &db->writer.rows.outbox;
        if (!err && rows->told && db->config.on_outbox)
                db->config.on_outbox(db->config.arg, rows->told, rows->is_by_hand);
        rows->told = 0;
        rows->is_by_hand = false;
}

static enum err write_all(struct writer *writer, struct pending *batch, size_t count, struct err_note *note)
{
        int64_t wall_ms = now_us(CLOCK_REALTIME) / 1000;
        enum err err = rows_begin(&writer->rows, note);
        for (size_t i = 0; !err && i < count; i++)
                err = rows_write(&writer->rows, batch[i].commit->record, wall_ms, note);
        if (!err)
                err = rows_commit(&writer->rows, note);
        if (err)
                rows_rollback(&writer->rows);
        return err;
}

static void settle(struct pending *batch, size_t count, enum err err)
{
        for (size_t i = 0; i < count; i++)
                batch[i].commit->result = err;
}

/* Writes `count` records as one transaction; a failure that is not of one row makes us ill. */
static enum err commit(struct store_sqlite *db, struct pending *batch, size_t count)
{
        struct err_note note = {.text = ""};
        int64_t started_us = now_us(CLOCK_MONOTONIC);
        enum err err = is_fatal(db->writer.ailment) ? db->writer.ailment
                                                    : write_all(&db->writer, batch, count, &note);
        settle(batch, count, as_told(err));
        tell_outbox(db, err);
        if (!err && db->config.on_commit)
                db->config.on_commit(db->config.arg, count, now_us(CLOCK_MONOTONIC) - started_us);
        if (!err && db->config.on_conversation)
                reviews_opened(db, batch, count);
        bool is_of_row = sqlite_db_is_of_row(err);
        if (err && !is_of_row)
                fall_ill(db, err, &note);
        /* A batch that is to be tried again record by record has not failed yet. */
        if (err && db->config.on_error && (!is_of_row || count == 1))
                db->config.on_error(db->config.arg, as_told(err), count);
        return err;
}

static void commit_batch(struct store_sqlite *db, struct pending *batch, size_t count)
{
        if (count == 0)
                return;
        enum err err = commit(db, batch, count);
        if (!sqlite_db_is_of_row(err) || count == 1)
                return;
        for (size_t i = 0; i < count; i++)
                (void)commit(db, &batch[i], 1);
}

/* Moves what may be written to the front; the rest has its result. Returns how many may. */
static size_t admit(struct store_sqlite *db, struct pending *batch, size_t count)
{
        size_t admitted = 0;
        for (size_t i = 0; i < count; i++) {
                enum err err = may_write(db, batch[i].commit->record);
                batch[i].commit->result = err;
                if (err)
                        continue;
                struct pending one = batch[i];
                batch[i] = batch[admitted];
                batch[admitted++] = one;
        }
        if (admitted < count && db->config.on_error)
                db->config.on_error(db->config.arg, batch[admitted].commit->result, count - admitted);
        return admitted;
}

static void give_back(struct store_sqlite *db, struct pending *batch, size_t count)
{
        pthread_mutex_lock(&db->lock);
        db->queued -= count;
        for (size_t i = 0; i < count; i++)
                facade_finish(batch[i].facade, &batch[i].commit->task);
        pthread_mutex_unlock(&db->lock);
}

static void run_batch(struct store_sqlite *db)
{
        struct writer *writer = &db->writer;
        watch_floor(db, now_us(CLOCK_MONOTONIC) / 1000);
        hear_of_failures(db);
        commit_batch(db, writer->batch, admit(db, writer->batch, writer->batch_count));
        give_back(db, writer->batch, writer->batch_count);
}

/* ---- Calls ---- */

/* What takes room leaves the floor to the messages, and the reserve below it to safety records. */
static enum err may_call(const struct store_sqlite *db, const struct store_call *call, struct err_note *note)
{
        const struct writer *writer = &db->writer;
        if (is_fatal(writer->ailment))
                return err_set(note, writer->ailment, "%s", writer->ailment_note.text);
        int64_t floor = db->config.min_free_bytes;
        if (call->room_bytes == 0 || floor == 0 || !is_below(db, floor + call->room_bytes))
                return ERR_OK;
        return err_set(note, ERR_NO_SPACE, "%s: %lld bytes free; this takes %lld of what is above the floor of %lld",
                       db->directory, (long long)writer->free_bytes, (long long)call->room_bytes, (long long)floor);
}

static enum err run_call(struct store_sqlite *db, struct store_call *call, struct err_note *note)
{
        struct writer *writer = &db->writer;
        enum err err = rows_begin(&writer->rows, note);
        if (!err)
                err = call->run(call, writer->db, note);
        if (!err && call->audit.at_ms)
                err = audit_log_append(&writer->rows.audit, &call->audit, note);
        if (!err)
                err = rows_commit(&writer->rows, note);
        if (err)
                rows_rollback(&writer->rows);
        return err;
}

/* A call that was written is as good as a probe, but says nothing about the floor. */
static void learn_from_call(struct store_sqlite *db, enum err err, const struct err_note *note)
{
        if (is_fatal(err) || err == ERR_NO_SPACE)
                fall_ill(db, err, note);
        else if (!err && db->writer.ailment && !is_below(db, db->config.min_free_bytes))
                recover(db);
}

static void finish_call(struct store_sqlite *db, struct store_call *call, enum err err)
{
        pthread_mutex_lock(&db->lock);
        call->result = err;
        call->is_done = true;
        if (call->facade)
                facade_finish(call->facade, &call->back);
        else
                pthread_cond_broadcast(&db->called);
        pthread_mutex_unlock(&db->lock);
}

static void handle_call(struct store_sqlite *db, struct store_call *call)
{
        struct err_note note = {.text = ""};
        watch_floor(db, now_us(CLOCK_MONOTONIC) / 1000);
        enum err err = may_call(db, call, &note);
        if (!err) {
                err = run_call(db, call, &note);
                if (!err && call->committed)
                        call->committed(call, db);
                learn_from_call(db, err, &note);
                tell_outbox(db, err);
        }
        if (err && call->note)
                *call->note = note;
        finish_call(db, call, err);
}

static void queue_call(struct store_sqlite *db, struct store_call *call)
{
        list_push_back(&db->calls, &call->link);
        pthread_cond_signal(&db->wake);
}

static void give_call_back(struct task *back)
{
        struct store_call *call = list_item(back, struct store_call, back);
        struct task *task = call->task;
        call->facade->lookups--;
        *call->ret_result = as_looked_up(call->result);
        free(call);
        task->run(task);
}

void writer_start(struct facade *facade, struct store_call *call, struct task *task, enum err *ret_result)
{
        struct store_sqlite *db = facade->db;
        if (!facade_enter(facade, task, ret_result)) {
                free(call);
                return;
        }
        call->facade = facade;
        call->back.run = give_call_back;
        call->task = task;
        call->ret_result = ret_result;
        pthread_mutex_lock(&db->lock);
        queue_call(db, call);
        pthread_mutex_unlock(&db->lock);
}

enum err writer_call(struct store_sqlite *db, struct store_call *call, struct err_note *note)
{
        call->note = note;
        call->is_done = false;
        pthread_mutex_lock(&db->lock);
        queue_call(db, call);
        while (!call->is_done)
                pthread_cond_wait(&db->called, &db->lock);
        pthread_mutex_unlock(&db->lock);
        return call->result;
}

/* ---- What is done by the clock ---- */

static void probe(struct store_sqlite *db, int64_t now_ms)
{
        struct writer *writer = &db->writer;
        if (!writer->ailment || is_fatal(writer->ailment) || now_ms < writer->probe_at_ms)
                return;
        writer->probe_at_ms = now_ms + PROBE_INTERVAL_MS;
        writer->free_checked_ms = 0;
        look_at_free_space(db, now_ms);
        if (is_below(db, db->config.min_free_bytes))
                return;
        struct err_note note;
        enum err err = rows_probe(&writer->rows, &note);
        if (!err)
                recover(db);
        else
                fall_ill(db, err, &note);
}

static void sweep(struct store_sqlite *db, int64_t now_ms)
{
        struct writer *writer = &db->writer;
        if (writer->ailment || now_ms < writer->sweep_at_ms)
                return;
        struct err_note note;
        bool is_done;
        enum err err = rows_sweep(&writer->rows, now_us(CLOCK_REALTIME) / 1000, &is_done, &note);
        writer->sweep_at_ms = now_ms + (is_done ? SWEEP_REST_MS : SWEEP_SLICE_INTERVAL_MS);
        if (err && err != ERR_BUSY)
                fall_ill(db, err, &note);
}

/* Readiness has to be honest before the first message meets the floor. */
static void look_at_floor(struct store_sqlite *db, int64_t now_ms)
{
        if (now_ms < db->writer.floor_at_ms)
                return;
        db->writer.floor_at_ms = now_ms + FLOOR_INTERVAL_MS;
        watch_floor(db, now_ms);
}

static int64_t next_chore_ms(const struct store_sqlite *db)
{
        const struct writer *writer = &db->writer;
        if (writer->ailment)
                return writer->probe_at_ms;
        bool is_floor_first = db->config.min_free_bytes > 0 && writer->floor_at_ms < writer->sweep_at_ms;
        return is_floor_first ? writer->floor_at_ms : writer->sweep_at_ms;
}

/* ---- The thread ---- */

/* One call a turn: each is a transaction of its own, and messages wait for one at the most. */
static struct store_call *take(struct store_sqlite *db)
{
        struct writer *writer = &db->writer;
        writer->batch_count = 0;
        list_each(link, &db->facades) {
                struct facade *facade = list_item(link, struct facade, link);
                struct list *queued;
                while (writer->batch_count < BATCH_MAX &&
                       (queued = list_pop_front(&facade->queued)) != NULL) {
                        struct task *task = list_item(queued, struct task, link);
                        struct store_commit *commit = list_item(task, struct store_commit, task);
                        writer->batch[writer->batch_count++] = (struct pending){commit, facade};
                }
        }
        /* Another loop is the first of the next batch, so that a busy one starves nobody. */
        struct list *first = list_pop_front(&db->facades);
        if (first)
                list_push_back(&db->facades, first);
        struct list *call = list_pop_front(&db->calls);
        return call ? list_item(call, struct store_call, link) : NULL;
}

static bool has_work(const struct store_sqlite *db)
{
        return db->queued > 0 || !list_is_empty(&db->calls);
}

/* With the lock held. False when the clock or a failure elsewhere wakes us. */
static bool wait_for_work(struct store_sqlite *db)
{
        int64_t until_ms = next_chore_ms(db);
        struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
        bool is_settled = is_fatal(db->writer.ailment);
        int timed_out = 0;
        db->is_sleeping = true;
        while (!has_work(db) && !db->is_closing && timed_out != ETIMEDOUT && (is_settled || !db->failure)) {
                if (is_settled)
                        pthread_cond_wait(&db->wake, &db->lock);
                else
                        timed_out = pthread_cond_timedwait(&db->wake, &db->lock, &until);
        }
        db->is_sleeping = false;
        return has_work(db);
}

/* With the lock held, which is let go of meanwhile. Returns how many records came. */
static size_t wait_for_more(struct store_sqlite *db, long wait_ns)
{
        size_t before = db->queued;
        pthread_mutex_unlock(&db->lock);
        nanosleep(&(struct timespec){.tv_nsec = wait_ns}, NULL);
        pthread_mutex_lock(&db->lock);
        return db->queued - before;
}

/* Clients that wait for their answers come at once or not at all: only those behind the first wait tell
 * that more would have come without us. */
static void linger_once(struct store_sqlite *db)
{
        struct writer *writer = &db->writer;
        int waits = 1;
        wait_for_more(db, LINGER_NS);
        do {
                double share = writer->is_patient ? 1.0 / LINGER_MEMORY : 1;
                writer->gain += share * ((double)wait_for_more(db, LINGER_NS) - writer->gain);
                writer->is_patient = writer->gain >= (writer->is_patient ? WORTH_GOING_ON : WORTH_LINGERING);
        } while (++waits < LINGER_WAITS && writer->is_patient && db->queued < PATIENT_BATCH && !db->is_closing);
}

/* An impatient writer tries now and then whether waiting has become worth it. */
static bool is_due_to_linger(struct writer *writer, size_t queued)
{
        return writer->is_patient || (queued > 1 && ++writer->hasty_batches % LINGER_TRY_EVERY == 0);
}

static void linger(struct store_sqlite *db)
{
        if (db->is_closing || !list_is_empty(&db->calls))
                return;
        if (db->queued >= (db->writer.is_patient ? PATIENT_BATCH : FULL_BATCH))
                wait_for_more(db, FULL_LINGER_NS);
        else if (is_due_to_linger(&db->writer, db->queued))
                linger_once(db);
}

static void do_chores(struct store_sqlite *db)
{
        int64_t now_ms = now_us(CLOCK_MONOTONIC) / 1000;
        hear_of_failures(db);
        probe(db, now_ms);
        look_at_floor(db, now_ms);
        sweep(db, now_ms);
        checkpointer_after_commit(db);
}

void *writer_main(void *arg)
{
        struct store_sqlite *db = arg;
        (void)prctl(PR_SET_TIMERSLACK, 1000UL);
        pthread_mutex_lock(&db->lock);
        while (!db->is_closing || has_work(db)) {
                if (wait_for_work(db))
                        linger(db);
                struct store_call *call = take(db);
                pthread_mutex_unlock(&db->lock);
                if (db->writer.batch_count)
                        run_batch(db);
                if (call)
                        handle_call(db, call);
                do_chores(db);
                pthread_mutex_lock(&db->lock);
        }
        pthread_mutex_unlock(&db->lock);
        return NULL;
}
