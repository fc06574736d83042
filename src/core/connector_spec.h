/* SPDX-License-Identifier: Apache-2.0 */
/* How another system is spoken to: one entry of policy/connectors.yaml, with its kind's preset filled in. A value;
 * the strings are the policy's.
 *
 * Templates hold variables in braces: {data.text}, {id} (of the delivery), {event}, {created_at} (RFC 3339),
 * {payload} (all that is sent, as JSON text), {option.queue}. {data.text:200} is at most 200 characters of it,
 * {data.order_id|none} has a text for when it is missing. A brace that begins no variable stands for itself.
 */
#ifndef CORE_CONNECTOR_SPEC_H
#define CORE_CONNECTOR_SPEC_H

#include "base/str.h"

enum connector_kind {
        CONNECTOR_RT,
        CONNECTOR_ZAMMAD,
        CONNECTOR_JIRA,
        CONNECTOR_JIRA_SERVICE_MANAGEMENT,
        CONNECTOR_ZENDESK,
        CONNECTOR_WEBHOOK, /* the payload itself, signed as Standard Webhooks */
        CONNECTOR_SMTP,
        CONNECTOR_HTTP,
        CONNECTOR_KIND_COUNT
};

enum { CONNECTOR_MAX_OPTIONS = 8, CONNECTOR_MAX_RECIPIENTS = 8 };

struct connector_option {
        struct str name, value;
};

/* Absent strings: not configured. */
struct connector_spec {
        enum connector_kind kind;
        struct str url; /* without a slash at its end */
        struct str ca_file;
        int64_t timeout_ms; /* of one attempt, its searches included */
        int64_t settle_ms;  /* between the two searches that must find nothing before something is sent again */
        /* Where the secret is; at most one of them. */
        struct str secret_variable, secret_file, secret_credential;
        /* Of requests. With a user the header is Basic, else the prefix and the secret. */
        struct str user, auth_header, auth_prefix, idempotency_header;
        struct str create_path, body; /* templates; the body is JSON */
        struct str id_path;           /* JSON pointers (RFC 6901), tried in turn, with spaces between */
        struct str search_path;       /* template of path and query; absent: cannot be searched */
        struct str search_id_path;
        /* Of mail. */
        struct str from, subject, text;
        struct str to[CONNECTOR_MAX_RECIPIENTS];
        size_t to_count;
        bool is_plain; /* no TLS: for a mail server on this machine */
        struct connector_option options[CONNECTOR_MAX_OPTIONS];
        size_t option_count;
};

/* "rt"; CONNECTOR_KIND_COUNT for a name that is none. */
const char *connector_kind_name(enum connector_kind kind);
enum connector_kind connector_kind_from(struct str name);

/* Absent when it is not there. */
struct str connector_option(const struct connector_spec *spec, struct str name);

struct connector_variable {
        struct str name;     /* "data.text" */
        struct str fallback; /* absent: none */
        size_t max_chars;    /* SIZE_MAX: all */
};

/* Takes literal text and the variable behind it from *rest; false when there was no variable any more, and the
 * literal is all that was left. */
bool connector_variable_next(struct str *rest, struct str *ret_literal, struct connector_variable *ret_variable);

#endif
