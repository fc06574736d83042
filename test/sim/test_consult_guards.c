/* SPDX-License-Identifier: Apache-2.0 */
/* What stands between the flow and an LLM, in virtual time: retries, breaker, gate, budget. */
#include "sim/consult_client.h"

/* First upstream answer, and how many calls that makes in all when every later one is good. */
static void a_retry_follows_the_rules_of_the_official_client(void **state)
{
        (void)state;
        static const struct {
                struct world_attempt first;
                size_t calls;
                int64_t wait_ms;
        } cases[] = {
                {{.status = LLM_CONNECT}, 2, 500},
                {{.status = LLM_TLS}, 2, 500},
                {{.status = LLM_TIMEOUT}, 2, 500},
                {{.status = LLM_TIMEOUT, .http_status = 408}, 2, 500},
                {{.status = LLM_CUT, .http_status = 200}, 2, 500},
                {{.status = LLM_SERVER_ERROR, .http_status = 500}, 2, 500},
                {{.status = LLM_SERVER_ERROR, .http_status = 503, .retry_after_ms = 2000}, 2, 2000},
                {{.status = LLM_CONFLICT, .http_status = 409}, 2, 500},
                {{.status = LLM_RATE_LIMITED, .http_status = 429}, 2, 500},
                {{.status = LLM_RATE_LIMITED, .http_status = 429, .retry_after_ms = 1500}, 2, 1500},
                {{.status = LLM_RATE_LIMITED, .http_status = 429, .retry_after_ms = 60000}, 1, 0},
                {{.status = LLM_QUOTA, .http_status = 429}, 1, 0},
                {{.status = LLM_QUOTA, .http_status = 429, .should_retry = LLM_RETRY_YES}, 1, 0},
                {{.status = LLM_REJECTED, .http_status = 400}, 1, 0},
                {{.status = LLM_UNAUTHORIZED, .http_status = 401}, 1, 0},
                {{.status = LLM_REJECTED, .http_status = 404}, 1, 0},
                {{.status = LLM_REJECTED, .http_status = 422}, 1, 0},
                {{.status = LLM_REJECTED, .http_status = 400, .should_retry = LLM_RETRY_YES}, 2, 500},
                {{.status = LLM_SERVER_ERROR, .http_status = 500, .should_retry = LLM_RETRY_NO}, 1, 0},
                {{.status = LLM_MALFORMED, .http_status = 200}, 1, 0},
                {{.status = LLM_TOO_LARGE, .http_status = 200}, 1, 0},
                {{.status = LLM_ERROR_BODY, .http_status = 200}, 1, 0},
                {{.status = LLM_INVALID, .http_status = 200}, 1, 0},
                {{.status = LLM_REFUSAL, .http_status = 200}, 1, 0},
                {{.status = LLM_LENGTH, .http_status = 200}, 1, 0},
                {{.status = LLM_CONTENT_FILTER, .http_status = 400}, 1, 0},
                {{.status = LLM_OVERLOADED}, 1, 0},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct client client;
                world_deinit(&world);
                set_up_with(MODE_LLM, 1);
                world.script[0] = cases[i].first;
                world.script_count = 1;
                send(&client, QUESTION);
                pass(cases[i].wait_ms > 100 ? cases[i].wait_ms - 100 : 0);
                assert_int_equal(client.replies, cases[i].calls == 1);
                pass(200);
                assert_int_equal(world.llm_calls, cases[i].calls);
                bool is_answered = cases[i].calls == 2;
                expect_source(&client, is_answered ? SOURCE_LLM : SOURCE_LOCAL,
                              is_answered ? LLM_OK : cases[i].first.status);
        }
}

static void what_a_person_must_mend_is_told_and_not_asked_again_at_once(void **state)
{
        (void)state;
        static const enum llm_status mistakes[] = {LLM_QUOTA, LLM_UNAUTHORIZED};
        for (size_t i = 0; i < 2; i++) {
                struct client first, second;
                world_deinit(&world);
                set_up_with(MODE_LLM, 1);
                world.otherwise = (struct world_attempt){.status = mistakes[i], .http_status = i ? 401 : 429};
                send(&first, fresh_text());
                pass(0);
                send(&second, fresh_text());
                pass(0);
                expect_source(&first, SOURCE_LOCAL, mistakes[i]);
                expect_source(&second, SOURCE_LOCAL, LLM_PAUSED);
                assert_int_equal(world.llm_calls, 1);
                assert_int_equal(world.warnings[mistakes[i]], 1);
                pass(61000);
                send(&second, fresh_text());
                pass(0);
                assert_int_equal(world.llm_calls, 2);
        }
}

static void two_retries_and_then_the_embedded_model(void **state)
{
        (void)state;
        struct client client;
        world.otherwise = (struct world_attempt){.status = LLM_SERVER_ERROR, .http_status = 500};
        send(&client, QUESTION);
        pass(2000);
        assert_int_equal(world.llm_calls, 3);
        expect_source(&client, SOURCE_LOCAL, LLM_SERVER_ERROR);
        assert_non_null(strstr(client.answer, "\"fallback\":\"server_error\""));
}

