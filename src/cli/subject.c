/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/json_writer.h"

#include <stdio.h>

enum { ARGUMENTS_MAX_BYTES = 4096 };

/* Sends the operand as the id. */
static int send(struct admin *admin, struct json_parser *parser, struct settings_args *operands, const char *operation,
                struct json *ret_result)
{
        if (!cli_all_taken(operands, 1, "the customer's or message's id"))
                return CLI_USAGE;
        struct buf arguments;
        buf_init(&arguments, ARGUMENTS_MAX_BYTES);
        struct json_writer w = {.buf = &arguments};
        json_open(&w, '{');
        json_member(&w, "id", str_from(operands->items[0]));
        json_close(&w, '}');
        int status = arguments.is_over ? cli_complain(CLI_USAGE, "the id is too long")
                                       : cli_execute(admin, operation, buf_str(&arguments), parser, ret_result);
        buf_deinit(&arguments);
        return status;
}

static void print_subject(struct json result)
{
        struct json subject;
        if (!json_find(result, STR("subject"), &subject))
                return;
        printf("messages %lld, tickets %lld, compliance records %lld (%lld of them open), feedback %lld; since %.*s",
               (long long)cli_number(subject, "messages"), (long long)cli_number(subject, "tickets"), (long long)cli_number(subject, "records"),
               (long long)cli_number(subject, "held"), (long long)cli_number(subject, "feedback"), STR_ARGS(cli_text(subject, "created_at")));
        struct json erased;
        if (json_find(subject, STR("erased_at"), &erased) && json_type(erased) != JSON_NULL)
                printf("; erased at %.*s", STR_ARGS(cli_text(subject, "erased_at")));
        printf("\n");
}

static int show(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result;
        int status = send(admin, parser, operands, "subject.show", &result);
        if (status == CLI_OK)
                print_subject(result);
        return status;
}

static int export(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result;
        int status = send(admin, parser, operands, "subject.export", &result);
        if (status == CLI_OK) {
                struct str lines = cli_text(result, "lines");
                fwrite(lines.ptr, 1, lines.len, stdout);
        }
        return status;
}

static int erase(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result;
        int status = send(admin, parser, operands, "subject.erase", &result);
        if (status == CLI_OK) {
                printf("Erased: ");
                print_subject(result);
        }
        return status;
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        static const struct cli_action actions[] = {{"show", show}, {"export", export}, {"erase", erase}, {NULL, NULL}};
        (void)cli;
        return cli_run_action(settings, operands, "subject", actions, "show, export or erase");
}

const struct cli_command cli_subject = {
        .name = "subject",
        .summary = "what is held about a customer: show, export, erase",
        .help = "usage: triaged subject show ID\n"
                "       triaged subject export ID\n"
                "       triaged subject erase ID\n\n"
                "ID is the customer_id that channels send, or the id of a message: then it is about that message's customer,\n"
                "else its conversation, else the message alone. `export` prints a line of JSON for each message, with its\n"
                "ticket, compliance record, notes and feedback. `erase` destroys the key of all that, overwrites it, and cannot\n"
                "be undone; GET of such a message answers 410. It is refused while a compliance record about the subject is\n"
                "open. What other systems were told is not recalled. Works beside a running server.\n",
        .run = run,
};
