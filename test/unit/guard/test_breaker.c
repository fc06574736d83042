/* SPDX-License-Identifier: Apache-2.0 */
/* Traces on a virtual clock. A script's words, from time 0 with random numbers of 0.5 (no jitter):
 *
 *     ok fail unknown   a call that may enter, and leaves with that outcome; `fail*5`: five of them
 *     >a                a call that may enter and stays; a:ok, a:fail, a:unknown: it leaves
 *     refused           a call that may not enter
 *     @5000 +1          sets the clock, moves it on (milliseconds)
 *     r0 r1             the random numbers from here on: the least, the greatest
 *     =open             the state by now
 *
 * `told` has the first letters of the states that were told, in their order. */
#include "unit/test.h"

#include "guard/breaker.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct trace {
        const char *name;
        const char *script;
        const char *told;
};

static const struct trace traces[] = {
        {"it begins closed", "=closed ok =closed", ""},
        {"five failures in a row open it", "fail*4 =closed fail =open refused", "o"},
        {"a success resets the row", "fail*4 ok fail*4 =closed", ""},
        {"a row does not age", "fail*4 @100000 fail =open", "o"},
        {"half of ten calls open it", "ok fail ok fail ok fail ok fail ok =closed fail =open", "o"},
        {"less than half does not, half of more does",
         "ok*2 fail ok fail ok fail ok fail ok fail =closed fail =open", "o"},
        {"forty-nine of ninety-nine do not, half of a hundred does",
         "ok*38 fail*4 ok fail*4 ok fail*4 ok fail*4 ok fail*4 ok fail*4 ok fail*4 ok fail*4 ok fail*4 ok fail*4 ok "
         "fail*4 ok fail*4 ok fail =closed fail =open", "o"},
        {"fewer than ten calls do not, whatever their share", "fail*4 ok fail*4 =closed", ""},
        {"a success as the tenth call completes the share", "fail*4 ok fail*4 =closed ok =open", "o"},
        {"a bucket counts for thirty seconds", "fail*4 ok @29999 ok*4 =closed fail =open", "o"},
        {"and no longer", "fail*4 ok @30000 ok*4 fail =closed ok*50", ""},
        {"nor when its place was not used again", "fail*4 ok @45000 ok*4 fail =closed ok*50", ""},
        {"a bucket's place is used again",
         "fail*4 ok @30000 ok fail ok fail ok fail ok fail ok =closed fail =open", "o"},
        {"buckets age one by one",
         "fail*4 ok @1000 fail*4 =closed @30000 ok*5 =closed fail =open", "o"},
        {"calls of different seconds add up",
         "fail ok +1000 fail ok +1000 fail ok +1000 fail ok +1000 ok =closed fail =open", "o"},
        {"an open one refuses for five seconds", "fail*5 @4999 refused =open @5000 >a =half_open", "oh"},
        {"the shortest cool-down", "r0 fail*5 @3999 refused @4000 >a =half_open", "oh"},
        {"the longest cool-down", "r1 fail*5 @5998 refused @5999 >a =half_open", "oh"},
        {"the cool-down doubles up to a minute",
         "fail*5 +4999 refused +1 fail =open +9999 refused +1 fail =open +19999 refused +1 fail =open "
         "+39999 refused +1 fail =open +59999 refused +1 fail =open +59999 refused +1 fail =open",
         "ohohohohohoho"},
        {"the longest of all with jitter",
         "fail*5 +5000 fail +10000 fail +20000 fail +40000 r0 fail +47999 refused +1 r1 fail +71998 refused +1 >a",
         "ohohohohohoh"},
        {"closing resets the cool-down",
         "fail*5 +5000 fail +10000 ok*3 =closed fail*5 =open +4999 refused +1 ok =half_open", "ohohcoh"},
        {"three probes at a time", "fail*5 @5000 >a >b >c refused a:ok >d refused =half_open", "oh"},
        {"three successes close it", "fail*5 @5000 ok*2 =half_open ok =closed", "ohc"},
        {"three successes at a time as well", "fail*5 @5000 >a >b >c c:ok a:ok =half_open b:ok =closed", "ohc"},
        {"one failure opens it again", "fail*5 @5000 >a >b a:ok b:fail =open refused", "oho"},
        {"successes of an earlier half-open are forgotten",
         "fail*5 @5000 ok*2 fail =open @15000 ok*2 =half_open ok =closed", "ohohc"},
        {"the probes of an earlier half-open are forgotten",
         "fail*5 @5000 >a >b >c a:fail @15000 >d >e >f refused b:ok c:ok refused =half_open", "ohoh"},
        {"a closed breaker begins with an empty window",
         "ok fail ok fail ok fail ok fail ok fail =open @5000 ok*3 =closed fail*4 =closed", "ohc"},
        {"and with no row", "fail*5 =open @5000 ok*3 fail*4 =closed fail =open", "ohco"},
        {"a call of before changes nothing while it is open",
         ">a >b fail*5 a:ok =open b:fail =open +4999 refused +1 >c", "oh"},
        {"nor while it is half-open", ">a >b fail*5 @5000 >c a:fail =half_open b:ok ok =half_open", "oh"},
        {"nor once it is closed again", ">a fail*5 @5000 ok*3 =closed a:fail fail*4 =closed", "ohc"},
        {"nor does it free a probe's slot", ">a fail*5 @5000 >b >c >d a:ok refused", "oh"},
        {"a probe that ends after the closing changes nothing",
         "fail*5 @5000 >a >b >c a:ok >d b:ok c:ok =closed d:fail fail*4 =closed", "ohc"},
        {"a probe that ends after the opening changes nothing",
         "fail*5 @5000 >a >b a:fail =open b:ok =open @14999 refused @15000 ok =half_open", "ohoh"},
        {"a cancelled probe gives its slot back", "fail*5 @5000 >a >b >c refused a:unknown >d refused", "oh"},
        {"a cancelled probe is no success", "fail*5 @5000 ok*2 unknown =half_open ok =closed", "ohc"},
        {"cancelled probes alone decide nothing", "fail*5 @5000 unknown*50 =half_open ok*3 =closed", "ohc"},
        {"a leaked probe opens it again", "fail*5 @5000 >a @34999 >b =half_open @35000 refused =open", "oho"},
        {"leaked probes in all slots do not stick",
         "fail*5 @5000 >a >b >c @34999 refused =half_open @35000 refused =open @44999 refused @45000 ok*3 =closed",
         "ohohc"},
        {"a success that comes after the time-out is a failure", "fail*5 @5000 >a @35000 a:ok =open", "oho"},
        {"so is a cancelled probe", "fail*5 @5000 >a @35000 a:unknown =open", "oho"},
        {"another probe's end notices the leak", "fail*5 @5000 >a @20000 >b @35000 b:ok =open a:ok =open", "oho"},
        {"a probe's time begins when it enters", "fail*5 @5000 >a @20000 a:ok >b @49999 b:ok ok =closed", "ohc"},
        {"the clock jumps while it is closed", "fail*4 ok @86400000 fail*4 =closed fail =open", "o"},
        {"the clock jumps while it is open", "fail*5 @999999999 >a =half_open", "oh"},
        {"the clock jumps while it is half-open", "fail*5 @5000 >a @999999999 refused =open +10000 ok*3 =closed", "ohohc"},
        {"a clock that lags does not lengthen the window", "@30000 fail*4 @29990 fail =open +5009 refused +1 >a", "oh"},
        {"nor does it shorten a cool-down", "fail*5 @5000 >a @0 a:fail =open @14999 refused @15000 >b", "ohoh"},
        {"unknown outcomes never open it", "unknown*100 =closed", ""},
        {"they are no calls", "fail*4 ok fail*4 unknown*5 =closed", ""},
        {"they do not reset the row", "fail*4 unknown*100 fail =open", "o"},
};

