/* SPDX-License-Identifier: Apache-2.0 */
/* Safety net and model, joined: the net only raises. */
#include "unit/test.h"

#include "flow/decide.h"

static struct policy *policy;
static struct model *model;
static struct snapshot snapshot;
static struct arena arena;

static int set_up(void **state)
{
        (void)state;
        assert_ok(policy_load(NULL, &policy, NULL));
        assert_ok(model_open(model_embedded(), &model, NULL));
        snapshot = (struct snapshot){.policy = policy, .model = model};
        arena_init(&arena, 1 << 20);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        arena_deinit(&arena);
        model_free(model);
        policy_unref(policy);
        return 0;
}

static const struct safety_finding nothing;

static struct safety_finding hit(enum severity severity, enum intent intent)
{
        return (struct safety_finding){severity, intent, STR("some_rule"), 0.8, false};
}

/* The model is sure of the category. */
static struct model_verdict said(enum category category, enum intent intent)
{
        struct model_verdict verdict = {
                .category = category,
                .intent = intent,
                .secondary_intent = INTENT_NONE,
                .intents = {INTENT_FAQ, INTENT_TICKET_CREATION, INTENT_FRAUD},
                .is_out_of_scope = intent == INTENT_OTHER,
                .probabilities = {0.02, 0.02, 0.02},
                .confidence = 0.9,
        };
        verdict.intents[category] = intent;
        verdict.probabilities[category] = 0.9;
        return verdict;
}

static struct verdict decided(struct safety_finding finding, struct model_verdict classified)
{
        return decide(&snapshot, &finding, &classified, NULL, &arena);
}

static void without_a_hit_the_model_decides(void **state)
{
        (void)state;
        static const struct {
                enum category category;
                enum intent intent;
                enum severity severity;
        } cases[] = {
                {CATEGORY_INFORMATIONAL, INTENT_FAQ, SEVERITY_NONE},
                {CATEGORY_INFORMATIONAL, INTENT_OTHER, SEVERITY_NONE},
                {CATEGORY_SERVICE_ACTION, INTENT_REFUND, SEVERITY_NONE},
                {CATEGORY_SERVICE_ACTION, INTENT_OTHER, SEVERITY_NONE},
                {CATEGORY_SAFETY_COMPLIANCE, INTENT_SELF_HARM, SEVERITY_URGENT},
                {CATEGORY_SAFETY_COMPLIANCE, INTENT_THREAT, SEVERITY_URGENT},
                {CATEGORY_SAFETY_COMPLIANCE, INTENT_PRODUCT_SAFETY, SEVERITY_HIGH},
                {CATEGORY_SAFETY_COMPLIANCE, INTENT_FRAUD, SEVERITY_HIGH},
                {CATEGORY_SAFETY_COMPLIANCE, INTENT_HARASSMENT_ABUSE, SEVERITY_HIGH},
                {CATEGORY_SAFETY_COMPLIANCE, INTENT_PRIVACY, SEVERITY_STANDARD},
                {CATEGORY_SAFETY_COMPLIANCE, INTENT_LEGAL_REGULATORY, SEVERITY_STANDARD},
                {CATEGORY_SAFETY_COMPLIANCE, INTENT_OTHER, SEVERITY_HIGH}, /* unknown */
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct verdict verdict = decided(nothing, said(cases[i].category, cases[i].intent));
                assert_int_equal(verdict.category, cases[i].category);
                assert_int_equal(verdict.intent, cases[i].intent);
                assert_int_equal(verdict.severity, cases[i].severity);
                assert_int_equal(verdict.source, SOURCE_LOCAL);
                assert_true(verdict.confidence == 0.9);
                assert_int_equal(verdict.secondary_intent, INTENT_NONE);
                assert_false(verdict.is_cached);
        }
}

