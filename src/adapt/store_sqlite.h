/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded store: one SQLite database in the data directory, behind port/store.h.
 *
 * A process opens it once; each loop attaches its own `struct store`. One writer thread commits
 * all that has queued up since its last fsync in one transaction; another thread empties the
 * write-ahead log, off the path of the commits. Look-ups run on the work pool.
 *
 * What fails, and what follows:
 *   no room, locked     the batch fails with ERR_NO_SPACE or ERR_BUSY, health is not ready, a real
 *                       write is tried every second, and the first that succeeds ends it.
 *   below the floor     ordinary messages, articles and new keys get ERR_NO_SPACE and health is not
 *                       ready; a record with a compliance part is still written down to a quarter
 *                       of the floor. The free space is looked at once a second when nobody writes.
 *   failed read, write or fsync, damage
 *                       everything fails with ERR_IO or ERR_CORRUPT, health is fatal: the process
 *                       must end, and the next one recovers. Nothing is acknowledged after that.
 *   one bad row         it alone fails (ERR_EXISTS, ERR_INVALID, ERR_TOO_LARGE): the rest of its batch
 *                       is stored.
 *
 * The data directory must be locked by the caller (adapt/data_dir.h).
 */
#ifndef ADAPT_STORE_SQLITE_H
#define ADAPT_STORE_SQLITE_H

#include "base/merkle.h"
#include "net/loop.h"
#include "port/store_review.h"
#include "port/store_sla.h"
#include "port/store_ticket.h"

struct store_sqlite;
struct sqlite3;

struct store_sqlite_health {
        bool is_ready;
        bool is_fatal; /* the process must end with a failure */
        enum err err;  /* why; ERR_OK when ready */
        struct err_note note;
};

/* A review of a conversation has been opened or resolved. */
struct store_conversation {
        struct digest conversation;
        struct record_id review;
        bool is_open;
        bool is_joined; /* a message has joined the review since it was opened */
};

/* Callbacks may be NULL and run on the writer's thread; they must not call back into the store. */
struct store_sqlite_config {
        const char *directory;   /* borrowed while opening; the file is DIRECTORY/triaged.db */
        const char *key_file;    /* of the master key; NULL or "": DIRECTORY/master.key (adapt/vault.h) */
        size_t queue_max;        /* commits that may wait or be written; 0: 10,000. Records with a
                                    compliance part may exceed it by a quarter and 64 */
        size_t lookups_max;      /* look-ups and changes of one loop under way; 0: 256 */
        int64_t min_free_bytes;  /* the floor; 0: none */
        size_t checkpoint_pages; /* pages of 4 KiB in the log before it is emptied; 0: 4,000 */
        int64_t max_pages;       /* cap of the database, pages of 4 KiB; 0: none */
        int busy_timeout_ms;     /* how long to wait for a lock that another program holds; 0: 250 */
        void *arg;
        void (*on_health)(void *arg, const struct store_sqlite_health *health);
        void (*on_commit)(void *arg, size_t batch, int64_t duration_us);
        void (*on_error)(void *arg, enum err err, size_t records);
        /* A transaction has made entries of the outbox due, at least for the connectors of these bits
         * (store_sqlite_outbox_bit()); by hand: somebody wants dead letters tried again. */
        void (*on_outbox)(void *arg, uint64_t connectors, bool is_by_hand);
        /* In the order of the commits, and before whoever waits for one hears of it. */
        void (*on_conversation)(void *arg, const struct store_conversation *conversation);
};

/* Creates, or migrates to this program's version. ERR_UNSUPPORTED for a newer database or one of
 * another program, ERR_CORRUPT for a damaged one. */
enum err store_sqlite_open(const struct store_sqlite_config *config, struct store_sqlite **ret_db,
                           struct err_note *note) MUST_USE;

/* Writes what is queued, ends the threads. All stores must have been detached. NULL is allowed. */
void store_sqlite_close(struct store_sqlite *db);

