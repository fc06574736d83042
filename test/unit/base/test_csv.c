/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/csv.h"

#include <stdio.h>

/* Rows as text: cells between '|', one row a line with the line that it begins on. */
static void check(const char *text, const char *expected)
{
        char got[512];
        size_t len = 0;
        struct arena arena;
        arena_init(&arena, 1 << 16);
        struct csv csv = csv_from(str_from(text), &arena);
        got[0] = '\0';
        for (enum csv_row row; (row = csv_next(&csv)) != CSV_END;) {
                len += (size_t)snprintf(got + len, sizeof got - len, "%zu%s", csv.line,
                                        row == CSV_UNCLOSED ? "!unclosed" : row == CSV_TOO_WIDE ? "!wide" : "");
                for (size_t i = 0; row == CSV_ROW && i < csv.cell_count; i++)
                        len += (size_t)snprintf(got + len, sizeof got - len, "|%.*s", STR_ARGS(csv.cells[i]));
                len += (size_t)snprintf(got + len, sizeof got - len, ";");
                assert_true(len < sizeof got);
        }
        assert_string_equal(got, expected);
        arena_deinit(&arena);
}

static void rows_are_read_as_rfc_4180_has_them(void **state)
{
        (void)state;
        check("", "");
        check("a,b\nc,d", "1|a|b;2|c|d;");
        check("a,b\r\nc,\r\n", "1|a|b;2|c|;");
        check("\n,\n", "1|;2||;");
        check("\"a,\"\"b\"\"\",c\nd", "1|a,\"b\"|c;2|d;");
        check("\"one\ntwo\",b\nc", "1|one\ntwo|b;3|c;");
        check("\"\",\"\"\"\"\n", "1||\";");
        check("a \"b\" c\n", "1|a \"b\" c;");
}

static void a_malformed_row_costs_its_first_line(void **state)
{
        (void)state;
        check("\"a\nb,c\n", "1!unclosed;2|b|c;");
        check("a,\"b\"c\nd\n", "1!unclosed;2|d;");
        check(",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\nd\n", "1!wide;2|d;");
        check(",,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,a\n", "1||||||||||||||||||||||||||||||||a;");
}

static void check_lines(const char *text, enum err expected, const char *lines)
{
        struct buf buf;
        struct err_note note;
        buf_init(&buf, 1 << 16);
        assert_int_equal(csv_to_json_lines(str_from(text), "text", &buf, &note), expected);
        buf_append_char(&buf, '\0');
        assert_string_equal(expected ? note.text : buf.ptr, lines);
        buf_deinit(&buf);
}

static void a_table_becomes_json_lines_where_its_rows_stand(void **state)
{
        (void)state;
        check_lines("Text, Intent\na,\"b\"\"\"\n\n\"c\nd\",\ne,f", ERR_OK,
                    "\n{\"text\":\"a\",\"intent\":\"b\\\"\"}\n\n{\"text\":\"c\\nd\"}\n\n{\"text\":\"e\",\"intent\":\"f\"}");
        check_lines("text\na,b\n", ERR_INVALID, "2: not as many cells as the header row has");
        check_lines("text,x\n\xff,b\n", ERR_INVALID, "2: not UTF-8");
        check_lines("text,x\na,b\n\"a", ERR_INVALID, "3: a quoted cell is not closed");
        static const char *const headers[] = {"", "x,y", "text,text", "text,", "\"text"};
        for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
                check_lines(headers[i], ERR_INVALID, "1: the first row must name the columns, each once, `text` among them");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rows_are_read_as_rfc_4180_has_them),
                cmocka_unit_test(a_malformed_row_costs_its_first_line),
                cmocka_unit_test(a_table_becomes_json_lines_where_its_rows_stand),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
