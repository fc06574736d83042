/* SPDX-License-Identifier: Apache-2.0 */
/* An HTTP/2 peer over TLS for the tests of the upstream: a thread that accepts, and one a connection, which calls
 * the test's handlers. What a handler submits to nghttp2 leaves when it has returned. */
#ifndef UPSTREAM_PEER_HTTP2_H
#define UPSTREAM_PEER_HTTP2_H

#include <nghttp2/nghttp2.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { HTTP2_PEER_CONNECTIONS = 64, HTTP2_PEER_ANSWERS = 64 };

/* What the peer does together with the end of the handshake (of TLS 1.2, where that end is its own). */
enum http2_farewell { HTTP2_STAYS, HTTP2_HANGS_UP, HTTP2_GOES_AWAY };

struct ssl_st;
struct ssl_ctx_st;
struct http2_peer;

/* Of an answer. */
struct http2_body {
        const char *ptr;
        size_t left;
        bool is_endless;
};

struct http2_connection {
        struct http2_peer *peer;
        int number; /* from 0 */
        int fd;
        struct ssl_st *tls;
        nghttp2_session *session; /* NULL: HTTP/1.1 was agreed on */
        int32_t held[HTTP2_PEER_ANSWERS]; /* streams that on_request has not answered, if it put them here */
        size_t held_count;
        struct http2_body bodies[HTTP2_PEER_ANSWERS];
        size_t body_count;
        size_t streams, most_streams;
        bool is_closing; /* once what was submitted is sent */
};

struct http2_peer {
        /* The test's. */
        void (*on_request)(struct http2_connection *connection, int32_t stream_id);
        void (*on_head)(struct http2_connection *connection, int32_t stream_id); /* may be NULL */
        void (*on_tick)(struct http2_connection *connection); /* when nothing has come for 10 ms; may be NULL */
        int variant;          /* for the handlers */
        uint32_t max_streams; /* 0: it does not say */
        bool is_http1;        /* chooses HTTP/1.1 if that is offered, and answers each read with "{}" */
        bool is_dripping;     /* a byte a TLS record */
        enum http2_farewell farewell;
        /* The peer's. */
        int port;
        int listener;
        pthread_t thread;
        struct http2_connection connections[HTTP2_PEER_CONNECTIONS];
        pthread_t threads[HTTP2_PEER_CONNECTIONS];
        atomic_int accepted, requests, resets, resumed;
        atomic_size_t body_bytes;
        atomic_bool is_stopping;
        char last_request[4096]; /* headers as lines; only for one request at a time */
        struct ssl_ctx_st *context;
};

void http2_peer_start(struct http2_peer *peer);
void http2_peer_stop(struct http2_peer *peer);

/* 200 and that body, which must live on. */
void http2_answer(struct http2_connection *connection, int32_t stream_id, const char *body, size_t len);
/* Head alone; the first header is ":status". */
void http2_answer_head(struct http2_connection *connection, int32_t stream_id, const char *const (*headers)[2], size_t count);
/* The head and a body that never ends: nothing comes behind `len` bytes. */
void http2_answer_in_part(struct http2_connection *connection, int32_t stream_id, const char *const (*headers)[2],
                          size_t count, const char *body, size_t len);
void http2_hold(struct http2_connection *connection, int32_t stream_id);
/* Answers all that are held, each with "{}". */
void http2_answer_held(struct http2_connection *connection);
/* Bytes past nghttp2, behind what was submitted before. False: the other side has hung up. */
bool http2_send_raw(struct http2_connection *connection, const void *bytes, size_t len);

#endif
