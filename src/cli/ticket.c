/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/json_writer.h"
#include "base/utf8.h"
#include "core/ticket.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_TEXT_BYTES = 60 };

/* One run: arguments go out in `buf`, results come back into the parser. */
struct run {
        struct admin *admin;
        struct json_parser *parser;
        struct settings_args *operands;
        struct buf arguments;
};

/* ---- list ---- */

static const char *const filters[][2] = {
        {"status", "status"}, {"priority", "priority"}, {"queue", "queue"}, {"assignee", "assignee"},
        {"requester", "requester"}, {"created-after", "created_after"}, {"created-before", "created_before"},
};

enum { FILTER_COUNT = sizeof filters / sizeof *filters };

/* Prints one page; returns how many tickets of at most `max` it showed. */
static uint64_t show_page(struct json page, uint64_t max)
{
        struct json tickets, ticket;
        uint64_t count = 0;
        if (!json_find(page, STR("tickets"), &tickets))
                return 0;
        struct json_iter iter = json_iter(tickets);
        while (count < max && json_next(&iter, NULL, &ticket)) {
                struct str text = cli_text(ticket, "text");
                struct str shown = utf8_cut_bytes(text, SHOWN_TEXT_BYTES);
                char line[SHOWN_TEXT_BYTES + 1] = "";
                for (size_t i = 0; i < shown.len; i++)
                        line[i] = (unsigned char)shown.ptr[i] < ' ' ? ' ' : shown.ptr[i];
                printf("%.*s  %-8.*s %-6.*s %-16.*s %-16.*s %.*s  %s%s\n", STR_ARGS(cli_text(ticket, "id")),
                       STR_ARGS(cli_text(ticket, "status")), STR_ARGS(cli_text(ticket, "priority")),
                       STR_ARGS(cli_text(ticket, "queue")), STR_ARGS(cli_text(ticket, "assignee")),
                       STR_ARGS(cli_text(ticket, "created_at")), line, shown.len < text.len ? "..." : "");
                count++;
        }
        return count;
}

static int list(struct run *run)
{
        const char *values[FILTER_COUNT];
        uint64_t left = UINT64_MAX;
        char cursor[64] = "";
        const char *limit = cli_take_value(run->operands, "limit");
        for (size_t i = 0; i < FILTER_COUNT; i++)
                values[i] = cli_take_value(run->operands, filters[i][0]);
        if (!cli_all_taken(run->operands, 0, NULL))
                return CLI_USAGE;
        if (limit && (!str_to_u64(str_from(limit), &left) || left == 0))
                return cli_complain(CLI_USAGE, "--limit takes a number from 1 on");
        do {
                struct json page;
                struct json_writer w = cli_begin(&run->arguments);
                for (size_t i = 0; i < FILTER_COUNT; i++)
                        if (values[i])
                                json_member(&w, filters[i][1], str_from(values[i]));
                json_member(&w, "limit", STR("200"));
                if (cursor[0])
                        json_member(&w, "cursor", str_from(cursor));
                int status = cli_send(run->admin, run->parser, &w, "ticket.list", &page);
                if (status != CLI_OK)
                        return status;
                left -= show_page(page, left);
                snprintf(cursor, sizeof cursor, "%.*s", STR_ARGS(cli_text(page, "next_cursor")));
        } while (left && strcmp(cursor, "-") != 0);
        return CLI_OK;
}

/* ---- show, update, comment ---- */

static void show_history(struct json ticket)
{
        struct json history, event;
        if (!json_find(ticket, STR("history"), &history))
                return;
        struct json_iter iter = json_iter(history);
        while (json_next(&iter, NULL, &event))
                printf("%.*s  version %lld  %.*s  %.*s: %.*s -> %.*s\n", STR_ARGS(cli_text(event, "at")),
                       (long long)cli_number(event, "version"), STR_ARGS(cli_text(event, "by")), STR_ARGS(cli_text(event, "field")),
                       STR_ARGS(cli_text(event, "from")), STR_ARGS(cli_text(event, "to")));
}

static int show_ticket(struct json result)
{
        static const char *const members[] = {"id", "message_id", "status", "priority", "queue", "assignee", "intent",
                                              "channel", "requester", "external_id", "created_at", "updated_at", "text"};
        struct json ticket;
        if (!json_find(result, STR("ticket"), &ticket))
                return CLI_FAILED;
        for (size_t i = 0; i < sizeof members / sizeof *members; i++)
                printf("%-11s %.*s\n", members[i], STR_ARGS(cli_text(ticket, members[i])));
        printf("%-11s %lld\n", "version", (long long)cli_number(ticket, "version"));
        show_history(ticket);
        return CLI_OK;
}

