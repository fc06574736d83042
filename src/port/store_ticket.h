/* SPDX-License-Identifier: Apache-2.0 */
/* The store's tickets: look-up, list, change. The rules of port/store.h hold here, too; a change is
 * a transaction of its own and cannot be cancelled.
 */
#ifndef PORT_STORE_TICKET_H
#define PORT_STORE_TICKET_H

#include "core/ticket.h"
#include "port/store.h"

struct store_ticket_query {
        struct task task;
        struct record_id id;
        struct store_viewer viewer;
        struct arena *arena;
        struct ticket ticket;
        struct ticket_history history;
        enum err result;
        void (*done)(struct store_ticket_query *query);
};

/* One page, newest first. How far one page searches is bounded: it may hold fewer tickets than the
 * limit, even none, and not be the last. Tickets that were there when the first page was made are each
 * on one page exactly, whatever comes meanwhile. */
struct store_tickets_query {
        struct task task;
        struct ticket_filter filter; /* limit at most TICKETS_MAX_LIMIT */
        struct arena *arena;
        struct ticket *tickets;
        size_t count;
        uint64_t next_row; /* for the filter's before_row; 0: this is the last page */
        enum err result;
        void (*done)(struct store_tickets_query *query);
};

/* All of it or nothing; what is set to what it was leaves no event, and a change without events no
 * version. ERR_STALE: it has another version; ERR_CONFLICT: it may not become that, or has changed
 * too often; the note says which. */
struct store_ticket_change {
        struct task task;
        struct record_id id;
        int64_t if_version; /* 0: any */
        struct ticket_change change;
        struct str by; /* name of the API key; absent: none */
        int64_t now_ms;
        struct arena *arena;
        struct ticket ticket; /* as it is then */
        struct ticket_history history;
        struct err_note note;
        enum err result;
        void (*done)(struct store_ticket_change *change);
};

#endif
