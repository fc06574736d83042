/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "text/kb_parse.h"

#include <string.h>

enum { MAX = 32 };

struct parsed {
        struct arena arena;
        struct article articles[MAX];
        size_t count;
        struct kb_parse_report report;
        enum err err;
};

static enum err take(void *arg, const struct article *article)
{
        struct parsed *parsed = arg;
        parsed->articles[parsed->count++] = *article;
        return ERR_OK;
}

static struct parsed *parse(const char *name, const char *text)
{
        static struct parsed parsed;
        enum kb_format format;
        arena_deinit(&parsed.arena);
        memset(&parsed, 0, sizeof parsed);
        arena_init(&parsed.arena, 1 << 20);
        struct kb_sink sink = {take, &parsed, &parsed.arena};
        assert_true(kb_format_from(str_from(name), &format));
        parsed.err = kb_parse(format, str_from(name), str_from(text), &sink, &parsed.report);
        assert_int_equal(parsed.report.articles, parsed.count);
        return &parsed;
}

static int forget(void **state)
{
        (void)state;
        arena_deinit(&parse("x.jsonl", "")->arena);
        return 0;
}

static void json_lines_are_read_under_both_names(void **state)
{
        (void)state;
        struct parsed *parsed = parse(
                "faq.jsonl",
                "{\"id\":\"a\",\"title\":\"T \\u00e9?\",\"body\":\"B\",\"url\":\"/u\",\"locale\":\"en\","
                "\"aliases\":[\"x\",\"y z\"],\"tags\":[]}\r\n"
                "\n"
                "{\"id\":\"b\",\"question\":\"Q\",\"answer\":\"A\",\"url\":null}");
        assert_ok(parsed->err);
        assert_int_equal(parsed->count, 2);
        assert_str_equal(parsed->articles[0].title, "T \xc3\xa9?");
        assert_str_equal(parsed->articles[0].url, "/u");
        assert_int_equal(parsed->articles[0].alias_count, 2);
        assert_str_equal(parsed->articles[0].aliases[1], "y z");
        assert_str_equal(parsed->articles[1].title, "Q");
        assert_str_equal(parsed->articles[1].body, "A");
        assert_null(parsed->articles[1].url.ptr);
}

static void csv_cells_may_hold_commas_quotes_and_lines(void **state)
{
        (void)state;
        struct parsed *parsed =
                parse("faq.csv", "\xef\xbb\xbfid,Question,answer,tags,aliases\r\n"
                                 "a,\"Is it \"\"free\"\", really?\",\"Yes,\nit is.\",x | y,\r\n"
                                 "\r\n"
                                 "b,T,B,,\"one|two, three\"");
        assert_ok(parsed->err);
        assert_int_equal(parsed->report.malformed, 0);
        assert_int_equal(parsed->count, 2);
        assert_str_equal(parsed->articles[0].title, "Is it \"free\", really?");
        assert_str_equal(parsed->articles[0].body, "Yes,\nit is.");
        assert_int_equal(parsed->articles[0].tag_count, 2);
        assert_str_equal(parsed->articles[0].tags[1], "y");
        assert_int_equal(parsed->articles[0].alias_count, 0);
        assert_str_equal(parsed->articles[1].aliases[1], "two, three");
}

static void markdown_is_one_article(void **state)
{
        (void)state;
        struct parsed *parsed = parse("help/return-policy.md",
                                      "---\ntitle: \"What: returns?\"\ntags: [return, policy]\naliases: "
                                      "[send back]\nlocale: en\nurl: /help/r\n---\n"
                                      "\n# Returns\n\nThirty days.\n\n---\n\nMore.\n");
        assert_ok(parsed->err);
        assert_int_equal(parsed->count, 1);
        assert_str_equal(parsed->articles[0].id, "return-policy");
        assert_str_equal(parsed->articles[0].title, "What: returns?");
        assert_str_equal(parsed->articles[0].body, "Thirty days.\n\n---\n\nMore.");
        assert_int_equal(parsed->articles[0].tag_count, 2);
        parsed = parse("plain.md", "# Heading only\r\n\r\nText.");
        assert_str_equal(parsed->articles[0].title, "Heading only");
        assert_str_equal(parsed->articles[0].body, "Text.");
}

