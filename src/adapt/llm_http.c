/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/llm_http.h"

#include "adapt/llm_dialect.h"
#include "adapt/llm_headers.h"
#include "base/alloc.h"
#include "net/retry_after.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { REQUEST_MAX_BYTES = 1 << 20, ANSWER_MAX_BYTES = 256 << 10, ANSWER_MAX_DEPTH = 32 };

struct target {
        struct llm_upstream_config config;
        const struct llm_dialect *dialect;
        struct llm_headers headers;
        struct upstream *upstream;
        size_t attempts; /* that have not ended */
};

struct llm_http {
        struct llm port;
        struct loop *loop;
        struct target targets[LLM_MAX_UPSTREAMS];
        struct llm_upstream facts[LLM_MAX_UPSTREAMS];
        struct json_parser *parser;
        struct buf scratch; /* each request is written here and copied at its size */
        size_t attempts;    /* whose `done` has not returned */
        size_t open;        /* upstreams */
        bool is_closing;
        void (*closed)(void *arg);
        void *closed_arg;
};

/* One call under way; the headers and the body that it borrows lie behind it. */
struct attempt {
        struct upstream_call call;
        struct llm_http *llm;
        struct llm_call *owner;
        struct task refusal; /* of one that is not sent */
        bool is_sent;
        struct upstream_header headers[];
};

static const enum llm_status statuses[] = {
        [UPSTREAM_OK] = LLM_OK,
        [UPSTREAM_CONNECT] = LLM_CONNECT,
        [UPSTREAM_TLS] = LLM_TLS,
        [UPSTREAM_LOST] = LLM_CONNECT,
        [UPSTREAM_CUT] = LLM_CUT,
        [UPSTREAM_MALFORMED] = LLM_MALFORMED,
        [UPSTREAM_TOO_LARGE] = LLM_TOO_LARGE,
        [UPSTREAM_TIMEOUT] = LLM_TIMEOUT,
        [UPSTREAM_OVERLOADED] = LLM_OVERLOADED,
        [UPSTREAM_CANCELLED] = LLM_CANCELLED,
};

static struct llm_http *of_port(struct llm *port)
{
        return (struct llm_http *)((char *)port - offsetof(struct llm_http, port));
}

static void release(struct llm_http *llm)
{
        if (!llm->is_closing || llm->open || llm->attempts)
                return;
        void (*closed)(void *arg) = llm->closed;
        void *arg = llm->closed_arg;
        for (size_t i = 0; i < llm->port.upstream_count; i++)
                llm_headers_deinit(&llm->targets[i].headers);
        json_parser_free(llm->parser);
        buf_deinit(&llm->scratch);
        free(llm);
        closed(arg);
}

/* The call may be started anew from within its `done`, and the port may be closed. */
static void end(struct attempt *attempt)
{
        struct llm_http *llm = attempt->llm;
        struct llm_call *owner = attempt->owner;
        llm->targets[owner->upstream].attempts--;
        owner->attempt = NULL;
        free(attempt);
        owner->done(owner);
        llm->attempts--;
        release(llm);
}

static void read_wishes(const struct attempt *attempt)
{
        const struct upstream_call *call = &attempt->call;
        struct llm_call *owner = attempt->owner;
        struct str should = upstream_call_header(call, "x-should-retry");
        int64_t now_ms = clock_wall_ms(loop_clock(attempt->llm->loop));
        owner->retry_after_ms = retry_after_ms(upstream_call_header(call, "retry-after-ms"),
                                               upstream_call_header(call, "retry-after"), now_ms);
        if (str_equal_nocase(should, STR("true")))
                owner->should_retry = LLM_RETRY_YES;
        else if (str_equal_nocase(should, STR("false")))
                owner->should_retry = LLM_RETRY_NO;
}

static void read_answer(struct attempt *attempt)
{
        struct llm_http *llm = attempt->llm;
        struct llm_call *owner = attempt->owner;
        const struct target *target = &llm->targets[owner->upstream];
        struct str body = buf_str(&attempt->call.body_in);
        owner->http_status = attempt->call.status;
        read_wishes(attempt);
        owner->status = owner->http_status == 200
                                ? target->dialect->read(&target->config, llm->parser, body, &owner->usage, &owner->answer)
                                : target->dialect->read_error(llm->parser, owner->http_status, body, &owner->code);
}

static_assert(sizeof((struct llm_call *)0)->note == sizeof((struct upstream_call *)0)->note, "a note is taken over whole");

static void on_ended(struct upstream_call *call)
{
        struct attempt *attempt = list_item(call, struct attempt, call);
        struct llm_call *owner = attempt->owner;
        owner->upstream_us = call->sent_us ? call->ended_us - call->sent_us : 0;
        if (call->result == UPSTREAM_OK)
                read_answer(attempt);
        else
                owner->status = statuses[call->result];
        memcpy(owner->note, call->note, sizeof owner->note);
        end(attempt);
}

static void on_refused(struct task *task)
{
        struct attempt *attempt = list_item(task, struct attempt, refusal);
        attempt->owner->status = LLM_OVERLOADED;
        end(attempt);
}

static void forget_result(struct llm_call *call)
{
        call->http_status = 0;
        call->usage = (struct llm_usage){0};
        call->code = (struct ident){""};
        call->note[0] = '\0';
        call->retry_after_ms = -1;
        call->should_retry = LLM_RETRY_UNSAID;
        call->upstream_us = 0;
}

