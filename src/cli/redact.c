/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/json_writer.h"
#include "policy/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_MAX_BYTES = 1 << 20, LINE_MAX_BYTES = 8 << 20, OUT_MAX_BYTES = 64 << 20, ARENA_BYTES = 64 << 20 };

struct session {
        struct json_parser *parser;
        struct buf out;
        const struct redact_manner *manner;
        bool wants_lines;
        bool wants_spans;
};

static const char *fault_of(struct str text)
{
        if (text.len > TEXT_MAX_BYTES)
                return "the text is longer than 1048576 bytes";
        return utf8_is_valid(text) ? NULL : "the text is not valid UTF-8";
}

static void write_spans(struct json_writer *w, const struct pii_span *spans, size_t count)
{
        json_key(w, "spans");
        json_open(w, '[');
        for (size_t i = 0; i < count; i++) {
                json_open(w, '{');
                json_key(w, "start");
                json_u64(w, spans[i].start);
                json_key(w, "end");
                json_u64(w, spans[i].end);
                json_member(w, "type", str_from(pii_type_name(spans[i].type)));
                json_close(w, '}');
        }
        json_close(w, ']');
}

/* `id` is JSON already; absent for a text without one. */
static const char *write_line(struct session *session, struct str id, struct str text, struct arena *arena)
{
        struct json_writer w = {.buf = &session->out};
        size_t max = text.len / 2 + 1, count = 0;
        struct pii_span *spans = session->wants_spans ? arena_alloc(arena, max * sizeof *spans) : NULL;
        struct safe_text safe = {{0}};
        enum err err = session->wants_spans
                               ? (spans ? redact_find_in(text, &session->manner->scope, spans, max, &count)
                                        : ERR_TOO_LARGE)
                               : redact_as((struct raw_text){text}, session->manner, arena, &safe, NULL);
        if (err)
                return "the text cannot be redacted";
        json_open(&w, '{');
        json_key(&w, "id");
        json_raw(&w, id.ptr ? id : STR("null"));
        if (session->wants_spans)
                write_spans(&w, spans, count);
        else
                json_member(&w, "text", safe.safe);
        json_close(&w, '}');
        buf_append_char(&session->out, '\n');
        return NULL;
}

/* NULL, or what is wrong; then nothing has been written. */
static const char *redact_one(struct session *session, struct str id, struct str text)
{
        struct arena arena;
        struct safe_text safe;
        const char *fault = fault_of(text);
        if (fault)
                return fault;
        buf_reset(&session->out);
        arena_init(&arena, ARENA_BYTES);
        if (session->wants_spans || session->wants_lines)
                fault = write_line(session, id, text, &arena);
        else if (redact_as((struct raw_text){text}, session->manner, &arena, &safe, NULL) == ERR_OK)
                buf_append_str(&session->out, safe.safe);
        else
                fault = "the text cannot be redacted";
        if (!fault && session->out.is_over)
                fault = "the result is too large";
        if (!fault)
                fwrite(session->out.ptr, 1, session->out.len, stdout);
        arena_deinit(&arena);
        return fault;
}

/* A record's id as it was written: a string or a whole number. */
static bool read_id(struct json record, struct buf *ret_id)
{
        struct json value;
        struct str text;
        int64_t number;
        struct json_writer w = {.buf = ret_id};
        if (!json_find(record, STR("id"), &value))
                return false;
        if (json_to_str(value, &text))
                json_str(&w, text);
        else if (json_to_i64(value, &number))
                json_i64(&w, number);
        else
                return false;
        return !ret_id->is_over;
}

static const char *redact_line(struct session *session, const struct buf *line, struct buf *id)
{
        static struct err_note note;
        struct json record, member;
        struct str text;
        if (line->is_over)
                return "longer than 8388608 bytes";
        if (json_parse(session->parser, buf_str(line), &record, &note) != ERR_OK)
                return note.text;
        buf_reset(id);
        if (json_type(record) != JSON_OBJECT || !read_id(record, id))
                return "`id` must be a string or a whole number";
        if (!json_find(record, STR("text"), &member) || !json_to_str(member, &text))
                return "`text` must be a string";
        return redact_one(session, buf_str(id), text);
}

