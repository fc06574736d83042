/* SPDX-License-Identifier: Apache-2.0 */
#include "api/trace.h"

#include "base/metric.h"
#include "base/span.h"

#include <string.h>

void trace_join(struct call *call)
{
        struct trace_context caller;
        uint32_t sample_percent = span_has_sink() ? call->api->config.settings->otlp_sample_percent : 0;
        if (!trace_context_parse(exchange_header(call->exchange, STR("traceparent")), &caller)) {
                call->trace = trace_context_new(sample_percent);
                return;
        }
        call->trace = trace_context_child(&caller);
        memcpy(call->parent_id, caller.span_id, sizeof call->parent_id);
}

struct str trace_header(const struct call *call)
{
        char text[TRACE_PARENT_BYTES + 1];
        trace_context_write(&call->trace, text);
        return arena_copy(call->arena, (struct str){text, TRACE_PARENT_BYTES});
}

static void add_verdict(struct span *span, const struct verdict *verdict)
{
        span_add_word(span, "triaged.category", category_name(verdict->category));
        span_add_word(span, "triaged.intent", intent_name(verdict->intent));
        span_add_word(span, "triaged.source", source_name(verdict->source));
}

void trace_end(const struct call *call, int status, int64_t duration_us)
{
        if (!call->route || call->route->label != METRIC_ROUTE_CLASSIFY || !span_is_wanted(&call->trace))
                return;
        struct span span;
        span_init(&span, &call->trace, call->parent_id, "POST /api/v1/classify", SPAN_SERVER);
        span_set_time(&span, clock_wall_ms(loop_clock(call->api->loop)), duration_us);
        span_add_word(&span, "http.request.method", call_method_name(call->request->method));
        span_add_word(&span, "http.route", call->route->path);
        if (status)
                span_add_i64(&span, "http.response.status_code", status);
        if (call->outcome && call->outcome->outcome)
                add_verdict(&span, &call->outcome->outcome->verdict);
        span.is_error = status == 0 || status >= 500;
        span_add_word(&span, "error.type", status == 0 ? "cancelled" : call->reason);
        span_end(&span);
}
