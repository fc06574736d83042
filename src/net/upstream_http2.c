/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/2: many calls on a connection, each a stream of its own; frames by nghttp2.
 *
 * nghttp2 only reads and queues; what it has queued leaves once a turn of the loop, calls together. A stream's user
 * data is its call for as long as the call has not ended; nothing else leads from nghttp2 to a call, so that one
 * that has ended may be freed while its stream is still being reset. The tables of header compression keep their
 * standard size of 4 KiB each. */
#include "net/upstream_inner.h"

#include <assert.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <string.h>

enum {
        WINDOW_MIN = 65535,    /* the protocol's own */
        WINDOW_MAX = 1 << 20,  /* of a connection; that of a stream holds any answer that is not too large */
        BATCH_BYTES = 32768,
        UNSENT_MAX = UPSTREAM_UNSENT_BYTES / 2, /* over it the peer has to read first */
        FIXED_HEADERS = 6,
};

static const char malformed[] = "what came is against the rules of HTTP/2";

static struct upstream_call *call_of(nghttp2_session *session, int32_t stream_id)
{
        return nghttp2_session_get_stream_user_data(session, stream_id);
}

static void forget(nghttp2_session *session, const struct upstream_call *call)
{
        nghttp2_session_set_stream_user_data(session, call->stream_id, NULL);
}

static void reset(nghttp2_session *session, const struct upstream_call *call)
{
        forget(session, call);
        int result = nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, call->stream_id, NGHTTP2_CANCEL);
        assert(result == 0);
}

/* What nghttp2 tells. */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
        struct upstream_call *call = call_of(session, frame->hd.stream_id);
        (void)arg;
        if (call && call->phase == UPSTREAM_CALL_SENT)
                upstream_call_become(call, UPSTREAM_CALL_ANSWERED);
        return 0;
}

static void take_header(struct upstream_call *call, struct str name, struct str value)
{
        uint64_t status;
        if (str_equal(name, STR(":status")) && str_to_u64(value, &status))
                call->status = (int)status; /* nghttp2 has seen that it is of three digits */
        if (name.ptr[0] == ':')
                return;
        upstream_call_append_name(call, name);
        buf_append_str(&call->head_in, STR(": "));
        upstream_call_append_value(call, value);
        buf_append_char(&call->head_in, '\n');
}

static void refuse_too_large(nghttp2_session *session, struct upstream_call *call)
{
        reset(session, call);
        upstream_call_end(call, UPSTREAM_TOO_LARGE, NULL);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_len,
                     const uint8_t *value, size_t value_len, uint8_t flags, void *arg)
{
        struct upstream_call *call = call_of(session, frame->hd.stream_id);
        (void)flags;
        (void)arg;
        if (!call || call->has_head) /* a trailer */
                return 0;
        take_header(call, (struct str){(const char *)name, name_len}, (struct str){(const char *)value, value_len});
        if (call->head_in.is_over)
                refuse_too_large(session, call);
        return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *bytes, size_t len, void *arg)
{
        struct upstream_call *call = call_of(session, stream_id);
        (void)flags;
        (void)arg;
        if (!call)
                return 0;
        buf_append(&call->body_in, bytes, len);
        if (call->body_in.is_over)
                refuse_too_large(session, call);
        return 0;
}

/* The headers of an answer or its trailers are complete. */
static void take_head(nghttp2_session *session, struct upstream_call *call)
{
        uint64_t length = 0;
        if (call->has_head)
                return;
        if (call->status < 200) {
                upstream_call_restart_answer(call);
                return;
        }
        call->has_head = true;
        if (str_to_u64(upstream_call_header(call, "content-length"), &length) && length > call->body_in.max_bytes)
                refuse_too_large(session, call);
}

