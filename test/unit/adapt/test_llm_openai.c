/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "adapt/llm_dialect.h"
#include "text/redact.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BODY_MAX_BYTES = 256 << 10, JSON_DEPTH = 32 };

static struct json_parser *parser;
static struct llm_upstream_config config;

static int set_up(void **state)
{
        (void)state;
        parser = json_parser_new(BODY_MAX_BYTES, JSON_DEPTH);
        config = (struct llm_upstream_config){
                .facts = {.name = "primary", .model = "gpt \"x\""},
                .output = LLM_OUTPUT_JSON_SCHEMA,
                .temperature = -1,
                .max_tokens = 200,
                .max_tokens_name = "max_completion_tokens",
        };
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        json_parser_free(parser);
        return 0;
}

static struct llm_usage usage; /* of the last answer */

static enum llm_status read_body(const char *body, struct llm_answer *answer)
{
        memset(answer, 0, sizeof *answer);
        return llm_openai.read(&config, parser, str_from(body), &usage, answer);
}

/* `text`, as it stands in the JSON of the body: escaped by the test. */
static enum llm_status read_text(const char *escaped_text, struct llm_answer *answer)
{
        static char body[BODY_MAX_BYTES];
        snprintf(body, sizeof body,
                 "{\"choices\":[{\"message\":{\"content\":\"%s\"},\"finish_reason\":\"stop\"}],"
                 "\"usage\":{\"prompt_tokens\":321,\"completion_tokens\":45}}",
                 escaped_text);
        return read_body(body, answer);
}

#define Q "\\\""
#define MEMBERS(category, intent, confidence, reasoning)                                                 \
        "{" Q "category" Q ":" category "," Q "intent" Q ":" intent "," Q "confidence" Q ":" confidence  \
        "," Q "reasoning" Q ":" reasoning "}"
#define GOOD MEMBERS(Q "service_action" Q, Q "refund" Q, "0.93", Q "wants money back" Q)

static void a_good_answer_is_read(void **state)
{
        (void)state;
        struct llm_answer answer;
        assert_int_equal(read_text(GOOD, &answer), LLM_OK);
        assert_int_equal(answer.category, CATEGORY_SERVICE_ACTION);
        assert_int_equal(answer.intent, INTENT_REFUND);
        assert_true(fabs(answer.stated - 0.93) < 1e-12);
        assert_true(answer.token_probability == -1);
        assert_int_equal(usage.input_tokens, 321);
        assert_int_equal(usage.output_tokens, 45);
        assert_str_equal(((struct str){answer.reasoning, answer.reasoning_bytes}), "wants money back");
        assert_int_equal(read_text(" \\n" GOOD "\\n ", &answer), LLM_OK);
}

static void what_the_model_must_not_write_is_invalid(void **state)
{
        (void)state;
        static const char *const texts[] = {
                "",
                "   ",
                "I think it is a refund",
                "null",
                "[]",
                "[" GOOD "]",
                GOOD GOOD,
                GOOD " trailing",
                "```json\\n" GOOD "\\n```",
                MEMBERS(Q "refund" Q, Q "refund" Q, "0.9", Q "x" Q),
                MEMBERS(Q "Service_Action" Q, Q "refund" Q, "0.9", Q "x" Q),
                MEMBERS(Q Q, Q "refund" Q, "0.9", Q "x" Q),
                MEMBERS("null", Q "refund" Q, "0.9", Q "x" Q),
                MEMBERS("1", Q "refund" Q, "0.9", Q "x" Q),
                MEMBERS("[" Q "service_action" Q "]", Q "refund" Q, "0.9", Q "x" Q),
                MEMBERS(Q "service_action" Q, "null", "0.9", Q "x" Q),
                MEMBERS(Q "service_action" Q, "7", "0.9", Q "x" Q),
                MEMBERS(Q "service_action" Q, Q "refund" Q, Q "0.9" Q, Q "x" Q),
                MEMBERS(Q "service_action" Q, Q "refund" Q, "1.5", Q "x" Q),
                MEMBERS(Q "service_action" Q, Q "refund" Q, "-1", Q "x" Q),
                MEMBERS(Q "service_action" Q, Q "refund" Q, "-0.0001", Q "x" Q),
                MEMBERS(Q "service_action" Q, Q "refund" Q, "1e400", Q "x" Q),
                MEMBERS(Q "service_action" Q, Q "refund" Q, "NaN", Q "x" Q),
                MEMBERS(Q "service_action" Q, Q "refund" Q, "Infinity", Q "x" Q),
                MEMBERS(Q "service_action" Q, Q "refund" Q, "true", Q "x" Q),
                MEMBERS(Q "service_action" Q, Q "refund" Q, "null", Q "x" Q),
                MEMBERS(Q "service_action" Q, Q "refund" Q, "0.9", "null"),
                MEMBERS(Q "service_action" Q, Q "refund" Q, "0.9", "{}"),
                MEMBERS(Q "service_action" Q, Q "refund" Q, "0.9", Q "x" Q "," Q "more" Q ":1"),
                MEMBERS(Q "service_action" Q, Q "refund" Q, "0.9", Q "x" Q "," Q "category" Q ":" Q "informational" Q),
                "{" Q "category" Q ":" Q "informational" Q "}",
                "{" Q "category" Q ":" Q "informational" Q "," Q "intent" Q ":" Q "faq" Q "," Q "confidence" Q ":1}",
                "{" Q "a" Q ":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}",
        };
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                struct llm_answer answer;
                enum llm_status status = read_text(texts[i], &answer);
                if (status != LLM_INVALID)
                        print_error("%s: %s\n", texts[i], llm_status_name(status));
                assert_int_equal(status, LLM_INVALID);
                assert_int_equal(answer.reasoning_bytes, 0); /* untouched */
                assert_int_equal(usage.output_tokens, 45);   /* and paid for */
        }
}

