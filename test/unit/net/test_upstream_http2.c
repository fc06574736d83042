/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "unit/net/upstream_bench.h"
#include "unit/net/upstream_peer_http2.h"

enum { LARGE = 3 << 20 };

static struct http2_peer peer;
static char large[LARGE];

static void answer_at_once(struct http2_connection *connection, int32_t stream_id)
{
        http2_answer(connection, stream_id, "{}", 2);
}

static void open_peer(struct http2_peer wanted)
{
        peer = wanted;
        if (!peer.on_request)
                peer.on_request = answer_at_once;
        http2_peer_start(&peer);
        bench_reset_config();
        bench_config.is_verified = false;
        bench_config.is_http2 = true;
        memset(large, 'x', sizeof large);
}

static void open_both(struct http2_peer wanted)
{
        open_peer(wanted);
        bench_open("https", peer.port);
}

static void close_both(void)
{
        bench_close();
        http2_peer_stop(&peer);
}

static struct upstream_call *call_once(void)
{
        struct upstream_call *call = bench_start(5000);
        bench_run_until(bench.started);
        return call;
}

static void assert_all_ok(void)
{
        for (size_t i = 0; i < bench.started; i++)
                if (bench.calls[i].result != UPSTREAM_OK || bench.calls[i].status != 200)
                        fail_msg("call %zu: result %d, status %d, \"%s\"", i, bench.calls[i].result, bench.calls[i].status,
                                 bench.calls[i].note);
}

static void a_request_is_written_as_it_is_meant(void **state)
{
        (void)state;
        char expected[512];
        open_both((struct http2_peer){0});
        call_once();
        snprintf(expected, sizeof expected,
                 ":method: POST\n:scheme: https\n:authority: 127.0.0.1:%d\n:path: /v1/chat?k=v\n"
                 "content-type: application/json\ncontent-length: 7\nauthorization: Bearer k\n", peer.port);
        assert_string_equal(peer.last_request, expected);
        assert_int_equal(atomic_load(&peer.body_bytes), 7);
        assert_string_equal(bench.bodies[0], "{}");
        assert_string_equal(bench.request_ids[0], "req-1");
        assert_all_ok();
        close_both();
}

/* Many at a time. */

static void answer_when_all_are_here(struct http2_connection *connection, int32_t stream_id)
{
        http2_hold(connection, stream_id);
        if (connection->held_count == MAX_CALLS)
                http2_answer_held(connection);
}

static void calls_share_a_connection(void **state)
{
        (void)state;
        open_both((struct http2_peer){.on_request = answer_when_all_are_here});
        for (size_t i = 0; i < MAX_CALLS; i++)
                bench_start(5000);
        bench_run_until(MAX_CALLS);
        assert_all_ok();
        assert_int_equal(peer.accepted, 1);
        assert_int_equal(upstream_stats(bench.upstream).opened, 1);
        close_both();
}

static void another_connection_is_opened_only_when_all_are_full(void **state)
{
        (void)state;
        for (size_t connections = 1; connections <= 8; connections += 7) {
                open_peer((struct http2_peer){.on_request = http2_hold, .on_tick = http2_answer_held, .max_streams = 3});
                bench_config.max_connections = connections;
                bench_open("https", peer.port);
                call_once(); /* what the peer takes is known now */
                for (size_t i = 1; i < 8; i++)
                        bench_start(5000);
                bench_run_until(8);
                assert_all_ok();
                assert_int_equal(peer.accepted, connections == 1 ? 1 : 3);
                for (int i = 0; i < peer.accepted; i++)
                        assert_true(peer.connections[i].most_streams <= 3);
                assert_int_equal(peer.connections[0].most_streams, 3);
                assert_int_equal(peer.requests, 8);
                assert_int_equal(peer.resets, 0);
                close_both();
        }
}

/* What the server says it did not process. */

enum { GOING_CALLS = 8, GOING_DONE = 3 };

