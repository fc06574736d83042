/* SPDX-License-Identifier: Apache-2.0 */
/* The flow in virtual time: every port call failing in turn, a cancel and a deadline at each wait. */
#include "unit/test.h"

#include "fake/world.h"
#include "flow/conversation.h"

#include <string.h>

static struct world world;

static int set_up(void **state)
{
        (void)state;
        world_init(&world, 4, 2);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        world_deinit(&world);
        return 0;
}

/* A message on its way, and what its client heard. */
struct client {
        struct triage *triage;
        struct idempotency idempotency;
        int replies;
        enum err err;
        struct record_id id;
        bool is_replay;
        enum severity severity;
        bool has_safety_reply;
        char safety_reply[2048];
        bool was_stored; /* at the moment of the reply */
        uint32_t retry_after_s;
        enum category category;
        char answer[8192];
};

static void replied(void *arg, const struct triage_reply *reply)
{
        struct client *client = arg;
        client->replies++;
        client->err = reply->err;
        client->id = reply->id;
        client->is_replay = reply->is_replay;
        client->severity = reply->severity;
        client->has_safety_reply = reply->safety_reply.safe.len > 0;
        snprintf(client->safety_reply, sizeof client->safety_reply, "%.*s", STR_ARGS(reply->safety_reply.safe));
        client->retry_after_s = reply->retry_after_s;
        client->was_stored = reply->id.row && world_find(&world, reply->id);
        if (reply->outcome)
                client->category = reply->outcome->verdict.category;
        snprintf(client->answer, sizeof client->answer, "%.*s", STR_ARGS(reply->answer.safe));
}

struct order {
        const char *text;
        const char *key; /* of idempotency; NULL: none */
        const char *fingerprint;
        uint32_t per_minute; /* 0: no limit */
        bool is_too_long;
        int64_t age_ms; /* since it was complete */
        const char *conversation; /* NULL: it names none */
        int64_t key_id;
};

static void send(struct client *client, const struct order *order)
{
        *client = (struct client){.triage = triage_new(&world.env)};
        struct triage_request request = {
                .message = {
                        .text.raw = arena_copy(triage_arena(client->triage), str_from(order->text)),
                        .channel = CHANNEL_CHAT,
                        .received_at_ms = clock_wall_ms(&world.clock),
                },
                .request_id = ident_random("req_"),
                .client = 7,
                .rate = {order->per_minute, order->per_minute},
                .started_us = clock_monotonic_us(&world.clock),
                .deadline_at_ms = clock_monotonic_us(&world.clock) / 1000 + 10000 - order->age_ms,
                .is_too_long = order->is_too_long,
        };
        struct metadata_entry entry = {{STR("conversation_id")}, {str_from(order->conversation)}};
        request.key_id = order->key_id;
        request.message.metadata_count = order->conversation != NULL;
        request.message.metadata = arena_new(triage_arena(client->triage), struct metadata_entry);
        *request.message.metadata = entry;
        if (order->key) {
                client->idempotency.key = digest_sha256(str_from(order->key));
                client->idempotency.fingerprint = digest_sha256(str_from(order->fingerprint ? order->fingerprint : "f"));
                request.idempotency = &client->idempotency;
        }
        triage_start(client->triage, &request, replied, client);
}

#define QUESTION "What is your refund policy?"
#define DANGER "I have chest pain and can't breathe"

static void every_state_is_reached_and_leads_to_the_end(void **state)
{
        (void)state;
        bool is_reached[32] = {true};
        for (size_t from = 0; from < triage_state_count(); from++)
                for (size_t to = 0; to < triage_state_count(); to++)
                        if (triage_may_follow(from, to)) {
                                assert_true(to > from); /* no loops: every walk ends */
                                is_reached[to] |= is_reached[from];
                        }
        for (size_t i = 0; i < triage_state_count(); i++)
                assert_true(is_reached[i]);
        assert_string_equal(triage_state_name(triage_state_count() - 1), "end");
}

