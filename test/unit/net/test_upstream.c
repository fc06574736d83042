/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/upstream_inner.h"
#include "unit/net/upstream_bench.h"
#include "unit/net/upstream_peer.h"

#define OK_HEAD "HTTP/1.1 200 OK\r\nX-Request-Id:  req-1 \r\nContent-Length: 2\r\n\r\n"
#define OK OK_HEAD "{}"
#define FOREVER 60000

static const struct answer_case {
        const char *name;
        struct peer_step script[PEER_STEPS];
        enum upstream_result result;
        int status;
        const char *body;
} answer_cases[] = {
        {"length", {{PEER_READ}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, FOREVER}}, UPSTREAM_OK, 200, "{}"},
        {"status", {{PEER_READ}, {PEER_SEND, "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n"}, {PEER_SLEEP, NULL, FOREVER}},
         UPSTREAM_OK, 503, ""},
        {"drip", {{PEER_READ}, {PEER_DRIP, OK}, {PEER_SLEEP, NULL, FOREVER}}, UPSTREAM_OK, 200, "{}"},
        {"chunked",
         {{PEER_READ},
          {PEER_DRIP, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Request-Id: req-1\r\n\r\n"
                      "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Request-Id: trailer\r\n\r\n"},
          {PEER_SLEEP, NULL, FOREVER}},
         UPSTREAM_OK, 200, "abcde"},
        {"until the end", {{PEER_READ}, {PEER_SEND, "HTTP/1.1 200 OK\r\n\r\nabc"}}, UPSTREAM_OK, 200, "abc"},
        {"informational",
         {{PEER_READ},
          {PEER_DRIP, "HTTP/1.1 100 Continue\r\nX-Request-Id: no\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" OK}},
         UPSTREAM_OK, 200, "{}"},
        {"rest", {{PEER_READ}, {PEER_SEND, OK "more"}, {PEER_SLEEP, NULL, FOREVER}}, UPSTREAM_OK, 200, "{}"},
        {"cut in the body", {{PEER_READ}, {PEER_SEND, OK_HEAD "{"}}, UPSTREAM_CUT, 200, "{"},
        {"cut in the head", {{PEER_READ}, {PEER_SEND, "HTTP/1.1 200 O"}}, UPSTREAM_CUT, 0, ""},
        {"cut in a chunk", {{PEER_READ}, {PEER_SEND, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"}},
         UPSTREAM_CUT, 200, "ab"},
        {"no answer", {{PEER_READ}}, UPSTREAM_LOST, 0, ""},
        {"reset", {{PEER_READ}, {PEER_RESET}}, UPSTREAM_LOST, 0, ""},
        {"only informational", {{PEER_READ}, {PEER_SEND, "HTTP/1.1 100 Continue\r\n\r\n"}, {PEER_SLEEP, NULL, 20}},
         UPSTREAM_LOST, 0, ""},
        {"garbage", {{PEER_READ}, {PEER_SEND, "SSH-2.0-OpenSSH\r\n"}, {PEER_SLEEP, NULL, FOREVER}},
         UPSTREAM_MALFORMED, 0, ""},
        {"another protocol",
         {{PEER_READ}, {PEER_SEND, "HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"}, {PEER_SLEEP, NULL, FOREVER}},
         UPSTREAM_MALFORMED, 0, ""},
        {"two lengths",
         {{PEER_READ}, {PEER_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"}, {PEER_SLEEP, NULL, FOREVER}},
         UPSTREAM_MALFORMED, 0, ""},
        {"announced too large",
         {{PEER_READ}, {PEER_SEND, "HTTP/1.1 200 OK\r\nContent-Length: 10485760\r\n\r\n"}, {PEER_SLEEP, NULL, FOREVER}},
         UPSTREAM_TOO_LARGE, 200, ""},
        {"10 MiB without a length", {{PEER_READ}, {PEER_SEND, "HTTP/1.1 200 OK\r\n\r\n"}, {PEER_FLOOD, NULL, 160}},
         UPSTREAM_TOO_LARGE, 200, NULL},
        {"endless head", {{PEER_READ}, {PEER_SEND, "HTTP/1.1 200 OK\r\nx: "}, {PEER_SEND, NULL, 0}},
         UPSTREAM_TOO_LARGE, 0, NULL},
};

static void play_answer(const struct answer_case *answer)
{
        static char long_value[20001];
        struct peer peer = {0};
        memcpy(peer.scripts[0], answer->script, sizeof peer.scripts[0]);
        memset(long_value, 'x', sizeof long_value - 1);
        if (peer.scripts[0][2].action == PEER_SEND)
                peer.scripts[0][2].text = long_value;
        peer_start(&peer);
        bench_open("http", peer.port);
        const struct upstream_call *call = bench_start(5000);
        bench_run_until(1);
        if (call->result != answer->result || call->status != answer->status)
                fail_msg("%s: result %d, status %d, \"%s\"", answer->name, call->result, call->status, call->note);
        if (answer->body)
                assert_string_equal(bench.bodies[0], answer->body);
        if (call->result == UPSTREAM_OK && call->status == 200 && strcmp(answer->name, "until the end") != 0)
                assert_string_equal(bench.request_ids[0], "req-1");
        assert_true(call->sent_us > 0 && call->sent_us <= call->ended_us);
        bench_close();
        peer_stop(&peer);
}

static void answers_are_read_however_they_come(void **state)
{
        (void)state;
        bench_reset_config();
        for (size_t i = 0; i < sizeof answer_cases / sizeof *answer_cases; i++)
                play_answer(&answer_cases[i]);
}

static void a_request_is_written_as_it_is_meant(void **state)
{
        (void)state;
        char expected[512];
        struct peer peer = {.scripts = {{{PEER_READ}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, FOREVER}}}};
        bench_reset_config();
        peer_start(&peer);
        bench_open("http", peer.port);
        bench_start(5000);
        bench_run_until(1);
        snprintf(expected, sizeof expected,
                 "POST /v1/chat?k=v HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Type: application/json\r\n"
                 "Content-Length: 7\r\nauthorization: Bearer k\r\n\r\n{\"a\":1}", peer.port);
        assert_string_equal(peer.last_request, expected);
        bench_close();
        peer_stop(&peer);
}

/* Two calls, one after the other: over how many connections do they go? */
static void play_two(const struct peer_step first[PEER_STEPS], int64_t pause_ms, int expected)
{
        struct peer peer = {.scripts = {{{PEER_CLOSE}}, {{PEER_READ}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, FOREVER}}}};
        memcpy(peer.scripts[0], first, sizeof peer.scripts[0]);
        peer_start(&peer);
        bench_open("http", peer.port);
        for (size_t i = 0; i < 2; i++) {
                const struct upstream_call *call = bench_start(5000);
                bench_run_until(i + 1);
                assert_int_equal(call->result, UPSTREAM_OK);
                if (pause_ms > 0)
                        bench_run_for(pause_ms);
        }
        assert_int_equal(peer.accepted, expected);
        assert_int_equal(peer.requests, 2);
        assert_int_equal(upstream_stats(bench.upstream).opened, (uint64_t)expected);
        assert_int_equal(upstream_stats(bench.upstream).calls, 0);
        bench_close();
        peer_stop(&peer);
}

static void a_connection_is_kept_as_long_as_it_may_be(void **state)
{
        (void)state;
        static const struct peer_step keeps[PEER_STEPS] = {
                {PEER_READ}, {PEER_SEND, OK}, {PEER_READ}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, FOREVER}};
        static const struct peer_step says_close[PEER_STEPS] = {
                {PEER_READ}, {PEER_SEND, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
                {PEER_READ}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, FOREVER}};
        static const struct peer_step says_more[PEER_STEPS] = {
                {PEER_READ}, {PEER_SEND, OK "HTTP/1.1 408"}, {PEER_READ}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, FOREVER}};
        static const struct peer_step speaks_later[PEER_STEPS] = {
                {PEER_READ}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, 20}, {PEER_SEND, "x"}, {PEER_SLEEP, NULL, FOREVER}};
        static const struct peer_step closes_later[PEER_STEPS] = {{PEER_READ}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, 20}};
        bench_reset_config();
        play_two(keeps, 0, 1);
        play_two(says_close, 0, 2);
        play_two(says_more, 0, 2);
        play_two(speaks_later, 100, 2);
        play_two(closes_later, 100, 2);
        bench_config.idle_timeout_ms = 20;
        play_two(keeps, 150, 2);
}

