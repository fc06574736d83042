/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "adapt/durable_file.h"
#include "cli/progress.h"
#include "text/model.h"
#include "text/train_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arguments {
        const char *out;
        const char *base; /* NULL: the built-in model */
        double false_alarms;
        struct labelled_options options;
        struct labelled_lines data;  /* of the general model */
        struct labelled_lines local; /* the company's own labels */
        struct labelled_lines rehearsed;
};

static enum err add_file(struct labelled_lines *lines, const char *path, struct labelled_options options,
                         struct err_note *note)
{
        struct buf text;
        size_t before = lines->count;
        enum err err = cli_read_rows(path, LABELLED_MAX_FILE_BYTES, &text, note);
        if (err)
                return err;
        err = labelled_lines_add(lines, path, buf_str(&text), options, note);
        buf_deinit(&text);
        if (!err && lines->count == before)
                err = err_set(note, ERR_INVALID, "%s: there is no line in it", path);
        return err;
}

/* Each `--name FILE`; for --data also the operands that are left. */
static enum err read_files(struct settings_args *operands, const char *name, bool with_operands,
                           struct labelled_options options, struct labelled_lines *lines, struct err_note *note)
{
        const char *path;
        enum err err = ERR_OK;
        while (!err && (path = cli_take_value(operands, name)) != NULL)
                err = add_file(lines, path, options, note);
        while (!err && with_operands && operands->count > 0) {
                err = add_file(lines, operands->items[0], options, note);
                operands->items++;
                operands->count--;
        }
        return err;
}

/* What reviewers said about messages, from the store. */
static enum err read_feedback(const struct settings *settings, struct labelled_lines *lines, struct err_note *note)
{
        struct cli_admin *admin;
        struct json result, rows, row;
        struct buf bytes;
        enum err err = cli_admin_open(settings, &admin, note);
        if (err)
                return err;
        buf_init(&bytes, ADMIN_MAX_BYTES);
        struct json_parser *parser = json_parser_new(ADMIN_MAX_BYTES, 16);
        err = admin_execute(cli_admin(admin), STR("feedback.list"), STR("{}"), &bytes, note);
        if (!err)
                err = json_parse(parser, buf_str(&bytes), &result, note);
        if (!err && json_find(result, STR("rows"), &rows)) {
                struct json_iter iter = json_iter(rows);
                while (!err && json_next(&iter, NULL, &row))
                        err = labelled_lines_add_row(lines, row, (struct labelled_options){0}, note);
        }
        json_parser_free(parser);
        buf_deinit(&bytes);
        cli_admin_close(admin);
        return err;
}

static void show_step(void *arg, uint32_t done, uint32_t total)
{
        struct progress *progress = arg;
        progress->total = total;
        progress_show(progress, done);
}

static struct train_job make_job(const struct arguments *arguments, const struct labelled_lines *lines,
                                 struct progress *progress)
{
        return (struct train_job){
                .lines = lines,
                .false_alarms = arguments->false_alarms,
                .progress = {show_step, progress},
        };
}

static enum err read_base(const char *path, struct model_file *file, struct err_note *note)
{
        struct buf bytes;
        struct model *model;
        enum err err = cli_read_file(path, sizeof *file, &bytes, note);
        if (err)
                return err;
        err = model_open(buf_str(&bytes), &model, note);
        if (!err) {
                memcpy(file, bytes.ptr, sizeof *file);
                model_free(model);
        }
        buf_deinit(&bytes);
        if (!err && file->local.lines > 0)
                err = err_set(note, ERR_INVALID, "it has learnt from labels already; take the model that it was made from");
        return err ? err_prefix(note, err, "%s: ", path) : ERR_OK;
}

/* The general model: trained now, or one that is there. */
static enum err general_model(const struct arguments *arguments, struct progress *progress,
                              struct model_file **ret_file, struct err_note *note)
{
        struct model_file *file;
        enum err err = ERR_OK;
        if (arguments->data.count > 0) {
                struct train_job job = make_job(arguments, &arguments->data, progress);
                *ret_file = train_general(&job);
                return ERR_OK;
        }
        file = malloc(sizeof *file);
        if (!file)
                abort();
        if (arguments->base)
                err = read_base(arguments->base, file, note);
        else
                memcpy(file, model_embedded().ptr, sizeof *file);
        if (err)
                free(file);
        else
                *ret_file = file;
        return err;
}

static void print_model(const struct model_file *file)
{
        const struct model_metrics *metrics = &file->metrics;
        printf("measured on %u %s: accuracy %.3f, macro-F1 %.3f, calibration error %.3f, temperature %.2f\n", metrics->lines,
               metrics->is_local ? "of the company's own labels, left out of training" : "lines, left out of training",
               (double)metrics->accuracy, (double)metrics->macro_f1, (double)metrics->calibration_error,
               (double)file->calibration.temperature);
        printf("safety from a probability of %.2f on: recall %.3f, false alarms %.3f\n",
               (double)file->calibration.safety_threshold, (double)metrics->safety_recall,
               (double)metrics->safety_false_alarms);
        if (file->local.lines > 0)
                printf("%u labels of the company's own have a weight of %.2f\n", file->local.lines, (double)file->local.weight);
}

