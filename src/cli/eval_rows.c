/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/eval_rows.h"

#include "base/alloc.h"
#include "cli/cli.h"
#include "cli/session.h"

#include <stdlib.h>

enum {
        FILE_MAX_BYTES = 256 << 20,
        TEXTS_MAX_BYTES = 512 << 20,
        LINE_MAX_BYTES = 256 << 10,
        DEPTH_MAX = 32,
        NAME_MAX_BYTES = 64,
        COMPLAINTS_MAX = 16,
        FILES_MAX = 1000,
};

enum field { FIELD_TEXT, FIELD_CATEGORY, FIELD_INTENT, FIELD_SOURCE, FIELD_QUALITY, FIELD_COUNT };

static const struct str field_names[FIELD_COUNT] = {STR_INIT("text"), STR_INIT("category"), STR_INIT("intent"),
                                                    STR_INIT("source"), STR_INIT("quality")};

struct reader {
        struct eval_rows *rows;
        struct str quality; /* absent: any */
        size_t file;
        size_t complaints;
};

static bool complain(struct reader *reader, size_t line, const char *fault)
{
        if (reader->complaints++ < COMPLAINTS_MAX)
                cli_complain(CLI_FAILED, "%s:%zu: %s", reader->rows->paths[reader->file], line, fault);
        return reader->complaints < COMPLAINTS_MAX;
}

static uint16_t place_of(struct eval_rows *rows, struct eval_names *names, struct str name)
{
        for (size_t i = 0; i < names->count; i++)
                if (str_equal(names->names[i], name))
                        return (uint16_t)i;
        bool is_last = names->count >= EVAL_NAMES_MAX - 1;
        if (names->count < EVAL_NAMES_MAX)
                names->names[names->count++] = is_last ? STR("(others)") : arena_copy(&rows->arena, name);
        return (uint16_t)(names->count - 1);
}

/* NULL, or what is wrong with the labels. */
static const char *read_labels(const struct str fields[FIELD_COUNT], struct eval_row *row)
{
        struct str category_name = fields[FIELD_CATEGORY], intent_name = fields[FIELD_INTENT];
        enum category category;
        row->true_intent = INTENT_NONE;
        row->truth = MEASURE_OUT_OF_SCOPE;
        bool says_category = category_name.len > 0, says_intent = intent_name.len > 0;
        if (str_equal(says_category ? category_name : intent_name, STR("out_of_scope")))
                return NULL;
        if (says_category && !category_from(category_name, &category))
                return "`category` must be informational, service_action, safety_compliance or out_of_scope";
        if (says_intent && !intent_from(intent_name, &row->true_intent))
                return "`intent` is none that is known";
        if (!says_category && (!says_intent || row->true_intent == INTENT_OTHER))
                return "neither a `category` nor an `intent` that says it";
        if (says_intent && row->true_intent != INTENT_OTHER) {
                row->truth = intent_category(row->true_intent);
                return says_category && row->truth != (size_t)category ? "`intent` is not of that `category`" : NULL;
        }
        row->truth = (size_t)category;
        return NULL;
}

static struct eval_row *new_row(struct eval_rows *rows)
{
        if (rows->count == rows->capacity) {
                rows->capacity = rows->capacity ? rows->capacity * 2 : 1024;
                rows->rows = alloc_resize(rows->rows, rows->capacity * sizeof *rows->rows);
        }
        return &rows->rows[rows->count++];
}

/* NULL, or what is wrong; a row of another quality is left out. */
static const char *take_row(struct reader *reader, const struct str fields[FIELD_COUNT], size_t line)
{
        struct eval_rows *rows = reader->rows;
        struct eval_row row = {.line = (uint32_t)line, .file = (uint16_t)reader->file};
        struct str text = str_trim(fields[FIELD_TEXT]);
        const char *fault = fields[FIELD_TEXT].ptr ? session_fault_of(text) : "`text` is missing";
        if (fault)
                return fault;
        fault = read_labels(fields, &row);
        if (fault)
                return fault;
        if (fields[FIELD_SOURCE].len > NAME_MAX_BYTES || fields[FIELD_QUALITY].len > NAME_MAX_BYTES)
                return "`source` and `quality` must have at most 64 bytes";
        if (reader->quality.ptr && fields[FIELD_QUALITY].len && !str_equal(reader->quality, fields[FIELD_QUALITY]))
                return NULL;
        row.source = place_of(rows, &rows->sources, fields[FIELD_SOURCE]);
        row.quality = place_of(rows, &rows->qualities, fields[FIELD_QUALITY]);
        row.text.raw = arena_copy(&rows->arena, text);
        if (rows->count == EVAL_ROWS_MAX || !row.text.raw.ptr)
                return "more than 1048576 rows, or more than 512 MiB of text";
        *new_row(rows) = row;
        return NULL;
}

static const char *read_object(struct reader *reader, struct json_parser *parser, struct str line, size_t number)
{
        static struct err_note note;
        struct str fields[FIELD_COUNT] = {{0}};
        struct json object, value;
        if (json_parse(parser, line, &object, &note) != ERR_OK)
                return note.text;
        if (json_type(object) != JSON_OBJECT)
                return "not an object";
        for (enum field i = 0; i < FIELD_COUNT; i++)
                if (json_find(object, field_names[i], &value) && !json_to_str(value, &fields[i]))
                        return "text, category, intent, source and quality must be strings";
        return take_row(reader, fields, number);
}

static void read_json_lines(struct reader *reader, struct str text)
{
        struct json_parser *parser = json_parser_new(LINE_MAX_BYTES, DEPTH_MAX);
        bool goes_on = true;
        for (size_t number = 1; goes_on && text.ptr; number++) {
                struct str line = str_trim(str_split(&text, '\n'));
                const char *fault = line.len ? read_object(reader, parser, line, number) : NULL;
                goes_on = !fault || complain(reader, number, fault);
        }
        json_parser_free(parser);
}

static bool read_file(struct reader *reader)
{
        const char *path = reader->rows->paths[reader->file];
        struct err_note note;
        struct buf buf;
        if (cli_read_rows(path, FILE_MAX_BYTES, &buf, &note) != ERR_OK) {
                cli_complain(CLI_FAILED, "%s", note.text);
                return false;
        }
        read_json_lines(reader, buf_str(&buf));
        buf_deinit(&buf);
        return reader->complaints == 0;
}

bool eval_rows_read(char *const *paths, size_t path_count, const char *quality, struct eval_rows *ret_rows)
{
        struct reader reader = {.rows = ret_rows, .quality = str_from(quality)};
        *ret_rows = (struct eval_rows){.paths = paths, .path_count = path_count};
        arena_init(&ret_rows->arena, TEXTS_MAX_BYTES);
        place_of(ret_rows, &ret_rows->sources, STR(""));
        place_of(ret_rows, &ret_rows->qualities, STR(""));
        if (path_count > FILES_MAX) {
                cli_complain(CLI_USAGE, "more than %d files", FILES_MAX);
                return false;
        }
        bool is_read = true;
        for (reader.file = 0; reader.file < path_count && is_read; reader.file++)
                is_read = read_file(&reader);
        if (reader.complaints >= COMPLAINTS_MAX)
                cli_complain(CLI_FAILED, "%d bad rows; the rest is not read", COMPLAINTS_MAX);
        if (is_read && ret_rows->count == 0)
                is_read = cli_complain(CLI_FAILED, "there is no row to measure") == CLI_OK;
        return is_read;
}

void eval_rows_free(struct eval_rows *rows)
{
        arena_deinit(&rows->arena);
        free(rows->rows);
}
