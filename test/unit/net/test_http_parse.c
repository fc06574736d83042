/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "net/http_parse.h"
#include "net/response.h"

enum { ACCEPTED = -1, INCOMPLETE = -2 };

static const struct server_limits limits = {
        .max_header_bytes = 512, .max_headers = 5, .max_target_bytes = 64, .max_body_bytes = 32};

struct parsed {
        struct arena arena;
        struct head_scan scan;
        struct http_parser parser;
        struct http_request request;
        struct http_head head;
        int outcome;
};

/* Parses from memory of exactly that size, so that a sanitizer sees each step outside. */
static void parse(struct parsed *parsed, const char *head, size_t len, size_t step)
{
        *parsed = (struct parsed){.outcome = INCOMPLETE};
        arena_init(&parsed->arena, 65536);
        enum http_progress progress = HTTP_MORE;
        for (size_t have = step; progress == HTTP_MORE; have += step) {
                size_t part = have < len ? have : len;
                char *bytes = alloc_resize(NULL, part ? part : 1);
                memcpy(bytes, head, part);
                progress = head_scan(&parsed->scan, (struct str){bytes, part}, &limits);
                free(bytes);
                if (part == len)
                        break;
        }
        if (progress == HTTP_REFUSED)
                parsed->outcome = (int)parsed->scan.refusal;
        if (progress != HTTP_DONE)
                return;
        size_t start = parsed->scan.start;
        struct str copy = arena_copy(&parsed->arena, (struct str){head + start, parsed->scan.seen - start});
        progress = http_parser_head(&parsed->parser, copy, &parsed->scan, &parsed->arena, &parsed->request,
                                    &parsed->head);
        parsed->outcome = progress == HTTP_REFUSED ? (int)parsed->parser.refusal : ACCEPTED;
}

#define HOST "Host: a\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST
#define X10 "xxxxxxxxxx"
#define X70 X10 X10 X10 X10 X10 X10 X10

