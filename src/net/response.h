/* SPDX-License-Identifier: Apache-2.0 */
/* Status line and headers of an answer as bytes. Pure. */
#ifndef NET_RESPONSE_H
#define NET_RESPONSE_H

#include "base/buf.h"
#include "net/server.h"

enum { RESPONSE_DATE_BYTES = 30 }; /* "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL */

/* How an answer is framed. */
struct response_framing {
        const char *date;   /* IMF-fixdate */
        bool is_last;       /* "Connection: close" */
        bool is_http_1_0;   /* a client that has to be told when the connection stays open */
};

/* Appends it all up to the empty line; the caller sends the body behind it, unless
 * response_has_body() says that there is none or the request was HEAD. */
void response_head(struct buf *out, const struct http_response *response,
                   const struct response_framing *framing);

/* 204 and 304 have none, whatever the application gave (RFC 9110, 6.4.1). */
bool response_has_body(const struct http_response *response);

/* The form of the Date header; for years of four digits. */
void response_date(int64_t wall_s, char ret_text[RESPONSE_DATE_BYTES]);

#endif
