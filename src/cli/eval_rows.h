/* SPDX-License-Identifier: Apache-2.0 */
/* Labelled messages read: JSON lines or CSV with the fields text, category, intent, source, quality.
 *
 * `category` is one of the three or "out_of_scope"; it may be missing beside an `intent`, which says it, too.
 * An intent must be of its category; of an out-of-scope row it is not looked at. Other fields are ignored.
 * A bad row is named with file and line on stderr, and nothing is measured then: figures over some of the rows
 * would be other figures.
 */
#ifndef CLI_EVAL_ROWS_H
#define CLI_EVAL_ROWS_H

#include "base/arena.h"
#include "base/safe_text.h"
#include "text/measure.h"

enum { EVAL_ROWS_MAX = 1 << 20, EVAL_NAMES_MAX = 64 };

struct eval_row {
        struct raw_text text; /* trimmed, as a message may be */
        size_t truth;         /* an enum category or MEASURE_OUT_OF_SCOPE */
        enum intent true_intent;
        uint32_t line;
        uint16_t file;
        uint16_t source; /* places among the names; 0 is "", for rows that do not say */
        uint16_t quality;
};

/* Names in the order of their first row; the last place takes what is too much, as "(others)". */
struct eval_names {
        struct str names[EVAL_NAMES_MAX];
        size_t count;
};

struct eval_rows {
        struct arena arena; /* owns the texts */
        struct eval_row *rows;
        size_t count;
        size_t capacity;
        struct eval_names sources;
        struct eval_names qualities;
        char *const *paths; /* borrows */
        size_t path_count;
};

/* `quality`: only rows of that quality and those that state none; NULL: all. "-" is stdin, as JSON lines. False
 * after complaints. Free it whatever the result. */
bool eval_rows_read(char *const *paths, size_t path_count, const char *quality, struct eval_rows *ret_rows);
void eval_rows_free(struct eval_rows *rows);

#endif