static void safety_has_a_threshold_of_its_own(void **state)
{
        (void)state;
        double threshold = decide_safety_threshold(&snapshot);
        assert_true(threshold == (double)model_content(model)->calibration.safety_threshold);
        const struct {
                double probabilities[CATEGORY_COUNT];
                enum category expected;
                enum intent intent;
        } cases[] = {
                {{0.05, 0.60, threshold}, CATEGORY_SAFETY_COMPLIANCE, INTENT_FRAUD}, /* though an action is likelier */
                {{0.05, 0.50, threshold - 0.01}, CATEGORY_SERVICE_ACTION, INTENT_TICKET_CREATION},
                {{0.30, 0.20, 0.35}, CATEGORY_INFORMATIONAL, INTENT_FAQ}, /* though safety is likelier */
                {{0.02, 0.01, 0.04}, CATEGORY_INFORMATIONAL, INTENT_FAQ},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct model_verdict classified = said(CATEGORY_SERVICE_ACTION, INTENT_TICKET_CREATION);
                for (enum category c = 0; c < CATEGORY_COUNT; c++)
                        classified.probabilities[c] = cases[i].probabilities[c];
                struct verdict verdict = decided(nothing, classified);
                assert_int_equal(verdict.category, cases[i].expected);
                assert_int_equal(verdict.intent, cases[i].intent);
                assert_true(verdict.confidence == cases[i].probabilities[cases[i].expected]);
                assert_int_equal(verdict.severity != SEVERITY_NONE, cases[i].expected == CATEGORY_SAFETY_COMPLIANCE);
        }
}

static void a_hit_makes_every_message_a_safety_matter(void **state)
{
        (void)state;
        static const enum intent intents[] = {INTENT_FAQ, INTENT_REFUND, INTENT_FRAUD, INTENT_OTHER};
        static const enum category categories[] = {CATEGORY_INFORMATIONAL, CATEGORY_SERVICE_ACTION,
                                                   CATEGORY_SAFETY_COMPLIANCE, CATEGORY_INFORMATIONAL};
        for (enum severity severity = SEVERITY_STANDARD; severity < SEVERITY_COUNT; severity++)
                for (size_t i = 0; i < sizeof intents / sizeof *intents; i++) {
                        struct verdict verdict =
                                decided(hit(severity, INTENT_PRIVACY), said(categories[i], intents[i]));
                        assert_int_equal(verdict.category, CATEGORY_SAFETY_COMPLIANCE);
                        assert_int_equal(verdict.intent, INTENT_PRIVACY);
                        assert_int_equal(verdict.source, SOURCE_SAFETY_NET);
                        assert_true(verdict.severity >= severity);
                }
}

static void severity_is_the_highest_of_rule_floor_and_model(void **state)
{
        (void)state;
        static const struct {
                enum severity rule;
                enum intent found; /* its floor counts too */
                enum category category;
                enum intent intent; /* the model's */
                enum severity severity;
        } cases[] = {
                {SEVERITY_STANDARD, INTENT_PRIVACY, CATEGORY_INFORMATIONAL, INTENT_FAQ, SEVERITY_STANDARD},
                {SEVERITY_HIGH, INTENT_PRIVACY, CATEGORY_INFORMATIONAL, INTENT_FAQ, SEVERITY_HIGH},
                {SEVERITY_URGENT, INTENT_PRIVACY, CATEGORY_SERVICE_ACTION, INTENT_REFUND, SEVERITY_URGENT},
                {SEVERITY_STANDARD, INTENT_PRODUCT_SAFETY, CATEGORY_INFORMATIONAL, INTENT_FAQ, SEVERITY_HIGH},
                {SEVERITY_STANDARD, INTENT_SELF_HARM, CATEGORY_INFORMATIONAL, INTENT_FAQ, SEVERITY_URGENT},
                {SEVERITY_STANDARD, INTENT_PRIVACY, CATEGORY_SAFETY_COMPLIANCE, INTENT_FRAUD, SEVERITY_HIGH},
                {SEVERITY_STANDARD, INTENT_PRIVACY, CATEGORY_SAFETY_COMPLIANCE, INTENT_THREAT, SEVERITY_URGENT},
                {SEVERITY_URGENT, INTENT_PRODUCT_SAFETY, CATEGORY_SAFETY_COMPLIANCE, INTENT_PRIVACY, SEVERITY_URGENT},
                {SEVERITY_STANDARD, INTENT_PRIVACY, CATEGORY_SAFETY_COMPLIANCE, INTENT_OTHER, SEVERITY_HIGH},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct verdict verdict =
                        decided(hit(cases[i].rule, cases[i].found), said(cases[i].category, cases[i].intent));
                if (verdict.severity != cases[i].severity)
                        fail_msg("case %zu: %s", i, severity_name(verdict.severity));
        }
}

