/* SPDX-License-Identifier: Apache-2.0 */
/* One connection: resolve, connect, tunnel, handshake, then calls until it is closed. */
#include "net/upstream_inner.h"

#include <assert.h>
#include <stdio.h>

#include "base/alloc.h"

static void receive_nothing(struct upstream_connection *connection, struct str bytes);
static void receive_answer(struct upstream_connection *connection, struct str bytes);
static void end_opening(struct upstream_connection *connection, const char *why);
static void end_calls(struct upstream_connection *connection, const char *why);
static void expire_address(struct upstream_connection *connection);
static void expire_opening(struct upstream_connection *connection);
static void expire_idle(struct upstream_connection *connection);

#define TO(state) (1U << UPSTREAM_AT_##state)

/* What a state does with bytes, with the peer's end and with its timer, the list of the pool in which it is,
 * what its failure is called, and where it may lead. */
static const struct {
        void (*receive)(struct upstream_connection *connection, struct str bytes);
        void (*end)(struct upstream_connection *connection, const char *why);
        void (*expire)(struct upstream_connection *connection);
        size_t list;
        const char *name;
        enum upstream_result failure;
        bool is_opening;
        unsigned next;
} states[UPSTREAM_AT_STATES] = {
        [UPSTREAM_AT_RESOLVE] = {NULL, NULL, expire_opening, offsetof(struct upstream, opening), "resolving",
                                 UPSTREAM_CONNECT, true, TO(TCP) | TO(CLOSED)},
        [UPSTREAM_AT_TCP] = {NULL, NULL, expire_address, offsetof(struct upstream, opening), "connecting",
                             UPSTREAM_CONNECT, true, TO(TUNNEL) | TO(HANDSHAKE) | TO(READY) | TO(CLOSED)},
        [UPSTREAM_AT_TUNNEL] = {upstream_tunnel_receive, end_opening, expire_opening,
                                offsetof(struct upstream, opening), "asking the proxy", UPSTREAM_CONNECT, true,
                                TO(HANDSHAKE) | TO(CLOSED)},
        [UPSTREAM_AT_HANDSHAKE] = {upstream_tls_receive, end_opening, expire_opening,
                                   offsetof(struct upstream, opening), "the TLS handshake", UPSTREAM_TLS, true,
                                   TO(READY) | TO(CLOSED)},
        [UPSTREAM_AT_READY] = {receive_answer, end_calls, expire_idle, offsetof(struct upstream, ready), "",
                               UPSTREAM_LOST, false, TO(BUSY) | TO(DRAIN) | TO(CLOSED)},
        [UPSTREAM_AT_BUSY] = {receive_answer, end_calls, expire_idle, offsetof(struct upstream, busy), "",
                              UPSTREAM_LOST, false, TO(READY) | TO(DRAIN) | TO(CLOSED)},
        [UPSTREAM_AT_DRAIN] = {receive_answer, end_calls, expire_idle, offsetof(struct upstream, busy), "",
                               UPSTREAM_LOST, false, TO(CLOSED)},
        [UPSTREAM_AT_CLOSED] = {receive_nothing, NULL, NULL, 0, "", UPSTREAM_LOST, false, 0},
};

static struct list *list_of(struct upstream *upstream, enum upstream_connection_state state)
{
        return (struct list *)(void *)((char *)upstream + states[state].list);
}

void upstream_connection_become(struct upstream_connection *connection, enum upstream_connection_state state)
{
        struct upstream *upstream = connection->upstream;
        if (connection->state == state)
                return;
        assert(states[connection->state].next & 1U << state);
        if (states[connection->state].is_opening && !states[state].is_opening)
                upstream->opening_count--;
        connection->state = state;
        list_remove(&connection->link);
        if (state == UPSTREAM_AT_CLOSED)
                upstream->connection_count--;
        else
                list_push_back(list_of(upstream, state), &connection->link);
        if (state == UPSTREAM_AT_READY)
                upstream_stir(upstream);
}

void upstream_connection_mark_dirty(struct upstream_connection *connection)
{
        if (list_is_empty(&connection->dirty))
                list_push_back(&connection->upstream->dirty, &connection->dirty);
}

/* What happens to it. */

static void receive_nothing(struct upstream_connection *connection, struct str bytes)
{
        (void)connection;
        (void)bytes;
}