/* The first connection takes three of eight calls and announces its end, once or, as a graceful server does, twice. */
static void go_away(struct http2_connection *connection, int32_t stream_id)
{
        http2_hold(connection, stream_id);
        if (connection->number > 0) {
                http2_answer_held(connection);
        } else if (connection->held_count == GOING_CALLS) {
                if (connection->peer->variant == 1)
                        nghttp2_submit_shutdown_notice(connection->session);
                nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE, connection->held[GOING_DONE - 1], NGHTTP2_NO_ERROR,
                                      NULL, 0);
        }
}

static void answer_the_processed(struct http2_connection *connection)
{
        connection->held_count = connection->held_count > GOING_DONE ? GOING_DONE : connection->held_count;
        for (size_t i = 0; i < connection->held_count; i++)
                http2_answer(connection, connection->held[i], "old", 3);
        connection->held_count = 0;
}

static void a_goaway_leaves_no_call_behind_and_sends_none_twice(void **state)
{
        (void)state;
        for (int is_graceful = 0; is_graceful < 2; is_graceful++) {
                size_t from_old = 0;
                open_both((struct http2_peer){.on_request = go_away, .on_tick = answer_the_processed, .variant = is_graceful});
                for (size_t i = 0; i < GOING_CALLS; i++)
                        bench_start(5000);
                bench_run_until(GOING_CALLS);
                assert_all_ok();
                for (size_t i = 0; i < GOING_CALLS; i++)
                        from_old += strcmp(bench.bodies[i], "old") == 0;
                assert_int_equal(from_old, GOING_DONE);
                assert_int_equal(peer.accepted, 2);
                assert_int_equal(peer.requests, GOING_CALLS + GOING_CALLS - GOING_DONE);
                bench_run_for(20);
                assert_int_equal(upstream_stats(bench.upstream).connections, 1);
                close_both();
        }
}

static void refuse(struct http2_connection *connection, int32_t stream_id)
{
        nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_REFUSED_STREAM);
}

static void refuse_twice(struct http2_connection *connection, int32_t stream_id)
{
        if (atomic_load(&connection->peer->requests) <= 2)
                refuse(connection, stream_id);
        else
                http2_answer(connection, stream_id, "{}", 2);
}

static void a_refused_call_is_sent_again_but_not_for_ever(void **state)
{
        (void)state;
        open_both((struct http2_peer){.on_request = refuse_twice});
        call_once();
        assert_all_ok();
        assert_int_equal(peer.requests, 3);
        assert_int_equal(peer.accepted, 1);
        close_both();
        open_both((struct http2_peer){.on_request = refuse});
        const struct upstream_call *call = call_once();
        assert_int_equal(call->result, UPSTREAM_LOST);
        assert_non_null(strstr(call->note, "REFUSED_STREAM"));
        assert_int_equal(peer.requests, 17);
        close_both();
}

static void a_peer_that_ends_each_connection_at_once_is_not_stormed(void **state)
{
        (void)state;
        for (enum http2_farewell farewell = HTTP2_HANGS_UP; farewell <= HTTP2_GOES_AWAY; farewell++) {
                open_both((struct http2_peer){.farewell = farewell});
                for (size_t i = 0; i < MAX_CALLS; i++) {
                        const struct upstream_call *call = call_once();
                        assert_int_equal(call->result, UPSTREAM_CONNECT);
                        assert_non_null(strstr(call->note, "the peer"));
                        assert_int_equal(call->sent_us, 0);
                }
                assert_in_range(peer.accepted, 2, MAX_CALLS - 1); /* the rest fail without one: it holds back */
                close_both();
        }
}

static const char *const head_200[][2] = {{":status", "200"}};

/* The second of three calls is reset before its answer, the third in the middle of it. */
static void reset_later(struct http2_connection *connection, int32_t stream_id)
{
        http2_hold(connection, stream_id);
        if (stream_id == 5)
                http2_answer_in_part(connection, stream_id, head_200, 1, "{", 1);
}

