/* SPDX-License-Identifier: Apache-2.0 */
#include "api/access.h"
#include "api/api.h"
#include "api/call.h"
#include "api/trace.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/metric.h"
#include "text/redact.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_MAX_BYTES = 8 << 20, JSON_MAX_DEPTH = 32 };

static const struct route routes[] = {
        {"classify", "/api/v1/classify", false, HTTP_METHOD_POST, ACCESS_SUBMIT, SCOPE_CLASSIFY | SCOPE_ADMIN,
         METRIC_ROUTE_CLASSIFY, true, classify_handle},
        {"health", "/api/v1/health", false, HTTP_METHOD_GET, ACCESS_OPEN, 0, METRIC_ROUTE_HEALTH, false, health_handle},
        {"ready", "/api/v1/ready", false, HTTP_METHOD_GET, ACCESS_OPEN, 0, METRIC_ROUTE_READY, false, ready_handle},
        {"metrics", "/metrics", false, HTTP_METHOD_GET, ACCESS_LOCAL, SCOPE_CLASSIFY | SCOPE_REVIEW | SCOPE_ADMIN,
         METRIC_ROUTE_METRICS, false, metrics_handle},
        {"openapi", "/openapi.json", false, HTTP_METHOD_GET, ACCESS_OPEN, 0, METRIC_ROUTE_OPENAPI, false,
         openapi_handle},
        {"feedback", "/api/v1/messages/", true, HTTP_METHOD_POST, ACCESS_PRIVATE, SCOPE_REVIEW | SCOPE_ADMIN,
         METRIC_ROUTE_FEEDBACK, true, feedback_handle, "/feedback"},
        {"messages", "/api/v1/messages/", true, HTTP_METHOD_GET, ACCESS_PRIVATE,
         SCOPE_CLASSIFY | SCOPE_REVIEW | SCOPE_ADMIN, METRIC_ROUTE_MESSAGES, true, messages_handle},
        {"reviews", "/api/v1/reviews", false, HTTP_METHOD_GET, ACCESS_PRIVATE, SCOPE_REVIEW | SCOPE_ADMIN,
         METRIC_ROUTE_REVIEWS, true, reviews_handle},
        {"review", "/api/v1/reviews/", true, HTTP_METHOD_GET, ACCESS_PRIVATE, SCOPE_REVIEW | SCOPE_ADMIN,
         METRIC_ROUTE_REVIEWS, true, review_handle},
        {"review_original", "/api/v1/reviews/", true, HTTP_METHOD_GET, ACCESS_PRIVATE, SCOPE_REVEAL,
         METRIC_ROUTE_REVIEWS, true, review_original_handle, "/original"},
        {"review_claim", "/api/v1/reviews/", true, HTTP_METHOD_POST, ACCESS_PRIVATE, SCOPE_REVIEW | SCOPE_ADMIN,
         METRIC_ROUTE_REVIEWS, true, review_change_handle, "/claim"},
        {"review_release", "/api/v1/reviews/", true, HTTP_METHOD_POST, ACCESS_PRIVATE, SCOPE_REVIEW | SCOPE_ADMIN,
         METRIC_ROUTE_REVIEWS, true, review_change_handle, "/release"},
        {"review_resolve", "/api/v1/reviews/", true, HTTP_METHOD_POST, ACCESS_PRIVATE, SCOPE_REVIEW | SCOPE_ADMIN,
         METRIC_ROUTE_REVIEWS, true, review_change_handle, "/resolve"},
        {"review_reopen", "/api/v1/reviews/", true, HTTP_METHOD_POST, ACCESS_PRIVATE, SCOPE_REVIEW | SCOPE_ADMIN,
         METRIC_ROUTE_REVIEWS, true, review_change_handle, "/reopen"},
        {"compliance_list", "/api/v1/compliance", false, HTTP_METHOD_GET, ACCESS_PRIVATE, SCOPE_ADMIN,
         METRIC_ROUTE_COMPLIANCE, true, compliance_list_handle},
        {"compliance", "/api/v1/compliance/", true, HTTP_METHOD_GET, ACCESS_PRIVATE, SCOPE_REVIEW | SCOPE_ADMIN,
         METRIC_ROUTE_COMPLIANCE, true, compliance_handle},
        {"tickets", "/api/v1/tickets", false, HTTP_METHOD_GET, ACCESS_PRIVATE, SCOPE_REVIEW | SCOPE_ADMIN,
         METRIC_ROUTE_TICKETS, true, tickets_handle},
        {"ticket", "/api/v1/tickets/", true, HTTP_METHOD_GET, ACCESS_PRIVATE,
         SCOPE_CLASSIFY | SCOPE_REVIEW | SCOPE_ADMIN, METRIC_ROUTE_TICKETS, true, ticket_handle},
        {"ticket_change", "/api/v1/tickets/", true, HTTP_METHOD_PATCH, ACCESS_PRIVATE, SCOPE_REVIEW | SCOPE_ADMIN,
         METRIC_ROUTE_TICKETS, true, ticket_change_handle},
        {"ticket_comment", "/api/v1/tickets/", true, HTTP_METHOD_POST, ACCESS_PRIVATE, SCOPE_REVIEW | SCOPE_ADMIN,
         METRIC_ROUTE_TICKETS, true, ticket_comment_handle, "/comments"},
};

