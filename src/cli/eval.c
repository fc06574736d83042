/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/eval.h"

#include "base/alloc.h"
#include "cli/cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { REPORT_MAX_BYTES = 64 << 20, MISTAKES_DEFAULT = 20, JOBS_DEFAULT = 16, JOBS_MAX = 1024 };

struct options {
        const char *model_path;
        const char *quality;
        const char *json_path;
        const char *html_path;
        const char *fit_path;
        uint64_t mistakes;
        uint64_t jobs;
};

typedef void writer(const struct evaluation *evaluation, struct buf *buf);

/* "-" is stdout. */
static bool write_report(const struct evaluation *evaluation, const char *path, writer *write)
{
        struct buf buf;
        buf_init(&buf, REPORT_MAX_BYTES);
        write(evaluation, &buf);
        bool is_stdout = strcmp(path, "-") == 0;
        FILE *file = is_stdout ? stdout : fopen(path, "we");
        bool is_written = file && !buf.is_over && fwrite(buf.ptr, 1, buf.len, file) == buf.len;
        if (file && !is_stdout)
                is_written = fclose(file) == 0 && is_written;
        if (!is_written)
                cli_complain(CLI_FAILED, "%s: %s", path, buf.is_over ? "the report is too large" : strerror(errno));
        buf_deinit(&buf);
        return is_written;
}

static bool write_reports(const struct evaluation *evaluation, const struct options *options)
{
        const struct {
                const char *path;
                writer *write;
        } reports[] = {
                {options->json_path, eval_write_json},
                {options->html_path, eval_write_html},
                {options->fit_path, eval_write_fit},
        };
        bool is_written = true, takes_stdout = false;
        for (size_t i = 0; i < sizeof reports / sizeof *reports; i++) {
                if (!reports[i].path)
                        continue;
                takes_stdout |= strcmp(reports[i].path, "-") == 0;
                is_written &= write_report(evaluation, reports[i].path, reports[i].write);
        }
        return is_written && (takes_stdout || write_report(evaluation, "-", eval_write_text));
}

/* A report on an LLM that never answered is one on the embedded model. */
static bool was_answered(const struct evaluation *evaluation)
{
        size_t unanswered = 0;
        for (enum llm_status i = LLM_OK + 1; i < LLM_STATUS_COUNT; i++)
                unanswered += evaluation->fallbacks[i];
        if (unanswered)
                cli_complain(CLI_FAILED, "%zu rows were decided without the LLM that was to be asked; see the report", unanswered);
        return unanswered == 0 || evaluation->decided_by[SOURCE_LLM] > 0;
}

static int measure(const struct settings *settings, const struct session *session, const struct eval_rows *rows,
                   const struct options *options)
{
        struct evaluation *evaluation = alloc_zeroed(1, sizeof *evaluation);
        evaluation->rows = rows;
        evaluation->session = session;
        evaluation->mode = settings->mode;
        evaluation->safety_threshold = decide_safety_threshold(&session->snapshot);
        evaluation->results = alloc_zeroed(rows->count, sizeof *evaluation->results);
        bool is_done = settings->mode == MODE_LOCAL ? eval_decide_local(evaluation)
                                                    : eval_decide_llm(evaluation, settings, options->jobs);
        if (is_done) {
                eval_sum(evaluation, options->mistakes);
                is_done = write_reports(evaluation, options) && was_answered(evaluation);
        }
        eval_free(evaluation);
        free(evaluation);
        return is_done ? CLI_OK : CLI_FAILED;
}

static int evaluate(const struct settings *settings, char *const *paths, size_t path_count, const struct options *options)
{
        struct session session;
        struct eval_rows rows = {0};
        struct err_note note = {.text = ""};
        int status = CLI_FAILED;
        if (session_open(settings, options->model_path, &session, &note) != ERR_OK)
                cli_complain(CLI_FAILED, "%s", note.text);
        else if (eval_rows_read(paths, path_count, options->quality, &rows))
                status = measure(settings, &session, &rows, options);
        eval_rows_free(&rows);
        session_close(&session);
        return status;
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        struct options options = {
                .model_path = cli_take_value(operands, "model"),
                .quality = cli_take_value(operands, "quality"),
                .json_path = cli_take_value(operands, "json"),
                .html_path = cli_take_value(operands, "html"),
                .fit_path = cli_take_value(operands, "fit"),
                .mistakes = MISTAKES_DEFAULT,
                .jobs = JOBS_DEFAULT,
        };
        (void)cli;
        if (!cli_take_number(operands, "mistakes", 0, EVAL_MISTAKES_MAX, &options.mistakes) ||
            !cli_take_number(operands, "jobs", 1, JOBS_MAX, &options.jobs))
                return CLI_USAGE;
        if (operands->count == 0)
                return cli_complain(CLI_USAGE, "`triaged eval` needs a file of labelled messages; see --help");
        return evaluate(settings, operands->items, operands->count, &options);
}

const struct cli_command cli_eval = {
        .name = "eval",
        .summary = "measure decisions on labelled messages",
        .help = "usage: triaged eval [options] FILE...\n\n"
                "Decides each message of the files as the server would and compares with its label. FILE is JSON\n"
                "lines, or CSV with a header row when its name ends in .csv; `-` is stdin. Fields: text; category\n"
                "(informational, service_action, safety_compliance or out_of_scope) or an intent that says it; and\n"
                "perhaps intent, source, quality. Others are ignored. A bad row is named with file and line, and\n"
                "nothing is measured then.\n\n"
                "Accuracy, F1 and recall are over rows in scope. A row out of scope has no right category: it is\n"
                "handled well when the answer is held for a person because of its low confidence, and a false alarm\n"
                "when it is called a safety matter. Coverage is the share of all rows that could be answered without\n"
                "a person at that accuracy. Mistakes are shown redacted.\n\n"
                "With --mode llm or cascade LLMs are asked as the server asks them (settings llm.*; budgets hold, and\n"
                "calls cost what they cost). A row that no LLM answers is the embedded model's, and the report counts\n"
                "them; the exit code is 1 when no LLM has decided any.\n\n"
                "  --quality NAME  only rows of that quality, and those that state none\n"
                "  --model FILE    a model file instead of the built-in one: of `triaged train`, or\n"
                "                  DATA_DIR/models/VERSION.model\n"
                "  --mistakes N    most confident mistakes to show (default 20)\n"
                "  --json FILE     the report as JSON, too; `-` is stdout, instead of the text\n"
                "  --html FILE     the same as a page with charts that needs nothing else\n"
                "  --jobs N        rows that LLMs are asked about at a time (default 16)\n"
                "  --fit FILE      the calibration that these rows want, for policy/llm.yaml\n",
        .own_flags = (const char *const[]){"model=", "quality=", "json=", "html=", "fit=", "mistakes=", "jobs=", NULL},
        .run = run,
};
