/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/json_writer.h"
#include "core/compliance.h"

#include <stdio.h>
#include <string.h>

enum { ARGUMENTS_MAX_BYTES = 65536 };

struct export {
        const char *format; /* "json", "csv" */
        const char *from;
        const char *to;
        bool is_candidates;
        char cursor[32];
        uint64_t count;
};

static bool is_csv(const struct export *export)
{
        return strcmp(export->format, "csv") == 0;
}

static void write_arguments(const struct export *export, struct buf *arguments)
{
        struct json_writer w = {.buf = arguments};
        buf_reset(arguments);
        json_open(&w, '{');
        json_member(&w, "format", str_from(export->format));
        if (export->from)
                json_member(&w, "from", str_from(export->from));
        if (export->to)
                json_member(&w, "to", str_from(export->to));
        if (export->cursor[0])
                json_member(&w, "cursor", str_from(export->cursor));
        json_member(&w, "report_candidates", export->is_candidates ? STR("true") : STR("false"));
        json_close(&w, '}');
}

/* Prints one page; a page of JSON is what stands between the brackets of an array. */
static int print_page(struct admin *admin, struct json_parser *parser, struct buf *arguments, struct export *export)
{
        struct json page, count;
        uint64_t records = 0;
        int64_t number = 0;
        write_arguments(export, arguments);
        int status = cli_execute(admin, "compliance.export", buf_str(arguments), parser, &page);
        if (status != CLI_OK)
                return status;
        if (json_find(page, STR("count"), &count) && json_to_i64(count, &number))
                records = (uint64_t)number;
        struct str text = cli_text(page, "text");
        if (records)
                printf("%s%.*s", !is_csv(export) && export->count ? ",\n" : "", STR_ARGS(text));
        export->count += records;
        snprintf(export->cursor, sizeof export->cursor, "%.*s", STR_ARGS(cli_text(page, "next_cursor")));
        return cli_flush() ? CLI_OK : cli_complain(CLI_FAILED, "the export cannot be written to standard output");
}

static void print_header(const struct export *export)
{
        struct buf header;
        buf_init(&header, ARGUMENTS_MAX_BYTES);
        compliance_write_csv_header(&header);
        printf("%.*s", STR_ARGS(is_csv(export) ? buf_str(&header) : STR("[\n")));
        buf_deinit(&header);
}

static int export_records(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct export export = {.format = cli_take_value(operands, "format"),
                                .from = cli_take_value(operands, "from"),
                                .to = cli_take_value(operands, "to"),
                                .is_candidates = cli_take_flag(operands, "report-candidates")};
        struct buf arguments;
        int status;
        if (!export.format)
                export.format = "json";
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        if (strcmp(export.format, "json") != 0 && !is_csv(&export))
                return cli_complain(CLI_USAGE, "--format is json or csv");
        buf_init(&arguments, ARGUMENTS_MAX_BYTES);
        print_header(&export);
        do
                status = print_page(admin, parser, &arguments, &export);
        while (status == CLI_OK && strcmp(export.cursor, "-") != 0);
        if (status == CLI_OK && !is_csv(&export))
                printf("%s]\n", export.count ? "\n" : "");
        buf_deinit(&arguments);
        return status;
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        static const struct cli_action actions[] = {{"export", export_records}, {NULL, NULL}};
        (void)cli;
        return cli_run_action(settings, operands, "compliance", actions, "export");
}

const struct cli_command cli_compliance = {
        .name = "compliance",
        .summary = "export compliance records for a regulator",
        .help = "usage: triaged compliance export [--format json|csv] [--from TIME] [--to TIME]\n"
                "                                 [--report-candidates]\n\n"
                "Writes the records that were received from TIME on and before TIME (2026-11-22T10:00:00Z), the oldest\n"
                "first, to standard output: an array of JSON objects, or CSV (RFC 4180) in which no cell can be taken\n"
                "for a formula. Texts are redacted; `digest` is the HMAC of the original. --report-candidates: only those\n"
                "that a regulator may want to know of, which a person decides. A page is read at a time: an export of\n"
                "any size needs the same memory. Works beside a running server.\n",
        .own_flags = (const char *const[]){"format=", "from=", "to=", "report-candidates", NULL},
        .run = run,
};
