/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "app/otlp.h"
#include "app/otlp_json.h"
#include "app/thread.h"
#include "base/log.h"
#include "base/metric.h"

#include <math.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct trace_context context = {{0x0a, 0xf7, 15}, {0xb7, 0xad, 1}, 1};

static void a_request_is_as_otlp_has_it(void **state)
{
        (void)state;
        static const unsigned char parent[SPAN_ID_BYTES] = {1, 2};
        struct span spans[2];
        struct buf buf;
        buf_init(&buf, 1 << 20);
        span_init(&spans[0], &context, NULL, "POST /api/v1/classify", SPAN_SERVER);
        span_set_time(&spans[0], 1795305600123, 4567);
        span_add_word(&spans[0], "http.route", "/api/v1/classify");
        span_add_i64(&spans[0], "http.response.status_code", 200);
        span_init(&spans[1], &context, parent, "chat", SPAN_CLIENT);
        spans[1].is_error = true;
        span_add_double(&spans[1], "share", 0.25);
        span_add_double(&spans[1], "nothing", NAN);
        span_add_word(&spans[1], "model", "a \"b\"\n");
        otlp_json_write(spans, 2, "1.2.3", &buf);
        assert_str_equal(buf_str(&buf),
                "{\"resourceSpans\":[{\"resource\":{\"attributes\":["
                "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"triaged\"}},"
                "{\"key\":\"service.version\",\"value\":{\"stringValue\":\"1.2.3\"}}]},"
                "\"scopeSpans\":[{\"scope\":{\"name\":\"triaged\",\"version\":\"1.2.3\"},\"spans\":["
                "{\"traceId\":\"0af70f00000000000000000000000000\",\"spanId\":\"b7ad010000000000\","
                "\"name\":\"POST /api/v1/classify\",\"kind\":2,"
                "\"startTimeUnixNano\":\"1795305600118433000\",\"endTimeUnixNano\":\"1795305600123000000\","
                "\"attributes\":[{\"key\":\"http.route\",\"value\":{\"stringValue\":\"/api/v1/classify\"}},"
                "{\"key\":\"http.response.status_code\",\"value\":{\"intValue\":\"200\"}}],\"status\":{\"code\":1}},"
                "{\"traceId\":\"0af70f00000000000000000000000000\",\"spanId\":\"b7ad010000000000\","
                "\"parentSpanId\":\"0102000000000000\",\"name\":\"chat\",\"kind\":3,"
                "\"startTimeUnixNano\":\"0\",\"endTimeUnixNano\":\"0\","
                "\"attributes\":[{\"key\":\"share\",\"value\":{\"doubleValue\":0.25}},"
                "{\"key\":\"model\",\"value\":{\"stringValue\":\"a \\\"b\\\"\\n\"}}],\"status\":{\"code\":2}}"
                "]}]}]}");
        buf_deinit(&buf);
}

/* A loopback port; with `is_open` connections are taken by the kernel and never answered. */
static int open_port(bool is_open, char *ret_url, size_t size)
{
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t len = sizeof address;
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, len), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
        if (is_open)
                assert_int_equal(listen(fd, 16), 0);
        snprintf(ret_url, size, "http://127.0.0.1:%d/", ntohs(address.sin_port));
        return fd;
}

static void end_spans(int count)
{
        struct span span;
        for (int i = 0; i < count; i++) {
                span_init(&span, &context, NULL, "x", SPAN_SERVER);
                span_add_i64(&span, "number", i);
                span_end(&span);
        }
}

static _Atomic int failures;

static void count_failures(void *arg, enum log_event event, const struct log_field *fields, size_t count)
{
        (void)arg;
        (void)fields;
        (void)count;
        failures += event == LOG_EVENT_SPANS_FAILED;
}

static void without_a_collector_spans_are_dropped_and_told_once(void **state)
{
        (void)state;
        char url[64];
        int fd = open_port(false, url, sizeof url);
        struct otlp *otlp;
        double dropped = metric_value(METRIC_SPANS_DROPPED, 0), exported = metric_value(METRIC_SPANS_EXPORTED, 0);
        log_set_sink(count_failures, NULL);
        assert_ok(otlp_start(url, "1", &otlp, NULL));
        int64_t until_ms = thread_now_ms() + 10000;
        for (int batches = 1; batches <= 2; batches++) {
                end_spans(OTLP_BATCH_SPANS);
                while (metric_value(METRIC_SPANS_DROPPED, 0) - dropped < batches * OTLP_BATCH_SPANS)
                        assert_true(thread_now_ms() < until_ms && usleep(5000) == 0);
        }
        end_spans(10);
        otlp_close(otlp);
        log_set_sink(NULL, NULL);
        assert_false(span_has_sink());
        assert_int_equal((int)(metric_value(METRIC_SPANS_DROPPED, 0) - dropped), 2 * OTLP_BATCH_SPANS + 10);
        assert_true(metric_value(METRIC_SPANS_EXPORTED, 0) == exported);
        assert_int_equal(failures, 1);
        close(fd);
}

static void a_collector_that_hangs_neither_blocks_nor_holds_up_the_end(void **state)
{
        (void)state;
        char url[64];
        int fd = open_port(true, url, sizeof url);
        struct otlp *otlp;
        double dropped = metric_value(METRIC_SPANS_DROPPED, 0);
        assert_ok(otlp_start(url, "1", &otlp, NULL));
        int64_t start_ms = thread_now_ms();
        end_spans(OTLP_BATCH_SPANS);
        usleep(200000); /* until they are on their way */
        end_spans(20 * OTLP_QUEUE_SPANS);
        assert_true(thread_now_ms() - start_ms < OTLP_SEND_MS);
        assert_true(metric_value(METRIC_SPANS_DROPPED, 0) - dropped >= 18 * OTLP_QUEUE_SPANS);
        otlp_close(otlp);
        assert_true(thread_now_ms() - start_ms < OTLP_FLUSH_MS + OTLP_SEND_MS);
        assert_int_equal((int)(metric_value(METRIC_SPANS_DROPPED, 0) - dropped), 20 * OTLP_QUEUE_SPANS + OTLP_BATCH_SPANS);
        close(fd);
}

static void an_idle_one_ends_at_once(void **state)
{
        (void)state;
        struct otlp *otlp;
        assert_ok(otlp_start("http://127.0.0.1:9", "1", &otlp, NULL));
        usleep(50000); /* until it waits */
        int64_t start_ms = thread_now_ms();
        otlp_close(otlp);
        assert_true(thread_now_ms() - start_ms < 1000);
        otlp_close(NULL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_request_is_as_otlp_has_it),
                cmocka_unit_test(without_a_collector_spans_are_dropped_and_told_once),
                cmocka_unit_test(a_collector_that_hangs_neither_blocks_nor_holds_up_the_end),
                cmocka_unit_test(an_idle_one_ends_at_once),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
