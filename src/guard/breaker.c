/* SPDX-License-Identifier: Apache-2.0 */
#include "guard/breaker.h"

#include "base/alloc.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_S = 30, MS_PER_S = 1000, NO_PROBE = -1 };

struct bucket {
        int64_t second;
        uint32_t calls;
        uint32_t failures;
};

struct breaker {
        struct breaker_rules rules;
        double (*random)(void *arg);
        void (*changed)(void *arg, enum breaker_state state);
        void *arg;
        pthread_mutex_t lock;
        _Atomic int state; /* written under the lock */
        uint64_t generation;
        int64_t now_ms; /* the latest time brought: some workers' clocks lag by a turn of their loop */
        /* Closed. */
        uint32_t failures_in_row;
        struct bucket buckets[WINDOW_S]; /* second s belongs to bucket s modulo WINDOW_S */
        /* Open. */
        int64_t open_until_ms;
        int64_t next_cool_down_ms; /* without jitter */
        /* Half-open. */
        uint32_t successes;
        int64_t probes_end_ms[]; /* when each slot's probe times out; NO_PROBE: free */
};

struct breaker_rules breaker_default_rules(void)
{
        return (struct breaker_rules){
                .failures_in_row = 5,
                .min_calls = 10,
                .failure_percent = 50,
                .cool_down_ms = 5000,
                .max_cool_down_ms = 60000,
                .jitter_percent = 20,
                .max_probes = 3,
                .successes_to_close = 3,
                .probe_timeout_ms = 30000,
        };
}

struct breaker *breaker_new(const struct breaker_rules *rules, double (*random)(void *arg),
                            void (*changed)(void *arg, enum breaker_state state), void *arg)
{
        assert(rules->max_probes > 0 && rules->successes_to_close > 0);
        struct breaker *breaker =
                alloc_zeroed(1, sizeof *breaker + rules->max_probes * sizeof breaker->probes_end_ms[0]);
        breaker->rules = *rules;
        breaker->random = random;
        breaker->changed = changed;
        breaker->arg = arg;
        breaker->next_cool_down_ms = rules->cool_down_ms;
        pthread_mutex_init(&breaker->lock, NULL);
        atomic_init(&breaker->state, BREAKER_CLOSED);
        return breaker;
}

void breaker_free(struct breaker *breaker)
{
        if (!breaker)
                return;
        pthread_mutex_destroy(&breaker->lock);
        free(breaker);
}

static void move_to(struct breaker *breaker, enum breaker_state state)
{
        atomic_store(&breaker->state, state);
        breaker->generation++;
        if (breaker->changed)
                breaker->changed(breaker->arg, state);
}

static int64_t with_jitter(struct breaker *breaker, int64_t cool_down_ms)
{
        double part = breaker->rules.jitter_percent / 100.0 * (2 * breaker->random(breaker->arg) - 1);
        return cool_down_ms + (int64_t)((double)cool_down_ms * part);
}

static void open(struct breaker *breaker)
{
        breaker->open_until_ms = breaker->now_ms + with_jitter(breaker, breaker->next_cool_down_ms);
        breaker->next_cool_down_ms *= 2;
        if (breaker->next_cool_down_ms > breaker->rules.max_cool_down_ms)
                breaker->next_cool_down_ms = breaker->rules.max_cool_down_ms;
        move_to(breaker, BREAKER_OPEN);
}

static void half_open(struct breaker *breaker)
{
        breaker->successes = 0;
        for (uint32_t i = 0; i < breaker->rules.max_probes; i++)
                breaker->probes_end_ms[i] = NO_PROBE;
        move_to(breaker, BREAKER_HALF_OPEN);
}

static void close(struct breaker *breaker)
{
        breaker->failures_in_row = 0;
        memset(breaker->buckets, 0, sizeof breaker->buckets);
        breaker->next_cool_down_ms = breaker->rules.cool_down_ms;
        move_to(breaker, BREAKER_CLOSED);
}

/* Opens again when a probe has not been heard of for too long. */
static void expire_probes(struct breaker *breaker)
{
        for (uint32_t i = 0; i < breaker->rules.max_probes; i++) {
                int64_t end_ms = breaker->probes_end_ms[i];
                if (end_ms != NO_PROBE && end_ms <= breaker->now_ms) {
                        open(breaker);
                        return;
                }
        }
}

