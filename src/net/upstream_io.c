/* SPDX-License-Identifier: Apache-2.0 */
/* The bytes of a connection: read into one buffer that all share, written at once where the kernel takes them. */
#include "net/upstream_inner.h"

#include <string.h>

#include "base/alloc.h"

static void on_allocate(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_buffer)
{
        const struct upstream_connection *connection = handle->data;
        (void)wanted;
        *ret_buffer = uv_buf_init(connection->upstream->read_buffer, UPSTREAM_READ_BYTES);
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
        struct upstream_connection *connection = stream->data;
        if (count > 0)
                upstream_connection_receive(connection, (struct str){buffer->base, (size_t)count});
        else if (count < 0)
                upstream_connection_end(connection, count == UV_EOF ? "" : uv_strerror((int)count));
}

bool upstream_io_start_reading(struct upstream_connection *connection)
{
        return uv_read_start(&connection->uv.stream, on_allocate, on_read) == 0;
}

size_t upstream_io_unsent(const struct upstream_connection *connection)
{
        return uv_stream_get_write_queue_size(&connection->uv.stream);
}

struct pending_write {
        uv_write_t request;
        struct upstream_connection *connection;
        char bytes[];
};

static void on_written(uv_write_t *request, int status)
{
        struct pending_write *pending = list_item(request, struct pending_write, request);
        struct upstream_connection *connection = pending->connection;
        free(pending);
        if (connection->state == UPSTREAM_AT_CLOSED)
                return;
        if (status < 0)
                upstream_connection_end(connection, uv_strerror(status));
        else if (connection->protocol && connection->protocol->flush)
                upstream_connection_mark_dirty(connection);
}

static size_t copy_behind(char *to, struct str s, size_t skipped)
{
        if (s.len <= skipped)
                return 0;
        memcpy(to, s.ptr + skipped, s.len - skipped);
        return s.len - skipped;
}

static bool send_later(struct upstream_connection *connection, struct str head, struct str body, size_t sent)
{
        size_t left = head.len + body.len - sent;
        if (upstream_io_unsent(connection) > UPSTREAM_UNSENT_BYTES)
                return false;
        struct pending_write *pending = alloc_resize(NULL, sizeof *pending + left);
        pending->connection = connection;
        size_t copied = copy_behind(pending->bytes, head, sent);
        copy_behind(pending->bytes + copied, body, sent > head.len ? sent - head.len : 0);
        uv_buf_t buffer = uv_buf_init(pending->bytes, (unsigned)left);
        if (uv_write(&pending->request, &connection->uv.stream, &buffer, 1, on_written) == 0)
                return true;
        free(pending);
        return false;
}

bool upstream_io_send(struct upstream_connection *connection, struct str head, struct str body)
{
        /* libuv takes writable buffers, and only reads them. */
        uv_buf_t buffers[] = {{.base = (char *)(uintptr_t)head.ptr, .len = head.len},
                              {.base = (char *)(uintptr_t)body.ptr, .len = body.len}};
        int sent = uv_try_write(&connection->uv.stream, buffers, body.len > 0 ? 2 : 1);
        if (sent < 0 && sent != UV_EAGAIN)
                return false;
        size_t taken = sent < 0 ? 0 : (size_t)sent;
        return taken == head.len + body.len || send_later(connection, head, body, taken);
}

bool upstream_io_write(struct upstream_connection *connection, struct str head, struct str body)
{
        return connection->tls ? upstream_tls_write(connection, head, body)
                               : upstream_io_send(connection, head, body);
}
