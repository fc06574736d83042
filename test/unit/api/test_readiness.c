/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/flow/json_at.h"

#include "api/readiness.h"

static void set_all(struct readiness *readiness)
{
        readiness_init(readiness);
        for (enum part part = 0; part < PART_COUNT; part++)
                readiness_set(readiness, part, PART_OK, ERR_OK);
}

static struct json written(const struct readiness *readiness, struct json_parser *parser)
{
        struct json root;
        struct buf buf;
        buf_init(&buf, 65536);
        readiness_write(readiness, &buf);
        assert_ok(json_parse(parser, buf_str(&buf), &root, NULL));
        buf_deinit(&buf);
        return root;
}

static void nothing_is_ready_until_every_part_was_set(void **state)
{
        (void)state;
        struct readiness readiness;
        readiness_init(&readiness);
        for (enum part part = 0; part < PART_COUNT; part++) {
                assert_false(readiness_is_ready(&readiness));
                readiness_set(&readiness, part, PART_OK, ERR_OK);
        }
        assert_true(readiness_is_ready(&readiness));
}

static void only_a_failed_part_makes_unready_whichever_it_is(void **state)
{
        (void)state;
        static const struct {
                enum part_state state;
                bool is_ready;
        } cases[] = {{PART_OK, true}, {PART_DISABLED, true}, {PART_DEGRADED, true}, {PART_FAILED, false}};
        for (enum part part = 0; part < PART_COUNT; part++)
                for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                        struct readiness readiness;
                        set_all(&readiness);
                        readiness_set(&readiness, part, cases[i].state, ERR_OK);
                        assert_int_equal(readiness_is_ready(&readiness), cases[i].is_ready);
                }
}

static void a_part_that_recovers_makes_ready_again(void **state)
{
        (void)state;
        struct readiness readiness;
        set_all(&readiness);
        readiness_set(&readiness, PART_STORE, PART_FAILED, ERR_NO_SPACE);
        assert_false(readiness_is_ready(&readiness));
        readiness_set(&readiness, PART_STORE, PART_OK, ERR_OK);
        assert_true(readiness_is_ready(&readiness));
}

static void draining_is_unready_for_good(void **state)
{
        (void)state;
        struct readiness readiness;
        set_all(&readiness);
        assert_false(readiness_is_draining(&readiness));
        readiness_drain(&readiness);
        readiness_set(&readiness, PART_STORE, PART_OK, ERR_OK);
        assert_true(readiness_is_draining(&readiness));
        assert_false(readiness_is_ready(&readiness));
}

static void the_document_names_each_part_its_state_and_its_error(void **state)
{
        (void)state;
        struct json_parser *parser = json_parser_new(65536, 8);
        struct readiness readiness;
        struct json ignored;
        set_all(&readiness);
        readiness_set(&readiness, PART_LLM, PART_DISABLED, ERR_OK);
        struct json root = written(&readiness, parser);
        assert_json_str(root, "status", "ready");
        assert_int_equal(json_size(json_at(root, "checks")), PART_COUNT);
        assert_json_str(root, "checks.store.status", "ok");
        assert_json_str(root, "checks.model.status", "ok");
        assert_json_str(root, "checks.policy.status", "ok");
        assert_json_str(root, "checks.llm.status", "disabled");
        assert_false(json_has(root, "checks.store.error", &ignored));

        readiness_set(&readiness, PART_LLM, PART_DEGRADED, ERR_DEADLINE);
        root = written(&readiness, parser);
        assert_json_str(root, "status", "ready");
        assert_json_str(root, "checks.llm.status", "degraded");
        assert_json_str(root, "checks.llm.error", "deadline");

        readiness_set(&readiness, PART_STORE, PART_FAILED, ERR_NO_SPACE);
        root = written(&readiness, parser);
        assert_json_str(root, "status", "not_ready");
        assert_json_str(root, "checks.store.status", "failed");
        assert_json_str(root, "checks.store.error", "no_space");

        readiness_drain(&readiness);
        assert_json_str(written(&readiness, parser), "status", "draining");
        json_parser_free(parser);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nothing_is_ready_until_every_part_was_set),
                cmocka_unit_test(only_a_failed_part_makes_unready_whichever_it_is),
                cmocka_unit_test(a_part_that_recovers_makes_ready_again),
                cmocka_unit_test(draining_is_unready_for_good),
                cmocka_unit_test(the_document_names_each_part_its_state_and_its_error),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
