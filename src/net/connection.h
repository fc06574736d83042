/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the server share: server, connections, exchanges. For net/ only.
 *
 * A connection is a state machine (its table is in connection.c). Whatever happens to it (bytes, an
 * answer, a finished write, a deadline) changes the state and then calls connection_run(), which
 * consumes bytes as long as the state wants any, and arms the one timer for where it came to rest.
 */
#ifndef NET_CONNECTION_H
#define NET_CONNECTION_H

#include <netinet/in.h>
#include <uv.h>

#include "net/http_parse.h"
#include "net/response.h"
#include "net/server.h"

enum connection_state {
        CONNECTION_IDLE,    /* nothing of a request has arrived */
        CONNECTION_HEAD,    /* a part of a head has */
        CONNECTION_BODY,    /* the head was accepted, the body is on its way */
        CONNECTION_ANSWER,  /* the application owes the answer */
        CONNECTION_WRITE,   /* the kernel did not take all of the answer at once */
        CONNECTION_DISCARD, /* answered early; the rest of the body is dropped */
        CONNECTION_LINGER,  /* said all; waits for the client to close, so that it can read it */
        CONNECTION_CLOSED,  /* until libuv lets go of the handle */
        CONNECTION_STATES
};

enum {
        READ_BUFFER_BYTES = 65536,
        HEAD_SCRATCH_BYTES = 20480, /* status line and headers of an answer */
};

struct server {
        struct loop *loop;
        struct server_limits limits;
        struct server_handlers handlers;
        uv_poll_t listener;
        int fd;              /* -1 when it has been closed */
        struct timer retry;  /* of a failed accept */
        bool is_unix;
        bool is_accept_failing;
        bool is_draining;
        bool is_closing;
        bool is_listener_closed;
        struct list connections;
        size_t connection_count;
        size_t exchange_count;
        size_t buffered_bytes; /* in the bodies of all exchanges */
        char *read_buffer;   /* all connections read into it, one after the other */
        struct buf scratch;  /* the head of the answer that is being sent */
        int64_t date_s;
        char date[RESPONSE_DATE_BYTES];
        struct task free_task;
        void (*closed)(void *arg);
        void *closed_arg;
};

struct connection {
        union {
                uv_handle_t handle;
                uv_stream_t stream;
                uv_tcp_t tcp;
                uv_pipe_t pipe;
        } uv;
        struct list link;
        struct server *server;
        struct exchange *exchange; /* being read or waiting for its answer */
        struct timer timer;
        enum connection_state state;
        bool is_timer_due : 1;   /* the state has changed since the timer was armed */
        bool is_running : 1;
        bool is_paused : 1;      /* reading is stopped: the client floods */
        bool is_eof : 1;         /* the client has shut its sending side */
        bool is_last : 1;        /* the answer under way is the last one */
        bool discards_body : 1;  /* and there is a rest of a body behind it */
        bool has_served : 1;     /* one request at least */
        bool is_loopback : 1;
        int64_t phase_ms;        /* BODY, DISCARD: since when; WRITE: last progress */
        uint64_t phase_bytes;    /* BODY, DISCARD: received; WRITE: left to send */
        int64_t started_us;
        struct buf input;        /* owns what could not be looked at yet */
        size_t taken;            /* bytes of it that are done with */
        struct head_scan scan;
        struct http_parser parser;
        char peer[INET6_ADDRSTRLEN];
};

enum exchange_phase { EXCHANGE_HEAD, EXCHANGE_BODY, EXCHANGE_OWED };

/* Lives in its own arena. */
struct exchange {
        struct arena arena;
        struct server *server;
        struct connection *connection; /* NULL when the client has gone */
        enum exchange_phase phase;
        struct http_request request;
        struct http_head head;
        struct buf body;
        size_t counted_bytes; /* of the body, in the server's buffered_bytes */
        void (*cancel)(void *arg);
        void *cancel_arg;
        void *data; /* the application's */
};

/* Takes the accepted descriptor. A connection over the limit is born to be refused. */
void connection_open(struct server *server, int fd, const struct sockaddr_storage *peer, bool is_over_limit);

/* Closes it at once, whatever it does. Allowed on one that is being closed. */
void connection_close(struct connection *connection);

/* The server drains: closes it when no request is under way. */
void connection_drain(struct connection *connection);

/* Consumes `fresh` behind what was left over, then comes to rest. */
void connection_run(struct connection *connection, struct str fresh);

/* Sends the answer and decides what comes behind it. */
void connection_answer(struct connection *connection, const struct exchange *exchange,
                       const struct http_response *response);

/* Answers for the server itself, and closes behind it. Gives the exchange up, if there is one. */
void connection_refuse(struct connection *connection, enum http_refusal refusal);

/* Everything has been said: shuts the sending side and waits a little for the client to close,
 * because closing over bytes that nobody read would reset the connection under its answer. */
void connection_linger(struct connection *connection);

/* Steps to a state that the table allows. */
void connection_become(struct connection *connection, enum connection_state state);

/* What has arrived and was not consumed. */
struct str connection_waiting(const struct connection *connection);

/* NULL when the head alone is over the maximum of the arena. Owned by the connection until
 * on_request(), by the application behind it. */
struct exchange *exchange_new(struct connection *connection, struct str head, struct str *ret_head);
void exchange_free(struct exchange *exchange);

/* The connection is gone, or gives the exchange up. */
void exchange_abandon(struct exchange *exchange);

/* Frees the server when it was the last to leave. */
void server_release(struct server *server);

/* The value of the Date header for now. */
const char *server_date(struct server *server);

#endif
