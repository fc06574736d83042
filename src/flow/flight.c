/* SPDX-License-Identifier: Apache-2.0 */
/* One flight: the chain of upstreams is asked until one answers, each through its guards. */
#include "flow/flight.h"

#include "base/metric.h"
#include "base/span.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        ATTEMPT_MARGIN_MS = 50,    /* an attempt ends so much before its flight's time is up */
        MIN_ATTEMPT_MS = 100,      /* less time than this is not worth a call */
        QUOTA_PAUSE_MS = 60000,    /* until somebody may have paid */
        MISTAKE_PAUSE_MS = 10000,  /* until somebody may have mended the key or the settings */
        MAX_PAUSE_MS = 60000,      /* whatever the upstream wishes */
};

static enum flight_state pick(struct flight *flight);
static enum flight_state attempt(struct flight *flight);
static enum flight_state judge(struct flight *flight);
static enum flight_state back_off(struct flight *flight);
static enum flight_state answer(struct flight *flight);
static enum flight_state give_up(struct flight *flight);

#define TO(state) (1U << FLIGHT_##state)

/* The feature. A state with `resume` waits there and goes on where it says. */
static const struct {
        const char *name;
        enum flight_state (*step)(struct flight *);
        unsigned next;
        enum flight_state resume;
} states[FLIGHT_STATES] = {
        [FLIGHT_START] = {"start", NULL, TO(PICK), 0},
        [FLIGHT_PICK] = {"pick", pick, TO(ATTEMPT) | TO(ANSWER) | TO(GIVE_UP), 0},
        [FLIGHT_ATTEMPT] = {"attempt", attempt, TO(JUDGE), FLIGHT_JUDGE},
        [FLIGHT_JUDGE] = {"judge", judge, TO(PICK) | TO(BACK_OFF) | TO(ANSWER) | TO(GIVE_UP), 0},
        [FLIGHT_BACK_OFF] = {"back_off", back_off, TO(PICK), FLIGHT_PICK},
        [FLIGHT_ANSWER] = {"answer", answer, TO(END), 0},
        [FLIGHT_GIVE_UP] = {"give_up", give_up, TO(END), 0},
        [FLIGHT_END] = {"end", NULL, 0, 0},
};

size_t flight_state_count(void)
{
        return FLIGHT_STATES;
}

const char *flight_state_name(size_t state)
{
        assert(state < FLIGHT_STATES);
        return states[state].name;
}

bool flight_may_follow(size_t state, size_t next)
{
        assert(state < FLIGHT_STATES && next < FLIGHT_STATES);
        return states[state].next & 1U << next;
}

static void run(struct flight *flight, enum flight_state next)
{
        while (next != FLIGHT_WAIT) {
                assert(states[flight->state].next & 1U << next);
                flight->state = next;
                if (next == FLIGHT_END) {
                        flight_free(flight);
                        return;
                }
                next = states[next].step(flight);
        }
        assert(states[flight->state].resume);
}

static void resume(struct flight *flight)
{
        run(flight, states[flight->state].resume);
}

void flight_start(struct flight *flight)
{
        run(flight, FLIGHT_PICK);
}

static struct consult_guards *guards_of(const struct flight *flight)
{
        return flight->consult->config.guards;
}

static struct breaker *breaker_of(const struct flight *flight)
{
        return guards_of(flight)->breakers[flight->upstream];
}

static struct gate *gate_of(const struct flight *flight)
{
        return &guards_of(flight)->gates[flight->upstream];
}

static const struct llm_upstream *upstream_of(const struct flight *flight)
{
        return &flight->consult->config.llm->upstreams[flight->upstream];
}

static int64_t now_ms(const struct flight *flight)
{
        return clock_monotonic_us(flight->consult->config.clock) / 1000;
}

static void warn(const struct flight *flight, enum llm_status status)
{
        const struct consult_config *config = &flight->consult->config;
        config->warn(config->warn_arg, status, flight->upstream, &flight->call);
}

