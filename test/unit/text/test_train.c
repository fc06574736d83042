/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "text/model.h"
#include "base/buf.h"
#include "text/train_file.h"

#include <math.h>

/* A small world: group 0 and 1 are industries, each with something of every class. */
static const struct train_line lines[] = {
        {STR_INIT("what is your refund policy"), INTENT_FAQ, 0},
        {STR_INIT("how long does shipping take"), INTENT_FAQ, 0},
        {STR_INIT("do you deliver to norway"), INTENT_FAQ, 1},
        {STR_INIT("how much does the plan cost"), INTENT_FAQ, 1},
        {STR_INIT("refund me"), INTENT_REFUND, 0},
        {STR_INIT("i want my money back"), INTENT_REFUND, 1},
        {STR_INIT("cancel my order"), INTENT_CANCELLATION, 0},
        {STR_INIT("please cancel the subscription"), INTENT_CANCELLATION, 1},
        {STR_INIT("the kettle burned my hand"), INTENT_PRODUCT_SAFETY, 0},
        {STR_INIT("the battery exploded and burned me"), INTENT_PRODUCT_SAFETY, 1},
        {STR_INIT("my card was stolen"), INTENT_FRAUD, 0},
        {STR_INIT("someone used my stolen card"), INTENT_FRAUD, 1},
        {STR_INIT("tell me a joke"), INTENT_OTHER, 0},
        {STR_INIT("tell me a story about cats"), INTENT_OTHER, 1},
};

enum { LINES = sizeof lines / sizeof *lines };

static struct train_options options;
static struct train_set *set;

static int set_up(void **state)
{
        (void)state;
        options = train_defaults(LINES);
        set = train_set_new(lines, LINES, &options);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        train_set_free(set);
        return 0;
}

static size_t best_intent(const float *scores)
{
        size_t best = 0;
        for (size_t i = 1; i < MODEL_INTENTS; i++)
                best = scores[i] > scores[best] ? i : best;
        return best;
}

static void what_was_trained_is_known(void **state)
{
        (void)state;
        struct train_weights *weights = train_run(set, &options, TRAIN_NO_GROUP, NULL);
        for (size_t i = 0; i < LINES; i++) {
                float scores[MODEL_OUTPUTS];
                train_score(weights, set, i, scores);
                assert_int_equal(best_intent(scores), (size_t)lines[i].intent);
        }
        train_weights_free(weights);
}

static void a_left_out_group_is_not_seen(void **state)
{
        (void)state;
        struct train_line changed[LINES];
        memcpy(changed, lines, sizeof lines);
        for (size_t i = 0; i < LINES; i++)
                if (changed[i].group == 1)
                        changed[i].intent = INTENT_THREAT;
        struct train_set *other = train_set_new(changed, LINES, &options);
        struct train_weights *one = train_run(set, &options, 1, NULL);
        struct train_weights *two = train_run(other, &options, 1, NULL);
        for (size_t i = 0; i < LINES; i++) {
                float a[MODEL_OUTPUTS], b[MODEL_OUTPUTS];
                train_score(one, set, i, a);
                train_score(two, other, i, b);
                assert_memory_equal(a, b, sizeof a);
        }
        train_weights_free(one);
        train_weights_free(two);
        train_set_free(other);
}

static struct model_file *build(const struct train_options *with)
{
        struct model_file *file = calloc(1, sizeof *file);
        struct train_weights *weights = train_run(set, with, TRAIN_NO_GROUP, NULL);
        struct train_scores scores = train_left_out(set, with, 2, NULL, NULL);
        train_quantise(weights, file);
        file->calibration = train_calibrate(set, scores, with, NULL);
        model_file_seal(file);
        train_weights_free(weights);
        free(scores.rows);
        return file;
}

static void training_twice_gives_the_same_bytes(void **state)
{
        (void)state;
        struct train_options other = options;
        other.seed++;
        struct model_file *one = build(&options);
        struct model_file *two = build(&options);
        struct model_file *three = build(&other);
        assert_memory_equal(one, two, sizeof *one);
        assert_memory_not_equal(one, three, sizeof *one);
        free(one);
        free(two);
        free(three);
}

