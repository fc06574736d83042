/* SPDX-License-Identifier: Apache-2.0 */
/* The rare other calls out, by libcurl. Blocking: for the command line and the work pool. */
#ifndef NET_FETCH_H
#define NET_FETCH_H

#include "base/buf.h"
#include "base/err.h"

struct fetch_request {
        const char *url;         /* http: or https: */
        const char *unix_socket; /* path of a local socket to talk HTTP on instead, of any length; NULL: none */
        struct str body;         /* sent as application/json; borrowed */
        long timeout_ms;         /* total, with name resolution */
};

/* POST. Appends the answer's body, at most the buf's maximum. Follows no redirect and uses no proxy,
 * whatever the environment says. ERR_UNAVAILABLE when the host is not known or nobody listens,
 * ERR_INVALID for a path that cannot be a socket's, ERR_DEADLINE, ERR_TOO_LARGE, ERR_IO. */
enum err fetch_post(const struct fetch_request *request, struct buf *answer, int *ret_status,
                    struct err_note *note) MUST_USE;

#endif