static int redact_lines(struct session *session)
{
        struct buf line, id;
        int status = CLI_OK;
        buf_init(&line, LINE_MAX_BYTES);
        buf_init(&id, 4096);
        session->parser = json_parser_new(LINE_MAX_BYTES, 32);
        for (size_t number = 1; cli_read_line(&line); number++) {
                const char *fault = redact_line(session, &line, &id);
                if (fault)
                        status = cli_complain(CLI_FAILED, "line %zu: %s", number, fault);
        }
        json_parser_free(session->parser);
        buf_deinit(&line);
        buf_deinit(&id);
        return ferror(stdin) ? cli_complain(CLI_FAILED, "standard input: %s", strerror(errno)) : status;
}

static int redact_whole(struct session *session, const char *operand)
{
        struct buf buf;
        struct err_note note;
        buf_init(&buf, TEXT_MAX_BYTES);
        if (!operand && cli_read_file("-", TEXT_MAX_BYTES, &buf, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        const char *fault = redact_one(session, (struct str){0}, operand ? str_from(operand) : buf_str(&buf));
        if (!fault && operand && !session->wants_spans)
                putchar('\n');
        buf_deinit(&buf);
        return fault ? cli_complain(CLI_FAILED, "%s", fault) : CLI_OK;
}

static int redact_input(struct session *session, const char *operand)
{
        buf_init(&session->out, OUT_MAX_BYTES);
        int status = session->wants_lines ? redact_lines(session) : redact_whole(session, operand);
        buf_deinit(&session->out);
        return status;
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        struct session session = {0};
        struct err_note note = {.text = ""};
        struct policy *policy;
        (void)cli;
        session.wants_lines = cli_take_flag(operands, "jsonl");
        session.wants_spans = cli_take_flag(operands, "spans");
        const char *name = cli_take_value(operands, "sink");
        enum redaction_sink sink = name ? redaction_sink_from(str_from(name)) : SINK_RECORD;
        if (sink == SINK_COUNT)
                return cli_complain(CLI_USAGE, "no sink is called `%s`; there are record, llm and export",
                                    name);
        if (operands->count > 1 || (operands->count && session.wants_lines))
                return cli_complain(CLI_USAGE, "unexpected argument `%s`; see --help",
                                    operands->items[operands->count - 1]);
        if (policy_load(*settings->policy_dir ? settings->policy_dir : NULL, &policy, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        session.manner = &policy_facts(policy)->redaction.manners[sink];
        int status = redact_input(&session, operands->count ? operands->items[0] : NULL);
        policy_unref(policy);
        return status;
}

const struct cli_command cli_redact = {
        .name = "redact",
        .summary = "take personal data out of texts",
        .help = "usage: triaged redact TEXT\n"
                "       triaged redact < TEXT\n"
                "       triaged redact --jsonl < RECORDS.jsonl\n"
                "       triaged redact --spans [--jsonl] < INPUT\n"
                "       triaged redact --sink export …\n\n"
                "Writes the text with each piece of personal data replaced by its tag, such as [EMAIL_REDACTED]; with\n"
                "--jsonl each line is a record {\"id\",\"text\"}, and so is each line of the output. With --spans what was\n"
                "found is written instead: {\"id\",\"spans\":[{\"start\",\"end\",\"type\"}]}, in bytes of UTF-8, half-open.\n"
                "The redactor is the server's own. A line that cannot be read is named on stderr and left out; the exit\n"
                "code is 1 at the end.\n\n"
                "  --jsonl  one record a line\n"
                "  --spans  what was found, and where\n"
                "  --sink   record (if not given), llm or export: whose part of the policy's redaction.yaml counts\n",
        .own_flags = (const char *const[]){"jsonl", "spans", "sink=", NULL},
        .run = run,
};
