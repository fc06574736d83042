/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/consult.h"

#include "base/alloc.h"
#include "base/metric.h"
#include "flow/flight.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FLIGHT_ARENA_BYTES = 256 << 10, SCRATCH_BYTES = 256 << 10 };

struct consult *consult_new(const struct consult_config *config)
{
        struct consult *consult = alloc_zeroed(1, sizeof *consult);
        consult->config = *config;
        buf_init(&consult->scratch, SCRATCH_BYTES);
        for (size_t i = 0; i < FLIGHT_CHAINS; i++)
                list_init(&consult->chains[i]);
        return consult;
}

void consult_free(struct consult *consult)
{
        if (!consult)
                return;
        for (size_t i = 0; i < FLIGHT_CHAINS; i++)
                assert(list_is_empty(&consult->chains[i]));
        buf_deinit(&consult->scratch);
        free(consult);
}

/* Two texts that differ in their white space only are the same. */
static struct str normalised(struct buf *scratch, struct str text)
{
        bool is_gap = false;
        buf_reset(scratch);
        char *to = buf_reserve(scratch, text.len);
        if (!to)
                return text;
        char *at = to;
        for (size_t i = 0; i < text.len; i++) {
                bool is_space = text.ptr[i] == ' ' || (text.ptr[i] >= '\t' && text.ptr[i] <= '\r');
                if (!is_space || !is_gap)
                        *at++ = is_space ? ' ' : text.ptr[i];
                is_gap = is_space;
        }
        buf_commit(scratch, (size_t)(at - to));
        return buf_str(scratch);
}

struct digest consult_key(struct consult *consult, const struct policy_prompt *prompt, const struct snapshot *snapshot,
                          enum channel channel, struct str message, size_t upstream)
{
        const struct llm_upstream *asked = &consult->config.llm->upstreams[upstream];
        const struct str parts[] = {
                normalised(&consult->scratch, message),
                str_from(channel_name(channel)),
                prompt->version,
                policy_facts(snapshot->policy)->version,
                str_from(asked->name),
                str_from(asked->model),
        };
        return digest_sha256_parts(parts, sizeof parts / sizeof *parts);
}

bool consult_recall(struct consult *consult, const struct digest *key, struct llm_answer *ret_answer)
{
        int64_t now_ms = clock_monotonic_us(consult->config.clock) / 1000;
        bool is_there = answer_cache_get(consult->config.guards->cache, key, now_ms, ret_answer, sizeof *ret_answer);
        if (is_there)
                METRIC_ADD(LLM_AVOIDED, METRIC_LLM_AVOIDED_CACHE, 1);
        return is_there;
}

static struct list *chain_of(struct consult *consult, const struct digest *key)
{
        uint64_t word;
        memcpy(&word, key->bytes, sizeof word);
        return &consult->chains[word % FLIGHT_CHAINS];
}

static struct flight *find(struct consult *consult, const struct digest *key)
{
        struct list *chain = chain_of(consult, key);
        list_each(link, chain) {
                struct flight *flight = list_item(link, struct flight, link);
                if (digest_equal(&flight->key, key))
                        return flight;
        }
        return NULL;
}

/* NULL when the message is too large. */
static struct flight *flight_new(struct consult *consult, const struct consult_question *question,
                                 const struct policy_prompt *prompt, const struct digest *key)
{
        struct arena arena;
        arena_init(&arena, FLIGHT_ARENA_BYTES);
        struct flight *flight = arena_new(&arena, struct flight);
        struct str message = arena_copy(&arena, question->message.safe);
        if (arena.is_full) {
                arena_deinit(&arena);
                return NULL;
        }
        flight->consult = consult;
        flight->key = *key;
        flight->snapshot = snapshot_repin(question->snapshot);
        flight->prompt = prompt;
        flight->status = LLM_DEADLINE;
        flight->parent = question->trace;
        flight->call = (struct llm_call){
                .system_json = prompt->system_json,
                .message = {message},
                .channel = question->channel,
        };
        flight->arena = arena;
        list_init(&flight->members);
        list_push_back(chain_of(consult, key), &flight->link);
        ++*consult->config.busy;
        return flight;
}