/* Counts one call of today's. */
static bool can_afford(struct flight *flight)
{
        bool is_first = false;
        int64_t wall_ms = clock_wall_ms(flight->consult->config.clock);
        bool is_affordable = spend_request(guards_of(flight)->spend, wall_ms, &is_first);
        if (is_first)
                warn(flight, LLM_BUDGET);
        return is_affordable;
}

/* Whether the upstream may be asked now; LLM_OK holds the gate and a permit. */
static enum llm_status ask_guards(struct flight *flight)
{
        int64_t now = now_ms(flight);
        if (now + MIN_ATTEMPT_MS > flight->deadline_at_ms - ATTEMPT_MARGIN_MS)
                return LLM_DEADLINE;
        enum gate_answer gate = gate_enter(gate_of(flight), now);
        if (gate != GATE_OPEN)
                return gate == GATE_FULL ? LLM_FULL : LLM_PAUSED;
        enum llm_status status = LLM_BREAKER_OPEN;
        if (breaker_enter(breaker_of(flight), now, &flight->permit)) {
                if (can_afford(flight))
                        return LLM_OK;
                breaker_leave(breaker_of(flight), flight->permit, BREAKER_UNKNOWN, now);
                status = LLM_BUDGET;
        }
        gate_leave(gate_of(flight));
        return status;
}

/* The first upstream's answer was looked for before the flight began. */
static bool is_known(struct flight *flight)
{
        if (flight->upstream == 0)
                return false;
        struct digest key = consult_key(flight->consult, flight->prompt, flight->snapshot, flight->call.channel,
                                        flight->call.message.safe, flight->upstream);
        flight->is_cached = consult_recall(flight->consult, &key, &flight->call.answer);
        return flight->is_cached;
}

/* A flight in which no attempt was made tells of the first upstream why not. */
static void note_refusal(struct flight *flight, enum llm_status status)
{
        if (flight->status == LLM_DEADLINE)
                flight->status = status;
}

static enum flight_state pick(struct flight *flight)
{
        size_t count = flight->consult->config.llm->upstream_count;
        if (list_is_empty(&flight->members))
                return FLIGHT_GIVE_UP;
        for (; flight->upstream < count; flight->upstream++, flight->retries = 0) {
                if (is_known(flight))
                        return FLIGHT_ANSWER;
                enum llm_status status = ask_guards(flight);
                if (status == LLM_OK)
                        return FLIGHT_ATTEMPT;
                note_refusal(flight, status);
        }
        return FLIGHT_GIVE_UP;
}

static void attempted(struct llm_call *call)
{
        resume(list_item(call, struct flight, call));
}

static enum flight_state attempt(struct flight *flight)
{
        struct llm *llm = flight->consult->config.llm;
        if (!flight->has_put)
                retry_budget_put(&guards_of(flight)->retries);
        flight->has_put = true;
        flight->started_us = clock_monotonic_us(flight->consult->config.clock);
        flight->trace = trace_context_child(&flight->parent);
        trace_context_write(&flight->trace, flight->trace_parent);
        flight->call.trace_parent = (struct str){flight->trace_parent, TRACE_PARENT_BYTES};
        flight->call.upstream = flight->upstream;
        flight->call.deadline_at_ms = flight->deadline_at_ms - ATTEMPT_MARGIN_MS;
        flight->call.done = attempted;
        METRIC_ADD(LLM_IN_FLIGHT, flight->upstream, 1);
        llm->ops->start(llm, &flight->call);
        return FLIGHT_WAIT;
}

static void count_tokens(const struct flight *flight)
{
        struct llm_usage used = flight->call.usage;
        const struct llm_upstream *upstream = upstream_of(flight);
        double cost = used.input_tokens * upstream->input_price + used.output_tokens * upstream->output_price;
        unsigned label = (unsigned)flight->upstream;
        METRIC_OBSERVE(LLM_TOKENS, METRIC_PAIR(LLM_TOKEN, label, METRIC_LLM_TOKEN_INPUT), used.input_tokens);
        METRIC_OBSERVE(LLM_TOKENS, METRIC_PAIR(LLM_TOKEN, label, METRIC_LLM_TOKEN_OUTPUT), used.output_tokens);
        METRIC_ADD(LLM_COST, label, (int64_t)(cost + 0.5));
        spend_tokens(guards_of(flight)->spend, (uint64_t)used.input_tokens + used.output_tokens,
                     clock_wall_ms(flight->consult->config.clock));
}