static void on_tick_reset(struct http2_connection *connection)
{
        if (connection->held_count < 3)
                return;
        http2_answer(connection, 1, "{}", 2);
        for (int32_t stream_id = 3; stream_id <= 5; stream_id += 2)
                nghttp2_submit_rst_stream(connection->session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_INTERNAL_ERROR);
        connection->held_count = 0;
}

static void a_call_that_is_reset_fails_alone(void **state)
{
        (void)state;
        static const enum upstream_result expected[] = {UPSTREAM_OK, UPSTREAM_LOST, UPSTREAM_CUT};
        open_both((struct http2_peer){.on_request = reset_later, .on_tick = on_tick_reset});
        for (size_t i = 0; i < 3; i++)
                bench_start(5000);
        bench_run_until(3);
        for (size_t i = 0; i < 3; i++)
                assert_int_equal(bench.calls[i].result, expected[i]);
        assert_non_null(strstr(bench.calls[1].note, "INTERNAL_ERROR"));
        assert_int_equal(peer.requests, 3);
        assert_int_equal(upstream_stats(bench.upstream).connections, 1);
        close_both();
}

enum { PINGS = 200, PING_BATCHES = 1500 };

/* Asks for a sign of life again and again, and reads none. */
static void ping_and_not_listen(struct http2_connection *connection, int32_t stream_id)
{
        static const char ping[17] = "\0\0\10\6\0\0\0\0\0";
        static char batch[PINGS * sizeof ping];
        (void)stream_id;
        for (size_t i = 0; i < PINGS; i++)
                memcpy(batch + i * sizeof ping, ping, sizeof ping);
        setsockopt(connection->fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
        for (int i = 0; i < PING_BATCHES && !atomic_load(&peer.is_stopping); i++) {
                if (!http2_send_raw(connection, batch, sizeof batch))
                        return;
                atomic_fetch_add(&peer.body_bytes, sizeof batch);
                usleep(1000);
        }
}

static void answers_that_a_peer_does_not_read_do_not_pile_up(void **state)
{
        (void)state;
        open_both((struct http2_peer){.on_head = ping_and_not_listen, .on_request = http2_hold});
        const struct upstream_call *call = bench_start(15000);
        bench_run_until(1);
        assert_int_equal(call->result, UPSTREAM_MALFORMED);
        assert_true(atomic_load(&peer.body_bytes) < PINGS * 17 * PING_BATCHES);
        close_both();
}

/* Answers of all kinds. The connection goes on behind those that are only one call's fault. */

static void answer_large(struct http2_connection *connection, int32_t stream_id)
{
        http2_answer(connection, stream_id, large, sizeof large);
}

static void answer_all_the_rules(struct http2_connection *connection, int32_t stream_id)
{
        static const char *const hints[][2] = {{":status", "103"}, {"x-request-id", "no"}};
        static const char *const head[][2] = {{":status", "200"}, {"x-request-id", "req-1"}};
        nghttp2_nv trailer = {(uint8_t *)(uintptr_t)"x-trailer", (uint8_t *)large, 9, 16380, NGHTTP2_NV_FLAG_NONE};
        static const uint8_t data[] = {0, 0, 2, 0, 0, 0, 0, 0, 1, '{', '}'}; /* DATA on stream 1 */
        http2_answer_head(connection, stream_id, hints, 2);
        http2_answer_head(connection, stream_id, hints, 2);
        http2_answer_head(connection, stream_id, head, 2);
        http2_send_raw(connection, data, sizeof data);
        nghttp2_submit_ping(connection->session, NGHTTP2_FLAG_NONE, NULL);
        nghttp2_submit_headers(connection->session, NGHTTP2_FLAG_END_STREAM, stream_id, NULL, &trailer, 1, NULL);
}

static void announce_too_much(struct http2_connection *connection, int32_t stream_id)
{
        static const char *const head[][2] = {{":status", "200"}, {"content-length", "10485760"}};
        http2_answer_in_part(connection, stream_id, head, 2, "{", 1);
}

static void answer_with_long_headers(struct http2_connection *connection, int32_t stream_id)
{
        static char value[4000];
        memset(value, 'x', sizeof value - 1);
        const char *const head[][2] = {{":status", "200"}, {"a", value}, {"b", value}, {"c", value}, {"d", value}, {"e", value}};
        http2_answer_in_part(connection, stream_id, head, 6, "{", 1);
}

static void answer_less_than_announced(struct http2_connection *connection, int32_t stream_id)
{
        static const char *const head[][2] = {{":status", "200"}, {"content-length", "3"}};
        static const uint8_t data[] = {0, 0, 2, 0, 1, 0, 0, 0, 1, '{', '}'};
        http2_answer_head(connection, stream_id, head, 2);
        http2_send_raw(connection, data, sizeof data);
}

static void answer_without_a_head(struct http2_connection *connection, int32_t stream_id)
{
        static const char *const hints[][2] = {{":status", "103"}};
        static const uint8_t data[] = {0, 0, 2, 0, 1, 0, 0, 0, 1, '{', '}'};
        http2_answer_head(connection, stream_id, hints, 1);
        http2_send_raw(connection, data, sizeof data);
}

static void answer_another_version(struct http2_connection *connection, int32_t stream_id)
{
        static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        (void)stream_id;
        http2_send_raw(connection, text, sizeof text - 1);
}

static void hang_up(struct http2_connection *connection, int32_t stream_id)
{
        (void)stream_id;
        connection->is_closing = true;
}

static void hang_up_in_the_body(struct http2_connection *connection, int32_t stream_id)
{
        http2_answer_in_part(connection, stream_id, head_200, 1, "{", 1);
        connection->is_closing = true;
}

static const struct answer_case {
        const char *name;
        void (*on_request)(struct http2_connection *connection, int32_t stream_id);
        size_t max_answer_bytes, body_bytes;
        enum upstream_result result;
        int status;
        bool is_dripping;
        bool goes_on;
} answer_cases[] = {
        {"usual", answer_at_once, MAX_ANSWER, 2, UPSTREAM_OK, 200, false, true},
        {"drip", answer_at_once, MAX_ANSWER, 2, UPSTREAM_OK, 200, true, true},
        {"larger than all windows", answer_large, LARGE, LARGE, UPSTREAM_OK, 200, false, true},
        {"informational ones and trailers", answer_all_the_rules, MAX_ANSWER, 2, UPSTREAM_OK, 200, false, true},
        {"the same as a drip", answer_all_the_rules, MAX_ANSWER, 2, UPSTREAM_OK, 200, true, true},
        {"too large", answer_large, MAX_ANSWER, SIZE_MAX, UPSTREAM_TOO_LARGE, 200, false, true},
        {"too large by a byte", answer_large, LARGE - 1, SIZE_MAX, UPSTREAM_TOO_LARGE, 200, false, true},
        {"announced too large", announce_too_much, MAX_ANSWER, 0, UPSTREAM_TOO_LARGE, 200, false, true},
        {"long headers", answer_with_long_headers, MAX_ANSWER, 0, UPSTREAM_TOO_LARGE, 200, false, true},
        {"less than announced", answer_less_than_announced, MAX_ANSWER, 2, UPSTREAM_MALFORMED, 200, false, true},
        {"no head", answer_without_a_head, MAX_ANSWER, 0, UPSTREAM_MALFORMED, 0, false, true},
        {"another version", answer_another_version, MAX_ANSWER, 0, UPSTREAM_MALFORMED, 0, false, false},
        {"hangs up", hang_up, MAX_ANSWER, 0, UPSTREAM_LOST, 0, false, false},
        {"hangs up in the body", hang_up_in_the_body, MAX_ANSWER, 1, UPSTREAM_CUT, 200, false, false},
};

static void play_answer(const struct answer_case *answer)
{
        open_peer((struct http2_peer){.on_request = answer->on_request, .is_dripping = answer->is_dripping});
        bench_config.max_answer_bytes = answer->max_answer_bytes;
        bench_open("https", peer.port);
        const struct upstream_call *call = call_once();
        if (call->result != answer->result || call->status != answer->status ||
            (answer->body_bytes != SIZE_MAX && bench.body_bytes[0] != answer->body_bytes))
                fail_msg("%s: result %d, status %d, %zu bytes, \"%s\"", answer->name, call->result, call->status,
                         bench.body_bytes[0], call->note);
        if (call->result == UPSTREAM_OK)
                assert_string_equal(bench.request_ids[0], "req-1");
        peer.on_request = answer_at_once;
        assert_int_equal(call_once()->result, UPSTREAM_OK);
        if ((peer.accepted == 1) != answer->goes_on)
                fail_msg("%s: %d connections", answer->name, peer.accepted);
        close_both();
}

static void answers_are_read_however_they_come(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof answer_cases / sizeof *answer_cases; i++)
                play_answer(&answer_cases[i]);
}

