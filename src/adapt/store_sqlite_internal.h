/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the embedded store share.
 *
 *   loops --queued--> writer thread --finished--> loops      (store_sqlite_writer.c)
 *                        | pages in the log
 *                        v
 *                 checkpoint thread                          (store_sqlite_checkpoint.c)
 *   work pool ---------> reader, one connection with a lock  (store_sqlite_read.c)
 *   calls: feedback, changes of tickets, administration --> writer thread, between two batches
 *   administration ----> a connection with a lock, for lists (store_sqlite_admin.c)
 *
 * `lock` guards all queues and the health; it is never held while SQLite works.
 */
#ifndef ADAPT_STORE_SQLITE_INTERNAL_H
#define ADAPT_STORE_SQLITE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "adapt/store_sqlite.h"
#include "adapt/store_sqlite_rows.h"
#include "port/store_outbox.h"

enum {
        BATCH_MAX = 512,
        CHECKS_AT_ONCE = 64,
};

/* The store of one loop. */
struct facade {
        struct store store;
        struct store_sqlite *db; /* borrows */
        struct loop *loop;       /* borrows */
        struct list link;        /* in db->facades */
        struct list queued;      /* commits for the writer; under db->lock */
        struct list finished;    /* tasks whose `done` is due; under db->lock */
        struct task wake;
        bool is_waking;   /* `wake` is posted; under db->lock */
        size_t in_flight; /* the rest is the loop's own */
        size_t lookups;   /* and calls */
        uint64_t checks[CHECKS_AT_ONCE]; /* random words, drawn in bulk */
        size_t checks_left;
};

/* A commit on its way through the writer. */
struct pending {
        struct store_commit *commit;
        struct facade *facade;
};

/* What changes other things than messages, run by the writer between two batches, in its own transaction. */
struct store_call {
        struct list link;
        struct facade *facade; /* NULL: a thread waits for it; else the loop for which it was started, */
        struct task back;      /* the way there, */
        struct task *task;     /* and what is run there */
        enum err *ret_result;
        enum err (*run)(struct store_call *call, sqlite3 *db, struct err_note *note);
        void (*committed)(struct store_call *call, struct store_sqlite *db); /* behind the commit; may be NULL */
        struct audit_entry audit; /* of what it does, when it succeeds; run() may fill it in; at_ms 0: none */
        int64_t room_bytes; /* what it takes from the disk above the floor; 0: allowed below it, too */
        struct err_note *note;
        enum err result;
        bool is_done;
};

/* Statements on tickets: the reader has those before TICKET_LOG, the writer those from TICKET_ONE on. */
enum ticket_stmt {
        TICKET_ALL,
        TICKET_BY_STATUS,
        TICKET_BY_ASSIGNEE,
        TICKET_ONE,
        TICKET_MESSAGE,
        TICKET_EVENTS,
        TICKET_LOG,
        TICKET_UPDATE,
        TICKET_STMTS
};

struct ticket_stmts {
        sqlite3 *db; /* borrows */
        sqlite3_stmt *stmts[TICKET_STMTS];
};

/* The writer thread's own. */
struct writer {
        pthread_t thread;
        sqlite3 *db;
        struct rows rows;
        struct ticket_stmts tickets;
        struct pending batch[BATCH_MAX];
        size_t batch_count;
        double gain;            /* records that lingering brings, see linger_once() */
        bool is_patient;        /* it is worth it */
        unsigned hasty_batches; /* since waiting was not worth it */
        size_t log_pages;     /* in the write-ahead log after the last commit */
        size_t checkpoint_at; /* log_pages that wake the checkpoint thread */
        int64_t free_bytes;   /* as of free_checked_ms */
        int64_t free_checked_ms;
        int64_t probe_at_ms;
        int64_t sweep_at_ms;
        int64_t floor_at_ms; /* when the free space is looked at next though nobody writes */
        enum err ailment; /* ERR_OK: healthy */
        struct err_note ailment_note;
};

struct checkpointer {
        pthread_t thread;
        sqlite3 *db;
        pthread_cond_t wake;
        bool is_wanted; /* under db->lock, like all below */
        bool is_running;
        bool is_tail_due; /* the bulk is done: the writer copies what came in the meantime */
        bool is_closing;
};

enum reader_stmt { READER_REPLAY, READER_MESSAGE, READER_COUNT };

struct reader {
        pthread_mutex_t lock; /* around all of it */
        sqlite3 *db;
        sqlite3_stmt *stmts[READER_COUNT];
        struct ticket_stmts tickets;
};

/* Lists copy whole tables: on the reader's connection they would hold up every look-up. */
struct admin_reader {
        pthread_mutex_t lock; /* around all of it */
        sqlite3 *db;
};

