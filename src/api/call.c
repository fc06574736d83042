/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"

#include "api/trace.h"
#include "base/log.h"
#include "base/metric.h"
#include "text/redact.h"

#include <assert.h>
#include <string.h>

void call_add_header(struct call *call, const char *name, struct str value)
{
        assert(call->header_count < CALL_MAX_HEADERS);
        if (value.ptr)
                call->headers[call->header_count++] = (struct http_header){str_from(name), value};
}

const char *call_method_name(enum http_method method)
{
        static const char *const names[] = {
                [HTTP_METHOD_GET] = "GET",       [HTTP_METHOD_HEAD] = "HEAD",   [HTTP_METHOD_POST] = "POST",
                [HTTP_METHOD_PUT] = "PUT",       [HTTP_METHOD_PATCH] = "PATCH", [HTTP_METHOD_DELETE] = "DELETE",
                [HTTP_METHOD_OPTIONS] = "OPTIONS",
        };
        return names[method];
}

static void log_success(const struct call *call, int status, int64_t duration_us)
{
        const struct triage_reply *reply = call->outcome;
        const struct outcome *outcome = reply ? reply->outcome : NULL;
        const struct verdict *verdict = outcome ? &outcome->verdict : NULL;
        LOG(REQUEST, log_ident("request_id", &call->request_id), log_word("method", call_method_name(call->request->method)),
            log_word("route", call->route->name), log_i64("status", status), log_i64("duration_us", duration_us),
            log_word("category", verdict ? category_name(verdict->category) : NULL),
            log_word("intent", verdict ? intent_name(verdict->intent) : NULL),
            log_word("severity", verdict && verdict->severity ? severity_name(verdict->severity) : NULL),
            log_word("source", verdict ? source_name(verdict->source) : NULL),
            log_word("fallback", verdict && verdict->fallback ? llm_status_name(verdict->fallback) : NULL),
            log_bool("is_cached", verdict && verdict->is_cached), log_i64("llm_us", reply ? reply->upstream_us : 0),
            log_word("channel", call->channel),
            log_bool("is_replay", reply && reply->is_replay), log_i64("body_bytes", (int64_t)call->request->body.len),
            log_ident("key", &call->key_name));
}

static void log_refusal(const struct call *call, int status, int64_t duration_us)
{
        enum severity severity = call->outcome ? call->outcome->severity : SEVERITY_NONE;
        LOG(REFUSED, log_ident("request_id", &call->request_id), log_word("method", call_method_name(call->request->method)),
            log_word("route", call->route ? call->route->name : "none"), log_i64("status", status),
            log_word("reason", call->reason), log_word("severity", severity ? severity_name(severity) : NULL),
            log_i64("duration_us", duration_us), log_word("channel", call->channel), log_ident("key", &call->key_name));
}

static void count(const struct call *call, int status, int64_t duration_us)
{
        unsigned route = call->route ? call->route->label : METRIC_ROUTE_OTHER;
        METRIC_ADD(REQUESTS, METRIC_PAIR(STATUS, route, metric_status((unsigned)status)), 1);
        METRIC_OBSERVE(REQUEST_DURATION, route, (double)duration_us / 1e6);
}

static void add_common_headers(struct call *call, int64_t duration_us)
{
        struct str duration = arena_format(call->arena, "%lld.%03lld", (long long)duration_us / 1000,
                                           (long long)duration_us % 1000);
        call_add_header(call, "X-Request-ID", ident_str(&call->request_id));
        call_add_header(call, "X-Process-Time-Ms", duration);
        call_add_header(call, "Server-Timing", arena_format(call->arena, "total;dur=%.*s", STR_ARGS(duration)));
        call_add_header(call, "traceparent", trace_header(call));
        call_add_header(call, "Cache-Control", STR("no-store"));
        call_add_header(call, "X-Content-Type-Options", STR("nosniff"));
}

