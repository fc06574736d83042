/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the HTTP client share: pool, connections, protocols. For net/ only.
 *
 * upstream.c             the pool: which connection takes which call, when another is opened
 * upstream_call.c        a call: its phases, its answer
 * upstream_connection.c  one connection: its table of states, opening and closing
 * upstream_io.c          its bytes, in and out
 * upstream_tunnel.c      through a proxy
 * upstream_tls.c         OpenSSL, made on first use
 * upstream_http1.c       the protocols, behind struct upstream_protocol
 * upstream_http2.c
 * upstream_dns.c, upstream_url.c
 *
 * Nothing calls back into the application from the middle of something: a call that ends goes into a
 * list, and `done` runs when the loop has handled all events of its turn (settle() in upstream.c).
 */
#ifndef NET_UPSTREAM_INNER_H
#define NET_UPSTREAM_INNER_H

#include <llhttp.h>
#include <uv.h>

#include "net/upstream.h"
#include "net/upstream_url.h"

struct ssl_st;
struct ssl_ctx_st;
struct ssl_session_st;
struct lookup;

enum {
        UPSTREAM_READ_BYTES = 65536,
        UPSTREAM_SCRATCH_BYTES = 262144,
        UPSTREAM_UNSENT_BYTES = 524288, /* that the peer has not read: over them nothing more is sent, and it is hung up on */
        UPSTREAM_HEAD_BYTES = 16384,    /* of an answer */
        UPSTREAM_HEADERS = 32,          /* of a call */
        UPSTREAM_REQUEST_HEAD_BYTES = 32768, /* their bytes and its path */
        UPSTREAM_STREAMS = 256,         /* calls on a connection; the peer may want fewer */
        UPSTREAM_REFUSALS = 16,         /* of a call that was not processed and is sent again */
        UPSTREAM_ADDRESSES = 8,
        UPSTREAM_OPENING = 256,         /* at a time: more would overrun the backlog of most origins */
        UPSTREAM_OPENING_TLS = 32,      /* handshakes hold up the loop, and so make calls wait that want more of them */
};

enum upstream_connection_state {
        UPSTREAM_AT_RESOLVE,   /* waits for addresses */
        UPSTREAM_AT_TCP,
        UPSTREAM_AT_TUNNEL,    /* has asked the proxy to connect */
        UPSTREAM_AT_HANDSHAKE, /* TLS */
        UPSTREAM_AT_READY,     /* takes another call */
        UPSTREAM_AT_BUSY,      /* does not, for now */
        UPSTREAM_AT_DRAIN,     /* never again */
        UPSTREAM_AT_CLOSED,    /* until libuv lets go of the handle */
        UPSTREAM_AT_STATES
};

enum upstream_call_phase {
        UPSTREAM_CALL_WAITS,
        UPSTREAM_CALL_SENT,
        UPSTREAM_CALL_ANSWERED, /* in part */
        UPSTREAM_CALL_ENDED,
};

/* A protocol on an open connection. */
struct upstream_protocol {
        void (*open)(struct upstream_connection *connection);
        /* Sends it and tells upstream_call_sent(), or leaves it and is ready no longer. False: the connection is
         * dead and the call has not left. */
        bool (*start)(struct upstream_connection *connection, struct upstream_call *call);
        /* Of a call that has ended before its answer has. */
        void (*abandon)(struct upstream_connection *connection, struct upstream_call *call);
        void (*receive)(struct upstream_connection *connection, struct str bytes);
        /* The peer has said its last; `is_clean`: nobody on the way can have said so in its place. NULL: that ends
         * no answer. */
        void (*end)(struct upstream_connection *connection, bool is_clean);
        /* Of a dirty connection, once a turn; NULL: there are none. */
        void (*flush)(struct upstream_connection *connection);
        void (*deinit)(struct upstream_connection *connection);
};

struct upstream_http1 {
        llhttp_t llhttp;
        enum upstream_result fault;
        bool is_complete;
        bool is_last;      /* the peer closes behind it */
};

struct upstream_http2 {
        struct nghttp2_session *session; /* owns */
        size_t streams;         /* that are not closed, also those whose calls have ended */
        int64_t heard_us;       /* when bytes came last */
        int32_t reset_id;       /* of the stream that the peer has just reset */
};

