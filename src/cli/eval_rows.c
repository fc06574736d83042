/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/eval_rows.h"

#include "base/alloc.h"
#include "base/csv.h"
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

/* Where each field stands; false when a field stands twice or one that is needed nowhere. */
static bool read_header(struct csv *csv, size_t ret_columns[FIELD_COUNT])
{
        for (enum field field = 0; field < FIELD_COUNT; field++) {
                ret_columns[field] = CSV_CELLS_MAX;
                for (size_t i = 0; i < csv->cell_count; i++) {
                        if (!str_equal_nocase(str_trim(csv->cells[i]), field_names[field]))
                                continue;
                        if (ret_columns[field] != CSV_CELLS_MAX)
                                return false;
                        ret_columns[field] = i;
                }
        }
        return ret_columns[FIELD_TEXT] != CSV_CELLS_MAX &&
               (ret_columns[FIELD_CATEGORY] != CSV_CELLS_MAX || ret_columns[FIELD_INTENT] != CSV_CELLS_MAX);
}

static const char *read_cells(struct reader *reader, const struct csv *csv, const size_t columns[FIELD_COUNT])
{
        struct str fields[FIELD_COUNT] = {{0}};
        for (enum field i = 0; i < FIELD_COUNT; i++) {
                if (columns[i] == CSV_CELLS_MAX)
                        continue;
                if (columns[i] >= csv->cell_count)
                        return "fewer cells than the header row has";
                fields[i] = str_trim(csv->cells[columns[i]]);
                if (!utf8_is_valid(fields[i]))
                        return "not UTF-8";
        }
        return take_row(reader, fields, csv->line);
}

static void read_csv(struct reader *reader, struct str text)
{
        struct csv csv = csv_from(text, &reader->rows->arena);
        size_t columns[FIELD_COUNT];
        enum csv_row row = csv_next(&csv);
        if (row != CSV_ROW || !read_header(&csv, columns)) {
                complain(reader, 1, "the first row must name the columns `text` and `category` or `intent`, each once");
                return;
        }
        for (bool goes_on = true; goes_on && (row = csv_next(&csv)) != CSV_END;) {
                bool is_blank = row == CSV_ROW && csv.cell_count == 1 && csv.cells[0].len == 0;
                const char *fault = row == CSV_UNCLOSED   ? "a quoted cell is not closed"
                                    : row == CSV_TOO_WIDE ? "more than 32 cells"
                                    : is_blank            ? NULL
                                                          : read_cells(reader, &csv, columns);
                goes_on = !fault || complain(reader, csv.line, fault);
        }
}

static bool is_csv(struct str path)
{
        return path.len > 4 && str_equal_nocase((struct str){path.ptr + path.len - 4, 4}, STR(".csv"));
}

static bool read_file(struct reader *reader)
{
        const char *path = reader->rows->paths[reader->file];
        struct err_note note;
        struct buf buf;
        if (cli_read_file(path, FILE_MAX_BYTES, &buf, &note) != ERR_OK) {
                cli_complain(CLI_FAILED, "%s", note.text);
                return false;
        }
        struct str text = buf_str(&buf);
        if (str_starts_with(text, STR("\xef\xbb\xbf")))
                text = (struct str){text.ptr + 3, text.len - 3};
        if (is_csv(str_from(path)))
                read_csv(reader, text);
        else
                read_json_lines(reader, text);
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
