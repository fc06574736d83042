/* SPDX-License-Identifier: Apache-2.0 */
/* TLS of a connection: OpenSSL between two memory BIOs, so that the loop moves all bytes.
 *
 * The context is made at the first connection. Certificates are checked against the origin's name or number;
 * the last session of the origin is offered again, so that most handshakes are short. */
#include "net/upstream_inner.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "base/alloc.h"

/* As ALPN lists them, the best first. */
static const unsigned char protocols[] = "\x02h2\x08http/1.1";
enum { PROTOCOLS = sizeof protocols - 1, HTTP1_AT = 3 };

void upstream_tls_append_base64(struct buf *to, struct str text)
{
        char *at = buf_reserve(to, (text.len + 2) / 3 * 4 + 1);
        if (at)
                buf_commit(to, (size_t)EVP_EncodeBlock((unsigned char *)at, (const unsigned char *)text.ptr, (int)text.len));
}

enum err upstream_tls_check_file(const char *ca_file, struct err_note *note)
{
        X509_STORE *store = X509_STORE_new();
        bool is_loaded = store && X509_STORE_load_file(store, ca_file) == 1;
        X509_STORE_free(store);
        ERR_clear_error();
        if (is_loaded)
                return ERR_OK;
        return err_set(note, ERR_INVALID, "%s: cannot be read as certificates in PEM", ca_file);
}

static struct upstream_connection *connection_of(const SSL *tls)
{
        return SSL_get_app_data(tls);
}

/* Takes the session. */
static int keep_session(SSL *tls, SSL_SESSION *session)
{
        struct upstream_tls *kept = &connection_of(tls)->upstream->tls;
        SSL_SESSION_free(kept->session);
        kept->session = session;
        return 1;
}

static SSL_CTX *make_context(const struct upstream *upstream)
{
        SSL_CTX *context = SSL_CTX_new(TLS_client_method());
        const char *ca_file = upstream->config.ca_file;
        if (!context)
                return NULL;
        SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
        SSL_CTX_set_verify(context, upstream->config.is_verified ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep_session);
        bool is_trusting = *ca_file ? SSL_CTX_load_verify_file(context, ca_file) == 1
                                    : SSL_CTX_set_default_verify_paths(context) == 1;
        unsigned skipped = upstream->config.is_http2 ? 0 : HTTP1_AT;
        if (is_trusting && SSL_CTX_set_alpn_protos(context, protocols + skipped, PROTOCOLS - skipped) == 0)
                return context;
        SSL_CTX_free(context);
        return NULL;
}

/* The name that the certificate must be for, and that is asked for. */
static bool set_name(SSL *tls, const char *host)
{
        union upstream_socket_address address;
        if (upstream_url_is_numeric(host, 0, &address))
                return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host) == 1;
        SSL_set_hostflags(tls, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        /* What SSL_set_tlsext_host_name() does, without its cast: it copies the name. */
        void *name = (void *)(uintptr_t)host;
        return SSL_set1_host(tls, host) == 1 &&
               SSL_ctrl(tls, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) == 1;
}

static bool make(struct upstream_connection *connection)
{
        struct upstream *upstream = connection->upstream;
        if (!upstream->tls.context)
                upstream->tls.context = make_context(upstream);
        SSL *tls = upstream->tls.context ? SSL_new(upstream->tls.context) : NULL;
        BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
        if (!tls || !in || !out || !set_name(tls, upstream->url.host)) {
                SSL_free(tls);
                BIO_free(in);
                BIO_free(out);
                return false;
        }
        BIO_set_mem_eof_return(in, -1);
        SSL_set_bio(tls, in, out);
        SSL_set_app_data(tls, connection);
        SSL_set_connect_state(tls);
        if (upstream->tls.session)
                SSL_set_session(tls, upstream->tls.session);
        connection->tls = tls;
        return true;
}

/* Sends what OpenSSL has written. */
static bool flush(struct upstream_connection *connection)
{
        BIO *out = SSL_get_wbio(connection->tls);
        char *bytes;
        long len = BIO_get_mem_data(out, &bytes);
        bool is_sent = len <= 0 || upstream_io_send(connection, (struct str){bytes, (size_t)len}, (struct str){0});
        (void)BIO_reset(out);
        return is_sent;
}

/* Why the last call failed: the certificate first, for that is what an operator can mend. */
static void fail(struct upstream_connection *connection, enum upstream_result result)
{
        long verified = SSL_get_verify_result(connection->tls);
        unsigned long error = ERR_peek_error();
        const char *reason = error ? ERR_reason_error_string(error) : NULL;
        char note[128];
        bool is_certificate = result == UPSTREAM_TLS && verified != X509_V_OK && connection->upstream->config.is_verified;
        snprintf(note, sizeof note, "TLS: %s", is_certificate ? X509_verify_cert_error_string(verified)
                                                              : reason ? reason : "broken off");
        connection->is_tls_broken = true;
        ERR_clear_error();
        (void)flush(connection); /* the alert */
        upstream_connection_fail(connection, result, note);
}

