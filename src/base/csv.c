/* SPDX-License-Identifier: Apache-2.0 */
#include "base/csv.h"

#include "base/json_writer.h"
#include "base/json_reader.h"

#include <string.h>

static struct str take_plain_cell(struct str *rest)
{
        size_t at = 0;
        while (at < rest->len && rest->ptr[at] != ',' && rest->ptr[at] != '\n')
                at++;
        size_t len = at;
        if (len && rest->ptr[len - 1] == '\r' && (at == rest->len || rest->ptr[at] == '\n'))
                len--;
        struct str cell = {rest->ptr, len};
        *rest = (struct str){rest->ptr + at, rest->len - at};
        return cell;
}

static struct str without_doubled_quotes(struct str raw, struct arena *arena)
{
        char *copy = arena_alloc(arena, raw.len);
        size_t len = 0;
        for (size_t i = 0; copy && i < raw.len; i++) {
                copy[len++] = raw.ptr[i];
                i += raw.ptr[i] == '"';
        }
        return copy ? (struct str){copy, len} : raw;
}

/* Where the cell's closing quote stands; rest->len when nowhere. */
static size_t closing_quote(struct csv *csv, bool *ret_has_quotes)
{
        const struct str *rest = &csv->rest;
        *ret_has_quotes = false;
        for (size_t at = 1; at < rest->len; at++) {
                csv->next_line += rest->ptr[at] == '\n';
                if (rest->ptr[at] != '"')
                        continue;
                if (at + 1 == rest->len || rest->ptr[at + 1] != '"')
                        return at;
                *ret_has_quotes = true;
                at++;
        }
        return rest->len;
}

/* The cell at csv->rest, which is left behind it; false when it is malformed. */
static bool take_cell(struct csv *csv, struct str *ret_cell)
{
        struct str *rest = &csv->rest;
        bool has_quotes;
        if (rest->len == 0 || rest->ptr[0] != '"') {
                *ret_cell = take_plain_cell(rest);
                return true;
        }
        size_t end = closing_quote(csv, &has_quotes);
        if (end == rest->len)
                return false;
        struct str raw = {rest->ptr + 1, end - 1};
        *rest = (struct str){rest->ptr + end + 1, rest->len - end - 1};
        *ret_cell = has_quotes ? without_doubled_quotes(raw, csv->arena) : raw;
        return rest->len == 0 || rest->ptr[0] == ',' || rest->ptr[0] == '\n' || rest->ptr[0] == '\r';
}

static void skip_line(struct csv *csv)
{
        if (csv->rest.len && memchr(csv->rest.ptr, '\n', csv->rest.len))
                csv->next_line++;
        str_split(&csv->rest, '\n');
}

enum csv_row csv_next(struct csv *csv)
{
        csv->line = csv->next_line;
        csv->cell_count = 0;
        if (csv->rest.len == 0)
                return CSV_END;
        for (;;) {
                struct str cell, before = csv->rest;
                size_t line = csv->next_line;
                if (!take_cell(csv, &cell)) {
                        csv->rest = before;
                        csv->next_line = line;
                        skip_line(csv);
                        return CSV_UNCLOSED;
                }
                if (csv->cell_count == CSV_CELLS_MAX) {
                        skip_line(csv);
                        return CSV_TOO_WIDE;
                }
                csv->cells[csv->cell_count++] = cell;
                if (csv->rest.len == 0 || csv->rest.ptr[0] != ',') {
                        skip_line(csv);
                        return CSV_ROW;
                }
                csv->rest = (struct str){csv->rest.ptr + 1, csv->rest.len - 1};
        }
}

static struct str lower(struct arena *arena, struct str text)
{
        char *copy = arena_alloc(arena, text.len + 1);
        for (size_t i = 0; copy && i < text.len; i++)
                copy[i] = (char)(text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? text.ptr[i] | 32 : text.ptr[i]);
        return copy ? (struct str){copy, text.len} : text;
}

/* The columns' names; false when one stands twice, is empty, or the needed one is missing. */
static bool read_header(struct csv *csv, struct str needed, struct str ret_names[CSV_CELLS_MAX], size_t *ret_count)
{
        bool is_sound = csv_next(csv) == CSV_ROW, has_needed = false;
        for (size_t i = 0; is_sound && i < csv->cell_count; i++) {
                struct str name = lower(csv->arena, str_trim(csv->cells[i]));
                is_sound = name.len > 0 && utf8_is_valid(name);
                for (size_t before = 0; before < i; before++)
                        is_sound = is_sound && !str_equal(name, ret_names[before]);
                has_needed = has_needed || str_equal(name, needed);
                ret_names[i] = name;
        }
        *ret_count = csv->cell_count;
        return is_sound && has_needed;
}

/* NULL, or what is wrong with the row. */
static const char *write_row(const struct csv *csv, const struct str *names, size_t count, struct buf *lines)
{
        struct json_writer w = {.buf = lines};
        if (csv->cell_count != count)
                return "not as many cells as the header row has";
        json_open(&w, '{');
        for (size_t i = 0; i < count; i++) {
                struct str cell = str_trim(csv->cells[i]);
                if (!utf8_is_valid(cell))
                        return "not UTF-8";
                if (cell.len == 0)
                        continue;
                json_key_str(&w, names[i]);
                json_str(&w, cell);
        }
        json_close(&w, '}');
        return NULL;
}

enum err csv_to_json_lines(struct str text, const char *needed, struct buf *lines, struct err_note *note)
{
        struct arena arena;
        arena_init(&arena, text.len + CSV_CELLS_MAX + 4096);
        struct csv csv = csv_from(text, &arena);
        struct str names[CSV_CELLS_MAX];
        size_t count, line = 1;
        const char *fault = NULL;
        if (!read_header(&csv, str_from(needed), names, &count)) {
                arena_deinit(&arena);
                return err_set(note, ERR_INVALID, "1: the first row must name the columns, each once, `%s` among them", needed);
        }
        for (enum csv_row row; !fault && (row = csv_next(&csv)) != CSV_END;) {
                for (; line < csv.line; line++)
                        buf_append_char(lines, '\n');
                if (row != CSV_ROW)
                        fault = row == CSV_UNCLOSED ? "a quoted cell is not closed" : "more than 32 cells";
                else if (csv.cell_count > 1 || csv.cells[0].len > 0)
                        fault = write_row(&csv, names, count, lines);
        }
        enum err err = fault ? err_set(note, ERR_INVALID, "%zu: %s", csv.line, fault) : ERR_OK;
        arena_deinit(&arena);
        return err || !lines->is_over ? err : err_set(note, ERR_TOO_LARGE, "more than fits into memory for it");
}