static const struct {
        const char *head;
        size_t len; /* 0: as long as the text */
        int outcome;
} heads[] = {
        {GET "\r\n", 0, ACCEPTED},
        {"\r\n" GET "\r\n", 0, ACCEPTED},
        {"\r\n\r\n" GET "\r\n", 0, REFUSAL_MALFORMED},
        {GET, 0, INCOMPLETE},
        {GET "\r", 0, INCOMPLETE},
        {"", 0, INCOMPLETE},
        {"\n" GET "\r\n", 0, REFUSAL_MALFORMED},
        /* the request line */
        {"GET / HTTP/1.1\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET  / HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET /  HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/1.1 \r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {" GET / HTTP/1.1\r\n", 0, REFUSAL_MALFORMED},
        {"GET\t/ HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET /\r\n", 0, REFUSAL_MALFORMED},
        {"GET\r\n", 0, REFUSAL_MALFORMED},
        {"GET / http/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/1.\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/1.10\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/2.0\r\n" HOST "\r\n", 0, REFUSAL_VERSION},
        {"GET / HTTP/0.9\r\n" HOST "\r\n", 0, REFUSAL_VERSION},
        {"PRI * HTTP/2.0\r\n\r\n", 0, REFUSAL_VERSION},
        {"GET / RTSP/1.0\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"get / HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_NOT_IMPLEMENTED},
        {"CONNECT a:1 HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_NOT_IMPLEMENTED},
        {"TRACE / HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_NOT_IMPLEMENTED},
        {"DESCRIBE / HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_NOT_IMPLEMENTED},
        {"G(T / HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"\x16\x03\x01", 0, REFUSAL_MALFORMED},
        {"GET /\0 HTTP/1.1\r\n" HOST "\r\n", 28, REFUSAL_MALFORMED},
        {"GET /\x7f HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET /\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET /a#b HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET /\\ HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET a HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET * HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 0, ACCEPTED},
        {"GET http://b/ HTTP/1.1\r\n" HOST "\r\n", 0, ACCEPTED},
        {"GET http:///x HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET http://u@b/ HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET ftp://b/ HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_MALFORMED},
        {"GET /" X70 " HTTP/1.1\r\n" HOST "\r\n", 0, REFUSAL_URI_TOO_LONG},
        {"GET /" X70 X70, 0, REFUSAL_URI_TOO_LONG},
        {X70, 0, REFUSAL_MALFORMED},
        /* header lines */
        {GET "A: b\n\r\n", 0, REFUSAL_MALFORMED},
        {GET "A: b\r\n\n", 0, REFUSAL_MALFORMED},
        {GET "A: b\rc\r\n\r\n", 0, REFUSAL_MALFORMED},
        {GET "A: b\r\r\n\r\n", 0, REFUSAL_MALFORMED},
        {GET "A : b\r\n\r\n", 0, REFUSAL_MALFORMED},
        {GET " A: b\r\n\r\n", 0, REFUSAL_MALFORMED},
        {GET "A: b\r\n c\r\n\r\n", 0, REFUSAL_MALFORMED},
        {GET "A: b\r\n\tc\r\n\r\n", 0, REFUSAL_MALFORMED},
        {GET ": b\r\n\r\n", 0, REFUSAL_MALFORMED},
        {GET "Ab\r\n\r\n", 0, REFUSAL_MALFORMED},
        {GET "A[]: b\r\n\r\n", 0, REFUSAL_MALFORMED},
        {GET "A\xe4: b\r\n\r\n", 0, REFUSAL_MALFORMED},
        {GET "A: b\x01\r\n\r\n", 0, REFUSAL_MALFORMED},
        {GET "A: b\x7f\r\n\r\n", 0, REFUSAL_MALFORMED},
        {GET "A: \0\r\n\r\n", 32, REFUSAL_MALFORMED},
        {GET "A: b\tc \xe4\r\n\r\n", 0, ACCEPTED},
        {GET "A:\r\n\r\n", 0, ACCEPTED},
        {GET "A:1\r\nB:2\r\nC:3\r\nD:4\r\n\r\n", 0, ACCEPTED},
        {GET "A:1\r\nB:2\r\nC:3\r\nD:4\r\nE:5\r\n\r\n", 0, REFUSAL_HEADERS_TOO_LARGE},
        {GET "A: " X70 X70 X70 X70 X70 X70 X70 X70, 0, REFUSAL_HEADERS_TOO_LARGE},
        {GET "A: " X70 X70 X70 X70 X70 X70 X70 X70 "\r\n\r\n", 0, REFUSAL_HEADERS_TOO_LARGE},
        /* Host */
        {"GET / HTTP/1.1\r\n\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/1.0\r\n\r\n", 0, ACCEPTED},
        {"GET / HTTP/1.0\r\n" HOST HOST "\r\n", 0, REFUSAL_MALFORMED},
        {GET HOST "\r\n", 0, REFUSAL_MALFORMED},
        {GET "hOST: a\r\n\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 0, REFUSAL_MALFORMED},
        {"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 0, ACCEPTED},
        {"GET / HTTP/1.1\r\nHost: a.b-c_d:8080\r\n\r\n", 0, ACCEPTED},
        /* framing */
        {POST "Content-Length: 5\r\n\r\n", 0, ACCEPTED},
        {POST "Content-Length: 005\r\n\r\n", 0, ACCEPTED},
        {POST "Content-Length:\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Content-Length: +5\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Content-Length: -5\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Content-Length: 0x5\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Content-Length: 5 5\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Content-Length: 5, 5\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Content-Length: 5\r\ncontent-length: 6\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Content-Length: 18446744073709551616\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Content-Length: 18446744073709551615\r\n\r\n", 0, ACCEPTED},
        {POST "Transfer-Encoding: chunked\r\n\r\n", 0, ACCEPTED},
        {POST "Transfer-Encoding: CHUNKED\r\n\r\n", 0, ACCEPTED},
        {POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Transfer-Encoding: chunked, chunked\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Transfer-Encoding: chunked, gzip\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Transfer-Encoding: chunked,\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Transfer-Encoding: gzip, chunked\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Transfer-Encoding: gzip\r\n\r\n", 0, REFUSAL_NOT_IMPLEMENTED},
        {POST "Transfer-Encoding: identity\r\n\r\n", 0, REFUSAL_NOT_IMPLEMENTED},
        {POST "Transfer-Encoding: xchunked\r\n\r\n", 0, REFUSAL_NOT_IMPLEMENTED},
        {POST "Transfer-Encoding:\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Transfer-Encoding: \"chunked\"\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Transfer-Encoding : chunked\r\n\r\n", 0, REFUSAL_MALFORMED},
        {"POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 0, REFUSAL_MALFORMED},
        {POST "Content-Length: 1\r\nExpect: 100-continue\r\n\r\n", 0, ACCEPTED},
        {POST "Content-Length: 1\r\nExpect: 200-ok\r\n\r\n", 0, REFUSAL_EXPECTATION_FAILED},
        {"POST / HTTP/1.0\r\nContent-Length: 1\r\nExpect: x\r\n\r\n", 0, ACCEPTED},
        {GET "Upgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 0, ACCEPTED},
};

static void heads_are_accepted_or_refused_however_they_are_cut(void **state)
{
        (void)state;
        static const size_t steps[] = {4096, 1, 2, 7};
        for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
                for (size_t j = 0; j < sizeof steps / sizeof *steps; j++) {
                        struct parsed parsed;
                        size_t len = heads[i].len ? heads[i].len : strlen(heads[i].head);
                        parse(&parsed, heads[i].head, len, steps[j]);
                        if (parsed.outcome != heads[i].outcome)
                                fail_msg("step %zu: %d instead of %d for %s", steps[j], parsed.outcome,
                                         heads[i].outcome, heads[i].head);
                        arena_deinit(&parsed.arena);
                }
        }
}

static void a_request_tells_its_parts(void **state)
{
        (void)state;
        struct parsed parsed;
        const char *head = "\r\nPOST http://h:1/p%20q?x=1?y HTTP/1.1\r\nHost:  a \r\nEmpty:\r\nX:\t1, 2 \r\n"
                           "Content-Length: 7\r\n\r\n";
        parse(&parsed, head, strlen(head), 4096);
        assert_int_equal(parsed.outcome, ACCEPTED);
        assert_int_equal(parsed.request.method, HTTP_METHOD_POST);
        assert_str_equal(parsed.request.target, "http://h:1/p%20q?x=1?y");
        assert_str_equal(parsed.request.path, "/p%20q");
        assert_str_equal(parsed.request.query, "x=1?y");
        assert_int_equal(parsed.request.header_count, 4);
        assert_str_equal(parsed.request.headers[0].value, "a");
        assert_str_equal(parsed.request.headers[1].name, "Empty");
        assert_non_null(parsed.request.headers[1].value.ptr);
        assert_str_equal(parsed.request.headers[1].value, "");
        assert_str_equal(parsed.request.headers[2].value, "1, 2");
        assert_int_equal(parsed.head.content_length, 7);
        arena_deinit(&parsed.arena);
}

static void targets_have_paths_and_queries(void **state)
{
        (void)state;
        static const struct {
                const char *target, *path, *query;
        } cases[] = {
                {"/", "/", NULL}, {"/a?", "/a", ""}, {"/a?b?c", "/a", "b?c"},
                {"http://h", "/", NULL}, {"HTTP://h?q", "/", "q"}, {"https://[::1]:1/a", "/a", NULL},
                {"//h/a", "//h/a", NULL},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct str path, query;
                assert_true(http_split_target(str_from(cases[i].target), HTTP_METHOD_GET, &path, &query));
                assert_str_equal(path, cases[i].path);
                assert_int_equal(query.ptr == NULL, cases[i].query == NULL);
                if (cases[i].query)
                        assert_str_equal(query, cases[i].query);
        }
}

static void connections_stay_open_by_the_rules_of_their_version(void **state)
{
        (void)state;
        static const struct {
                const char *head;
                bool is_keep_alive;
        } cases[] = {
                {GET "\r\n", true},
                {GET "Connection: close\r\n\r\n", false},
                {GET "Connection: x, CLOSE\r\n\r\n", false},
                {GET "Connection: keep-alive\r\n\r\n", true},
                {"GET / HTTP/1.0\r\n\r\n", false},
                {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true},
                {"GET / HTTP/1.0\r\nConnection: close\r\n\r\n", false},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct parsed parsed;
                parse(&parsed, cases[i].head, strlen(cases[i].head), 4096);
                assert_int_equal(parsed.outcome, ACCEPTED);
                assert_int_equal(parsed.head.is_keep_alive, cases[i].is_keep_alive);
                arena_deinit(&parsed.arena);
        }
}

#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

static const struct {
        const char *head;
        const char *body;
        int outcome;
        const char *decoded;
        const char *rest; /* belongs to the next request */
} bodies[] = {
        {POST "Content-Length: 3\r\n\r\n", "abc", ACCEPTED, "abc", ""},
        {POST "Content-Length: 3\r\n\r\n", "abcGET /", ACCEPTED, "abc", "GET /"},
        {POST "Content-Length: 3\r\n\r\n", "ab", INCOMPLETE, "ab", ""},
        {CHUNKED, "3\r\nabc\r\n0\r\n\r\n", ACCEPTED, "abc", ""},
        {CHUNKED, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\nGET /", ACCEPTED, "abcde", "GET /"},
        {CHUNKED, "A\r\n0123456789\r\n00\r\n\r\n", ACCEPTED, "0123456789", ""},
        {CHUNKED, "3;x=y\r\nabc\r\n0\r\n\r\n", ACCEPTED, "abc", ""},
        {CHUNKED, "3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n", ACCEPTED, "abc", ""},
        {CHUNKED, "0\r\n\r\n", ACCEPTED, "", ""},
        {CHUNKED, "3\r\nabc\r\n0\r\n", INCOMPLETE, "abc", ""},
        {CHUNKED, "3\r\nabcd\r\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "3\nabc\r\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "3\r\nabc\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "+3\r\nabc\r\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "-3\r\nabc\r\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "0x3\r\nabc\r\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, " 3\r\nabc\r\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "3 \r\nabc\r\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "\r\nabc\r\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "g\r\nabc\r\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "3;a\nb\r\nabc\r\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "3;a\rb\r\nabc\r\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "3\r\nabc\r\n0\r\nTrailer : x\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "3\r\nabc\r\n0\r\nTrailer: x\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        /* dropped with the trailers, it frames nothing */
        {CHUNKED, "3\r\nabc\r\n0\r\nContent-Length: 5\r\n\r\nGET /", ACCEPTED, "abc", "GET /"},
        {CHUNKED, "3\r\nabc\r\n0\r\nTrailer: x\r\n y\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "4\r\na\nb\r\r\n0\r\n\r\n", ACCEPTED, "a\nb\r", ""},
        {CHUNKED, "3\r\nabc\r\n0\r\n\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "10000000000000003\r\nabc\r\n0\r\n\r\n", REFUSAL_MALFORMED, NULL, NULL},
        {CHUNKED, "FFFFFFFFFFFFFFFF\r\nabc", REFUSAL_PAYLOAD_TOO_LARGE, NULL, NULL},
        {CHUNKED, "21\r\nabc", REFUSAL_PAYLOAD_TOO_LARGE, NULL, NULL},
        {CHUNKED, "1f\r\n0123456789012345678901234567890\r\n2\r\nab", REFUSAL_PAYLOAD_TOO_LARGE, NULL, NULL},
};

static int decode(struct parsed *parsed, const char *body, size_t step, struct buf *to, size_t *ret_used)
{
        size_t len = strlen(body);
        for (size_t at = 0; at < len;) {
                size_t part = len - at < step ? len - at : step;
                char *bytes = alloc_copy(body + at, part);
                size_t used;
                enum http_progress progress =
                        http_parser_body(&parsed->parser, (struct str){bytes, part}, to, &used);
                free(bytes);
                if (progress == HTTP_REFUSED)
                        return (int)parsed->parser.refusal;
                at += used;
                *ret_used = at;
                if (progress == HTTP_DONE)
                        return ACCEPTED;
        }
        return INCOMPLETE;
}

static void bodies_are_decoded_or_refused_however_they_are_cut(void **state)
{
        (void)state;
        static const size_t steps[] = {4096, 1, 2, 3};
        for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
                for (size_t j = 0; j < sizeof steps / sizeof *steps; j++) {
                        struct parsed parsed;
                        parse(&parsed, bodies[i].head, strlen(bodies[i].head), 4096);
                        assert_int_equal(parsed.outcome, ACCEPTED);
                        assert_true(parsed.head.has_body);
                        struct buf body;
                        buf_init(&body, limits.max_body_bytes);
                        size_t used = 0;
                        int outcome = decode(&parsed, bodies[i].body, steps[j], &body, &used);
                        if (outcome != bodies[i].outcome)
                                fail_msg("step %zu: %d instead of %d for %s", steps[j], outcome, bodies[i].outcome,
                                         bodies[i].body);
                        if (bodies[i].decoded) {
                                assert_str_equal(buf_str(&body), bodies[i].decoded);
                                assert_string_equal(bodies[i].body + used, bodies[i].rest);
                        }
                        buf_deinit(&body);
                        arena_deinit(&parsed.arena);
                }
        }
}

static void extensions_and_trailers_are_bounded(void **state)
{
        (void)state;
        static const char *const starts[] = {"3;", "0\r\nTrailer: "};
        for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
                char body[10001];
                memset(body, 'x', sizeof body);
                memcpy(body, starts[i], strlen(starts[i]));
                body[sizeof body - 1] = '\0';
                struct parsed parsed;
                parse(&parsed, CHUNKED, strlen(CHUNKED), 4096);
                size_t used;
                assert_int_equal(decode(&parsed, body, 100, NULL, &used), REFUSAL_MALFORMED);
                arena_deinit(&parsed.arena);
        }
}

static void dates_have_the_form_of_the_date_header(void **state)
{
        (void)state;
        char text[RESPONSE_DATE_BYTES];
        response_date(784111777, text);
        assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
        response_date(253402300799, text);
        assert_string_equal(text, "Fri, 31 Dec 9999 23:59:59 GMT");
}

static void answers_are_framed_by_the_server(void **state)
{
        (void)state;
        struct buf out;
        buf_init(&out, 4096);
        struct http_header header = {STR_INIT("X"), STR_INIT("1")};
        struct http_response response = {.status = 429, .content_type = "a/b", .headers = &header,
                                         .header_count = 1, .body = STR("body")};
        struct response_framing framing = {.date = "D", .is_last = true};
        response_head(&out, &response, &framing);
        assert_str_equal(buf_str(&out), "HTTP/1.1 429 Too Many Requests\r\nDate: D\r\nContent-Length: 4\r\n"
                                        "Content-Type: a/b\r\nConnection: close\r\nX: 1\r\n\r\n");
        buf_reset(&out);
        response = (struct http_response){.status = 204};
        response_head(&out, &response, &(struct response_framing){.date = "D", .is_http_1_0 = true});
        assert_str_equal(buf_str(&out), "HTTP/1.1 204 No Content\r\nDate: D\r\nConnection: keep-alive\r\n\r\n");
        buf_deinit(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(heads_are_accepted_or_refused_however_they_are_cut),
                cmocka_unit_test(a_request_tells_its_parts),
                cmocka_unit_test(targets_have_paths_and_queries),
                cmocka_unit_test(connections_stay_open_by_the_rules_of_their_version),
                cmocka_unit_test(bodies_are_decoded_or_refused_however_they_are_cut),
                cmocka_unit_test(extensions_and_trailers_are_bounded),
                cmocka_unit_test(dates_have_the_form_of_the_date_header),
                cmocka_unit_test(answers_are_framed_by_the_server),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
