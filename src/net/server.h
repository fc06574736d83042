/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 in: connections of one worker, requests as exchanges, strict framing.
 *
 * llhttp parses; this module adds what it leaves open (exactly one Host, no obs-fold, no bare LF,
 * no space before the colon, HTTP/1.0 and 1.1 only, methods of ours only, Transfer-Encoding only
 * exactly `chunked`, never with Content-Length, never in HTTP/1.0), all caps and all deadlines.
 * What breaks the framing is answered with a 4xx, 501 or 505 and the connection is closed.
 *
 * One exchange at a time per connection: pipelined requests wait, unread. A client that has shut
 * its sending side still gets its answers (a closed socket looks the same until it is written
 * to, so only a reset cancels). An idle connection holds no buffer. All calls happen on the
 * loop's thread, one server and all its connections on one loop.
 *
 * Life of an exchange: `on_head` when the head is complete, before a body is read (it may answer
 * already, which refuses the body); `on_request` when the body is complete; then exactly one
 * exchange_respond(), at once or later. The exchange and all its strings live until then.
 *
 * If the client goes away before the answer, the cancel callback runs once. Behind `on_request`
 * exchange_respond() is still owed and then only frees; the cancel callback itself may call it.
 * Between `on_head` and `on_request` nothing is owed: when the client goes away the
 * cancel callback runs and the exchange is gone; a body that is too large, malformed or too slow
 * goes to `on_body_refused`.
 */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "base/arena.h"
#include "base/err.h"
#include "net/loop.h"

struct server;
struct exchange;

/* Others are refused with 501. */
enum http_method { HTTP_METHOD_GET, HTTP_METHOD_HEAD, HTTP_METHOD_POST, HTTP_METHOD_PUT, HTTP_METHOD_PATCH,
                   HTTP_METHOD_DELETE, HTTP_METHOD_OPTIONS };

/* Why the server refuses without asking the application. */
enum http_refusal {
        REFUSAL_MALFORMED,            /* 400 */
        REFUSAL_REQUEST_TIMEOUT,      /* 408 */
        REFUSAL_PAYLOAD_TOO_LARGE,    /* 413 */
        REFUSAL_URI_TOO_LONG,         /* 414 */
        REFUSAL_EXPECTATION_FAILED,   /* 417 */
        REFUSAL_HEADERS_TOO_LARGE,    /* 431 */
        REFUSAL_NOT_IMPLEMENTED,      /* 501: method or transfer coding */
        REFUSAL_TOO_MANY_CONNECTIONS, /* 503 */
        REFUSAL_OUT_OF_MEMORY,        /* 503: max_buffered_bytes */
        REFUSAL_VERSION,              /* 505 */
        REFUSAL_COUNT
};

struct http_header {
        struct str name;
        struct str value;
};

struct http_request {
        enum http_method method;
        struct str target; /* as sent */
        struct str path;   /* without the query */
        struct str query;  /* without '?'; absent when there is none */
        const struct http_header *headers;
        size_t header_count;
        struct str body;      /* whole, decoded; absent in on_head, "" when there is none */
        struct str peer;      /* numeric address, "" for a local socket; IPv4 in IPv6 as IPv4 */
        bool is_loopback;     /* the peer is on this machine */
        int64_t started_us;   /* monotonic, when its first byte was looked at */
};

/* Everything in it is copied. Names and values of headers hold no CR, LF or NUL: a bug if they do. */
struct http_response {
        int status;
        const char *content_type; /* NULL when there is no body */
        const struct http_header *headers; /* Date, Content-Length and Connection are the server's */
        size_t header_count; /* all headers together: 16 KiB at the most */
        struct str body;
        bool must_close; /* close the connection behind it */
};

/* Bodies up to this size are outside max_buffered_bytes, so that ordinary messages are still taken
 * when slow, large ones have used that up. A growing buffer is up to twice as large as what is in
 * it: all bodies together take max_buffered_bytes + max_connections x 64 KiB at the most. */
enum { SERVER_SMALL_BODY_BYTES = 32 << 10 };