static void receive_answer(struct upstream_connection *connection, struct str bytes)
{
        if (connection->tls)
                upstream_tls_receive(connection, bytes);
        else
                connection->protocol->receive(connection, bytes);
}

void upstream_connection_receive(struct upstream_connection *connection, struct str bytes)
{
        states[connection->state].receive(connection, bytes);
}

static void end_opening(struct upstream_connection *connection, const char *why)
{
        char note[128];
        snprintf(note, sizeof note, "%s: %s", states[connection->state].name, *why ? why : "the peer hung up");
        upstream_connection_fail(connection, states[connection->state].failure, note);
}

/* Only an orderly end can be that of an answer without a length; over TLS it has to be signed. */
static void end_calls(struct upstream_connection *connection, const char *why)
{
        bool is_clean = *why == '\0' && (!connection->tls || upstream_tls_has_ended(connection));
        if (!list_is_empty(&connection->calls) && connection->protocol->end)
                connection->protocol->end(connection, is_clean);
        upstream_connection_fail(connection, UPSTREAM_LOST, *why ? why : "the peer hung up");
}

void upstream_connection_end(struct upstream_connection *connection, const char *why)
{
        if (states[connection->state].end)
                states[connection->state].end(connection, why);
}

static void expire_opening(struct upstream_connection *connection)
{
        end_opening(connection, "no answer in time");
}

/* How long a connection may be idle before it is looked at. */
static int64_t patience_ms(const struct upstream_config *config, bool is_surplus)
{
        return is_surplus && config->surplus_timeout_ms < config->idle_timeout_ms ? config->surplus_timeout_ms
                                                                                 : config->idle_timeout_ms;
}

static void expire_idle(struct upstream_connection *connection)
{
        struct upstream *upstream = connection->upstream;
        if (!list_is_empty(&connection->calls))
                return;
        bool is_surplus = upstream->connection_count > upstream->config.warm_connections;
        int64_t left_ms = connection->idle_since_ms + patience_ms(&upstream->config, is_surplus) - loop_now_ms(upstream->loop);
        if (left_ms > 0)
                loop_timer_start(upstream->loop, &connection->timer, left_ms);
        else
                upstream_connection_close(connection);
}

static void on_timer(struct timer *timer)
{
        struct upstream_connection *connection = list_item(timer, struct upstream_connection, timer);
        states[connection->state].expire(connection);
}

/* The timer of an idle connection runs on while it is used, and looks at the time when it fires: a
 * connection in steady use costs no timer at all. */
void upstream_connection_rest(struct upstream_connection *connection)
{
        struct upstream *upstream = connection->upstream;
        connection->idle_since_ms = loop_now_ms(upstream->loop);
        if (!timer_is_armed(&connection->timer))
                loop_timer_start(upstream->loop, &connection->timer, patience_ms(&upstream->config, true));
}

/* Opening. */

static void arm(struct upstream_connection *connection, int64_t share)
{
        struct loop *loop = connection->upstream->loop;
        int64_t left_ms = connection->deadline_ms - loop_now_ms(loop);
        loop_timer_start(loop, &connection->timer, left_ms > 0 ? left_ms / share : 0);
}

struct upstream_connection *upstream_connection_new(struct upstream *upstream)
{
        struct upstream_connection *connection = alloc_zeroed(1, sizeof *connection);
        connection->upstream = upstream;
        connection->timer.fire = on_timer;
        connection->round = upstream->round;
        list_init(&connection->dirty);
        list_init(&connection->calls);
        uv_tcp_init(loop_uv(upstream->loop), &connection->uv.tcp);
        connection->uv.handle.data = connection;
        list_push_back(&upstream->opening, &connection->link);
        upstream->opening_count++;
        upstream->connection_count++;
        upstream->handle_count++;
        return connection;
}

static void on_connected(uv_connect_t *request, int status);

static void try_address(struct upstream_connection *connection)
{
        struct upstream_dns *dns = &connection->upstream->dns;
        upstream_connection_become(connection, UPSTREAM_AT_TCP);
        arm(connection, connection->addresses_left);
        int result = uv_tcp_connect(&connection->connect, &connection->uv.tcp,
                                    &dns->addresses[connection->address % dns->count].any, on_connected);
        if (result != 0)
                on_connected(&connection->connect, result);
}