static void an_answer_is_told_after_it_was_stored_and_as_it_was_stored(void **state)
{
        (void)state;
        struct client client;
        send(&client, &(struct order){.text = QUESTION});
        assert_int_equal(client.replies, 0);
        world_run(&world);
        assert_int_equal(client.replies, 1);
        assert_int_equal(client.err, ERR_OK);
        assert_true(client.was_stored);
        assert_int_equal(client.category, CATEGORY_INFORMATIONAL);
        assert_string_equal(world_find(&world, client.id)->answer, client.answer);
}

static void each_port_call_may_fail_and_nothing_unstored_is_acknowledged(void **state)
{
        (void)state;
        static const enum err errors[] = {ERR_NO_SPACE, ERR_BUSY, ERR_UNAVAILABLE, ERR_IO, ERR_CORRUPT, ERR_OVERLOADED};
        static const char *const texts[] = {QUESTION, DANGER};
        for (size_t e = 0; e < sizeof errors / sizeof *errors; e++)
                for (size_t t = 0; t < 2; t++) {
                        bool was_hit = true;
                        for (size_t n = 1; was_hit; n++) {
                                struct client client;
                                char key[32];
                                snprintf(key, sizeof key, "%zu.%zu.%zu", e, t, n);
                                size_t before = world.record_count;
                                world.calls = 0;
                                world.fail_at = n;
                                world.fail_with = errors[e];
                                send(&client, &(struct order){.text = texts[t], .key = key});
                                world_run(&world);
                                was_hit = world.calls >= n;
                                /* Danger goes on when its look-up, the first call, has failed. */
                                bool is_refused = was_hit && !(t == 1 && n == 1);
                                assert_int_equal(client.replies, 1);
                                assert_int_equal(client.err, is_refused ? errors[e] : ERR_OK);
                                assert_int_equal(world.record_count - before, is_refused ? 0 : 1);
                                assert_int_equal(client.has_safety_reply, is_refused && t == 1);
                                assert_true(!is_refused || !err_may_retry(errors[e]) || client.retry_after_s > 0);
                        }
                }
}

static void a_client_that_goes_away_ends_what_is_useless_only(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                size_t steps; /* that happen before the client goes */
                size_t stored;
        } cases[] = {
                {QUESTION, 0, 0}, /* during the look-up */
                {QUESTION, 1, 1}, /* during the commit */
                {DANGER, 0, 1},   /* danger is recorded whoever listens */
                {DANGER, 1, 1},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct client client;
                char key[] = {(char)('a' + i), '\0'};
                size_t before = world.record_count;
                send(&client, &(struct order){.text = cases[i].text, .key = key});
                for (size_t step = 0; step < cases[i].steps; step++)
                        world_step(&world);
                triage_cancel(client.triage);
                world_run(&world);
                assert_int_equal(client.replies, 0);
                assert_int_equal(world.record_count - before, cases[i].stored);
        }
}

static void a_deadline_answers_once_at_each_wait(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                size_t steps;
                size_t stored;
        } cases[] = {{QUESTION, 0, 0}, {QUESTION, 1, 1}, {DANGER, 0, 1}, {DANGER, 1, 1}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct client client;
                char key[] = {(char)('a' + i), '\0'};
                size_t before = world.record_count;
                send(&client, &(struct order){.text = cases[i].text, .key = key});
                for (size_t step = 0; step < cases[i].steps; step++)
                        world_step(&world);
                world_sleep(&world, 9900);
                assert_int_equal(client.replies, 0);
                world_sleep(&world, 200);
                assert_int_equal(client.replies, 1);
                assert_int_equal(client.err, ERR_DEADLINE);
                world_run(&world);
                assert_int_equal(client.replies, 1);
                assert_int_equal(world.record_count - before, cases[i].stored);
                assert_int_equal(client.has_safety_reply, strcmp(cases[i].text, DANGER) == 0);
        }
}

