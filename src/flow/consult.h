/* SPDX-License-Identifier: Apache-2.0 */
/* Consultation: what an LLM says about a message, within the time that the message has.
 *
 * A question is looked up in the cache first. Else it joins the flight of an identical question (same
 * redacted text, channel, prompt and policy) or begins one: a flight asks the upstreams of the chain one
 * after the other, through their guards, and tells all of its members (flow/flight.c). When nobody can
 * be asked, or nobody answers in time, the question ends with the reason, and the embedded model decides.
 *
 * One `struct consult` a worker, touched on its loop only; guards and cache are shared by all workers.
 * Only what was found out is cached or shared: each message still runs its own workflow and has its own
 * record.
 *
 * What may go wrong, and what then holds:
 * - A member whose time is up leaves; a flight that the last one has left is cancelled. A member that
 *   leaves takes nothing from the others, also when it was the first.
 * - A flight's time is its longest-lasting member's. An attempt's time ends a little before, so that a
 *   hanging upstream is counted as one.
 */
#ifndef FLOW_CONSULT_H
#define FLOW_CONSULT_H

#include "base/trace_context.h"
#include "flow/decide.h"
#include "guard/answer_cache.h"
#include "guard/breaker.h"
#include "guard/gate.h"
#include "guard/retry.h"
#include "guard/spend.h"
#include "policy/snapshot.h"
#include "port/clock.h"
#include "port/llm.h"

/* What all workers share; by place in the chain where it belongs to an upstream. Borrowed. */
struct consult_guards {
        struct breaker *breakers[LLM_MAX_UPSTREAMS];
        struct gate gates[LLM_MAX_UPSTREAMS];
        struct retry_budget retries;
        struct spend *spend;
        struct answer_cache *cache;
};

struct consult_config {
        const struct clock *clock;
        struct llm *llm;
        struct consult_guards *guards;
        unsigned max_retries;            /* of one upstream, for one flight */
        double (*random)(void *unused);  /* in [0, 1) */
        size_t *busy;                    /* counts the flights: their loop must go on */
        /* What a person has to mend: LLM_CONNECT, LLM_TLS, LLM_QUOTA, LLM_UNAUTHORIZED, LLM_REJECTED, LLM_BUDGET.
         * `upstream` is the place in the chain; the call holds the words for it. */
        void (*warn)(void *arg, enum llm_status status, size_t upstream, const struct llm_call *call);
        void *warn_arg;
};

struct consult;

/* The config is copied; all that it points to outlives the consult. */
struct consult *consult_new(const struct consult_config *config);

/* After the last flight has ended. */
void consult_free(struct consult *consult);

/* Lives in what it is asked for. */
struct consult_question {
        /* What is asked; borrowed until the end. */
        const struct snapshot *snapshot;
        struct safe_text message;
        enum channel channel;
        uint64_t split_point;     /* in the split between prompts: the same customer, the same point */
        struct trace_context trace; /* of the request: calls are its children */
        int64_t deadline_at_ms;   /* monotonic */
        void (*done)(struct consult_question *question);
        /* How it ended. */
        enum llm_status status;   /* LLM_OK: there is an answer */
        struct llm_answer answer;
        const char *model;        /* that answered */
        struct str prompt_version; /* borrowed from the snapshot */
        bool is_cached;
        int64_t upstream_us;      /* time that was spent on upstreams */
        /* The consult's. */
        struct consult *consult;
        struct flight *flight;    /* NULL: not in one */
        struct list link;
        struct timer patience;
};

/* True: it has ended, and `done` will not run. Otherwise `done` runs exactly once, unless the question
 * is taken back. */
bool consult_ask(struct consult *consult, struct consult_question *question);

/* What has come of a question that has ended; borrows from it. */
struct consulted consult_outcome(const struct consult_question *question);

/* Takes a question back that has not ended. */
void consult_leave(struct consult_question *question);

/* The states of a flight and what may follow each, for the generated diagram and the tests. */
size_t flight_state_count(void);
const char *flight_state_name(size_t state);
bool flight_may_follow(size_t state, size_t next);

#endif