static void a_written_model_can_be_used(void **state)
{
        (void)state;
        struct model_file *file = build(&options);
        struct model *model;
        struct err_note note = {0};
        assert_ok(model_open((struct str){(const char *)file, sizeof *file}, &model, &note));
        for (size_t i = 0; i < LINES; i++) {
                struct model_verdict verdict;
                model_classify(model, (struct safe_text){lines[i].text}, &verdict);
                assert_int_equal(verdict.intent, lines[i].intent);
        }
        model_free(model);
        free(file);
}

static void the_model_says_what_the_trainer_meant(void **state)
{
        (void)state;
        struct train_weights *weights = train_run(set, &options, TRAIN_NO_GROUP, NULL);
        struct model_file *file = build(&options);
        struct model *model;
        file->calibration.temperature = 8; /* so that no probability hides a difference by being 1 */
        model_file_seal(file);
        assert_ok(model_open((struct str){(const char *)file, sizeof *file}, &model, NULL));
        for (size_t i = 0; i < LINES; i++) {
                float scores[MODEL_OUTPUTS];
                struct model_verdict verdict;
                train_score(weights, set, i, scores);
                struct model_probabilities meant = model_scores_mix(scores, &file->calibration);
                model_classify(model, (struct safe_text){lines[i].text}, &verdict);
                for (enum category c = 0; c < CATEGORY_COUNT; c++)
                        assert_float_equal(verdict.probabilities[c], meant.classes[c], 0.01);
        }
        model_free(model);
        free(file);
        train_weights_free(weights);
}

static void overconfident_scores_get_a_high_temperature(void **state)
{
        (void)state;
        struct train_scores sure = {calloc(LINES, sizeof *sure.rows)};
        struct train_scores right = {calloc(LINES, sizeof *right.rows)};
        for (size_t i = 0; i < LINES; i++) {
                size_t class = model_class_of(lines[i].intent);
                size_t said = i % 2 == 0 ? class : (class + 1) % CATEGORY_COUNT;
                sure.rows[i][MODEL_INTENTS + said] = 8;
                right.rows[i][MODEL_INTENTS + class] = 8;
        }
        assert_true(train_calibrate(set, sure, &options, NULL).temperature >
                    train_calibrate(set, right, &options, NULL).temperature);
        free(sure.rows);
        free(right.rows);
}

static void figures_are_what_the_tally_says(void **state)
{
        (void)state;
        struct tally tally = {0};
        tally_add(&tally, CATEGORY_INFORMATIONAL, CATEGORY_INFORMATIONAL, 0.95);
        tally_add(&tally, CATEGORY_INFORMATIONAL, CATEGORY_SERVICE_ACTION, 0.95);
        tally_add(&tally, CATEGORY_SERVICE_ACTION, CATEGORY_SERVICE_ACTION, 0.55);
        tally_add(&tally, CATEGORY_SAFETY_COMPLIANCE, CATEGORY_SAFETY_COMPLIANCE, 1.0);
        assert_float_equal(tally_accuracy(&tally), 0.75, 1e-9);
        assert_float_equal(tally_recall(&tally, CATEGORY_INFORMATIONAL), 0.5, 1e-9);
        assert_float_equal(tally_precision(&tally, CATEGORY_SERVICE_ACTION), 0.5, 1e-9);
        assert_float_equal(tally_macro_f1(&tally), (2.0 / 3 + 2.0 / 3 + 1) / 3, 1e-9);
        assert_float_equal(tally_calibration_error(&tally), (0.9 + 0.45) / 4, 1e-9);
        tally_add(&tally, MODEL_CLASS_OUT_OF_SCOPE, CATEGORY_INFORMATIONAL, 0.25);
        assert_float_equal(tally_accuracy(&tally), 0.75, 1e-9);
        assert_float_equal(tally_calibration_error(&tally), (0.9 + 0.45 + 0.25) / 5, 1e-9);
}

