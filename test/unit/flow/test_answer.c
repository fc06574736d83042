/* SPDX-License-Identifier: Apache-2.0 */
/* The answer's JSON is the API's contract: every member is there, whatever the category. */
#include "unit/flow/json_at.h"

#include "flow/answer.h"

static struct json_parser *parser;
static struct arena arena;
static struct buf buf;

static int set_up(void **state)
{
        (void)state;
        parser = json_parser_new(1 << 20, 16);
        arena_init(&arena, 1 << 20);
        buf_init(&buf, 1 << 20);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        json_parser_free(parser);
        arena_deinit(&arena);
        buf_deinit(&buf);
        return 0;
}

static struct json written(const struct outcome *outcome)
{
        struct ident request_id;
        struct json root;
        assert_true(ident_from(STR("req-1"), &request_id));
        const struct answer answer = {
                .outcome = outcome,
                .id = {1, 2},
                .request_id = &request_id,
                .received_at_ms = 1795341600000,
                .processing_us = 150200,
                .arena = &arena,
        };
        buf_reset(&buf);
        answer_write(&answer, &buf);
        assert_false(buf.is_over);
        assert_ok(json_parse(parser, buf_str(&buf), &root, NULL));
        return root;
}

static struct outcome outcome_of(enum category category, enum intent intent)
{
        return (struct outcome){
                .verdict = {.category = category,
                            .intent = intent,
                            .secondary_intent = INTENT_NONE,
                            .confidence = 0.95004,
                            .source = SOURCE_LOCAL,
                            .model = STR("local-1"),
                            .decision_path = STR("why")},
                .next_step = {.action = STR("some_action"), .description = STR("Do it."), .priority = PRIORITY_LOW},
                .reply.safe = STR("We do it."),
                .reply_locale = STR("en"),
        };
}

static struct outcome informational(void)
{
        struct outcome outcome = outcome_of(CATEGORY_INFORMATIONAL, INTENT_FAQ);
        outcome.article = (struct outcome_article){STR("returns"), STR("Returns"), STR("https://x.test/r"), STR("30 days."),
                                                   0.91};
        return outcome;
}

static struct outcome service_action(void)
{
        struct outcome outcome = outcome_of(CATEGORY_SERVICE_ACTION, INTENT_REFUND);
        outcome.ticket.is_open = true;
        outcome.next_step.external_system = STR("refund_system");
        outcome.next_step.parameters[0] = (struct parameter){"order_id", SAFE_LITERAL("ORD-12345")};
        outcome.next_step.parameters[1] = (struct parameter){"amount", SAFE_LITERAL("19.90 EUR")};
        outcome.next_step.parameter_count = 2;
        return outcome;
}

static struct outcome safety_compliance(void)
{
        struct outcome outcome = outcome_of(CATEGORY_SAFETY_COMPLIANCE, INTENT_FRAUD);
        outcome.verdict.secondary_intent = INTENT_REFUND;
        outcome.verdict.source = SOURCE_SAFETY_NET;
        outcome.next_step.requires_human_review = true;
        outcome.next_step.priority = PRIORITY_URGENT;
        outcome.compliance = (struct outcome_compliance){SEVERITY_URGENT, 1795341600000 + 900000, true};
        return outcome;
}

static void every_member_of_the_contract_is_in_every_answer(void **state)
{
        (void)state;
        static const char *const members[] = {
                "message_id", "request_id", "timestamp", "category", "intent", "secondary_intent", "confidence",
                "decision_path", "next_step.action", "next_step.description", "next_step.priority",
                "next_step.requires_human_review", "next_step.external_system", "next_step.parameters", "reply",
                "reply_locale", "article", "ticket", "compliance", "review", "classifier.source", "classifier.cached",
                "classifier.model", "classifier.prompt_version", "processing_time_ms"};
        const struct outcome outcomes[] = {informational(), service_action(), safety_compliance()};
        for (size_t i = 0; i < 3; i++) {
                struct json root = written(&outcomes[i]);
                for (size_t m = 0; m < sizeof members / sizeof *members; m++)
                        json_at(root, members[m]);
                assert_int_equal(json_size(root), 17);
                assert_int_equal(json_size(json_at(root, "next_step")), 6);
        }
}

