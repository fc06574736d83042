/* SPDX-License-Identifier: Apache-2.0 */
/* One request on its way through the API: who asks, what for, and how the answer goes out.
 *
 * Lives in the exchange's arena from the head on. Exactly one of the call_x() that answer ends it;
 * they add the headers that every answer has, count it and log it. Used by src/api/ only.
 */
#ifndef API_CALL_H
#define API_CALL_H

#include "api/api.h"
#include "api/problem.h"
#include "base/trace_context.h"

struct call;

enum access {
        ACCESS_OPEN,    /* everybody */
        ACCESS_LOCAL,   /* loopback; from elsewhere a key */
        ACCESS_PRIVATE, /* a key where keys are configured; else loopback only */
        ACCESS_SUBMIT,  /* a key where keys are configured */
};

struct route {
        const char *name; /* in logs */
        const char *path;
        bool is_prefix; /* one more path segment follows */
        enum http_method method; /* HEAD comes with GET */
        enum access access;
        unsigned scopes;   /* any of these lets a key in */
        unsigned label;    /* of the metrics' route label */
        bool is_logged;    /* also when all went well */
        void (*handle)(struct call *call);
        const char *suffix; /* behind that segment; NULL: none */
};

struct api {
        struct loop *loop;
        struct api_config config;
        struct json_parser *parser;
        struct buf buf; /* for bodies; emptied by each user */
};

enum { CALL_MAX_HEADERS = 16 };

struct call {
        struct api *api;
        struct exchange *exchange;
        const struct http_request *request;
        struct arena *arena;
        const struct route *route; /* NULL: unknown path */
        struct ident request_id;
        struct trace_context trace;             /* our span in the caller's trace */
        unsigned char parent_id[SPAN_ID_BYTES]; /* the caller's span; zeros: the trace begins here */
        struct str client_address; /* behind the trusted proxies */
        bool is_local;             /* the client is on this machine */
        /* The key that was used; id 0: none. */
        int64_t key_id;
        struct ident key_name;
        unsigned key_scopes;
        struct rate_limit_rule rate;
        uint64_t client; /* who is limited */
        struct http_header headers[CALL_MAX_HEADERS];
        size_t header_count;
        struct triage *triage; /* while one runs */
        /* For the log line. */
        const struct triage_reply *outcome; /* borrowed while answering; NULL: none */
        const char *channel;                /* NULL: none */
        const char *reason;                 /* the problem's code */
};

/* "POST". */
const char *call_method_name(enum http_method method);

/* Adds a header to the answer; `name` is a constant, `value` lives in the call's arena. */
void call_add_header(struct call *call, const char *name, struct str value);

/* Answers with a body of that type. */
void call_answer(struct call *call, int status, const char *content_type, struct str body);

void call_json(struct call *call, int status, struct str body);

/* Answers with a problem. `detail` NULL: nothing beyond the table. */
void call_problem(struct call *call, enum problem problem, const struct problem_detail *detail);

/* The RateLimit headers; nothing where there is no limit. */
void call_add_rate_headers(struct call *call, const struct rate_limit_answer *rate);

/* Whether the body says that it is JSON in UTF-8; a PATCH may also call it a merge patch (RFC 7396). */
bool call_has_json(const struct call *call);

/* The id between the route's path and its suffix; false when there is none of that form. */
bool call_record_id(const struct call *call, struct str prefix, struct record_id *ret_id);

/* What the key may see of other people's messages. */
struct store_viewer call_viewer(const struct call *call);

/* Handlers, one a file. */
void classify_handle(struct call *call);
void health_handle(struct call *call);
void ready_handle(struct call *call);
void metrics_handle(struct call *call);
void openapi_handle(struct call *call);
void messages_handle(struct call *call);
void reviews_handle(struct call *call);
void review_handle(struct call *call);
void review_original_handle(struct call *call);
void review_change_handle(struct call *call);
void compliance_list_handle(struct call *call);
void compliance_handle(struct call *call);
void feedback_handle(struct call *call);
void tickets_handle(struct call *call);
void ticket_handle(struct call *call);
void ticket_change_handle(struct call *call);
void ticket_comment_handle(struct call *call);

#endif
