/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "adapt/admin_store.h"
#include "adapt/data_dir.h"
#include "base/alloc.h"
#include "base/json_reader.h"
#include "net/fetch.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_BYTES = 4096, TIMEOUT_MS = 120000 };

struct cli_admin {
        struct admin_store local;
        struct data_dir *directory; /* NULL: a server owns it */
        struct store_sqlite *db;
        struct admin remote;
        char socket_path[PATH_BYTES];
};

/* The problem's detail, written for people. */
static enum err tell_problem(struct str body, struct err_note *note)
{
        struct json root, detail;
        struct str text;
        struct json_parser *parser = json_parser_new(ADMIN_MAX_BYTES, 16);
        bool is_told = json_parse(parser, body, &root, NULL) == ERR_OK && json_find(root, STR("detail"), &detail) &&
                       json_to_str(detail, &text);
        err_set(note, ERR_INVALID, "%.*s", is_told ? (int)text.len : 24, is_told ? text.ptr : "the server refused this.");
        json_parser_free(parser);
        return ERR_INVALID;
}

static enum err execute_remotely(struct admin *admin, struct str operation, struct str arguments, struct buf *result,
                                 struct err_note *note)
{
        struct cli_admin *remote = list_item(admin, struct cli_admin, remote);
        char url[256];
        int status;
        snprintf(url, sizeof url, "http://localhost/control/%.*s", STR_ARGS(operation));
        const struct fetch_request request = {
                .url = url,
                .unix_socket = remote->socket_path,
                .body = arguments,
                .timeout_ms = TIMEOUT_MS,
        };
        enum err err = fetch_post(&request, result, &status, note);
        if (err)
                return err_prefix(note, err, "the server that owns the data directory does not answer: ");
        return status == 200 ? ERR_OK : tell_problem(buf_str(result), note);
}

enum err cli_admin_open(const struct settings *settings, struct cli_admin **ret_admin, struct err_note *note)
{
        struct cli_admin *admin = alloc_zeroed(1, sizeof *admin);
        snprintf(admin->socket_path, sizeof admin->socket_path, "%s/control.sock", settings->data_dir);
        enum err err = data_dir_open(settings->data_dir, &admin->directory, note);
        if (err == ERR_BUSY) {
                admin->remote.execute = execute_remotely;
                *ret_admin = admin;
                return ERR_OK;
        }
        const struct store_sqlite_config config = {
                .directory = settings->data_dir,
                .key_file = settings->encryption_key_file,
                .min_free_bytes = (int64_t)settings->store_min_free_bytes,
        };
        if (!err)
                err = store_sqlite_open(&config, &admin->db, note);
        if (err) {
                cli_admin_close(admin);
                return err;
        }
        admin_store_init(&admin->local, admin->db, data_dir_path(admin->directory));
        *ret_admin = admin;
        return ERR_OK;
}

void cli_admin_close(struct cli_admin *admin)
{
        store_sqlite_close(admin->db);
        data_dir_close(admin->directory);
        free(admin);
}

struct admin *cli_admin(struct cli_admin *admin)
{
        return admin->db ? &admin->local.admin : &admin->remote;
}

struct json_writer cli_begin(struct buf *arguments)
{
        struct json_writer w = {.buf = arguments};
        buf_reset(arguments);
        json_open(&w, '{');
        return w;
}

int cli_send(struct admin *admin, struct json_parser *parser, struct json_writer *arguments, const char *operation,
             struct json *ret_result)
{
        json_close(arguments, '}');
        if (arguments->buf->is_over)
                return cli_complain(CLI_USAGE, "the arguments are too long");
        return cli_execute(admin, operation, buf_str(arguments->buf), parser, ret_result);
}

static const struct cli_action *find_action(const struct cli_action *actions, const char *name)
{
        while (actions->name && strcmp(actions->name, name) != 0)
                actions++;
        return actions->name ? actions : NULL;
}

int cli_run_action(const struct settings *settings, struct settings_args *operands, const char *command,
                   const struct cli_action *actions, const char *choices)
{
        struct cli_admin *admin;
        struct err_note note = {.text = ""};
        if (operands->count == 0)
                return cli_complain(CLI_USAGE, "`triaged %s` needs %s; see --help", command, choices);
        const struct cli_action *action = find_action(actions, operands->items[0]);
        if (!action)
                return cli_complain(CLI_USAGE, "`triaged %s %s` does not exist; see --help", command, operands->items[0]);
        if (cli_admin_open(settings, &admin, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        struct json_parser *parser = cli_parser_new();
        operands->items++;
        operands->count--;
        int status = action->run(cli_admin(admin), parser, operands);
        json_parser_free(parser);
        cli_admin_close(admin);
        return status;
}
