/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox's rows: what other systems are still to be told.
 *
 * An entry is written in the transaction of what it tells, and deleted when it has been delivered; what it made in the other
 * system (`external_id`) is kept with the ticket or the compliance record. Entries of one connector and one message are
 * delivered in the order in which they were added: only the first has a due time, the others wait behind it. Row 0
 * is for what belongs to no message.
 *
 * One entry costs a row and two entries in indexes; a message that nobody is told of costs nothing.
 */
#ifndef ADAPT_STORE_SQLITE_OUTBOX_H
#define ADAPT_STORE_SQLITE_OUTBOX_H

#include "adapt/sqlite_db.h"
#include "base/buf.h"
#include "port/store.h"

enum { OUTBOX_PAYLOAD_MAX = 64 * 1024 };

struct outbox_entry {
        struct str connector; /* its name in the policy */
        struct str event;     /* notice_name() */
        uint64_t message_row;
        int64_t now_ms;
        struct str payload;   /* a JSON object, see adapt/outbox_payload.h; safe */
};

/* The writer's statements and what it has yet to say: used by its thread only. */
struct outbox_rows {
        sqlite3 *db; /* borrows */
        sqlite3_stmt *add;
        struct buf payload; /* of the entry that is being written */
        uint64_t told;      /* outbox_bit() of the connectors that were given entries since the last commit */
        bool is_by_hand;    /* somebody wants dead letters tried again */
};

enum err outbox_rows_open(struct outbox_rows *rows, sqlite3 *db, struct err_note *note) MUST_USE;
void outbox_rows_close(struct outbox_rows *rows);

/* Within a transaction. ERR_TOO_LARGE for a payload of more than OUTBOX_PAYLOAD_MAX. */
enum err outbox_rows_add(struct outbox_rows *rows, const struct outbox_entry *entry, struct err_note *note) MUST_USE;

/* One entry for each of the outcome's notices, within the message's transaction. */
enum err outbox_rows_write(struct outbox_rows *rows, const struct store_record *record, struct err_note *note) MUST_USE;

/* One bit of 64 for a connector's name: who is woken after a commit. */
uint64_t outbox_bit(struct str connector);

#endif
