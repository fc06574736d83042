/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"

#include "app/parts.h"
#include "app/sandbox.h"
#include "base/log.h"
#include "base/metric.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { LOG_FLUSH_MS = 2000, DRAIN_POLL_MS = 10, FAST_STOP_MS = 1000 };

static int64_t monotonic_ms(void)
{
        return clock_monotonic_us(system_clock()) / 1000;
}

static void sleep_ms(int64_t ms)
{
        struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
        nanosleep(&pause, NULL);
}

/* Every thread blocks them; the main thread waits for them. */
static sigset_t block_signals(void)
{
        sigset_t set;
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGUSR1);
        pthread_sigmask(SIG_BLOCK, &set, NULL);
        signal(SIGPIPE, SIG_IGN);
        return set;
}

/* As many descriptors as the kernel lets us have. */
static void raise_descriptor_limit(void)
{
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
                return;
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
}

static enum err check_exposure(struct parts *parts, struct err_note *note)
{
        bool is_loopback;
        const struct settings *settings = parts->settings;
        enum err err = server_is_loopback(str_from(settings->listen), &is_loopback, note);
        if (err || is_loopback)
                return err;
        parts->needs_key = !settings->insecure_listen;
        struct keyring *keyring = keyring_pin(parts->keyrings);
        bool has_keys = keyring_count(keyring) > 0;
        keyring_unpin(keyring);
        if (has_keys)
                return ERR_OK;
        if (!settings->insecure_listen)
                return err_set(note, ERR_FORBIDDEN,
                               "%s can be reached from elsewhere, and no API key is configured: add one with "
                               "`triaged key add`, listen on 127.0.0.1, or say --insecure-listen",
                               settings->listen);
        LOG(INSECURE, log_word("reason", "listening beyond loopback without an API key"));
        return ERR_OK;
}

static size_t worker_count(const struct settings *settings)
{
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        size_t count = settings->workers ? settings->workers : (size_t)(cpus > 0 ? cpus : 1);
        return count < APP_MAX_WORKERS ? count : APP_MAX_WORKERS;
}

/* The address again with the port that the kernel chose. */
static struct str with_port(const char *listen, int port, char *text, size_t size)
{
        const char *colon = strrchr(listen, ':');
        int len = snprintf(text, size, "%.*s:%d", (int)(colon - listen), listen, port);
        return (struct str){text, (size_t)len};
}

static enum err open_workers(struct parts *parts, struct str *ret_address, char *text, size_t size, struct err_note *note)
{
        size_t count = worker_count(parts->settings);
        struct worker_config config = {
                .settings = parts->settings,
                .db = parts->db,
                .snapshots = parts->snapshots,
                .keyrings = parts->keyrings,
                .readiness = &parts->readiness,
                .admission = &parts->admission,
                .rate_limit = parts->rate_limit,
                .claims = parts->claims,
                .handoff = parts->handoff,
                .llm = parts->llm,
                .count = count,
                .needs_key = parts->needs_key,
                .digest_key = {(const char *)parts->digest_key.bytes, sizeof parts->digest_key.bytes},
                .started_wall_ms = parts->started_wall_ms,
                .max_buffered_bytes = parts->settings->http_max_buffered_bytes / count,
                .max_connections = (parts->settings->http_max_connections + count - 1) / count,
        };
        *ret_address = str_from(parts->settings->listen);
        for (size_t i = 0; i < count; i++) {
                int fd;
                enum err err = server_listen_tcp(*ret_address, &fd, note);
                if (err)
                        return err;
                if (i == 0)
                        *ret_address = with_port(parts->settings->listen, server_port(fd), text, size);
                config.index = i;
                err = worker_new(&config, fd, &parts->workers[parts->worker_count++], note);
                if (err)
                        return err;
        }
        return ERR_OK;
}

