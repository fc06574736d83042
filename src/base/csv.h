/* SPDX-License-Identifier: Apache-2.0 */
/* CSV in: RFC 4180, row by row. A quoted cell may hold commas, line breaks and doubled quotes.
 *
 * Cells borrow from the text; only one that holds doubled quotes is copied, into the arena. Bytes are taken
 * as they are: whether they are UTF-8 is for the caller to ask.
 */
#ifndef BASE_CSV_H
#define BASE_CSV_H

#include "base/arena.h"

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

#endif
