/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/classify.h"

#include "api/classify_body.h"
#include "base/json_writer.h"
#include "cli/cli.h"
#include "flow/answer.h"
#include "flow/workflow.h"
#include "net/loop.h"
#include "text/faq.h"
#include "text/kb_parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 256 << 10, ARENA_BYTES = 1 << 20, STARTER_MAX = 1000, STARTER_ARENA_BYTES = 16 << 20, JOBS_MAX = 256 };

/* What a whole answer needs beyond a verdict. */
struct scene {
        struct session session;
        struct kb_scratch *scratch;
        struct json_parser *parser;
        struct buf out;
};

/* The starter articles while the index is built from them. */
struct starter {
        struct article *articles;
        size_t count;
};

static enum err take_article(void *arg, const struct article *article)
{
        struct starter *starter = arg;
        if (starter->count == STARTER_MAX)
                return ERR_TOO_LARGE;
        starter->articles[starter->count++] = *article;
        return ERR_OK;
}

static enum err open_knowledge(struct kb_index **ret_index, struct err_note *note)
{
        struct kb_parse_report report;
        struct arena arena;
        arena_init(&arena, STARTER_ARENA_BYTES);
        struct starter starter = {.articles = arena_alloc(&arena, STARTER_MAX * sizeof *starter.articles)};
        const struct kb_sink sink = {take_article, &starter, &arena};
        enum err err = kb_parse(KB_FORMAT_JSONL, STR("starter.jsonl"), faq_embedded(), &sink, &report);
        if (!err)
                err = kb_index_new(starter.articles, starter.count, ret_index, note);
        arena_deinit(&arena);
        return err;
}

static enum err open_scene(struct scene *scene, const struct settings *settings, const char *model,
                           struct err_note *note)
{
        enum err err = session_open(settings, model, &scene->session, note);
        if (!err)
                err = open_knowledge(&scene->session.snapshot.knowledge, note);
        scene->scratch = kb_scratch_new();
        scene->parser = json_parser_new(LINE_MAX_BYTES, 32);
        buf_init(&scene->out, 1 << 20);
        return err;
}

static void close_scene(struct scene *scene)
{
        kb_index_free(scene->session.snapshot.knowledge);
        session_close(&scene->session);
        kb_scratch_free(scene->scratch);
        json_parser_free(scene->parser);
        buf_deinit(&scene->out);
}

/* The same steps as the server's (flow/triage.c), without admission and commit. */
static bool decide_message(struct scene *scene, struct message *message, struct arena *arena)
{
        int64_t started_us = clock_monotonic_us(system_clock());
        const struct snapshot *snapshot = &scene->session.snapshot;
        struct workflow workflow = {.snapshot = snapshot, .scratch = scene->scratch, .message = message, .arena = arena};
        struct sighting sighting;
        struct outcome outcome;
        struct ident request_id = ident_random("cli_");
        message->received_at_ms = clock_wall_ms(system_clock());
        if (!session_look(&scene->session, message->text, arena, &sighting))
                return false;
        workflow.text = sighting.text;
        workflow.verdict = decide(snapshot, &sighting.finding, &sighting.classified, NULL, arena);
        if (!workflow_run(&workflow, &outcome))
                return false;
        const struct answer answer = {
                .outcome = &outcome,
                .request_id = &request_id,
                .received_at_ms = message->received_at_ms,
                .processing_us = clock_monotonic_us(system_clock()) - started_us,
                .arena = arena,
        };
        buf_reset(&scene->out);
        answer_write(&answer, &scene->out);
        return !scene->out.is_over;
}

static int print_decision(struct scene *scene)
{
        buf_append_char(&scene->out, '\n');
        fwrite(scene->out.ptr, 1, scene->out.len, stdout);
        return CLI_OK;
}

static int classify_text(struct scene *scene, const char *text)
{
        struct arena arena;
        struct buf body;
        arena_init(&arena, ARENA_BYTES);
        buf_init(&body, LINE_MAX_BYTES);
        struct json_writer w = {.buf = &body};
        struct classify_body read;
        struct err_note note = {.text = ""};
        json_open(&w, '{');
        json_member(&w, "message", str_from(text));
        json_close(&w, '}');
        enum err err = utf8_is_valid(str_from(text)) && !body.is_over
                               ? classify_body_read(scene->parser, buf_str(&body), &arena, &read, &note)
                               : err_set(&note, ERR_SYNTAX, "not valid UTF-8, or too long");
        int status = CLI_FAILED;
        if (!err && !read.is_too_long)
                status = decide_message(scene, &read.message, &arena)
                                 ? print_decision(scene)
                                 : cli_complain(CLI_FAILED, "the message cannot be redacted");
        else
                cli_complain(CLI_FAILED, "the message: %s", err == ERR_SYNTAX ? note.text : "must have 1 to 5000 characters and no NUL");
        buf_deinit(&body);
        arena_deinit(&arena);
        return status;
}

/* A bad line gives a line that says so, so that output lines stay beside their input lines. */
static void print_bad_line(struct scene *scene, size_t line, const char *message, struct str pointer)
{
        struct json_writer w = {.buf = &scene->out};
        buf_reset(&scene->out);
        json_open(&w, '{');
        json_member(&w, "error", STR("validation_error"));
        json_key(&w, "line");
        json_u64(&w, line);
        json_member(&w, "field", pointer);
        json_member(&w, "message", str_from(message));
        json_close(&w, '}');
        buf_append_char(&scene->out, '\n');
        fwrite(scene->out.ptr, 1, scene->out.len, stdout);
}

