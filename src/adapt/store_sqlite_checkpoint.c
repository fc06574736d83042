/* SPDX-License-Identifier: Apache-2.0 */
/* Emptying the write-ahead log without making commits wait.
 *
 * The bulk is copied into the database by a thread and a connection of its own while commits go
 * on; but under steady load the log then holds what came in the meantime, and it starts anew only
 * when all of it has been copied. So the writer itself copies that short tail between two
 * commits. The next commit starts the log from its beginning.
 */
#include "adapt/store_sqlite_internal.h"

/* A reader may be in the way, which is no failure: the rest is copied the next time. */
static enum err copy(sqlite3 *db, bool *ret_is_complete, struct err_note *note)
{
        int in_log = 0, copied = 0;
        int code = sqlite3_wal_checkpoint_v2(db, "main", SQLITE_CHECKPOINT_PASSIVE, &in_log, &copied);
        *ret_is_complete = code == SQLITE_OK && copied >= in_log;
        return code == SQLITE_OK || (code & 0xff) == SQLITE_BUSY ? ERR_OK : sqlite_db_err(db, code, note);
}

static void copy_bulk(struct store_sqlite *db)
{
        struct err_note note;
        bool is_complete;
        enum err err = copy(db->checkpointer.db, &is_complete, &note);
        if (err)
                writer_report(db, err, &note);
}

static void *checkpointer_main(void *arg)
{
        struct store_sqlite *db = arg;
        struct checkpointer *checkpointer = &db->checkpointer;
        pthread_mutex_lock(&db->lock);
        while (!checkpointer->is_closing) {
                if (!checkpointer->is_wanted) {
                        pthread_cond_wait(&checkpointer->wake, &db->lock);
                        continue;
                }
                checkpointer->is_wanted = false;
                checkpointer->is_running = true;
                pthread_mutex_unlock(&db->lock);
                copy_bulk(db);
                pthread_mutex_lock(&db->lock);
                checkpointer->is_running = false;
                checkpointer->is_tail_due = true;
                pthread_cond_signal(&db->wake);
        }
        pthread_mutex_unlock(&db->lock);
        return NULL;
}

enum err checkpointer_open(struct store_sqlite *db, struct err_note *note)
{
        struct checkpointer *checkpointer = &db->checkpointer;
        struct sqlite_options options = {
                .cache_kib = 64, .busy_timeout_ms = 0, .max_pages = db->config.max_pages};
        enum err err = sqlite_db_open(db->path, &options, &checkpointer->db, note);
        if (err)
                return err;
        pthread_cond_init(&checkpointer->wake, NULL);
        int failed = pthread_create(&checkpointer->thread, NULL, checkpointer_main, db);
        if (!failed)
                return ERR_OK;
        pthread_cond_destroy(&checkpointer->wake);
        (void)sqlite3_close(checkpointer->db);
        checkpointer->db = NULL;
        return err_set(note, ERR_UNAVAILABLE, "cannot start the checkpoint thread");
}

void checkpointer_close(struct store_sqlite *db)
{
        struct checkpointer *checkpointer = &db->checkpointer;
        if (!checkpointer->db)
                return;
        pthread_mutex_lock(&db->lock);
        checkpointer->is_closing = true;
        pthread_cond_signal(&checkpointer->wake);
        pthread_mutex_unlock(&db->lock);
        pthread_join(checkpointer->thread, NULL);
        pthread_cond_destroy(&checkpointer->wake);
        (void)sqlite3_close(checkpointer->db);
}

/* A log that could not be emptied is given half its size more before the next attempt. */
static void copy_tail(struct store_sqlite *db)
{
        struct writer *writer = &db->writer;
        struct err_note note;
        bool is_complete;
        enum err err = copy(writer->db, &is_complete, &note);
        if (err)
                writer_report(db, err, &note);
        writer->checkpoint_at = db->config.checkpoint_pages;
        if (is_complete)
                writer->log_pages = 0;
        else
                writer->checkpoint_at = writer->log_pages + db->config.checkpoint_pages / 2;
}

void checkpointer_after_commit(struct store_sqlite *db)
{
        struct checkpointer *checkpointer = &db->checkpointer;
        pthread_mutex_lock(&db->lock);
        bool is_tail_due = checkpointer->is_tail_due;
        checkpointer->is_tail_due = false;
        bool is_busy = checkpointer->is_running || checkpointer->is_wanted || is_tail_due;
        if (!is_busy && db->writer.log_pages >= db->writer.checkpoint_at && db->writer.ailment == ERR_OK) {
                checkpointer->is_wanted = true;
                pthread_cond_signal(&checkpointer->wake);
        }
        pthread_mutex_unlock(&db->lock);
        if (is_tail_due)
                copy_tail(db);
}

bool checkpointer_empty_log(struct store_sqlite *db)
{
        return sqlite3_wal_checkpoint_v2(db->writer.db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK;
}