static void log_started(const struct parts *parts, struct str address)
{
        const struct snapshot *snapshot = snapshot_pin(parts->snapshots);
        LOG(STARTED, log_word("version", APP_VERSION), log_safe("listen", (struct safe_text){address}),
            log_i64("workers", (int64_t)parts->worker_count), log_word("mode", mode_name(parts->settings->mode)),
            log_safe("policy_version", (struct safe_text){policy_facts(snapshot->policy)->version}),
            log_safe("model_version", (struct safe_text){model_version(snapshot->model)}),
            log_i64("articles", (int64_t)kb_index_count(snapshot->knowledge)),
            log_i64("start_ms", monotonic_ms() - parts->started_us / 1000));
        snapshot_unpin(snapshot);
}

static int64_t run_checkpoint(void *arg)
{
        struct parts *parts = arg;
        parts_make_checkpoint(parts);
        return (int64_t)parts->settings->audit_checkpoint_interval_s * 1000;
}

static enum err start_outbox(struct parts *parts, struct err_note *note)
{
        const struct settings *settings = parts->settings;
        const struct outbox_lanes_config config = {
                .rules = {.max_attempts = settings->outbox_max_attempts,
                          .max_age_ms = (int64_t)settings->outbox_max_age_h * 3600 * 1000,
                          .max_retry_after_ms = (int64_t)settings->outbox_retry_after_max_s * 1000},
                .store = store_sqlite_outbox(parts->db),
                .connectors = parts->connectors,
                .clock = system_clock(),
        };
        if (parts->connectors)
                atomic_store(&parts->lanes, outbox_lanes_new(&config));
        parts->outbox_keeper = (struct outbox_keeper){
                .db = parts->db,
                .lanes = atomic_load(&parts->lanes),
                .clock = system_clock(),
                .max_age_ms = config.rules.max_age_ms,
                .dead_age_ms = (int64_t)settings->outbox_dead_days * 24 * 3600 * 1000,
        };
        parts->job_table[JOB_OUTBOX] = (struct job){"outbox", outbox_keeper_run, &parts->outbox_keeper};
        return parts_follow_connectors(parts, note);
}

static enum err start_jobs(struct parts *parts, struct err_note *note)
{
        parts->job_table[JOB_MEMORY] = (struct job){"memory", memory_keeper_run, &parts->memory_keeper};
        sla_watch_init(&parts->sla, store_sqlite_sla(parts->db), parts->snapshots, system_clock());
        parts->job_table[JOB_SLA] = (struct job){"sla", sla_watch_run, &parts->sla};
        parts->job_table[JOB_CHECKPOINT] = (struct job){"checkpoint", run_checkpoint, parts};
        retention_keeper_init(&parts->retention_keeper, parts->settings, parts->db, system_clock());
        parts->job_table[JOB_RETENTION] = (struct job){"retention", retention_keeper_run, &parts->retention_keeper};
        parts->jobs = jobs_start(parts->job_table, JOB_COUNT);
        return parts->jobs ? ERR_OK : err_set(note, ERR_UNAVAILABLE, "no thread for the jobs");
}

/* Before the first thread: the log's writer has to live in the sandbox, too. */
static enum err shut_in(struct parts *parts, struct err_note *note)
{
        struct sandbox sandbox;
        enum err err = data_dir_open(parts->settings->data_dir, &parts->directory, note);
        if (!err)
                err = sandbox_enter(parts->settings, &sandbox, note);
        if (!err)
                err = log_json_start(STDOUT_FILENO, parts->settings->log_level, &parts->log, note);
        if (!err)
                LOG(SANDBOXED, log_word("files", sandbox.files), log_word("calls", sandbox.calls));
        return err;
}

static enum err start(struct parts *parts, struct err_note *note)
{
        char text[512];
        struct str address;
        enum err err = parts_open(parts, note);
        if (!err)
                err = check_exposure(parts, note);
        if (!err)
                err = open_workers(parts, &address, text, sizeof text, note);
        if (!err)
                err = control_start(parts, note);
        if (!err)
                err = start_outbox(parts, note);
        if (!err)
                err = start_jobs(parts, note);
        if (err)
                return err;
        for (size_t i = 0; i < parts->worker_count; i++)
                worker_start(parts->workers[i]);
        log_started(parts, address);
        return ERR_OK;
}

