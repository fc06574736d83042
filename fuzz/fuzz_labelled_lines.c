/* SPDX-License-Identifier: Apache-2.0 */
/* Labelled messages: what is taken has labels that agree, in valid UTF-8; what is not is named with its
 * row. And rows of CSV, which end, one after the other, whatever the bytes.
 *
 * The first byte: bit 0 wants an intent in each row, bit 1 redacts, bit 2 reads CSV instead. */
#include "fuzz.h"

#include "base/csv.h"
#include "base/utf8.h"
#include "text/labelled_lines.h"

enum { HAS_INTENT = 1, IS_RAW = 2, IS_CSV = 4, ARENA_MAX_BYTES = 1 << 20 };

static void check_line(const struct labelled_lines *lines, size_t i, bool has_intent)
{
        const struct labelled_line *line = &lines->lines[i];
        assert(utf8_is_valid(line->text) && line->class < MODEL_CLASSES && line->group < lines->group_count);
        assert(line->intent == INTENT_NONE ? !has_intent : line->class == model_class_of(line->intent));
}

static void read_json_lines(struct str text, uint8_t choice)
{
        struct labelled_lines lines;
        struct err_note note = {.text = ""};
        const struct labelled_options options = {.has_intent = choice & HAS_INTENT, .is_raw = (choice & IS_RAW) != 0};
        labelled_lines_init(&lines);
        enum err err = labelled_lines_add(&lines, "rows", text, options, &note);
        assert(!err || str_starts_with(str_from(note.text), STR("rows:")));
        for (size_t i = 0; i < lines.count; i++)
                check_line(&lines, i, options.has_intent);
        labelled_lines_deinit(&lines);
}

/* Cells of a row do not overlap and together are no longer than the text. */
static void check_row(const struct csv *csv, size_t bytes)
{
        size_t sum = 0;
        assert(csv->cell_count > 0 && csv->cell_count <= CSV_CELLS_MAX);
        for (size_t i = 0; i < csv->cell_count; i++)
                sum += csv->cells[i].len;
        assert(sum <= bytes);
}

static void read_csv(struct str text)
{
        struct arena arena;
        enum csv_row row;
        arena_init(&arena, ARENA_MAX_BYTES);
        struct csv csv = csv_from(text, &arena);
        do {
                size_t rest = csv.rest.len, line = csv.next_line;
                row = csv_next(&csv);
                assert(csv.line == line && csv.next_line >= line);
                assert(row == CSV_END ? rest == 0 : csv.rest.len < rest);
                if (row == CSV_ROW)
                        check_row(&csv, rest - csv.rest.len);
        } while (row != CSV_END);
        size_t breaks = 0;
        for (size_t i = 0; i < text.len; i++)
                breaks += text.ptr[i] == '\n';
        assert(csv.next_line == breaks + 1);
        arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct str text = fuzz_input(data, size);
        uint8_t choice = fuzz_take_byte(&text);
        if (choice & IS_CSV)
                read_csv(text);
        else
                read_json_lines(text, choice);
        return 0;
}