static void the_models_intent_becomes_the_secondary_one(void **state)
{
        (void)state;
        static const struct {
                enum intent found, intent, secondary; /* the net's, the model's two */
                enum intent expected;
        } cases[] = {
                {INTENT_FRAUD, INTENT_REFUND, INTENT_NONE, INTENT_REFUND},
                {INTENT_FRAUD, INTENT_REFUND, INTENT_BILLING, INTENT_REFUND},
                {INTENT_FRAUD, INTENT_REFUND, INTENT_FRAUD, INTENT_REFUND},
                {INTENT_FRAUD, INTENT_FRAUD, INTENT_BILLING, INTENT_BILLING},
                {INTENT_FRAUD, INTENT_FRAUD, INTENT_NONE, INTENT_NONE},
                {INTENT_FRAUD, INTENT_OTHER, INTENT_NONE, INTENT_NONE},
                {INTENT_FRAUD, INTENT_OTHER, INTENT_FRAUD, INTENT_NONE},
                {INTENT_FRAUD, INTENT_OTHER, INTENT_BILLING, INTENT_BILLING},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct model_verdict classified = said(CATEGORY_SERVICE_ACTION, cases[i].intent);
                classified.secondary_intent = cases[i].secondary;
                struct verdict verdict = decided(hit(SEVERITY_HIGH, cases[i].found), classified);
                assert_int_equal(verdict.intent, cases[i].found);
                if (verdict.secondary_intent != cases[i].expected)
                        fail_msg("case %zu: %d", i, verdict.secondary_intent);
        }
}

static void a_secondary_intent_of_the_model_is_kept_and_never_the_first_again(void **state)
{
        (void)state;
        struct model_verdict classified = said(CATEGORY_SERVICE_ACTION, INTENT_REFUND);
        classified.secondary_intent = INTENT_CANCELLATION;
        assert_int_equal(decided(nothing, classified).secondary_intent, INTENT_CANCELLATION);
        classified.secondary_intent = INTENT_REFUND;
        assert_int_equal(decided(nothing, classified).secondary_intent, INTENT_NONE);
}

static void confidence_is_the_larger_of_probability_and_precision(void **state)
{
        (void)state;
        static const struct {
                double probability, precision, expected;
        } cases[] = {{0.05, 0.8, 0.8}, {0.97, 0.8, 0.97}, {0.8, 0.8, 0.8}, {0, 1, 1}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct safety_finding finding = hit(SEVERITY_HIGH, INTENT_FRAUD);
                finding.precision = cases[i].precision;
                struct model_verdict classified = said(CATEGORY_SERVICE_ACTION, INTENT_REFUND);
                classified.probabilities[CATEGORY_SAFETY_COMPLIANCE] = cases[i].probability;
                assert_true(decided(finding, classified).confidence == cases[i].expected);
        }
}

static void the_verdict_names_who_decided_and_why(void **state)
{
        (void)state;
        struct verdict verdict = decided(nothing, said(CATEGORY_SERVICE_ACTION, INTENT_REFUND));
        assert_true(str_equal(verdict.model, model_version(model)));
        assert_str_equal(verdict.decision_path, "embedded model: refund, probability 90 %");
        verdict = decided(hit(SEVERITY_STANDARD, INTENT_FRAUD), said(CATEGORY_SERVICE_ACTION, INTENT_REFUND));
        assert_true(str_equal(verdict.model, policy_facts(policy)->version));
        assert_str_equal(verdict.decision_path, "safety net rule some_rule, severity high");
        assert_null(verdict.prompt_version.ptr);
}

