/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        return cli->serve(settings);
}

const struct cli_command cli_serve = {
        .name = "serve",
        .summary = "run the server",
        .help = "usage: triaged serve [--config FILE] [--listen HOST:PORT] [--data-dir DIR] [flags]\n\n"
                "Serves the HTTP API until SIGTERM or SIGINT, then finishes what is in flight.\n"
                "SIGHUP reads the policy again; a bad one is refused and the old one stays.\n"
                "Logs are JSON lines on standard output.\n",
        .run = run,
};