static void the_same_key_gives_the_same_answer_once(void **state)
{
        (void)state;
        struct client first, second, third, fourth;
        send(&first, &(struct order){.text = QUESTION, .key = "k"});
        send(&second, &(struct order){.text = QUESTION, .key = "k"});
        assert_int_equal(second.err, ERR_IN_FLIGHT);
        world_run(&world);
        assert_int_equal(first.err, ERR_OK);
        send(&third, &(struct order){.text = QUESTION, .key = "k"});
        world_run(&world);
        assert_true(third.is_replay);
        assert_string_equal(third.answer, first.answer);
        send(&fourth, &(struct order){.text = QUESTION, .key = "k", .fingerprint = "other"});
        world_run(&world);
        assert_int_equal(fourth.err, ERR_MISMATCH);
        assert_int_equal(world.record_count, 1);
}

static void danger_is_answered_over_the_rate_until_its_own_reserve_is_used_up(void **state)
{
        (void)state;
        struct client client;
        send(&client, &(struct order){.text = QUESTION, .per_minute = 1});
        world_run(&world);
        assert_int_equal(client.err, ERR_OK);
        send(&client, &(struct order){.text = QUESTION, .per_minute = 1});
        assert_int_equal(client.err, ERR_RATE_LIMITED);
        assert_true(client.retry_after_s > 0);
        assert_false(client.has_safety_reply);
        for (int i = 0; i < 5; i++) { /* world_init gives 5 a minute */
                send(&client, &(struct order){.text = DANGER, .per_minute = 1});
                world_run(&world);
                assert_int_equal(client.err, ERR_OK);
        }
        send(&client, &(struct order){.text = DANGER, .per_minute = 1});
        assert_int_equal(client.err, ERR_RATE_LIMITED);
        assert_int_equal(client.severity, SEVERITY_URGENT);
        assert_true(client.has_safety_reply);
}

static void danger_is_not_shed_with_the_rest(void **state)
{
        (void)state;
        struct client clients[8];
        static const struct {
                const char *text;
                enum err expected;
        } arrivals[] = {
                {QUESTION, ERR_OK},         {QUESTION, ERR_OK}, {QUESTION, ERR_OK},
                {QUESTION, ERR_OK},         {QUESTION, ERR_OVERLOADED},
                {DANGER, ERR_OK},           {DANGER, ERR_OK},
                {DANGER, ERR_OVERLOADED}, /* the reserve has room for two */
        };
        for (size_t i = 0; i < 8; i++)
                send(&clients[i], &(struct order){.text = arrivals[i].text});
        world_run(&world);
        for (size_t i = 0; i < 8; i++) {
                assert_int_equal(clients[i].err, arrivals[i].expected);
                assert_int_equal(clients[i].replies, 1);
        }
        assert_true(clients[7].has_safety_reply);
}

static void danger_is_taken_while_draining(void **state)
{
        (void)state;
        struct client client;
        admission_drain(&world.admission);
        send(&client, &(struct order){.text = QUESTION});
        assert_int_equal(client.err, ERR_DRAINING);
        send(&client, &(struct order){.text = DANGER});
        world_run(&world);
        assert_int_equal(client.err, ERR_OK);
}

static void with_a_dead_store_danger_still_hears_what_to_do(void **state)
{
        (void)state;
        struct client client;
        world.is_dead = true;
        send(&client, &(struct order){.text = DANGER});
        world_run(&world);
        assert_int_equal(client.err, ERR_UNAVAILABLE);
        assert_int_equal(client.severity, SEVERITY_URGENT);
        assert_true(client.has_safety_reply);
        assert_int_equal(client.retry_after_s, 1);
        assert_int_equal(world.record_count, 0);
        /* It says what to do, and promises nothing that was not recorded. */
        assert_non_null(strstr(client.safety_reply, "emergency number"));
        assert_null(strstr(client.safety_reply, "alerted"));
        assert_null(strpbrk(client.safety_reply, "[]{}"));
}

static void an_error_of_one_record_is_our_fault_and_not_the_clients(void **state)
{
        (void)state;
        static const struct {
                enum err stored;
                enum err told;
        } cases[] = {{ERR_TOO_LARGE, ERR_INTERNAL}, {ERR_INVALID, ERR_INTERNAL}, {ERR_EXISTS, ERR_IN_FLIGHT}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct client client;
                world.calls = 0;
                world.fail_at = 1;
                world.fail_with = cases[i].stored;
                send(&client, &(struct order){.text = QUESTION});
                world_run(&world);
                assert_int_equal(client.err, cases[i].told);
        }
}