struct upstream_connection {
        union {
                uv_handle_t handle;
                uv_stream_t stream;
                uv_tcp_t tcp;
        } uv;
        uv_connect_t connect;
        struct upstream *upstream;
        struct list link;  /* in the pool's list of its state */
        struct list dirty; /* in the pool's, or alone */
        struct list calls; /* under way */
        const struct upstream_protocol *protocol; /* NULL before it is open */
        struct ssl_st *tls; /* owns; NULL: plain */
        struct timer timer; /* opening: its deadline; idle: when it has been so for too long */
        int64_t deadline_ms;
        int64_t idle_since_ms;
        enum upstream_connection_state state;
        uint32_t round;         /* of attempts to connect, see upstream_failed() */
        unsigned address;       /* which is tried */
        unsigned addresses_left;
        size_t tunnel_bytes;    /* of the proxy's answer */
        bool is_tls_broken : 1; /* OpenSSL must not be asked for anything more */
        bool has_called : 1;    /* a call has been sent on it */
        struct upstream_http1 http1; /* also of the proxy's answer */
        struct upstream_http2 http2;
};

struct upstream_dns {
        struct lookup *lookup; /* under way; NULL: none */
        union upstream_socket_address addresses[UPSTREAM_ADDRESSES];
        unsigned count;
        unsigned first; /* to be tried */
        int64_t resolved_ms;
        bool is_numeric, is_stale;
};

struct upstream_tls {
        struct ssl_ctx_st *context; /* owns; NULL before the first use */
        struct ssl_session_st *session; /* owns: the last ticket */
};

struct upstream {
        struct loop *loop;
        struct upstream_config config; /* its texts are in url, proxy and ca_file */
        struct upstream_url url;
        struct upstream_url proxy;
        char *ca_file;          /* owns */
        char *proxy_header;     /* owns: "Proxy-Authorization: …\r\n", or "" */
        char *fixed_head;       /* owns: what stands between the path and the length in each HTTP/1.1 request */
        bool has_proxy;
        uv_prepare_t prepare;
        uv_check_t check;
        struct task wake;
        bool is_waking;
        bool is_due;            /* settle() has something to do beside its lists */
        bool is_closing, is_freeing;
        /* Calls. */
        struct list waiting;
        struct list ended;
        size_t waiting_count;
        size_t call_count;
        /* Connections. The last of `ready` is taken first: what is idle in front of it can age. */
        struct list opening;
        struct list ready;
        struct list busy;
        struct list dirty;
        size_t opening_count;
        size_t connection_count;
        size_t calls_each;      /* that a connection takes; 0: not known before the first one stands */
        size_t handle_count;    /* of libuv, until it has let go of them: connections, prepare, check */
        /* Connecting. */
        struct upstream_dns dns;
        struct upstream_tls tls;
        struct timer retry;
        uint32_t round;
        unsigned failures;      /* rounds in a row */
        int64_t retry_at_ms;
        enum upstream_result failure;
        char failure_note[128];
        uint64_t random;
        uint64_t opened, resumed;
        /* Shared by all connections, for the length of one step. */
        char *read_buffer;
        char *plain_buffer;     /* what TLS has opened; NULL without */
        struct buf scratch;     /* what is about to be sent */
        struct buf sealed;      /* the same on its way into TLS, head and body in one record */
        void (*closed)(void *arg);
        void *closed_arg;
};

extern const struct upstream_protocol upstream_http1, upstream_http2;

/* upstream_call.c */

void upstream_call_become(struct upstream_call *call, enum upstream_call_phase phase);
void upstream_call_sent(struct upstream_connection *connection, struct upstream_call *call);
/* Ends it; `note` may be NULL. The protocol has let go of it. */
void upstream_call_end(struct upstream_call *call, enum upstream_result result, const char *note);
/* The server has said that it did not process it: it waits again, or has been refused too often. */
void upstream_call_refused(struct upstream_call *call, const char *note);
/* The answer starts anew: an informational one came before. */
void upstream_call_restart_answer(struct upstream_call *call);
/* "/v1/chat/completions?a=b", appended. */
void upstream_call_append_path(const struct upstream_call *call, struct buf *to);
/* One header of the answer, in pieces or whole. */
void upstream_call_append_name(struct upstream_call *call, struct str part);
void upstream_call_append_value(struct upstream_call *call, struct str part);

