/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of the consultation: one flight, and how its questions and the table of flights see it. */
#ifndef FLOW_FLIGHT_H
#define FLOW_FLIGHT_H

#include "base/arena.h"
#include "base/buf.h"
#include "flow/consult.h"

enum { FLIGHT_CHAINS = 4096 };

struct consult {
        struct consult_config config;
        struct buf scratch;                /* for normalised texts */
        struct list chains[FLIGHT_CHAINS]; /* of flights, by key */
};

enum flight_state {
        FLIGHT_START,
        FLIGHT_PICK,
        FLIGHT_ATTEMPT,
        FLIGHT_JUDGE,
        FLIGHT_BACK_OFF,
        FLIGHT_ANSWER,
        FLIGHT_GIVE_UP,
        FLIGHT_END,
        FLIGHT_STATES,
        FLIGHT_WAIT = FLIGHT_STATES, /* the step has started something that resumes */
};

struct flight {
        struct consult *consult;
        struct arena arena; /* owns; the flight lives in it */
        struct list link;   /* of its chain */
        struct digest key;
        const struct snapshot *snapshot; /* pinned */
        const struct policy_prompt *prompt;
        struct list members; /* questions */
        bool is_starting;    /* within consult_ask(): nobody is called back */
        int64_t deadline_at_ms;
        enum flight_state state;
        size_t upstream;    /* that is being asked */
        unsigned retries;   /* of it, so far */
        bool has_put;       /* its share into the retry budget */
        struct breaker_permit permit;
        struct timer back_off;
        struct llm_call call;
        struct trace_context parent; /* the first member's request */
        struct trace_context trace;  /* of the attempt */
        char trace_parent[TRACE_PARENT_BYTES + 1];
        int64_t started_us; /* of the attempt */
        enum llm_status status; /* why there is no answer yet */
        int64_t upstream_us;
        bool is_cached;     /* the answer is */
};

/* The key under which this upstream's answer is kept. */
struct digest consult_key(struct consult *consult, const struct policy_prompt *prompt, const struct snapshot *snapshot,
                          enum channel channel, struct str message, size_t upstream);

/* Looks into the cache; fills ret_answer. */
bool consult_recall(struct consult *consult, const struct digest *key, struct llm_answer *ret_answer);

/* Runs to its first wait or to its end. */
void flight_start(struct flight *flight);

/* Its last member has left: ends soon, or at once. */
void flight_cancel(struct flight *flight);

/* A question ends, and is called back unless it is just being asked. */
void consult_tell(struct consult_question *question, const struct flight *flight, enum llm_status status);

/* Frees it, out of its table. */
void flight_free(struct flight *flight);

#endif
