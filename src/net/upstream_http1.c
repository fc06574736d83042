/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1: one call at a time, its answer read by llhttp. */
#include "net/upstream_inner.h"

#include <assert.h>

static struct upstream_call *call_of(const struct upstream_connection *connection)
{
        assert(!list_is_empty(&connection->calls));
        return list_item(connection->calls.next, struct upstream_call, link);
}

/* What llhttp tells. */

static int stop(llhttp_t *llhttp, enum upstream_result fault)
{
        struct upstream_connection *connection = llhttp->data;
        connection->http1.fault = fault;
        return -1;
}

static int on_message_begin(llhttp_t *llhttp)
{
        upstream_call_become(call_of(llhttp->data), UPSTREAM_CALL_ANSWERED);
        return 0;
}

static int on_name(llhttp_t *llhttp, const char *at, size_t len)
{
        struct upstream_call *call = call_of(llhttp->data);
        if (!call->has_head) /* a trailer, else */
                upstream_call_append_name(call, (struct str){at, len});
        return 0;
}

static int on_name_complete(llhttp_t *llhttp)
{
        struct upstream_call *call = call_of(llhttp->data);
        if (!call->has_head)
                buf_append_str(&call->head_in, STR(": "));
        return 0;
}

static int on_value(llhttp_t *llhttp, const char *at, size_t len)
{
        struct upstream_call *call = call_of(llhttp->data);
        if (!call->has_head)
                upstream_call_append_value(call, (struct str){at, len});
        return 0;
}

static int on_value_complete(llhttp_t *llhttp)
{
        struct upstream_call *call = call_of(llhttp->data);
        if (call->has_head)
                return 0;
        buf_append_char(&call->head_in, '\n');
        return call->head_in.is_over ? stop(llhttp, UPSTREAM_TOO_LARGE) : 0;
}

static int on_headers_complete(llhttp_t *llhttp)
{
        struct upstream_call *call = call_of(llhttp->data);
        if (llhttp->status_code == 101) /* we offered no other protocol */
                return -1;
        if (llhttp->status_code < 200)
                return 0;
        call->status = llhttp->status_code;
        call->has_head = true;
        bool is_too_long = (llhttp->flags & F_CONTENT_LENGTH) && llhttp->content_length > call->body_in.max_bytes;
        return is_too_long ? stop(llhttp, UPSTREAM_TOO_LARGE) : 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
        struct upstream_call *call = call_of(llhttp->data);
        buf_append(&call->body_in, at, len);
        return call->body_in.is_over ? stop(llhttp, UPSTREAM_TOO_LARGE) : 0;
}

static int on_message_complete(llhttp_t *llhttp)
{
        struct upstream_connection *connection = llhttp->data;
        if (!call_of(connection)->has_head) {
                upstream_call_restart_answer(call_of(connection));
                return 0;
        }
        connection->http1.is_complete = true;
        connection->http1.is_last = !llhttp_should_keep_alive(llhttp);
        return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
        .on_message_begin = on_message_begin,
        .on_header_field = on_name,
        .on_header_field_complete = on_name_complete,
        .on_header_value = on_value,
        .on_header_value_complete = on_value_complete,
        .on_headers_complete = on_headers_complete,
        .on_body = on_body,
        .on_message_complete = on_message_complete,
};

/* The request. */

static void write_head(const struct upstream_call *call, struct buf *head)
{
        const struct upstream *upstream = call->upstream;
        bool is_forwarded = upstream->has_proxy && !upstream->url.is_tls;
        buf_reset(head);
        buf_append_str(head, STR("POST "));
        if (is_forwarded) {
                buf_append_str(head, STR("http://"));
                buf_append_str(head, str_from(upstream->url.authority));
        }
        upstream_call_append_path(call, head);
        buf_append_str(head, str_from(upstream->fixed_head));
        buf_append_u64(head, call->body.len);
        for (size_t i = 0; i < call->header_count; i++) {
                buf_append_str(head, STR("\r\n"));
                buf_append_str(head, call->headers[i].name);
                buf_append_str(head, STR(": "));
                buf_append_str(head, call->headers[i].value);
        }
        buf_append_str(head, STR("\r\n\r\n"));
}

static void open_http1(struct upstream_connection *connection)
{
        connection->http1 = (struct upstream_http1){0};
        connection->upstream->calls_each = 1;
}

static bool start(struct upstream_connection *connection, struct upstream_call *call)
{
        struct buf *head = &connection->upstream->scratch;
        write_head(call, head);
        assert(!head->is_over); /* for upstream_start() has counted */
        if (!upstream_io_write(connection, buf_str(head), call->body))
                return false;
        llhttp_init(&connection->http1.llhttp, HTTP_RESPONSE, &settings);
        connection->http1.llhttp.data = connection;
        connection->http1.is_complete = false;
        connection->http1.fault = UPSTREAM_MALFORMED;
        upstream_connection_become(connection, UPSTREAM_AT_BUSY);
        upstream_call_sent(connection, call);
        return true;
}

/* Its answer might still come and be taken for another's. */
static void abandon(struct upstream_connection *connection, struct upstream_call *call)
{
        (void)call;
        upstream_connection_close(connection);
}

/* The answer stands, whatever is behind it; the connection goes on only when all was in order. */
static void finish(struct upstream_connection *connection, bool has_rest)
{
        bool is_last = has_rest || connection->http1.is_last || upstream_io_unsent(connection) > 0;
        upstream_call_end(call_of(connection), UPSTREAM_OK, NULL);
        if (is_last) {
                upstream_connection_close(connection);
                return;
        }
        upstream_connection_become(connection, UPSTREAM_AT_READY);
        upstream_connection_rest(connection);
}

static void fail(struct upstream_connection *connection)
{
        enum upstream_result fault = connection->http1.fault;
        const char *reason = llhttp_get_error_reason(&connection->http1.llhttp);
        upstream_connection_fail(connection, fault, fault == UPSTREAM_MALFORMED && reason ? reason : "");
}

static void receive(struct upstream_connection *connection, struct str bytes)
{
        llhttp_t *llhttp = &connection->http1.llhttp;
        if (list_is_empty(&connection->calls)) {
                upstream_connection_close(connection); /* an answer to nothing */
                return;
        }
        llhttp_errno_t error = llhttp_execute(llhttp, bytes.ptr, bytes.len);
        if (connection->http1.is_complete)
                finish(connection, llhttp_get_error_pos(llhttp) != bytes.ptr + bytes.len);
        else if (error != HPE_OK)
                fail(connection);
        else if (call_of(connection)->head_in.is_over)
                upstream_connection_fail(connection, UPSTREAM_TOO_LARGE, "");
}

/* An answer that only the end of the connection ends. */
static void end(struct upstream_connection *connection, bool is_clean)
{
        if (is_clean && call_of(connection)->has_head)
                llhttp_finish(&connection->http1.llhttp);
        if (connection->http1.is_complete)
                upstream_call_end(call_of(connection), UPSTREAM_OK, NULL);
}

static void deinit(struct upstream_connection *connection)
{
        (void)connection;
}

const struct upstream_protocol upstream_http1 = {
        .open = open_http1,
        .start = start,
        .abandon = abandon,
        .receive = receive,
        .end = end,
        .deinit = deinit,
};