static struct labelled_lines labelled;

static void read_labelled(const char *jsonl)
{
        struct err_note note = {0};
        labelled_lines_init(&labelled);
        enum err err = labelled_lines_add(&labelled, "test.jsonl", str_from(jsonl), (struct labelled_options){0}, &note);
        if (err)
                fail_msg("%s", note.text);
}

static struct model *open_file(const struct model_file *file)
{
        struct model *model;
        assert_ok(model_open((struct str){(const char *)file, sizeof *file}, &model, NULL));
        return model;
}

static enum intent intent_by(const struct model_file *file, struct str text)
{
        struct model_verdict verdict;
        struct model *model = open_file(file);
        model_classify(model, (struct safe_text){text}, &verdict);
        model_free(model);
        return verdict.intent;
}

/* A company's own word, which the built-in model cannot know. */
static void local_labels_teach_what_the_general_model_does_not_know(void **state)
{
        (void)state;
        const struct model_file *base = (const void *)model_embedded().ptr;
        struct buf rows;
        buf_init(&rows, 1 << 16);
        for (int i = 0; i < 30; i++) {
                buf_printf(&rows, "{\"text\":\"zorblify my flurb number %c%c\",\"intent\":\"cancellation\"}\n", 'a' + i % 26,
                           'a' + i * 7 % 26);
                buf_printf(&rows, "{\"text\":\"is the flurb %c%c zorblified by default\",\"category\":\"informational\"}\n",
                           'a' + i % 26, 'a' + i * 5 % 26);
        }
        buf_append_char(&rows, '\0');
        read_labelled(rows.ptr);
        struct train_job job = {.lines = &labelled, .false_alarms = train_false_alarms};
        struct model_file *file = train_local(&job, base);
        struct model_file *again = train_local(&job, base);
        assert_memory_equal(file, again, sizeof *file);
        assert_int_not_equal(intent_by(base, STR("zorblify my flurb")), INTENT_CANCELLATION);
        assert_int_equal(intent_by(file, STR("zorblify my flurb")), INTENT_CANCELLATION);
        assert_int_equal(intent_by(file, STR("someone stole my card and is using it")), INTENT_FRAUD);
        assert_true(file->local.weight > 0 && file->local.lines == 60);
        assert_memory_equal(&file->calibration, &base->calibration, sizeof base->calibration); /* under 100 labels */
        assert_memory_equal(file->training_digest, base->training_digest, sizeof base->training_digest);
        free(file);
        free(again);
        buf_deinit(&rows);
        labelled_lines_deinit(&labelled);
}

/* The mean probability of safety that a model gives the safety matters among our lines behind the first 60. */
static double safety_seen(const struct model_file *file, const struct labelled_lines *rehearsed)
{
        struct model *model = open_file(file);
        double sum = 0;
        size_t count = 0;
        for (size_t i = 60; i < rehearsed->count; i++) {
                struct model_verdict verdict;
                if (rehearsed->lines[i].class != CATEGORY_SAFETY_COMPLIANCE)
                        continue;
                model_classify(model, (struct safe_text){rehearsed->lines[i].text}, &verdict);
                sum += verdict.probabilities[CATEGORY_SAFETY_COMPLIANCE];
                count++;
        }
        model_free(model);
        assert_true(count > 100);
        return sum / (double)count;
}

