/* SPDX-License-Identifier: Apache-2.0 */
/* One worker: a thread with a loop, a listening socket, a server and all that its requests use.
 * Used by src/app/ only. Functions are the main thread's. */
#ifndef APP_WORKER_H
#define APP_WORKER_H

#include "adapt/store_sqlite.h"
#include "api/api.h"
#include "cli/llm_chain.h"

/* What the workers share (borrowed, outlives them), and what one of them gets. */
struct worker_config {
        const struct settings *settings;
        struct store_sqlite *db;
        struct snapshot_holder *snapshots;
        struct keyring_holder *keyrings;
        struct readiness *readiness;
        struct admission *admission;
        struct rate_limit *rate_limit;
        struct claims *claims;
        struct handoff *handoff;
        struct llm_chain *llm; /* NULL: there is none */
        struct str digest_key;
        bool needs_key;
        int64_t started_wall_ms;
        size_t index;              /* of this worker; names its thread, worker-0 */
        size_t count;              /* of all workers */
        size_t max_connections;    /* of this worker */
        size_t max_buffered_bytes; /* likewise */
};

struct worker;

/* Takes the listening descriptor. On failure worker_stop() and worker_free() still have to follow. */
enum err worker_new(const struct worker_config *config, int fd, struct worker **ret_worker, struct err_note *note) MUST_USE;

/* Starts its thread. */
void worker_start(struct worker *worker);

/* Asks the worker to stop accepting; idle connections close. */
void worker_drain(struct worker *worker);

/* Closes what is left, waits until nothing is being committed for it and for its thread. */
void worker_stop(struct worker *worker);

/* After worker_stop(), or without worker_start(). */
void worker_free(struct worker *worker);

#endif
