/* SPDX-License-Identifier: Apache-2.0 */
/* One mail to a mail server by SMTP, by libcurl. Blocking. Certificates are verified. */
#ifndef NET_MAIL_H
#define NET_MAIL_H

#include "base/err.h"
#include "base/str.h"

struct mail_request {
        const char *url;      /* smtp: (STARTTLS is required unless is_plain) or smtps: */
        const char *user;     /* NULL: no log-in */
        const char *password;
        const char *ca_file;  /* NULL: the system's */
        const char *from;     /* addresses alone, without control characters */
        const char *const *to;
        size_t to_count;
        struct str text; /* the whole message, with CRLF as its line ends; at most what the server takes */
        bool is_plain;
        long timeout_ms;
};

struct mail_answer {
        int code;      /* the last reply; 0: none */
        bool was_sent; /* all of the text went out, so that the mail may be on its way also after a failure */
};

/* Every recipient is taken or nothing is sent. ERR_UNAVAILABLE, ERR_DEADLINE, ERR_IO. */
enum err mail_send(const struct mail_request *request, struct mail_answer *ret_answer, struct err_note *note) MUST_USE;

#endif