static void what_labels_do_not_speak_of_is_rehearsed(void **state)
{
        (void)state;
        static const char *const things[] = {"card", "account", "payment", "transfer", "top-up", "phone", "order", "money", "app", "cash"};
        static const char *const wants[] = {"it does not work,", "somebody please check", "where is", "i lost the pin of",
                                            "i do not understand the charge on", "help, somebody took"};
        const struct model_file *base = (const void *)model_embedded().ptr;
        struct labelled_lines rehearsed;
        struct buf rows;
        buf_init(&rows, 1 << 16);
        for (size_t i = 0; i < 60; i++) {
                buf_printf(&rows, "{\"text\":\"%s my %s\",\"intent\":\"ticket_creation\"}\n", wants[i / 10], things[i % 10]);
        }
        buf_append_char(&rows, '\0');
        read_labelled(rows.ptr);
        labelled_lines_init(&rehearsed);
        assert_ok(labelled_lines_add(&rehearsed, "rehearsal", rehearsal_embedded(), (struct labelled_options){0}, NULL));
        assert_int_equal(rehearsed.count, 400);
        struct train_job job = {.lines = &labelled, .false_alarms = train_false_alarms};
        struct model_file *forgetful = train_local(&job, base);
        job.rehearsed = &rehearsed;
        struct model_file *file = train_local(&job, base);
        double before = safety_seen(base, &rehearsed);
        assert_true(safety_seen(forgetful, &rehearsed) < before - 0.1);
        assert_true(safety_seen(file, &rehearsed) > safety_seen(forgetful, &rehearsed) + 0.1);
        assert_int_equal(intent_by(file, STR("it does not work, my top-up")), INTENT_TICKET_CREATION);
        free(forgetful);
        free(file);
        buf_deinit(&rows);
        labelled_lines_deinit(&rehearsed);
        labelled_lines_deinit(&labelled);
}

static void a_general_model_says_how_often_it_was_right(void **state)
{
        (void)state;
        struct buf rows;
        buf_init(&rows, 1 << 16);
        for (size_t i = 0; i < LINES; i++)
                buf_printf(&rows, "{\"text\":\"%.*s\",\"intent\":\"%s\",\"industry\":\"%u\"}\n", STR_ARGS(lines[i].text),
                           lines[i].intent == INTENT_OTHER ? "out_of_scope" : intent_name(lines[i].intent), lines[i].group);
        buf_append_char(&rows, '\0');
        read_labelled(rows.ptr);
        struct train_job job = {.lines = &labelled, .false_alarms = train_false_alarms};
        struct model_file *file = train_general(&job);
        double error = 0;
        uint32_t counted = 0;
        for (size_t i = 0; i < MODEL_BINS; i++) {
                const struct model_bin *bin = &file->metrics.bins[i];
                counted += bin->lines;
                error += bin->lines * (double)fabsf(bin->confidence - bin->accuracy);
                assert_true(bin->lines == 0 || (bin->confidence >= (float)i / 10 && bin->confidence <= (float)(i + 1) / 10));
        }
        assert_int_equal(counted, LINES);
        assert_float_equal(error / LINES, (double)file->metrics.calibration_error, 1e-5);
        assert_int_equal(file->local.lines, 0);
        assert_true(file->local.weight == 0);
        free(file);
        buf_deinit(&rows);
        labelled_lines_deinit(&labelled);
}

/* Scores of which only the class head speaks, at temperature 1. */
static struct train_scores scores_of(const float safety[LINES])
{
        struct train_scores scores = {calloc(LINES, sizeof *scores.rows)};
        for (size_t i = 0; i < LINES; i++)
                for (size_t c = 0; c < MODEL_CLASSES; c++)
                        scores.rows[i][MODEL_INTENTS + c] =
                                logf(c == CATEGORY_SAFETY_COMPLIANCE ? safety[i] : (1 - safety[i]) / 3);
        return scores;
}

static void the_safety_threshold_keeps_to_its_budget(void **state)
{
        (void)state;
        const struct model_calibration calibration = {.class_share = 1, .temperature = 1};
        /* Ten of the lines are no safety matter; two of those look like one. */
        const float safety[LINES] = {[0] = 0.9f, [4] = 0.8f, [5] = 0.3f, [8] = 0.85f, [9] = 0.95f, [10] = 0.7f, [11] = 0.2f};
        struct train_scores scores = scores_of(safety);
        float none = train_safety_threshold(set, scores, &calibration, 0);
        float one = train_safety_threshold(set, scores, &calibration, 0.1);
        float all = train_safety_threshold(set, scores, &calibration, 0.5);
        assert_true(none > 0.9f && none < 0.95f);
        assert_true(one > 0.8f && one <= 0.85f);
        assert_true(all == train_lowest_threshold);
        free(scores.rows);
}