struct player {
        struct breaker *breaker;
        int64_t now_ms;
        double random;
        struct breaker_permit permits[26];
        char told[64];
};

static double fixed(void *arg)
{
        return ((struct player *)arg)->random;
}

static void remember(void *arg, enum breaker_state state)
{
        struct player *player = arg;
        size_t len = strlen(player->told);
        assert_true(len + 1 < sizeof player->told);
        player->told[len] = breaker_state_name(state)[0];
}

static enum breaker_outcome outcome_of(const char *word)
{
        if (word[0] == 'o')
                return BREAKER_SUCCESS;
        return word[0] == 'f' ? BREAKER_FAILURE : BREAKER_UNKNOWN;
}

static bool enter(struct player *player, struct breaker_permit *ret_permit)
{
        return breaker_enter(player->breaker, player->now_ms, ret_permit);
}

static void leave(struct player *player, struct breaker_permit permit, const char *word)
{
        breaker_leave(player->breaker, permit, outcome_of(word), player->now_ms);
}

/* False: what the word says is not so. */
static bool play_calls(struct player *player, const char *word)
{
        const char *times = strchr(word, '*');
        for (long left = times ? strtol(times + 1, NULL, 10) : 1; left; left--) {
                struct breaker_permit permit;
                if (!enter(player, &permit))
                        return false;
                leave(player, permit, word);
        }
        return true;
}

static bool play_word(struct player *player, const char *word)
{
        struct breaker_permit permit;
        switch (word[0]) {
        case '@':
                player->now_ms = strtoll(word + 1, NULL, 10);
                return true;
        case '+':
                player->now_ms += strtoll(word + 1, NULL, 10);
                return true;
        case '=':
                return strcmp(breaker_state_name(breaker_state(player->breaker)), word + 1) == 0;
        case '>':
                return enter(player, &player->permits[word[1] - 'a']);
        default:
                break;
        }
        if (word[1] == ':') {
                leave(player, player->permits[word[0] - 'a'], word + 2);
                return true;
        }
        if (strcmp(word, "refused") == 0)
                return !enter(player, &permit);
        if (word[0] != 'r')
                return play_calls(player, word);
        player->random = word[1] == '0' ? 0 : 0.9999999;
        return true;
}

