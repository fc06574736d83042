/* SPDX-License-Identifier: Apache-2.0 */
/* port/llm over a pool that is made up here: it keeps each call until the test ends it. */
#include "unit/test.h"

#include "adapt/llm_http.h"
#include "base/alloc.h"
#include "base/json_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALLS_MAX = 8 };

/* The pool: what stands in for net/upstream. */

struct upstream {
        struct loop *loop;
        char *url;
        size_t max_answer_bytes;
        struct task closing;
        void (*closed)(void *arg);
        void *arg;
};

static struct upstream_call *pending[CALLS_MAX];
static size_t pending_count;
static const char *refused_url; /* upstream_new() fails for it */

enum err upstream_new(struct loop *loop, const struct upstream_config *config, struct upstream **ret_upstream,
                      struct err_note *note)
{
        if (refused_url && strcmp(refused_url, config->url) == 0)
                return err_set(note, ERR_INVALID, "no such scheme");
        struct upstream *upstream = alloc_zeroed(1, sizeof *upstream);
        upstream->loop = loop;
        upstream->url = alloc_copy(config->url, strlen(config->url));
        upstream->max_answer_bytes = config->max_answer_bytes;
        *ret_upstream = upstream;
        return ERR_OK;
}

const char *upstream_address(const struct upstream *upstream)
{
        return upstream->url;
}

void upstream_start(struct upstream *upstream, struct upstream_call *call)
{
        call->upstream = upstream;
        buf_init(&call->body_in, upstream->max_answer_bytes);
        buf_init(&call->head_in, 4096);
        assert_true(pending_count < CALLS_MAX);
        pending[pending_count++] = call;
}

static void finish(struct upstream_call *call, enum upstream_result result)
{
        size_t i = 0;
        while (pending[i] != call)
                i++;
        pending[i] = pending[--pending_count];
        call->result = result;
        struct buf body = call->body_in, head = call->head_in;
        call->done(call);
        buf_deinit(&body);
        buf_deinit(&head);
}

/* The real one tells it later, on the loop. */
void upstream_cancel(struct upstream_call *call)
{
        call->status = -1;
}

struct str upstream_call_header(const struct upstream_call *call, const char *name)
{
        struct str rest = buf_str(&call->head_in);
        while (rest.len) {
                struct str value = str_split(&rest, '\n');
                struct str found = str_split(&value, ':');
                if (str_equal(found, str_from(name)))
                        return str_trim(value);
        }
        return (struct str){0};
}

static void run_closing(struct task *task)
{
        struct upstream *upstream = list_item(task, struct upstream, closing);
        for (size_t i = pending_count; i-- > 0;)
                if (pending[i]->upstream == upstream)
                        finish(pending[i], UPSTREAM_CANCELLED);
        void (*closed)(void *arg) = upstream->closed;
        void *arg = upstream->arg;
        free(upstream->url);
        free(upstream);
        closed(arg);
}

void upstream_close(struct upstream *upstream, void (*closed)(void *arg), void *arg)
{
        upstream->closed = closed;
        upstream->arg = arg;
        upstream->closing.run = run_closing;
        loop_post(upstream->loop, &upstream->closing);
}

/* The test. */

#define KEY "sk-very-secret-0123"

static struct loop *loop;
static struct llm_http *llm;
static struct llm *port;
static struct llm_upstream_config configs[2];
static size_t done_count;
static bool is_closed;

static void count_done(struct llm_call *call)
{
        (void)call;
        done_count++;
}

static void note_closed(void *arg)
{
        (void)arg;
        is_closed = true;
}

static void run_turn(void)
{
        loop_stop(loop);
        loop_run(loop);
}

static struct llm_upstream_config config_of(const char *name, const char *url)
{
        return (struct llm_upstream_config){
                .facts = {.name = name, .model = "m"},
                .base_url = url,
                .api_key = KEY,
                .headers = "",
                .output = LLM_OUTPUT_LABEL,
                .temperature = -1,
                .max_tokens = 9,
                .max_tokens_name = "max_completion_tokens",
                .timeout_ms = 1000,
                .http = {.max_calls = 3},
        };
}

static int set_up(void **state)
{
        (void)state;
        loop = loop_new();
        configs[0] = config_of("primary", "https://one.example/v1");
        configs[1] = config_of("spare", "https://two.example/v1");
        refused_url = NULL;
        llm = NULL;
        done_count = 0;
        is_closed = false;
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        if (llm) {
                llm_http_close(llm, note_closed, NULL);
                run_turn();
                run_turn();
                assert_true(is_closed);
        } else {
                run_turn();
        }
        assert_int_equal(pending_count, 0);
        loop_free(loop);
        return 0;
}

