/* SPDX-License-Identifier: Apache-2.0 */
#include "app/worker.h"

#include "app/app.h"
#include "base/alloc.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

enum { REQUEST_ARENA_BYTES = 1 << 20, ANSWER_MAX_BYTES = 512 << 10, IDLE_CHECK_MS = 20, THREAD_NAME_BYTES = 16 };

struct worker {
        struct loop *loop;
        struct store *store;
        struct kb_scratch *scratch;
        struct llm_desk desk; /* zeroed: there is none */
        struct buf buf;
        struct api *api;
        struct server *server;
        size_t index;
        size_t busy; /* triages and look-ups that have not ended */
        struct timer idle_check;
        pthread_t thread;
        bool is_started;
        struct task drain_task;
        struct task close_task;
};

static struct server_limits limits(const struct worker_config *config)
{
        const struct settings *settings = config->settings;
        return (struct server_limits){
                .max_connections = config->max_connections,
                .max_header_bytes = settings->http_max_header_bytes,
                .max_headers = settings->http_max_headers,
                .max_target_bytes = settings->http_max_target_bytes,
                .max_body_bytes = settings->http_max_body_bytes,
                .max_buffered_bytes = config->max_buffered_bytes,
                .body_min_rate = (uint32_t)settings->http_body_min_rate,
                .header_timeout_ms = settings->http_header_timeout_ms,
                .body_timeout_ms = settings->http_body_timeout_ms,
                .idle_timeout_ms = settings->http_idle_timeout_ms,
                .write_timeout_ms = settings->http_write_timeout_ms,
        };
}

static struct api_config api_config(struct worker *worker, const struct worker_config *config)
{
        return (struct api_config){
                .settings = config->settings,
                .env = {
                        .clock = loop_clock(worker->loop),
                        .store = worker->store,
                        .snapshots = config->snapshots,
                        .scratch = worker->scratch,
                        .buf = &worker->buf,
                        .busy = &worker->busy,
                        .stored = classify_stored,
                        .admission = config->admission,
                        .rate_limit = config->rate_limit,
                        .claims = config->claims,
                        .handoff = config->handoff,
                        .consult = worker->desk.consult,
                        .mode = config->settings->mode,
                        .is_local_final = config->settings->llm_local_fallback,
                        .safety_per_minute = config->settings->rate_limit_safety_per_minute,
                        .digest_key = config->digest_key,
                        .arena_bytes = REQUEST_ARENA_BYTES,
                },
                .readiness = config->readiness,
                .keyrings = config->keyrings,
                .needs_key = config->needs_key,
                .version = APP_VERSION,
                .started_wall_ms = config->started_wall_ms,
        };
}

enum err worker_new(const struct worker_config *config, int fd, struct worker **ret_worker, struct err_note *note)
{
        struct worker *worker = alloc_zeroed(1, sizeof *worker);
        worker->index = config->index;
        worker->loop = loop_new();
        worker->store = store_sqlite_attach(config->db, worker->loop);
        worker->scratch = kb_scratch_new();
        buf_init(&worker->buf, ANSWER_MAX_BYTES);
        enum err err = ERR_OK;
        if (config->llm)
                err = llm_desk_open(config->llm, worker->loop, config->count, &worker->busy, &worker->desk, note);
        struct api_config api = api_config(worker, config);
        worker->api = api_new(worker->loop, &api);
        struct server_limits server_limits = limits(config);
        struct server_handlers handlers = api_handlers(worker->api);
        worker->server = server_new(worker->loop, fd, &server_limits, &handlers);
        *ret_worker = worker;
        return err;
}

static void *thread_main(void *arg)
{
        struct worker *worker = arg;
        char name[THREAD_NAME_BYTES];
        snprintf(name, sizeof name, "worker-%zu", worker->index);
        pthread_setname_np(pthread_self(), name);
        loop_run(worker->loop);
        return NULL;
}

void worker_start(struct worker *worker)
{
        worker->is_started = true;
        if (pthread_create(&worker->thread, NULL, thread_main, worker) != 0)
                abort();
}

static void drain(struct task *task)
{
        struct worker *worker = list_item(task, struct worker, drain_task);
        server_drain(worker->server);
}

void worker_drain(struct worker *worker)
{
        worker->drain_task.run = drain;
        loop_post(worker->loop, &worker->drain_task);
}

static void desk_closed(void *arg)
{
        struct worker *worker = arg;
        loop_stop(worker->loop);
}

/* What is being committed, and what an LLM is being asked, still reports to this loop. */
static void stop_when_idle(struct timer *timer)
{
        struct worker *worker = list_item(timer, struct worker, idle_check);
        if (worker->busy)
                loop_timer_start(worker->loop, timer, IDLE_CHECK_MS);
        else if (worker->desk.http)
                llm_desk_close(&worker->desk, desk_closed, worker);
        else
                loop_stop(worker->loop);
}

static void server_closed(void *arg)
{
        struct worker *worker = arg;
        worker->idle_check.fire = stop_when_idle;
        stop_when_idle(&worker->idle_check);
}

static void close_server(struct task *task)
{
        struct worker *worker = list_item(task, struct worker, close_task);
        server_close(worker->server, server_closed, worker);
}

void worker_stop(struct worker *worker)
{
        if (!worker->is_started)
                worker_start(worker); /* closing needs a running loop */
        worker->close_task.run = close_server;
        loop_post(worker->loop, &worker->close_task);
        pthread_join(worker->thread, NULL);
}

void worker_free(struct worker *worker)
{
        api_free(worker->api);
        store_sqlite_detach(worker->store);
        kb_scratch_free(worker->scratch);
        buf_deinit(&worker->buf);
        loop_free(worker->loop);
        free(worker);
}