/* One segment without a slash stands between the path and the suffix of a prefix. */
static bool is_at(const struct route *route, struct str path)
{
        struct str known = str_from(route->path), suffix = str_from(route->suffix);
        if (!route->is_prefix)
                return str_equal(path, known);
        if (!str_starts_with(path, known) || path.len <= known.len + suffix.len)
                return false;
        size_t segment = path.len - known.len - suffix.len;
        const char *behind = path.ptr + known.len + segment;
        return !memchr(path.ptr + known.len, '/', segment) && str_equal((struct str){behind, suffix.len}, suffix);
}

static bool has_method(const struct route *route, enum http_method method)
{
        return method == route->method || (method == HTTP_METHOD_HEAD && route->method == HTTP_METHOD_GET);
}

/* The route of the path and the method, else one of the path. */
static const struct route *find_route(const struct http_request *request)
{
        const struct route *found = NULL;
        for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
                if (!is_at(&routes[i], request->path))
                        continue;
                found = &routes[i];
                if (has_method(found, request->method))
                        break;
        }
        return found;
}

/* A sane one from the client is kept; sane also means that it is not somebody's phone number. */
static struct ident request_id(const struct exchange *exchange)
{
        struct ident id;
        struct str sent = exchange_header(exchange, STR("x-request-id"));
        if (sent.ptr && ident_from(sent, &id) && redact_is_clean(sent))
                return id;
        return ident_random("req_");
}

static struct call *call_new(struct api *api, struct exchange *exchange)
{
        struct call *call = arena_new(exchange_arena(exchange), struct call);
        assert(call); /* an exchange's arena starts with room for it */
        call->api = api;
        call->exchange = exchange;
        call->request = exchange_request(exchange);
        call->arena = exchange_arena(exchange);
        call->request_id = request_id(exchange);
        trace_join(call);
        exchange_set_data(exchange, call);
        return call;
}

/* OPTIONS *: what the server as a whole can do. */
static bool answer_asterisk(struct call *call)
{
        call_add_header(call, "Allow", STR("GET, HEAD, POST, PATCH, OPTIONS"));
        call_answer(call, 204, NULL, STR(""));
        return false;
}

static bool refuse_method(struct call *call)
{
        struct str allowed = STR("");
        for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
                bool has_head = routes[i].method == HTTP_METHOD_GET;
                if (is_at(&routes[i], call->request->path))
                        allowed = arena_format(call->arena, "%.*s%s%s", STR_ARGS(allowed), allowed.len ? ", " : "",
                                               has_head ? "GET, HEAD" : call_method_name(routes[i].method));
        }
        call_add_header(call, "Allow", allowed);
        call_problem(call, PROBLEM_METHOD_NOT_ALLOWED, NULL);
        return false;
}

static bool refuse_access(struct call *call, enum err err)
{
        if (err == ERR_UNAUTHORIZED)
                call_add_header(call, "WWW-Authenticate", STR("Bearer realm=\"triaged\""));
        call_problem(call, problem_of(err), NULL);
        return false;
}