static void a_full_arena_costs_the_path_and_nothing_else(void **state)
{
        (void)state;
        struct arena none;
        arena_init(&none, 0);
        struct model_verdict classified = said(CATEGORY_SERVICE_ACTION, INTENT_REFUND);
        struct safety_finding finding = hit(SEVERITY_URGENT, INTENT_FRAUD);
        assert_str_equal(decide(&snapshot, &nothing, &classified, NULL, &none).decision_path, "embedded model");
        struct verdict verdict = decide(&snapshot, &finding, &classified, NULL, &none);
        assert_str_equal(verdict.decision_path, "safety net");
        assert_int_equal(verdict.severity, SEVERITY_URGENT);
        arena_deinit(&none);
}

static struct verdict decided_with(struct safety_finding finding, struct model_verdict classified,
                                   struct llm_answer answer)
{
        answer.reasoning_bytes = 3;
        memcpy(answer.reasoning, "why", 3);
        const struct consulted consulted = {LLM_OK, &answer, "gpt", STR("1.0.0"), true};
        return decide(&snapshot, &finding, &classified, &consulted, &arena);
}

static void an_llms_answer_goes_before_the_models(void **state)
{
        (void)state;
        const struct llm_answer answer = {.category = CATEGORY_SERVICE_ACTION, .intent = INTENT_REFUND, .stated = 0.7, .token_probability = -1};
        struct verdict verdict = decided_with(nothing, said(CATEGORY_INFORMATIONAL, INTENT_FAQ), answer);
        assert_int_equal(verdict.category, CATEGORY_SERVICE_ACTION);
        assert_int_equal(verdict.intent, INTENT_REFUND);
        assert_int_equal(verdict.source, SOURCE_LLM);
        assert_int_equal(verdict.severity, SEVERITY_NONE);
        assert_true(verdict.is_cached);
        assert_str_equal(verdict.model, "gpt");
        assert_str_equal(verdict.prompt_version, "1.0.0");
        assert_str_equal(verdict.decision_path, "why");
}

static void the_confidence_of_an_llm_says_where_it_comes_from(void **state)
{
        (void)state;
        static const struct {
                double token_probability;
                double stated;
                enum basis basis;
                double confidence;
        } cases[] = {
                {0.6, 0.9, BASIS_LOGPROBS, 0.6}, {-1, 0.9, BASIS_STATED, 0.9}, {0, 0.9, BASIS_LOGPROBS, 0},
                {-1, 1, BASIS_STATED, 1},        {-1, -1, BASIS_MODEL, 0.02},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                const struct llm_answer answer = {.category = CATEGORY_SERVICE_ACTION, .intent = INTENT_REFUND,
                                                  .stated = cases[i].stated, .token_probability = cases[i].token_probability};
                struct verdict verdict = decided_with(nothing, said(CATEGORY_INFORMATIONAL, INTENT_FAQ), answer);
                assert_int_equal(verdict.basis, cases[i].basis);
                assert_float_equal(verdict.confidence, cases[i].confidence, 1e-6);
        }
}

static void an_llm_lowers_neither_the_net_nor_a_model_that_is_sure(void **state)
{
        (void)state;
        const struct llm_answer harmless = {.category = CATEGORY_INFORMATIONAL, .intent = INTENT_FAQ, .stated = 1, .token_probability = 1};
        struct verdict verdict = decided_with(hit(SEVERITY_URGENT, INTENT_SELF_HARM), said(CATEGORY_INFORMATIONAL, INTENT_FAQ), harmless);
        assert_int_equal(verdict.category, CATEGORY_SAFETY_COMPLIANCE);
        assert_int_equal(verdict.severity, SEVERITY_URGENT);
        assert_int_equal(verdict.source, SOURCE_SAFETY_NET);
        assert_null(verdict.prompt_version.ptr);
        verdict = decided_with(nothing, said(CATEGORY_SAFETY_COMPLIANCE, INTENT_FRAUD), harmless);
        assert_int_equal(verdict.category, CATEGORY_SAFETY_COMPLIANCE);
        assert_int_equal(verdict.source, SOURCE_LOCAL);
        assert_int_equal(verdict.secondary_intent, INTENT_FAQ);
        struct model_verdict unsure = said(CATEGORY_SAFETY_COMPLIANCE, INTENT_FRAUD);
        unsure.probabilities[CATEGORY_SAFETY_COMPLIANCE] = 0.7; /* below local_safety_floor */
        verdict = decided_with(nothing, unsure, harmless);
        assert_int_equal(verdict.category, CATEGORY_INFORMATIONAL);
        assert_int_equal(verdict.source, SOURCE_LLM);
}