static void what_does_not_apply_is_null(void **state)
{
        (void)state;
        const struct outcome outcomes[] = {informational(), service_action(), safety_compliance()};
        static const char *const parts[] = {"article", "ticket", "compliance"};
        for (size_t i = 0; i < 3; i++) {
                struct json root = written(&outcomes[i]);
                for (size_t p = 0; p < 3; p++)
                        assert_int_equal(json_type(json_at(root, parts[p])), p == i ? JSON_OBJECT : JSON_NULL);
                bool has_system = outcomes[i].verdict.category == CATEGORY_SERVICE_ACTION;
                assert_int_equal(json_type(json_at(root, "next_step.external_system")),
                                 has_system ? JSON_STRING : JSON_NULL);
                assert_int_equal(json_type(json_at(root, "classifier.prompt_version")), JSON_NULL);
        }
}

static void every_intent_is_written_by_its_name(void **state)
{
        (void)state;
        for (enum intent intent = 0; intent < INTENT_COUNT; intent++) {
                struct outcome outcome = outcome_of(CATEGORY_INFORMATIONAL, intent);
                outcome.verdict.secondary_intent = (intent + 1) % INTENT_COUNT;
                struct json root = written(&outcome);
                assert_json_str(root, "intent", intent_name(intent));
                assert_json_str(root, "secondary_intent", intent_name(outcome.verdict.secondary_intent));
        }
}

static void the_head_says_which_message_and_when(void **state)
{
        (void)state;
        const struct outcome outcome = informational();
        struct json root = written(&outcome);
        double number;
        assert_json_str(root, "message_id", "msg_0000000000000g000000000002");
        assert_json_str(root, "request_id", "req-1");
        assert_json_str(root, "timestamp", "2026-11-22T10:00:00.000Z");
        assert_true(json_to_double(json_at(root, "confidence"), &number));
        assert_true(number == 0.95); /* four decimals */
        assert_true(json_to_double(json_at(root, "processing_time_ms"), &number));
        assert_true(number == 150.2);
        assert_json_str(root, "article.id", "returns");
        assert_json_str(root, "article.title", "Returns");
        assert_json_str(root, "article.url", "https://x.test/r");
        assert_json_str(root, "article.snippet", "30 days.");
        assert_true(json_to_double(json_at(root, "article.score"), &number));
        assert_true(number == 0.91);
}

static void an_action_carries_its_parameters_and_its_ticket(void **state)
{
        (void)state;
        const struct outcome outcome = service_action();
        struct json root = written(&outcome);
        bool flag = true;
        assert_json_str(root, "category", "service_action");
        assert_json_str(root, "next_step.external_system", "refund_system");
        assert_json_str(root, "next_step.parameters.order_id", "ORD-12345");
        assert_json_str(root, "next_step.parameters.amount", "19.90 EUR");
        assert_int_equal(json_size(json_at(root, "next_step.parameters")), 2);
        assert_true(json_to_bool(json_at(root, "next_step.requires_human_review"), &flag));
        assert_false(flag);
        assert_true(str_starts_with(json_str_at(root, "ticket.id"), STR("tkt_")));
        assert_json_str(root, "ticket.status", "open");
}

static void a_safety_answer_carries_its_record(void **state)
{
        (void)state;
        const struct outcome outcome = safety_compliance();
        struct json root = written(&outcome);
        bool flag = false;
        assert_json_str(root, "category", "safety_compliance");
        assert_json_str(root, "secondary_intent", "refund");
        assert_json_str(root, "next_step.priority", "urgent");
        assert_true(json_to_bool(json_at(root, "next_step.requires_human_review"), &flag));
        assert_true(flag);
        assert_true(str_starts_with(json_str_at(root, "compliance.id"), STR("cmp_")));
        assert_json_str(root, "compliance.severity", "urgent");
        assert_json_str(root, "compliance.due_at", "2026-11-22T10:15:00.000Z");
        assert_json_str(root, "compliance.status", "pending_review");
        assert_json_str(root, "classifier.source", "safety_net");
}

static void texts_are_escaped(void **state)
{
        (void)state;
        struct outcome outcome = service_action();
        outcome.reply.safe = STR("\"quoted\" \\ \n\t\x01 \xe2\x82\xac </script>");
        outcome.next_step.parameters[0].value.safe = STR("a\"b");
        struct json root = written(&outcome);
        assert_json_str(root, "reply", "\"quoted\" \\ \n\t\x01 \xe2\x82\xac </script>");
        assert_json_str(root, "next_step.parameters.order_id", "a\"b");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_member_of_the_contract_is_in_every_answer),
                cmocka_unit_test(what_does_not_apply_is_null),
                cmocka_unit_test(every_intent_is_written_by_its_name),
                cmocka_unit_test(the_head_says_which_message_and_when),
                cmocka_unit_test(an_action_carries_its_parameters_and_its_ticket),
                cmocka_unit_test(a_safety_answer_carries_its_record),
                cmocka_unit_test(texts_are_escaped),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