static int show(struct run *run)
{
        struct json result;
        if (!cli_all_taken(run->operands, 1, "the ticket's id"))
                return CLI_USAGE;
        struct json_writer w = cli_begin(&run->arguments);
        json_member(&w, "id", str_from(run->operands->items[0]));
        int status = cli_send(run->admin, run->parser, &w, "ticket.show", &result);
        return status == CLI_OK ? show_ticket(result) : status;
}

static int tell_version(int status, struct json result)
{
        struct json ticket;
        if (status == CLI_OK && json_find(result, STR("ticket"), &ticket))
                printf("%.*s has version %lld\n", STR_ARGS(cli_text(ticket, "id")), (long long)cli_number(ticket, "version"));
        return status;
}

/* Writes what is to be set; how many fields that is. */
static size_t write_set(struct json_writer *w, struct settings_args *operands)
{
        size_t count = 0;
        bool is_nobodys = cli_take_flag(operands, "unassign");
        json_key(w, "set");
        json_open(w, '{');
        for (enum ticket_field field = 0; field < TICKET_FIELD_COMMENT; field++) {
                const char *value = cli_take_value(operands, ticket_field_name(field));
                bool is_taken_away = field == TICKET_FIELD_ASSIGNEE && is_nobodys && !value;
                if (!value && !is_taken_away)
                        continue;
                json_member(w, ticket_field_name(field), str_from(value));
                count++;
        }
        json_close(w, '}');
        return count;
}

static int update(struct run *run)
{
        struct json result;
        uint64_t if_version;
        const char *text = cli_take_value(run->operands, "if-version");
        struct json_writer w = cli_begin(&run->arguments);
        if (text && !str_to_u64(str_from(text), &if_version))
                return cli_complain(CLI_USAGE, "--if-version takes a number");
        if (text) {
                json_key(&w, "if_version");
                json_u64(&w, if_version);
        }
        size_t count = write_set(&w, run->operands);
        if (!cli_all_taken(run->operands, 1, "the ticket's id"))
                return CLI_USAGE;
        if (count == 0)
                return cli_complain(CLI_USAGE, "`triaged ticket update` needs something to set; see --help");
        json_member(&w, "id", str_from(run->operands->items[0]));
        return tell_version(cli_send(run->admin, run->parser, &w, "ticket.update", &result), result);
}

static int comment(struct run *run)
{
        struct json result;
        if (!cli_all_taken(run->operands, 2, "the ticket's id or the text"))
                return CLI_USAGE;
        struct json_writer w = cli_begin(&run->arguments);
        json_member(&w, "id", str_from(run->operands->items[0]));
        json_member(&w, "text", str_from(run->operands->items[1]));
        return tell_version(cli_send(run->admin, run->parser, &w, "ticket.comment", &result), result);
}

typedef int ticket_action(struct run *run);

static ticket_action *find_action(const char *name)
{
        static const struct {
                const char *name;
                ticket_action *run;
        } actions[] = {{"list", list}, {"show", show}, {"update", update}, {"comment", comment}};
        for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
                if (strcmp(name, actions[i].name) == 0)
                        return actions[i].run;
        return NULL;
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        struct cli_admin *admin;
        struct err_note note = {.text = ""};
        (void)cli;
        if (operands->count == 0)
                return cli_complain(CLI_USAGE, "`triaged ticket` needs list, show, update or comment; see --help");
        ticket_action *action = find_action(operands->items[0]);
        if (!action)
                return cli_complain(CLI_USAGE, "`triaged ticket %s` does not exist; see --help", operands->items[0]);
        if (cli_admin_open(settings, &admin, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        struct run run = {.admin = cli_admin(admin), .parser = cli_parser_new(), .operands = operands};
        buf_init(&run.arguments, 65536);
        operands->items++;
        operands->count--;
        int status = action(&run);
        buf_deinit(&run.arguments);
        json_parser_free(run.parser);
        cli_admin_close(admin);
        return status;
}

const struct cli_command cli_ticket = {
        .name = "ticket",
        .summary = "list, show, change and comment on tickets",
        .help = "usage: triaged ticket list [--status S] [--priority P] [--queue Q] [--assignee NAME]\n"
                "                           [--requester ID] [--created-after TIME] [--created-before TIME] [--limit N]\n"
                "       triaged ticket show ID\n"
                "       triaged ticket update ID [--status S] [--priority P] [--queue Q]\n"
                "                                [--assignee NAME | --unassign] [--if-version N]\n"
                "       triaged ticket comment ID TEXT\n\n"
                "The newest come first. S is open, pending, resolved or closed, which is the end; P is low, medium,\n"
                "high or urgent; TIME is 2026-11-22T10:00:00Z. --assignee= lists those that nobody has. A change\n"
                "with --if-version is refused when the ticket has another version by now. Comments are redacted.\n"
                "Works beside a running server.\n",
        .own_flags = (const char *const[]){"status=", "priority=", "queue=", "assignee=", "requester=", "created-after=",
                                           "created-before=", "limit=", "if-version=", "unassign", NULL},
        .run = run,
};