/* The store of one loop. On any thread; used and detached on the loop's (or after it has ended). */
struct store *store_sqlite_attach(struct store_sqlite *db, struct loop *loop);

/* No operation may be under way. */
void store_sqlite_detach(struct store *store);

/* On any thread. */
void store_sqlite_health(struct store_sqlite *db, struct store_sqlite_health *ret_health);

/* Commits that wait or are being written; on any thread. */
size_t store_sqlite_queued(struct store_sqlite *db);

/* ---- Administration: synchronous, on any thread but a loop's. Each is one transaction. ---- */

struct store_key {
        int64_t id; /* given by the store */
        struct str name;
        struct digest hash;      /* of the key; the key itself is nowhere */
        struct str scopes;       /* as the caller writes them */
        int64_t rate_per_minute; /* -1: the server's default */
        int64_t rate_burst;
        int64_t created_at_ms;
        int64_t revoked_at_ms; /* 0: in force */
};

enum { STORE_KEYS_MAX = 100000 }; /* in force */

/* ERR_EXISTS when name or hash is taken, also by a revoked key; ERR_TOO_LARGE over STORE_KEYS_MAX. */
enum err store_sqlite_add_key(struct store_sqlite *db, const struct store_key *key, int64_t *ret_id,
                              struct err_note *note) MUST_USE;

/* ERR_NOT_FOUND when no key in force has that name. */
enum err store_sqlite_revoke_key(struct store_sqlite *db, struct str name, int64_t now_ms,
                                 struct err_note *note) MUST_USE;

/* All keys by id, revoked ones too, in the arena. ERR_TOO_LARGE when it is full. */
enum err store_sqlite_list_keys(struct store_sqlite *db, struct arena *arena, struct store_key **ret_keys,
                                size_t *ret_count, struct err_note *note) MUST_USE;

/* What a reviewer says that a message is; redacted. */
struct store_label {
        struct str text;
        enum category category;
        enum intent intent; /* INTENT_OTHER: none of our business; INTENT_NONE: only the category was named */
};

enum { STORE_LABELS_MAX = 50000 }; /* that are listed: seconds and 100 MiB to learn from */

/* The latest word on each message on which somebody said what is right, newest message first. */
enum err store_sqlite_list_labels(struct store_sqlite *db, struct arena *arena, struct store_label **ret_labels,
                                  size_t *ret_count, struct err_note *note) MUST_USE;

/* An article of the knowledge base. */
struct store_article {
        struct str id;
        struct str title;
        struct str body;
        struct str url;     /* may be absent */
        struct str locale;  /* may be absent */
        struct str aliases; /* JSON array, may be absent */
        struct str tags;    /* JSON array, may be absent */
        int64_t updated_at_ms;
};

struct store_article_counts {
        size_t added;
        size_t updated;
        size_t unchanged;
};

/* All or nothing. ERR_TOO_LARGE when there were more than KB_ARTICLES_MAX (text/kb_index.h) in all
 * then; the caller has checked each article. An article that differs in no more than its time is unchanged. */
enum err store_sqlite_put_articles(struct store_sqlite *db, const struct store_article *articles,
                                   size_t count, struct store_article_counts *ret_counts,
                                   struct err_note *note) MUST_USE;

enum err store_sqlite_delete_article(struct store_sqlite *db, struct str id, int64_t now_ms,
                                     struct err_note *note) MUST_USE;

/* All articles by id, in the arena. ERR_TOO_LARGE when it is full. */
enum err store_sqlite_load_articles(struct store_sqlite *db, struct arena *arena,
                                    struct store_article **ret_articles, size_t *ret_count,
                                    struct err_note *note) MUST_USE;

/* Up to `max` articles whose id is behind `after` (absent: from the start), by id. */
enum err store_sqlite_page_articles(struct store_sqlite *db, struct str after, struct arena *arena,
                                    struct store_article *ret_articles, size_t max, size_t *ret_count,
                                    struct err_note *note) MUST_USE;