static void an_intent_that_does_not_fit_is_other(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                enum intent intent;
        } cases[] = {
                {MEMBERS(Q "service_action" Q, Q "billing" Q, "0", Q Q), INTENT_BILLING},
                {MEMBERS(Q "service_action" Q, Q "faq" Q, "1", Q Q), INTENT_OTHER},
                {MEMBERS(Q "service_action" Q, Q "no such" Q, "1", Q Q), INTENT_OTHER},
                {MEMBERS(Q "safety_compliance" Q, Q "other" Q, "1", Q Q), INTENT_OTHER},
                {MEMBERS(Q "safety_compliance" Q, Q "threat" Q, "1", Q Q), INTENT_THREAT},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct llm_answer answer;
                assert_int_equal(read_text(cases[i].text, &answer), LLM_OK);
                assert_int_equal(answer.intent, cases[i].intent);
        }
}

static void a_body_that_is_no_answer_says_why(void **state)
{
        (void)state;
#define CHOICE(rest) "{\"choices\":[{" rest "}]}"
#define MESSAGE "\"message\":{\"content\":\"" GOOD "\"}"
        static const struct {
                const char *body;
                enum llm_status status;
        } cases[] = {
                {"", LLM_MALFORMED},
                {"<html>", LLM_MALFORMED},
                {"[]", LLM_MALFORMED},
                {"{}", LLM_MALFORMED},
                {"{\"choices\":null}", LLM_MALFORMED},
                {"{\"choices\":[]}", LLM_MALFORMED},
                {"{\"choices\":{}}", LLM_MALFORMED},
                {"{\"choices\":[1]}", LLM_MALFORMED},
                {"{\"choices\":[{}]}", LLM_MALFORMED},
                {"{\"choices\":[],\"choices\":[]}", LLM_MALFORMED},
                {CHOICE("\"message\":7"), LLM_MALFORMED},
                {CHOICE("\"message\":{\"content\":7}"), LLM_MALFORMED},
                {CHOICE("\"message\":{\"refusal\":7}"), LLM_MALFORMED},
                {CHOICE("\"finish_reason\":7," MESSAGE), LLM_MALFORMED},
                {CHOICE("\"message\":{\"content\":\"\xff\"}"), LLM_MALFORMED},
                {CHOICE("\"message\":{\"content\":1e400}"), LLM_MALFORMED},
                {CHOICE("\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"),
                 LLM_MALFORMED},
                {CHOICE("\"message\":{\"content\":null}"), LLM_INVALID},
                {CHOICE("\"message\":{}"), LLM_INVALID},
                {CHOICE(MESSAGE), LLM_OK},
                {CHOICE("\"finish_reason\":null," MESSAGE), LLM_OK},
                {CHOICE("\"finish_reason\":\"stop\"," MESSAGE), LLM_OK},
                {CHOICE("\"finish_reason\":\"length\"," MESSAGE), LLM_LENGTH},
                {CHOICE("\"finish_reason\":\"content_filter\",\"message\":{\"content\":null}"), LLM_CONTENT_FILTER},
                {CHOICE("\"finish_reason\":\"tool_calls\"," MESSAGE), LLM_INVALID},
                {CHOICE("\"message\":{\"content\":null,\"refusal\":\"I cannot help with that\"}"), LLM_REFUSAL},
                {CHOICE("\"message\":{\"content\":\"" GOOD "\",\"refusal\":null}"), LLM_OK},
                {CHOICE("\"message\":{\"content\":\"" GOOD "\",\"refusal\":\"\"}"), LLM_OK},
                {"{\"error\":{\"message\":\"x\"}}", LLM_ERROR_BODY},
                {"{\"error\":\"x\",\"choices\":[{" MESSAGE "}]}", LLM_ERROR_BODY},
                {"{\"error\":null,\"choices\":[{" MESSAGE "}]}", LLM_OK},
                {"{\"choices\":[],\"prompt_filter_results\":[{\"content_filter_results\":{\"hate\":{\"filtered\":false},"
                 "\"violence\":{\"filtered\":true,\"severity\":\"high\"}}}]}", LLM_CONTENT_FILTER},
                {"{\"prompt_filter_results\":[{\"content_filter_results\":{\"hate\":{\"filtered\":false}}},7]}",
                 LLM_MALFORMED},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct llm_answer answer;
                enum llm_status status = read_body(cases[i].body, &answer);
                if (status != cases[i].status)
                        print_error("%s: %s\n", cases[i].body, llm_status_name(status));
                assert_int_equal(status, cases[i].status);
        }
}