/* HTTP/1.1 unless the peer has chosen the other one from what was offered. */
static const struct upstream_protocol *chosen(const struct upstream_connection *connection)
{
        const unsigned char *name;
        unsigned len;
        SSL_get0_alpn_selected(connection->tls, &name, &len);
        bool is_http2 = len == 2 && memcmp(name, "h2", 2) == 0 && connection->upstream->config.is_http2;
        return is_http2 ? &upstream_http2 : &upstream_http1;
}

static void shake_hands(struct upstream_connection *connection)
{
        ERR_clear_error();
        int result = SSL_do_handshake(connection->tls);
        bool is_waiting = result != 1 && SSL_get_error(connection->tls, result) == SSL_ERROR_WANT_READ;
        if (result != 1 && !is_waiting) {
                fail(connection, UPSTREAM_TLS);
                return;
        }
        if (!flush(connection)) {
                upstream_connection_end(connection, "it cannot be written to");
                return;
        }
        if (is_waiting)
                return;
        connection->upstream->resumed += SSL_session_reused(connection->tls) == 1;
        upstream_connection_established(connection, chosen(connection));
}

/* Hands on what has been opened. */
static void read_plain(struct upstream_connection *connection)
{
        struct upstream *upstream = connection->upstream;
        if (!upstream->plain_buffer)
                upstream->plain_buffer = alloc_resize(NULL, UPSTREAM_READ_BYTES);
        while (connection->state != UPSTREAM_AT_CLOSED) {
                ERR_clear_error();
                int got = SSL_read(connection->tls, upstream->plain_buffer, UPSTREAM_READ_BYTES);
                if (got > 0) {
                        connection->protocol->receive(connection, (struct str){upstream->plain_buffer, (size_t)got});
                        continue;
                }
                int error = SSL_get_error(connection->tls, got);
                if (error == SSL_ERROR_ZERO_RETURN)
                        upstream_connection_end(connection, "");
                else if (error != SSL_ERROR_WANT_READ)
                        fail(connection, UPSTREAM_LOST);
                else if (!flush(connection)) /* an answer of TLS's own, such as to a change of keys */
                        upstream_connection_end(connection, "it cannot be written to");
                return;
        }
}

void upstream_tls_start(struct upstream_connection *connection)
{
        if (make(connection))
                shake_hands(connection);
        else
                upstream_connection_fail(connection, UPSTREAM_TLS, "TLS: cannot be set up; are there certificates to trust?");
}

void upstream_tls_receive(struct upstream_connection *connection, struct str bytes)
{
        if (connection->is_tls_broken)
                return;
        if (BIO_write(SSL_get_rbio(connection->tls), bytes.ptr, (int)bytes.len) != (int)bytes.len) {
                fail(connection, UPSTREAM_LOST);
                return;
        }
        if (connection->state == UPSTREAM_AT_HANDSHAKE)
                shake_hands(connection);
        if (connection->state != UPSTREAM_AT_HANDSHAKE && connection->state != UPSTREAM_AT_CLOSED)
                read_plain(connection);
}

bool upstream_tls_write(struct upstream_connection *connection, struct str head, struct str body)
{
        struct buf *joined = &connection->upstream->sealed;
        size_t written;
        if (body.len > 0) {
                buf_reset(joined);
                buf_append_str(joined, head);
                buf_append_str(joined, body);
                head = joined->is_over ? (struct str){0} : buf_str(joined);
        }
        ERR_clear_error();
        return !connection->is_tls_broken && head.len > 0 &&
               SSL_write_ex(connection->tls, head.ptr, head.len, &written) == 1 && flush(connection);
}

bool upstream_tls_has_ended(const struct upstream_connection *connection)
{
        return SSL_get_shutdown(connection->tls) & SSL_RECEIVED_SHUTDOWN;
}

void upstream_tls_free(struct upstream_connection *connection)
{
        /* OpenSSL takes the session of a connection without a farewell for spoilt, and would not resume it. */
        if (connection->tls && !connection->is_tls_broken)
                SSL_set_shutdown(connection->tls, SSL_SENT_SHUTDOWN);
        SSL_free(connection->tls);
        connection->tls = NULL;
}

void upstream_tls_deinit(struct upstream *upstream)
{
        SSL_SESSION_free(upstream->tls.session);
        SSL_CTX_free(upstream->tls.context);
        upstream->tls = (struct upstream_tls){NULL, NULL};
}