static void what_a_burst_leaves_over_is_closed_sooner(void **state)
{
        (void)state;
        struct peer peer = {.scripts = {{{PEER_READ}, {PEER_SLEEP, NULL, 20}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, FOREVER}}}};
        for (size_t i = 1; i < PEER_SCRIPTS; i++)
                memcpy(peer.scripts[i], peer.scripts[0], sizeof peer.scripts[0]);
        bench_reset_config();
        bench_config.warm_connections = 2;
        bench_config.surplus_timeout_ms = 50;
        peer_start(&peer);
        bench_open("http", peer.port);
        for (size_t i = 0; i < 5; i++)
                bench_start(5000);
        bench_run_until(5);
        bench_run_for(300);
        assert_int_equal(upstream_stats(bench.upstream).opened, 5);
        assert_int_equal(upstream_stats(bench.upstream).connections, 2);
        bench_close();
        peer_stop(&peer);
}

static void a_call_ends_at_its_deadline_or_when_cancelled(void **state)
{
        (void)state;
        static const struct peer_step scripts[][PEER_STEPS] = {
                {{PEER_SLEEP, NULL, FOREVER}}, {{PEER_READ}, {PEER_SEND, OK_HEAD "{"}, {PEER_SLEEP, NULL, FOREVER}}};
        bench_reset_config();
        for (size_t i = 0; i < 4; i++) {
                struct peer peer = {0};
                bool is_cancelled = i % 2;
                memcpy(peer.scripts[0], scripts[i / 2], sizeof peer.scripts[0]);
                peer_start(&peer);
                bench_open("http", peer.port);
                struct upstream_call *call = bench_start(is_cancelled ? 10000 : 60);
                bench_run_for(is_cancelled ? 60 : 20);
                assert_int_equal(bench.ended, 0);
                if (is_cancelled)
                        upstream_cancel(call);
                assert_int_equal(bench.ended, 0);
                bench_run_until(1);
                assert_int_equal(call->result, is_cancelled ? UPSTREAM_CANCELLED : UPSTREAM_TIMEOUT);
                assert_int_equal(upstream_stats(bench.upstream).connections, 0);
                bench_close();
                peer_stop(&peer);
        }
}

