/* SPDX-License-Identifier: Apache-2.0 */
#include "net/connection.h"

#include <arpa/inet.h>
#include <assert.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"

enum {
        FLOOD_BYTES = 16384,       /* unread pipelined bytes, over which reading stops */
        RATE_GRACE_MS = 2000,
        PROGRESS_LOOK_MS = 1000,   /* how often rate and progress are looked at */
        LINGER_MS = 2000,
        FRESH_DRAIN_MS = 1000,     /* a drain's patience with a connection that has not spoken yet */
};

static size_t consume_idle(struct connection *connection, struct str bytes);
static size_t consume_head(struct connection *connection, struct str bytes);
static size_t consume_body(struct connection *connection, struct str bytes);
static size_t consume_discard(struct connection *connection, struct str bytes);
static size_t consume_linger(struct connection *connection, struct str bytes);
static void expire_head(struct connection *connection);
static void expire_body(struct connection *connection);
static void expire_write(struct connection *connection);
static int64_t idle_ms(const struct connection *connection);
static int64_t head_ms(const struct connection *connection);
static int64_t body_ms(const struct connection *connection);
static int64_t write_ms(const struct connection *connection);
static int64_t linger_ms(const struct connection *connection);
static void end_malformed(struct connection *connection);

#define TO(state) (1U << CONNECTION_##state)

/* What a state does with bytes (how many it has used up; NULL: they wait), when it loses patience
 * and what it does then (NULL: never), what the client's end of sending means to it, and where it
 * may lead. */
static const struct {
        size_t (*consume)(struct connection *connection, struct str bytes);
        int64_t (*patience_ms)(const struct connection *connection);
        void (*expire)(struct connection *connection);
        void (*end)(struct connection *connection);
        unsigned next;
} states[CONNECTION_STATES] = {
        [CONNECTION_IDLE] = {consume_idle, idle_ms, connection_close, connection_close,
                             TO(HEAD) | TO(WRITE) | TO(LINGER) | TO(CLOSED)},
        [CONNECTION_HEAD] = {consume_head, head_ms, expire_head, end_malformed,
                             TO(BODY) | TO(ANSWER) | TO(WRITE) | TO(DISCARD) | TO(IDLE) | TO(LINGER) |
                                     TO(CLOSED)},
        [CONNECTION_BODY] = {consume_body, body_ms, expire_body, end_malformed,
                             TO(ANSWER) | TO(WRITE) | TO(LINGER) | TO(CLOSED)},
        [CONNECTION_ANSWER] = {NULL, NULL, NULL, NULL, TO(WRITE) | TO(IDLE) | TO(LINGER) | TO(CLOSED)},
        [CONNECTION_WRITE] = {NULL, write_ms, expire_write, NULL,
                              TO(IDLE) | TO(DISCARD) | TO(LINGER) | TO(CLOSED)},
        [CONNECTION_DISCARD] = {consume_discard, body_ms, expire_body, connection_close,
                                TO(IDLE) | TO(LINGER) | TO(CLOSED)},
        [CONNECTION_LINGER] = {consume_linger, linger_ms, connection_close, connection_close, TO(CLOSED)},
        [CONNECTION_CLOSED] = {NULL, NULL, NULL, NULL, 0},
};

void connection_become(struct connection *connection, enum connection_state state)
{
        assert(states[connection->state].next & 1U << state);
        connection->state = state;
        connection->is_timer_due = true;
        connection->phase_ms = loop_now_ms(connection->server->loop);
        connection->phase_bytes = 0;
}

/* Deadlines. */