/* Messages are limited by the flow, behind the safety net; look-ups here; the rest is exempt. */
static bool is_over_rate(struct call *call)
{
        if (call->route->access != ACCESS_PRIVATE)
                return false;
        int64_t now_us = clock_monotonic_us(loop_clock(call->api->loop));
        struct rate_limit_answer rate = rate_limit_take(call->api->config.env.rate_limit, call->client, call->rate, now_us);
        call_add_rate_headers(call, &rate);
        if (rate.is_allowed)
                return false;
        METRIC_ADD(RATE_LIMITED, 0, 1);
        call_problem(call, PROBLEM_RATE_LIMIT_EXCEEDED, &(struct problem_detail){.retry_after_s = rate.retry_after_s});
        return true;
}

static bool on_head(void *arg, struct exchange *exchange)
{
        struct call *call = call_new(arg, exchange);
        call->route = find_route(call->request);
        if (call->request->method == HTTP_METHOD_OPTIONS && str_equal(call->request->target, STR("*")))
                return answer_asterisk(call);
        if (!call->route) {
                call_problem(call, PROBLEM_NOT_FOUND, NULL);
                return false;
        }
        if (!has_method(call->route, call->request->method))
                return refuse_method(call);
        enum err err = access_check(call);
        if (err)
                return refuse_access(call, err);
        return !is_over_rate(call);
}

static void on_request(void *arg, struct exchange *exchange)
{
        (void)arg;
        struct call *call = exchange_data(exchange);
        call->route->handle(call);
}

static void count_refusal(enum http_refusal refusal)
{
        if (refusal == REFUSAL_OUT_OF_MEMORY)
                METRIC_ADD(SHED, METRIC_SHED_MEMORY, 1);
        if (refusal == REFUSAL_TOO_MANY_CONNECTIONS)
                METRIC_ADD(CONNECTIONS_REFUSED, 0, 1);
}

static void on_body_refused(void *arg, struct exchange *exchange, enum http_refusal refusal)
{
        (void)arg;
        count_refusal(refusal);
        call_problem(exchange_data(exchange), problem_of_refusal(refusal), NULL);
}

static void on_refusal(void *arg, enum http_refusal refusal, struct arena *arena, struct http_response *ret_response)
{
        static const struct http_header retry_after = {STR_INIT("Retry-After"), STR_INIT("1")};
        struct api *api = arg;
        enum problem problem = problem_of_refusal(refusal);
        count_refusal(refusal);
        struct ident id = ident_random("req_");
        buf_reset(&api->buf);
        const struct problem_detail detail = {.retry_after_s = problem_status(problem) == 503};
        problem_write(problem, &detail, (struct str){0}, &id, &api->buf);
        ret_response->status = problem_status(problem);
        ret_response->content_type = "application/problem+json";
        ret_response->body = arena_copy(arena, buf_str(&api->buf));
        if (ret_response->status == 503) {
                ret_response->headers = &retry_after;
                ret_response->header_count = 1;
        }
        METRIC_ADD(REQUESTS, METRIC_PAIR(STATUS, METRIC_ROUTE_OTHER, metric_status((unsigned)ret_response->status)), 1);
}

static void on_connection(void *arg, int change)
{
        (void)arg;
        METRIC_ADD(CONNECTIONS, 0, change);
}

static void on_accept_failed(void *arg, int error)
{
        (void)arg;
        LOG(ACCEPT_FAILED, log_i64("error", error));
}

struct api *api_new(struct loop *loop, const struct api_config *config)
{
        struct api *api = alloc_zeroed(1, sizeof *api);
        api->loop = loop;
        api->config = *config;
        api->parser = json_parser_new(config->settings->http_max_body_bytes, JSON_MAX_DEPTH);
        buf_init(&api->buf, BODY_MAX_BYTES);
        return api;
}

void api_free(struct api *api)
{
        if (!api)
                return;
        json_parser_free(api->parser);
        buf_deinit(&api->buf);
        free(api);
}

struct server_handlers api_handlers(struct api *api)
{
        return (struct server_handlers){
                .arg = api,
                .on_head = on_head,
                .on_request = on_request,
                .on_body_refused = on_body_refused,
                .on_refusal = on_refusal,
                .on_connection = on_connection,
                .on_accept_failed = on_accept_failed,
        };
}
