/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "adapt/backup.h"
#include "adapt/data_dir.h"
#include "cli/progress.h"

#include <stdio.h>

enum { PATH_BYTES = 4096 };

static void show(void *arg, size_t done, size_t total)
{
        struct progress *progress = arg;
        progress->total = total;
        progress_show(progress, done);
}

static int run_backup(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        struct err_note note = {.text = ""};
        struct progress progress = progress_start("copying", 1);
        (void)cli;
        if (!cli_all_taken(operands, 1, "the file that the backup becomes"))
                return CLI_USAGE;
        enum err err = backup_make(settings->data_dir, operands->items[0], show, &progress, &note);
        progress_end(&progress);
        if (err)
                return cli_complain(CLI_FAILED, "%s", note.text);
        printf("%s is a backup of %s; the keys in %s/*.key are not in it, keep them elsewhere\n", operands->items[0],
               settings->data_dir, settings->data_dir);
        return CLI_OK;
}

static int run_restore(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        struct err_note note = {.text = ""};
        struct data_dir *directory = NULL;
        struct progress progress = progress_start("copying", 1);
        (void)cli;
        if (!cli_all_taken(operands, 1, "the backup"))
                return CLI_USAGE;
        enum err err = data_dir_open(settings->data_dir, &directory, &note);
        if (!err)
                err = backup_restore(settings->data_dir, operands->items[0], show, &progress, &note);
        progress_end(&progress);
        data_dir_close(directory);
        if (err)
                return cli_complain(CLI_FAILED, "%s", note.text);
        printf("%s holds what %s held; put the keys (*.key) of then beside it before the server starts\n", settings->data_dir,
               operands->items[0]);
        return CLI_OK;
}

static void tell(void *arg, const char *fault)
{
        (void)arg;
        cli_complain(CLI_FAILED, "%s", fault);
}

static int run_check(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        struct err_note note = {.text = ""};
        struct backup_report report;
        char path[PATH_BYTES];
        (void)cli;
        if (operands->count > 0 && !cli_all_taken(operands, 1, NULL))
                return CLI_USAGE;
        if (operands->count > 0)
                snprintf(path, sizeof path, "%s", operands->items[0]);
        else
                snprintf(path, sizeof path, "%s/triaged.db", settings->data_dir);
        if (backup_check(path, tell, NULL, &report, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        if (report.behind)
                printf("%s is sound as far as an earlier version's store can be checked: %lld messages\n", path,
                       (long long)report.messages);
        else
                printf("%s is sound: %lld messages, %lld entries in the audit log\n", path, (long long)report.messages,
                       (long long)report.entries);
        return CLI_OK;
}

const struct cli_command cli_backup = {
        .name = "backup",
        .summary = "copy the store into one file, beside a running server",
        .help = "usage: triaged backup FILE\n\n"
                "FILE becomes a copy of the store as of one moment, with the models that were learnt. The server may\n"
                "run meanwhile; it is not held up. FILE is there whole or not at all, and is never written over.\n"
                "Keys (DATA_DIR/*.key) are not part of it: keep them elsewhere, and both are needed to restore.\n",
        .run = run_backup,
};

const struct cli_command cli_restore = {
        .name = "restore",
        .summary = "put a backup into an empty data directory",
        .help = "usage: triaged restore FILE\n\n"
                "Puts what `triaged backup` wrote into the data directory, which must hold no store yet and no running\n"
                "server. A backup of an earlier version is brought up to date when the server starts. The keys of\n"
                "then (*.key) have to be put beside it.\n",
        .run = run_restore,
};

const struct cli_command cli_check = {
        .name = "check",
        .summary = "check a store or a backup for damage",
        .help = "usage: triaged check [FILE]\n\n"
                "Reads all of the store, or of a backup: pages and indexes, rows that belong together, and the hashes\n"
                "of the audit log. Changes nothing; the server may run meanwhile. Exit status 1 when it is damaged.\n",
        .run = run_check,
};
