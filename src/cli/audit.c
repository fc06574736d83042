/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit.h"

#include "base/json_writer.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static int key(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result;
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        int status = cli_execute(admin, "audit.key", STR("{}"), parser, &result);
        if (status == CLI_OK)
                printf("%.*s\n", STR_ARGS(cli_text(result, "verifier")));
        return status;
}

static int checkpoint(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result;
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        int status = cli_execute(admin, "audit.checkpoint", STR("{}"), parser, &result);
        if (status == CLI_OK)
                printf("%.*s", STR_ARGS(cli_text(result, "checkpoint")));
        return status;
}

/* ---- export ---- */

/* Prints at most `max` of the page's lines; returns how many. */
static uint64_t print_lines(struct json page, uint64_t max)
{
        struct str rest = cli_text(page, "lines");
        uint64_t count = 0;
        for (; count < max && rest.len > 0; count++) {
                struct str line = str_split(&rest, '\n');
                printf("%.*s\n", STR_ARGS(line));
        }
        return count;
}

/* The first page, which enters the export itself, then what there is up to a checkpoint that is made behind it. */
static int export(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json page, result;
        char note[2048], arguments[64];
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        int status = cli_execute(admin, "audit.read", STR("{\"first\":0}"), parser, &page);
        if (status != CLI_OK)
                return status;
        uint64_t first = print_lines(page, UINT64_MAX);
        status = cli_execute(admin, "audit.checkpoint", STR("{}"), parser, &result);
        if (status != CLI_OK)
                return status;
        uint64_t size = (uint64_t)cli_number(result, "size");
        snprintf(note, sizeof note, "%.*s", STR_ARGS(cli_text(result, "checkpoint")));
        while (first < size) {
                int len = snprintf(arguments, sizeof arguments, "{\"first\":%llu}", (unsigned long long)first);
                status = cli_execute(admin, "audit.read", (struct str){arguments, (size_t)len}, parser, &page);
                if (status != CLI_OK)
                        return status;
                uint64_t printed = print_lines(page, size - first);
                if (printed == 0)
                        return cli_complain(CLI_FAILED, "entry %llu is missing", (unsigned long long)first);
                first += printed;
        }
        struct buf line;
        struct json_writer w = {.buf = &line};
        buf_init(&line, 8192);
        json_open(&w, '{');
        json_member(&w, "checkpoint", str_from(note));
        json_close(&w, '}');
        printf("%.*s\n", STR_ARGS(buf_str(&line)));
        buf_deinit(&line);
        return cli_flush() ? CLI_OK : cli_complain(CLI_FAILED, "the export cannot be written");
}

/* ---- prove ---- */

static int write_question(struct settings_args *operands, struct json_writer *w)
{
        uint64_t number;
        const char *old_size = cli_take_value(operands, "since");
        if (!cli_all_taken(operands, old_size ? 0 : 1, "an entry's number, a message id, or --since SIZE"))
                return CLI_USAGE;
        struct str text = str_from(old_size ? old_size : operands->items[0]);
        bool is_number = str_to_u64(text, &number) && number <= INT64_MAX;
        if (old_size && !is_number)
                return cli_complain(CLI_USAGE, "--since takes the size of a checkpoint");
        json_open(w, '{');
        if (is_number) {
                json_key(w, old_size ? "old_size" : "seq");
                json_u64(w, number);
        } else {
                json_member(w, "record", text);
        }
        json_close(w, '}');
        return CLI_OK;
}

static int prove(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct buf arguments, answer;
        struct err_note note;
        (void)parser;
        buf_init(&arguments, 4096);
        buf_init(&answer, 1 << 20);
        struct json_writer w = {.buf = &arguments};
        int status = write_question(operands, &w);
        if (status == CLI_OK && admin_execute(admin, STR("audit.prove"), buf_str(&arguments), &answer, &note) != ERR_OK)
                status = cli_complain(CLI_FAILED, "%s", note.text);
        if (status == CLI_OK)
                printf("%.*s\n", STR_ARGS(buf_str(&answer)));
        buf_deinit(&arguments);
        buf_deinit(&answer);
        return status;
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        static const struct cli_action actions[] = {
                {"key", key}, {"checkpoint", checkpoint}, {"export", export}, {"prove", prove}, {NULL, NULL},
        };
        (void)cli;
        if (operands->count > 0 && strcmp(operands->items[0], "verify") == 0) {
                operands->items++;
                operands->count--;
                return audit_verify(operands);
        }
        return cli_run_action(settings, operands, "audit", actions, "key, checkpoint, export, prove or verify");
}

static const char *const own_flags[] = {"key=", "checkpoint=", "proof=", "since=", NULL};

const struct cli_command cli_audit = {
        .name = "audit",
        .summary = "export, prove and verify the audit log",
        .help = "usage: triaged audit key\n"
                "       triaged audit checkpoint\n"
                "       triaged audit export > FILE\n"
                "       triaged audit prove ENTRY | MESSAGE_ID | --since SIZE\n"
                "       triaged audit verify FILE --key KEY [--checkpoint FILE]...\n"
                "       triaged audit verify --proof FILE --key KEY [--checkpoint FILE]...\n\n"
                "Whatever happens to a record is an entry of a Merkle tree (RFC 9162), written in the transaction of\n"
                "what it records. Keep the key and, now and then, a checkpoint where nobody of this machine can change\n"
                "them: against these `verify` finds any entry that was changed, removed, inserted, moved or cut off.\n"
                "It needs neither the server nor its data, only the export.\n\n"
                "  key                 prints the public key of the checkpoints (C2SP signed note)\n"
                "  checkpoint          prints a signed checkpoint of now; `audit.checkpoint_file` gets one each hour\n"
                "  export              prints all entries, a line each, and a checkpoint at the end\n"
                "  prove               proves that an entry is in the log, or that the log has only grown since SIZE\n"
                "  verify              checks an export or a proof; exit status 1 when anything is wrong\n"
                "  --key KEY           what `key` printed, or a file that holds it\n"
                "  --checkpoint FILE   checkpoints that were kept, one behind the other as they were made\n",
        .own_flags = own_flags,
        .run = run,
};
