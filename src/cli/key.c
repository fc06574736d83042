/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/json_writer.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int execute(const struct settings *settings, const char *operation, const struct buf *arguments,
                   int (*show)(struct json result))
{
        struct cli_admin *admin;
        struct err_note note = {.text = ""};
        struct json result;
        if (cli_admin_open(settings, &admin, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        struct json_parser *parser = cli_parser_new();
        int status = cli_execute(cli_admin(admin), operation, buf_str(arguments), parser, &result);
        if (status == CLI_OK)
                status = show(result);
        json_parser_free(parser);
        cli_admin_close(admin);
        return status;
}

/* The key is in force already: whoever does not see it has to know, also behind a pipe that nobody
 * reads any more. */
static int show_key(struct json result)
{
        struct str name = cli_text(result, "name");
        signal(SIGPIPE, SIG_IGN);
        fprintf(stderr, "This key is shown once; only its hash is kept.\n");
        printf("%.*s\n", STR_ARGS(cli_text(result, "key")));
        if (cli_flush())
                return CLI_OK;
        return cli_complain(CLI_FAILED,
                            "the key \"%.*s\" was added, but it cannot be written to standard output and is lost: "
                            "revoke it with `triaged key revoke %.*s`",
                            STR_ARGS(name), STR_ARGS(name));
}

static int show_list(struct json result)
{
        struct json keys, key;
        if (!json_find(result, STR("keys"), &keys))
                return CLI_OK;
        printf("%-24s %-24s %-24s %s\n", "NAME", "SCOPES", "CREATED", "REVOKED");
        struct json_iter iter = json_iter(keys);
        while (json_next(&iter, NULL, &key))
                printf("%-24.*s %-24.*s %-24.*s %.*s\n", STR_ARGS(cli_text(key, "name")), STR_ARGS(cli_text(key, "scopes")),
                       STR_ARGS(cli_text(key, "created_at")), STR_ARGS(cli_text(key, "revoked_at")));
        return CLI_OK;
}

static int show_revoked(struct json result)
{
        printf("revoked %.*s\n", STR_ARGS(cli_text(result, "name")));
        return CLI_OK;
}

static bool add_number(struct json_writer *w, const char *name, const char *text)
{
        uint64_t number;
        if (!text)
                return true;
        if (!str_to_u64(str_from(text), &number))
                return false;
        json_key(w, name);
        json_u64(w, number);
        return true;
}

static int add_key(const struct settings *settings, struct settings_args *operands, struct buf *arguments)
{
        struct json_writer w = {.buf = arguments};
        const char *name = cli_take_value(operands, "name");
        const char *scopes = cli_take_value(operands, "scope");
        const char *rate = cli_take_value(operands, "rate-per-minute");
        const char *burst = cli_take_value(operands, "burst");
        if (!name || !scopes)
                return cli_complain(CLI_USAGE, "`triaged key add` needs --name and --scope; see --help");
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        json_open(&w, '{');
        json_member(&w, "name", str_from(name));
        json_member(&w, "scopes", str_from(scopes));
        if (!add_number(&w, "rate_per_minute", rate) || !add_number(&w, "rate_burst", burst))
                return cli_complain(CLI_USAGE, "--rate-per-minute and --burst take whole numbers");
        json_close(&w, '}');
        return execute(settings, "key.add", arguments, show_key);
}

static int list_keys(const struct settings *settings, struct settings_args *operands, struct buf *arguments)
{
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        buf_append_str(arguments, STR("{}"));
        return execute(settings, "key.list", arguments, show_list);
}

static int revoke_key(const struct settings *settings, struct settings_args *operands, struct buf *arguments)
{
        struct json_writer w = {.buf = arguments};
        if (!cli_all_taken(operands, 1, "the key's name"))
                return CLI_USAGE;
        json_open(&w, '{');
        json_member(&w, "name", str_from(operands->items[0]));
        json_close(&w, '}');
        return execute(settings, "key.revoke", arguments, show_revoked);
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        static const struct {
                const char *name;
                int (*run)(const struct settings *, struct settings_args *, struct buf *);
        } actions[] = {{"add", add_key}, {"list", list_keys}, {"revoke", revoke_key}};
        (void)cli;
        if (operands->count == 0)
                return cli_complain(CLI_USAGE, "`triaged key` needs add, list or revoke; see --help");
        for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
                if (strcmp(operands->items[0], actions[i].name) != 0)
                        continue;
                struct buf arguments;
                buf_init(&arguments, 65536);
                operands->items++;
                operands->count--;
                int status = actions[i].run(settings, operands, &arguments);
                buf_deinit(&arguments);
                return status;
        }
        return cli_complain(CLI_USAGE, "`triaged key %s` does not exist; see --help", operands->items[0]);
}

const struct cli_command cli_key = {
        .name = "key",
        .summary = "add, list and revoke API keys",
        .help = "usage: triaged key add --name NAME --scope SCOPES [--rate-per-minute N [--burst N]]\n"
                "       triaged key list\n"
                "       triaged key revoke NAME\n\n"
                "SCOPES is a list of classify, review, reveal, admin, separated by commas; reveal is what reading a\n"
                "message as it came needs, and no other scope includes it. The new key is printed\n"
                "once on standard output; only its SHA-256 is kept. As soon as one key is in force, every\n"
                "request that is not for health, readiness or the contract needs one. Works beside a\n"
                "running server, which sees the change at once.\n",
        .own_flags = (const char *const[]){"name=", "scope=", "rate-per-minute=", "burst=", NULL},
        .run = run,
};
