/* SPDX-License-Identifier: Apache-2.0 */
/* What an upstream answers, in HTTP/1.1 or HTTP/2, in reads of one size: calls end once and within their caps. In
 * HTTP/1.1 the answer is the same when it comes in one read. The first byte chooses protocol and end, two more the
 * size of the reads.
 *
 * There is no socket: what upstream_io.c would do is below, and takes all bytes. */
#include "fuzz.h"

#include <string.h>

#include "base/alloc.h"
#include "net/upstream_inner.h"

enum { CALLS = 3, ANSWER_BYTES = 512 };

struct result {
        enum upstream_result result;
        int status;
        size_t ended, body_len;
        char body[ANSWER_BYTES];
};

static struct loop *loop;
static struct upstream *upstream;
static struct upstream_call calls[CALLS];
static struct result results[CALLS];

bool upstream_io_start_reading(struct upstream_connection *connection)
{
        return connection != NULL;
}

bool upstream_io_send(struct upstream_connection *connection, struct str head, struct str body)
{
        return connection != NULL && head.len + body.len > 0;
}

bool upstream_io_write(struct upstream_connection *connection, struct str head, struct str body)
{
        return upstream_io_send(connection, head, body);
}

size_t upstream_io_unsent(const struct upstream_connection *connection)
{
        return connection == NULL;
}

static void check_head(struct str head)
{
        assert(head.len <= UPSTREAM_HEAD_BYTES && (head.len == 0 || head.ptr[head.len - 1] == '\n'));
        for (size_t i = 0; i < head.len; i++)
                assert((unsigned char)head.ptr[i] >= ' ' || head.ptr[i] == '\n');
}

static void on_done(struct upstream_call *call)
{
        struct result *result = &results[call - calls];
        assert(result->ended++ == 0 && call->body_in.len <= ANSWER_BYTES);
        result->result = call->result;
        result->status = call->status;
        result->body_len = call->body_in.len;
        if (result->body_len > 0)
                memcpy(result->body, call->body_in.ptr, result->body_len);
        if (call->result != UPSTREAM_OK)
                return;
        assert(call->status >= 200 && call->status <= 999 && call->has_head);
        check_head(buf_str(&call->head_in));
}

/* As if the next attempt to connect had failed: no other connection is opened in the place of ours. */
static void turn(void)
{
        upstream->retry_at_ms = INT64_MAX / 2;
        upstream->failure = UPSTREAM_CONNECT;
        uv_run(loop_uv(loop), UV_RUN_NOWAIT);
}

static void open_pool(void)
{
        const struct upstream_config config = {
                .url = "http://127.0.0.1:1/", .proxy = "", .ca_file = "", .max_connections = 1, .max_calls = CALLS,
                .max_answer_bytes = ANSWER_BYTES, .connect_timeout_ms = 1000, .idle_timeout_ms = 60000, .warm_connections = 1,
                .surplus_timeout_ms = 60000, .dns_ttl_ms = 60000};
        if (upstream)
                return;
        loop = loop_new();
        enum err err = upstream_new(loop, &config, &upstream, NULL);
        assert(err == ERR_OK);
}

static struct upstream_connection *open_connection(bool is_http2)
{
        struct upstream_connection *connection = upstream_connection_new(upstream);
        upstream_connection_become(connection, UPSTREAM_AT_TCP);
        upstream_connection_established(connection, is_http2 ? &upstream_http2 : &upstream_http1);
        return connection;
}

static void start_calls(size_t count)
{
        memset(results, 0, sizeof results);
        for (size_t i = 0; i < count; i++) {
                calls[i] = (struct upstream_call){.path = STR("a"), .body = STR("{}"), .deadline_at_ms = INT64_MAX / 2, .done = on_done};
                upstream_start(upstream, &calls[i]);
        }
        turn();
}

static void feed(struct upstream_connection *connection, struct str input, size_t step)
{
        for (size_t at = 0; at < input.len && upstream->connection_count > 0; at += step) {
                size_t len = input.len - at < step ? input.len - at : step;
                char *part = alloc_copy(input.ptr + at, len); /* of its own, so that a sanitizer sees each step outside */
                upstream_connection_receive(connection, (struct str){part, len});
                free(part);
                turn();
        }
}

static void play(struct str input, bool is_http2, unsigned end, size_t step)
{
        size_t count = is_http2 ? CALLS : 1;
        struct upstream_connection *connection = open_connection(is_http2);
        start_calls(count);
        feed(connection, input, step);
        if (upstream->connection_count > 0 && end < 2)
                upstream_connection_end(connection, end == 0 ? "" : "connection reset");
        for (size_t i = 0; i < count; i++)
                upstream_cancel(&calls[i]);
        if (upstream->connection_count > 0)
                upstream_connection_close(connection);
        turn();
        turn();
        assert(upstream->connection_count == 0 && upstream->handle_count == 2 && upstream->call_count == 0);
        for (size_t i = 0; i < count; i++)
                assert(results[i].ended == 1);
}

/* Two faults in one read: which of them is told depends on the cut, that there is one does not. */
static void check_same(const struct result *one, const struct result *two)
{
        bool has_both = one->result + two->result == UPSTREAM_TOO_LARGE + UPSTREAM_MALFORMED;
        assert(one->result == two->result || has_both);
        if (one->result != UPSTREAM_OK)
                return;
        assert(one->status == two->status && one->body_len == two->body_len);
        assert(memcmp(one->body, two->body, one->body_len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct str input = fuzz_input(data, size);
        unsigned choice = fuzz_take_byte(&input);
        size_t step = fuzz_take_byte(&input);
        step = (step << 8 | fuzz_take_byte(&input)) + 1;
        bool is_http2 = choice & 1;
        open_pool();
        play(input, is_http2, choice >> 1 & 3, step);
        if (is_http2)
                return 0;
        struct result split = results[0];
        play(input, false, choice >> 1 & 3, input.len + 1);
        check_same(&split, &results[0]);
        return 0;
}
