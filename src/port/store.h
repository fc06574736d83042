/* SPDX-License-Identifier: Apache-2.0 */
/* The store, as the flow and the API see it: one durable transaction a message, and look-ups.
 *
 * A `struct store` belongs to one loop. An operation lives in its caller's memory from x_start()
 * until its `done`, which runs exactly once, on that loop, never before x_start() returned.
 * A commit cannot be cancelled; whoever lost interest waits for `done` all the same.
 * Inputs are borrowed until `done`; outputs are in the arena that the caller gave and that is the
 * store's own until then (a look-up fills it on another thread).
 *
 * Errors: ERR_OVERLOADED (queue full), ERR_NO_SPACE, ERR_BUSY, ERR_UNAVAILABLE (may pass),
 * ERR_IO, ERR_CORRUPT (the process must end), ERR_NOT_FOUND and ERR_GONE for look-ups, ERR_TOO_LARGE when the
 * arena cannot hold the answer. Of one record alone: ERR_EXISTS (its idempotency key is in use),
 * ERR_INVALID, ERR_TOO_LARGE.
 */
#ifndef PORT_STORE_H
#define PORT_STORE_H

#include "base/arena.h"
#include "base/hash.h"
#include "base/ident.h"
#include "base/task.h"
#include "core/audit.h"
#include "core/message.h"
#include "core/outcome.h"
#include "core/record_id.h"

struct store;

/* An idempotency key as it is stored: never the key itself. */
struct idempotency {
        struct digest key;         /* of API key id and Idempotency-Key */
        struct digest fingerprint; /* of path and body */
        int64_t expires_at_ms;
};

/* All that one message leaves behind. Text is redacted. */
struct store_record {
        struct record_id id;
        int64_t received_at_ms;
        int64_t key_id; /* of the API key; 0: none */
        enum channel channel;
        struct ident request_id;
        struct safe_text text;
        struct safe_text metadata; /* JSON object */
        struct safe_text answer;   /* the JSON answer as the client gets it */
        bool is_refused;           /* the client was told no, though danger in it was recorded */
        const struct outcome *outcome;
        struct safe_text customer_id; /* absent when not sent */
        struct safe_text conversation_id; /* only with notices */
        struct raw_text subject; /* whom it is about, to find its key: a customer_id, */
        bool is_conversation;    /* or a conversation_id within the API key. Absent: the message alone */
        struct safe_text product_id;
        struct digest text_digest; /* HMAC-SHA-256 of the raw text; only with a compliance record */
        size_t text_points;
        const struct idempotency *idempotency; /* NULL when no key was sent */
        const struct digest *conversation; /* keyed, only with a review; NULL: it names none */
        const struct message *original; /* what people review, as it came: to be sealed, and nothing else; NULL: nobody will */
};

struct store_commit {
        struct task task; /* the store's */
        const struct store_record *record;
        enum err result;
        void (*done)(struct store_commit *commit);
};

/* Looks up the answer that is stored under an idempotency key. ERR_NOT_FOUND when there is none
 * (or it has expired), ERR_MISMATCH when it belongs to another request. */
struct store_replay {
        struct task task;
        const struct idempotency *idempotency;
        int64_t now_ms;
        struct arena *arena;
        struct safe_text answer;
        struct record_id id;
        enum err result;
        void (*done)(struct store_replay *replay);
};

/* Who asks: an owner sees the rows of its key only. */
struct store_viewer {
        bool sees_all;
        int64_t key_id;
};

struct store_message_query {
        struct task task;
        struct record_id id;
        struct store_viewer viewer;
        struct arena *arena;
        struct safe_text answer;
        enum err result;
        void (*done)(struct store_message_query *query);
};

/* What a reviewer says about a decision. One for each reviewer and message: the last one counts. */
struct store_feedback {
        struct task task;
        struct record_id id;
        struct store_viewer viewer; /* its key_id is the reviewer's; 0: without a key */
        int64_t now_ms;
        bool is_right;
        enum category category; /* what would have been right; CATEGORY_COUNT: not said */
        enum intent intent;     /* INTENT_NONE: not said */
        struct safe_text comment; /* absent when there is none */
        enum err result;
        void (*done)(struct store_feedback *feedback);
};
/* An entry of the audit log on its own: of a read, which must not be answered before it is `done`. */
struct store_audit {
        struct task task;
        struct audit_entry entry;
        enum err result;
        void (*done)(struct store_audit *audit);
};

/* port/store_ticket.h */
struct store_ticket_query;
struct store_tickets_query;
struct store_ticket_change;
/* port/store_review.h */
struct store_review_query;
struct store_reviews_query;
struct store_review_change;
struct store_originals_query;
struct store_compliance_query;
struct store_compliance_page;

struct store_ops {
        /* A row number that nobody else gets, and a fresh check. Never blocks. */
        struct record_id (*reserve)(struct store *store);
        void (*commit)(struct store *store, struct store_commit *commit);
        void (*replay)(struct store *store, struct store_replay *replay);
        void (*find_message)(struct store *store, struct store_message_query *query);
        void (*list_reviews)(struct store *store, struct store_reviews_query *query);
        void (*find_review)(struct store *store, struct store_review_query *query);
        void (*find_originals)(struct store *store, struct store_originals_query *query);
        void (*change_review)(struct store *store, struct store_review_change *change);
        void (*find_compliance)(struct store *store, struct store_compliance_query *query);
        void (*list_compliance)(struct store *store, struct store_compliance_page *page);
        void (*add_feedback)(struct store *store, struct store_feedback *feedback);
        void (*audit)(struct store *store, struct store_audit *audit);
        void (*find_ticket)(struct store *store, struct store_ticket_query *query);
        void (*list_tickets)(struct store *store, struct store_tickets_query *query);
        void (*change_ticket)(struct store *store, struct store_ticket_change *change);
};

struct store {
        const struct store_ops *ops;
};

#endif
