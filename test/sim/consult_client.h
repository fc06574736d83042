/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulations of asking an LLM share: a world with LLMs, and clients that send messages. */
#ifndef CONSULT_CLIENT_H
#define CONSULT_CLIENT_H

#include "unit/test.h"

#include "fake/world.h"

static struct world world;

/* A message on its way, and what its client heard. */
struct client {
        struct triage *triage;
        int replies;
        enum err err;
        struct verdict verdict;
        bool has_verdict;
        enum category category;
        char answer[8192];
};

#define QUESTION "What is your refund policy?"
#define DANGER "I have chest pain and can't breathe"

static inline int set_up_with(enum mode mode, size_t upstreams)
{
        world_init(&world, 64, 8);
        world_add_llm(&world, mode, upstreams);
        return 0;
}

static inline int set_up(void **state)
{
        (void)state;
        return set_up_with(MODE_LLM, 1);
}

static inline int set_up_chain(void **state)
{
        (void)state;
        return set_up_with(MODE_LLM, 2);
}

static inline int set_up_cascade(void **state)
{
        (void)state;
        return set_up_with(MODE_CASCADE, 1);
}

static inline int tear_down(void **state)
{
        (void)state;
        world_deinit(&world);
        return 0;
}

static inline void replied(void *arg, const struct triage_reply *reply)
{
        struct client *client = arg;
        client->replies++;
        client->err = reply->err;
        client->has_verdict = reply->outcome != NULL;
        if (reply->outcome)
                client->verdict = reply->outcome->verdict;
        snprintf(client->answer, sizeof client->answer, "%.*s", STR_ARGS(reply->answer.safe));
}

static inline void send_within(struct client *client, const char *text, int64_t deadline_ms)
{
        *client = (struct client){.triage = triage_new(&world.env)};
        const struct triage_request request = {
                .message = {
                        .text.raw = arena_copy(triage_arena(client->triage), str_from(text)),
                        .channel = CHANNEL_CHAT,
                        .received_at_ms = clock_wall_ms(&world.clock),
                },
                .request_id = ident_random("req_"),
                .client = 7,
                .started_us = clock_monotonic_us(&world.clock),
                .deadline_at_ms = clock_monotonic_us(&world.clock) / 1000 + deadline_ms,
        };
        triage_start(client->triage, &request, replied, client);
}

static inline void send(struct client *client, const char *text)
{
        send_within(client, text, 10000);
}

/* Lets the world go on, in steps as small as its timers, until it rests or the time is over. */
static inline void pass(int64_t ms)
{
        world_run(&world);
        for (int64_t at = 0; at < ms; at += TIMER_WHEEL_TICK_MS) {
                world_sleep(&world, TIMER_WHEEL_TICK_MS);
                world_run(&world);
        }
}

/* A text that no earlier one was equal to. */
static inline const char *fresh_text(void)
{
        static char text[64];
        static unsigned number;
        snprintf(text, sizeof text, "my parcel number %u is somewhere", ++number);
        return text;
}

static inline void expect_source(const struct client *client, enum source source, enum llm_status fallback)
{
        assert_int_equal(client->replies, 1);
        assert_int_equal(client->err, ERR_OK);
        assert_true(client->has_verdict);
        assert_int_equal(client->verdict.source, source);
        assert_int_equal(client->verdict.fallback, fallback);
}

#define TEST_WITH(name, start) cmocka_unit_test_setup_teardown(name, start, tear_down)
#define TEST(name) TEST_WITH(name, set_up)

#endif
