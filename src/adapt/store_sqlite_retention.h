/* SPDX-License-Identifier: Apache-2.0 */
/* The end of what has been kept long enough: messages go with all that hangs on them, entries of the audit log stay.
 *
 * Synchronous, on any thread but a loop's; each call is one small transaction of the writer's, so that no message waits
 * for long and a process that dies leaves a message with all that belongs to it or none of it.
 */
#ifndef ADAPT_STORE_SQLITE_RETENTION_H
#define ADAPT_STORE_SQLITE_RETENTION_H

#include "adapt/store_sqlite.h"

/* What is purged, in the order of the metric's label. */
enum retention_kind {
        RETENTION_MESSAGE,
        RETENTION_TICKET,
        RETENTION_RECORD, /* of compliance */
        RETENTION_REVIEW,
        RETENTION_FEEDBACK,
        RETENTION_SUBJECT,
        RETENTION_KINDS
};

enum { RETENTION_SLICE = 100 }; /* messages that a call looks at */

/* A pass over the messages, the oldest first, a slice a call; begins zeroed. */
struct store_retention {
        int64_t now_ms;
        int64_t message_before_ms; /* what was received, or last worked on, before that goes; at least the time that
                                    * idempotency keys live ago: see store_sqlite_retention.c */
        int64_t record_before_ms;  /* the same for messages with a compliance record, which have to be older than both */
        uint64_t after_row;        /* the pass's own: where it stands */
        bool is_log_due;           /* the write-ahead log holds what was purged, because somebody reads from it */
        bool is_done;              /* the pass is over; the next call begins another */
        size_t purged[RETENTION_KINDS]; /* by this call */
        int64_t oldest_ms;         /* when the oldest message was received that is kept; 0: none is */
};

/* A message stays while its review, or one that it has joined, is open, its ticket neither resolved nor closed, its
 * compliance record not resolved, or another system still to be told of it. */
enum err store_sqlite_purge(struct store_sqlite *db, struct store_retention *pass, struct err_note *note) MUST_USE;

#endif
