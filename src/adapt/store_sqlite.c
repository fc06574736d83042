/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/key_file.h"
#include "adapt/store_sqlite.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "adapt/store_sqlite_internal.h"
#include "adapt/store_sqlite_schema.h"
#include "base/alloc.h"

enum {
        DEFAULT_QUEUE = 10000,
        DEFAULT_LOOKUPS = 256,
        QUEUE_RESERVE_SHARE = 4, /* safety records may queue up beyond the maximum by this part of it, */
        QUEUE_RESERVE_MIN = 64,  /* and this much */
        DEFAULT_CHECKPOINT_PAGES = 4000,
        DEFAULT_BUSY_TIMEOUT_MS = 250,
        WRITER_CACHE_KIB = 1024,
};

/* ---- One loop's store ---- */

static void on_wake(struct task *task)
{
        struct facade *facade = list_item(task, struct facade, wake);
        struct list finished;
        list_init(&finished);
        pthread_mutex_lock(&facade->db->lock);
        facade->is_waking = false;
        list_take_all(&finished, &facade->finished);
        pthread_mutex_unlock(&facade->db->lock);
        struct list *link;
        while ((link = list_pop_front(&finished)) != NULL) {
                struct task *one = list_item(link, struct task, link);
                facade->in_flight--;
                one->run(one);
        }
}

/* The post happens under the lock, so that a detach cannot overtake it. */
void facade_finish(struct facade *facade, struct task *task)
{
        list_push_back(&facade->finished, &task->link);
        if (facade->is_waking)
                return;
        facade->is_waking = true;
        loop_post(facade->loop, &facade->wake);
}

bool facade_enter(struct facade *facade, struct task *task, enum err *ret_result)
{
        facade->in_flight++;
        if (facade->lookups < facade->db->config.lookups_max) {
                facade->lookups++;
                return true;
        }
        *ret_result = ERR_OVERLOADED;
        pthread_mutex_lock(&facade->db->lock);
        facade_finish(facade, task);
        pthread_mutex_unlock(&facade->db->lock);
        return false;
}

static struct record_id reserve(struct store *store)
{
        struct facade *facade = list_item(store, struct facade, store);
        if (facade->checks_left == 0) {
                random_bytes(facade->checks, sizeof facade->checks);
                facade->checks_left = CHECKS_AT_ONCE;
        }
        return (struct record_id){
                .row = atomic_fetch_add_explicit(&facade->db->next_row, 1, memory_order_relaxed),
                .check = facade->checks[--facade->checks_left],
        };
}

static void finish_commit(struct task *task)
{
        struct store_commit *commit = list_item(task, struct store_commit, task);
        commit->done(commit);
}

static size_t queue_max(const struct store_sqlite *db, const struct store_record *record)
{
        size_t max = db->config.queue_max;
        bool is_safety = record->outcome->compliance.severity != SEVERITY_NONE;
        return is_safety ? max + max / QUEUE_RESERVE_SHARE + QUEUE_RESERVE_MIN : max;
}

static void start_commit(struct store *store, struct store_commit *commit)
{
        struct facade *facade = list_item(store, struct facade, store);
        struct store_sqlite *db = facade->db;
        commit->task.run = finish_commit;
        facade->in_flight++;
        pthread_mutex_lock(&db->lock);
        if (db->queued >= queue_max(db, commit->record)) {
                commit->result = ERR_OVERLOADED;
                facade_finish(facade, &commit->task);
        } else {
                list_push_back(&facade->queued, &commit->task.link);
                /* One wake-up for all that comes before the writer has woken. */
                if (db->queued++ == 0 && db->is_sleeping)
                        pthread_cond_signal(&db->wake);
        }
        pthread_mutex_unlock(&db->lock);
}

static const struct store_ops ops = {
        .reserve = reserve,
        .commit = start_commit,
        .replay = reader_replay,
        .find_message = reader_find_message,
        .list_reviews = review_list,
        .find_review = review_find,
        .find_originals = originals_find,
        .change_review = review_change,
        .find_compliance = compliance_find,
        .list_compliance = compliance_list,
        .add_feedback = feedback_add,
        .audit = audit_add,
        .find_ticket = reader_find_ticket,
        .list_tickets = reader_list_tickets,
        .change_ticket = ticket_change,
};

