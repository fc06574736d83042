/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "text/model.h"

#include <stdio.h>

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        struct model *model;
        struct err_note note;
        (void)settings;
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        if (model_open(model_embedded(), &model, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "the built-in model: %s", note.text);
        printf("triaged %s, model %.*s\n", cli->version, STR_ARGS(model_version(model)));
        model_free(model);
        return CLI_OK;
}

const struct cli_command cli_version = {
        .name = "version",
        .summary = "print the versions of program and built-in model",
        .help = "usage: triaged version\n",
        .run = run,
};