static void a_call_may_be_cancelled_before_it_is_sent(void **state)
{
        (void)state;
        struct peer peer = {.scripts = {{{PEER_READ}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, FOREVER}}}};
        bench_reset_config();
        peer_start(&peer);
        bench_open("http", peer.port);
        struct upstream_call *call = bench_start(5000);
        upstream_cancel(call);
        upstream_cancel(call);
        assert_int_equal(bench.ended, 0);
        bench_run_until(1);
        assert_int_equal(call->result, UPSTREAM_CANCELLED);
        assert_int_equal(call->sent_us, 0);
        const struct upstream_call *next = bench_start(5000); /* the connection that was opened serves another */
        bench_run_until(2);
        assert_int_equal(next->result, UPSTREAM_OK);
        assert_int_equal(peer.requests, 1);
        bench_close();
        peer_stop(&peer);
}

static void calls_over_the_caps_wait_or_are_refused(void **state)
{
        (void)state;
        struct peer peer = {.scripts = {{{PEER_READ}, {PEER_SLEEP, NULL, 30}, {PEER_SEND, OK}, {PEER_READ}, {PEER_SLEEP, NULL, 30},
                                         {PEER_SEND, OK}, {PEER_READ}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, FOREVER}}}};
        bench_reset_config();
        bench_config.max_connections = 1;
        bench_config.max_calls = 4;
        peer_start(&peer);
        bench_open("http", peer.port);
        for (size_t i = 0; i < 5; i++)
                bench_start(i == 3 ? 20 : 5000);
        assert_int_equal(upstream_stats(bench.upstream).calls, 4);
        bench_run_until(5);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(bench.calls[i].result, UPSTREAM_OK);
        assert_int_equal(bench.calls[3].result, UPSTREAM_TIMEOUT);
        assert_int_equal(bench.calls[3].sent_us, 0);
        assert_int_equal(bench.calls[4].result, UPSTREAM_OVERLOADED);
        assert_int_equal(peer.accepted, 1);
        bench_close();
        peer_stop(&peer);
}