enum err store_sqlite_count_articles(struct store_sqlite *db, size_t *ret_count,
                                     struct err_note *note) MUST_USE;

/* Whom an operation on a subject is about: a customer, or whoever a message is about. */
struct store_subject_name {
        struct str customer_id;   /* as it was sent */
        struct record_id message; /* row 0: by the customer_id */
};

struct store_subject {
        int64_t id;
        int64_t created_at_ms;
        int64_t erased_at_ms; /* 0: it is not */
        size_t messages, tickets, records, held, feedback; /* `held` records are open and forbid erasure */
};

enum { SUBJECT_EXPORT_MAX = 20000 }; /* messages */

/* ERR_NOT_FOUND: nothing is held about it. An erased subject is found by its messages only. */
enum err store_sqlite_find_subject(struct store_sqlite *db, const struct store_subject_name *name,
                                   struct store_subject *ret_subject, struct err_note *note) MUST_USE;

/* Adds a line of JSON for each message with all that hangs on it; audited before. */
enum err store_sqlite_export_subject(struct store_sqlite *db, const struct store_subject_name *name, int64_t now_ms,
                                     struct buf *lines, struct store_subject *ret_subject, struct err_note *note) MUST_USE;

/* For good. ret_subject says what there was. ERR_CONFLICT while a record is held; ERR_BUSY when it is erased, but the
 * write-ahead log could not be emptied: to be repeated. */
enum err store_sqlite_erase_subject(struct store_sqlite *db, const struct store_subject_name *name, int64_t now_ms,
                                    struct store_subject *ret_subject, struct err_note *note) MUST_USE;

/* The open reviews, for the SLA clock; as long as the store is open. */
struct store_sla *store_sqlite_sla(struct store_sqlite *db);

/* As the operations of port/store_ticket.h, without task and `done`; the change has its note itself. */
enum err store_sqlite_find_ticket(struct store_sqlite *db, struct store_ticket_query *query,
                                  struct err_note *note) MUST_USE;
enum err store_sqlite_list_tickets(struct store_sqlite *db, struct store_tickets_query *query,
                                   struct err_note *note) MUST_USE;
enum err store_sqlite_change_ticket(struct store_sqlite *db, struct store_ticket_change *change) MUST_USE;

/* The same for port/store_review.h. */
enum err store_sqlite_find_review(struct store_sqlite *db, struct store_review_query *query,
                                  struct err_note *note) MUST_USE;
enum err store_sqlite_find_originals(struct store_sqlite *db, struct store_originals_query *query,
                                     struct err_note *note) MUST_USE;
enum err store_sqlite_list_reviews(struct store_sqlite *db, struct store_reviews_query *query,
                                   struct err_note *note) MUST_USE;
enum err store_sqlite_change_review(struct store_sqlite *db, struct store_review_change *change) MUST_USE;
/* Tells on_conversation() of each open review of a conversation; before the first loop is attached. */
enum err store_sqlite_tell_conversations(struct store_sqlite *db, struct err_note *note) MUST_USE;
enum err store_sqlite_page_compliance(struct store_sqlite *db, struct store_compliance_page *page,
                                      struct err_note *note) MUST_USE;

/* An entry of the audit log on its own: of something that no other transaction of the store does. */
enum err store_sqlite_audit(struct store_sqlite *db, const struct audit_entry *entry, struct err_note *note) MUST_USE;
/* The same for what has a version, unless the last entry that this wrote was of that one: a start is no change. */
enum err store_sqlite_audit_version(struct store_sqlite *db, const struct audit_entry *entry, struct str version,
                                    struct err_note *note) MUST_USE;

/* Lets `view` look at the audit log in one read transaction; the tree is as of that. */
typedef enum err store_audit_view(void *arg, struct sqlite3 *db, const struct merkle *tree, struct err_note *note);
enum err store_sqlite_audit_view(struct store_sqlite *db, store_audit_view *view, void *arg,
                                 struct err_note *note) MUST_USE;

#endif