/* Large requests. */

static void answer_early(struct http2_connection *connection, int32_t stream_id)
{
        http2_answer(connection, stream_id, "{}", 2);
}

static void ignore(struct http2_connection *connection, int32_t stream_id)
{
        (void)connection;
        (void)stream_id;
}

static void a_request_larger_than_all_windows_arrives(void **state)
{
        (void)state;
        open_both((struct http2_peer){0});
        bench.body = (struct str){large, sizeof large};
        call_once();
        assert_all_ok();
        assert_int_equal(atomic_load(&peer.body_bytes), LARGE);
        close_both();
        open_both((struct http2_peer){.on_head = answer_early, .on_request = ignore});
        bench.body = (struct str){large, sizeof large};
        call_once();
        bench.body = (struct str){0};
        peer.on_head = NULL;
        peer.on_request = answer_at_once;
        call_once();
        assert_all_ok();
        assert_int_equal(peer.accepted, 1);
        close_both();
}

/* Calls that are given up. */

static void ping(struct http2_connection *connection)
{
        nghttp2_submit_ping(connection->session, NGHTTP2_FLAG_NONE, NULL);
}

static void a_call_that_is_given_up_takes_only_its_stream_along(void **state)
{
        (void)state;
        for (int is_cancelled = 0; is_cancelled < 2; is_cancelled++) {
                open_both((struct http2_peer){.on_request = http2_hold, .on_tick = ping});
                struct upstream_call *call = bench_start(is_cancelled ? 10000 : 400);
                bench_run_for(40);
                const struct upstream_call *other = bench_start(10000);
                bench_run_for(40);
                assert_int_equal(bench.ended, 0);
                if (is_cancelled)
                        upstream_cancel(call);
                bench_run_until(1);
                assert_int_equal(call->result, is_cancelled ? UPSTREAM_CANCELLED : UPSTREAM_TIMEOUT);
                peer.on_tick = http2_answer_held;
                bench_run_until(2);
                assert_int_equal(other->result, UPSTREAM_OK);
                assert_int_equal(peer.resets, 1);
                assert_int_equal(peer.accepted, 1);
                close_both();
        }
}