static void a_refused_connection_fails_fast_and_is_tried_again(void **state)
{
        (void)state;
        struct peer peer = {.scripts = {{{PEER_READ}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, FOREVER}}}};
        bench_reset_config();
        peer_start(&peer); /* only to learn of a port that is free */
        peer_stop(&peer);
        bench_open("http", peer.port);
        for (size_t i = 0; i < 8; i++) {
                const struct upstream_call *call = bench_start(5000);
                bench_run_until(i + 1);
                assert_int_equal(call->result, UPSTREAM_CONNECT);
                assert_non_null(strstr(call->note, "refused"));
                assert_int_equal(call->sent_us, 0);
                assert_true(call->ended_us < call->deadline_at_ms * 1000 - 4000000);
        }
        assert_int_equal(upstream_stats(bench.upstream).opened, 0);
        bench_close();
}

/* In place of the C library's: what the name of the test stands for; NULL: nothing. */
static const char *name_is;
static atomic_int lookups;
static atomic_bool is_server_silent, has_given_up;

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **ret_list)
{
        int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
        (void)name;
        *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
        atomic_fetch_add(&lookups, 1);
        for (int i = 0; i < 1000 && atomic_load(&is_server_silent); i++)
                usleep(10000);
        atomic_store(&has_given_up, true);
        return name_is ? real(name_is, service, hints, ret_list) : EAI_NONAME;
}

static void check_lookup(const char *is, int64_t ttl_ms, enum upstream_result result, int expected_lookups)
{
        name_is = is;
        bench_run_for(ttl_ms);
        size_t before = bench.ended;
        const struct upstream_call *call = bench_start(5000);
        bench_run_until(before + 1);
        assert_int_equal(call->result, result);
        assert_int_equal(atomic_exchange(&lookups, 0), expected_lookups);
}

