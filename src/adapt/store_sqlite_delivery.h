/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox of the embedded store for those who deliver it (port/store_outbox.h) and those who look after it.
 *
 * Synchronous, on any thread but a loop's. Changes go through the writer's thread; those of many entries in slices, so that
 * no message waits for long.
 */
#ifndef ADAPT_STORE_SQLITE_DELIVERY_H
#define ADAPT_STORE_SQLITE_DELIVERY_H

#include "adapt/store_sqlite.h"
#include "port/store_outbox.h"

/* Entries that were there when the store was opened count as tried: the process before may have died over them. */
struct store_outbox *store_sqlite_outbox(struct store_sqlite *db);

/* One bit of 64 for a connector's name: see on_outbox() of the store's configuration. */
uint64_t store_sqlite_outbox_bit(struct str connector);

struct store_outbox_row {
        struct record_id id; /* "out_" */
        struct str connector;
        struct str event;
        struct record_id message; /* row 0: belongs to none */
        struct str state;         /* "pending", "dead" */
        int64_t created_at_ms;
        int64_t due_at_ms; /* 0: waits behind another entry, or is dead */
        uint32_t attempts;
        bool is_unknown;
        struct str last_error; /* absent: none */
};

enum { OUTBOX_LIST_MAX = 200, OUTBOX_SLICE = 500 };

struct store_outbox_filter {
        struct str connector; /* absent: all */
        struct str state;     /* absent: all */
        uint64_t after_row;   /* the cursor */
        size_t limit;         /* 1..OUTBOX_LIST_MAX */
};

/* The oldest first, in the arena. */
enum err store_sqlite_outbox_list(struct store_sqlite *db, const struct store_outbox_filter *filter, struct arena *arena,
                                  struct store_outbox_row **ret_rows, size_t *ret_count, struct err_note *note) MUST_USE;

/* Due at once, with all attempts before it: one entry, dead or waiting for its time; NULL: all dead ones of the connector,
 * or, where that is absent, of all. ERR_NOT_FOUND for an id that is not there. */
enum err store_sqlite_outbox_retry(struct store_sqlite *db, const struct record_id *id, struct str connector, int64_t now_ms,
                                   size_t *ret_count, struct err_note *note) MUST_USE;

/* It will not be delivered; one that is on its way right now may still be. ERR_NOT_FOUND. */
enum err store_sqlite_outbox_drop(struct store_sqlite *db, struct record_id id, int64_t now_ms, struct err_note *note) MUST_USE;

/* Makes dead letters of what has been pending since before `pending_before_ms` (also of connectors that nobody delivers
 * for any more) and deletes dead letters from before `dead_before_ms`; at most a slice of each. */
struct store_outbox_purge {
        int64_t pending_before_ms;
        int64_t dead_before_ms;
        int64_t now_ms;
        size_t died;
        size_t deleted;
};
enum err store_sqlite_outbox_purge(struct store_sqlite *db, struct store_outbox_purge *purge, struct err_note *note) MUST_USE;

enum { OUTBOX_COUNTS_MAX = 64 };

struct store_outbox_counts {
        struct str connector; /* in the arena */
        int64_t pending;
        int64_t dead;
        int64_t oldest_ms; /* since when the longest waiting one is pending; 0: none is */
};

/* By connector; what is over OUTBOX_COUNTS_MAX connectors is left out. */
enum err store_sqlite_outbox_count(struct store_sqlite *db, struct arena *arena,
                                   struct store_outbox_counts ret_counts[OUTBOX_COUNTS_MAX], size_t *ret_count,
                                   struct err_note *note) MUST_USE;

#endif
