/* SPDX-License-Identifier: Apache-2.0 */
/* All that the server is made of, in the order in which it is opened. Used by src/app/ only. */
#ifndef APP_PARTS_H
#define APP_PARTS_H

#include "adapt/admin_store.h"
#include "adapt/audit_proof.h"
#include "adapt/data_dir.h"
#include "adapt/store_sqlite.h"
#include "api/api.h"
#include "api/control.h"
#include "app/jobs.h"
#include "app/log_json.h"
#include "app/memory_keeper.h"
#include "app/otlp.h"
#include "app/outbox_keeper.h"
#include "app/retention_keeper.h"
#include "app/sla_watch.h"
#include "app/worker.h"
#include "cli/policy_connectors.h"

#include <pthread.h>
#include <stdatomic.h>

enum { APP_MAX_WORKERS = 256 };

/* What runs by the clock (app/jobs.h), in the order of the table in app.c. */
enum { JOB_MEMORY, JOB_SLA, JOB_CHECKPOINT, JOB_OUTBOX, JOB_RETENTION, JOB_COUNT };

struct parts {
        const struct settings *settings;
        int64_t started_wall_ms;
        int64_t started_us;
        struct log_json *log;
        struct otlp *otlp; /* NULL: spans are not exported */
        struct data_dir *directory;
        struct digest digest_key;
        struct store_sqlite *db;
        struct snapshot_holder *snapshots;
        struct keyring_holder *keyrings;
        struct rate_limit *rate_limit;
        struct claims *claims;
        struct handoff *handoff;
        struct llm_chain *llm; /* NULL in mode local */
        struct admission admission;
        struct readiness readiness;
        bool needs_key; /* the listener can be reached from elsewhere */
        atomic_bool is_store_fatal;
        pthread_t main_thread; /* woken by SIGUSR1 when the store is lost */
        struct worker *workers[APP_MAX_WORKERS];
        size_t worker_count;
        /* The control socket. */
        struct admin_store admin;
        struct loop *control_loop;
        struct control *control;
        struct server *control_server;
        pthread_t control_thread;
        struct task control_close;
        struct timer control_idle_check;
        struct memory_keeper memory_keeper;
        struct sla_watch sla;
        struct audit_key audit_key;
        uint64_t checkpoint_size; /* of the last one that was made */
        struct policy_connectors policy_connectors;
        struct connectors *connectors;       /* NULL: there is nobody to tell, and no lanes */
        _Atomic(struct outbox_lanes *) lanes; /* set once, when all that they need is there */
        struct outbox_keeper outbox_keeper;
        struct retention_keeper retention_keeper;
        int64_t stop_by_ms; /* monotonic: what is under way by then is left */
        struct job job_table[JOB_COUNT];
        struct jobs *jobs;
};

/* Opens everything but the sockets, the data directory being open. On failure, parts_close() still has to be called. */
enum err parts_open(struct parts *parts, struct err_note *note) MUST_USE;

/* Everything that parts_open() got to, backwards. The sockets are closed by then. */
void parts_close(struct parts *parts);

/* Reads policy, keys, knowledge base or model anew; on failure what was there stays. */
enum err parts_load_policy(struct parts *parts, struct err_note *note) MUST_USE;
enum err parts_load_keys(struct parts *parts, struct err_note *note) MUST_USE;
enum err parts_load_knowledge(struct parts *parts, struct err_note *note) MUST_USE;
enum err parts_load_model(struct parts *parts, struct err_note *note) MUST_USE;

/* Appends a checkpoint of the audit log to its file, where there is one and something new to attest. */
void parts_make_checkpoint(struct parts *parts);

/* Starts the lanes of the outbox for the policy in force, or those that a new policy adds. */
enum err parts_follow_connectors(struct parts *parts, struct err_note *note) MUST_USE;

/* The control socket and its thread. */
enum err control_start(struct parts *parts, struct err_note *note) MUST_USE;
void control_stop(struct parts *parts);

#endif
