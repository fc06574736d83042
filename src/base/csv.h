/* SPDX-License-Identifier: Apache-2.0 */
/* CSV in: RFC 4180, row by row. A quoted cell may hold commas, line breaks and doubled quotes.
 *
 * Cells borrow from the text; only one that holds doubled quotes is copied, into the arena. Bytes are taken
 * as they are: whether they are UTF-8 is for the caller to ask.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum { CSV_CELLS_MAX = 32 };

enum csv_row { CSV_ROW, CSV_END, CSV_UNCLOSED /* a quote is never closed, or text follows a closing one */, CSV_TOO_WIDE };

struct csv {
        struct arena *arena; /* borrows */
        struct str rest;     /* what is still to be read */
        size_t line;         /* on which the row begins, from 1 */
        size_t next_line;
        struct str cells[CSV_CELLS_MAX];
        size_t cell_count;
};

static inline struct csv csv_from(struct str text, struct arena *arena)
{
        return (struct csv){.arena = arena, .rest = text, .next_line = 1};
}

/* Reads the next row into `cells`; of a malformed one the rest of its first line is skipped. An empty line is a
 * row with one empty cell. */
enum csv_row csv_next(struct csv *csv);

/* A table with a header row, as JSON lines: an object a row, whose members are the columns' names in lower case
 * and whose values are strings; an empty cell has no member. Each object stands in the line in which its row
 * begins, so that whoever reads on can name it. Cells are trimmed. `needed` is a column that must be there.
 * ERR_INVALID with the line in the note ("3: a quoted cell is not closed"), ERR_TOO_LARGE when the buf is full. */
enum err csv_to_json_lines(struct str text, const char *needed, struct buf *lines, struct err_note *note) MUST_USE;

#endif