/* "host:port" */
static void add_server(struct span *span, const char *address)
{
        char host[256];
        const char *port = strrchr(address, ':');
        snprintf(host, sizeof host, "%.*s", (int)(port - address), address);
        span_add_word(span, "server.address", host);
        span_add_i64(span, "server.port", (int64_t)strtoul(port + 1, NULL, 10));
}

/* The names are those of OpenTelemetry's conventions for generative AI. */
static void end_span(const struct flight *flight, int64_t took_us)
{
        struct span span;
        const struct llm_upstream *upstream = upstream_of(flight);
        enum llm_status status = flight->call.status;
        if (!span_is_wanted(&flight->trace))
                return;
        span_init(&span, &flight->trace, flight->parent.span_id, "chat", SPAN_CLIENT);
        span_set_time(&span, clock_wall_ms(flight->consult->config.clock), took_us);
        span_add_word(&span, "gen_ai.operation.name", "chat");
        span_add_word(&span, "gen_ai.provider.name", upstream->provider);
        span_add_word(&span, "gen_ai.request.model", upstream->model);
        if (flight->call.usage.model.text[0])
                span_add_word(&span, "gen_ai.response.model", flight->call.usage.model.text);
        add_server(&span, upstream->address);
        if (flight->call.usage.input_tokens) {
                span_add_i64(&span, "gen_ai.usage.input_tokens", flight->call.usage.input_tokens);
                span_add_i64(&span, "gen_ai.usage.output_tokens", flight->call.usage.output_tokens);
        }
        if (status != LLM_OK) {
                span_add_word(&span, "error.type", llm_status_name(status));
                span.is_error = true;
        }
        span_end(&span);
}

/* The attempt is over, whatever came of it. */
static void settle(struct flight *flight)
{
        static const enum breaker_outcome outcomes[] = {
                [LLM_HEALTH_WELL] = BREAKER_SUCCESS,
                [LLM_HEALTH_ILL] = BREAKER_FAILURE,
                [LLM_HEALTH_NEUTRAL] = BREAKER_UNKNOWN,
        };
        enum llm_status status = flight->call.status;
        unsigned label = (unsigned)flight->upstream;
        breaker_leave(breaker_of(flight), flight->permit, outcomes[llm_status_health(status)], now_ms(flight));
        gate_leave(gate_of(flight));
        flight->upstream_us += flight->call.upstream_us;
        int64_t took_us = clock_monotonic_us(flight->consult->config.clock) - flight->started_us;
        METRIC_ADD(LLM_IN_FLIGHT, label, -1);
        METRIC_ADD(LLM_ATTEMPTS, METRIC_PAIR(LLM_STATUS, label, status), 1);
        METRIC_OBSERVE(LLM_DURATION, label, (double)took_us / 1e6);
        end_span(flight, took_us);
        if (status == LLM_OK)
                gate_taken(gate_of(flight));
        if (flight->call.usage.input_tokens || flight->call.usage.output_tokens)
                count_tokens(flight);
}

/* What the upstream wishes for, and what only a person can mend. */
static void heed(struct flight *flight)
{
        enum llm_status status = flight->call.status;
        int64_t now = now_ms(flight), wish_ms = flight->call.retry_after_ms;
        if (status == LLM_RATE_LIMITED && wish_ms > 0 && wish_ms <= RETRY_MAX_WISH_MS)
                gate_refused(gate_of(flight), now + (wish_ms < MAX_PAUSE_MS ? wish_ms : MAX_PAUSE_MS));
        if (status == LLM_QUOTA)
                gate_shut(gate_of(flight), now + QUOTA_PAUSE_MS);
        if (status == LLM_UNAUTHORIZED)
                gate_shut(gate_of(flight), now + MISTAKE_PAUSE_MS);
        if (status == LLM_QUOTA || status == LLM_UNAUTHORIZED || status == LLM_REJECTED || status == LLM_CONNECT ||
            status == LLM_TLS)
                warn(flight, status);
}