static void an_outage_is_not_multiplied_by_retries(void **state)
{
        (void)state;
        size_t requests = 200;
        world.otherwise = (struct world_attempt){.status = LLM_CONFLICT, .http_status = 409}; /* no breaker opens */
        for (size_t i = 0; i < requests; i++) {
                struct client client;
                send(&client, fresh_text());
                pass(2000);
                expect_source(&client, SOURCE_LOCAL, LLM_CONFLICT);
        }
        assert_true(world.llm_calls > requests);
        assert_true(world.llm_calls - requests <= requests / 10 + 3);
}

static void an_open_breaker_answers_at_once_and_closes_again(void **state)
{
        (void)state;
        struct client client;
        world.otherwise = (struct world_attempt){.status = LLM_SERVER_ERROR, .http_status = 500, .should_retry = LLM_RETRY_NO};
        for (int i = 0; i < 5; i++) {
                send(&client, fresh_text());
                pass(0);
                expect_source(&client, SOURCE_LOCAL, LLM_SERVER_ERROR);
        }
        send(&client, fresh_text());
        world_run(&world);
        expect_source(&client, SOURCE_LOCAL, LLM_BREAKER_OPEN);
        assert_int_equal(world.llm_calls, 5);
        world.otherwise = (struct world_attempt){0};
        pass(5100);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(breaker_state(world.guards.breakers[0]), i ? BREAKER_HALF_OPEN : BREAKER_OPEN);
                send(&client, fresh_text());
                pass(0);
                expect_source(&client, SOURCE_LLM, LLM_OK);
        }
        assert_int_equal(breaker_state(world.guards.breakers[0]), BREAKER_CLOSED);
}

static void hanging_probes_do_not_keep_the_breaker_half_open(void **state)
{
        (void)state;
        struct client clients[4];
        world.otherwise = (struct world_attempt){.takes_ms = 3600000};
        for (int i = 0; i < 5; i++) {
                send(&clients[0], fresh_text());
                pass(10100);
                expect_source(&clients[0], SOURCE_LOCAL, LLM_TIMEOUT);
        }
        pass(5100);
        for (int i = 0; i < 4; i++)
                send(&clients[i], fresh_text());
        pass(0);
        expect_source(&clients[3], SOURCE_LOCAL, LLM_BREAKER_OPEN); /* three probes at a time */
        pass(10100);
        assert_int_equal(breaker_state(world.guards.breakers[0]), BREAKER_OPEN);
        world.otherwise = (struct world_attempt){0};
        pass(10100);
        send(&clients[0], fresh_text());
        pass(0);
        expect_source(&clients[0], SOURCE_LLM, LLM_OK);
}

static void too_many_calls_are_not_made(void **state)
{
        (void)state;
        struct client clients[9];
        world.otherwise.takes_ms = 500;
        for (int i = 0; i < 9; i++)
                send(&clients[i], fresh_text());
        pass(600);
        expect_source(&clients[8], SOURCE_LOCAL, LLM_FULL);
        for (int i = 0; i < 8; i++)
                expect_source(&clients[i], SOURCE_LLM, LLM_OK);
}

static void the_days_budget_is_kept_and_told_once(void **state)
{
        (void)state;
        struct client client;
        spend_free(world.guards.spend);
        world.guards.spend = spend_new(3, 0);
        for (int i = 0; i < 6; i++) {
                send(&client, fresh_text());
                pass(0);
                expect_source(&client, i < 3 ? SOURCE_LLM : SOURCE_LOCAL, i < 3 ? LLM_OK : LLM_BUDGET);
        }
        assert_int_equal(world.llm_calls, 3);
        assert_int_equal(world.warnings[LLM_BUDGET], 1);
}

static void what_an_answer_of_no_use_has_cost_counts_too(void **state)
{
        (void)state;
        struct client client;
        spend_free(world.guards.spend);
        world.guards.spend = spend_new(0, 240); /* tokens of two answers */
        world.otherwise = (struct world_attempt){.status = LLM_REFUSAL, .http_status = 200};
        for (int i = 0; i < 3; i++) {
                send(&client, fresh_text());
                pass(0);
                expect_source(&client, SOURCE_LOCAL, i < 2 ? LLM_REFUSAL : LLM_BUDGET);
        }
        assert_int_equal(world.llm_calls, 2);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_retry_follows_the_rules_of_the_official_client),
                TEST(what_a_person_must_mend_is_told_and_not_asked_again_at_once),
                TEST(two_retries_and_then_the_embedded_model),
                TEST(an_outage_is_not_multiplied_by_retries),
                TEST(an_open_breaker_answers_at_once_and_closes_again),
                TEST(hanging_probes_do_not_keep_the_breaker_half_open),
                TEST(too_many_calls_are_not_made),
                TEST(the_days_budget_is_kept_and_told_once),
                TEST(what_an_answer_of_no_use_has_cost_counts_too),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
