/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/json_reader.h"
#include "base/json_writer.h"

#include <stdio.h>
#include <string.h>

static struct json_parser *parser;

static int set_up(void **state)
{
        (void)state;
        parser = json_parser_new(4096, 16);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        json_parser_free(parser);
        return 0;
}

static void strict_json_is_accepted_and_all_else_refused(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                enum err expected;
        } cases[] = {
                {"{}", ERR_OK},
                {" [1, 2.5, -3e2, true, null, \"x\"] ", ERR_OK},
                {"", ERR_SYNTAX},
                {"{\"a\":1,}", ERR_SYNTAX},
                {"{'a':1}", ERR_SYNTAX},
                {"{\"a\":01}", ERR_SYNTAX},
                {"{\"a\":NaN}", ERR_SYNTAX},
                {"[1] [2]", ERR_SYNTAX},
                {"\"\xff\"", ERR_SYNTAX},
                {"\"\\ud800\"", ERR_SYNTAX},
                {"{\"a\":1,\"a\":2}", ERR_SYNTAX},
                {"{\"a\":1,\"\\u0061\":2}", ERR_SYNTAX},
                {"[{\"x\":{\"a\":1,\"b\":1,\"a\":2}}]", ERR_SYNTAX},
                {"[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", ERR_SYNTAX},
                {"1e999", ERR_SYNTAX},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct json root;
                struct err_note note;
                enum err err = json_parse(parser, str_from(cases[i].text), &root, &note);
                if (err != cases[i].expected)
                        fail_msg("%s: %s", cases[i].text, err_name(err));
        }
}

static void members_are_walked_in_order(void **state)
{
        (void)state;
        struct json root, value;
        struct str name, text;
        int64_t number;
        assert_ok(json_parse(parser, STR("{\"a\":\"x\\n\",\"b\":[1,[2,3],4],\"c\":null}"), &root, NULL));
        struct json_iter iter = json_iter(root);
        assert_true(json_next(&iter, &name, &value));
        assert_str_equal(name, "a");
        assert_true(json_to_str(value, &text));
        assert_str_equal(text, "x\n");
        assert_true(json_next(&iter, &name, &value));
        int64_t sum = 0;
        struct json_iter inner = json_iter(value);
        while (json_next(&inner, NULL, &value))
                if (json_to_i64(value, &number))
                        sum += number;
        assert_int_equal(sum, 5);
        assert_true(json_next(&iter, &name, &value));
        assert_int_equal(json_type(value), JSON_NULL);
        assert_false(json_next(&iter, &name, &value));
        assert_false(json_find(root, STR("c"), &value));
        assert_true(json_find(root, STR("b"), &value));
}

static void a_repeated_name_is_refused_among_few_members_and_many(void **state)
{
        (void)state;
        struct json root;
        assert_int_equal(json_parse(parser, STR("{\"a\":1,\"b\":2,\"a\":3}"), &root, NULL), ERR_SYNTAX);
        assert_int_equal(json_parse(parser, STR("[{\"a\":{\"b\":1,\"b\":1}}]"), &root, NULL), ERR_SYNTAX);
        assert_ok(json_parse(parser, STR("{\"a\":1,\"ab\":{\"a\":2}}"), &root, NULL));
        for (int repeated = 0; repeated < 2; repeated++) {
                struct buf text;
                buf_init(&text, 1024);
                buf_append_str(&text, STR("{"));
                for (int i = 0; i < 30; i++)
                        buf_printf(&text, "\"n%d\":0,", i);
                buf_printf(&text, "\"n%d\":0}", repeated ? 7 : 30);
                assert_int_equal(json_parse(parser, buf_str(&text), &root, NULL), repeated ? ERR_SYNTAX : ERR_OK);
                buf_deinit(&text);
        }
}

static void the_limit_on_size_holds(void **state)
{
        (void)state;
        char text[5000];
        struct json root;
        memset(text, ' ', sizeof text);
        text[0] = '1';
        assert_int_equal(json_parse(parser, (struct str){text, sizeof text}, &root, NULL), ERR_TOO_LARGE);
        assert_ok(json_parse(parser, (struct str){text, 4096}, &root, NULL));
}

static void what_is_written_reads_back(void **state)
{
        (void)state;
        struct buf buf;
        buf_init(&buf, 1024);
        struct json_writer w = {.buf = &buf};
        json_open(&w, '{');
        json_key(&w, "text");
        json_str(&w, STR("q\" b\\ n\n c\x01 \xc3\xa9"));
        json_key(&w, "list");
        json_open(&w, '[');
        json_i64(&w, -5);
        json_fixed(&w, 0.95, 4);
        json_fixed(&w, -1.0 / 3, 4);
        json_fixed(&w, 150, 2);
        json_null(&w);
        json_bool(&w, true);
        json_time(&w, 1795341600123);
        json_close(&w, ']');
        json_key(&w, "absent");
        json_str(&w, (struct str){0});
        json_close(&w, '}');
        assert_str_equal(buf_str(&buf), "{\"text\":\"q\\\" b\\\\ n\\n c\\u0001 \xc3\xa9\",\"list\":[-5,0.95,-0.3333,150,"
                                        "null,true,\"2026-11-22T10:00:00.123Z\"],\"absent\":null}");
        struct json root;
        assert_ok(json_parse(parser, buf_str(&buf), &root, NULL));
        buf_deinit(&buf);
}

static size_t escape_byte(unsigned char c, char *to)
{
        static const char letters[][2] = {{'"', '"'}, {'\\', '\\'}, {'\n', 'n'}, {'\r', 'r'}, {'\t', 't'}};
        for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
                if ((unsigned char)letters[i][0] == c)
                        return (size_t)snprintf(to, 8, "\\%c", letters[i][1]);
        return (size_t)(c < 32 || c == 127 ? snprintf(to, 8, "\\u%04x", c) : snprintf(to, 8, "%c", c));
}

/* Every byte at every place of a text that is longer than what is looked at in one go. */
static void each_byte_is_escaped_where_it_must_be(void **state)
{
        (void)state;
        enum { LEN = 19 };
        struct buf buf;
        buf_init(&buf, 256);
        for (int c = 0; c < 256; c++) {
                for (size_t at = 0; at < LEN; at++) {
                        char text[LEN], expected[LEN * 6 + 8];
                        size_t len = 0;
                        memset(text, 'x', LEN);
                        text[LEN - 1 - at / 2] = '"';
                        text[at] = (char)c;
                        for (size_t i = 0; i < LEN; i++)
                                len += escape_byte((unsigned char)text[i], expected + len);
                        buf_reset(&buf);
                        json_escape(&buf, (struct str){text, LEN});
                        assert_int_equal(buf.len, len);
                        assert_memory_equal(buf.ptr, expected, len);
                }
        }
        buf_deinit(&buf);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(strict_json_is_accepted_and_all_else_refused),
                cmocka_unit_test(members_are_walked_in_order),
                cmocka_unit_test(a_repeated_name_is_refused_among_few_members_and_many),
                cmocka_unit_test(the_limit_on_size_holds),
                cmocka_unit_test(what_is_written_reads_back),
                cmocka_unit_test(each_byte_is_escaped_where_it_must_be),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