static void a_name_is_looked_up_again_in_time_and_when_it_leads_nowhere(void **state)
{
        (void)state;
        enum { TTL_MS = 15, OVER_MS = 30 };
        struct peer peer = {.scripts = {{{PEER_READ}, {PEER_SEND, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"}}}};
        bench_reset_config();
        peer_start(&peer);
        bench_config.dns_ttl_ms = TTL_MS;
        bench_open_host("http", "llm.test", peer.port);
        check_lookup("127.0.0.1", 1, UPSTREAM_OK, 1);
        check_lookup(NULL, OVER_MS, UPSTREAM_OK, 1); /* the old address is better than none */
        check_lookup("127.0.0.2", OVER_MS, UPSTREAM_CONNECT, 1);
        bench_close();
        bench_config.dns_ttl_ms = FOREVER;
        bench_open_host("http", "llm.test", peer.port);
        check_lookup("127.0.0.2", 1, UPSTREAM_CONNECT, 1);
        check_lookup("127.0.0.1", 1, UPSTREAM_OK, 1);
        check_lookup("127.0.0.2", 1, UPSTREAM_OK, 0); /* nobody is asked */
        bench_close();
        peer_stop(&peer);
}

static void closing_does_not_wait_for_a_name_server(void **state)
{
        (void)state;
        bench_reset_config();
        atomic_store(&is_server_silent, true);
        atomic_store(&has_given_up, false);
        bench_open_host("http", "llm.test", 1);
        const struct upstream_call *call = bench_start(5000);
        while (atomic_load(&lookups) == 0)
                bench_run_for(1);
        bench_close();
        assert_false(atomic_load(&has_given_up));
        assert_int_equal(call->result, UPSTREAM_CANCELLED);
        atomic_store(&is_server_silent, false);
        while (!atomic_load(&has_given_up))
                usleep(1000);
}

static void closing_cancels_what_is_under_way(void **state)
{
        (void)state;
        for (int when_ms = 0; when_ms <= 40; when_ms += 40) {
                struct peer peer = {.scripts = {{{PEER_READ}, {PEER_SLEEP, NULL, FOREVER}}}};
                bench_reset_config();
                bench_config.max_connections = 1;
                peer_start(&peer);
                bench_open("http", peer.port);
                bench_start(5000);
                bench_start(5000);
                if (when_ms > 0)
                        bench_run_for(when_ms);
                bench_close();
                assert_int_equal(bench.calls[0].result, UPSTREAM_CANCELLED);
                assert_int_equal(bench.calls[1].result, UPSTREAM_CANCELLED);
                peer_stop(&peer);
        }
}

static void a_header_that_would_be_two_is_not_sent(void **state)
{
        (void)state;
        static const struct upstream_header headers[] = {{STR_INIT("authorization"), STR_INIT("k\r\nx: y")}};
        struct peer peer = {.scripts = {{{PEER_READ}, {PEER_SEND, OK}}}};
        bench_reset_config();
        peer_start(&peer);
        bench_open("http", peer.port);
        struct upstream_call *call = &bench.calls[bench.started++];
        *call = (struct upstream_call){.path = STR("/"), .headers = headers, .header_count = 1, .done = bench_on_done,
                                       .deadline_at_ms = INT64_MAX / 2};
        upstream_start(bench.upstream, call);
        bench_run_until(1);
        assert_int_equal(call->result, UPSTREAM_CONNECT);
        assert_int_equal(peer.accepted, 0);
        bench_close();
        peer_stop(&peer);
}

/* A peer can make TLS write without reading itself, by asking for new keys; what is queued then must not grow. */
static void what_a_peer_does_not_read_has_a_limit(void **state)
{
        (void)state;
        enum { CHUNK = 65536, CHUNKS = 1024 };
        static const char chunk[CHUNK];
        struct peer peer = {.scripts = {{{PEER_READ}, {PEER_SEND, OK}, {PEER_SLEEP, NULL, FOREVER}}}};
        bench_reset_config();
        peer_start(&peer);
        bench_open("http", peer.port);
        bench_start(5000);
        bench_run_until(1);
        struct upstream_connection *connection =
                list_item(bench.upstream->ready.next, struct upstream_connection, link);
        size_t sent = 0;
        while (sent < CHUNKS && upstream_io_send(connection, (struct str){chunk, CHUNK}, (struct str){0}))
                sent++;
        assert_in_range(sent, 1, CHUNKS - 1);
        assert_true(upstream_io_unsent(connection) <= UPSTREAM_UNSENT_BYTES + CHUNK);
        bench_close();
        peer_stop(&peer);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(answers_are_read_however_they_come),
                cmocka_unit_test(a_request_is_written_as_it_is_meant),
                cmocka_unit_test(a_connection_is_kept_as_long_as_it_may_be),
                cmocka_unit_test(what_a_burst_leaves_over_is_closed_sooner),
                cmocka_unit_test(a_call_ends_at_its_deadline_or_when_cancelled),
                cmocka_unit_test(a_call_may_be_cancelled_before_it_is_sent),
                cmocka_unit_test(calls_over_the_caps_wait_or_are_refused),
                cmocka_unit_test(a_refused_connection_fails_fast_and_is_tried_again),
                cmocka_unit_test(a_name_is_looked_up_again_in_time_and_when_it_leads_nowhere),
                cmocka_unit_test(closing_does_not_wait_for_a_name_server),
                cmocka_unit_test(closing_cancels_what_is_under_way),
                cmocka_unit_test(what_a_peer_does_not_read_has_a_limit),
                cmocka_unit_test(a_header_that_would_be_two_is_not_sent),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