struct server_limits {
        size_t max_connections; /* of this server; over it: 503 and close */
        size_t max_header_bytes;
        size_t max_headers;
        size_t max_target_bytes;
        size_t max_body_bytes;
        size_t max_buffered_bytes; /* of all bodies that are not small; one that would pass it gets 503 */
        uint32_t body_min_rate; /* bytes a second, averaged since the head, after a grace of 2 s */
        int64_t header_timeout_ms; /* from the first byte of a request to the end of its head */
        int64_t body_timeout_ms;
        int64_t idle_timeout_ms; /* between requests, and before the first */
        int64_t write_timeout_ms; /* without progress */
};

struct server_handlers {
        void *arg;
        /* Returns true to go on with the body; false when it has called exchange_respond(). */
        bool (*on_head)(void *arg, struct exchange *exchange);
        void (*on_request)(void *arg, struct exchange *exchange);
        /* The body of an announced exchange is refused: must answer it at once; the connection is
         * closed behind the answer. NULL: the cancel callback and on_refusal instead. */
        void (*on_body_refused)(void *arg, struct exchange *exchange, enum http_refusal refusal);
        /* Fills status, headers and body of a refusal of the server's own; `arena` holds them. The
         * connection is closed behind it. */
        void (*on_refusal)(void *arg, enum http_refusal refusal, struct arena *arena,
                           struct http_response *ret_response);
        /* A connection was opened (+1) or closed (-1); for gauges. NULL: nobody counts. */
        void (*on_connection)(void *arg, int change);
        /* No connection can be accepted (an errno: mostly out of descriptors). Told once; the
         * server tries again ten times a second. NULL: nobody listens. */
        void (*on_accept_failed)(void *arg, int error);
};

/* The status that the table above promises. */
int http_refusal_status(enum http_refusal refusal);

/* A listening TCP socket, SO_REUSEPORT, non-blocking, close-on-exec. `address` is "127.0.0.1:8080"
 * or "[::1]:0", numeric. ERR_INVALID for an address that cannot be parsed, ERR_BUSY when it is taken, ERR_IO otherwise. */
enum err server_listen_tcp(struct str address, int *ret_fd, struct err_note *note) MUST_USE;

/* A listening Unix socket of mode 0600; an old socket file in its place is removed. A path over 107
 * bytes takes the way of net/unix_path.h. ERR_INVALID, ERR_UNAVAILABLE, ERR_EXISTS for a file that is
 * no socket, ERR_BUSY, ERR_IO. */
enum err server_listen_unix(const char *path, int *ret_fd, struct err_note *note) MUST_USE;

/* The port of a listening socket, for "listen on port 0"; 0 when it has none. */
int server_port(int fd);

/* Whether the host part of `address` is a loopback address. ERR_INVALID when it is none at all. */
enum err server_is_loopback(struct str address, bool *ret_is_loopback, struct err_note *note) MUST_USE;

/* Takes the listening descriptor, closed by server_drain(). `limits` and `handlers` are copied. */
struct server *server_new(struct loop *loop, int fd, const struct server_limits *limits,
                          const struct server_handlers *handlers);

/* Stops accepting: takes what the kernel has already queued, then closes the listener (closing a
 * listener under SO_REUSEPORT drops its queue). Idle connections are closed, those without a
 * first request a second later, busy ones after their answer, which says `Connection: close`. */
void server_drain(struct server *server);

/* Open connections. */
size_t server_connections(const struct server *server);

/* Drains and closes everything at once; `closed` runs when the server has been freed. Exchanges
 * that still wait for their answer are cancelled, and the server is freed after the last of them
 * was responded to. */
void server_close(struct server *server, void (*closed)(void *arg), void *arg);

const struct http_request *exchange_request(const struct exchange *exchange);

/* The first header of that name (without case), or the absent string. */
struct str exchange_header(const struct exchange *exchange, struct str name);

/* How often a header of that name was sent. */
size_t exchange_header_count(const struct exchange *exchange, struct str name);

/* A pointer of the application's that goes with the exchange; NULL until it is set. */
void exchange_set_data(struct exchange *exchange, void *data);
void *exchange_data(const struct exchange *exchange);

/* Memory that lives as long as the exchange. */
struct arena *exchange_arena(struct exchange *exchange);

/* `cancel` runs once when the client goes away before the answer. NULL takes it back. */
void exchange_on_cancel(struct exchange *exchange, void (*cancel)(void *arg), void *arg);

/* Frees the exchange. HEAD requests get the headers of the answer only. */
void exchange_respond(struct exchange *exchange, const struct http_response *response);

#endif
