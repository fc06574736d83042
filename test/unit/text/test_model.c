/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "text/model.h"
#include "text/model_file.h"

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

static struct model_verdict classify(struct str text)
{
        struct model_verdict verdict;
        model_classify(model, (struct safe_text){text}, &verdict);
        return verdict;
}

static void check_is_sound(struct str text)
{
        struct model_verdict verdict = classify(text);
        double sum = 0;
        for (enum category c = 0; c < CATEGORY_COUNT; c++) {
                assert_true(verdict.probabilities[c] >= 0 && verdict.probabilities[c] <= 1);
                assert_true(verdict.probabilities[c] <= verdict.confidence);
                sum += verdict.probabilities[c];
        }
        assert_true(sum <= 1 + 1e-6);
        assert_true(verdict.confidence == verdict.probabilities[verdict.category]);
        assert_true(verdict.intent == INTENT_OTHER || intent_category(verdict.intent) == verdict.category);
        assert_true(verdict.secondary_intent == INTENT_NONE || verdict.secondary_intent < INTENT_OTHER);
        assert_true(verdict.secondary_intent != verdict.intent);
}

static void the_three_official_examples_are_sure(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                enum category category;
                enum intent intent;
        } cases[] = {
                {"What is your refund policy?", CATEGORY_INFORMATIONAL, INTENT_FAQ},
                {"I need to open a ticket because my order never arrived.", CATEGORY_SERVICE_ACTION,
                 INTENT_NONE},
                {"I experienced a severe headache and nausea right after taking the medication.",
                 CATEGORY_SAFETY_COMPLIANCE, INTENT_PRODUCT_SAFETY},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct model_verdict verdict = classify(str_from(cases[i].text));
                bool is_intent = cases[i].intent == INTENT_NONE || verdict.intent == cases[i].intent;
                if (verdict.category != cases[i].category || !is_intent || verdict.confidence < 0.6)
                        fail_msg("%s: %s %s %.3f", cases[i].text, category_name(verdict.category),
                                 intent_name(verdict.intent), verdict.confidence);
        }
}

static void hard_neighbours_are_told_apart(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                enum intent intent;
        } cases[] = {
                {"Where can I read about your refund rules?", INTENT_FAQ},
                {"please refund me for this", INTENT_REFUND},
                {"how long does shipping usually take?", INTENT_FAQ},
                {"where is my parcel", INTENT_ORDER_TRACKING},
                {"is there a cancellation fee?", INTENT_FAQ},
                {"cancel my subscription", INTENT_CANCELLATION},
                {"can I change the delivery date of my order to friday", INTENT_ORDER_CHANGE},
                {"i forgot my password", INTENT_ACCOUNT_UPDATE},
                {"let me talk to a human being", INTENT_HUMAN_AGENT},
                {"someone stole my card and is using it", INTENT_FRAUD},
                {"the charger caught fire and burned my hand", INTENT_PRODUCT_SAFETY},
                {"my lawyer will sue you", INTENT_LEGAL_REGULATORY},
                {"delete all the personal data that you have about me", INTENT_PRIVACY},
                {"i want to kill myself", INTENT_SELF_HARM},
                {"i am going to kill your driver", INTENT_THREAT},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct model_verdict verdict = classify(str_from(cases[i].text));
                if (verdict.intent != cases[i].intent)
                        fail_msg("%s: %s %.3f", cases[i].text, intent_name(verdict.intent),
                                 verdict.confidence);
        }
}

static void words_of_alarm_alone_do_not_make_an_alarm(void **state)
{
        (void)state;
        static const char *const cases[] = {"this price is killing me, is there a discount?",
                                            "dying to know when the new model comes out",
                                            "my phone died, which battery do i need?"};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                if (classify(str_from(cases[i])).category == CATEGORY_SAFETY_COMPLIANCE)
                        fail_msg("%s", cases[i]);
}

static void what_is_out_of_scope_lowers_the_confidence(void **state)
{
        (void)state;
        static const char *const cases[] = {"tell me a joke", "what is the capital of france", "hello there"};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct model_verdict verdict = classify(str_from(cases[i]));
                if (verdict.intent != INTENT_OTHER || verdict.confidence >= 0.5)
                        fail_msg("%s: %s %.3f", cases[i], intent_name(verdict.intent), verdict.confidence);
        }
}

static void two_wishes_name_the_second(void **state)
{
        (void)state;
        struct model_verdict verdict = classify(STR("cancel my order and refund me"));
        assert_int_equal(verdict.category, CATEGORY_SERVICE_ACTION);
        bool is_refund_second =
                verdict.intent == INTENT_CANCELLATION && verdict.secondary_intent == INTENT_REFUND;
        bool is_cancellation_second =
                verdict.intent == INTENT_REFUND && verdict.secondary_intent == INTENT_CANCELLATION;
        assert_true(is_refund_second || is_cancellation_second);
}