static void open_llm(size_t count)
{
        assert_ok(llm_http_new(loop, configs, count, &llm, NULL));
        port = llm_http_port(llm);
}

static struct llm_call call_to(size_t upstream)
{
        return (struct llm_call){
                .upstream = upstream,
                .system_json = STR("prompt"),
                .message = SAFE_LITERAL("hello"),
                .deadline_at_ms = loop_now_ms(loop) + 60000,
                .done = count_done,
        };
}

static void answer(struct upstream_call *call, int status, const char *head, const char *body)
{
        call->status = status;
        call->sent_us = 1000;
        call->ended_us = 4500;
        buf_append_str(&call->head_in, str_from(head));
        buf_append_str(&call->body_in, str_from(body));
        finish(call, UPSTREAM_OK);
}

static struct str header_of(const struct upstream_call *call, const char *name)
{
        for (size_t i = 0; i < call->header_count; i++)
                if (str_equal(call->headers[i].name, str_from(name)))
                        return call->headers[i].value;
        return (struct str){0};
}

#define GOOD "{\"choices\":[{\"message\":{\"content\":\"informational\"}}]}"

static void a_call_goes_to_its_upstream_and_is_answered(void **state)
{
        (void)state;
        configs[1].headers = "X-Team: triage | OpenAI-Organization:  org-1:2 ";
        open_llm(2);
        assert_int_equal(port->upstream_count, 2);
        assert_string_equal(port->upstreams[0].address, "https://one.example/v1");
        assert_string_equal(port->upstreams[1].name, "spare");
        struct llm_call call = call_to(1);
        call.trace_parent = STR("00-aa-bb-01");
        port->ops->start(port, &call);
        assert_int_equal(pending_count, 1);
        struct upstream_call *sent = pending[0];
        assert_string_equal(upstream_address(sent->upstream), "https://two.example/v1");
        assert_str_equal(sent->path, "/chat/completions");
        assert_str_equal(header_of(sent, "authorization"), "Bearer " KEY);
        assert_str_equal(header_of(sent, "x-team"), "triage");
        assert_str_equal(header_of(sent, "openai-organization"), "org-1:2");
        assert_str_equal(header_of(sent, "traceparent"), "00-aa-bb-01");
        assert_int_equal(sent->header_count, 4);
        assert_int_equal(sent->deadline_at_ms, loop_now_ms(loop) + 1000);
        struct json_parser *parser = json_parser_new(1 << 16, 32);
        struct json root;
        assert_ok(json_parse(parser, sent->body, &root, NULL));
        json_parser_free(parser);
        assert_int_equal(done_count, 0);
        answer(sent, 200, "", GOOD);
        assert_int_equal(done_count, 1);
        assert_int_equal(call.status, LLM_OK);
        assert_int_equal(call.http_status, 200);
        assert_int_equal(call.answer.category, CATEGORY_INFORMATIONAL);
        assert_int_equal(call.upstream_us, 3500);
        assert_int_equal(call.retry_after_ms, -1);
        assert_int_equal(call.should_retry, LLM_RETRY_UNSAID);
        assert_null(call.attempt);
}

static void the_nearer_deadline_counts(void **state)
{
        (void)state;
        open_llm(1);
        struct llm_call call = call_to(0);
        call.deadline_at_ms = loop_now_ms(loop) + 300;
        port->ops->start(port, &call);
        assert_int_equal(pending[0]->deadline_at_ms, call.deadline_at_ms);
        assert_int_equal(header_of(pending[0], "traceparent").len, 0);
        finish(pending[0], UPSTREAM_TIMEOUT);
        assert_int_equal(call.status, LLM_TIMEOUT);
}

static void azures_key_has_a_header_of_its_own(void **state)
{
        (void)state;
        configs[0].auth = LLM_AUTH_API_KEY;
        configs[1].api_key = "";
        open_llm(2);
        static struct llm_call azure, keyless; /* they end when the port is closed */
        azure = call_to(0);
        keyless = call_to(1);
        port->ops->start(port, &azure);
        port->ops->start(port, &keyless);
        assert_str_equal(header_of(pending[0], "api-key"), KEY);
        assert_int_equal(pending[0]->header_count, 1);
        assert_int_equal(pending[1]->header_count, 0);
        assert_string_equal(port->upstreams[0].provider, "azure.ai.openai");
        assert_string_equal(port->upstreams[1].provider, "openai");
}

