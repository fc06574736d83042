/* SPDX-License-Identifier: Apache-2.0 */
/* The passage of an article that is shown with it. */
#include "unit/test.h"

#include "base/json_reader.h"
#include "text/kb_index.h"

#include <string.h>

#define FILLER_ONCE "Our shop opened a long time ago and has been run by the same family ever since then, with much patience."
#define FILLER FILLER_ONCE " "

static void check(const char *body, const char *query, const char *expected)
{
        const struct article articles[] = {
                {.id = STR("first"), .title = STR("parcels"), .body = str_from(body)},
                {.id = STR("second"), .title = STR("refund money paid card"), .body = STR("colour")},
        };
        struct kb_index *index;
        struct kb_scratch *scratch = kb_scratch_new();
        assert_ok(kb_index_new(articles, 2, &index, NULL));
        const struct article *article = kb_index_article(index, 0);
        struct str snippet = kb_snippet(index, scratch, &(struct kb_ask){.text = {str_from(query)}}, article);
        assert_str_equal(snippet, expected);
        assert_true(snippet.len <= KB_SNIPPET_BYTES_MAX);
        assert_true(utf8_is_valid(snippet));
        kb_index_free(index);
        kb_scratch_free(scratch);
}

static void the_sentence_that_says_most_of_the_question_is_shown(void **state)
{
        (void)state;
        check(FILLER FILLER "Money is paid back to your card. " FILLER FILLER, "when is the money paid to my card",
              "Money is paid back to your card. " FILLER_ONCE);
        check(FILLER FILLER "Money talks. " FILLER FILLER "It is paid. Money is a card.", "money paid card",
              "It is paid. Money is a card.");
        check(FILLER "Colour fades.\nMoney is paid back.", "zeppelin", FILLER "Colour fades.\nMoney is paid back.");
}

static void a_short_body_is_shown_whole_and_none_is_absent(void **state)
{
        (void)state;
        check("  Money is paid back.\n\nTo your card.\n", "refund", "Money is paid back.\n\nTo your card.");
        check("Version 2.5 pays.", "", "Version 2.5 pays.");
        check("", "money", "");
        check(" \n ", "money", "");
}

static void a_long_sentence_is_cut_between_words_or_else_characters(void **state)
{
        (void)state;
        char body[2048] = {0}, expected[256] = {0};
        for (size_t i = 0; i < 30; i++)
                memcpy(body + 10 * i, "colourful ", 11);
        memcpy(body + 300, "money back", 11);
        memcpy(expected, body + 240, 70);
        check(body, "money", expected);
        /* 3 bytes a character, no blanks: 80 fit. */
        for (size_t i = 0; i < 200; i++)
                memcpy(body + 3 * i, "\xe6\x98\x8e", 4);
        memcpy(expected, body, 240);
        expected[240] = '\0';
        check(body, "money", expected);
        memmove(body + 1, body, 601);
        body[0] = 'x';
        expected[0] = 'x';
        memcpy(expected + 1, body + 1, 237);
        expected[238] = '\0';
        check(body, "money", expected);
}

static void a_body_of_any_size_is_no_trouble(void **state)
{
        (void)state;
        static char body[KB_BODY_BYTES_MAX + 1];
        for (size_t i = 0; i + 3 <= KB_BODY_BYTES_MAX; i += 3)
                memcpy(body + i, "a. ", 3);
        check(body, "money", "a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. "
                             "a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. "
                             "a. a. a. a. a. a. a. a. a. a. a. a. a. a. a. a.");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_sentence_that_says_most_of_the_question_is_shown),
                cmocka_unit_test(a_short_body_is_shown_whole_and_none_is_absent),
                cmocka_unit_test(a_long_sentence_is_cut_between_words_or_else_characters),
                cmocka_unit_test(a_body_of_any_size_is_no_trouble),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
