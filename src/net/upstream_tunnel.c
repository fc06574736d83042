/* SPDX-License-Identifier: Apache-2.0 */
/* CONNECT: asks the proxy for a tunnel to the origin, and reads its answer's head (RFC 9110, 9.3.6). */
#include "net/upstream_inner.h"

#include <stdio.h>

void upstream_tunnel_start(struct upstream_connection *connection)
{
        struct upstream *upstream = connection->upstream;
        struct buf *head = &upstream->scratch;
        buf_reset(head);
        buf_printf(head, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", upstream->url.address, upstream->url.address,
                   upstream->proxy_header);
        upstream_connection_become(connection, UPSTREAM_AT_TUNNEL);
        connection->http1 = (struct upstream_http1){0};
        if (!upstream_io_send(connection, buf_str(head), (struct str){0}))
                upstream_connection_end(connection, "");
}

/* To llhttp, a head with no body behind it that upgrades: it stops there. Informational ones pass. */
static int on_headers_complete(llhttp_t *llhttp)
{
        return llhttp->status_code < 200 ? 1 : 2;
}

static const llhttp_settings_t settings = {.on_headers_complete = on_headers_complete};

static void refuse(struct upstream_connection *connection, const char *why)
{
        char note[128];
        snprintf(note, sizeof note, "the proxy %s", why);
        upstream_connection_fail(connection, UPSTREAM_CONNECT, note);
}

void upstream_tunnel_receive(struct upstream_connection *connection, struct str bytes)
{
        llhttp_t *llhttp = &connection->http1.llhttp;
        char why[64];
        if (connection->tunnel_bytes == 0)
                llhttp_init(llhttp, HTTP_RESPONSE, &settings);
        connection->tunnel_bytes += bytes.len;
        llhttp_errno_t error = llhttp_execute(llhttp, bytes.ptr, bytes.len);
        if (error == HPE_OK && connection->tunnel_bytes <= UPSTREAM_HEAD_BYTES)
                return;
        snprintf(why, sizeof why, "answered %d", llhttp->status_code);
        if (error != HPE_PAUSED_UPGRADE)
                refuse(connection, error == HPE_OK ? "answered with too long a head" : "did not answer with HTTP");
        else if (llhttp->status_code > 299)
                refuse(connection, why);
        else
                upstream_connection_secure(connection);
        /* The origin's side of TLS never speaks first, so nothing can be behind the head. */
}