static void modesty_goes_as_far_as_it_may_cost(void **state)
{
        (void)state;
        const float safety[LINES] = {[8] = 0.9f, [9] = 0.9f, [10] = 0.9f, [11] = 0.9f};
        struct model_calibration calibration = {.class_share = 1, .temperature = 1, .safety_threshold = 0.5f};
        struct train_scores scores = scores_of(safety);
        double before = (double)train_measure(set, scores, &calibration).calibration_error;
        train_be_modest(set, scores, before / 2, &calibration);
        assert_true(calibration.temperature == 1); /* it cost more already */
        train_be_modest(set, scores, before + 0.05, &calibration);
        assert_true(calibration.temperature > 1);
        assert_true((double)train_measure(set, scores, &calibration).calibration_error <= before + 0.05);
        calibration.temperature += 0.05f;
        assert_true((double)train_measure(set, scores, &calibration).calibration_error > before + 0.05);
        free(scores.rows);
}

static void a_bad_row_is_named(void **state)
{
        (void)state;
        static const struct {
                const char *row, *expected;
        } cases[] = {
                {"nonsense", "rows.jsonl:2: "},
                {"{\"text\":\"x\",\"intent\":\"dance\"}", "intent"},
                {"{\"text\":\"x\",\"category\":\"music\"}", "music"},
                {"{\"text\":\"x\",\"category\":\"informational\",\"intent\":\"refund\"}", "refund"},
                {"{\"intent\":\"faq\"}", "text"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char jsonl[256];
                struct err_note note = {0};
                snprintf(jsonl, sizeof jsonl, "{\"text\":\"hi\",\"category\":\"out_of_scope\",\"intent\":\"oos\"}\n%s\n", cases[i].row);
                labelled_lines_init(&labelled);
                assert_int_not_equal(labelled_lines_add(&labelled, "rows.jsonl", str_from(jsonl), (struct labelled_options){0}, &note),
                                     ERR_OK);
                if (!strstr(note.text, "rows.jsonl:2: ") || !strstr(note.text, cases[i].expected))
                        fail_msg("%s", note.text);
                assert_int_equal(labelled.count, 1);
                assert_int_equal(labelled.lines[0].intent, INTENT_OTHER);
                labelled_lines_deinit(&labelled);
        }
}

static void raw_rows_are_redacted(void **state)
{
        (void)state;
        labelled_lines_init(&labelled);
        assert_ok(labelled_lines_add(&labelled, "raw", STR("{\"text\":\"mail ann@example.com\",\"intent\":\"faq\"}"),
                                     (struct labelled_options){.is_raw = true}, NULL));
        assert_true(str_equal(labelled.lines[0].text, STR("mail [EMAIL_REDACTED]")));
        labelled_lines_deinit(&labelled);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_trained_is_known),
                cmocka_unit_test(a_left_out_group_is_not_seen),
                cmocka_unit_test(training_twice_gives_the_same_bytes),
                cmocka_unit_test(a_written_model_can_be_used),
                cmocka_unit_test(the_model_says_what_the_trainer_meant),
                cmocka_unit_test(overconfident_scores_get_a_high_temperature),
                cmocka_unit_test(local_labels_teach_what_the_general_model_does_not_know),
                cmocka_unit_test(what_labels_do_not_speak_of_is_rehearsed),
                cmocka_unit_test(a_general_model_says_how_often_it_was_right),
                cmocka_unit_test(the_safety_threshold_keeps_to_its_budget),
                cmocka_unit_test(modesty_goes_as_far_as_it_may_cost),
                cmocka_unit_test(a_bad_row_is_named),
                cmocka_unit_test(raw_rows_are_redacted),
                cmocka_unit_test(figures_are_what_the_tally_says),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