static void azure_is_known_by_the_version_of_its_api_too(void **state)
{
        (void)state;
        configs[0].base_url = "https://one.example/openai/deployments/x?api-version=2024-10-21";
        open_llm(2);
        assert_string_equal(port->upstreams[0].provider, "azure.ai.openai");
        assert_string_equal(port->upstreams[1].provider, "openai");
}

static void each_result_of_the_pool_is_a_status(void **state)
{
        (void)state;
        static const struct {
                enum upstream_result result;
                enum llm_status status;
        } cases[] = {
                {UPSTREAM_CONNECT, LLM_CONNECT},     {UPSTREAM_TLS, LLM_TLS},
                {UPSTREAM_LOST, LLM_CONNECT},        {UPSTREAM_CUT, LLM_CUT},
                {UPSTREAM_MALFORMED, LLM_MALFORMED}, {UPSTREAM_TOO_LARGE, LLM_TOO_LARGE},
                {UPSTREAM_TIMEOUT, LLM_TIMEOUT},     {UPSTREAM_OVERLOADED, LLM_OVERLOADED},
                {UPSTREAM_CANCELLED, LLM_CANCELLED},
        };
        open_llm(1);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct llm_call call = call_to(0);
                call.http_status = 77;
                port->ops->start(port, &call);
                finish(pending[0], cases[i].result);
                assert_int_equal(call.status, cases[i].status);
                assert_int_equal(call.http_status, 0);
                assert_int_equal(call.upstream_us, 0);
                assert_int_equal(call.retry_after_ms, -1);
        }
}

static void an_error_brings_its_wishes_along(void **state)
{
        (void)state;
        static const struct {
                const char *head;
                int64_t after_ms;
                int should;
        } cases[] = {
                {"", -1, LLM_RETRY_UNSAID},
                {"retry-after: 2\n", 2000, LLM_RETRY_UNSAID},
                {"retry-after: 2\nretry-after-ms: 150\nx-should-retry: true\n", 150, LLM_RETRY_YES},
                {"x-should-retry: False\n", -1, LLM_RETRY_NO},
                {"x-should-retry: perhaps\nretry-after: soon\n", -1, LLM_RETRY_UNSAID},
                {"retry-after: Sun, 06 Nov 1994 08:49:37 GMT\n", 0, LLM_RETRY_UNSAID},
        };
        open_llm(1);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct llm_call call = call_to(0);
                port->ops->start(port, &call);
                answer(pending[0], 429, cases[i].head, "{\"error\":{\"code\":\"insufficient_quota\"}}");
                assert_int_equal(call.status, LLM_QUOTA);
                assert_int_equal(call.http_status, 429);
                assert_string_equal(call.code.text, "insufficient_quota");
                assert_int_equal(call.retry_after_ms, cases[i].after_ms);
                assert_int_equal((int)call.should_retry, cases[i].should);
        }
}

static void over_its_calls_an_upstream_is_not_asked(void **state)
{
        (void)state;
        open_llm(2);
        static struct llm_call calls[5]; /* most end when the port is closed */
        for (size_t i = 0; i < 5; i++) {
                calls[i] = call_to(i == 4);
                port->ops->start(port, &calls[i]);
        }
        assert_int_equal(pending_count, 4);
        assert_int_equal(done_count, 0); /* never before start() has returned */
        port->ops->cancel(port, &calls[3]);
        run_turn();
        assert_int_equal(done_count, 1);
        assert_int_equal(calls[3].status, LLM_OVERLOADED);
        answer(pending[0], 200, "", GOOD);
        calls[3] = call_to(0);
        port->ops->start(port, &calls[3]);
        assert_int_equal(pending_count, 4);
}

static void a_request_that_is_too_large_is_not_sent(void **state)
{
        (void)state;
        open_llm(1);
        struct llm_call call = call_to(0);
        char *prompt = alloc_zeroed(1, 1 << 20);
        memset(prompt, 'x', 1 << 20);
        call.system_json = (struct str){prompt, 1 << 20};
        port->ops->start(port, &call);
        assert_int_equal(pending_count, 0);
        run_turn();
        assert_int_equal(call.status, LLM_OVERLOADED);
        free(prompt);
}

static void a_cancelled_call_still_ends(void **state)
{
        (void)state;
        open_llm(1);
        struct llm_call call = call_to(0);
        port->ops->start(port, &call);
        port->ops->cancel(port, &call);
        assert_int_equal(pending[0]->status, -1);
        assert_int_equal(done_count, 0);
        finish(pending[0], UPSTREAM_CANCELLED);
        assert_int_equal(done_count, 1);
        assert_int_equal(call.status, LLM_CANCELLED);
}