static void what_arrives_behind_its_deadline_is_stored_only_when_it_is_danger(void **state)
{
        (void)state;
        struct client client;
        send(&client, &(struct order){.text = QUESTION, .age_ms = 11000});
        world_run(&world);
        assert_int_equal(client.err, ERR_DEADLINE);
        assert_int_equal(world.record_count, 0);
        send(&client, &(struct order){.text = DANGER, .age_ms = 11000});
        world_run(&world);
        assert_int_equal(world.record_count, 1);
}

static void a_record_that_nobody_hears_of_is_counted(void **state)
{
        (void)state;
        struct client client;
        send(&client, &(struct order){.text = QUESTION});
        triage_cancel(client.triage);
        world_run(&world);
        assert_int_equal(world.stored, 1);
        assert_int_equal(world.unheard, 1);
}

static void a_retry_of_a_text_over_the_limit_finds_its_record(void **state)
{
        (void)state;
        struct client first, second;
        send(&first, &(struct order){.text = DANGER, .is_too_long = true, .key = "k"});
        world_run(&world);
        send(&second, &(struct order){.text = DANGER, .is_too_long = true, .key = "k"});
        world_run(&world);
        assert_int_equal(second.err, ERR_TOO_LARGE);
        assert_int_equal(second.id.row, first.id.row);
        assert_int_equal(world.record_count, 1);
        assert_non_null(strstr(second.safety_reply, "alerted"));
        assert_string_equal(second.safety_reply, first.safety_reply);
}

static void a_text_over_the_limit_is_recorded_only_when_it_is_danger(void **state)
{
        (void)state;
        struct client client;
        send(&client, &(struct order){.text = QUESTION, .is_too_long = true});
        assert_int_equal(client.err, ERR_TOO_LARGE);
        assert_int_equal(client.id.row, 0);
        send(&client, &(struct order){.text = DANGER, .is_too_long = true});
        world_run(&world);
        assert_int_equal(client.err, ERR_TOO_LARGE);
        assert_true(client.was_stored);
        assert_true(client.has_safety_reply);
        assert_int_equal(world_find(&world, client.id)->severity, SEVERITY_URGENT);
}

static void what_is_stored_is_redacted(void **state)
{
        (void)state;
        struct client client;
        send(&client, &(struct order){.text = "refund me, write to jane.doe@example.org or 4111 1111 1111 1111"});
        world_run(&world);
        const struct world_record *record = world_find(&world, client.id);
        assert_non_null(record);
        assert_null(strstr(record->text, "example.org"));
        assert_null(strstr(record->text, "4111"));
        assert_null(strstr(record->answer, "example.org"));
        assert_true(record->has_ticket);
}

/* ---- Hand-off ---- */

#define AGENT "I want to talk to a human agent"

static struct client decide_in(const char *conversation, const char *text)
{
        struct client client;
        send(&client, &(struct order){.text = text, .conversation = conversation});
        world_run(&world);
        assert_int_equal(client.err, ERR_OK);
        return client;
}

static bool says(const struct client *client, const char *part)
{
        return strstr(client->answer, part) != NULL;
}

