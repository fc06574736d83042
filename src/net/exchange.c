/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "net/connection.h"

/* What an application may take from the arena of one exchange, beside its head. */
enum { EXCHANGE_MAX_BYTES = 4 << 20 };

struct exchange *exchange_new(struct connection *connection, struct str head, struct str *ret_head)
{
        struct server *server = connection->server;
        struct arena arena;
        arena_init(&arena, EXCHANGE_MAX_BYTES + server->limits.max_header_bytes);
        struct exchange *exchange = arena_new(&arena, struct exchange);
        struct str copy = exchange ? arena_copy(&arena, head) : (struct str){0};
        if (!copy.ptr) {
                arena_deinit(&arena);
                return NULL;
        }
        exchange->arena = arena;
        exchange->server = server;
        exchange->connection = connection;
        exchange->request.started_us = connection->started_us;
        exchange->request.is_loopback = connection->is_loopback;
        exchange->request.peer = arena_copy(&exchange->arena, str_from(connection->peer));
        buf_init(&exchange->body, server->limits.max_body_bytes);
        server->exchange_count++;
        *ret_head = copy;
        return exchange;
}

void exchange_free(struct exchange *exchange)
{
        struct server *server = exchange->server;
        buf_deinit(&exchange->body);
        /* The arena is moved out first: it holds the exchange itself. */
        struct arena arena = exchange->arena;
        arena_deinit(&arena);
        server->exchange_count--;
        server->buffered_bytes -= exchange->counted_bytes;
        server_release(server);
}

void exchange_abandon(struct exchange *exchange)
{
        bool is_owed = exchange->phase == EXCHANGE_OWED;
        void (*cancel)(void *arg) = exchange->cancel;
        exchange->connection = NULL;
        exchange->cancel = NULL;
        if (cancel)
                cancel(exchange->cancel_arg);
        if (!is_owed)
                exchange_free(exchange);
}

const struct http_request *exchange_request(const struct exchange *exchange)
{
        return &exchange->request;
}

struct str exchange_header(const struct exchange *exchange, struct str name)
{
        for (size_t i = 0; i < exchange->request.header_count; i++)
                if (str_equal_nocase(exchange->request.headers[i].name, name))
                        return exchange->request.headers[i].value;
        return (struct str){0};
}

size_t exchange_header_count(const struct exchange *exchange, struct str name)
{
        size_t count = 0;
        for (size_t i = 0; i < exchange->request.header_count; i++)
                count += str_equal_nocase(exchange->request.headers[i].name, name);
        return count;
}

void exchange_set_data(struct exchange *exchange, void *data)
{
        exchange->data = data;
}

void *exchange_data(const struct exchange *exchange)
{
        return exchange->data;
}

struct arena *exchange_arena(struct exchange *exchange)
{
        return &exchange->arena;
}

void exchange_on_cancel(struct exchange *exchange, void (*cancel)(void *arg), void *arg)
{
        exchange->cancel = cancel;
        exchange->cancel_arg = arg;
}

void exchange_respond(struct exchange *exchange, const struct http_response *response)
{
        /* While the body is being read the application has not been asked for an answer. */
        assert(exchange->phase != EXCHANGE_BODY);
        struct connection *connection = exchange->connection;
        if (connection)
                connection_answer(connection, exchange, response);
        exchange_free(exchange);
        if (connection)
                connection_run(connection, (struct str){0});
}