static void play(const struct trace *trace)
{
        struct player player = {.random = 0.5};
        struct breaker_rules rules = breaker_default_rules();
        char script[512], *rest = script;
        assert_true(strlen(trace->script) < sizeof script);
        memcpy(script, trace->script, strlen(trace->script) + 1);
        player.breaker = breaker_new(&rules, fixed, remember, &player);
        for (const char *word = strtok_r(script, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
                if (!play_word(&player, word))
                        fail_msg("%s: \"%s\" at %lld ms, before \"%s\"", trace->name, word, (long long)player.now_ms, rest);
        }
        if (strcmp(player.told, trace->told) != 0)
                fail_msg("%s: told \"%s\"", trace->name, player.told);
        breaker_free(player.breaker);
}

static void each_trace_goes_as_written(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof traces / sizeof *traces; i++)
                play(&traces[i]);
}

static void other_rules_are_kept(void **state)
{
        (void)state;
        struct player player = {.random = 0};
        struct breaker_rules rules = {
                .failures_in_row = 1, .min_calls = 100, .failure_percent = 100, .cool_down_ms = 10, .max_cool_down_ms = 15,
                .jitter_percent = 0, .max_probes = 1, .successes_to_close = 1, .probe_timeout_ms = 7,
        };
        player.breaker = breaker_new(&rules, fixed, NULL, &player);
        static const char *const words[] = {"fail", "@9", "refused", "@10", ">a", "refused", "a:fail", "@24", "refused",
                                            "@25", ">a", "@31", "refused", "=half_open", "@32", "refused", "=open",
                                            "@47", "ok", "=closed", "ok"};
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
                if (!play_word(&player, words[i]))
                        fail_msg("word %zu, \"%s\"", i, words[i]);
        breaker_free(player.breaker);
        breaker_free(NULL);
}

enum { THREADS = 4, TURNS = 50000, PROBES = 3 };

struct crowd {
        struct breaker *breaker;
        _Atomic int64_t now_ms;
        _Atomic uint64_t holders[PROBES + 1]; /* the generation of the call in each slot */
        _Atomic int collisions;
        enum breaker_state last; /* guarded by the breaker's lock, as is the next */
        int bad_changes;
        int closings;
};

static double half(void *arg)
{
        (void)arg;
        return 0.5;
}

static void check_change(void *arg, enum breaker_state state)
{
        static const bool may_follow[3][3] = {
                [BREAKER_CLOSED] = {[BREAKER_OPEN] = true},
                [BREAKER_OPEN] = {[BREAKER_HALF_OPEN] = true},
                [BREAKER_HALF_OPEN] = {[BREAKER_OPEN] = true, [BREAKER_CLOSED] = true},
        };
        struct crowd *crowd = arg;
        crowd->bad_changes += !may_follow[crowd->last][state];
        crowd->closings += state == BREAKER_CLOSED;
        crowd->last = state;
}

/* Only one call of a generation is in a slot. */
static void hold_and_leave(struct crowd *crowd, struct breaker_permit permit, enum breaker_outcome outcome)
{
        _Atomic uint64_t *holder = &crowd->holders[permit.probe];
        if (permit.probe) {
                if (permit.probe > PROBES || atomic_exchange(holder, permit.generation) == permit.generation)
                        atomic_fetch_add(&crowd->collisions, 1);
                uint64_t own = permit.generation;
                atomic_compare_exchange_strong(holder, &own, 0);
        }
        breaker_leave(crowd->breaker, permit, outcome, atomic_load(&crowd->now_ms));
}

static void *run(void *arg)
{
        struct crowd *crowd = arg;
        uint32_t random = (uint32_t)(uintptr_t)&random | 1;
        for (int i = 0; i < TURNS; i++) {
                random = random * 1664525U + 1013904223U;
                int64_t now_ms = atomic_fetch_add(&crowd->now_ms, random >> 30);
                struct breaker_permit permit;
                if (breaker_enter(crowd->breaker, now_ms, &permit) && (random >> 8) % 1000 != 0)
                        hold_and_leave(crowd, permit, (enum breaker_outcome)((random >> 16) % 3));
        }
        return NULL;
}

static void threads_together_keep_its_promises(void **state)
{
        (void)state;
        struct crowd crowd = {.last = BREAKER_CLOSED};
        struct breaker_rules rules = breaker_default_rules();
        rules.cool_down_ms = 20;
        rules.max_cool_down_ms = 40;
        rules.probe_timeout_ms = 100;
        crowd.breaker = breaker_new(&rules, half, check_change, &crowd);
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, run, &crowd), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(crowd.collisions, 0);
        assert_int_equal(crowd.bad_changes, 0);
        assert_true(crowd.closings > 0);
        breaker_free(crowd.breaker);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_trace_goes_as_written),
                cmocka_unit_test(other_rules_are_kept),
                cmocka_unit_test(threads_together_keep_its_promises),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
