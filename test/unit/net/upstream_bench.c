/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <stdio.h>

#include "unit/net/upstream_bench.h"

struct bench bench;
struct upstream_config bench_config;

void bench_reset_config(void)
{
        bench_config = (struct upstream_config){
                .ca_file = "", .proxy = "", .is_verified = true, .max_connections = 8, .max_calls = MAX_CALLS,
                .max_answer_bytes = MAX_ANSWER, .connect_timeout_ms = 2000, .idle_timeout_ms = 60000,
                .warm_connections = 8, .surplus_timeout_ms = 10000, .dns_ttl_ms = 60000,
        };
}

void bench_open_host(const char *scheme, const char *host, int port)
{
        static char url[64];
        bench = (struct bench){.loop = loop_new()};
        snprintf(url, sizeof url, "%s://%s:%d/v1?k=v", scheme, host, port);
        bench_config.url = url;
        assert_ok(upstream_new(bench.loop, &bench_config, &bench.upstream, NULL));
}

void bench_open(const char *scheme, int port)
{
        bench_open_host(scheme, "127.0.0.1", port);
}

static void on_closed(void *arg)
{
        *(bool *)arg = true;
        loop_stop(bench.loop);
}

void bench_close(void)
{
        bool is_closed = false;
        upstream_close(bench.upstream, on_closed, &is_closed);
        assert_false(is_closed);
        while (!is_closed) /* a call that ends stops the loop, too */
                loop_run(bench.loop);
        assert_int_equal(bench.ended, bench.started);
        loop_free(bench.loop);
}

void bench_on_done(struct upstream_call *call)
{
        size_t i = (size_t)(call - bench.calls);
        struct str id = upstream_call_header(call, "x-request-id");
        assert_false(bench.is_inside);
        assert_true(call->ended_us > 0);
        snprintf(bench.bodies[i], sizeof bench.bodies[i], "%.*s", STR_ARGS(buf_str(&call->body_in)));
        bench.body_bytes[i] = call->body_in.len;
        snprintf(bench.request_ids[i], sizeof bench.request_ids[i], "%.*s", id.ptr ? (int)id.len : 0, id.ptr);
        if (++bench.ended >= bench.awaited)
                loop_stop(bench.loop);
}

struct upstream_call *bench_start(int64_t patience_ms)
{
        static const struct upstream_header headers[] = {{STR_INIT("authorization"), STR_INIT("Bearer k")}};
        struct upstream_call *call = &bench.calls[bench.started++];
        *call = (struct upstream_call){.path = STR("/chat"), .headers = headers, .header_count = 1,
                                       .body = bench.body.ptr ? bench.body : STR("{\"a\":1}"), .done = bench_on_done};
        call->deadline_at_ms = clock_monotonic_us(loop_clock(bench.loop)) / 1000 + patience_ms;
        bench.is_inside = true;
        upstream_start(bench.upstream, call);
        bench.is_inside = false;
        return call;
}

void bench_run_until(size_t ended)
{
        bench.awaited = ended;
        if (bench.ended < ended)
                loop_run(bench.loop);
        assert_true(bench.ended >= ended);
}

static void on_time(struct timer *timer)
{
        (void)timer;
        loop_stop(bench.loop);
}

void bench_run_for(int64_t ms)
{
        bench.awaited = SIZE_MAX;
        bench.timer.fire = on_time;
        loop_timer_start(bench.loop, &bench.timer, ms);
        loop_run(bench.loop);
}