/* upstream.c */

/* Waiting calls to connections, and more connections if need be. */
void upstream_dispatch(struct upstream *upstream);
/* An attempt to connect has failed for good, or what it gave was taken away before it was of use. */
void upstream_failed(struct upstream *upstream, const struct upstream_connection *connection,
                     enum upstream_result result, const char *note);
/* A call has found a connection. */
void upstream_succeeded(struct upstream *upstream);
/* Before this turn of the loop ends, connections and calls are looked at. */
void upstream_stir(struct upstream *upstream);
/* Frees it when it was the last thing that kept it. */
void upstream_release(struct upstream *upstream);

/* upstream_connection.c */

void upstream_connection_open(struct upstream *upstream);
/* One in AT_RESOLVE for which nothing is under way: for upstream_connection.c, and to test protocols without a socket. */
struct upstream_connection *upstream_connection_new(struct upstream *upstream);
/* Steps to a state that the table allows, or stays in it. */
void upstream_connection_become(struct upstream_connection *connection, enum upstream_connection_state state);
/* Goes on from AT_RESOLVE. `failure`: why there are no addresses, or NULL. */
void upstream_connection_resolved(struct upstream_connection *connection, const char *failure);
/* TCP and TLS are there. */
void upstream_connection_established(struct upstream_connection *connection, const struct upstream_protocol *protocol);
/* A tunnel stands or none is needed. */
void upstream_connection_secure(struct upstream_connection *connection);
/* Has no call any more. */
void upstream_connection_rest(struct upstream_connection *connection);
/* Closes it; its calls end with `result`, CUT instead of LOST where an answer has begun. */
void upstream_connection_fail(struct upstream_connection *connection, enum upstream_result result, const char *note);
/* The same where there is nothing to say and no call, or its calls are cancelled. */
void upstream_connection_close(struct upstream_connection *connection);
void upstream_connection_mark_dirty(struct upstream_connection *connection);
/* Bytes and end, as its state has it. */
void upstream_connection_receive(struct upstream_connection *connection, struct str bytes);
void upstream_connection_end(struct upstream_connection *connection, const char *why);

/* upstream_io.c */

bool upstream_io_start_reading(struct upstream_connection *connection);
/* Sends as they are; keeps a copy of what the kernel does not take. False: it took nothing and never will, or the
 * peer makes us write (as by asking for new keys) and does not read. */
bool upstream_io_send(struct upstream_connection *connection, struct str head, struct str body);
/* The same, behind TLS where there is TLS. */
bool upstream_io_write(struct upstream_connection *connection, struct str head, struct str body);
size_t upstream_io_unsent(const struct upstream_connection *connection);

/* upstream_tunnel.c */

void upstream_tunnel_start(struct upstream_connection *connection);
void upstream_tunnel_receive(struct upstream_connection *connection, struct str bytes);

/* upstream_tls.c */

/* ERR_INVALID when the file holds no certificate. Does not make a context. */
enum err upstream_tls_check_file(const char *ca_file, struct err_note *note) MUST_USE;
void upstream_tls_start(struct upstream_connection *connection);
/* Of the handshake, and behind it: hands what it opens to the protocol. */
void upstream_tls_receive(struct upstream_connection *connection, struct str bytes);
bool upstream_tls_write(struct upstream_connection *connection, struct str head, struct str body);
bool upstream_tls_has_ended(const struct upstream_connection *connection);
void upstream_tls_free(struct upstream_connection *connection);
void upstream_tls_deinit(struct upstream *upstream);
/* Base64 of "user:password", appended. */
void upstream_tls_append_base64(struct buf *to, struct str text);

/* upstream_dns.c */

void upstream_dns_init(struct upstream *upstream);
/* Whether there are addresses to be used now; else they are being looked up. */
bool upstream_dns_is_ready(struct upstream *upstream);
/* Leaves a lookup that is under way to itself, so that nobody waits for a name server that is silent. */
void upstream_dns_cancel(struct upstream *upstream);

#endif