static void an_llm_that_did_not_answer_leaves_the_model_and_a_reason(void **state)
{
        (void)state;
        const struct consulted consulted = {.status = LLM_TIMEOUT};
        struct model_verdict classified = said(CATEGORY_SERVICE_ACTION, INTENT_REFUND);
        struct verdict verdict = decide(&snapshot, &nothing, &classified, &consulted, &arena);
        assert_int_equal(verdict.source, SOURCE_LOCAL);
        assert_int_equal(verdict.fallback, LLM_TIMEOUT);
        assert_int_equal(verdict.intent, INTENT_REFUND);
}

/* The built-in model, with what it would have shown on labels of this installation. */
static void measure_model(struct model **ret_model, float trusted_from)
{
        struct model_file *file = malloc(sizeof *file);
        memcpy(file, model_embedded().ptr, sizeof *file);
        file->metrics.is_local = 1;
        for (enum category c = 0; c < CATEGORY_COUNT; c++)
                file->metrics.trusted_from[c] = trusted_from;
        model_file_seal(file);
        assert_ok(model_take(file, ret_model, NULL));
}

static void a_model_is_trusted_when_it_was_measured_here_and_only_where_it_was_right(void **state)
{
        (void)state;
        struct model *measured;
        struct model_verdict sure = said(CATEGORY_SERVICE_ACTION, INTENT_REFUND);
        sure.probabilities[CATEGORY_SERVICE_ACTION] = 0.97;
        assert_int_equal(decide_need(&snapshot, MODE_CASCADE, &nothing, &sure), DECIDE_ASK);
        measure_model(&measured, 0.96f);
        struct snapshot here = {.policy = policy, .model = measured};
        assert_int_equal(decide_need(&here, MODE_CASCADE, &nothing, &sure), DECIDE_IS_SURE);
        sure.probabilities[CATEGORY_SERVICE_ACTION] = 0.95;
        assert_int_equal(decide_need(&here, MODE_CASCADE, &nothing, &sure), DECIDE_ASK);
        model_free(measured);
        measure_model(&measured, MODEL_NEVER);
        here.model = measured;
        sure.probabilities[CATEGORY_SERVICE_ACTION] = 1;
        assert_int_equal(decide_need(&here, MODE_CASCADE, &nothing, &sure), DECIDE_ASK);
        model_free(measured);
}

static void a_model_is_sure_by_category_and_never_out_of_scope(void **state)
{
        (void)state;
        const struct policy_facts *facts = policy_facts(policy);
        struct model *measured;
        measure_model(&measured, 0.5f);
        struct snapshot here = {.policy = policy, .model = measured};
        struct model_verdict sure = said(CATEGORY_SERVICE_ACTION, INTENT_REFUND);
        sure.probabilities[CATEGORY_SERVICE_ACTION] = facts->llm.local_is_enough[CATEGORY_SERVICE_ACTION];
        assert_int_equal(decide_need(&here, MODE_CASCADE, &nothing, &sure), DECIDE_IS_SURE);
        assert_int_equal(decide_need(&here, MODE_LLM, &nothing, &sure), DECIDE_ASK);
        sure.probabilities[CATEGORY_SERVICE_ACTION] -= 0.01;
        assert_int_equal(decide_need(&here, MODE_CASCADE, &nothing, &sure), DECIDE_ASK);
        sure.probabilities[CATEGORY_SERVICE_ACTION] = 0.99;
        sure.is_out_of_scope = true;
        assert_int_equal(decide_need(&here, MODE_CASCADE, &nothing, &sure), DECIDE_ASK);
        model_free(measured);
}

