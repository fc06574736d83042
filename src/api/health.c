/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"

#include "base/json_writer.h"
#include "base/metric.h"

void health_handle(struct call *call)
{
        struct buf *buf = &call->api->buf;
        const struct api_config *config = &call->api->config;
        struct json_writer w = {.buf = buf};
        buf_reset(buf);
        json_open(&w, '{');
        json_member(&w, "status", STR("ok"));
        json_member(&w, "version", str_from(config->version));
        json_key(&w, "uptime_s");
        json_i64(&w, (clock_wall_ms(loop_clock(call->api->loop)) - config->started_wall_ms) / 1000);
        json_close(&w, '}');
        call_json(call, 200, buf_str(buf));
}

void ready_handle(struct call *call)
{
        struct buf *buf = &call->api->buf;
        const struct readiness *readiness = call->api->config.readiness;
        bool is_ready = readiness_is_ready(readiness);
        buf_reset(buf);
        readiness_write(readiness, buf);
        if (!is_ready)
                call_add_header(call, "Retry-After", STR("1"));
        call->reason = "not_ready";
        call_json(call, is_ready ? 200 : 503, buf_str(buf));
}

void metrics_handle(struct call *call)
{
        struct buf *buf = &call->api->buf;
        buf_reset(buf);
        metric_render(buf);
        call_answer(call, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(buf));
}