static void a_call_may_be_cancelled_before_it_has_left(void **state)
{
        (void)state;
        open_both((struct http2_peer){0});
        call_once();
        struct upstream_call *call = bench_start(5000);
        assert_true(call->sent_us > 0);
        upstream_cancel(call);
        call_once();
        assert_int_equal(call->result, UPSTREAM_CANCELLED);
        assert_int_equal(bench.calls[2].result, UPSTREAM_OK);
        assert_int_equal(peer.requests, 2);
        assert_int_equal(peer.accepted, 1);
        close_both();
}

static void a_connection_that_may_be_dead_gets_no_more_calls(void **state)
{
        (void)state;
        open_both((struct http2_peer){0});
        call_once();
        peer.on_request = ignore;
        bench_run_for(40);
        const struct upstream_call *call = bench_start(60);
        bench_run_until(2);
        assert_int_equal(call->result, UPSTREAM_TIMEOUT);
        peer.on_request = answer_at_once;
        assert_int_equal(call_once()->result, UPSTREAM_OK);
        assert_int_equal(peer.accepted, 2);
        assert_int_equal(upstream_stats(bench.upstream).connections, 1);
        close_both();
}

static void closing_cancels_what_is_under_way(void **state)
{
        (void)state;
        for (int when_ms = 0; when_ms <= 40; when_ms += 40) {
                open_both((struct http2_peer){.on_request = http2_hold});
                bench_start(5000);
                bench_start(5000);
                if (when_ms > 0)
                        bench_run_for(when_ms);
                bench_close();
                http2_peer_stop(&peer);
                assert_int_equal(bench.calls[0].result, UPSTREAM_CANCELLED);
                assert_int_equal(bench.calls[1].result, UPSTREAM_CANCELLED);
        }
}