static int train(const struct arguments *arguments)
{
        struct model_file *file;
        struct err_note note = {.text = ""};
        struct progress progress = progress_start("training", TRAIN_FOLDS + 1);
        if (general_model(arguments, &progress, &file, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        if (arguments->local.count > 0) {
                struct train_job job = make_job(arguments, &arguments->local, &progress);
                job.rehearsed = &arguments->rehearsed;
                struct model_file *learnt = train_local(&job, file);
                free(file);
                file = learnt;
        }
        progress_end(&progress);
        enum err err = durable_file_write(arguments->out, (struct str){(const char *)file, sizeof *file}, 0666, &note);
        if (!err)
                print_model(file);
        free(file);
        return err ? cli_complain(CLI_FAILED, "%s", note.text) : CLI_OK;
}

static bool read_share(const char *text, double *share)
{
        char *end;
        if (!text)
                return true;
        *share = strtod(text, &end);
        return *text && !*end && *share >= 0 && *share <= 1;
}

static int read_and_train(const struct settings *settings, struct settings_args *operands, struct arguments *arguments)
{
        struct err_note note = {.text = ""};
        const char *group = cli_take_value(operands, "left-out");
        bool has_feedback = cli_take_flag(operands, "feedback");
        arguments->out = cli_take_value(operands, "out");
        arguments->base = cli_take_value(operands, "base");
        arguments->options = (struct labelled_options){.is_raw = true, .group = str_from(group)};
        if (!read_share(cli_take_value(operands, "false-alarms"), &arguments->false_alarms))
                return cli_complain(CLI_USAGE, "--false-alarms must be a share from 0 to 1");
        if (!arguments->out)
                return cli_complain(CLI_USAGE, "--out FILE is missing; see --help");
        enum err err = read_files(operands, "local", false, arguments->options, &arguments->local, &note);
        if (!err)
                err = read_files(operands, "data", true, arguments->options, &arguments->data, &note);
        if (!err)
                err = labelled_lines_add(&arguments->rehearsed, "rehearsal", rehearsal_embedded(),
                                         (struct labelled_options){0}, &note);
        if (!err && has_feedback)
                err = read_feedback(settings, &arguments->local, &note);
        if (err)
                return cli_complain(CLI_FAILED, "%s", note.text);
        if (arguments->data.count + arguments->local.count == 0)
                return has_feedback ? cli_complain(CLI_FAILED, "nobody has given feedback that names a right answer yet")
                                    : cli_complain(CLI_USAGE, "--data FILE, --local FILE or --feedback is needed; see --help");
        if (arguments->data.count > 0 && arguments->base)
                return cli_complain(CLI_USAGE, "--data trains a model from nothing, --base takes one that is there");
        return train(arguments);
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        struct arguments arguments = {.false_alarms = train_false_alarms};
        (void)cli;
        labelled_lines_init(&arguments.data);
        labelled_lines_init(&arguments.local);
        labelled_lines_init(&arguments.rehearsed);
        int status = read_and_train(settings, operands, &arguments);
        labelled_lines_deinit(&arguments.data);
        labelled_lines_deinit(&arguments.local);
        labelled_lines_deinit(&arguments.rehearsed);
        return status;
}

static const char *const own_flags[] = {"data=", "local=", "feedback", "out=", "base=", "false-alarms=", "left-out=", NULL};

const struct cli_command cli_train = {
        .name = "train",
        .summary = "train a classifier on labelled messages",
        .help = "usage: triaged train --data FILE... --out FILE\n"
                "       triaged train --local FILE | --feedback [--base FILE] --out FILE\n\n"
                "FILE has one JSON object a line: {\"text\",\"category\",\"intent\"}; one of the two labels is enough. A file\n"
                "whose name ends in .csv has these as columns, named in its first row.\n"
                "Texts go through the redactor first. The same lines give the same bytes.\n\n"
                "  --data FILE          train a general model from nothing on these lines\n"
                "  --local FILE         a company's own labels, learnt on top of the general model\n"
                "  --feedback           what reviewers said about messages in the data directory, as --local\n"
                "  --base FILE          the general model for --local and --feedback (default: the built-in one)\n"
                "  --out FILE           where the model goes\n"
                "  --false-alarms SHARE highest share of other messages taken for a safety matter (default 0.05)\n"
                "  --left-out MEMBER    lines that agree in this member are left out of training together when\n"
                "                       confidence is measured (default \"industry\"); lines without it are dealt\n"
                "                       out evenly, and confidence is then right for messages like these only\n",
        .own_flags = own_flags,
        .run = run,
};
