/* SPDX-License-Identifier: Apache-2.0 */
/* The rare other calls out, by libcurl. Blocking: for the command line, the work pool and the outbox. Certificates
 * are verified; no redirect is followed, no proxy used, whatever the environment says. */
#ifndef NET_FETCH_H
#define NET_FETCH_H

#include "base/buf.h"
#include "base/err.h"

struct fetch_header {
        const char *name;
        struct str value;
};

struct fetch_request {
        const char *url;         /* http: or https: */
        const char *unix_socket; /* path of a local socket to talk HTTP on instead, of any length; NULL: none */
        struct str body;         /* sent as application/json; borrowed */
        long timeout_ms;         /* total, with name resolution */
        bool is_get;             /* GET without a body instead of POST */
        const char *ca_file;     /* certificates to trust instead of the system's; NULL: those */
        const struct fetch_header *headers; /* beside Content-Type */
        size_t header_count;
};

struct fetch_answer {
        struct buf *body;       /* appended to, at most its maximum */
        int status;
        int64_t retry_after_ms; /* -1: it does not say */
        bool was_sent;          /* also after a failure: the peer may have received the request */
};

/* ERR_UNAVAILABLE when the host is not known, nobody listens or its certificate is not good; ERR_INVALID for a path
 * that cannot be a socket's and a header that cannot be sent; ERR_DEADLINE, ERR_TOO_LARGE, ERR_IO. */
enum err fetch(const struct fetch_request *request, struct fetch_answer *answer, struct err_note *note) MUST_USE;

/* The same for those who need the body and the status alone. */
enum err fetch_post(const struct fetch_request *request, struct buf *answer, int *ret_status,
                    struct err_note *note) MUST_USE;

#endif
