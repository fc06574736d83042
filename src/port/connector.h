/* SPDX-License-Identifier: Apache-2.0 */
/* Systems that are told what happened, as the outbox sees them: ONE attempt to deliver one entry.
 *
 * Ticketing, compliance systems, webhooks and mail are each a connector of policy/connectors.yaml. Order,
 * retries, backoff and dead letters are the outbox's. deliver() blocks, at most for the connector's own
 * time-out (and the time that a search is given to find what is still under way), and is called on a thread of the outbox; for one connector never twice at a time.
 *
 * An attempt whose outcome is unknown may have been carried out. The next one for the same entry says so
 * (`search_first`): then the connector looks for the entry by its delivery id in the other system, where that
 * can be searched, and reports what it finds as delivered instead of sending it again. Where the other system
 * recognises a repeated id by itself (Standard Webhooks, Idempotency-Key), it is sent again.
 */
#ifndef PORT_CONNECTOR_H
#define PORT_CONNECTOR_H

#include "base/err.h"
#include "base/ident.h"
#include "base/safe_text.h"

enum connector_result {
        CONNECTOR_DELIVERED,
        CONNECTOR_NOT_DONE, /* surely not carried out; later it may be: nobody listens, 429, 503 */
        CONNECTOR_UNKNOWN,  /* sent, and no sound answer: time-out, connection lost, other 5xx */
        CONNECTOR_REFUSED,  /* will never be taken as it is: other 4xx, 3xx, a template that cannot be filled */
        CONNECTOR_DISABLED, /* the target wants nothing more of us: 410 */
};

struct connector_delivery {
        struct ident id;           /* stable over all attempts of this entry */
        struct str event;          /* "ticket.created", "review.created", "review.breached", … */
        int64_t created_at_ms;     /* of the entry, wall clock */
        struct safe_text payload;  /* a JSON object: what happened */
        bool search_first;
        /* The result. */
        enum connector_result result;
        int64_t retry_after_ms;    /* as the target wishes; -1: it does not say */
        int http_status;           /* 0: no answer, or no HTTP */
        char external_id[128];     /* what the other system calls it; "" when it does not say */
        struct err_note note;      /* why not, for operators; holds nothing of the payload */
};

struct connectors;

/* Thread-safe. A name that is not configured is CONNECTOR_NOT_DONE, with a note: it may be again. */
struct connectors_ops {
        void (*deliver)(struct connectors *connectors, struct str name, struct connector_delivery *delivery);
};

struct connectors {
        const struct connectors_ops *ops;
};

#endif
