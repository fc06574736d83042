/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/csv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { RESULT_MAX_BYTES = 16 << 20 };

int cli_complain(int status, const char *format, ...)
{
        va_list args;
        fputs("triaged: ", stderr);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
        return status;
}

static void remove_items(struct settings_args *args, size_t at, size_t count)
{
        memmove(args->items + at, args->items + at + count, (args->count - at - count) * sizeof *args->items);
        args->count -= count;
}

static bool is_flag(const char *item, const char *name, size_t *ret_len)
{
        size_t len = strlen(name);
        if (strncmp(item, "--", 2) != 0 || strncmp(item + 2, name, len) != 0)
                return false;
        *ret_len = 2 + len;
        return item[2 + len] == '\0' || item[2 + len] == '=';
}

const char *cli_take_value(struct settings_args *operands, const char *name)
{
        for (size_t i = 0; i < operands->count; i++) {
                size_t len;
                const char *item = operands->items[i];
                if (!is_flag(item, name, &len))
                        continue;
                if (item[len] == '=') {
                        remove_items(operands, i, 1);
                        return item + len + 1;
                }
                if (i + 1 == operands->count)
                        return NULL;
                const char *value = operands->items[i + 1];
                remove_items(operands, i, 2);
                return value;
        }
        return NULL;
}

bool cli_take_number(struct settings_args *operands, const char *name, uint64_t min, uint64_t max, uint64_t *number)
{
        const char *text = cli_take_value(operands, name);
        uint64_t value;
        if (!text)
                return true;
        if (!str_to_u64(str_from(text), &value) || value < min || value > max) {
                cli_complain(CLI_USAGE, "--%s %s: must be a whole number from %llu to %llu", name, text,
                             (unsigned long long)min, (unsigned long long)max);
                return false;
        }
        *number = value;
        return true;
}

bool cli_take_flag(struct settings_args *operands, const char *name)
{
        for (size_t i = 0; i < operands->count; i++) {
                size_t len;
                if (!is_flag(operands->items[i], name, &len) || operands->items[i][len])
                        continue;
                remove_items(operands, i, 1);
                return true;
        }
        return false;
}

bool cli_all_taken(const struct settings_args *operands, size_t expected, const char *what)
{
        if (operands->count == expected)
                return true;
        if (operands->count > expected)
                cli_complain(CLI_USAGE, "unexpected argument `%s`; see --help", operands->items[expected]);
        else
                cli_complain(CLI_USAGE, "%s is missing; see --help", what);
        return false;
}

int cli_execute(struct admin *admin, const char *operation, struct str arguments, struct json_parser *parser,
                struct json *ret_result)
{
        struct err_note note = {.text = ""};
        struct buf result;
        buf_init(&result, RESULT_MAX_BYTES);
        enum err err = admin_execute(admin, str_from(operation), arguments, &result, &note);
        if (!err)
                err = json_parse(parser, buf_str(&result), ret_result, &note);
        buf_deinit(&result);
        return err ? cli_complain(CLI_FAILED, "%s", note.text) : CLI_OK;
}

struct json_parser *cli_parser_new(void)
{
        return json_parser_new(RESULT_MAX_BYTES, 16);
}

struct str cli_text(struct json object, const char *name)
{
        struct json value;
        struct str text = STR("-");
        if (json_find(object, str_from(name), &value))
                json_to_str(value, &text);
        return text;
}

int64_t cli_number(struct json object, const char *name)
{
        struct json value;
        int64_t number = 0;
        if (json_find(object, str_from(name), &value))
                json_to_i64(value, &number);
        return number;
}

bool cli_flush(void)
{
        return fflush(stdout) == 0 && !ferror(stdout);
}

static enum err read_stream(FILE *file, const char *path, struct buf *buf, struct err_note *note)
{
        char block[65536];
        size_t got;
        while (!buf->is_over && (got = fread(block, 1, sizeof block, file)) > 0)
                buf_append(buf, block, got);
        if (ferror(file))
                return err_set(note, ERR_IO, "%s: %s", path, strerror(errno));
        if (buf->is_over)
                return err_set(note, ERR_TOO_LARGE, "%s: larger than %zu bytes", path, buf->max_bytes);
        return ERR_OK;
}

enum err cli_read_file(const char *path, size_t max_bytes, struct buf *buf, struct err_note *note)
{
        bool is_stdin = strcmp(path, "-") == 0;
        FILE *file = is_stdin ? stdin : fopen(path, "re");
        if (!file)
                return err_set(note, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
        buf_init(buf, max_bytes);
        enum err err = read_stream(file, is_stdin ? "standard input" : path, buf, note);
        if (!is_stdin)
                fclose(file);
        if (err)
                buf_deinit(buf);
        return err;
}

static bool is_csv(struct str path)
{
        return path.len > 4 && str_equal_nocase((struct str){path.ptr + path.len - 4, 4}, STR(".csv"));
}

enum err cli_read_rows(const char *path, size_t max_bytes, struct buf *buf, struct err_note *note)
{
        struct buf rows;
        enum err err = cli_read_file(path, max_bytes, buf, note);
        if (err)
                return err;
        struct str text = buf_str(buf);
        bool is_marked = str_starts_with(text, STR("\xef\xbb\xbf"));
        if (!is_marked && !is_csv(str_from(path)))
                return ERR_OK;
        if (is_marked)
                text = (struct str){text.ptr + 3, text.len - 3};
        buf_init(&rows, 2 * max_bytes);
        if (is_csv(str_from(path)))
                err = csv_to_json_lines(text, "text", &rows, note);
        else
                buf_append_str(&rows, text);
        buf_deinit(buf);
        *buf = rows;
        if (!err)
                return ERR_OK;
        buf_deinit(buf);
        return err_prefix(note, err, "%s:", path);
}

bool cli_read_line(struct buf *line)
{
        int c;
        buf_reset(line);
        while ((c = getc_unlocked(stdin)) != EOF && c != '\n')
                buf_append_char(line, (char)c);
        return c != EOF || line->len > 0;
}
