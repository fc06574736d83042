/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.1 requests: llhttp, and the rules of framing that it leaves open.
 *
 * A head comes whole, after head_scan() has passed its bytes. What frames the body is decided
 * twice, by us and by llhttp, and a head on which the two do not agree is refused: there is no
 * request whose end a proxy in front could see elsewhere.
 *
 * A body is decoded piece by piece; chunk extensions and trailers are dropped, and bounded.
 * One parser a connection, used for one request after the other. Allocates from the arena only.
 */
#ifndef NET_HTTP_PARSE_H
#define NET_HTTP_PARSE_H

#include <llhttp.h>

#include "base/buf.h"
#include "net/http_head.h"

struct http_parser {
        llhttp_t llhttp;
        size_t chunks;
        size_t framing_bytes; /* sizes, extensions and trailers so far */
        char previous;        /* byte of them */
        enum http_refusal refusal; /* behind HTTP_REFUSED */
};

/* What the head says beside the request itself. */
struct http_head {
        bool is_keep_alive;
        bool is_http_1_0;
        bool is_chunked;
        bool has_body;           /* chunked or longer than zero */
        bool expects_continue;   /* waits for "100 Continue" before it sends the body */
        uint64_t content_length; /* 0 when chunked */
};

/* Starts a request. `head` is what head_scan() found, borrowed by the strings of the request.
 * Fills all that a head tells of *request. HTTP_DONE or HTTP_REFUSED. */
enum http_progress http_parser_head(struct http_parser *parser, struct str head, const struct head_scan *scan,
                                    struct arena *arena, struct http_request *request,
                                    struct http_head *ret_head);

/* Goes on with the body of a head that has one: appends what it holds to `body`, whose maximum is
 * the cap of bodies; NULL drops it. HTTP_DONE: *ret_used bytes belonged to this request. */
enum http_progress http_parser_body(struct http_parser *parser, struct str input, struct buf *body,
                                    size_t *ret_used);

#endif
