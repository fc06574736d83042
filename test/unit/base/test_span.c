/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/span.h"

#include <string.h>

#define LETTERS_32 "abcdefghijklmnopqrstuvwxyzabcdef"
#define LETTERS_126 LETTERS_32 LETTERS_32 LETTERS_32 "abcdefghijklmnopqrstuvwxyzabcd"

static const struct trace_context sampled = {{1}, {2}, 1}, unsampled = {{1}, {2}, 0};

static void keep(void *arg, const struct span *span)
{
        memcpy(arg, span, sizeof *span);
}

static void without_a_sink_none_is_wanted(void **state)
{
        (void)state;
        struct span span, kept;
        assert_false(span_has_sink());
        assert_false(span_is_wanted(&sampled));
        span_init(&span, &sampled, NULL, "x", SPAN_SERVER);
        span_end(&span);
        span_set_sink(keep, &kept);
        assert_true(span_has_sink());
        assert_true(span_is_wanted(&sampled));
        assert_false(span_is_wanted(&unsampled));
        span_set_sink(NULL, NULL);
        assert_false(span_is_wanted(&sampled));
}

static void the_sink_gets_what_was_said(void **state)
{
        (void)state;
        static const unsigned char parent[SPAN_ID_BYTES] = {9};
        struct span span, kept = {.name = NULL};
        span_set_sink(keep, &kept);
        span_init(&span, &sampled, parent, "chat", SPAN_CLIENT);
        span_set_time(&span, 1795305600123, 4567);
        span_add_i64(&span, "tokens", -7);
        span_add_double(&span, "share", 0.25);
        span_add_word(&span, "left_out", NULL);
        span_add_word(&span, "model", "m\xc3\xb6"
                                      "del");
        span_end(&span);
        span_set_sink(NULL, NULL);
        assert_string_equal(kept.name, "chat");
        assert_int_equal(kept.kind, SPAN_CLIENT);
        assert_false(kept.is_error);
        assert_memory_equal(&kept.context, &sampled, sizeof sampled);
        assert_memory_equal(kept.parent_id, parent, sizeof parent);
        assert_int_equal(kept.end_ns, 1795305600123000000);
        assert_int_equal(kept.start_ns, 1795305600118433000);
        assert_int_equal(kept.attribute_count, 3);
        assert_int_equal(kept.attributes[0].number, -7);
        assert_true(kept.attributes[1].real == 0.25);
        assert_string_equal(kept.attributes[2].name, "model");
        assert_int_equal(kept.attributes[2].word_bytes, 6);
        assert_memory_equal(kept.attributes[2].word, "m\xc3\xb6"
                                                     "del",
                            6);
}

static void without_a_parent_it_is_zeros(void **state)
{
        (void)state;
        static const unsigned char none[SPAN_ID_BYTES];
        struct span span;
        span_init(&span, &sampled, NULL, "x", SPAN_SERVER);
        assert_memory_equal(span.parent_id, none, sizeof none);
}

static void a_long_word_is_cut_between_characters(void **state)
{
        (void)state;
        static const struct {
                const char *word;
                uint32_t bytes;
        } cases[] = {
                {"", 0},
                {LETTERS_126 "yz", 128},
                {LETTERS_126 "yzz", 128},
                {LETTERS_126 "\xc3\xb6", 128},
                {LETTERS_126 "y\xc3\xb6", 127},
                {LETTERS_126 "\xe2\x82\xac", 126},
                {LETTERS_126 LETTERS_126 LETTERS_126, 128},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct span span;
                span_init(&span, &sampled, NULL, "x", SPAN_SERVER);
                span_add_word(&span, "word", cases[i].word);
                if (span.attributes[0].word_bytes != cases[i].bytes)
                        fail_msg("case %zu: %u bytes", i, span.attributes[0].word_bytes);
                assert_memory_equal(span.attributes[0].word, cases[i].word, cases[i].bytes);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_a_sink_none_is_wanted),
                cmocka_unit_test(the_sink_gets_what_was_said),
                cmocka_unit_test(without_a_parent_it_is_zeros),
                cmocka_unit_test(a_long_word_is_cut_between_characters),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
