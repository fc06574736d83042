/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "text/model_explain.h"

#include <math.h>
#include <string.h>

static struct model *model;

static int set_up(void **state)
{
        (void)state;
        return model_open(model_embedded(), &model, NULL) == ERR_OK ? 0 : 1;
}

static int tear_down(void **state)
{
        (void)state;
        model_free(model);
        return 0;
}

static const struct explained *find(const struct model_explanation *explanation, int kind, const char *text)
{
        for (size_t i = 0; i < explanation->count; i++)
                if ((int)explanation->features[i].kind == kind && strcmp(explanation->features[i].text, text) == 0)
                        return &explanation->features[i];
        fail_msg("\"%s\" is not there", text);
        return NULL;
}

/* What an explanation rests on: the same n-grams, so the same probabilities as the model's own. */
static void an_explanation_decides_as_the_model_does(void **state)
{
        (void)state;
        static const char *const texts[] = {
                "", "?", "a", "Refund me now, I want my money back!!", "my phone died 2026 https://example.org [EMAIL_REDACTED]",
                "Ich möchte mein Geld zurück", "где мой заказ", "私の注文はどこですか",
                "Donaudampfschifffahrtsgesellschaftskapitaensmuetzenabzeichenhalter refund refund refund",
        };
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                struct model_verdict verdict;
                struct model_explanation explanation = model_explain(model, (struct safe_text){str_from(texts[i])});
                model_classify(model, (struct safe_text){str_from(texts[i])}, &verdict);
                for (enum category c = 0; c < CATEGORY_COUNT; c++)
                        if (fabs(verdict.probabilities[c] - (double)explanation.probabilities[c]) > 1e-4)
                                fail_msg("%s: %f %f", texts[i], verdict.probabilities[c], (double)explanation.probabilities[c]);
                model_explanation_free(&explanation);
        }
}

static void n_grams_have_their_names_and_counts(void **state)
{
        (void)state;
        struct model_explanation explanation = model_explain(model, (struct safe_text){STR("Refund my order, refund it")});
        assert_int_equal(find(&explanation, EXPLAINED_WORD, "refund")->count, 2);
        assert_int_equal(find(&explanation, EXPLAINED_WORD, "order")->count, 1);
        assert_int_equal(find(&explanation, EXPLAINED_PAIR, "^ refund")->count, 1);
        assert_int_equal(find(&explanation, EXPLAINED_PAIR, "order refund")->count, 1);
        assert_int_equal(find(&explanation, EXPLAINED_CHARS, "<ref")->count, 2);
        assert_int_equal(find(&explanation, EXPLAINED_CHARS, "und>")->count, 2);
        for (size_t i = 1; i < explanation.count; i++) {
                float sum = 0;
                for (size_t class = 0; class < MODEL_CLASSES; class++)
                        sum += explanation.features[i].classes[class];
                assert_true(fabsf(sum) < 1e-4f);
        }
        model_explanation_free(&explanation);
}

static void words_hold_what_their_n_grams_add(void **state)
{
        (void)state;
        struct model_explanation explanation = model_explain(model, (struct safe_text){STR("Refund my order, refund it")});
        float features[MODEL_CLASSES] = {0}, words[MODEL_CLASSES] = {0};
        assert_int_equal(explanation.word_count, 5);
        assert_string_equal(explanation.words[2].text, "order");
        for (size_t class = 0; class < MODEL_CLASSES; class++) {
                for (size_t i = 0; i < explanation.count; i++)
                        features[class] += explanation.features[i].classes[class];
                for (size_t i = 0; i < explanation.word_count; i++)
                        words[class] += explanation.words[i].classes[class];
                assert_true(fabsf(features[class] - words[class]) < 1e-3f);
        }
        model_explanation_free(&explanation);
}

static void a_letter_that_is_cut_is_no_letter(void **state)
{
        (void)state;
        struct model_explanation explanation = model_explain(model, (struct safe_text){STR("где")});
        find(&explanation, EXPLAINED_WORD, "где");
        find(&explanation, EXPLAINED_CHARS, "<г");
        find(&explanation, EXPLAINED_CHARS, "<г?");
        find(&explanation, EXPLAINED_CHARS, "?д");
        find(&explanation, EXPLAINED_CHARS, "е>");
        model_explanation_free(&explanation);
}

static void the_word_that_says_it_comes_with_a_sign(void **state)
{
        (void)state;
        struct model_explanation explanation = model_explain(model, (struct safe_text){STR("somebody stole my card, fraud")});
        const struct explained *fraud = find(&explanation, EXPLAINED_WORD, "fraud");
        assert_true(fraud->classes[CATEGORY_SAFETY_COMPLIANCE] > 0);
        assert_true(fraud->classes[CATEGORY_INFORMATIONAL] < fraud->classes[CATEGORY_SAFETY_COMPLIANCE]);
        model_explanation_free(&explanation);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_explanation_decides_as_the_model_does),
                cmocka_unit_test(n_grams_have_their_names_and_counts),
                cmocka_unit_test(words_hold_what_their_n_grams_add),
                cmocka_unit_test(a_letter_that_is_cut_is_no_letter),
                cmocka_unit_test(the_word_that_says_it_comes_with_a_sign),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
