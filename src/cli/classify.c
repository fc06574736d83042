/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "api/classify_body.h"
#include "base/json_writer.h"
#include "flow/answer.h"
#include "flow/decide.h"
#include "flow/workflow.h"
#include "net/loop.h"
#include "text/faq.h"
#include "text/kb_parse.h"
#include "text/redact.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 256 << 10, ARENA_BYTES = 1 << 20, STARTER_MAX = 1000, STARTER_ARENA_BYTES = 16 << 20 };

/* All that deciding needs, and no store: nothing is recorded. */
struct session {
        struct snapshot snapshot;
        struct model *model;
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

static enum err open_session(struct session *session, const struct settings *settings, struct err_note *note)
{
        const char *directory = *settings->policy_dir ? settings->policy_dir : NULL;
        enum err err = policy_load(directory, &session->snapshot.policy, note);
        if (!err)
                err = model_open(model_embedded(), &session->model, note);
        if (!err)
                err = open_knowledge(&session->snapshot.knowledge, note);
        session->snapshot.model = session->model;
        session->scratch = kb_scratch_new();
        session->parser = json_parser_new(LINE_MAX_BYTES, 32);
        buf_init(&session->out, 1 << 20);
        return err;
}

static void close_session(struct session *session)
{
        if (session->snapshot.policy)
                policy_unref(session->snapshot.policy);
        kb_index_free(session->snapshot.knowledge);
        model_free(session->model);
        kb_scratch_free(session->scratch);
        json_parser_free(session->parser);
        buf_deinit(&session->out);
}

/* The same steps as the server's (flow/triage.c), without admission and commit. */
static bool decide_message(struct session *session, struct message *message, struct arena *arena)
{
        int64_t started_us = clock_monotonic_us(system_clock());
        const struct policy_facts *policy = policy_facts(session->snapshot.policy);
        struct safety_finding finding = safety_net_scan(policy->safety_net, message->text);
        struct workflow workflow = {.snapshot = &session->snapshot, .scratch = session->scratch, .message = message, .arena = arena};
        struct model_verdict classified;
        struct outcome outcome;
        struct ident request_id = ident_random("cli_");
        message->received_at_ms = clock_wall_ms(system_clock());
        if (redact_text(message->text, arena, &workflow.text) != ERR_OK) {
                if (finding.severity == SEVERITY_NONE)
                        return false;
                workflow.text = SAFE_LITERAL("[TEXT_WITHHELD]");
        }
        model_classify(session->model, workflow.text, &classified);
        workflow.verdict = decide(&session->snapshot, &finding, &classified, NULL, arena);
        if (!workflow_run(&workflow, &outcome))
                return false;
        const struct answer answer = {
                .outcome = &outcome,
                .request_id = &request_id,
                .received_at_ms = message->received_at_ms,
                .processing_us = clock_monotonic_us(system_clock()) - started_us,
                .arena = arena,
        };
        buf_reset(&session->out);
        answer_write(&answer, &session->out);
        return !session->out.is_over;
}

static int print_decision(struct session *session)
{
        buf_append_char(&session->out, '\n');
        fwrite(session->out.ptr, 1, session->out.len, stdout);
        return CLI_OK;
}

static int classify_text(struct session *session, const char *text)
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
                               ? classify_body_read(session->parser, buf_str(&body), &arena, &read, &note)
                               : err_set(&note, ERR_SYNTAX, "not valid UTF-8, or too long");
        int status = CLI_FAILED;
        if (!err && !read.is_too_long)
                status = decide_message(session, &read.message, &arena)
                                 ? print_decision(session)
                                 : cli_complain(CLI_FAILED, "the message cannot be redacted");
        else
                cli_complain(CLI_FAILED, "the message: %s", err == ERR_SYNTAX ? note.text : "must have 1 to 5000 characters and no NUL");
        buf_deinit(&body);
        arena_deinit(&arena);
        return status;
}

