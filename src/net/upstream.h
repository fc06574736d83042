/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP calls out, many at a time: the pooled connections of one worker to one origin.
 *
 * HTTP/1.1, plain or over TLS (llhttp, OpenSSL), on the worker's loop: one call at a time on a connection,
 * never pipelined. HTTP/2 where a TLS origin takes it (nghttp2): many calls share a connection, and another is
 * opened when all are full. A call over all caps waits in a bounded queue; its deadline runs meanwhile.
 *
 * - A call ends exactly once, through `done`, on the loop, never before upstream_start() returned, also
 *   after upstream_cancel() (UPSTREAM_CANCELLED). It lives in its caller's memory until then. Its
 *   request is borrowed until then; its answer is the call's until `done` has returned.
 * - POST is not idempotent: a request of which a byte may have arrived is not sent a second time, unless the
 *   server says by HTTP/2 that it did not process it. A connection lost under an unanswered call is
 *   UPSTREAM_LOST; whether to try again is the caller's.
 * - Connections are opened as calls need them, kept while idle, closed after idle_timeout_ms; those that
 *   a burst has left over (more than warm_connections) after surplus_timeout_ms. After a
 *   failed one the next is tried at once for a new call, at growing intervals (jittered, up to 5 s)
 *   while they go on failing; calls meanwhile fail fast with UPSTREAM_CONNECT.
 * - The name is resolved beside the loop and again when dns_ttl_ms have passed or a connection failed;
 *   the addresses are tried in turn.
 * - What the origin sends is capped: head and body by the config.
 *
 * All calls happen on the loop's thread. Nothing is read from the environment.
 */
#ifndef NET_UPSTREAM_H
#define NET_UPSTREAM_H

#include "base/buf.h"
#include "base/err.h"
#include "net/loop.h"

struct upstream;
struct upstream_connection;

struct upstream_config {
        const char *url;          /* "https://api.openai.com/v1?api-version=1": path and query go before each call's own path */
        const char *ca_file;      /* PEM; "": the system's */
        const char *proxy;        /* "http://host:port"; "": none. TLS origins by CONNECT, plain ones by absolute URI */
        bool is_verified;         /* false: any certificate is taken; for tests only */
        bool is_http2;            /* offered to a TLS origin beside HTTP/1.1 */
        size_t max_connections;   /* of this worker */
        size_t max_calls;         /* under way and waiting together; over it UPSTREAM_OVERLOADED */
        size_t max_answer_bytes;  /* of a decoded body */
        int64_t connect_timeout_ms; /* TCP, proxy and TLS together */
        int64_t idle_timeout_ms;
        size_t warm_connections;
        int64_t surplus_timeout_ms; /* at most idle_timeout_ms has its effect */
        int64_t dns_ttl_ms;
};

enum upstream_result {
        UPSTREAM_OK,         /* an answer, whatever its status */
        UPSTREAM_CONNECT,    /* no address or no connection; nothing was sent */
        UPSTREAM_TLS,        /* nor a TLS session that can be trusted; nothing was sent */
        UPSTREAM_LOST,       /* the connection, or the call on it, was ended before the answer began */
        UPSTREAM_CUT,        /* or in the middle of it */
        UPSTREAM_MALFORMED,  /* what came is not HTTP as it should be */
        UPSTREAM_TOO_LARGE,
        UPSTREAM_TIMEOUT,    /* the call's deadline */
        UPSTREAM_OVERLOADED, /* max_calls; nothing was sent */
        UPSTREAM_CANCELLED,
};

struct upstream_header {
        struct str name; /* lower case */
        struct str value;
};

struct upstream_call {
        /* The request: a POST. */
        struct str path;    /* "/chat/completions" */
        const struct upstream_header *headers; /* beside Host, Content-Length, Content-Type: application/json */
        size_t header_count;
        struct str body;
        int64_t deadline_at_ms; /* monotonic */
        void (*done)(struct upstream_call *call);
        /* The answer. */
        enum upstream_result result;
        int status;
        struct buf body_in;  /* decoded */
        struct buf head_in;  /* lines of "name: value\n", names in lower case; at most 16 KiB are kept */
        int64_t sent_us;     /* monotonic, when its first byte went out; 0: never */
        int64_t ended_us;
        char note[128];      /* why it failed, for operators: "certificate has expired"; "" when there is nothing to say */
        /* The pool's. */
        struct upstream *upstream;
        struct upstream_connection *connection;
        struct timer deadline;
        struct list link;
        size_t body_sent;    /* by HTTP/2 */
        int32_t stream_id;
        unsigned char phase;
        unsigned char refusals; /* by servers that did not process it */
        bool has_head;       /* what follows is body and trailers */
};

/* ERR_INVALID with a note for a URL, proxy or CA file that cannot be used. The config's texts are copied. */
enum err upstream_new(struct loop *loop, const struct upstream_config *config, struct upstream **ret_upstream,
                      struct err_note *note) MUST_USE;

/* "host:port" of the origin. Lives as long as the upstream. */
const char *upstream_address(const struct upstream *upstream);

void upstream_start(struct upstream *upstream, struct upstream_call *call);

/* Before its `done`, which still follows. A request under way takes its HTTP/1.1 connection along, or its
 * HTTP/2 stream. */
void upstream_cancel(struct upstream_call *call);

/* The value of that header of the answer (lower case); absent when there is none. Until `done` has returned. */
struct str upstream_call_header(const struct upstream_call *call, const char *name);

/* Cancels all calls, closes all connections; `closed` runs on the loop when the upstream is freed. */
void upstream_close(struct upstream *upstream, void (*closed)(void *arg), void *arg);

/* For metrics and tests. */
struct upstream_stats {
        size_t connections;
        size_t calls;           /* under way and waiting */
        uint64_t opened;        /* connections, since the start */
        uint64_t resumed;       /* of their TLS sessions */
};
struct upstream_stats upstream_stats(const struct upstream *upstream);

#endif
