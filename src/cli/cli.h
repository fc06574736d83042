/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: one file a subcommand, all of them in one table (app/main.c).
 *
 * Results go to stdout, everything else to stderr. Exit codes: 0 done, 1 failed, 2 used wrongly.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "policy/settings.h"
#include "port/admin.h"

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* What the commands cannot know themselves. */
struct cli {
        const char *version;
        int (*serve)(const struct settings *settings);
};

/* `args` are the words behind the subcommand's name; `help` its text. */
struct cli_command {
        const char *name;
        const char *summary;
        const char *help;
        const char *const *own_flags; /* see policy/settings.h; NULL: none */
        int (*run)(const struct cli *cli, const struct settings *settings, struct settings_args *operands);
};

extern const struct cli_command cli_audit, cli_backup, cli_check, cli_classify, cli_compliance, cli_config, cli_connector,
        cli_eval, cli_key, cli_kb, cli_model, cli_outbox, cli_redact, cli_restore, cli_review, cli_serve, cli_subject,
        cli_ticket, cli_train, cli_version;

/* "triaged: " and the message on stderr; returns `status`. */
int cli_complain(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes `--name VALUE` out of the operands; NULL when it is not there. */
const char *cli_take_value(struct settings_args *operands, const char *name);

/* The same for a whole number; `*number` stays as it is when the flag is not there. False, with a complaint, for
 * anything but a number in that range. */
bool cli_take_number(struct settings_args *operands, const char *name, uint64_t min, uint64_t max, uint64_t *number);

/* Takes `--name` out of the operands. */
bool cli_take_flag(struct settings_args *operands, const char *name);

/* Complains about an operand that is left and returns false. */
bool cli_all_taken(const struct settings_args *operands, size_t expected, const char *what);

/* The data directory's administration: the server that owns it, or the store opened here. */
struct cli_admin;
enum err cli_admin_open(const struct settings *settings, struct cli_admin **ret_admin, struct err_note *note) MUST_USE;
void cli_admin_close(struct cli_admin *admin);
struct admin *cli_admin(struct cli_admin *admin);

/* `triaged kb list …`: what the first operand names, on the administration that is opened for it. A row without a
 * name ends the table; `choices` names them for a person: "list or delete". */
struct cli_action {
        const char *name;
        int (*run)(struct admin *admin, struct json_parser *parser, struct settings_args *operands);
};
int cli_run_action(const struct settings *settings, struct settings_args *operands, const char *command,
                   const struct cli_action *actions, const char *choices);

/* Executes an operation and parses its result into `parser`; complains when one of the two fails. */
int cli_execute(struct admin *admin, const char *operation, struct str arguments, struct json_parser *parser,
                struct json *ret_result);

/* Begins an operation's arguments, `{`, in the buf; cli_send() ends and executes them as cli_execute() does. */
struct json_writer cli_begin(struct buf *arguments);
int cli_send(struct admin *admin, struct json_parser *parser, struct json_writer *arguments, const char *operation,
             struct json *ret_result);

/* For results: large enough for any of them. */
struct json_parser *cli_parser_new(void);

/* The object's text of that name, "-" when there is none; borrowed from the parser. */
struct str cli_text(struct json object, const char *name);

/* The object's whole number of that name, 0 when there is none. */
int64_t cli_number(struct json object, const char *name);

/* Sends out what was printed on stdout so far. False when it could not be written, now or earlier. */
bool cli_flush(void);

/* A whole file or, for "-", stdin. ERR_TOO_LARGE over `max_bytes`. */
enum err cli_read_file(const char *path, size_t max_bytes, struct buf *buf, struct err_note *note) MUST_USE;

/* The same as JSON lines: of a file whose name ends in .csv each row becomes one (base/csv.h), and it must have a
 * column `text`. A byte order mark is dropped. The note names file and line. */
enum err cli_read_rows(const char *path, size_t max_bytes, struct buf *buf, struct err_note *note) MUST_USE;

/* The next line of stdin without its end, over its maximum when it is too long; false behind the last one. */
bool cli_read_line(struct buf *line);

#endif
