/* SPDX-License-Identifier: Apache-2.0 */
/* What words of languages look like; made by tools/language_table.py. The inside of text/language.h.
 *
 * A row is a bucket of features (runs of letters, words), a column a language; a cell is the feature's
 * log-probability there, less the row's mean, in 1/16. The first five columns are the known languages in
 * the order of enum language. */
#ifndef TEXT_LANGUAGE_TABLE_H
#define TEXT_LANGUAGE_TABLE_H

#include <stdint.h>

enum {
        LANGUAGE_TABLE_BUCKET_BITS = 13,
        LANGUAGE_TABLE_LANGUAGES = 19,
        LANGUAGE_TABLE_COLUMNS = 24, /* the rest is empty: rows are added eight cells at a time */
        LANGUAGE_TABLE_MAX_CELL = 63,
};

extern const int8_t language_table[1 << LANGUAGE_TABLE_BUCKET_BITS][LANGUAGE_TABLE_COLUMNS];

#endif