struct store *store_sqlite_attach(struct store_sqlite *db, struct loop *loop)
{
        struct facade *facade = alloc_zeroed(1, sizeof *facade);
        facade->store.ops = &ops;
        facade->db = db;
        facade->loop = loop;
        facade->wake.run = on_wake;
        list_init(&facade->queued);
        list_init(&facade->finished);
        pthread_mutex_lock(&db->lock);
        list_push_back(&db->facades, &facade->link);
        pthread_mutex_unlock(&db->lock);
        return &facade->store;
}

void store_sqlite_detach(struct store *store)
{
        if (!store)
                return;
        struct facade *facade = list_item(store, struct facade, store);
        pthread_mutex_lock(&facade->db->lock);
        assert(facade->in_flight == 0 && !facade->is_waking);
        list_remove(&facade->link);
        pthread_mutex_unlock(&facade->db->lock);
        free(facade);
}

/* ---- The database ---- */

static int on_log(void *arg, sqlite3 *db, const char *name, int pages)
{
        (void)db;
        (void)name;
        struct writer *writer = arg;
        writer->log_pages = (size_t)pages;
        return SQLITE_OK;
}

/* A new file lasts only when its directory has reached the disk as well. */
static enum err sync_directory(const char *directory, struct err_note *note)
{
        int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        bool is_synced = fd >= 0 && fsync(fd) == 0;
        if (fd >= 0)
                close(fd);
        return is_synced ? ERR_OK : err_set(note, ERR_IO, "%s: cannot sync the directory", directory);
}

/* Looks where damage does the most harm: rows at both ends of the tables that are written. A check
 * of the whole file would take minutes on a large one. */
static enum err look_for_damage(struct store_sqlite *db, uint64_t *ret_next_row, struct err_note *note)
{
        int64_t last = 0, ignored = 0;
        sqlite3 *sqlite = db->writer.db;
        enum err err = sqlite_db_number(sqlite,
                                        "SELECT max((SELECT coalesce(max(id), 0) FROM message), coalesce("
                                        "(SELECT CAST(CAST(value AS TEXT) AS INTEGER) FROM meta WHERE key = 'last_row'), 0))",
                                        &last, note);
        if (!err)
                err = sqlite_db_number(sqlite,
                                       "SELECT coalesce(max(length(answer)), 0) FROM message WHERE id IN"
                                       " ((SELECT max(id) FROM message), (SELECT min(id) FROM message))",
                                       &ignored, note);
        if (!err)
                err = sqlite_db_number(sqlite, "SELECT count(*) FROM meta", &ignored, note);
        if (!err)
                *ret_next_row = (uint64_t)last + 1;
        return err;
}

/* SQLite would create it readable for others; its log inherits the mode. */
static enum err create_file(const char *path, struct err_note *note)
{
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return err_set(note, ERR_IO, "%s: cannot open: %s", path, strerrordesc_np(errno));
        close(fd);
        return ERR_OK;
}

/* The master key is made with the store; one that is lost is not replaced by another. */
static enum err load_master(struct store_sqlite *db, struct err_note *note)
{
        char path[PATH_MAX];
        bool is_in_use = false, is_given = db->config.key_file && *db->config.key_file;
        enum err err = store_vault_is_in_use(db->writer.db, &is_in_use, note);
        snprintf(path, sizeof path, "%s/%s", db->directory, MASTER_KEY_FILE);
        return err ? err : key_file_read(is_given ? db->config.key_file : path, !is_in_use && !is_given, &db->master, note);
}

static enum err open_vault(struct store_sqlite *db, struct vault **ret_vault, struct err_note *note)
{
        enum err err = load_master(db, note);
        if (!err)
                err = store_vault_attach(db->writer.db, &db->master, ret_vault, note);
        /* What was removed must not be left on a free page or in the log, after a migration neither. */
        if (!err)
                err = sqlite_db_exec(db->writer.db, "PRAGMA secure_delete = ON", note);
        if (!err)
                err = store_sqlite_migrate(db->writer.db, db->path, note);
        if (!err)
                err = sqlite_db_exec(db->writer.db, "PRAGMA wal_checkpoint(TRUNCATE)", note);
        if (!err)
                err = store_vault_check(db->writer.db, *ret_vault, db->path, note);
        return err ? err : store_vault_make_view(db->writer.db, note);
}

