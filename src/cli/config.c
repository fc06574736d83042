/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "policy/policy.h"

#include <stdio.h>

/* The settings are valid, or we would not be here; what they point to is checked too. */
static int check(const struct settings *settings)
{
        struct policy *policy;
        struct err_note note;
        if (settings_check_llm(settings, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        const char *directory = *settings->policy_dir ? settings->policy_dir : NULL;
        if (policy_load(directory, &policy, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        printf("configuration and policy %.*s are valid\n", STR_ARGS(policy_facts(policy)->version));
        policy_unref(policy);
        return CLI_OK;
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        (void)cli;
        bool is_check = cli_take_flag(operands, "check");
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        if (is_check)
                return check(settings);
        struct buf buf;
        buf_init(&buf, 1 << 20);
        settings_print(settings, &buf);
        fwrite(buf.ptr, 1, buf.len, stdout);
        buf_deinit(&buf);
        return CLI_OK;
}

const struct cli_command cli_config = {
        .name = "config",
        .summary = "print the effective configuration and where each value comes from",
        .help = "usage: triaged config [--check] [--config FILE] [flags]\n\n"
                "Prints every setting as YAML that --config accepts, its origin in a comment.\n"
                "--check only says whether settings and policy are valid.\n",
        .own_flags = (const char *const[]){"check", NULL},
        .run = run,
};