/* An answer may be complete before its request is, of which the rest is then not wanted. */
static void finish(nghttp2_session *session, struct upstream_call *call)
{
        if (!call->has_head)
                return; /* the end of its stream will tell */
        if (call->body_sent < call->body.len)
                reset(session, call);
        else
                forget(session, call);
        upstream_call_end(call, UPSTREAM_OK, NULL);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
        struct upstream_connection *connection = arg;
        struct upstream_call *call = call_of(session, frame->hd.stream_id);
        if (frame->hd.type == NGHTTP2_GOAWAY)
                upstream_connection_become(connection, UPSTREAM_AT_DRAIN);
        else if (frame->hd.type == NGHTTP2_RST_STREAM)
                connection->http2.reset_id = frame->hd.stream_id;
        else if (frame->hd.type == NGHTTP2_HEADERS && call)
                take_head(session, call);
        bool has_ended = (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
                         (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
        if (has_ended && (call = call_of(session, frame->hd.stream_id)) != NULL)
                finish(session, call);
        return 0;
}

/* Its stream has closed before its answer was complete. REFUSED_STREAM is also what nghttp2 says of streams that a
 * GOAWAY leaves out and of requests that it has not sent because of one. */
static void end_early(const struct upstream_connection *connection, struct upstream_call *call, uint32_t code)
{
        char note[64];
        bool is_peers = code == NGHTTP2_REFUSED_STREAM || connection->http2.reset_id == call->stream_id;
        snprintf(note, sizeof note, "the peer ended the call: %s", nghttp2_http2_strerror(code));
        if (code == NGHTTP2_REFUSED_STREAM && call->phase == UPSTREAM_CALL_SENT)
                upstream_call_refused(call, note);
        else if (is_peers)
                upstream_call_end(call, call->phase == UPSTREAM_CALL_ANSWERED ? UPSTREAM_CUT : UPSTREAM_LOST, note);
        else
                upstream_call_end(call, UPSTREAM_MALFORMED, malformed);
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *arg)
{
        struct upstream_connection *connection = arg;
        struct upstream_call *call = call_of(session, stream_id);
        if (call)
                end_early(connection, call, code);
        if (--connection->http2.streams == 0)
                upstream_connection_rest(connection);
        return 0;
}

static nghttp2_session *make_session(struct upstream_connection *connection)
{
        nghttp2_session_callbacks *callbacks;
        nghttp2_session *session;
        int result = nghttp2_session_callbacks_new(&callbacks);
        assert(result == 0); /* there is memory, see base/alloc.h */
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
        result = nghttp2_session_client_new(&session, callbacks, connection);
        assert(result == 0);
        nghttp2_session_callbacks_del(callbacks);
        return session;
}

/* The connection. */

static size_t limit_of(const struct upstream_connection *connection)
{
        uint32_t limit = nghttp2_session_get_remote_settings(connection->http2.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
        if (limit == 0)
                return 1; /* it waits in nghttp2 for better times, and keeps us from opening one connection after the other */
        return limit < UPSTREAM_STREAMS ? limit : UPSTREAM_STREAMS;
}

/* What has happened may have made room, or an end. */
static void settle(struct upstream_connection *connection)
{
        nghttp2_session *session = connection->http2.session;
        size_t limit = limit_of(connection);
        bool has_room = connection->http2.streams < limit;
        if (!nghttp2_session_want_read(session) && !nghttp2_session_want_write(session)) {
                upstream_connection_fail(connection, UPSTREAM_MALFORMED, malformed);
        } else if (connection->state != UPSTREAM_AT_DRAIN) {
                connection->upstream->calls_each = limit;
                upstream_connection_become(connection, has_room ? UPSTREAM_AT_READY : UPSTREAM_AT_BUSY);
        } else if (list_is_empty(&connection->calls)) {
                upstream_connection_fail(connection, UPSTREAM_CONNECT, "the peer ended the connection before the first call");
        }
}

static void open_http2(struct upstream_connection *connection)
{
        size_t window = connection->upstream->config.max_answer_bytes;
        window = window < WINDOW_MIN ? WINDOW_MIN : window > WINDOW_MAX ? WINDOW_MAX : window;
        const nghttp2_settings_entry settings[] = {
                {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)window},
                {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, UPSTREAM_HEAD_BYTES},
        };
        nghttp2_session *session = make_session(connection);
        int result = nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings);
        if (result == 0)
                result = nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, WINDOW_MAX);
        assert(result == 0);
        connection->http2.session = session;
        settle(connection);
        upstream_connection_mark_dirty(connection);
}

static bool write_batch(struct upstream_connection *connection)
{
        struct buf *batch = &connection->upstream->scratch;
        const uint8_t *bytes;
        ssize_t count;
        buf_reset(batch);
        while (batch->len < BATCH_BYTES && (count = nghttp2_session_mem_send(connection->http2.session, &bytes)) > 0)
                buf_append(batch, bytes, (size_t)count);
        return batch->len == 0 || upstream_io_write(connection, buf_str(batch), (struct str){0});
}

