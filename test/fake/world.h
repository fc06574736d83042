/* SPDX-License-Identifier: Apache-2.0 */
/* A world for the flow: virtual time, one loop's queue, a store in memory, and faults on demand.
 *
 * Nothing happens by itself: world_step() lets the oldest waiting port call finish, world_sleep()
 * lets time pass. The n-th port call can be made to fail, so that a test can try them all.
 */
#ifndef FAKE_WORLD_H
#define FAKE_WORLD_H

#include "flow/triage.h"

enum { WORLD_MAX_RECORDS = 64 };

struct world_record {
        struct record_id id;
        char *answer; /* owns */
        char *text;   /* owns */
        bool has_key;
        struct digest key;
        struct digest fingerprint;
        enum severity severity; /* of its compliance record */
        bool has_ticket;
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
        /* The flow's surroundings. */
        struct snapshot_holder *snapshots;
        struct model *model;
        struct kb_scratch *scratch;
        struct buf buf;
        struct admission admission;
        struct rate_limit *rate_limit;
        struct claims *claims;
        size_t busy;
        size_t stored;  /* how often the flow said so */
        size_t unheard; /* of these with nobody waiting */
        struct triage_env env;
};

/* `max_in_flight` and `reserve` are the admission's. */
void world_init(struct world *world, uint32_t max_in_flight, uint32_t reserve);

/* Asserts that nothing is left: no triage, no claim, nobody admitted. */
void world_deinit(struct world *world);

/* Finishes the oldest port call; false when none waits. */
bool world_step(struct world *world);

void world_run(struct world *world);

void world_sleep(struct world *world, int64_t ms);

const struct world_record *world_find(const struct world *world, struct record_id id);

#endif