static struct llm_call chained;

static void start_another(struct llm_call *call)
{
        if (done_count++ < 2)
                port->ops->start(port, call);
}

static void a_call_may_be_started_again_from_its_done(void **state)
{
        (void)state;
        configs[0].http.max_calls = 1;
        open_llm(1);
        chained = call_to(0);
        chained.done = start_another;
        port->ops->start(port, &chained);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(pending_count, 1);
                finish(pending[0], UPSTREAM_CONNECT);
        }
        assert_int_equal(pending_count, 0);
        assert_int_equal(done_count, 3);
}

static void close_all(struct llm_call *call)
{
        (void)call;
        done_count++;
        llm_http_close(llm, note_closed, NULL);
}

static void closing_waits_for_every_call(void **state)
{
        (void)state;
        open_llm(2);
        struct llm_call calls[4];
        for (size_t i = 0; i < 4; i++) {
                calls[i] = call_to(0);
                port->ops->start(port, &calls[i]);
        }
        calls[1].done = close_all;
        finish(pending[1], UPSTREAM_LOST);
        assert_false(is_closed);
        run_turn();
        run_turn();
        assert_true(is_closed);
        assert_int_equal(done_count, 4);
        assert_int_equal(calls[0].status, LLM_CANCELLED);
        assert_int_equal(calls[3].status, LLM_OVERLOADED);
        llm = NULL;
}

static void a_header_that_cannot_be_sent_is_refused_and_not_shown(void **state)
{
        (void)state;
        static const struct {
                const char *headers, *key, *note;
        } cases[] = {
                {"no colon s3cret", "", "header 1 of its list"},
                {"X-A: 1 | : s3cret", "", "header 2 of its list"},
                {"X-A: 1 | bad name: s3cret", "", "header 2 of its list"},
                {"X-A: 1 |", "", "header 2 of its list"},
                {"X-A: s3cret\r\nX-B: 1", "", "value of the header x-a"},
                {"X-A: s3cr\xc3\xa9t", "", "value of the header x-a"},
                {"X-A:", "", "value of the header x-a"},
                {"Host: s3cret", "", "header host is set"},
                {"Content-LENGTH: 7", "", "header content-length is set"},
                {"X-A: s3cret | x-a: s3cret", "", "header x-a is there twice"},
                {"Authorization: s3cret", "s3cret", "header authorization is there twice"},
                {"", "s3cret\n", "value of the header authorization"},
                {"a:1|b:1|c:1|d:1|e:1|f:1|g:1|h:1|i:1|j:1|k:1|l:1|m:1|n:1|o:1|p:1|q:s3cret", "", "more than 16"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct err_note note = {""};
                configs[1].headers = cases[i].headers;
                configs[1].api_key = cases[i].key;
                assert_int_equal(llm_http_new(loop, configs, 2, &llm, &note), ERR_INVALID);
                if (!strstr(note.text, cases[i].note) || !strstr(note.text, "\"spare\"") || strstr(note.text, "s3cr"))
                        fail_msg("case %zu: %s", i, note.text);
                run_turn();
        }
}

static void an_upstream_that_cannot_be_made_is_told(void **state)
{
        (void)state;
        struct err_note note;
        refused_url = "https://two.example/v1";
        assert_int_equal(llm_http_new(loop, configs, 2, &llm, &note), ERR_INVALID);
        assert_string_equal(note.text, "LLM upstream \"spare\": no such scheme");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_call_goes_to_its_upstream_and_is_answered),
                TEST(the_nearer_deadline_counts),
                TEST(azures_key_has_a_header_of_its_own),
                TEST(azure_is_known_by_the_version_of_its_api_too),
                TEST(each_result_of_the_pool_is_a_status),
                TEST(an_error_brings_its_wishes_along),
                TEST(over_its_calls_an_upstream_is_not_asked),
                TEST(a_request_that_is_too_large_is_not_sent),
                TEST(a_cancelled_call_still_ends),
                TEST(a_call_may_be_started_again_from_its_done),
                TEST(closing_waits_for_every_call),
                TEST(a_header_that_cannot_be_sent_is_refused_and_not_shown),
                TEST(an_upstream_that_cannot_be_made_is_told),
        };
        return cmocka_run_group_tests_name("adapt/llm_http", tests, NULL, NULL);
}