struct store_sqlite {
        struct store_sqlite_config config;
        char *directory; /* owns */
        char *path;      /* owns */
        _Atomic uint64_t next_row;
        pthread_mutex_t lock;
        pthread_cond_t wake;   /* the writer's */
        pthread_cond_t called; /* somebody's call is done */
        struct list facades;
        size_t queued; /* commits of all facades that wait or are being written */
        struct list calls;
        bool is_sleeping; /* the writer needs a signal */
        bool is_closing;
        enum err failure; /* found on another thread than the writer's; it makes the store fatal */
        struct err_note failure_note;
        struct store_sqlite_health health;
        struct writer writer;
        struct checkpointer checkpointer;
        struct reader reader;
        struct admin_reader admin_reader;
        struct digest master; /* the vaults' key; wiped when all connections are open */
        struct store_sla sla; /* for store_sqlite_sla.c */
        struct store_outbox outbox;
        uint64_t outbox_unsure_row; /* up to here an earlier process may have tried entries of the outbox */
};

/* store_sqlite.c: gives a task back to its loop; under db->lock. */
void facade_finish(struct facade *facade, struct task *task);
/* Counts a look-up in; over their maximum it gives the task back with ERR_OVERLOADED and returns false. */
bool facade_enter(struct facade *facade, struct task *task, enum err *ret_result);

/* store_sqlite_writer.c */
void *writer_main(void *arg);
/* Runs the call on the writer's thread and waits for it. */
enum err writer_call(struct store_sqlite *db, struct store_call *call, struct err_note *note);
/* Runs it for a loop, which then has *ret_result and runs the task. The call begins a block of
 * base/alloc.h, which is freed before that. */
void writer_start(struct facade *facade, struct store_call *call, struct task *task, enum err *ret_result);
/* A failure that another thread met: damage and broken disks end the store. */
void writer_report(struct store_sqlite *db, enum err err, const struct err_note *note);

/* store_sqlite_checkpoint.c */
enum err checkpointer_open(struct store_sqlite *db, struct err_note *note) MUST_USE;
void checkpointer_close(struct store_sqlite *db);
/* On the writer's thread, between two transactions. */
void checkpointer_after_commit(struct store_sqlite *db);
/* The same; leaves nothing in the log of what was removed. False while somebody reads from it, which ends soon. */
bool checkpointer_empty_log(struct store_sqlite *db);

/* store_sqlite_read.c */
enum err reader_open(struct store_sqlite *db, struct err_note *note) MUST_USE;
void reader_close(struct store_sqlite *db);
void reader_replay(struct store *store, struct store_replay *replay);
void reader_find_message(struct store *store, struct store_message_query *query);
void reader_find_ticket(struct store *store, struct store_ticket_query *query);
void reader_list_tickets(struct store *store, struct store_tickets_query *query);

/* A look-up, with the reader's lock held. */
typedef enum err reader_fn(struct reader *reader, void *op, struct err_note *note);
/* Runs it on this thread. */
enum err reader_run(struct store_sqlite *db, reader_fn *run, void *op, struct err_note *note);
/* Starts it for a loop, on the work pool. */
void reader_start(struct store *store, reader_fn *run, void *op, struct task *task, enum err *ret_result);
/* What a loop is told of an error. */
enum err as_looked_up(enum err err);

/* store_sqlite_ticket.c */
enum err ticket_stmts_open(struct ticket_stmts *stmts, sqlite3 *db, enum ticket_stmt first, enum ticket_stmt end,
                           struct err_note *note) MUST_USE;
void ticket_stmts_close(struct ticket_stmts *stmts);
reader_fn ticket_find, ticket_list;
void ticket_change(struct store *store, struct store_ticket_change *change);

/* store_sqlite_review.c, store_sqlite_review_change.c, store_sqlite_compliance.c */
void review_find(struct store *store, struct store_review_query *query);
void review_list(struct store *store, struct store_reviews_query *query);
void review_change(struct store *store, struct store_review_change *change);
/* Tells of the conversations in which these commits have opened a review. */
void reviews_opened(struct store_sqlite *db, const struct pending *batch, size_t count);
void compliance_find(struct store *store, struct store_compliance_query *query);
void compliance_list(struct store *store, struct store_compliance_page *page);

/* store_sqlite_original.c */
void originals_find(struct store *store, struct store_originals_query *query);

/* store_sqlite_audit.c */
void audit_add(struct store *store, struct store_audit *audit);

/* store_sqlite_feedback.c */
void feedback_add(struct store *store, struct store_feedback *feedback);

/* store_sqlite_delivery.c */
extern const struct store_outbox_ops outbox_delivery_ops;
enum err outbox_delivery_open(struct store_sqlite *db, struct err_note *note) MUST_USE;

/* store_sqlite_admin.c */
enum err admin_reader_open(struct store_sqlite *db, struct err_note *note) MUST_USE;
void admin_reader_close(struct store_sqlite *db);

#endif
