/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/net/upstream_peer_http2.h"

#include <assert.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { MAX_HEADERS = 8 };

/* Writing. */

static bool write_all(struct http2_connection *connection, const void *bytes, size_t len)
{
        size_t step = connection->peer->is_dripping ? 1 : 16384;
        for (size_t at = 0; at < len; at += step)
                if (SSL_write(connection->tls, (const char *)bytes + at, (int)(len - at < step ? len - at : step)) <= 0)
                        return false;
        return true;
}

static void flush(struct http2_connection *connection)
{
        const uint8_t *bytes;
        ssize_t len;
        while ((len = nghttp2_session_mem_send(connection->session, &bytes)) > 0)
                write_all(connection, bytes, (size_t)len);
}

bool http2_send_raw(struct http2_connection *connection, const void *bytes, size_t len)
{
        flush(connection);
        return write_all(connection, bytes, len);
}

static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t size, uint32_t *flags,
                         nghttp2_data_source *source, void *arg)
{
        struct http2_body *body = source->ptr;
        size_t len = body->left < size ? body->left : size;
        (void)session;
        (void)stream_id;
        (void)arg;
        if (len == 0 && body->is_endless)
                return NGHTTP2_ERR_DEFERRED;
        memcpy(to, body->ptr, len);
        body->ptr += len;
        body->left -= len;
        if (body->left == 0 && !body->is_endless)
                *flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)len;
}

static size_t to_list(const char *const (*headers)[2], size_t count, nghttp2_nv *list)
{
        assert(count <= MAX_HEADERS);
        for (size_t i = 0; i < count; i++)
                list[i] = (nghttp2_nv){(uint8_t *)(uintptr_t)headers[i][0], (uint8_t *)(uintptr_t)headers[i][1],
                                       strlen(headers[i][0]), strlen(headers[i][1]), NGHTTP2_NV_FLAG_NONE};
        return count;
}

static void respond(struct http2_connection *connection, int32_t stream_id, const char *const (*headers)[2], size_t count,
                    struct http2_body body)
{
        nghttp2_nv list[MAX_HEADERS];
        struct http2_body *copy = &connection->bodies[connection->body_count++];
        assert(connection->body_count <= HTTP2_PEER_ANSWERS);
        *copy = body;
        nghttp2_submit_response(connection->session, stream_id, list, to_list(headers, count, list),
                                &(nghttp2_data_provider){{.ptr = copy}, read_body});
}

static const char *const ok[][2] = {{":status", "200"}, {"x-request-id", "req-1"}};

void http2_answer(struct http2_connection *connection, int32_t stream_id, const char *body, size_t len)
{
        respond(connection, stream_id, ok, 2, (struct http2_body){body, len, false});
}

void http2_answer_in_part(struct http2_connection *connection, int32_t stream_id, const char *const (*headers)[2],
                          size_t count, const char *body, size_t len)
{
        respond(connection, stream_id, headers, count, (struct http2_body){body, len, true});
}

void http2_answer_head(struct http2_connection *connection, int32_t stream_id, const char *const (*headers)[2], size_t count)
{
        nghttp2_nv list[MAX_HEADERS];
        nghttp2_submit_headers(connection->session, NGHTTP2_FLAG_NONE, stream_id, NULL, list,
                               to_list(headers, count, list), NULL);
}

void http2_hold(struct http2_connection *connection, int32_t stream_id)
{
        assert(connection->held_count < HTTP2_PEER_ANSWERS);
        connection->held[connection->held_count++] = stream_id;
}

void http2_answer_held(struct http2_connection *connection)
{
        for (size_t i = 0; i < connection->held_count; i++)
                http2_answer(connection, connection->held[i], "{}", 2);
        connection->held_count = 0;
}