static void malformed_rows_are_named_counted_and_do_not_stop_the_rest(void **state)
{
        (void)state;
        static const struct {
                const char *name, *text, *problem;
                size_t articles;
        } cases[] = {
                {"f.jsonl",
                 "{\"id\":\"a\",\"title\":\"t\",\"body\":\"b\"}\n{broken\n{\"id\":\"c\",\"title\":\"t\","
                 "\"body\":\"b\"}",
                 "f.jsonl:2: ", 2},
                {"f.jsonl", "\n\n[1]", "f.jsonl:3: not an object", 0},
                {"f.jsonl", "{\"id\":\"a\",\"body\":\"b\"}", "f.jsonl:1: no title", 0},
                {"f.jsonl", "{\"title\":\"a\",\"body\":\"b\"}", "no id; give", 0},
                {"f.jsonl", "{\"id\":\"a\",\"title\":\"t\",\"body\":\" \"}", "no body", 0},
                {"f.jsonl", "{\"id\":7,\"title\":\"t\",\"body\":\"b\"}", "\"id\" is not a string", 0},
                {"f.jsonl", "{\"id\":\"a\",\"titel\":\"t\",\"body\":\"b\"}", "unknown member \"titel\"", 0},
                {"f.jsonl", "{\"id\":\"a\",\"title\":\"t\",\"question\":\"q\",\"body\":\"b\"}", "both given",
                 0},
                {"f.jsonl", "{\"id\":\"a\",\"title\":\"t\",\"body\":\"b\",\"tags\":\"x\"}", "not an array",
                 0},
                {"f.jsonl", "{\"id\":\"a\",\"title\":\"t\",\"body\":\"b\",\"tags\":[1]}", "not a string", 0},
                {"f.csv", "id,title,body\na,t\nb,t,b\n", "f.csv:2: 2 cells instead of 3", 1},
                {"f.csv", "id,title,body\n\"a\nb\",t,b\nc,\"t,b\nd,t,b\n",
                 "f.csv:4: a quoted cell is not closed", 2},
                {"f.csv", "id,title,body\na,\"t\"x,b\nc,t,b", "f.csv:2: a quoted cell", 1},
                {"f.csv", "id,title,body\na,\xff,b\nc,t,b", "f.csv:2: not UTF-8", 1},
                {"f.md", "---\ntitle: x\n", "front matter does not end", 0},
                {"f.md", "---\ncolour: x\n---\nbody", "f.md:2: unknown key \"colour\"", 0},
                {"f.md", "---\ntitle: x\ntags: a\n---\nbody", "f.md:3: not a list", 0},
                {"f.md", "no title here", "no title", 0},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct parsed *parsed = parse(cases[i].name, cases[i].text);
                assert_ok(parsed->err);
                if (parsed->report.malformed != 1 || parsed->count != cases[i].articles ||
                    !strstr(parsed->report.problems[0].text, cases[i].problem))
                        print_error("case %zu: %zu malformed, %zu articles, \"%s\"\n", i,
                                    parsed->report.malformed, parsed->count, parsed->report.problems[0].text);
                assert_int_equal(parsed->report.malformed, 1);
                assert_int_equal(parsed->count, cases[i].articles);
                assert_non_null(strstr(parsed->report.problems[0].text, cases[i].problem));
        }
}

static void a_csv_without_a_usable_header_is_an_error(void **state)
{
        (void)state;
        assert_int_equal(parse("f.csv", "id,colour,body\na,b,c")->err, ERR_SYNTAX);
        assert_int_equal(parse("f.csv", "id,body\na,b")->err, ERR_SYNTAX);
        assert_int_equal(parse("f.csv", "id,title,question,body\na,b,c,d")->err, ERR_SYNTAX);
        assert_int_equal(parse("f.csv", "")->err, ERR_SYNTAX);
}

static void all_malformed_rows_are_counted_though_few_are_kept(void **state)
{
        (void)state;
        char text[200 * 2];
        for (size_t i = 0; i + 1 < sizeof text; i += 2)
                memcpy(text + i, "{\n", 2);
        text[sizeof text - 1] = '\0';
        struct parsed *parsed = parse("f.jsonl", text);
        assert_int_equal(parsed->report.malformed, 200);
        assert_int_equal(parsed->report.problem_count, KB_PROBLEMS_MAX);
}

static enum err refuse_all(void *arg, const struct article *article)
{
        (void)arg;
        (void)article;
        return ERR_NO_SPACE;
}

static void what_the_taker_says_and_a_full_arena_end_the_parse(void **state)
{
        (void)state;
        struct kb_parse_report report;
        struct arena arena;
        struct str text = STR("{\"id\":\"a\",\"title\":\"t\",\"body\":\"b\"}");
        arena_init(&arena, 1 << 16);
        struct kb_sink sink = {refuse_all, NULL, &arena};
        assert_int_equal(kb_parse(KB_FORMAT_JSONL, STR("x"), text, &sink, &report), ERR_NO_SPACE);
        arena_deinit(&arena);
        arena_init(&arena, 8);
        assert_int_equal(kb_parse(KB_FORMAT_JSONL, STR("x"), text, &sink, &report), ERR_TOO_LARGE);
        arena_deinit(&arena);
}

static void formats_go_by_the_ending(void **state)
{
        (void)state;
        enum kb_format format;
        assert_true(kb_format_from(STR("a/b.CSV"), &format) && format == KB_FORMAT_CSV);
        assert_true(kb_format_from(STR("b.md"), &format) && format == KB_FORMAT_MARKDOWN);
        assert_false(kb_format_from(STR(".md"), &format));
        assert_false(kb_format_from(STR("b.xlsx"), &format));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(json_lines_are_read_under_both_names),
                cmocka_unit_test(csv_cells_may_hold_commas_quotes_and_lines),
                cmocka_unit_test(markdown_is_one_article),
                cmocka_unit_test(malformed_rows_are_named_counted_and_do_not_stop_the_rest),
                cmocka_unit_test(a_csv_without_a_usable_header_is_an_error),
                cmocka_unit_test(all_malformed_rows_are_counted_though_few_are_kept),
                cmocka_unit_test(what_the_taker_says_and_a_full_arena_end_the_parse),
                cmocka_unit_test(formats_go_by_the_ending),
        };
        return cmocka_run_group_tests(tests, NULL, forget);
}