void call_answer(struct call *call, int status, const char *content_type, struct str body)
{
        int64_t duration_us = clock_monotonic_us(loop_clock(call->api->loop)) - call->request->started_us;
        add_common_headers(call, duration_us);
        count(call, status, duration_us);
        trace_end(call, status, duration_us);
        if (status >= 400)
                log_refusal(call, status, duration_us);
        else if (call->route && call->route->is_logged)
                log_success(call, status, duration_us);
        exchange_respond(call->exchange, &(struct http_response){
                .status = status,
                .content_type = content_type,
                .headers = call->headers,
                .header_count = call->header_count,
                .body = body,
        });
}

void call_json(struct call *call, int status, struct str body)
{
        call_answer(call, status, "application/json", body);
}

void call_add_rate_headers(struct call *call, const struct rate_limit_answer *rate)
{
        if (rate->limit == 0)
                return;
        call_add_header(call, "RateLimit-Policy",
                        arena_format(call->arena, "\"default\";q=%u;w=%u", rate->limit, rate->window_s));
        call_add_header(call, "RateLimit",
                        arena_format(call->arena, "\"default\";r=%u;t=%u", rate->remaining, rate->reset_s));
        call_add_header(call, "X-RateLimit-Limit", arena_format(call->arena, "%u", rate->limit));
        call_add_header(call, "X-RateLimit-Remaining", arena_format(call->arena, "%u", rate->remaining));
}

/* The path, unless it could hold personal data: clients write what they like there. */
static struct str instance(const struct call *call)
{
        return redact_is_clean(call->request->path) ? call->request->path : (struct str){0};
}

void call_problem(struct call *call, enum problem problem, const struct problem_detail *detail)
{
        static const struct problem_detail nothing;
        struct problem_detail used = detail ? *detail : nothing;
        struct buf *buf = &call->api->buf;
        /* No 503 without a time to come back. */
        if (problem_status(problem) == 503 && used.retry_after_s == 0)
                used.retry_after_s = 1;
        buf_reset(buf);
        problem_write(problem, &used, instance(call), &call->request_id, buf);
        if (used.retry_after_s)
                call_add_header(call, "Retry-After", arena_format(call->arena, "%u", used.retry_after_s));
        call->reason = problem_code(problem);
        call_answer(call, problem_status(problem), "application/problem+json", buf_str(buf));
}

/* The type, perhaps with a charset that is UTF-8. */
static bool is_of_type(struct str content_type, struct str type)
{
        struct str rest = content_type;
        if (!str_equal_nocase(str_trim(str_split(&rest, ';')), type))
                return false;
        while (rest.ptr) {
                struct str parameter = str_trim(str_split(&rest, ';'));
                struct str value = parameter;
                struct str name = str_split(&value, '=');
                bool is_charset = str_equal_nocase(name, STR("charset"));
                if (is_charset && !str_equal_nocase(value, STR("utf-8")) && !str_equal_nocase(value, STR("\"utf-8\"")))
                        return false;
        }
        return true;
}

bool call_has_json(const struct call *call)
{
        struct str type = exchange_header(call->exchange, STR("content-type"));
        bool is_patch = call->request->method == HTTP_METHOD_PATCH;
        return is_of_type(type, STR("application/json")) ||
               (is_patch && is_of_type(type, STR("application/merge-patch+json")));
}

bool call_record_id(const struct call *call, struct str prefix, struct record_id *ret_id)
{
        struct str path = call->request->path;
        size_t before = strlen(call->route->path);
        size_t behind = call->route->suffix ? strlen(call->route->suffix) : 0;
        return record_id_from((struct str){path.ptr + before, path.len - before - behind}, prefix, ret_id);
}

struct store_viewer call_viewer(const struct call *call)
{
        bool sees_all = call->key_id == 0 || (call->key_scopes & (SCOPE_REVIEW | SCOPE_ADMIN));
        return (struct store_viewer){sees_all, call->key_id};
}
