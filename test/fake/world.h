/* SPDX-License-Identifier: Apache-2.0 */
/* A world for the flow: virtual time, one loop's queue, a store in memory, LLMs that follow a script, and
 * faults on demand.
 *
 * Nothing happens by itself: world_step() lets the oldest waiting port call finish, world_sleep()
 * lets time pass. The n-th port call can be made to fail, so that a test can try them all.
 */
#ifndef FAKE_WORLD_H
#define FAKE_WORLD_H

#include "flow/triage.h"

enum { WORLD_MAX_RECORDS = 256, WORLD_MAX_SCRIPT = 32 };

/* How an attempt at an LLM ends. Zeroed: at once, with the world's default answer. */
struct world_attempt {
        enum llm_status status;
        int http_status;
        int64_t takes_ms;       /* until it ends; its deadline comes before */
        int64_t retry_after_ms; /* 0: not said */
        int should_retry;       /* as in port/llm.h */
        struct llm_answer answer; /* of LLM_OK; reasoning_bytes 0: the default one */
};

struct world_record {
        struct record_id id;
        char *answer; /* owns */
        char *text;   /* owns */
        bool has_key;
        struct digest key;
        struct digest fingerprint;
        enum severity severity; /* of its compliance record */
        bool has_ticket;
        struct record_id joins;
        char *suggested_reply; /* owns; NULL: none */
};

struct world {
        struct clock clock;
        struct timer_wheel wheel;
        int64_t now_us;
        struct store store;
        struct list waiting; /* port calls that have not finished */
        uint64_t next_row;
        struct world_record records[WORLD_MAX_RECORDS];
        size_t record_count;
        size_t calls;    /* port calls so far */
        size_t fail_at;  /* this one fails; 0: none */
        enum err fail_with;
        bool is_dead;    /* every commit fails */
        /* LLMs, after world_add_llm(). */
        struct llm llm;
        struct consult_guards guards;
        size_t llm_calls;         /* attempts so far */
        size_t llm_calls_of[LLM_MAX_UPSTREAMS];
        size_t llm_cancelled;
        size_t llm_under_way;
        struct world_attempt script[WORLD_MAX_SCRIPT]; /* the first attempts, in order */
        struct world_attempt otherwise;                /* all later ones */
        size_t script_count;
        char llm_text[8192];      /* what the last attempt sent */
        size_t warnings[LLM_STATUS_COUNT];
        /* The flow's surroundings. */
        struct snapshot_holder *snapshots;
        struct model *model;
        struct kb_scratch *scratch;
        struct buf buf;
        struct admission admission;
        struct rate_limit *rate_limit;
        struct claims *claims;
        struct handoff *handoff;
        size_t busy;
        size_t stored;  /* how often the flow said so */
        size_t unheard; /* of these with nobody waiting */
        struct triage_env env;
};

/* `max_in_flight` and `reserve` are the admission's. */
void world_init(struct world *world, uint32_t max_in_flight, uint32_t reserve);

/* Puts `count` upstreams, "first" and "second" …, before the embedded model. */
void world_add_llm(struct world *world, enum mode mode, size_t count);

/* As if the built-in model had been right wherever it was sure, on labels of this installation. */
void world_trust_model(struct world *world);

/* Asserts that nothing is left: no triage, no claim, nobody admitted. */
void world_deinit(struct world *world);

/* Finishes the oldest port call; false when none waits. */
bool world_step(struct world *world);

void world_run(struct world *world);

void world_sleep(struct world *world, int64_t ms);

const struct world_record *world_find(const struct world *world, struct record_id id);

#endif