/* Reading. */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
        struct http2_connection *connection = arg;
        (void)session;
        (void)frame;
        connection->peer->last_request[0] = '\0';
        if (++connection->streams > connection->most_streams)
                connection->most_streams = connection->streams;
        return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
        char *text = ((struct http2_connection *)arg)->peer->last_request;
        size_t len = strlen(text);
        (void)session;
        (void)frame;
        (void)flags;
        snprintf(text + len, sizeof ((struct http2_peer *)0)->last_request - len, "%.*s: %.*s\n", (int)name_len,
                 (const char *)name, (int)value_len, (const char *)value);
        return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *bytes, size_t len, void *arg)
{
        (void)session;
        (void)flags;
        (void)stream_id;
        (void)bytes;
        atomic_fetch_add(&((struct http2_connection *)arg)->peer->body_bytes, len);
        return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
        struct http2_connection *connection = arg;
        struct http2_peer *peer = connection->peer;
        bool is_request = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
        (void)session;
        if (frame->hd.type == NGHTTP2_RST_STREAM)
                atomic_fetch_add(&peer->resets, 1);
        if (frame->hd.type == NGHTTP2_HEADERS && peer->on_head)
                peer->on_head(connection, frame->hd.stream_id);
        if (is_request && frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
                atomic_fetch_add(&peer->requests, 1);
                peer->on_request(connection, frame->hd.stream_id);
        }
        return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *arg)
{
        struct http2_connection *connection = arg;
        (void)session;
        (void)code;
        connection->streams--;
        for (size_t i = 0; i < connection->held_count; i++)
                if (connection->held[i] == stream_id)
                        connection->held[i--] = connection->held[--connection->held_count];
        return 0;
}

static void open_session(struct http2_connection *connection)
{
        nghttp2_session_callbacks *callbacks;
        uint32_t max_streams = connection->peer->max_streams;
        const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, max_streams}};
        nghttp2_session_callbacks_new(&callbacks);
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
        nghttp2_session_server_new(&connection->session, callbacks, connection);
        nghttp2_session_callbacks_del(callbacks);
        nghttp2_submit_settings(connection->session, NGHTTP2_FLAG_NONE, settings, max_streams > 0);
}

/* False: it is over. */
static bool read_http2(struct http2_connection *connection, const uint8_t *bytes, int len)
{
        if (len > 0 && nghttp2_session_mem_recv(connection->session, bytes, (size_t)len) < 0)
                return false;
        if (len < 0 && connection->peer->on_tick)
                connection->peer->on_tick(connection);
        flush(connection);
        return !connection->is_closing;
}

static bool read_http1(struct http2_connection *connection, int len)
{
        static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        if (len <= 0)
                return true;
        atomic_fetch_add(&connection->peer->requests, 1);
        write_all(connection, answer, sizeof answer - 1);
        return true;
}

static void talk(struct http2_connection *connection)
{
        uint8_t bytes[16384];
        bool is_open = true;
        while (is_open && !atomic_load(&connection->peer->is_stopping)) {
                int len = SSL_read(connection->tls, bytes, sizeof bytes);
                if (len <= 0 && SSL_get_error(connection->tls, len) != SSL_ERROR_WANT_READ)
                        return;
                is_open = connection->session ? read_http2(connection, bytes, len > 0 ? len : -1) : read_http1(connection, len);
        }
        SSL_shutdown(connection->tls);
}

/* From here on the kernel waits for more, so that what follows arrives with the peer's last words of the handshake. */
static void hold_back(const SSL *tls, int where, int result)
{
        (void)result;
        if (where & SSL_CB_LOOP && SSL_get_state(tls) == TLS_ST_SR_FINISHED)
                setsockopt(SSL_get_fd(tls), IPPROTO_TCP, TCP_CORK, &(int){1}, sizeof(int));
}

static void say_farewell(struct http2_connection *connection)
{
        if (connection->peer->farewell == HTTP2_GOES_AWAY) {
                nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE, 0, NGHTTP2_NO_ERROR, NULL, 0);
                flush(connection);
        }
        SSL_shutdown(connection->tls);
}