static void the_bot_stays_out_of_a_conversation_until_its_review_is_resolved(void **state)
{
        (void)state;
        struct digest conversation;
        struct metadata_entry entry = {{STR("conversation_id")}, {STR("c1")}};
        const struct message message = {.metadata = &entry, .metadata_count = 1};
        struct client first = decide_in("c1", AGENT);
        assert_true(says(&first, "\"is_new\":true"));
        struct client second = decide_in("c1", QUESTION), third = decide_in("c1", "Please cancel my order ORD-12345.");
        assert_true(says(&second, "\"action\":\"join_review\"") && says(&second, "\"reply\":\"Thank you, we have added"));
        assert_true(says(&third, "\"action\":\"join_review\"") && says(&third, "\"reply\":\"\"") &&
                    says(&third, "\"is_new\":false"));
        assert_int_equal(second.category, CATEGORY_INFORMATIONAL); /* decided as ever */
        assert_int_equal(third.category, CATEGORY_SERVICE_ACTION);
        assert_false(world_find(&world, third.id)->has_ticket);
        assert_int_equal(world_find(&world, third.id)->joins.row, first.id.row);
        struct client other = decide_in("c2", QUESTION), none = decide_in(NULL, QUESTION);
        assert_true(says(&other, "provide_information") && says(&none, "provide_information"));
        assert_true(conversation_digest(&message, 0, world.env.digest_key, &conversation));
        handoff_close(world.handoff, &conversation, first.id.row);
        struct client later = decide_in("c1", QUESTION);
        assert_true(says(&later, "provide_information") && says(&later, "\"review\":null"));
}

static void danger_in_a_conversation_that_a_person_has_is_danger(void **state)
{
        (void)state;
        struct client first = decide_in("c1", AGENT), second = decide_in("c1", DANGER);
        const struct world_record *record = world_find(&world, second.id);
        assert_int_equal(record->severity, SEVERITY_URGENT);
        assert_int_equal(record->joins.row, first.id.row);
        assert_true(says(&second, "urgent_escalation") && !says(&second, "\"reply\":\"\"") &&
                    says(&second, "\"is_new\":true"));
        assert_int_equal(handoff_count(world.handoff), 2);
}

static void a_notice_that_was_not_stored_is_given_with_the_next_message(void **state)
{
        (void)state;
        struct client client;
        (void)decide_in("c1", AGENT);
        world.is_dead = true;
        send(&client, &(struct order){.text = QUESTION, .conversation = "c1"});
        world_run(&world);
        assert_int_not_equal(client.err, ERR_OK);
        world.is_dead = false;
        client = decide_in("c1", QUESTION);
        assert_true(says(&client, "\"reply\":\"Thank you, we have added"));
        client = decide_in("c1", QUESTION);
        assert_true(says(&client, "\"reply\":\"\""));
}

static void a_conversation_is_of_one_key(void **state)
{
        (void)state;
        struct client client;
        (void)decide_in("c1", AGENT);
        send(&client, &(struct order){.text = QUESTION, .conversation = "c1", .key_id = 5});
        world_run(&world);
        assert_true(says(&client, "provide_information"));
}

static void a_triage_that_was_never_started_leaves_nothing(void **state)
{
        (void)state;
        triage_discard(triage_new(&world.env));
        assert_int_equal(world.busy, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(every_state_is_reached_and_leads_to_the_end),
                TEST(an_answer_is_told_after_it_was_stored_and_as_it_was_stored),
                TEST(each_port_call_may_fail_and_nothing_unstored_is_acknowledged),
                TEST(a_client_that_goes_away_ends_what_is_useless_only),
                TEST(a_deadline_answers_once_at_each_wait),
                TEST(the_same_key_gives_the_same_answer_once),
                TEST(danger_is_answered_over_the_rate_until_its_own_reserve_is_used_up),
                TEST(danger_is_not_shed_with_the_rest),
                TEST(danger_is_taken_while_draining),
                TEST(with_a_dead_store_danger_still_hears_what_to_do),
                TEST(an_error_of_one_record_is_our_fault_and_not_the_clients),
                TEST(what_arrives_behind_its_deadline_is_stored_only_when_it_is_danger),
                TEST(a_record_that_nobody_hears_of_is_counted),
                TEST(a_retry_of_a_text_over_the_limit_finds_its_record),
                TEST(a_text_over_the_limit_is_recorded_only_when_it_is_danger),
                TEST(what_is_stored_is_redacted),
                TEST(a_triage_that_was_never_started_leaves_nothing),
                TEST(the_bot_stays_out_of_a_conversation_until_its_review_is_resolved),
                TEST(danger_in_a_conversation_that_a_person_has_is_danger),
                TEST(a_notice_that_was_not_stored_is_given_with_the_next_message),
                TEST(a_conversation_is_of_one_key),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
