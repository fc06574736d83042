/* SPDX-License-Identifier: Apache-2.0 */
/* The sending half of a connection: answers, refusals, and the last word. */
#include <assert.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "net/connection.h"

enum {
        DISCARD_MAX_BYTES = 65536, /* a refused body that is worth reading to keep the connection */
        REFUSAL_ARENA_BYTES = 65536,
};

void connection_linger(struct connection *connection)
{
        uv_os_fd_t fd;
        if (connection->is_eof || uv_fileno(&connection->uv.handle, &fd) != 0 || shutdown(fd, SHUT_WR) != 0) {
                connection_close(connection);
                return;
        }
        connection_become(connection, CONNECTION_LINGER);
}

/* The answer has left. */
static void go_on(struct connection *connection)
{
        connection->has_served = true;
        if (connection->is_last)
                connection_linger(connection);
        else
                connection_become(connection, connection->discards_body ? CONNECTION_DISCARD : CONNECTION_IDLE);
}

struct pending_write {
        uv_write_t request;
        struct connection *connection;
        char bytes[];
};

static void on_written(uv_write_t *request, int status)
{
        struct pending_write *pending = list_item(request, struct pending_write, request);
        struct connection *connection = pending->connection;
        free(pending);
        if (connection->state == CONNECTION_CLOSED)
                return;
        if (status < 0)
                connection_close(connection);
        else
                go_on(connection);
        connection_run(connection, (struct str){0});
}

static void copy_behind(char *to, struct str s, size_t skipped)
{
        if (s.len > skipped)
                memcpy(to, s.ptr + skipped, s.len - skipped);
}

/* Keeps a copy of what the kernel did not take. */
static void send_later(struct connection *connection, struct str head, struct str body, size_t sent)
{
        size_t left = head.len + body.len - sent;
        struct pending_write *pending = alloc_resize(NULL, sizeof *pending + left);
        pending->connection = connection;
        copy_behind(pending->bytes, head, sent);
        size_t head_left = head.len > sent ? head.len - sent : 0;
        copy_behind(pending->bytes + head_left, body, sent > head.len ? sent - head.len : 0);
        uv_buf_t buffer = uv_buf_init(pending->bytes, (unsigned)left);
        if (uv_write(&pending->request, &connection->uv.stream, &buffer, 1, on_written) != 0) {
                free(pending);
                connection_close(connection);
                return;
        }
        connection_become(connection, CONNECTION_WRITE);
        connection->phase_bytes = left;
}

static void send_all(struct connection *connection, struct str head, struct str body)
{
        /* libuv takes writable buffers, and only reads them. */
        uv_buf_t buffers[] = {{.base = (char *)(uintptr_t)head.ptr, .len = head.len},
                              {.base = (char *)(uintptr_t)body.ptr, .len = body.len}};
        int sent = uv_try_write(&connection->uv.stream, buffers, body.len > 0 ? 2 : 1);
        if (sent < 0 && sent != UV_EAGAIN)
                connection_close(connection);
        else if (sent >= 0 && (size_t)sent == head.len + body.len)
                go_on(connection);
        else
                send_later(connection, head, body, sent < 0 ? 0 : (size_t)sent);
}

static void send_response(struct connection *connection, const struct http_response *response, bool is_http_1_0,
                          bool is_head)
{
        struct server *server = connection->server;
        struct response_framing framing = {server_date(server), connection->is_last, is_http_1_0};
        buf_reset(&server->scratch);
        response_head(&server->scratch, response, &framing);
        bool has_body = response_has_body(response) && !is_head;
        send_all(connection, buf_str(&server->scratch), has_body ? response->body : (struct str){0});
}

/* Whether the rest of a refused body is short enough to be read for the next request's sake. */
static bool is_worth_discarding(const struct http_head *head)
{
        return !head->is_chunked && !head->expects_continue && head->content_length <= DISCARD_MAX_BYTES;
}

void connection_answer(struct connection *connection, const struct exchange *exchange,
                       const struct http_response *response)
{
        const struct http_head *head = &exchange->head;
        connection->exchange = NULL;
        connection->discards_body = exchange->phase == EXCHANGE_HEAD && head->has_body;
        connection->is_last = response->must_close || !head->is_keep_alive || connection->server->is_draining ||
                              (connection->discards_body && !is_worth_discarding(head)) ||
                              (connection->is_eof && connection_waiting(connection).len == 0);
        send_response(connection, response, head->is_http_1_0, exchange->request.method == HTTP_METHOD_HEAD);
}

/* The application knows whose body it is: its answer carries what all its answers do. */
static void refuse_body(struct connection *connection, enum http_refusal refusal)
{
        struct exchange *exchange = connection->exchange;
        const struct server_handlers *handlers = &connection->server->handlers;
        exchange->phase = EXCHANGE_OWED;
        exchange->head.is_keep_alive = false;
        handlers->on_body_refused(handlers->arg, exchange, refusal);
        assert(connection->exchange != exchange);
}

void connection_refuse(struct connection *connection, enum http_refusal refusal)
{
        struct server *server = connection->server;
        bool is_body = connection->exchange && connection->exchange->phase == EXCHANGE_BODY;
        if (is_body && server->handlers.on_body_refused) {
                refuse_body(connection, refusal);
                return;
        }
        bool is_head = connection->exchange && connection->scan.method == HTTP_METHOD_HEAD;
        struct exchange *exchange = connection->exchange;
        connection->exchange = NULL;
        if (exchange)
                exchange_abandon(exchange);
        struct arena arena;
        arena_init(&arena, REFUSAL_ARENA_BYTES);
        struct http_response response = {.status = http_refusal_status(refusal)};
        server->handlers.on_refusal(server->handlers.arg, refusal, &arena, &response);
        connection->is_last = true;
        if (connection->state != CONNECTION_CLOSED) /* by the application, when it heard of this */
                send_response(connection, &response, false, is_head);
        arena_deinit(&arena);
}
