/* SPDX-License-Identifier: Apache-2.0 */
/* A request that waits for the store, in an arena of its own: the operation outlasts a client that goes away.
 *
 * The struct of a handler begins with a `struct detached`; one detached_free() ends it. Used by src/api/ only.
 */
#ifndef API_DETACHED_H
#define API_DETACHED_H

#include "api/call.h"

struct detached;
typedef void detached_start(struct detached *detached, struct store *store);

struct detached {
        struct arena arena; /* owns, also the struct that begins with this one */
        size_t *busy;
        struct call *call; /* NULL once the client is gone */
        struct store *store;
        struct store_audit audit; /* of what is read */
        detached_start *start;
};

/* A zeroed block of so many bytes that begins with a `struct detached`; its arena holds at most `max_bytes`. */
void *detached_new(struct call *call, size_t bytes, size_t max_bytes);
void detached_free(struct detached *detached);

/* Before the operation starts: from now on the client may go. */
void detached_wait(struct detached *detached);

/* Enters in the audit log that the caller reads the record (row 0: several), and starts the operation when that is
 * durable: nothing is disclosed before. Frees when it cannot be. */
void detached_read_audited(struct detached *detached, enum audit_kind kind, struct record_id record,
                           detached_start *start);

/* The same for what a customer's own client may read as well: that leaves no entry, nor does a server without keys,
 * where nobody is told from anybody. */
void detached_read_as(struct detached *detached, const struct store_viewer *viewer, struct record_id record,
                      detached_start *start);

/* When it is done: the client's call, NULL when it is gone. */
struct call *detached_wake(struct detached *detached);

/* Answers with what is wrong (nothing: the body is no JSON), and frees. */
void detached_refuse(struct detached *detached, const struct problem_faults *faults);

/* Reads each member of the body, which must be a JSON object. False when it is none, or one of them is wrong. */
typedef void detached_member(struct detached *detached, struct str name, struct json value, struct problem_faults *faults);
bool detached_read_body(struct detached *detached, detached_member *read, struct problem_faults *faults);

/* The version that If-Match asks for: 0 for "*" and without the header, -1 for a tag of none that can be. False when it
 * is neither "*" nor one ETag. */
bool detached_if_match(const struct call *call, int64_t max_version, int64_t *ret_version);

/* The name of the caller's key in the arena; absent: none was used. */
struct str detached_key_name(struct detached *detached);

#endif
