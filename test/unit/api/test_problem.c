/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/flow/json_at.h"

#include "api/problem.h"

#include <string.h>

static struct json_parser *parser;
static struct ident request_id;

static int set_up(void **state)
{
        (void)state;
        parser = json_parser_new(1 << 20, 8);
        assert_true(ident_from(STR("req-1"), &request_id));
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        json_parser_free(parser);
        return 0;
}

static struct json written(enum problem problem, const struct problem_detail *detail, struct str instance)
{
        struct json root;
        struct buf buf;
        buf_init(&buf, 1 << 20);
        problem_write(problem, detail, instance, &request_id, &buf);
        assert_ok(json_parse(parser, buf_str(&buf), &root, NULL));
        buf_deinit(&buf);
        return root;
}

static void every_problem_has_the_status_of_the_contract(void **state)
{
        (void)state;
        static const struct {
                const char *code;
                int status;
        } cases[] = {
                {"validation_error", 400}, {"malformed_request", 400}, {"unauthorized", 401}, {"forbidden", 403},
                {"not_found", 404}, {"method_not_allowed", 405}, {"request_timeout", 408},
                {"idempotency_in_flight", 409}, {"conflict", 409}, {"gone", 410}, {"precondition_failed", 412},
                {"precondition_required", 428}, {"payload_too_large", 413}, {"uri_too_long", 414},
                {"unsupported_media_type", 415}, {"expectation_failed", 417}, {"idempotency_mismatch", 422},
                {"rate_limit_exceeded", 429}, {"headers_too_large", 431}, {"internal_error", 500},
                {"not_implemented", 501}, {"classification_failed", 503}, {"overloaded", 503}, {"unavailable", 503},
                {"draining", 503}, {"deadline_exceeded", 503}, {"version_not_supported", 505},
        };
        assert_int_equal(sizeof cases / sizeof *cases, PROBLEM_COUNT);
        for (size_t i = 0; i < PROBLEM_COUNT; i++) {
                size_t same = 0;
                for (enum problem problem = 0; problem < PROBLEM_COUNT; problem++) {
                        if (strcmp(problem_code(problem), cases[i].code) != 0)
                                continue;
                        assert_int_equal(problem_status(problem), cases[i].status);
                        same++;
                }
                assert_int_equal(same, 1);
        }
}

static void every_error_is_a_problem(void **state)
{
        (void)state;
        static const struct {
                enum err err;
                const char *code;
        } cases[] = {
                {ERR_INVALID, "validation_error"},
                {ERR_SYNTAX, "validation_error"},
                {ERR_TOO_LARGE, "validation_error"},
                {ERR_NOT_FOUND, "not_found"}, {ERR_GONE, "gone"},
                {ERR_UNAUTHORIZED, "unauthorized"},
                {ERR_FORBIDDEN, "forbidden"},
                {ERR_MISMATCH, "idempotency_mismatch"},
                {ERR_STALE, "precondition_failed"},
                {ERR_CONFLICT, "conflict"},
                {ERR_IN_FLIGHT, "idempotency_in_flight"},
                {ERR_RATE_LIMITED, "rate_limit_exceeded"},
                {ERR_OVERLOADED, "overloaded"},
                {ERR_DRAINING, "draining"},
                {ERR_DEADLINE, "deadline_exceeded"},
                {ERR_UNAVAILABLE, "unavailable"},
                {ERR_BUSY, "unavailable"},
                {ERR_UNDECIDED, "classification_failed"},
                {ERR_NO_SPACE, "unavailable"},
                {ERR_IO, "unavailable"},
                {ERR_CORRUPT, "unavailable"},
                {ERR_OK, "internal_error"}, /* no error at all is a fault of ours */
                {ERR_EXISTS, "internal_error"},
                {ERR_CANCELLED, "internal_error"},
                {ERR_UNSUPPORTED, "internal_error"},
                {ERR_INTERNAL, "internal_error"},
        };
        assert_int_equal(sizeof cases / sizeof *cases, ERR_COUNT);
        for (size_t i = 0; i < ERR_COUNT; i++)
                assert_string_equal(problem_code(problem_of(cases[i].err)), cases[i].code);
}

static void a_refusal_of_the_server_keeps_its_status(void **state)
{
        (void)state;
        for (enum http_refusal refusal = 0; refusal < REFUSAL_COUNT; refusal++)
                assert_int_equal(problem_status(problem_of_refusal(refusal)), http_refusal_status(refusal));
}

