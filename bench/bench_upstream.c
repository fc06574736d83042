/* SPDX-License-Identifier: Apache-2.0 */
/* CPU microseconds a call of the HTTP client alone, at a constant rate: the calls in flight are rate times the
 * upstream's latency.
 *
 *     bench_upstream URL CA_FILE IS_HTTP2 RATE WARM_UP_S SECONDS
 *
 * URL is the base of an OpenAI-compatible API. A call sends 1.2 KB and wants 200. The rate is reached after half
 * the warm-up, so that connections are opened one by one. Prints "JSON {...}".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <uv.h>

#include "base/alloc.h"
#include "net/upstream.h"

enum { BODY_BYTES = 1200, TICK_MS = 2, MAX_CALLS = 20000, DEADLINE_MS = 30000 };

static struct {
        struct loop *loop;
        struct upstream *upstream;
        struct list spare; /* calls that are not under way */
        char body[BODY_BYTES];
        int64_t rate, begun_us, warm_until_us, end_us;
        int64_t started;
        size_t in_flight, most_in_flight, connections, ended, failed;
        bool is_measuring;
        int64_t cpu_us;
} bench;

static int64_t now_us(void)
{
        return clock_monotonic_us(loop_clock(bench.loop));
}

static int64_t cpu_us(void)
{
        struct rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void on_done(struct upstream_call *call)
{
        bool is_fine = call->result == UPSTREAM_OK && call->status == 200;
        if (!is_fine && call->result != UPSTREAM_CANCELLED && bench.failed++ == 0)
                fprintf(stderr, "first failure: result %d, status %d, %s\n", call->result, call->status, call->note);
        bench.ended += bench.is_measuring && is_fine;
        bench.in_flight--;
        list_push_back(&bench.spare, &call->link);
}

static void start_call(void)
{
        static const struct upstream_header headers[] = {
                {STR_INIT("authorization"), STR_INIT("Bearer sk-bench")},
                {STR_INIT("traceparent"), STR_INIT("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
        };
        struct list *link = list_pop_front(&bench.spare);
        struct upstream_call *call = link ? list_item(link, struct upstream_call, link) : NULL;
        if (!call) {
                bench.failed++;
                return;
        }
        *call = (struct upstream_call){
                .path = STR("/chat/completions"), .headers = headers, .header_count = 2, .done = on_done,
                .body = {bench.body, sizeof bench.body}, .deadline_at_ms = now_us() / 1000 + DEADLINE_MS};
        if (++bench.in_flight > bench.most_in_flight && bench.is_measuring)
                bench.most_in_flight = bench.in_flight;
        upstream_start(bench.upstream, call);
}

/* How many calls are to have been started. */
static int64_t due_by(int64_t now)
{
        double elapsed = (double)(now - bench.begun_us), ramp = (double)(bench.warm_until_us - bench.begun_us) / 2;
        double at_full_rate = elapsed < ramp ? elapsed * elapsed / (2 * ramp) : elapsed - ramp / 2;
        return (int64_t)(at_full_rate * (double)bench.rate / 1e6);
}

static void on_tick(uv_timer_t *tick)
{
        int64_t now = now_us();
        if (!bench.is_measuring && now >= bench.warm_until_us) {
                bench.is_measuring = true;
                bench.cpu_us = cpu_us();
        }
        if (now >= bench.end_us) {
                bench.cpu_us = cpu_us() - bench.cpu_us;
                bench.connections = upstream_stats(bench.upstream).connections;
                uv_timer_stop(tick);
                loop_stop(bench.loop);
                return;
        }
        for (int64_t due = due_by(now); bench.started < due; bench.started++)
                start_call();
}

static void on_closed(void *arg)
{
        *(bool *)arg = true;
        loop_stop(bench.loop);
}

static void run(int64_t warm_up_s, int64_t seconds)
{
        bool is_closed = false;
        uv_timer_t tick;
        uv_timer_init(loop_uv(bench.loop), &tick);
        bench.begun_us = now_us();
        bench.warm_until_us = bench.begun_us + warm_up_s * 1000000;
        bench.end_us = bench.warm_until_us + seconds * 1000000;
        uv_timer_start(&tick, on_tick, 0, TICK_MS);
        loop_run(bench.loop);
        bench.is_measuring = false;
        uv_close((uv_handle_t *)&tick, NULL);
        upstream_close(bench.upstream, on_closed, &is_closed);
        while (!is_closed)
                loop_run(bench.loop);
        loop_free(bench.loop);
}

int main(int argc, char **argv)
{
        if (argc != 7) {
                fprintf(stderr, "usage: bench_upstream URL CA_FILE IS_HTTP2 RATE WARM_UP_S SECONDS\n");
                return 2;
        }
        const struct upstream_config config = {
                .url = argv[1], .ca_file = argv[2], .proxy = "", .is_verified = true, .is_http2 = strcmp(argv[3], "1") == 0,
                .max_connections = MAX_CALLS, .max_calls = MAX_CALLS, .max_answer_bytes = 1 << 18, .connect_timeout_ms = 30000,
                .idle_timeout_ms = 60000, .warm_connections = MAX_CALLS, .surplus_timeout_ms = 60000, .dns_ttl_ms = 60000};
        struct upstream_call *calls = alloc_zeroed(MAX_CALLS, sizeof *calls);
        struct err_note note;
        list_init(&bench.spare);
        for (size_t i = 0; i < MAX_CALLS; i++)
                list_push_back(&bench.spare, &calls[i].link);
        memset(bench.body, ' ', sizeof bench.body);
        memcpy(bench.body, "{}", 2);
        bench.rate = strtol(argv[4], NULL, 10);
        bench.loop = loop_new();
        if (upstream_new(bench.loop, &config, &bench.upstream, &note)) {
                fprintf(stderr, "%s\n", note.text);
                return 1;
        }
        run(strtol(argv[5], NULL, 10), strtol(argv[6], NULL, 10));
        printf("JSON {\"calls\":%zu,\"failed\":%zu,\"in_flight\":%zu,\"connections\":%zu,\"cpu_us\":%.2f}\n", bench.ended,
               bench.failed, bench.most_in_flight, bench.connections, (double)bench.cpu_us / (double)(bench.ended ? bench.ended : 1));
        free(calls);
        return 0;
}
