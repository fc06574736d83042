/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/alloc.h"
#include "base/hex.h"
#include "base/json_writer.h"
#include "text/model_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Executes an operation with one text argument; `name` NULL: with none. */
static int execute(struct admin *admin, struct json_parser *parser, const char *operation, const char *name,
                   const char *value, struct json *ret_result)
{
        struct buf arguments;
        struct json_writer w = {.buf = &arguments};
        buf_init(&arguments, 2 * sizeof(struct model_file) + 65536);
        json_open(&w, '{');
        if (name)
                json_member(&w, name, str_from(value));
        json_close(&w, '}');
        int status = cli_execute(admin, operation, buf_str(&arguments), parser, ret_result);
        buf_deinit(&arguments);
        return status;
}

static int list(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result, models, model, value;
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        int status = execute(admin, parser, "model.list", NULL, NULL, &result);
        if (status != CLI_OK || !json_find(result, STR("models"), &models))
                return status;
        struct json_iter iter = json_iter(models);
        while (json_next(&iter, NULL, &model)) {
                bool is_active = false;
                if (json_find(model, STR("is_active"), &value))
                        json_to_bool(value, &is_active);
                printf("%c %-20.*s %.*s\n", is_active ? '*' : ' ', STR_ARGS(cli_text(model, "version")),
                       STR_ARGS(cli_text(model, "made_at")));
        }
        return CLI_OK;
}

static int tell_version(int status, struct json result, const char *what)
{
        if (status == CLI_OK)
                printf("%s %.*s\n", what, STR_ARGS(cli_text(result, "version")));
        return status;
}

/* The file in hexadecimal digits: a server that is shut in cannot open it. */
static int read_model(const char *path, char **ret_digits)
{
        struct err_note note;
        struct buf bytes;
        if (cli_read_file(path, sizeof(struct model_file), &bytes, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        *ret_digits = alloc_zeroed(2 * bytes.len + 1, 1);
        hex_write(bytes.ptr, bytes.len, *ret_digits);
        buf_deinit(&bytes);
        return CLI_OK;
}

static int add(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result;
        char *digits;
        if (!cli_all_taken(operands, 1, "the model's file"))
                return CLI_USAGE;
        int status = read_model(operands->items[0], &digits);
        if (status != CLI_OK)
                return status;
        status = execute(admin, parser, "model.add", "model", digits, &result);
        free(digits);
        return tell_version(status, result, "added");
}

static int activate(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result;
        if (!cli_all_taken(operands, 1, "the model's version"))
                return CLI_USAGE;
        int status = execute(admin, parser, "model.activate", "version", operands->items[0], &result);
        return tell_version(status, result, "active is");
}

static int rollback(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result;
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        int status = execute(admin, parser, "model.rollback", NULL, NULL, &result);
        return tell_version(status, result, "active is again");
}

static double figure(struct json result, const char *when, const char *name)
{
        struct json score, value;
        double number = 0;
        if (json_find(result, str_from(when), &score) && json_find(score, str_from(name), &value))
                json_to_double(value, &number);
        return number;
}

static void print_safety(struct json result)
{
        int64_t count = cli_number(result, "held_back_safety");
        if (count > 0)
                printf("on the safety matters among them, %lld: recall %.3f (%.3f)\n", (long long)count,
                       figure(result, "after", "safety_recall"), figure(result, "before", "safety_recall"));
        else
                puts("no safety matter was among them: how well it finds those, apart from the rules, was not measured");
}

static bool is_true(struct json result, const char *name)
{
        struct json value;
        bool truth = false;
        return json_find(result, str_from(name), &value) && json_to_bool(value, &truth) && truth;
}

static int train(struct admin *admin, struct json_parser *parser, struct settings_args *operands)
{
        struct json result;
        if (!cli_all_taken(operands, 0, NULL))
                return CLI_USAGE;
        int status = execute(admin, parser, "model.train", NULL, NULL, &result);
        if (status != CLI_OK)
                return status;
        printf("%.*s has learnt from %lld labels\n", STR_ARGS(cli_text(result, "version")), (long long)cli_number(result, "labels"));
        printf("on %lld that were held back: macro-F1 %.3f (active model: %.3f)\n", (long long)cli_number(result, "held_back"),
               figure(result, "after", "macro_f1"), figure(result, "before", "macro_f1"));
        print_safety(result);
        if (is_true(result, "is_activated"))
                puts("it is active now");
        else if (is_true(result, "is_better"))
                puts("it stays inactive until at least 5 safety matters are among those held back, some 25 among all labels:\n"
                     "what it forgot about safety would not be seen; `triaged model activate` may overrule that");
        else
                puts("it is not better and stays inactive; `triaged model activate` may overrule that");
        return CLI_OK;
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        static const struct cli_action actions[] = {{"list", list}, {"add", add}, {"activate", activate},
                                                    {"rollback", rollback}, {"train", train}, {NULL, NULL}};
        (void)cli;
        return cli_run_action(settings, operands, "model", actions, "list, add, activate, rollback or train");
}

const struct cli_command cli_model = {
        .name = "model",
        .summary = "list, add, activate and roll back models, and learn from feedback",
        .help = "usage: triaged model list\n"
                "       triaged model train\n"
                "       triaged model add FILE\n"
                "       triaged model activate VERSION\n"
                "       triaged model rollback\n\n"
                "`train` learns from what reviewers said, on top of the built-in model. A fixed fifth of the labels\n"
                "is never trained on; the new model becomes active only when neither macro-F1 nor safety recall\n"
                "is lower there than the active model's. The last five models are kept in DATA_DIR/models;\n"
                "`built-in` is always there. Works beside a running server, which changes over at once and\n"
                "lets requests under way end with the model they began with.\n",
        .run = run,
};