static void odd_and_long_texts_get_a_sound_verdict(void **state)
{
        (void)state;
        static const char *const texts[] = {
                "", " ", "?", "a", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", "\xe6\xbc\xa2\xe5\xad\x97",
                "[EMAIL_REDACTED]", "\xcc\x81", "\xef\xbb\xbfhello", "0000000000000000000000", "@", "[",
                "http://",
        };
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
                check_is_sound(str_from(texts[i]));
        static char text[20000];
        static const char *const patterns[] = {"refund me ", "x", "? ", "\xf0\x9f\x98\x80", "chest pain! "};
        for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
                size_t len = strlen(patterns[p]);
                size_t used = 0;
                while (used + len <= sizeof text) {
                        memcpy(text + used, patterns[p], len);
                        used += len;
                }
                check_is_sound((struct str){text, used});
                check_is_sound((struct str){text, len * 100});
        }
}

static void the_same_text_gets_the_same_verdict(void **state)
{
        (void)state;
        struct model_verdict one = classify(STR("The blender is broken, I want my money back."));
        struct model_verdict two = classify(STR("the  BLENDER is broken, i want my money back"));
        assert_int_equal(one.intent, two.intent);
        assert_true(one.confidence == two.confidence);
}

static void the_version_names_the_training(void **state)
{
        (void)state;
        struct str version = model_version(model);
        assert_int_equal(version.len, strlen("local-") + 12);
        assert_true(str_starts_with(version, STR("local-")));
}

static struct model_file *copy_of_embedded(void)
{
        struct str bytes = model_embedded();
        struct model_file *copy = malloc(bytes.len);
        memcpy(copy, bytes.ptr, bytes.len);
        return copy;
}

static enum err open_bytes(const void *bytes, size_t len, struct err_note *note)
{
        struct model *opened = NULL;
        enum err err = model_open((struct str){bytes, len}, &opened, note);
        model_free(opened);
        return err;
}

static void a_damaged_file_is_refused_wherever_it_is_damaged(void **state)
{
        (void)state;
        struct model_file *file = copy_of_embedded();
        size_t len = sizeof *file;
        assert_ok(open_bytes(file, len, NULL));
        size_t step = 1;
        for (size_t at = 0; at < len; at += step) {
                struct err_note note = {0};
                ((unsigned char *)file)[at] ^= 0x10;
                enum err err = open_bytes(file, len, &note);
                if (err == ERR_OK || note.text[0] == '\0')
                        fail_msg("a flipped bit at %zu went unnoticed", at);
                ((unsigned char *)file)[at] ^= 0x10;
                step = at < 64 ? 7 : at < 2048 ? 61 : 65521; /* the last byte's neighbourhood follows */
        }
        ((unsigned char *)file)[len - 1] ^= 1;
        assert_int_equal(open_bytes(file, len, NULL), ERR_CORRUPT);
        free(file);
}

static void a_cut_file_is_refused(void **state)
{
        (void)state;
        struct str bytes = model_embedded();
        const size_t lengths[] = {0, 1, 7, 8, 15, 16, 47, 48, 1023, 2047, 2048, 65536, bytes.len - 1};
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
                char *cut = aligned_alloc(16, lengths[i] / 16 * 16 + 16);
                memcpy(cut, bytes.ptr, lengths[i]);
                assert_int_equal(open_bytes(cut, lengths[i], NULL), ERR_CORRUPT);
                free(cut);
        }
}

static void a_sealed_file_that_does_not_fit_is_refused(void **state)
{
        (void)state;
        struct model_file *file = copy_of_embedded();
        float temperature = file->calibration.temperature;
        struct err_note note;
        file->calibration.temperature = 0;
        model_file_seal(file);
        assert_int_equal(open_bytes(file, sizeof *file, NULL), ERR_CORRUPT);
        file->calibration.temperature = temperature;
        file->metrics.bins[3].accuracy = 1.5f;
        model_file_seal(file);
        assert_int_equal(open_bytes(file, sizeof *file, NULL), ERR_CORRUPT);
        file->metrics.bins[3].accuracy = 0;
        file->calibration.safety_threshold = -0.1f;
        model_file_seal(file);
        assert_int_equal(open_bytes(file, sizeof *file, NULL), ERR_CORRUPT);
        file->calibration.safety_threshold = 0.5f;
        model_file_seal(file);
        assert_ok(open_bytes(file, sizeof *file, NULL));
        file->format++;
        assert_int_equal(open_bytes(file, sizeof *file, &note), ERR_UNSUPPORTED);
        assert_non_null(strstr(note.text, "format"));
        free(file);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_three_official_examples_are_sure),
                cmocka_unit_test(hard_neighbours_are_told_apart),
                cmocka_unit_test(words_of_alarm_alone_do_not_make_an_alarm),
                cmocka_unit_test(what_is_out_of_scope_lowers_the_confidence),
                cmocka_unit_test(two_wishes_name_the_second),
                cmocka_unit_test(odd_and_long_texts_get_a_sound_verdict),
                cmocka_unit_test(the_same_text_gets_the_same_verdict),
                cmocka_unit_test(the_version_names_the_training),
                cmocka_unit_test(a_damaged_file_is_refused_wherever_it_is_damaged),
                cmocka_unit_test(a_cut_file_is_refused),
                cmocka_unit_test(a_sealed_file_that_does_not_fit_is_refused),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