static bool is_worth_a_retry(const struct flight *flight)
{
        const struct llm_call *call = &flight->call;
        if (call->status == LLM_QUOTA || flight->retries >= flight->consult->config.max_retries)
                return false;
        if (call->http_status >= 400 && call->should_retry != LLM_RETRY_UNSAID)
                return call->should_retry == LLM_RETRY_YES;
        return llm_status_may_retry(call->status);
}

/* When the retry would begin; 0: there will be none. */
static int64_t retry_at_ms(const struct flight *flight)
{
        if (!is_worth_a_retry(flight) || breaker_state(breaker_of(flight)) == BREAKER_OPEN)
                return 0;
        double random = flight->consult->config.random(NULL);
        int64_t at_ms = now_ms(flight) + retry_delay_ms(flight->retries, flight->call.retry_after_ms, random);
        if (at_ms + MIN_ATTEMPT_MS > flight->deadline_at_ms - ATTEMPT_MARGIN_MS)
                return 0;
        return retry_budget_take(&guards_of(flight)->retries) ? at_ms : 0;
}

static enum flight_state judge(struct flight *flight)
{
        settle(flight);
        flight->status = flight->call.status;
        if (flight->status == LLM_OK)
                return FLIGHT_ANSWER;
        if (list_is_empty(&flight->members))
                return FLIGHT_GIVE_UP;
        heed(flight);
        int64_t at_ms = retry_at_ms(flight);
        if (!at_ms) {
                flight->upstream++;
                flight->retries = 0;
                return FLIGHT_PICK;
        }
        flight->retries++;
        METRIC_ADD(LLM_RETRIES, flight->upstream, 1);
        flight->back_off.due_ms = at_ms;
        return FLIGHT_BACK_OFF;
}

static void waited(struct timer *timer)
{
        resume(list_item(timer, struct flight, back_off));
}

static enum flight_state back_off(struct flight *flight)
{
        flight->back_off.fire = waited;
        timer_start(flight->consult->config.clock->timers, &flight->back_off, flight->back_off.due_ms);
        return FLIGHT_WAIT;
}

static void tell_all(struct flight *flight, enum llm_status status)
{
        struct list *link;
        while ((link = list_pop_front(&flight->members)) != NULL)
                consult_tell(list_item(link, struct consult_question, link), flight, status);
}

/* Kept also when nobody waits for it any more: it has been paid for. */
static enum flight_state answer(struct flight *flight)
{
        struct consult *consult = flight->consult;
        if (!flight->is_cached) {
                struct digest key = flight->key;
                if (flight->upstream > 0)
                        key = consult_key(consult, flight->prompt, flight->snapshot, flight->call.channel,
                                          flight->call.message.safe, flight->upstream);
                answer_cache_put(guards_of(flight)->cache, &key, now_ms(flight), &flight->call.answer,
                                 sizeof flight->call.answer);
        }
        tell_all(flight, LLM_OK);
        return FLIGHT_END;
}

static enum flight_state give_up(struct flight *flight)
{
        tell_all(flight, flight->status);
        return FLIGHT_END;
}

void flight_cancel(struct flight *flight)
{
        struct llm *llm = flight->consult->config.llm;
        /* Nobody may join it any more. */
        list_remove(&flight->link);
        if (flight->state == FLIGHT_ATTEMPT) {
                llm->ops->cancel(llm, &flight->call);
                return;
        }
        assert(flight->state == FLIGHT_BACK_OFF);
        timer_stop(flight->consult->config.clock->timers, &flight->back_off);
        resume(flight);
}
