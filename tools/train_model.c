/* SPDX-License-Identifier: Apache-2.0 */
/* Build-time trainer of the embedded model: train_model OUT.bin IN.jsonl... */
#include "base/alloc.h"
#include "labelled_lines.h"
#include "text/train_file.h"

static const char help[] =
        "usage: train_model OUT.bin IN.jsonl...\n"
        "       train_model --report IN.jsonl...\n"
        "\n"
        "Trains the embedded classifier on lines {\"text\",\"intent\",\"industry\"} and writes it to\n"
        "OUT.bin; the same lines give the same bytes. With --report, writes nothing and prints what a\n"
        "model knows about each industry that was left out of its training.\n";

static enum category best_category(const struct model_probabilities *result)
{
        enum category best = 0;
        for (enum category c = 1; c < CATEGORY_COUNT; c++)
                best = result->classes[c] > result->classes[best] ? c : best;
        return best;
}

static void tally_line(struct tally *tally, const struct train_set *set, size_t line,
                       const struct train_scores *scores, const struct model_calibration *calibration)
{
        struct model_probabilities result = model_scores_mix(scores->rows[line], calibration);
        enum category guess = best_category(&result);
        tally_add(tally, train_set_class(set, line), (size_t)guess, (double)result.classes[guess]);
}

static enum err write_file(const char *path, const struct model_file *file, struct err_note *note)
{
        FILE *out = fopen(path, "wb");
        if (out == NULL)
                return err_set(note, ERR_IO, "%s: cannot be created", path);
        bool is_written = fwrite(file, sizeof *file, 1, out) == 1;
        if (fclose(out) != 0 || !is_written)
                return err_set(note, ERR_IO, "%s: cannot be written", path);
        return ERR_OK;
}

static enum err train(const char *path, const struct labelled_lines *input, struct err_note *note)
{
        const struct train_job job = {.lines = input, .false_alarms = train_false_alarms};
        struct model_file *file = train_general(&job);
        const struct model_metrics *metrics = &file->metrics;
        enum err err = write_file(path, file, note);
        printf("%u lines; on left-out industries: accuracy %.3f, macro-F1 %.3f, calibration error %.3f, "
               "temperature %.2f; safety from %.2f on: recall %.3f, false alarms %.3f\n",
               metrics->lines, (double)metrics->accuracy, (double)metrics->macro_f1,
               (double)metrics->calibration_error, (double)file->calibration.temperature,
               (double)file->calibration.safety_threshold, (double)metrics->safety_recall,
               (double)metrics->safety_false_alarms);
        free(file);
        return err;
}

static void print_tally(const char *name, const struct tally *tally)
{
        printf("%-18s %5u  %.3f  %.3f  %.3f  %.3f  %.3f  %.3f\n", name, tally->lines, tally_accuracy(tally),
               tally_macro_f1(tally), tally_recall(tally, CATEGORY_INFORMATIONAL),
               tally_recall(tally, CATEGORY_SERVICE_ACTION), tally_recall(tally, CATEGORY_SAFETY_COMPLIANCE),
               tally_calibration_error(tally));
}

static void print_intents(const struct train_set *set, const struct train_scores *scores,
                          const struct model_calibration *calibration)
{
        uint32_t lines[MODEL_INTENTS] = {0};
        uint32_t in_category[MODEL_INTENTS] = {0};
        for (size_t i = 0; i < train_set_count(set); i++) {
                struct model_probabilities result = model_scores_mix(scores->rows[i], calibration);
                enum intent truth = train_set_intent(set, i);
                lines[truth]++;
                in_category[truth] += (size_t)best_category(&result) == model_class_of(truth);
        }
        printf("\nintent              lines  right category\n");
        for (enum intent i = 0; i < INTENT_OTHER; i++)
                if (lines[i] > 0)
                        printf("%-18s %6u  %.3f\n", intent_name(i), lines[i],
                               (double)in_category[i] / lines[i]);
}

static void report(const struct labelled_lines *input)
{
        struct train_options options = train_defaults(input->count);
        struct train_line *lines = alloc_zeroed(input->count + 1, sizeof *lines);
        for (size_t i = 0; i < input->count; i++)
                lines[i] = (struct train_line){input->lines[i].text, input->lines[i].intent, input->lines[i].group, 0};
        struct train_set *set = train_set_new(lines, input->count, &options);
        struct train_scores scores = train_left_out(set, &options, input->group_count, NULL, NULL);
        struct model_calibration calibration = train_calibrate(set, scores, &options, NULL);
        train_be_modest(set, scores, train_modest_error, &calibration);
        struct tally *tallies = alloc_zeroed(input->group_count, sizeof *tallies);
        struct tally all = {0};
        for (size_t i = 0; i < train_set_count(set); i++) {
                tally_line(&tallies[train_set_group(set, i)], set, i, &scores, &calibration);
                tally_line(&all, set, i, &scores, &calibration);
        }
        printf("temperature %.2f, class head's share %.2f\n\n", (double)calibration.temperature,
               (double)calibration.class_share);
        printf("left out           lines  acc.   mac-F1 info   serv.  safety ECE\n");
        for (uint32_t g = 0; g < input->group_count; g++) {
                char name[32];
                snprintf(name, sizeof name, "%.*s", STR_ARGS(input->groups[g]));
                print_tally(name, &tallies[g]);
        }
        print_tally("all", &all);
        print_intents(set, &scores, &calibration);
        free(lines);
        free(tallies);
        free(scores.rows);
        train_set_free(set);
}

int main(int argc, char **argv)
{
        if (argc == 2 && str_equal(str_from(argv[1]), STR("--help"))) {
                fputs(help, stdout);
                return 0;
        }
        if (argc < 3) {
                fputs(help, stderr);
                return 2;
        }
        bool is_report = str_equal(str_from(argv[1]), STR("--report"));
        struct labelled_lines input;
        struct err_note note = {0};
        /* Redacted, as all that the model will see is. */
        struct labelled_options options = {.has_intent = true, .is_raw = true};
        enum err err = labelled_lines_read(argv + 2, (size_t)argc - 2, options, &input, &note);
        if (!err) {
                if (is_report)
                        report(&input);
                else
                        err = train(argv[1], &input, &note);
                labelled_lines_deinit(&input);
        }
        if (err)
                fprintf(stderr, "train_model: %s\n", note.text);
        return err ? 1 : 0;
}
