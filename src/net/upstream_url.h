/* SPDX-License-Identifier: Apache-2.0 */
/* The URLs of an upstream: its origin's and its proxy's. For net/ only.
 *
 * An origin is http or https, has a host, maybe a port, a path and a query, and no user: keys go into
 * headers, where no log shows them. A proxy is http with a host, maybe a port, a user and a password.
 */
#ifndef NET_UPSTREAM_URL_H
#define NET_UPSTREAM_URL_H

#include <netinet/in.h>

#include "base/err.h"
#include "base/str.h"

enum {
        UPSTREAM_HOST_BYTES = 256, /* a name of the DNS has 253 at the most */
        UPSTREAM_PATH_BYTES = 1024,
        UPSTREAM_USER_BYTES = 256,
};

union upstream_socket_address {
        struct sockaddr any;
        struct sockaddr_in four;
        struct sockaddr_in6 six;
};

/* All texts are NUL-terminated. */
struct upstream_url {
        bool is_tls;
        uint16_t port;
        char host[UPSTREAM_HOST_BYTES];           /* without brackets */
        char authority[UPSTREAM_HOST_BYTES + 16]; /* "host", or "host:port" where it is not the scheme's own */
        char address[UPSTREAM_HOST_BYTES + 16];   /* "host:port" always */
        char path[UPSTREAM_PATH_BYTES];           /* without the last slash: "/v1", or "" */
        char query[UPSTREAM_PATH_BYTES];          /* with its question mark: "?a=b", or "" */
        char user[UPSTREAM_USER_BYTES];           /* "user:password", decoded, or "" */
};

/* ERR_INVALID with a note that does not repeat the URL, which may hold a password. */
enum err upstream_url_parse_origin(struct str text, struct upstream_url *ret_url, struct err_note *note) MUST_USE;
enum err upstream_url_parse_proxy(struct str text, struct upstream_url *ret_url, struct err_note *note) MUST_USE;

/* Whether `host` is a number, and then what it is with that port. */
bool upstream_url_is_numeric(const char *host, uint16_t port, union upstream_socket_address *ret_address);

#endif
