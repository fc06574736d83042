/* SPDX-License-Identifier: Apache-2.0 */
#include "base/csv.h"

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
