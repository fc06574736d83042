/* SPDX-License-Identifier: Apache-2.0 */
#include "net/server.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/connection.h"

enum {
        ACCEPTS_A_TURN = 64,  /* so that a rush of clients does not starve those who are in */
        RETRY_MS = 100,       /* behind a failed accept */
        REFUSED_AT_ONCE = 64, /* connections over the limit that are told so, at the same time */
};

int http_refusal_status(enum http_refusal refusal)
{
        static const int statuses[REFUSAL_COUNT] = {
                [REFUSAL_MALFORMED] = 400,
                [REFUSAL_REQUEST_TIMEOUT] = 408,
                [REFUSAL_PAYLOAD_TOO_LARGE] = 413,
                [REFUSAL_URI_TOO_LONG] = 414,
                [REFUSAL_EXPECTATION_FAILED] = 417,
                [REFUSAL_HEADERS_TOO_LARGE] = 431,
                [REFUSAL_NOT_IMPLEMENTED] = 501,
                [REFUSAL_TOO_MANY_CONNECTIONS] = 503,
                [REFUSAL_OUT_OF_MEMORY] = 503,
                [REFUSAL_VERSION] = 505,
        };
        assert(refusal < REFUSAL_COUNT);
        return statuses[refusal];
}

const char *server_date(struct server *server)
{
        int64_t now_s = clock_wall_ms(loop_clock(server->loop)) / 1000;
        if (now_s != server->date_s) {
                server->date_s = now_s;
                response_date(now_s, server->date);
        }
        return server->date;
}

static void on_acceptable(uv_poll_t *listener, int status, int events);

/* Out of descriptors, mostly: the listener stays readable, so looking again at once would spin. */
static void pause_accepting(struct server *server, int error)
{
        uv_poll_stop(&server->listener);
        loop_timer_start(server->loop, &server->retry, RETRY_MS);
        if (!server->is_accept_failing && server->handlers.on_accept_failed)
                server->handlers.on_accept_failed(server->handlers.arg, error);
        server->is_accept_failing = true;
}

static void on_retry(struct timer *timer)
{
        struct server *server = list_item(timer, struct server, retry);
        uv_poll_start(&server->listener, UV_READABLE, on_acceptable);
}

static bool is_the_clients(int error)
{
        return error == EINTR || error == ECONNABORTED || error == EPROTO || error == EPERM;
}

static void admit(struct server *server, int fd, const struct sockaddr_storage *peer)
{
        size_t over = server->connection_count >= server->limits.max_connections
                              ? server->connection_count - server->limits.max_connections + 1
                              : 0;
        if (over > REFUSED_AT_ONCE)
                close(fd);
        else
                connection_open(server, fd, peer, over > 0);
}

/* Returns 0 when `most` were accepted, or the errno that ended it, EAGAIN when none is left. */
static int accept_some(struct server *server, size_t most)
{
        for (size_t i = 0; i < most; i++) {
                struct sockaddr_storage peer = {0};
                socklen_t len = sizeof peer;
                int fd = accept4(server->fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd >= 0) {
                        server->is_accept_failing = false;
                        admit(server, fd, &peer);
                } else if (!is_the_clients(errno)) {
                        return errno;
                }
                if (server->fd < 0) /* a handler has closed the server */
                        return EAGAIN;
        }
        return 0;
}

static void on_acceptable(uv_poll_t *listener, int status, int events)
{
        struct server *server = listener->data;
        (void)status;
        (void)events;
        int error = accept_some(server, ACCEPTS_A_TURN);
        if (error != 0 && error != EAGAIN && error != EWOULDBLOCK)
                pause_accepting(server, error);
}

static bool is_unix_socket(int fd)
{
        struct sockaddr_storage address;
        socklen_t len = sizeof address;
        return getsockname(fd, (struct sockaddr *)&address, &len) == 0 && address.ss_family == AF_UNIX;
}

struct server *server_new(struct loop *loop, int fd, const struct server_limits *limits,
                          const struct server_handlers *handlers)
{
        struct server *server = alloc_zeroed(1, sizeof *server);
        *server = (struct server){.loop = loop, .limits = *limits, .handlers = *handlers, .fd = fd};
        server->is_unix = is_unix_socket(fd);
        server->retry.fire = on_retry;
        list_init(&server->connections);
        /* Not zeroed: what is never read into is never touched. */
        server->read_buffer = alloc_resize(NULL, READ_BUFFER_BYTES);
        buf_init(&server->scratch, HEAD_SCRATCH_BYTES);
        /* Accepted sockets inherit it. */
        if (!server->is_unix)
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        int result = uv_poll_init(loop_uv(loop), &server->listener, fd);
        server->listener.data = server;
        if (result == 0)
                result = uv_poll_start(&server->listener, UV_READABLE, on_acceptable);
        assert(result == 0); /* it fails for what is no socket */
        (void)result;
        return server;
}

static void on_listener_closed(uv_handle_t *listener)
{
        struct server *server = listener->data;
        server->is_listener_closed = true;
        server_release(server);
}

void server_drain(struct server *server)
{
        if (server->is_draining)
                return;
        server->is_draining = true;
        /* An error ends it too: what cannot be accepted now cannot be served either. */
        while (accept_some(server, ACCEPTS_A_TURN) == 0)
                continue;
        loop_timer_stop(server->loop, &server->retry);
        uv_close((uv_handle_t *)&server->listener, on_listener_closed);
        close(server->fd);
        server->fd = -1;
        list_each(link, &server->connections)
                connection_run(list_item(link, struct connection, link), (struct str){0});
}

size_t server_connections(const struct server *server)
{
        return server->connection_count;
}

void server_close(struct server *server, void (*closed)(void *arg), void *arg)
{
        assert(!server->is_closing);
        server_drain(server);
        server->closed = closed;
        server->closed_arg = arg;
        server->is_closing = true;
        list_each(link, &server->connections)
                connection_close(list_item(link, struct connection, link));
        server_release(server);
}

static void free_server(struct task *task)
{
        struct server *server = list_item(task, struct server, free_task);
        void (*closed)(void *arg) = server->closed;
        void *arg = server->closed_arg;
        buf_deinit(&server->scratch);
        free(server->read_buffer);
        free(server);
        if (closed)
                closed(arg);
}

void server_release(struct server *server)
{
        bool is_empty = server->connection_count == 0 && server->exchange_count == 0 &&
                        server->is_listener_closed;
        if (!server->is_closing || !is_empty || server->free_task.run)
                return;
        /* Later: whoever let go of the last piece may still stand inside it. */
        server->free_task.run = free_server;
        loop_post(server->loop, &server->free_task);
}
