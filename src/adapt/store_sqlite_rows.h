/* SPDX-License-Identifier: Apache-2.0 */
/* The writer's statements: a record becomes rows here. Used by the writer's thread only. */
#ifndef ADAPT_STORE_SQLITE_ROWS_H
#define ADAPT_STORE_SQLITE_ROWS_H

#include "adapt/audit_log.h"
#include "adapt/sqlite_db.h"
#include "adapt/store_sqlite_original.h"
#include "adapt/store_sqlite_outbox.h"
#include "adapt/store_sqlite_sla.h"
#include "adapt/store_sqlite_vault.h"

enum rows_stmt {
        ROWS_BEGIN,
        ROWS_COMMIT,
        ROWS_MESSAGE,
        ROWS_IDEMPOTENCY,
        ROWS_TICKET,
        ROWS_COMPLIANCE,
        ROWS_REVIEW,
        ROWS_REVIEW_MESSAGE,
        ROWS_EXPIRED,
        ROWS_FORGET,
        ROWS_PROBE,
        ROWS_UNPROBE,
        ROWS_COUNT
};

struct rows {
        sqlite3 *db; /* borrows */
        sqlite3_stmt *stmts[ROWS_COUNT];
        struct outbox_rows outbox;
        struct sla_rows sla;
        struct audit_log audit;
        unsigned char salt[16]; /* of the record that is being written */
        struct buf details;     /* of its audit entry */
        struct subject_rows subjects;
        struct original_rows originals;
        struct digest swept; /* how far the sweep for expired idempotency keys has come */
        bool is_sweeping;
};

enum err rows_open(struct rows *rows, sqlite3 *db, struct vault *vault, struct err_note *note) MUST_USE;
void rows_close(struct rows *rows);

enum err rows_begin(struct rows *rows, struct err_note *note) MUST_USE;
enum err rows_commit(struct rows *rows, struct err_note *note) MUST_USE;
void rows_rollback(struct rows *rows);

/* Inside a transaction. After a failure the record may have left rows behind, so that the
 * transaction must be rolled back, also when the error is of this record only. */
enum err rows_write(struct rows *rows, const struct store_record *record, int64_t now_ms,
                    struct err_note *note) MUST_USE;

/* A write that needs fresh pages, so that its success means room; it is taken back at once. */
enum err rows_probe(struct rows *rows, struct err_note *note) MUST_USE;

/* Looks at one slice of the idempotency keys and drops the expired ones, in its own transaction.
 * ret_is_done: this was the last slice. */
enum err rows_sweep(struct rows *rows, int64_t now_ms, bool *ret_is_done, struct err_note *note) MUST_USE;

#endif