static void a_body_has_the_standard_members_and_the_older_ones(void **state)
{
        (void)state;
        static const char *const members[] = {"type", "title", "status", "detail", "instance",
                                              "error", "message", "request_id"};
        for (enum problem problem = 0; problem < PROBLEM_COUNT; problem++) {
                struct json root = written(problem, &(struct problem_detail){0}, STR("/api/v1/x"));
                int64_t status = 0;
                assert_int_equal(json_size(root), 8);
                for (size_t i = 0; i < 8; i++)
                        json_at(root, members[i]);
                assert_true(json_to_i64(json_at(root, "status"), &status));
                assert_int_equal(status, problem_status(problem));
                assert_json_str(root, "type", "about:blank");
                assert_json_str(root, "error", problem_code(problem));
                assert_json_str(root, "instance", "/api/v1/x");
                assert_json_str(root, "request_id", "req-1");
                assert_true(json_str_at(root, "title").len > 0);
                assert_true(str_equal(json_str_at(root, "title"), json_str_at(root, "detail")));
                assert_true(str_equal(json_str_at(root, "message"), json_str_at(root, "detail")));
        }
}

static void what_is_not_known_is_left_out(void **state)
{
        (void)state;
        static const char *const members[] = {"instance", "retry_after_seconds", "errors", "safety"};
        struct json root = written(PROBLEM_NOT_FOUND, &(struct problem_detail){0}, (struct str){0});
        struct json ignored;
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
                assert_false(json_has(root, members[i], &ignored));
}

static void a_detail_stands_in_for_the_title(void **state)
{
        (void)state;
        struct json root =
                written(PROBLEM_RATE_LIMIT_EXCEEDED, &(struct problem_detail){.text = "slow down", .retry_after_s = 7},
                        STR("/\"quoted\""));
        int64_t seconds = 0;
        assert_json_str(root, "title", "Over the rate limit");
        assert_json_str(root, "detail", "slow down");
        assert_json_str(root, "message", "slow down");
        assert_json_str(root, "instance", "/\"quoted\"");
        assert_true(json_to_i64(json_at(root, "retry_after_seconds"), &seconds));
        assert_int_equal(seconds, 7);
}

static void each_bad_field_is_named(void **state)
{
        (void)state;
        static const struct problem_field fields[] = {{STR_INIT("/message"), "is required"},
                                                      {STR_INIT("/channel"), "must be \"one\""}};
        struct json root = written(PROBLEM_VALIDATION_ERROR,
                                   &(struct problem_detail){.fields = fields, .field_count = 2}, (struct str){0});
        struct json_iter iter = json_iter(json_at(root, "errors"));
        struct json entry;
        for (size_t i = 0; i < 2; i++) {
                assert_true(json_next(&iter, NULL, &entry));
                assert_true(str_equal(json_str_at(entry, "field"), fields[i].pointer));
                assert_json_str(entry, "message", fields[i].message);
        }
        assert_false(json_next(&iter, NULL, &entry));
}

static void a_refused_safety_hit_hears_its_severity_and_reply(void **state)
{
        (void)state;
        struct problem_detail detail = {.severity = SEVERITY_URGENT, .safety_reply = STR("Call for help.")};
        struct json root = written(PROBLEM_UNAVAILABLE, &detail, (struct str){0});
        assert_json_str(root, "safety.severity", "urgent");
        assert_json_str(root, "safety.reply", "Call for help.");
        assert_int_equal(json_type(json_at(root, "safety.message_id")), JSON_NULL);
        detail.message_id = STR("msg_1");
        assert_json_str(written(PROBLEM_VALIDATION_ERROR, &detail, (struct str){0}), "safety.message_id", "msg_1");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_problem_has_the_status_of_the_contract),
                cmocka_unit_test(every_error_is_a_problem),
                cmocka_unit_test(a_refusal_of_the_server_keeps_its_status),
                cmocka_unit_test(a_body_has_the_standard_members_and_the_older_ones),
                cmocka_unit_test(what_is_not_known_is_left_out),
                cmocka_unit_test(a_detail_stands_in_for_the_title),
                cmocka_unit_test(each_bad_field_is_named),
                cmocka_unit_test(a_refused_safety_hit_hears_its_severity_and_reply),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