/* A bad line gives a line that says so, so that output lines stay beside their input lines. */
static void print_bad_line(struct session *session, size_t line, const char *message, struct str pointer)
{
        struct json_writer w = {.buf = &session->out};
        buf_reset(&session->out);
        json_open(&w, '{');
        json_member(&w, "error", STR("validation_error"));
        json_key(&w, "line");
        json_u64(&w, line);
        json_member(&w, "field", pointer);
        json_member(&w, "message", str_from(message));
        json_close(&w, '}');
        buf_append_char(&session->out, '\n');
        fwrite(session->out.ptr, 1, session->out.len, stdout);
}

/* Says what is wrong with a line that cannot be a message at all; NULL when it may be one. */
static const char *line_fault(const struct buf *line)
{
        if (line->is_over)
                return "the line is longer than 262144 bytes";
        return str_trim(buf_str(line)).len == 0 ? "the line is blank" : NULL;
}

static int classify_line(struct session *session, const struct buf *line, size_t number)
{
        struct arena arena;
        struct classify_body body = {0};
        struct err_note note = {.text = ""};
        int status = CLI_FAILED;
        const char *fault = line_fault(line);
        if (fault) {
                print_bad_line(session, number, fault, (struct str){0});
                return CLI_FAILED;
        }
        arena_init(&arena, ARENA_BYTES);
        enum err err = classify_body_read(session->parser, str_trim(buf_str(line)), &arena, &body, &note);
        if (err == ERR_INVALID)
                print_bad_line(session, number, body.fields[0].message, body.fields[0].pointer);
        else if (err)
                print_bad_line(session, number, note.text, (struct str){0});
        else if (body.is_too_long)
                print_bad_line(session, number, "must have at most 5000 characters", STR("/message"));
        else if (decide_message(session, &body.message, &arena))
                status = print_decision(session);
        else
                print_bad_line(session, number, "cannot be redacted", STR("/message"));
        arena_deinit(&arena);
        return status;
}

/* The next line without its end, over its maximum when it is too long; false behind the last one. */
static bool read_line(struct buf *line)
{
        int c;
        buf_reset(line);
        while ((c = getc_unlocked(stdin)) != EOF && c != '\n')
                buf_append_char(line, (char)c);
        return c != EOF || line->len > 0;
}

static int classify_lines(struct session *session)
{
        struct buf line;
        int status = CLI_OK;
        buf_init(&line, LINE_MAX_BYTES);
        for (size_t number = 1; read_line(&line); number++)
                if (classify_line(session, &line, number) != CLI_OK)
                        status = CLI_FAILED;
        buf_deinit(&line);
        return ferror(stdin) ? cli_complain(CLI_FAILED, "standard input: %s", strerror(errno)) : status;
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        struct session session = {0};
        struct err_note note = {.text = ""};
        (void)cli;
        if (operands->count > 1)
                return cli_complain(CLI_USAGE, "put the message in quotes; see --help");
        enum err err = open_session(&session, settings, &note);
        int status = err ? cli_complain(CLI_FAILED, "%s", note.text)
                         : operands->count ? classify_text(&session, operands->items[0])
                                           : classify_lines(&session);
        close_session(&session);
        return status;
}

const struct cli_command cli_classify = {
        .name = "classify",
        .summary = "decide messages without a server and without a record",
        .help = "usage: triaged classify TEXT\n"
                "       triaged classify < MESSAGES.jsonl > ANSWERS.jsonl\n\n"
                "Decides as the server does, with the same code, policy and model; nothing is stored, so ids in\n"
                "the answer name nothing. The knowledge base is the built-in starter FAQ. Input lines are the\n"
                "bodies of POST /api/v1/classify; output has one line for each, in the same order. A bad line\n"
                "(blank and over-long ones too) gives a line with `error` in it, and the exit code is 1 at the end.\n",
        .run = run,
};