static void odd_counts_of_tokens_are_none(void **state)
{
        (void)state;
        static const char *const usages[] = {"null", "7", "{}", "{\"prompt_tokens\":-1,\"completion_tokens\":\"4\"}",
                                             "{\"prompt_tokens\":1e30,\"completion_tokens\":4294967296}"};
        for (size_t i = 0; i < sizeof usages / sizeof *usages; i++) {
                char body[1024];
                struct llm_answer answer;
                snprintf(body, sizeof body, "{\"usage\":%s,\"choices\":[{" MESSAGE "}]}", usages[i]);
                assert_int_equal(read_body(body, &answer), LLM_OK);
                assert_int_equal(usage.input_tokens, 0);
                assert_int_equal(usage.output_tokens, 0);
        }
}

static void a_form_that_was_only_described_is_taken_more_freely(void **state)
{
        (void)state;
        struct llm_answer answer;
        config.output = LLM_OUTPUT_JSON_OBJECT;
        static const char *const good[] = {
                GOOD,
                "```json\\n" GOOD "\\n```",
                "\\n```\\n" GOOD "```\\n",
                MEMBERS(Q "service_action" Q, Q "refund" Q, "0.9", Q "x" Q "," Q "more" Q ":1"),
        };
        static const char *const bad[] = {
                "```json\\n```json\\n" GOOD "\\n```\\n```",
                "```json\\n" GOOD,
                "```python\\n" GOOD "\\n```",
                "Here it is:\\n```json\\n" GOOD "\\n```",
                "```",
                "``````",
                "```\\n```",
        };
        for (size_t i = 0; i < sizeof good / sizeof *good; i++)
                assert_int_equal(read_text(good[i], &answer), LLM_OK);
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(read_text(bad[i], &answer), LLM_INVALID);
}

static void the_models_name_is_told_when_it_is_one(void **state)
{
        (void)state;
        static const struct {
                const char *said, *expected;
        } cases[] = {
                {"\"gpt-4o-mini-2024-07-18\"", "gpt-4o-mini-2024-07-18"},
                {"\"4111111111111111\"", ""},
                {"\"two words\"", ""},
                {"\"\"", ""},
                {"7", ""},
                {"null", ""},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct llm_answer answer;
                char body[256];
                snprintf(body, sizeof body, "{\"model\":%s,\"choices\":[]}", cases[i].said);
                read_body(body, &answer);
                assert_string_equal(usage.model.text, cases[i].expected);
        }
}

