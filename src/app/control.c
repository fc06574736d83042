/* SPDX-License-Identifier: Apache-2.0 */
#include "app/parts.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_CLIENTS = 16, TIMEOUT_MS = 60000, IDLE_CHECK_MS = 20 };

static void socket_path(const struct parts *parts, char *path, size_t size)
{
        snprintf(path, size, "%s/control.sock", data_dir_path(parts->directory));
}

/* On a pool thread, behind an operation that succeeded: the server sees what it changed. */
static enum err changed(void *arg, struct str operation, struct err_note *note)
{
        struct parts *parts = arg;
        enum err err = ERR_OK;
        if (str_starts_with(operation, STR("key.")) && !str_equal(operation, STR("key.list")))
                err = parts_load_keys(parts, note);
        if (str_equal(operation, STR("kb.import")) || str_equal(operation, STR("kb.delete")))
                err = parts_load_knowledge(parts, note);
        if (str_equal(operation, STR("model.activate")) || str_equal(operation, STR("model.rollback")) ||
            str_equal(operation, STR("model.train")))
                err = parts_load_model(parts, note);
        if (err)
                LOG(FAULT, log_note("reason", note));
        return err;
}

static void *control_main(void *arg)
{
        struct parts *parts = arg;
        loop_run(parts->control_loop);
        return NULL;
}

enum err control_start(struct parts *parts, struct err_note *note)
{
        char path[4096];
        int fd;
        socket_path(parts, path, sizeof path);
        enum err err = server_listen_unix(path, &fd, note);
        if (err)
                return err;
        parts->control_loop = loop_new();
        parts->control = control_new(parts->control_loop, &(struct control_config){
                .admin = &parts->admin.admin, .changed = changed, .arg = parts});
        const struct server_limits limits = {
                .max_connections = MAX_CLIENTS,
                .max_header_bytes = 8192,
                .max_headers = 32,
                .max_target_bytes = 256,
                .max_body_bytes = ADMIN_MAX_BYTES,
                .max_buffered_bytes = 2 * (size_t)ADMIN_MAX_BYTES,
                .header_timeout_ms = TIMEOUT_MS,
                .body_timeout_ms = TIMEOUT_MS,
                .idle_timeout_ms = TIMEOUT_MS,
                .write_timeout_ms = TIMEOUT_MS,
        };
        struct server_handlers handlers = control_handlers(parts->control);
        parts->control_server = server_new(parts->control_loop, fd, &limits, &handlers);
        if (pthread_create(&parts->control_thread, NULL, control_main, parts) != 0)
                abort();
        return ERR_OK;
}

/* An operation that runs still reports to this loop, and its transaction is brought to its end. */
static void stop_when_idle(struct timer *timer)
{
        struct parts *parts = list_item(timer, struct parts, control_idle_check);
        if (control_busy(parts->control))
                loop_timer_start(parts->control_loop, timer, IDLE_CHECK_MS);
        else
                loop_stop(parts->control_loop);
}

static void closed(void *arg)
{
        struct parts *parts = arg;
        parts->control_idle_check.fire = stop_when_idle;
        stop_when_idle(&parts->control_idle_check);
}

static void close_server(struct task *task)
{
        struct parts *parts = list_item(task, struct parts, control_close);
        server_close(parts->control_server, closed, parts);
}

void control_stop(struct parts *parts)
{
        char path[4096];
        if (!parts->control_loop)
                return;
        socket_path(parts, path, sizeof path);
        unlink(path);
        parts->control_close.run = close_server;
        loop_post(parts->control_loop, &parts->control_close);
        pthread_join(parts->control_thread, NULL);
        control_free(parts->control);
        loop_free(parts->control_loop);
}