/* A handle connects once, so the next address has a connection of its own. */
static void give_up_address(struct upstream_connection *connection, const char *why)
{
        struct upstream_dns *dns = &connection->upstream->dns;
        if (connection->addresses_left <= 1) {
                end_opening(connection, why);
                return;
        }
        struct upstream_connection *next = upstream_connection_new(connection->upstream);
        next->deadline_ms = connection->deadline_ms;
        next->round = connection->round;
        next->address = connection->address + 1;
        next->addresses_left = connection->addresses_left - 1;
        dns->first = next->address % dns->count;
        upstream_connection_close(connection);
        try_address(next);
}

static void expire_address(struct upstream_connection *connection)
{
        give_up_address(connection, "no answer in time");
}

static void on_connected(uv_connect_t *request, int status)
{
        struct upstream_connection *connection = list_item(request, struct upstream_connection, connect);
        const struct upstream *upstream = connection->upstream;
        if (connection->state == UPSTREAM_AT_CLOSED)
                return;
        if (status < 0) {
                give_up_address(connection, uv_strerror(status));
                return;
        }
        arm(connection, 1);
        uv_tcp_nodelay(&connection->uv.tcp, 1);
        if (!upstream_io_start_reading(connection))
                end_opening(connection, "it cannot be read from");
        else if (upstream->has_proxy && upstream->url.is_tls)
                upstream_tunnel_start(connection);
        else
                upstream_connection_secure(connection);
}

void upstream_connection_secure(struct upstream_connection *connection)
{
        if (!connection->upstream->url.is_tls) {
                upstream_connection_established(connection, &upstream_http1);
                return;
        }
        upstream_connection_become(connection, UPSTREAM_AT_HANDSHAKE);
        upstream_tls_start(connection);
}

void upstream_connection_established(struct upstream_connection *connection, const struct upstream_protocol *protocol)
{
        loop_timer_stop(connection->upstream->loop, &connection->timer);
        connection->protocol = protocol;
        upstream_connection_become(connection, UPSTREAM_AT_READY);
        connection->upstream->opened++;
        protocol->open(connection);
        upstream_connection_rest(connection);
}

void upstream_connection_resolved(struct upstream_connection *connection, const char *failure)
{
        const struct upstream_dns *dns = &connection->upstream->dns;
        if (failure || dns->count == 0) {
                upstream_connection_fail(connection, UPSTREAM_CONNECT, failure ? failure : "no address");
                return;
        }
        connection->address = dns->first;
        connection->addresses_left = dns->count;
        try_address(connection);
}

void upstream_connection_open(struct upstream *upstream)
{
        struct upstream_connection *connection = upstream_connection_new(upstream);
        connection->deadline_ms = loop_now_ms(upstream->loop) + upstream->config.connect_timeout_ms;
        arm(connection, 1);
        if (upstream_dns_is_ready(upstream))
                upstream_connection_resolved(connection, NULL);
}

/* Closing. */

static void on_closed(uv_handle_t *handle)
{
        struct upstream_connection *connection = handle->data;
        struct upstream *upstream = connection->upstream;
        if (connection->protocol)
                connection->protocol->deinit(connection);
        upstream_tls_free(connection);
        free(connection);
        upstream->handle_count--;
        upstream_release(upstream);
}

void upstream_connection_fail(struct upstream_connection *connection, enum upstream_result result, const char *note)
{
        struct upstream *upstream = connection->upstream;
        bool was_opening = states[connection->state].is_opening;
        if (connection->state == UPSTREAM_AT_CLOSED)
                return;
        upstream_connection_become(connection, UPSTREAM_AT_CLOSED);
        loop_timer_stop(upstream->loop, &connection->timer);
        list_remove(&connection->dirty);
        uv_close(&connection->uv.handle, on_closed);
        while (!list_is_empty(&connection->calls)) {
                struct upstream_call *call = list_item(connection->calls.next, struct upstream_call, link);
                bool is_cut = result == UPSTREAM_LOST && call->phase == UPSTREAM_CALL_ANSWERED;
                upstream_call_end(call, is_cut ? UPSTREAM_CUT : result, note);
        }
        /* Nor may a peer that hangs up behind each handshake be shaken hands with as fast as it can be. */
        if (!connection->has_called && note)
                upstream_failed(upstream, connection, was_opening ? result : UPSTREAM_CONNECT, note);
        upstream_stir(upstream);
}

void upstream_connection_close(struct upstream_connection *connection)
{
        upstream_connection_fail(connection, UPSTREAM_CANCELLED, NULL);
}
