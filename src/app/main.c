/* SPDX-License-Identifier: Apache-2.0 */
#include "app/app.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct cli_command *const commands[] = {
        &cli_serve, &cli_classify, &cli_redact, &cli_eval, &cli_train, &cli_model, &cli_kb, &cli_ticket, &cli_review,
        &cli_compliance, &cli_subject, &cli_outbox, &cli_connector, &cli_audit, &cli_backup, &cli_restore, &cli_check,
        &cli_key, &cli_config, &cli_version,
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static int print_help(FILE *to)
{
        fputs("triaged takes customer messages, decides what each one is, runs that category's workflow and keeps a\n"
              "durable, redacted record.\n\nusage: triaged COMMAND [flags]\n\ncommands:\n",
              to);
        for (size_t i = 0; i < COMMAND_COUNT; i++)
                fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
        fputs("\n`triaged COMMAND --help` explains a command and lists the flags of all settings.\n"
              "To begin: `triaged serve`, then\n"
              "  curl -s 127.0.0.1:8080/api/v1/classify -H 'Content-Type: application/json' \\\n"
              "       -d '{\"message\":\"What is your refund policy?\"}'\n",
              to);
        return to == stdout ? CLI_OK : CLI_USAGE;
}

static int print_command_help(const struct cli_command *command)
{
        struct buf buf;
        buf_init(&buf, 1 << 20);
        buf_append_str(&buf, str_from(command->help));
        buf_append_str(&buf, STR("\nsettings (also in a YAML file given with --config, or as TRIAGED_* variables):\n"));
        settings_help(&buf);
        fwrite(buf.ptr, 1, buf.len, stdout);
        buf_deinit(&buf);
        return CLI_OK;
}

static const struct cli_command *find_command(const char *name)
{
        for (size_t i = 0; i < COMMAND_COUNT; i++)
                if (strcmp(name, commands[i]->name) == 0)
                        return commands[i];
        return NULL;
}

static bool wants_help(const struct settings_args *args)
{
        for (size_t i = 0; i < args->count; i++) {
                if (strcmp(args->items[i], "--") == 0)
                        return false;
                if (strcmp(args->items[i], "--help") == 0 || strcmp(args->items[i], "-h") == 0)
                        return true;
        }
        return false;
}

static int run_command(int argc, char **argv)
{
        static const char *const aliases[][2] = {{"--version", "version"}, {"-V", "version"}};
        const struct cli cli = {.version = APP_VERSION, .serve = app_run};
        const char *name = argc > 1 ? argv[1] : "";
        if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0)
                return print_help(stdout);
        for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++)
                if (strcmp(name, aliases[i][0]) == 0)
                        name = aliases[i][1];
        const struct cli_command *command = find_command(name);
        if (!command) {
                if (*name)
                        cli_complain(CLI_USAGE, "there is no command `%s`", name);
                return print_help(stderr);
        }
        struct settings_args args = {argv + 2, (size_t)argc - 2, command->own_flags};
        if (wants_help(&args))
                return print_command_help(command);
        struct settings settings;
        struct err_note note;
        if (settings_load(&args, environ, &settings, &note) != ERR_OK)
                return cli_complain(CLI_USAGE, "%s", note.text);
        int status = command->run(&cli, &settings, &args);
        settings_free(&settings);
        return status;
}

/* A full disk shows when the last of the output goes out. */
int main(int argc, char **argv)
{
        int status = run_command(argc, argv);
        if (!cli_flush() && status == CLI_OK)
                status = cli_complain(CLI_FAILED, "standard output: not everything could be written");
        return status;
}