static void reload(struct parts *parts)
{
        struct err_note note = {.text = ""};
        if (parts_load_policy(parts, &note) != ERR_OK)
                LOG(POLICY_REFUSED, log_note("reason", &note));
}

/* Waits for what ends the server; reloads meanwhile. */
static int serve(struct parts *parts, const sigset_t *signals)
{
        for (;;) {
                int number = sigwaitinfo(signals, NULL);
                bool is_end = number == SIGTERM || number == SIGINT || atomic_load(&parts->is_store_fatal);
                if (number == SIGHUP)
                        reload(parts);
                else if (number > 0 && is_end)
                        return number;
        }
}

static void drain(struct parts *parts, int64_t grace_ms)
{
        int64_t end_ms = monotonic_ms() + grace_ms;
        for (size_t i = 0; i < parts->worker_count; i++)
                worker_drain(parts->workers[i]);
        while (monotonic_ms() < end_ms && metric_value(METRIC_CONNECTIONS, 0) > 0)
                sleep_ms(DRAIN_POLL_MS);
}

static void stop(struct parts *parts, int signal_number)
{
        const struct settings *settings = parts->settings;
        bool is_lost = atomic_load(&parts->is_store_fatal);
        readiness_drain(&parts->readiness);
        parts->stop_by_ms = monotonic_ms() + settings->shutdown_lame_duck_ms + settings->shutdown_grace_ms;
        outbox_lanes_close(atomic_load(&parts->lanes));
        LOG(STOPPING, log_i64("signal", signal_number), log_i64("in_flight", admission_in_flight(&parts->admission)),
            log_i64("grace_ms", settings->shutdown_grace_ms));
        if (!is_lost)
                sleep_ms(settings->shutdown_lame_duck_ms);
        admission_drain(&parts->admission);
        drain(parts, is_lost ? FAST_STOP_MS : settings->shutdown_grace_ms);
}

/* Behind all that could wake a lane. An attempt that outlasts the grace time ends with the process: its entry is still there,
 * and the next process searches before it sends again. False: what the attempt uses has to stay open. */
static bool stop_outbox(struct parts *parts)
{
        int64_t left_ms = parts->stop_by_ms - monotonic_ms();
        return outbox_lanes_stop(atomic_exchange(&parts->lanes, NULL), left_ms > 0 ? left_ms : 0);
}

static void close_sockets(struct parts *parts)
{
        for (size_t i = 0; i < parts->worker_count; i++)
                worker_stop(parts->workers[i]);
        control_stop(parts);
        jobs_stop(parts->jobs);
        for (size_t i = 0; i < parts->worker_count; i++)
                worker_free(parts->workers[i]);
}

int app_run(const struct settings *settings)
{
        struct parts *parts = calloc(1, sizeof *parts);
        struct err_note note = {.text = ""};
        if (!parts)
                return 1;
        /* One heap for all threads: memory that one has freed serves the others. */
        mallopt(M_ARENA_MAX, 1);
        parts->settings = settings;
        parts->started_wall_ms = clock_wall_ms(system_clock());
        parts->started_us = clock_monotonic_us(system_clock());
        parts->main_thread = pthread_self();
        sigset_t signals = block_signals();
        raise_descriptor_limit();
        enum err err = shut_in(parts, &note);
        if (!err)
                err = start(parts, &note);
        int status = 1;
        if (err) {
                fprintf(stderr, "triaged: cannot start: %s\n", note.text);
        } else {
                stop(parts, serve(parts, &signals));
                status = atomic_load(&parts->is_store_fatal);
        }
        close_sockets(parts);
        bool is_outbox_left = !stop_outbox(parts);
        if (!is_outbox_left)
                parts_close(parts);
        if (!err)
                LOG(STOPPED, log_i64("in_flight", admission_in_flight(&parts->admission)));
        log_json_close(parts->log, LOG_FLUSH_MS);
        if (is_outbox_left)
                _exit(status);
        free(parts);
        return status;
}