static struct attempt *attempt_new(struct llm_http *llm, struct llm_call *call, size_t header_count, struct str body)
{
        size_t headers_bytes = header_count * sizeof(struct upstream_header);
        struct attempt *attempt = alloc_resize(NULL, sizeof *attempt + headers_bytes + body.len);
        char *copy = (char *)attempt->headers + headers_bytes;
        *attempt = (struct attempt){.llm = llm, .owner = call};
        if (body.len)
                memcpy(copy, body.ptr, body.len);
        attempt->call.body = (struct str){copy, body.len};
        call->attempt = attempt;
        llm->targets[call->upstream].attempts++;
        llm->attempts++;
        return attempt;
}

static void refuse(struct llm_http *llm, struct llm_call *call)
{
        struct attempt *attempt = attempt_new(llm, call, 0, STR(""));
        attempt->refusal.run = on_refused;
        loop_post(llm->loop, &attempt->refusal);
}

static void send_request(struct llm_http *llm, struct llm_call *call)
{
        struct target *target = &llm->targets[call->upstream];
        size_t count = target->headers.count;
        struct attempt *attempt = attempt_new(llm, call, count + 1, buf_str(&llm->scratch));
        memcpy(attempt->headers, target->headers.list, count * sizeof *attempt->headers);
        if (call->trace_parent.len)
                attempt->headers[count++] = (struct upstream_header){STR("traceparent"), call->trace_parent};
        int64_t latest_ms = loop_now_ms(llm->loop) + target->config.timeout_ms;
        attempt->call.path = str_from(target->dialect->path);
        attempt->call.headers = attempt->headers;
        attempt->call.header_count = count;
        attempt->call.deadline_at_ms = call->deadline_at_ms < latest_ms ? call->deadline_at_ms : latest_ms;
        attempt->call.done = on_ended;
        attempt->is_sent = true;
        upstream_start(target->upstream, &attempt->call);
}

static void start(struct llm *port, struct llm_call *call)
{
        struct llm_http *llm = of_port(port);
        assert(call->upstream < port->upstream_count && !llm->is_closing);
        struct target *target = &llm->targets[call->upstream];
        forget_result(call);
        buf_reset(&llm->scratch);
        if (target->attempts < target->config.http.max_calls)
                target->dialect->write(&target->config, call, &llm->scratch);
        else
                llm->scratch.is_over = true;
        if (llm->scratch.is_over)
                refuse(llm, call);
        else
                send_request(llm, call);
}

static void cancel(struct llm *port, struct llm_call *call)
{
        (void)port;
        struct attempt *attempt = call->attempt;
        if (attempt->is_sent)
                upstream_cancel(&attempt->call);
}

static const struct llm_ops ops = {.start = start, .cancel = cancel};

static void on_closed(void *arg)
{
        struct llm_http *llm = arg;
        llm->open--;
        release(llm);
}

static void nobody_waits(void *arg)
{
        (void)arg;
}

/* Azure speaks OpenAI's API in a way of its own. Whatever else speaks it counts as OpenAI, as the conventions advise:
 * the server's address tells them apart. */
static const char *provider_of(const struct llm_upstream_config *config)
{
        bool is_azure = config->auth == LLM_AUTH_API_KEY || strstr(config->base_url, "api-version=");
        return is_azure ? "azure.ai.openai" : "openai";
}

static enum err open_target(struct llm_http *llm, const struct llm_upstream_config *config, struct err_note *note)
{
        size_t index = llm->port.upstream_count++;
        struct target *target = &llm->targets[index];
        target->config = *config;
        target->dialect = &llm_openai;
        target->config.http.url = config->base_url;
        if (config->http.max_answer_bytes == 0 || config->http.max_answer_bytes > ANSWER_MAX_BYTES)
                target->config.http.max_answer_bytes = ANSWER_MAX_BYTES;
        enum err err = llm_headers_init(&target->headers, config, note);
        if (err == ERR_OK)
                err = upstream_new(llm->loop, &target->config.http, &target->upstream, note);
        if (err)
                return err_prefix(note, err, "LLM upstream \"%s\": ", config->facts.name);
        llm->open++;
        llm->facts[index] = config->facts;
        llm->facts[index].address = upstream_address(target->upstream);
        llm->facts[index].provider = provider_of(config);
        return ERR_OK;
}

enum err llm_http_new(struct loop *loop, const struct llm_upstream_config *configs, size_t count,
                      struct llm_http **ret_llm, struct err_note *note)
{
        assert(count >= 1 && count <= LLM_MAX_UPSTREAMS);
        struct llm_http *llm = alloc_zeroed(1, sizeof *llm);
        enum err err = ERR_OK;
        llm->loop = loop;
        llm->port = (struct llm){.ops = &ops, .upstreams = llm->facts};
        llm->parser = json_parser_new(ANSWER_MAX_BYTES, ANSWER_MAX_DEPTH);
        buf_init(&llm->scratch, REQUEST_MAX_BYTES);
        for (size_t i = 0; i < count && err == ERR_OK; i++)
                err = open_target(llm, &configs[i], note);
        if (err == ERR_OK)
                *ret_llm = llm;
        else
                llm_http_close(llm, nobody_waits, NULL);
        return err;
}

struct llm *llm_http_port(struct llm_http *llm)
{
        return &llm->port;
}

/* Counts itself as an attempt, so that it is not freed before the last upstream has been told. */
void llm_http_close(struct llm_http *llm, void (*closed)(void *arg), void *arg)
{
        assert(!llm->is_closing);
        llm->is_closing = true;
        llm->closed = closed;
        llm->closed_arg = arg;
        llm->attempts++;
        for (size_t i = 0; i < llm->port.upstream_count; i++)
                if (llm->targets[i].upstream)
                        upstream_close(llm->targets[i].upstream, on_closed, llm);
        llm->attempts--;
        release(llm);
}
