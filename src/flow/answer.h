/* SPDX-License-Identifier: Apache-2.0 */
/* The answer to a message as JSON: what the client gets, what the store keeps, what a retry of
 * the same idempotency key gets again. Its members are the API's contract (api/openapi.json). */
#ifndef FLOW_ANSWER_H
#define FLOW_ANSWER_H

#include "base/buf.h"
#include "base/ident.h"
#include "core/outcome.h"
#include "port/store.h"

struct answer {
        const struct outcome *outcome;
        struct record_id id;
        const struct ident *request_id;
        int64_t received_at_ms;
        int64_t processing_us; /* from the first byte to the decision; the commit is still to come */
        struct arena *arena;   /* for the ids' texts */
};

/* Appends one JSON object. */
void answer_write(const struct answer *answer, struct buf *buf);

#endif