static void a_label_is_a_category_alone(void **state)
{
        (void)state;
        struct llm_answer answer;
        config.output = LLM_OUTPUT_LABEL;
        static const char *const good[] = {"safety_compliance", " Safety_Compliance.\\n", Q "safety_compliance" Q,
                                           "'safety_compliance.'", "`SAFETY_COMPLIANCE`."};
        static const char *const bad[] = {"", ".", Q, "safety", "safety_compliance!", "category: safety_compliance",
                                          "safety_compliance service_action", "'safety_compliance", GOOD};
        for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
                assert_int_equal(read_text(good[i], &answer), LLM_OK);
                assert_int_equal(answer.category, CATEGORY_SAFETY_COMPLIANCE);
                assert_int_equal(answer.intent, INTENT_NONE);
                assert_true(answer.stated == -1);
                assert_int_equal(answer.reasoning_bytes, 0);
        }
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(read_text(bad[i], &answer), LLM_INVALID);
}

static void the_models_words_are_one_short_clean_line(void **state)
{
        (void)state;
        static const struct {
                const char *reasoning, *expected;
        } cases[] = {
                {"", ""},
                {"  two\\\\n\\\\twords\\\\u0000\\\\u007f  ", "two words"},
                {"a\\\\u0085b\\\\u2028c\\\\u202ed", "a b c d"},
                {"write to jane.doe@example.com", "write to [EMAIL_REDACTED]"},
                {"jane@example.\\\\u2028com", "jane@example. com"},
                {"1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21", NULL},
                {"a b c d e f g h i j k l m n o p q r s t u v", "a b c d e f g h i j k l m n o p q r s t"},
                /* The 20th word is half of a number: found before the cut. */
                {"a b c d e f g h i j k l m n o p q r s 4111 1111 1111 1111",
                 "a b c d e f g h i j k l m n o p q r s [CREDIT_CARD_REDACTED]"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char text[1024];
                struct llm_answer answer;
                snprintf(text, sizeof text, MEMBERS(Q "service_action" Q, Q "refund" Q, "1", Q "%s" Q),
                         cases[i].reasoning);
                assert_int_equal(read_text(text, &answer), LLM_OK);
                struct str reasoning = {answer.reasoning, answer.reasoning_bytes};
                assert_true(redact_is_clean(reasoning));
                if (cases[i].expected)
                        assert_str_equal(reasoning, cases[i].expected);
        }
}

static void long_words_are_cut_between_characters(void **state)
{
        (void)state;
        char text[4096] = "", word[1024] = "x";
        struct llm_answer answer;
        for (size_t i = 0; i < 200; i++)
                memcpy(word + 1 + 2 * i, "\xc3\xa4", 3);
        snprintf(text, sizeof text, MEMBERS(Q "service_action" Q, Q "refund" Q, "1", Q "%s b" Q), word);
        assert_int_equal(read_text(text, &answer), LLM_OK);
        assert_int_equal(answer.reasoning_bytes, LLM_REASONING_BYTES - 1);
        assert_true(utf8_is_valid((struct str){answer.reasoning, answer.reasoning_bytes}));
}

struct token {
        const char *text;
        double logprob;
        const char *alternatives; /* the JSON of top_logprobs; NULL: itself alone */
};

#define ALT(text, p) "{\"token\":\"" text "\",\"logprob\":" p "}"
/* ln 0.6, 0.3, 0.1 */
#define L6 "-0.5108256237659907"
#define L3 "-1.2039728043259361"
#define L1 "-2.302585092994046"

static double probability_of(const char *text, const struct token *tokens, size_t count)
{
        char body[8192];
        struct llm_answer answer;
        int len = snprintf(body, sizeof body, "{\"choices\":[{\"message\":{\"content\":\"%s\"},\"logprobs\":{\"content\":[",
                           text);
        for (size_t i = 0; i < count; i++)
                len += snprintf(body + len, sizeof body - (size_t)len,
                                "%s{\"token\":\"%s\",\"logprob\":%.17g,\"bytes\":null,\"top_logprobs\":[%s]}",
                                i ? "," : "", tokens[i].text, tokens[i].logprob,
                                tokens[i].alternatives ? tokens[i].alternatives : ALT("x", "-9"));
        snprintf(body + len, sizeof body - (size_t)len, "]}}]}");
        assert_int_equal(read_body(body, &answer), LLM_OK);
        return answer.token_probability;
}

static void the_categorys_tokens_give_its_probability(void **state)
{
        (void)state;
        static const struct {
                struct token tokens[6];
                size_t count;
                double expected;
        } cases[] = {
                {{{"{" Q, -0.1, NULL}, {"category", 0, NULL}, {Q ":" Q, 0, NULL},
                  {"service", log(0.6), ALT("service", L6) "," ALT("inform", L3) "," ALT("safety", L1)}}, 4, 0.6},
                /* What begins no category takes no share. */
                {{{"{" Q "category" Q ":" Q, 0, NULL},
                  {"service", log(0.6), ALT("service", L6) "," ALT("inform", L3) "," ALT("banana", L1)}}, 2, 0.6 / 0.9},
                /* The quote is glued to the name. */
                {{{"{" Q "category" Q ":", 0, NULL},
                  {Q "serv", log(0.3), ALT(Q "serv", L3) "," ALT(Q "info", L6) "," ALT(" " Q "safe", L1)}}, 2, 0.3},
                {{{"{" Q "category", 0, NULL},
                  {Q ":" Q "service_action" Q, log(0.1), ALT(Q ":" Q "informational" Q ",", L3)}}, 2, 0.25},
                /* One letter leaves two categories: the next token decides between them. */
                {{{"{" Q "category" Q ":" Q, 0, NULL},
                  {"s", log(0.6), ALT("s", L6) "," ALT("in", L3) "," ALT("informational", L1)},
                  {"er", log(0.3), ALT("er", L3) "," ALT("a", L1)}}, 3, 0.6 * 0.75},
                /* Two ways to begin the same. */
                {{{"{" Q "category" Q ":" Q, 0, NULL},
                  {"service", log(0.3), ALT("service", L3) "," ALT("serv", L3) "," ALT("safety", L6)}}, 2, 0.5},
                /* Logarithms out of range. */
                {{{"{" Q "category" Q ":" Q, 0, NULL},
                  {"service", 3, ALT("service", "3") "," ALT("inform", "1e300")}}, 2, 0.5},
                {{{"{" Q "category" Q ":" Q, 0, NULL},
                  {"service", 0, ALT("service", "0") "," ALT("inform", "-1e300")}}, 2, 1},
                {{{"{" Q "category" Q ":" Q, 0, NULL},
                  {"service", -1e300, ALT("service", "-1e300") "," ALT("inform", "-1e300")}}, 2, -1},
                /* They do not spell the answer, end too early, or nothing stands beside the token. */
                {{{"token_id:4", 0, NULL}, {"token_id:9", 0, NULL}}, 2, -1},
                {{{"{" Q "category" Q ":" Q, 0, NULL}}, 1, -1},
                {{{"{" Q "category" Q ":" Q, 0, NULL}, {"service", -1, ""}}, 2, -1},
                {{{"{" Q "category" Q ":" Q, 0, NULL}, {"service", -1, "7,null,{},{\"token\":3,\"logprob\":-1}"}}, 2, -1},
                {{{"{" Q "category" Q ":" Q, 0, NULL}, {"service", -1, ALT("inform", "null")}}, 2, -1},
                {{{"", 0, NULL}}, 0, -1},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                double p = probability_of(GOOD, cases[i].tokens, cases[i].count);
                if (fabs(p - cases[i].expected) > 1e-9)
                        print_error("case %zu: %.12f, expected %.12f\n", i, p, cases[i].expected);
                assert_true(fabs(p - cases[i].expected) <= 1e-9);
        }
}

static void a_label_has_a_probability_too(void **state)
{
        (void)state;
        config.output = LLM_OUTPUT_LABEL;
        static const struct token tokens[] = {
                {"\\n", 0, NULL},
                {" Service", 0, ALT(" Service", L6) "," ALT("safety", L1) "," ALT("inform", L3)},
                {"_action", 0, NULL},
        };
        assert_true(fabs(probability_of("Service_action", tokens + 1, 2) - 0.6) < 1e-9);
        assert_true(fabs(probability_of("\\n Service_action.", tokens, 3) - 0.6) < 1e-9);
}

static void logprobs_of_any_other_form_say_nothing(void **state)
{
        (void)state;
        static const char *const logprobs[] = {"null", "7", "[]", "{}", "{\"content\":null}", "{\"content\":{}}",
                                               "{\"content\":[null]}", "{\"content\":[{\"token\":\"{\"}]}",
                                               "{\"content\":[{\"token\":null,\"logprob\":0}]}"};
        for (size_t i = 0; i < sizeof logprobs / sizeof *logprobs; i++) {
                char body[2048];
                struct llm_answer answer;
                snprintf(body, sizeof body, "{\"choices\":[{\"logprobs\":%s," MESSAGE "}]}", logprobs[i]);
                assert_int_equal(read_body(body, &answer), LLM_OK);
                assert_true(answer.token_probability == -1);
        }
}

static void an_error_is_classed_by_status_and_code(void **state)
{
        (void)state;
#define ERROR(members) "{\"error\":{\"message\":\"call 415-555-0132\"," members "}}"
        static const struct {
                int status;
                const char *body;
                enum llm_status expected;
                const char *code;
        } cases[] = {
                {429, ERROR("\"type\":\"tokens\",\"code\":\"rate_limit_exceeded\""), LLM_RATE_LIMITED, "rate_limit_exceeded"},
                {429, ERROR("\"code\":\"insufficient_quota\""), LLM_QUOTA, "insufficient_quota"},
                {429, ERROR("\"type\":\"insufficient_quota\",\"code\":null"), LLM_QUOTA, "insufficient_quota"},
                {429, ERROR("\"code\":\"credit_balance_exhausted\""), LLM_QUOTA, "credit_balance_exhausted"},
                {429, ERROR("\"code\":\"project_spend_limit_exceeded\""), LLM_QUOTA, "project_spend_limit_exceeded"},
                {429, ERROR("\"code\":\"_spend_limit_exceeded\""), LLM_RATE_LIMITED, "_spend_limit_exceeded"},
                {429, ERROR("\"code\":\"organization_usage_limit_exceeded\""), LLM_QUOTA, "organization_usage_limit_exceeded"},
                {429, "", LLM_RATE_LIMITED, ""},
                {429, "slow down", LLM_RATE_LIMITED, ""},
                {401, ERROR("\"code\":\"invalid_api_key\""), LLM_UNAUTHORIZED, "invalid_api_key"},
                {403, "{}", LLM_UNAUTHORIZED, ""},
                {408, "[1]", LLM_TIMEOUT, ""},
                {409, "{\"error\":\"x\"}", LLM_CONFLICT, ""},
                {400, ERROR("\"code\":\"content_filter\""), LLM_CONTENT_FILTER, "content_filter"},
                {400, ERROR("\"type\":\"invalid_request_error\",\"code\":null"), LLM_REJECTED, "invalid_request_error"},
                {400, "{\"object\":\"error\",\"type\":\"BadRequestError\",\"code\":400}", LLM_REJECTED, "BadRequestError"},
                {404, "{}", LLM_REJECTED, ""},
                {422, ERROR("\"code\":\"has space\",\"type\":\"ok\""), LLM_REJECTED, "ok"},
                {422, ERROR("\"code\":\"415-555-0132\""), LLM_REJECTED, ""},
                {422, ERROR("\"code\":\"0123456789012345678901234567890123456789012345678901234567890123x\""), LLM_REJECTED, ""},
                {302, "", LLM_REJECTED, ""},
                {204, "", LLM_MALFORMED, ""},
                {500, ERROR("\"code\":\"server_error\""), LLM_SERVER_ERROR, "server_error"},
                {503, "<html>", LLM_SERVER_ERROR, ""},
                {529, "{\"error\":{\"type\":\"overloaded_error\"}}", LLM_SERVER_ERROR, "overloaded_error"},
                {600, "", LLM_REJECTED, ""},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct ident code = {"left over"};
                assert_int_equal(llm_openai.read_error(parser, cases[i].status, str_from(cases[i].body), &code),
                                 cases[i].expected);
                assert_string_equal(code.text, cases[i].code);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_good_answer_is_read),
                TEST(what_the_model_must_not_write_is_invalid),
                TEST(an_intent_that_does_not_fit_is_other),
                TEST(a_body_that_is_no_answer_says_why),
                TEST(odd_counts_of_tokens_are_none),
                TEST(a_form_that_was_only_described_is_taken_more_freely),
                TEST(the_models_name_is_told_when_it_is_one),
                TEST(a_label_is_a_category_alone),
                TEST(the_models_words_are_one_short_clean_line),
                TEST(long_words_are_cut_between_characters),
                TEST(the_categorys_tokens_give_its_probability),
                TEST(a_label_has_a_probability_too),
                TEST(logprobs_of_any_other_form_say_nothing),
                TEST(an_error_is_classed_by_status_and_code),
        };
        return cmocka_run_group_tests_name("adapt/llm_openai", tests, NULL, NULL);
}