/* Connections. */

static void an_idle_connection_is_closed_in_time(void **state)
{
        (void)state;
        open_peer((struct http2_peer){0});
        bench_config.idle_timeout_ms = 20;
        bench_open("https", peer.port);
        call_once();
        assert_int_equal(upstream_stats(bench.upstream).connections, 1);
        bench_run_for(150);
        assert_int_equal(upstream_stats(bench.upstream).connections, 0);
        call_once();
        assert_all_ok();
        close_both();
}

static void a_peer_without_http2_is_spoken_to_in_http1(void **state)
{
        (void)state;
        for (int is_offered = 0; is_offered < 2; is_offered++) {
                open_peer((struct http2_peer){.is_http1 = is_offered});
                bench_config.is_http2 = is_offered;
                bench_open("https", peer.port);
                for (size_t i = 0; i < 3; i++)
                        bench_start(5000);
                bench_run_until(3);
                assert_all_ok();
                assert_null(peer.connections[0].session);
                assert_int_equal(peer.requests, 3);
                close_both();
        }
}

static void answer_and_go(struct http2_connection *connection, int32_t stream_id)
{
        http2_answer(connection, stream_id, "{}", 2);
        nghttp2_submit_goaway(connection->session, NGHTTP2_FLAG_NONE, stream_id, NGHTTP2_NO_ERROR, NULL, 0);
        connection->is_closing = true;
}

static void the_next_connection_resumes_the_session(void **state)
{
        (void)state;
        open_both((struct http2_peer){.on_request = answer_and_go});
        for (size_t i = 0; i < 3; i++) {
                call_once();
                bench_run_for(20);
        }
        assert_all_ok();
        assert_int_equal(peer.accepted, 3);
        assert_int_equal(peer.resumed, 2);
        assert_int_equal(upstream_stats(bench.upstream).resumed, 2);
        close_both();
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_request_is_written_as_it_is_meant),
                cmocka_unit_test(calls_share_a_connection),
                cmocka_unit_test(another_connection_is_opened_only_when_all_are_full),
                cmocka_unit_test(a_goaway_leaves_no_call_behind_and_sends_none_twice),
                cmocka_unit_test(a_refused_call_is_sent_again_but_not_for_ever),
                cmocka_unit_test(a_peer_that_ends_each_connection_at_once_is_not_stormed),
                cmocka_unit_test(a_call_that_is_reset_fails_alone),
                cmocka_unit_test(answers_that_a_peer_does_not_read_do_not_pile_up),
                cmocka_unit_test(answers_are_read_however_they_come),
                cmocka_unit_test(a_request_larger_than_all_windows_arrives),
                cmocka_unit_test(a_call_that_is_given_up_takes_only_its_stream_along),
                cmocka_unit_test(a_call_may_be_cancelled_before_it_has_left),
                cmocka_unit_test(a_connection_that_may_be_dead_gets_no_more_calls),
                cmocka_unit_test(closing_cancels_what_is_under_way),
                cmocka_unit_test(an_idle_connection_is_closed_in_time),
                cmocka_unit_test(a_peer_without_http2_is_spoken_to_in_http1),
                cmocka_unit_test(the_next_connection_resumes_the_session),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