static bool shake_hands(struct http2_connection *connection)
{
        int result;
        const unsigned char *protocol;
        unsigned len;
        while ((result = SSL_accept(connection->tls)) != 1)
                if (SSL_get_error(connection->tls, result) != SSL_ERROR_WANT_READ || atomic_load(&connection->peer->is_stopping))
                        return false;
        atomic_fetch_add(&connection->peer->resumed, SSL_session_reused(connection->tls));
        SSL_get0_alpn_selected(connection->tls, &protocol, &len);
        if (len == 2)
                open_session(connection);
        return true;
}

static void *serve(void *arg)
{
        struct http2_connection *connection = arg;
        struct timeval patience = {.tv_usec = 10000};
        setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
        setsockopt(connection->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        connection->tls = SSL_new(connection->peer->context);
        SSL_set_fd(connection->tls, connection->fd);
        if (!shake_hands(connection))
                ;
        else if (connection->peer->farewell)
                say_farewell(connection);
        else
                talk(connection);
        nghttp2_session_del(connection->session);
        SSL_free(connection->tls);
        close(connection->fd);
        return NULL;
}

/* Accepting. */

static void *run(void *arg)
{
        struct http2_peer *peer = arg;
        while (!atomic_load(&peer->is_stopping)) {
                struct pollfd poller = {peer->listener, POLLIN, 0};
                if (poll(&poller, 1, 10) <= 0)
                        continue;
                int number = atomic_load(&peer->accepted);
                assert(number < HTTP2_PEER_CONNECTIONS);
                peer->connections[number] =
                        (struct http2_connection){.peer = peer, .number = number, .fd = accept(peer->listener, NULL, NULL)};
                pthread_create(&peer->threads[number], NULL, serve, &peer->connections[number]);
                atomic_fetch_add(&peer->accepted, 1);
        }
        return NULL;
}

static int choose(SSL *tls, const unsigned char **ret_name, unsigned char *ret_len, const unsigned char *offered,
                  unsigned len, void *arg)
{
        static const unsigned char http2[] = "\x02h2\x08http/1.1", http1[] = "\x08http/1.1";
        const struct http2_peer *peer = arg;
        (void)tls;
        int result = SSL_select_next_proto((unsigned char **)(uintptr_t)ret_name, ret_len, peer->is_http1 ? http1 : http2,
                                           peer->is_http1 ? sizeof http1 - 1 : sizeof http2 - 1, offered, len);
        return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

/* A certificate of its own making: who is who is for the tests of the whole process. */
static SSL_CTX *make_context(struct http2_peer *peer)
{
        SSL_CTX *context = SSL_CTX_new(TLS_server_method());
        EVP_PKEY *key = EVP_EC_gen("P-256");
        X509 *certificate = X509_new();
        X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
        X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
        X509_set_pubkey(certificate, key);
        X509_sign(certificate, key, EVP_sha256());
        SSL_CTX_use_certificate(context, certificate);
        SSL_CTX_use_PrivateKey(context, key);
        SSL_CTX_set_alpn_select_cb(context, choose, peer);
        SSL_CTX_set_session_id_context(context, (const unsigned char *)"peer", 4);
        if (peer->farewell) {
                SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
                SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
                SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
                SSL_CTX_set_info_callback(context, hold_back);
        }
        X509_free(certificate);
        EVP_PKEY_free(key);
        return context;
}

void http2_peer_start(struct http2_peer *peer)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof address;
        peer->context = make_context(peer);
        peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int result = bind(peer->listener, (struct sockaddr *)&address, len);
        assert(result == 0 && listen(peer->listener, 64) == 0);
        getsockname(peer->listener, (struct sockaddr *)&address, &len);
        peer->port = ntohs(address.sin_port);
        pthread_create(&peer->thread, NULL, run, peer);
}

void http2_peer_stop(struct http2_peer *peer)
{
        atomic_store(&peer->is_stopping, true);
        pthread_join(peer->thread, NULL);
        for (int i = 0; i < atomic_load(&peer->accepted); i++)
                pthread_join(peer->threads[i], NULL);
        close(peer->listener);
        SSL_CTX_free(peer->context);
}
