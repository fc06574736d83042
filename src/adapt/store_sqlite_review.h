/* SPDX-License-Identifier: Apache-2.0 */
/* What look-up and change of reviews share. With the reader's lock held, or on the writer's thread. */
#ifndef ADAPT_STORE_SQLITE_REVIEW_H
#define ADAPT_STORE_SQLITE_REVIEW_H

#include "adapt/store_sqlite_internal.h"

#define REVIEW_COLUMNS \
        "due_at, message_row, severity, category, key_id, reason, status, assignee, version, updated_at," \
        " acknowledged_at, suggested_reply"
#define REVIEW_ALL_COLUMNS REVIEW_COLUMNS ", conversation"
#define REVIEW_KEY " WHERE due_at = ?1 AND message_row = ?2"

void review_row_bind_key(struct sqlite_binder *b, const struct review *review);

/* Open or resolved. Unknown and a wrong check are one answer, ERR_NOT_FOUND: nobody learns what exists. */
enum err review_row_find(sqlite3 *db, struct record_id id, struct arena *arena, struct review *ret_review,
                         struct err_note *note) MUST_USE;

enum err review_row_history(sqlite3 *db, const struct review *review, struct arena *arena,
                            struct review_history *ret_history, struct err_note *note) MUST_USE;

#endif
