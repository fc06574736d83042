/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/json_writer.h"

#include <stdio.h>
#include <string.h>

enum { ARGUMENTS_MAX_BYTES = 4096 };

/* One run: arguments go out in `buf`, the result comes back in the parser. */
struct run {
        struct admin *admin;
        struct json_parser *parser;
        struct buf arguments;
};

static void print_line(struct json entry)
{
        printf("%.*s  %-7.*s %-16.*s %-18.*s %.*s  due %.*s  %.*s\n", STR_ARGS(cli_text(entry, "id")),
               STR_ARGS(cli_text(entry, "state")), STR_ARGS(cli_text(entry, "connector")),
               STR_ARGS(cli_text(entry, "event")), STR_ARGS(cli_text(entry, "created_at")),
               STR_ARGS(cli_text(entry, "due_at")), STR_ARGS(cli_text(entry, "last_error")));
}

/* One JSON object a line, as `jq` and scripts want them. */
static void print_json(struct json entry)
{
        struct buf buf;
        static const char *const texts[] = {"id", "connector", "event", "message_id", "state", "created_at", "due_at", "last_error"};
        buf_init(&buf, 65536);
        struct json_writer w = {.buf = &buf};
        struct json value;
        bool is_unknown = false;
        json_open(&w, '{');
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                struct str text = {0};
                if (json_find(entry, str_from(texts[i]), &value))
                        json_to_str(value, &text);
                json_member(&w, texts[i], text);
        }
        if (json_find(entry, STR("is_unknown"), &value))
                json_to_bool(value, &is_unknown);
        json_key(&w, "attempts");
        json_i64(&w, cli_number(entry, "attempts"));
        json_key(&w, "is_unknown");
        json_bool(&w, is_unknown);
        json_close(&w, '}');
        printf("%.*s\n", STR_ARGS(buf_str(&buf)));
        buf_deinit(&buf);
}

static int list(struct run *run, struct settings_args *operands)
{
        const char *connector = cli_take_value(operands, "connector"), *state = cli_take_value(operands, "state");
        bool is_json = cli_take_flag(operands, "json");
        char cursor[32] = "";
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        do {
                struct json page, entries, entry;
                struct json_writer w = cli_begin(&run->arguments);
                json_key(&w, "limit");
                json_u64(&w, 200);
                if (connector)
                        json_member(&w, "connector", str_from(connector));
                if (state)
                        json_member(&w, "state", str_from(state));
                if (cursor[0])
                        json_member(&w, "cursor", str_from(cursor));
                int status = cli_send(run->admin, run->parser, &w, "outbox.list", &page);
                if (status != CLI_OK)
                        return status;
                if (!json_find(page, STR("entries"), &entries))
                        return CLI_FAILED;
                for (struct json_iter iter = json_iter(entries); json_next(&iter, NULL, &entry);)
                        (is_json ? print_json : print_line)(entry);
                snprintf(cursor, sizeof cursor, "%.*s", STR_ARGS(cli_text(page, "next_cursor")));
        } while (strcmp(cursor, "-") != 0);
        return CLI_OK;
}

static int retry(struct run *run, struct settings_args *operands)
{
        struct json result;
        const char *connector = cli_take_value(operands, "connector");
        if (!cli_all_taken(operands, 1, "the entry's id, or all"))
                return CLI_USAGE;
        bool is_all = strcmp(operands->items[0], "all") == 0;
        if (connector && !is_all)
                return cli_complain(CLI_USAGE, "--connector goes with `retry all`");
        struct json_writer w = cli_begin(&run->arguments);
        if (!is_all)
                json_member(&w, "id", str_from(operands->items[0]));
        if (connector)
                json_member(&w, "connector", str_from(connector));
        int status = cli_send(run->admin, run->parser, &w, "outbox.retry", &result);
        if (status != CLI_OK)
                return status;
        printf("%lld due now\n", (long long)cli_number(result, "retried"));
        return CLI_OK;
}

static int drop(struct run *run, struct settings_args *operands)
{
        struct json result;
        if (!cli_all_taken(operands, 1, "the entry's id"))
                return CLI_USAGE;
        struct json_writer w = cli_begin(&run->arguments);
        json_member(&w, "id", str_from(operands->items[0]));
        int status = cli_send(run->admin, run->parser, &w, "outbox.drop", &result);
        if (status == CLI_OK)
                printf("%s will not be delivered\n", operands->items[0]);
        return status;
}

typedef int outbox_action(struct run *run, struct settings_args *operands);

static int with_buf(struct admin *admin, struct json_parser *parser, struct settings_args *operands, outbox_action *action)
{
        struct run run = {.admin = admin, .parser = parser};
        buf_init(&run.arguments, ARGUMENTS_MAX_BYTES);
        int status = action(&run, operands);
        buf_deinit(&run.arguments);
        return status;
}

static int run_list(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        return with_buf(admin, parser, operands, list);
}

static int run_retry(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        return with_buf(admin, parser, operands, retry);
}

static int run_drop(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        return with_buf(admin, parser, operands, drop);
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        static const struct cli_action actions[] = {{"list", run_list}, {"retry", run_retry}, {"drop", run_drop}, {NULL, NULL}};
        (void)cli;
        return cli_run_action(settings, operands, "outbox", actions, "list, retry or drop");
}

const struct cli_command cli_outbox = {
        .name = "outbox",
        .summary = "what other systems are still to be told: list, retry, drop",
        .help = "usage: triaged outbox list [--connector NAME] [--state pending|dead] [--json]\n"
                "       triaged outbox retry ID\n"
                "       triaged outbox retry all [--connector NAME]\n"
                "       triaged outbox drop ID\n\n"
                "An entry is pending until the other system has taken it, and dead when that was refused or has been tried\n"
                "in vain for too long: `list --state dead` says why. When the cause is mended, `retry` makes an entry due at\n"
                "once, with all its attempts before it; `retry all` does so with all dead ones, also after a target said that\n"
                "it wants nothing more. `drop` gives one up for good; one that is on its way right now may still arrive.\n"
                "Entries of one message go out in their order; `due -` waits behind an earlier one. Dead letters are kept\n"
                "for outbox.dead_days. Works beside a running server.\n",
        .own_flags = (const char *const[]){"connector=", "state=", "json", NULL},
        .run = run,
};
