/* SPDX-License-Identifier: Apache-2.0 */
/* The store, as the outbox sees it: what is due for one connector, and what came of it.
 *
 * Synchronous; on any thread that may wait for a transaction, never on a loop's. An operation is one transaction: after a
 * failure, nothing of it has happened.
 */
#ifndef PORT_STORE_OUTBOX_H
#define PORT_STORE_OUTBOX_H

#include "base/arena.h"
#include "base/err.h"
#include "base/safe_text.h"
#include "core/record_id.h"

enum { OUTBOX_BATCH = 16 };

/* The first undelivered entry of its message and connector. Strings are in the arena of the batch. */
struct outbox_item {
        struct record_id id; /* "out_" */
        struct str event;
        uint64_t message_row;
        int64_t created_at_ms;
        int64_t queued_at_ms; /* the same, or when somebody wanted it tried anew */
        uint32_t attempts; /* that were made */
        bool is_unknown;   /* one of them may have been carried out: its outcome is not known, or this process does not know
                              whether an earlier one made it */
        struct safe_text payload;
};

/* What is due now, the longest due first; each message has one entry at most in it. */
struct outbox_batch {
        struct str connector;
        int64_t now_ms;
        struct arena *arena; /* when it is full, the batch is short */
        struct outbox_item items[OUTBOX_BATCH];
        size_t count;
        int64_t next_due_ms; /* when count is 0: of the next one, INT64_MAX: there is none */
};

enum outbox_fate {
        OUTBOX_DONE,  /* deleted; the next one of the message is due */
        OUTBOX_AGAIN,
        OUTBOX_DEAD,  /* kept for people; the next one of the message is due */
};

struct outbox_result {
        struct record_id id;
        enum outbox_fate fate;
        int64_t due_at_ms; /* OUTBOX_AGAIN */
        bool is_unknown;
        char external_id[128]; /* of what was made; "": not known */
        struct err_note note;  /* why not */
};

struct store_outbox;

struct store_outbox_ops {
        enum err (*take)(struct store_outbox *store, struct outbox_batch *batch, struct err_note *note);
        /* An entry that is gone meanwhile is passed over. */
        enum err (*settle)(struct store_outbox *store, const struct outbox_result *results, size_t count, int64_t now_ms,
                           struct err_note *note);
        /* All entries of the connector become dead letters. */
        enum err (*give_up)(struct store_outbox *store, struct str connector, const char *why, size_t *ret_count,
                            struct err_note *note);
};

struct store_outbox {
        const struct store_outbox_ops *ops;
};

#endif
