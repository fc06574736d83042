/* SPDX-License-Identifier: Apache-2.0 */
/* The clock's rows: one for each open review (table `sla`), written with it and gone when it is resolved.
 * How many there are is counted by triggers, so that it holds whatever a transaction comes to.
 * Used on the writer's thread within a transaction. What the clock does with them: store_sqlite_sla(). */
#ifndef ADAPT_STORE_SQLITE_SLA_H
#define ADAPT_STORE_SQLITE_SLA_H

#include "adapt/sqlite_db.h"
#include "core/review.h"
#include "port/store.h"

struct sla_rows {
        sqlite3 *db; /* borrows */
        sqlite3_stmt *add;
};

enum err sla_rows_open(struct sla_rows *rows, sqlite3 *db, struct err_note *note) MUST_USE;
void sla_rows_close(struct sla_rows *rows);

/* A review that is new: its clock starts. */
enum err sla_rows_add(struct sla_rows *rows, const struct store_record *record, struct err_note *note) MUST_USE;

/* A person has changed the review, to that status. Claimed: nobody else is told any more. Resolved: its clock stops.
 * Pending: it is nobody's again, and the next of its chain is told at once. */
enum err sla_rows_follow(sqlite3 *db, const struct review *review, enum review_status to, int64_t now_ms,
                         struct err_note *note) MUST_USE;

#endif