/* Says what is wrong with a line that cannot be a message at all; NULL when it may be one. */
static const char *line_fault(const struct buf *line)
{
        if (line->is_over)
                return "the line is longer than 262144 bytes";
        return str_trim(buf_str(line)).len == 0 ? "the line is blank" : NULL;
}

static int classify_line(struct scene *scene, const struct buf *line, size_t number)
{
        struct arena arena;
        struct classify_body body = {0};
        struct err_note note = {.text = ""};
        int status = CLI_FAILED;
        const char *fault = line_fault(line);
        if (fault) {
                print_bad_line(scene, number, fault, (struct str){0});
                return CLI_FAILED;
        }
        arena_init(&arena, ARENA_BYTES);
        enum err err = classify_body_read(scene->parser, str_trim(buf_str(line)), &arena, &body, &note);
        if (err == ERR_INVALID)
                print_bad_line(scene, number, body.faults.fields[0].message, body.faults.fields[0].pointer);
        else if (err)
                print_bad_line(scene, number, note.text, (struct str){0});
        else if (body.is_too_long)
                print_bad_line(scene, number, "must have at most 5000 characters", STR("/message"));
        else if (decide_message(scene, &body.message, &arena))
                status = print_decision(scene);
        else
                print_bad_line(scene, number, "cannot be redacted", STR("/message"));
        arena_deinit(&arena);
        return status;
}

static int classify_lines(struct scene *scene)
{
        struct buf line;
        int status = CLI_OK;
        buf_init(&line, LINE_MAX_BYTES);
        for (size_t number = 1; cli_read_line(&line); number++)
                if (classify_line(scene, &line, number) != CLI_OK)
                        status = CLI_FAILED;
        buf_deinit(&line);
        return ferror(stdin) ? cli_complain(CLI_FAILED, "standard input: %s", strerror(errno)) : status;
}

static int answer(const struct settings *settings, const char *model, const char *text)
{
        struct scene scene;
        struct err_note note = {.text = ""};
        enum err err = open_scene(&scene, settings, model, &note);
        int status = err ? cli_complain(CLI_FAILED, "%s", note.text)
                         : text ? classify_text(&scene, text) : classify_lines(&scene);
        close_scene(&scene);
        return status;
}

/* With a verdict and no more: of the records on stdin, or with its reasons for one text. */
static int judge(const struct settings *settings, const char *model, size_t jobs, const char *text)
{
        struct session session;
        struct err_note note = {.text = ""};
        enum err err = session_open(settings, model, &session, &note);
        int status = err    ? cli_complain(CLI_FAILED, "%s", note.text)
                     : text ? classify_explain(&session, text)
                            : classify_records(&session, jobs);
        session_close(&session);
        return status;
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        long cpus = sysconf(_SC_NPROCESSORS_ONLN);
        uint64_t jobs = cpus > 0 ? (uint64_t)cpus : 1;
        (void)cli;
        if (!cli_take_number(operands, "jobs", 1, JOBS_MAX, &jobs))
                return CLI_USAGE;
        const char *model = cli_take_value(operands, "model");
        bool wants_records = cli_take_flag(operands, "jsonl"), wants_reasons = cli_take_flag(operands, "explain");
        if (operands->count > 1 || (operands->count && wants_records))
                return cli_complain(CLI_USAGE, "unexpected argument; put the message in quotes; see --help");
        if (wants_reasons && !operands->count)
                return cli_complain(CLI_USAGE, "--explain needs the message, and no --jsonl; see --help");
        const char *text = operands->count ? operands->items[0] : NULL;
        return wants_records || wants_reasons ? judge(settings, model, jobs, text) : answer(settings, model, text);
}

const struct cli_command cli_classify = {
        .name = "classify",
        .summary = "decide messages without a server and without a record",
        .help = "usage: triaged classify TEXT\n"
                "       triaged classify < MESSAGES.jsonl > ANSWERS.jsonl\n"
                "       triaged classify --jsonl [--jobs N] < RECORDS.jsonl > VERDICTS.jsonl\n"
                "       triaged classify --explain TEXT\n\n"
                "Decides as the server does in mode local, with the same code and policy, and with the built-in model\n"
                "unless --model names another; nothing is stored, so ids in the answer name nothing. The knowledge\n"
                "base is the built-in starter FAQ. Input lines are the bodies of POST /api/v1/classify; output has one\n"
                "line for each, in the same order. A bad line (blank and over-long ones too) gives a line with `error`\n"
                "in it, and the exit code is 1 at the end.\n\n"
                "With --jsonl each line is a record {\"id\",\"text\"}, and each line of the output its verdict\n"
                "{\"id\",\"category\",\"intent\",\"confidence\",\"probabilities\",\"source\"}: for many messages, as fast as\n"
                "the machine allows. What the probabilities lack to 1 is out of scope. A bad line gives\n"
                "{\"id\",\"error\"}, is named on stderr, and the exit code is 1 at the end.\n\n"
                "With --explain the reasons are printed: the safety net's rule, and what each n-gram of the redacted\n"
                "text adds to each category, in log-odds and to first order; < and > are the ends of a word.\n\n"
                "  --jsonl       one record a line\n"
                "  --jobs N      threads for --jsonl; default: one per CPU\n"
                "  --explain     the reasons of a verdict\n"
                "  --model FILE  a model file: of `triaged train`, or DATA_DIR/models/VERSION.model\n",
        .own_flags = (const char *const[]){"jsonl", "jobs=", "explain", "model=", NULL},
        .run = run,
};