/* Answers to the peer's own frames wait for it, too: nghttp2 gives up on a peer that leaves many of them unread. */
static void flush(struct upstream_connection *connection)
{
        bool has_more = true;
        while (has_more && upstream_io_unsent(connection) < UNSENT_MAX) {
                if (!write_batch(connection)) {
                        upstream_connection_end(connection, "it cannot be written to");
                        return;
                }
                has_more = connection->upstream->scratch.len >= BATCH_BYTES;
        }
        settle(connection);
}

static void receive(struct upstream_connection *connection, struct str bytes)
{
        ssize_t result = nghttp2_session_mem_recv(connection->http2.session, (const uint8_t *)bytes.ptr, bytes.len);
        connection->http2.heard_us = loop_now_ms(connection->upstream->loop) * 1000;
        if (result < 0) {
                upstream_connection_fail(connection, UPSTREAM_MALFORMED, nghttp2_strerror((int)result));
                return;
        }
        upstream_connection_mark_dirty(connection);
        settle(connection);
}

static void deinit(struct upstream_connection *connection)
{
        nghttp2_session_del(connection->http2.session);
}

/* The request. */

/* nghttp2 takes writable bytes, and copies them. */
static uint8_t *writable(struct str s)
{
        return (uint8_t *)(uintptr_t)s.ptr;
}

static size_t list_headers(const struct upstream_call *call, struct str length, struct buf *path, nghttp2_nv *ret_list)
{
        struct upstream_header headers[FIXED_HEADERS + UPSTREAM_HEADERS] = {
                {STR(":method"), STR("POST")},
                {STR(":scheme"), STR("https")},
                {STR(":authority"), str_from(call->upstream->url.authority)},
                {STR(":path"), {0}},
                {STR("content-type"), STR("application/json")},
                {STR("content-length"), length},
        };
        size_t count = FIXED_HEADERS + call->header_count;
        buf_reset(path);
        upstream_call_append_path(call, path);
        headers[3].value = buf_str(path);
        if (call->header_count > 0)
                memcpy(headers + FIXED_HEADERS, call->headers, call->header_count * sizeof *headers);
        for (size_t i = 0; i < count; i++)
                ret_list[i] = (nghttp2_nv){writable(headers[i].name), writable(headers[i].value), headers[i].name.len,
                                           headers[i].value.len, NGHTTP2_NV_FLAG_NONE};
        return count;
}

static ssize_t read_body(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t size, uint32_t *ret_flags,
                         nghttp2_data_source *source, void *arg)
{
        struct upstream_call *call = call_of(session, stream_id);
        (void)source;
        (void)arg;
        if (!call)
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE; /* it has ended, the stream is being reset */
        size_t left = call->body.len - call->body_sent;
        size_t len = left < size ? left : size;
        memcpy(to, call->body.ptr + call->body_sent, len);
        call->body_sent += len;
        if (len == left)
                *ret_flags |= NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)len;
}

static bool start(struct upstream_connection *connection, struct upstream_call *call)
{
        nghttp2_session *session = connection->http2.session;
        nghttp2_nv headers[FIXED_HEADERS + UPSTREAM_HEADERS];
        const nghttp2_data_provider body = {.read_callback = read_body};
        char length[24];
        snprintf(length, sizeof length, "%zu", call->body.len);
        if (!nghttp2_session_check_request_allowed(session)) { /* streams have their numbers, and those come to an end */
                upstream_connection_become(connection, UPSTREAM_AT_DRAIN);
                settle(connection);
                return true;
        }
        size_t count = list_headers(call, str_from(length), &connection->upstream->scratch, headers);
        call->body_sent = 0;
        call->stream_id = nghttp2_submit_request(session, NULL, headers, count, call->body.len > 0 ? &body : NULL, call);
        assert(call->stream_id > 0);
        connection->http2.streams++;
        upstream_call_sent(connection, call);
        upstream_connection_mark_dirty(connection);
        settle(connection);
        return true;
}

/* A connection that was silent all the while until a call's deadline may be dead; its other calls are left their
 * chance, but new ones go elsewhere. */
static void abandon(struct upstream_connection *connection, struct upstream_call *call)
{
        reset(connection->http2.session, call);
        if (call->result == UPSTREAM_TIMEOUT && connection->http2.heard_us < call->sent_us)
                upstream_connection_become(connection, UPSTREAM_AT_DRAIN);
        upstream_connection_mark_dirty(connection);
        settle(connection);
}

const struct upstream_protocol upstream_http2 = {
        .open = open_http2,
        .start = start,
        .abandon = abandon,
        .receive = receive,
        .flush = flush,
        .deinit = deinit,
};