static enum err open_writer(struct store_sqlite *db, struct err_note *note)
{
        struct writer *writer = &db->writer;
        struct sqlite_options options = {
                .cache_kib = WRITER_CACHE_KIB,
                .busy_timeout_ms = db->config.busy_timeout_ms,
                .max_pages = db->config.max_pages,
        };
        uint64_t next_row = 1;
        struct vault *vault = NULL;
        enum err err = create_file(db->path, note);
        if (!err)
                err = sqlite_db_open(db->path, &options, &writer->db, note);
        if (!err)
                err = open_vault(db, &vault, note);
        if (!err)
                err = sync_directory(db->directory, note);
        if (!err)
                err = look_for_damage(db, &next_row, note);
        if (!err)
                err = rows_open(&writer->rows, writer->db, vault, note);
        if (!err)
                err = ticket_stmts_open(&writer->tickets, writer->db, TICKET_ONE, TICKET_STMTS, note);
        if (err)
                return err;
        atomic_store(&db->next_row, next_row);
        (void)sqlite3_wal_hook(writer->db, on_log, writer);
        writer->checkpoint_at = db->config.checkpoint_pages;
        return ERR_OK;
}

static void release(struct store_sqlite *db)
{
        checkpointer_close(db);
        reader_close(db);
        admin_reader_close(db);
        rows_close(&db->writer.rows);
        ticket_stmts_close(&db->writer.tickets);
        /* The last connection to close copies the whole log and removes it. */
        (void)sqlite3_close(db->writer.db);
        pthread_cond_destroy(&db->called);
        pthread_cond_destroy(&db->wake);
        pthread_mutex_destroy(&db->lock);
        free(db->path);
        free(db->directory);
        free(db);
}

static struct store_sqlite *make(const struct store_sqlite_config *config)
{
        struct store_sqlite *db = alloc_zeroed(1, sizeof *db);
        db->config = *config;
        if (!config->queue_max)
                db->config.queue_max = DEFAULT_QUEUE;
        if (!config->lookups_max)
                db->config.lookups_max = DEFAULT_LOOKUPS;
        if (!config->checkpoint_pages)
                db->config.checkpoint_pages = DEFAULT_CHECKPOINT_PAGES;
        if (!config->busy_timeout_ms)
                db->config.busy_timeout_ms = DEFAULT_BUSY_TIMEOUT_MS;
        size_t len = strlen(config->directory);
        db->directory = alloc_copy(config->directory, len);
        size_t path_bytes = len + sizeof "/triaged.db";
        db->path = alloc_zeroed(path_bytes, 1);
        snprintf(db->path, path_bytes, "%s/triaged.db", db->directory);
        db->config.directory = db->directory;
        db->health.is_ready = true;
        list_init(&db->facades);
        list_init(&db->calls);
        pthread_condattr_t attr;
        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_mutex_init(&db->lock, NULL);
        pthread_cond_init(&db->wake, &attr);
        pthread_cond_init(&db->called, NULL);
        pthread_condattr_destroy(&attr);
        return db;
}

enum err store_sqlite_open(const struct store_sqlite_config *config, struct store_sqlite **ret_db,
                           struct err_note *note)
{
        struct store_sqlite *db = make(config);
        enum err err = open_writer(db, note);
        if (!err)
                err = reader_open(db, note);
        if (!err)
                err = admin_reader_open(db, note);
        if (!err)
                err = outbox_delivery_open(db, note);
        if (!err)
                err = checkpointer_open(db, note);
        OPENSSL_cleanse(&db->master, sizeof db->master);
        if (!err && pthread_create(&db->writer.thread, NULL, writer_main, db) != 0)
                err = err_set(note, ERR_UNAVAILABLE, "cannot start the store's writer thread");
        if (err) {
                release(db);
                return err;
        }
        *ret_db = db;
        return ERR_OK;
}

void store_sqlite_close(struct store_sqlite *db)
{
        if (!db)
                return;
        pthread_mutex_lock(&db->lock);
        assert(list_is_empty(&db->facades));
        db->is_closing = true;
        pthread_cond_signal(&db->wake);
        pthread_mutex_unlock(&db->lock);
        pthread_join(db->writer.thread, NULL);
        release(db);
}

void store_sqlite_health(struct store_sqlite *db, struct store_sqlite_health *ret_health)
{
        pthread_mutex_lock(&db->lock);
        *ret_health = db->health;
        pthread_mutex_unlock(&db->lock);
}

size_t store_sqlite_queued(struct store_sqlite *db)
{
        pthread_mutex_lock(&db->lock);
        size_t queued = db->queued;
        pthread_mutex_unlock(&db->lock);
        return queued;
}