static int64_t min_ms(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

static int64_t idle_ms(const struct connection *connection)
{
        const struct server *server = connection->server;
        return server->is_draining ? min_ms(FRESH_DRAIN_MS, server->limits.idle_timeout_ms)
                                   : server->limits.idle_timeout_ms;
}

static int64_t head_ms(const struct connection *connection)
{
        return connection->server->limits.header_timeout_ms;
}

static int64_t body_ms(const struct connection *connection)
{
        int64_t spent_ms = loop_now_ms(connection->server->loop) - connection->phase_ms;
        int64_t left_ms = connection->server->limits.body_timeout_ms - spent_ms;
        return min_ms(left_ms > 0 ? left_ms : 0, PROGRESS_LOOK_MS);
}

static int64_t write_ms(const struct connection *connection)
{
        return min_ms(connection->server->limits.write_timeout_ms, PROGRESS_LOOK_MS);
}

static int64_t linger_ms(const struct connection *connection)
{
        (void)connection;
        return LINGER_MS;
}

static void expire_head(struct connection *connection)
{
        connection_refuse(connection, REFUSAL_REQUEST_TIMEOUT);
}

/* Once a second while a body comes in, and at its deadline. */
static void expire_body(struct connection *connection)
{
        const struct server_limits *limits = &connection->server->limits;
        int64_t spent_ms = loop_now_ms(connection->server->loop) - connection->phase_ms;
        bool is_slow = spent_ms >= RATE_GRACE_MS &&
                       connection->phase_bytes * 1000 < (uint64_t)limits->body_min_rate * (uint64_t)spent_ms;
        if (spent_ms < limits->body_timeout_ms && !is_slow)
                connection->is_timer_due = true;
        else if (connection->state == CONNECTION_BODY)
                connection_refuse(connection, REFUSAL_REQUEST_TIMEOUT);
        else
                connection_close(connection); /* it has its answer */
}

static void expire_write(struct connection *connection)
{
        size_t left = uv_stream_get_write_queue_size(&connection->uv.stream);
        int64_t now_ms = loop_now_ms(connection->server->loop);
        if (left < connection->phase_bytes) {
                connection->phase_bytes = left;
                connection->phase_ms = now_ms;
        }
        if (now_ms - connection->phase_ms >= connection->server->limits.write_timeout_ms)
                connection_close(connection);
        else
                connection->is_timer_due = true;
}

static void on_deadline(struct timer *timer)
{
        struct connection *connection = list_item(timer, struct connection, timer);
        states[connection->state].expire(connection);
        connection_run(connection, (struct str){0});
}

/* Receiving. */

static void end_malformed(struct connection *connection)
{
        connection_refuse(connection, REFUSAL_MALFORMED);
}

struct str connection_waiting(const struct connection *connection)
{
        struct str input = buf_str(&connection->input);
        return (struct str){input.ptr + connection->taken, input.len - connection->taken};
}

static size_t consume_idle(struct connection *connection, struct str bytes)
{
        connection->scan = (struct head_scan){0};
        connection->started_us = clock_monotonic_us(loop_clock(connection->server->loop));
        connection_become(connection, CONNECTION_HEAD);
        return consume_head(connection, bytes);
}

static void deliver(struct connection *connection)
{
        struct exchange *exchange = connection->exchange;
        const struct server_handlers *handlers = &connection->server->handlers;
        exchange->request.body = buf_str(&exchange->body);
        exchange->phase = EXCHANGE_OWED;
        connection_become(connection, CONNECTION_ANSWER);
        handlers->on_request(handlers->arg, exchange);
}

/* `bytes`: what has arrived of the body already. */
static void begin_body(struct connection *connection, struct str bytes)
{
        static const char go_ahead[] = "HTTP/1.1 100 Continue\r\n\r\n";
        struct exchange *exchange = connection->exchange;
        exchange->phase = EXCHANGE_BODY;
        if (exchange->head.content_length > connection->server->limits.max_body_bytes) {
                connection_refuse(connection, REFUSAL_PAYLOAD_TOO_LARGE);
                return;
        }
        connection_become(connection, CONNECTION_BODY);
        if (!exchange->head.expects_continue || bytes.len > 0)
                return;
        uv_buf_t buffer = uv_buf_init((char *)(uintptr_t)go_ahead, sizeof go_ahead - 1);
        /* Nothing else is under way: a kernel that does not take these few bytes has lost the peer. */
        if (uv_try_write(&connection->uv.stream, &buffer, 1) != (int)buffer.len)
                connection_close(connection);
}

/* The head is complete and sound: asks the application. */
static void announce(struct connection *connection, struct str bytes)
{
        struct exchange *exchange = connection->exchange;
        bool has_body = exchange->head.has_body;
        const struct server_handlers *handlers = &connection->server->handlers;
        if (!handlers->on_head(handlers->arg, exchange)) {
                assert(connection->exchange != exchange); /* it has answered */
                return;
        }
        if (connection->state == CONNECTION_CLOSED)
                return;
        if (has_body)
                begin_body(connection, bytes);
        else
                deliver(connection);
}

static size_t consume_head(struct connection *connection, struct str bytes)
{
        struct head_scan *scan = &connection->scan;
        enum http_progress progress = head_scan(scan, bytes, &connection->server->limits);
        if (progress == HTTP_MORE)
                return 0;
        if (progress == HTTP_REFUSED) {
                connection_refuse(connection, scan->refusal);
                return bytes.len;
        }
        size_t used = scan->seen;
        struct str head = {bytes.ptr + scan->start, used - scan->start};
        struct exchange *exchange = exchange_new(connection, head, &head);
        connection->exchange = exchange;
        if (!exchange) {
                connection_refuse(connection, REFUSAL_HEADERS_TOO_LARGE);
                return bytes.len;
        }
        progress = http_parser_head(&connection->parser, head, scan, &exchange->arena, &exchange->request,
                                    &exchange->head);
        if (progress == HTTP_REFUSED) {
                connection_refuse(connection, connection->parser.refusal);
                return bytes.len;
        }
        announce(connection, (struct str){bytes.ptr + used, bytes.len - used});
        return used;
}

/* Counts what the body's buffer has grown by. Small bodies need no room in the budget: whoever fills
 * it must not keep others from sending an ordinary message. */
static bool is_body_affordable(struct exchange *exchange)
{
        struct server *server = exchange->server;
        if (exchange->body.len <= SERVER_SMALL_BODY_BYTES)
                return true;
        server->buffered_bytes += exchange->body.capacity - exchange->counted_bytes;
        exchange->counted_bytes = exchange->body.capacity;
        return server->buffered_bytes <= server->limits.max_buffered_bytes;
}

static size_t consume_body(struct connection *connection, struct str bytes)
{
        size_t used;
        connection->phase_bytes += bytes.len;
        enum http_progress progress = http_parser_body(&connection->parser, bytes, &connection->exchange->body, &used);
        if (progress != HTTP_REFUSED && !is_body_affordable(connection->exchange)) {
                connection_refuse(connection, REFUSAL_OUT_OF_MEMORY);
                return bytes.len;
        }
        switch (progress) {
        case HTTP_MORE:
                return used;
        case HTTP_DONE:
                deliver(connection);
                return used;
        case HTTP_REFUSED:
                break;
        }
        connection_refuse(connection, connection->parser.refusal);
        return bytes.len;
}

static size_t consume_discard(struct connection *connection, struct str bytes)
{
        size_t used;
        connection->phase_bytes += bytes.len;
        switch (http_parser_body(&connection->parser, bytes, NULL, &used)) {
        case HTTP_MORE:
                return used;
        case HTTP_DONE:
                connection_become(connection, CONNECTION_IDLE);
                return used;
        case HTTP_REFUSED:
                break;
        }
        connection_linger(connection); /* its answer has been sent already */
        return bytes.len;
}

static size_t consume_linger(struct connection *connection, struct str bytes)
{
        (void)connection;
        return bytes.len;
}

/* Lets the states consume; returns how much they did. */
static size_t consume_all(struct connection *connection, struct str bytes)
{
        size_t used = 0;
        while (used < bytes.len && states[connection->state].consume) {
                struct str left = {bytes.ptr + used, bytes.len - used};
                size_t now_used = states[connection->state].consume(connection, left);
                if (now_used == 0)
                        break;
                used += now_used;
        }
        return used;
}

/* Adds to what waits; what was taken makes room first. */
static void keep(struct connection *connection, struct str bytes)
{
        struct buf *input = &connection->input;
        if (bytes.len == 0)
                return;
        if (connection->taken > 0) {
                memmove(input->ptr, input->ptr + connection->taken, input->len - connection->taken);
                input->len -= connection->taken;
                connection->taken = 0;
        }
        buf_append(input, bytes.ptr, bytes.len);
        assert(!input->is_over); /* its maximum is more than is ever read into it */
}

static void consume_waiting(struct connection *connection, struct str fresh)
{
        if (connection_waiting(connection).len == 0) {
                size_t used = consume_all(connection, fresh);
                if (used < fresh.len)
                        keep(connection, (struct str){fresh.ptr + used, fresh.len - used});
                return;
        }
        keep(connection, fresh);
        connection->taken += consume_all(connection, connection_waiting(connection));
        if (connection_waiting(connection).len > 0)
                return;
        buf_deinit(&connection->input);
        connection->taken = 0;
}

static void on_allocate(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_buffer)
{
        const struct connection *connection = handle->data;
        (void)wanted;
        *ret_buffer = uv_buf_init(connection->server->read_buffer, READ_BUFFER_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
        struct connection *connection = stream->data;
        if (count == 0)
                return;
        if (count == UV_EOF)
                connection->is_eof = true;
        else if (count < 0)
                connection_close(connection);
        connection_run(connection, (struct str){buffer->base, count > 0 ? (size_t)count : 0});
}

/* Stops reading from a client that sends far ahead of its answers, and starts again. */
static void control_flow(struct connection *connection)
{
        bool is_reader = states[connection->state].consume != NULL;
        bool has_to_wait = !is_reader && connection_waiting(connection).len > FLOOD_BYTES;
        if (has_to_wait == connection->is_paused || connection->is_eof)
                return;
        connection->is_paused = has_to_wait;
        if (has_to_wait)
                uv_read_stop(&connection->uv.stream);
        else if (uv_read_start(&connection->uv.stream, on_allocate, on_read) != 0)
                connection_close(connection);
}

static void arm_timer(struct connection *connection)
{
        struct loop *loop = connection->server->loop;
        connection->is_timer_due = false;
        if (states[connection->state].patience_ms)
                loop_timer_start(loop, &connection->timer, states[connection->state].patience_ms(connection));
        else
                loop_timer_stop(loop, &connection->timer);
}

void connection_run(struct connection *connection, struct str fresh)
{
        /* Called from within a handler: the call further up goes on from here. */
        if (connection->is_running || connection->state == CONNECTION_CLOSED)
                return;
        connection->is_running = true;
        consume_waiting(connection, fresh);
        if (connection->is_eof && states[connection->state].end)
                states[connection->state].end(connection);
        else if (connection->server->is_draining)
                connection_drain(connection);
        if (connection->state != CONNECTION_CLOSED)
                control_flow(connection);
        if (connection->is_timer_due)
                arm_timer(connection);
        connection->is_running = false;
}

/* Beginning and end. */

static void set_peer(struct connection *connection, const struct sockaddr_storage *peer)
{
        static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
        const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)peer;
        const struct in_addr *four = &((const struct sockaddr_in *)peer)->sin_addr;
        if (peer->ss_family == AF_INET6 && memcmp(&six->sin6_addr, mapped, sizeof mapped) != 0) {
                connection->is_loopback = IN6_IS_ADDR_LOOPBACK(&six->sin6_addr);
                inet_ntop(AF_INET6, &six->sin6_addr, connection->peer, sizeof connection->peer);
                return;
        }
        if (peer->ss_family == AF_INET6)
                four = (const struct in_addr *)(const void *)(six->sin6_addr.s6_addr + sizeof mapped);
        else if (peer->ss_family != AF_INET) {
                connection->is_loopback = true;
                return;
        }
        connection->is_loopback = *(const unsigned char *)four == 127;
        inet_ntop(AF_INET, four, connection->peer, sizeof connection->peer);
}

static int attach(struct connection *connection, int fd)
{
        uv_loop_t *uv = loop_uv(connection->server->loop);
        connection->uv.handle.data = connection;
        int result;
        if (connection->server->is_unix) {
                uv_pipe_init(uv, &connection->uv.pipe, 0);
                result = uv_pipe_open(&connection->uv.pipe, fd);
        } else {
                uv_tcp_init(uv, &connection->uv.tcp);
                result = uv_tcp_open(&connection->uv.tcp, fd);
        }
        if (result != 0)
                close(fd); /* the handle has not taken it */
        return result ? result : uv_read_start(&connection->uv.stream, on_allocate, on_read);
}

void connection_open(struct server *server, int fd, const struct sockaddr_storage *peer, bool is_over_limit)
{
        struct connection *connection = alloc_zeroed(1, sizeof *connection);
        connection->server = server;
        connection->timer.fire = on_deadline;
        connection->is_timer_due = true;
        size_t unread = server->limits.max_header_bytes + FLOOD_BYTES;
        buf_init(&connection->input, unread + 2 * READ_BUFFER_BYTES);
        set_peer(connection, peer);
        list_push_back(&server->connections, &connection->link);
        server->connection_count++;
        if (server->handlers.on_connection)
                server->handlers.on_connection(server->handlers.arg, 1);
        if (attach(connection, fd) != 0)
                connection_close(connection);
        else if (is_over_limit)
                connection_refuse(connection, REFUSAL_TOO_MANY_CONNECTIONS);
        connection_run(connection, (struct str){0});
}

static void on_closed(uv_handle_t *handle)
{
        struct connection *connection = handle->data;
        struct server *server = connection->server;
        list_remove(&connection->link);
        server->connection_count--;
        buf_deinit(&connection->input);
        free(connection);
        if (server->handlers.on_connection)
                server->handlers.on_connection(server->handlers.arg, -1);
        server_release(server);
}

void connection_close(struct connection *connection)
{
        if (connection->state == CONNECTION_CLOSED)
                return;
        connection_become(connection, CONNECTION_CLOSED);
        loop_timer_stop(connection->server->loop, &connection->timer);
        struct exchange *exchange = connection->exchange;
        connection->exchange = NULL;
        if (exchange)
                exchange_abandon(exchange);
        uv_close(&connection->uv.handle, on_closed);
}

void connection_drain(struct connection *connection)
{
        if (connection->state != CONNECTION_IDLE || connection_waiting(connection).len > 0)
                return;
        if (!connection->has_served) {
                connection->is_timer_due = true;
                return;
        }
        /* A request that the kernel has, but we have not seen, gets its answer. */
        uv_os_fd_t fd;
        char byte;
        if (uv_fileno(&connection->uv.handle, &fd) != 0 || recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
                connection_close(connection);
}
