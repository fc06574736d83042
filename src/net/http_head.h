/* SPDX-License-Identifier: Apache-2.0 */
/* The strict look at the raw bytes of a request's head, before the parser may see them.
 *
 * Line by line, as the bytes arrive: each line ends with CR LF and has no other CR, LF or control
 * byte; the request line is `METHOD SP target SP HTTP/1.0|1.1`; a header line is `token ":" value`
 * with nothing before and no space inside the name, so that nothing can be folded. One empty line
 * before the request line is skipped (RFC 9112, 2.2). All limits of the head are kept here.
 *
 * Pure and cheap: every byte is looked at once, however the head is cut into reads.
 */
#ifndef NET_HTTP_HEAD_H
#define NET_HTTP_HEAD_H

#include "net/server.h"

enum http_progress { HTTP_MORE, HTTP_DONE, HTTP_REFUSED };

/* Zeroed memory is the start. */
struct head_scan {
        size_t seen;   /* bytes that were looked at */
        size_t line;   /* where the current line starts */
        size_t start;  /* where the request line starts */
        size_t lines;  /* complete ones, the request line and headers */
        enum http_method method;
        bool is_http_1_0;
        enum http_refusal refusal; /* behind HTTP_REFUSED */
};

/* `input` is all that has arrived of the request so far, the same bytes and more in each call.
 * HTTP_DONE: the head is `input` from `start` to `seen`. */
enum http_progress head_scan(struct head_scan *scan, struct str input, const struct server_limits *limits);

/* Whether `s` is a token of RFC 9110, 5.6.2: never empty. */
bool http_is_token(struct str s);

/* Whether `s` may stand in a Host header or in the authority of a target: uri-host [":" port]. */
bool http_is_authority(struct str s);

/* The parts of a target that has passed head_scan(); false when it has none of the forms that
 * RFC 9112, 3.2 allows with this method. */
bool http_split_target(struct str target, enum http_method method, struct str *ret_path, struct str *ret_query);

#endif