static void in_a_language_that_it_does_not_know_the_model_is_never_sure(void **state)
{
        (void)state;
        const struct safety_finding foreign = {.intent = INTENT_NONE, .is_foreign = true};
        assert_str_equal(decided((struct safety_finding){.intent = INTENT_NONE, .language = STR_INIT("es")},
                                 said(CATEGORY_SERVICE_ACTION, INTENT_REFUND)).language, "es");
        struct model_verdict sure = said(CATEGORY_SERVICE_ACTION, INTENT_REFUND);
        sure.probabilities[CATEGORY_SERVICE_ACTION] = 0.99;
        struct model *measured;
        measure_model(&measured, 0.5f);
        const struct snapshot here = {.policy = policy, .model = measured};
        assert_int_equal(decide_need(&here, MODE_CASCADE, &nothing, &sure), DECIDE_IS_SURE);
        assert_int_equal(decide_need(&here, MODE_CASCADE, &foreign, &sure), DECIDE_ASK);
        model_free(measured);
        struct verdict verdict = decided(foreign, sure);
        assert_true(verdict.is_foreign);
        assert_true(verdict.confidence == 0.45);
        assert_int_equal(verdict.intent, INTENT_REFUND);
        assert_str_equal(verdict.decision_path, "embedded model: refund, in a language that it does not know");
        sure.probabilities[CATEGORY_SERVICE_ACTION] = 0.41;
        assert_true(decided(foreign, sure).confidence == 0.41);
        const struct llm_answer answer = {.category = CATEGORY_INFORMATIONAL, .intent = INTENT_FAQ, .stated = 0.9,
                                          .token_probability = -1};
        verdict = decided_with(foreign, sure, answer);
        assert_true(verdict.is_foreign);
        assert_true(verdict.source == SOURCE_LLM && verdict.confidence > 0.45);
}

static void a_hit_stays_here_as_the_shipped_policy_has_it(void **state)
{
        (void)state;
        const struct safety_finding found = hit(SEVERITY_STANDARD, INTENT_FRAUD);
        struct model_verdict unsure = said(CATEGORY_SERVICE_ACTION, INTENT_REFUND);
        unsure.probabilities[CATEGORY_SERVICE_ACTION] = 0.5;
        assert_int_equal(decide_need(&snapshot, MODE_LLM, &found, &unsure), DECIDE_IS_PRIVATE);
        assert_int_equal(decide_need(&snapshot, MODE_CASCADE, &found, &unsure), DECIDE_IS_PRIVATE);
        assert_int_equal(decide_need(&snapshot, MODE_CASCADE, &nothing, &unsure), DECIDE_ASK);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_a_hit_the_model_decides),
                cmocka_unit_test(safety_has_a_threshold_of_its_own),
                cmocka_unit_test(a_hit_makes_every_message_a_safety_matter),
                cmocka_unit_test(severity_is_the_highest_of_rule_floor_and_model),
                cmocka_unit_test(the_models_intent_becomes_the_secondary_one),
                cmocka_unit_test(a_secondary_intent_of_the_model_is_kept_and_never_the_first_again),
                cmocka_unit_test(confidence_is_the_larger_of_probability_and_precision),
                cmocka_unit_test(the_verdict_names_who_decided_and_why),
                cmocka_unit_test(a_full_arena_costs_the_path_and_nothing_else),
                cmocka_unit_test(an_llms_answer_goes_before_the_models),
                cmocka_unit_test(the_confidence_of_an_llm_says_where_it_comes_from),
                cmocka_unit_test(an_llm_lowers_neither_the_net_nor_a_model_that_is_sure),
                cmocka_unit_test(an_llm_that_did_not_answer_leaves_the_model_and_a_reason),
                cmocka_unit_test(a_model_is_trusted_when_it_was_measured_here_and_only_where_it_was_right),
                cmocka_unit_test(a_model_is_sure_by_category_and_never_out_of_scope),
                cmocka_unit_test(in_a_language_that_it_does_not_know_the_model_is_never_sure),
                cmocka_unit_test(a_hit_stays_here_as_the_shipped_policy_has_it),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