/* What time alone does to the state. Waiting for a caller to close an open breaker is left to enter(). */
static void advance(struct breaker *breaker, int64_t now_ms)
{
        if (now_ms > breaker->now_ms)
                breaker->now_ms = now_ms;
        if (breaker->state == BREAKER_HALF_OPEN)
                expire_probes(breaker);
}

static bool take_probe(struct breaker *breaker, struct breaker_permit *ret_permit)
{
        for (uint32_t i = 0; i < breaker->rules.max_probes; i++) {
                if (breaker->probes_end_ms[i] != NO_PROBE)
                        continue;
                breaker->probes_end_ms[i] = breaker->now_ms + breaker->rules.probe_timeout_ms;
                *ret_permit = (struct breaker_permit){breaker->generation, i + 1};
                return true;
        }
        return false;
}

static bool enter(struct breaker *breaker, struct breaker_permit *ret_permit)
{
        if (breaker->state == BREAKER_OPEN) {
                if (breaker->now_ms < breaker->open_until_ms)
                        return false;
                half_open(breaker);
        }
        if (breaker->state == BREAKER_HALF_OPEN)
                return take_probe(breaker, ret_permit);
        *ret_permit = (struct breaker_permit){breaker->generation, 0};
        return true;
}

bool breaker_enter(struct breaker *breaker, int64_t now_ms, struct breaker_permit *ret_permit)
{
        pthread_mutex_lock(&breaker->lock);
        advance(breaker, now_ms);
        bool is_allowed = enter(breaker, ret_permit);
        pthread_mutex_unlock(&breaker->lock);
        return is_allowed;
}

static void count(struct breaker *breaker, bool is_failure)
{
        int64_t second = breaker->now_ms / MS_PER_S;
        struct bucket *bucket = &breaker->buckets[second % WINDOW_S];
        if (bucket->second != second)
                *bucket = (struct bucket){.second = second};
        bucket->calls++;
        bucket->failures += is_failure;
        breaker->failures_in_row = is_failure ? breaker->failures_in_row + 1 : 0;
}

static bool is_share_reached(const struct breaker *breaker)
{
        int64_t oldest = breaker->now_ms / MS_PER_S - WINDOW_S + 1;
        uint64_t calls = 0, failures = 0;
        for (int i = 0; i < WINDOW_S; i++) {
                if (breaker->buckets[i].second < oldest)
                        continue;
                calls += breaker->buckets[i].calls;
                failures += breaker->buckets[i].failures;
        }
        return calls >= breaker->rules.min_calls && failures * 100 >= calls * breaker->rules.failure_percent;
}

static void leave_closed(struct breaker *breaker, enum breaker_outcome outcome)
{
        if (outcome == BREAKER_UNKNOWN)
                return;
        count(breaker, outcome == BREAKER_FAILURE);
        if (breaker->failures_in_row >= breaker->rules.failures_in_row || is_share_reached(breaker))
                open(breaker);
}

static void leave_half_open(struct breaker *breaker, uint32_t probe, enum breaker_outcome outcome)
{
        assert(probe >= 1 && probe <= breaker->rules.max_probes);
        assert(breaker->probes_end_ms[probe - 1] != NO_PROBE);
        breaker->probes_end_ms[probe - 1] = NO_PROBE;
        if (outcome == BREAKER_FAILURE)
                open(breaker);
        else if (outcome == BREAKER_SUCCESS && ++breaker->successes >= breaker->rules.successes_to_close)
                close(breaker);
}

void breaker_leave(struct breaker *breaker, struct breaker_permit permit, enum breaker_outcome outcome, int64_t now_ms)
{
        pthread_mutex_lock(&breaker->lock);
        advance(breaker, now_ms);
        if (permit.generation == breaker->generation) {
                if (permit.probe)
                        leave_half_open(breaker, permit.probe, outcome);
                else
                        leave_closed(breaker, outcome);
        }
        pthread_mutex_unlock(&breaker->lock);
}

enum breaker_state breaker_state(const struct breaker *breaker)
{
        return (enum breaker_state)atomic_load(&breaker->state);
}

const char *breaker_state_name(enum breaker_state state)
{
        static const char *const names[] = {
                [BREAKER_CLOSED] = "closed",
                [BREAKER_OPEN] = "open",
                [BREAKER_HALF_OPEN] = "half_open",
        };
        return names[state];
}