void flight_free(struct flight *flight)
{
        struct arena arena = flight->arena;
        assert(list_is_empty(&flight->members));
        list_remove(&flight->link);
        --*flight->consult->config.busy;
        snapshot_unpin(flight->snapshot);
        arena_deinit(&arena);
}

static void leave(struct consult_question *question)
{
        struct flight *flight = question->flight;
        question->flight = NULL;
        list_remove(&question->link);
        timer_stop(question->consult->config.clock->timers, &question->patience);
        if (list_is_empty(&flight->members) && flight->state < FLIGHT_ANSWER)
                flight_cancel(flight);
}

struct consulted consult_outcome(const struct consult_question *question)
{
        return (struct consulted){
                .status = question->status,
                .answer = &question->answer,
                .model = question->model,
                .prompt_version = question->prompt_version,
                .is_cached = question->is_cached,
        };
}

void consult_leave(struct consult_question *question)
{
        assert(question->flight);
        leave(question);
}

static void lose_patience(struct timer *timer)
{
        struct consult_question *question = list_item(timer, struct consult_question, patience);
        question->status = LLM_DEADLINE;
        leave(question);
        question->done(question);
}

static void join(struct consult_question *question, struct flight *flight)
{
        question->flight = flight;
        list_push_back(&flight->members, &question->link);
        if (question->deadline_at_ms > flight->deadline_at_ms)
                flight->deadline_at_ms = question->deadline_at_ms;
        question->patience.fire = lose_patience;
        timer_start(question->consult->config.clock->timers, &question->patience, question->deadline_at_ms);
}

void consult_tell(struct consult_question *question, const struct flight *flight, enum llm_status status)
{
        const struct llm *llm = flight->consult->config.llm;
        list_remove(&question->link);
        timer_stop(flight->consult->config.clock->timers, &question->patience);
        question->flight = NULL;
        question->status = status;
        question->upstream_us = flight->upstream_us;
        if (status == LLM_OK) {
                question->answer = flight->call.answer;
                question->model = llm->upstreams[flight->upstream].model;
                question->is_cached = flight->is_cached;
        }
        if (!flight->is_starting)
                question->done(question);
}

/* Begins a flight; true when it has ended already. */
static bool begin(struct consult *consult, struct consult_question *question, const struct policy_prompt *prompt,
                  const struct digest *key)
{
        struct flight *flight = flight_new(consult, question, prompt, key);
        if (!flight) {
                question->status = LLM_WITHHELD;
                return true;
        }
        join(question, flight);
        flight->is_starting = true;
        flight_start(flight); /* may free it */
        if (question->flight)
                flight->is_starting = false;
        return !question->flight;
}

bool consult_ask(struct consult *consult, struct consult_question *question)
{
        const struct llm_policy *policy = &policy_facts(question->snapshot->policy)->llm;
        const struct policy_prompt *prompt = llm_policy_prompt(policy, question->split_point);
        struct digest key = consult_key(consult, prompt, question->snapshot, question->channel, question->message.safe, 0);
        question->consult = consult;
        question->flight = NULL;
        question->prompt_version = prompt->version;
        if (consult_recall(consult, &key, &question->answer)) {
                question->status = LLM_OK;
                question->is_cached = true;
                question->model = consult->config.llm->upstreams[0].model;
                return true;
        }
        struct flight *flight = find(consult, &key);
        if (!flight)
                return begin(consult, question, prompt, &key);
        METRIC_ADD(LLM_AVOIDED, METRIC_LLM_AVOIDED_SINGLE_FLIGHT, 1);
        join(question, flight);
        return false;
}
