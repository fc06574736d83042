/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/trace_context.h"

#include <string.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define ZEROS "00000000000000000000000000000000"

/* The traceparent of our answer: the caller's trace and flags with a span of ours, or a fresh trace. */
static struct str answer_to(const char *sent)
{
        static char text[TRACE_PARENT_BYTES + 1];
        struct trace_context caller;
        bool is_sent = trace_context_parse(str_from(sent), &caller);
        struct trace_context own = is_sent ? trace_context_child(&caller) : trace_context_new(0);
        trace_context_write(&own, text);
        return str_from(text);
}

/* Answers are always of the first version: "00-", 32 digits, "-", 16 digits, "-", 2 digits. */
static void assert_well_formed(struct str answer)
{
        static const char shape[] = "00-hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh-hhhhhhhhhhhhhhhh-hh";
        assert_int_equal(answer.len, sizeof shape - 1);
        for (size_t i = 0; i < answer.len; i++)
                assert_true(shape[i] == 'h' ? memchr("0123456789abcdef", answer.ptr[i], 16) != NULL
                                            : shape[i] == answer.ptr[i]);
        assert_int_not_equal(memcmp(answer.ptr + 3, ZEROS, 32), 0);
        assert_int_not_equal(memcmp(answer.ptr + 36, ZEROS, 16), 0);
}

static bool goes_on(const char *sent)
{
        struct str answer = answer_to(sent);
        assert_well_formed(answer);
        return memcmp(answer.ptr + 3, TRACE, 32) == 0;
}

static void a_valid_trace_goes_on_with_a_span_of_ours(void **state)
{
        (void)state;
        static const struct {
                const char *sent, *flags;
        } cases[] = {
                {"00-" TRACE "-" SPAN "-01", "01"},
                {"00-" TRACE "-" SPAN "-00", "00"},
                {"00-" TRACE "-" SPAN "-ff", "ff"},
                {"cc-" TRACE "-" SPAN "-01", "01"},
                {"01-" TRACE "-" SPAN "-01-what-the-future-will-be-like", "01"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                assert_true(goes_on(cases[i].sent));
                struct str answer = answer_to(cases[i].sent);
                assert_memory_equal(answer.ptr + 53, cases[i].flags, 2);
                assert_int_not_equal(memcmp(answer.ptr + 36, SPAN, 16), 0);
        }
}

static void what_is_not_a_valid_trace_begins_a_new_one(void **state)
{
        (void)state;
        static const char *const cases[] = {
                NULL,
                "",
                "00",
                "00-" TRACE "-" SPAN "-0",
                "00-" TRACE "-" SPAN "-01 ",
                "00-" TRACE "-" SPAN "-01-more", /* the first version has no more */
                "00-" TRACE "-" SPAN "-0g",
                "00-" TRACE "-" SPAN "-0G",
                "00_" TRACE "-" SPAN "-01",
                "00-" TRACE "_" SPAN "-01",
                "00-" TRACE "-" SPAN "_01",
                "00-" TRACE "-0000000000000000-01",
                "00-" TRACE "-B7AD6B7169203331-01",
                "00-" TRACE "-b7ad6b716920333-011",
                "ff-" TRACE "-" SPAN "-01",
                "01-" TRACE "-" SPAN "-01.more",
                "zz-" TRACE "-" SPAN "-01",
                "0x-" TRACE "-" SPAN "-01",
                "CC-" TRACE "-" SPAN "-01",
                "-0-" TRACE "-" SPAN "-01",
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                if (goes_on(cases[i]))
                        fail_msg("%s", cases[i]);
}

static void a_trace_of_zeros_or_capitals_is_not_repeated(void **state)
{
        (void)state;
        static const char *const cases[] = {"00-" ZEROS "-" SPAN "-01",
                                            "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01"};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct str answer = answer_to(cases[i]);
                assert_well_formed(answer);
                assert_int_not_equal(memcmp(answer.ptr + 3, cases[i] + 3, 32), 0);
                assert_memory_equal(answer.ptr + 53, "00", 2);
        }
}

static void sixteen_characters_are_digits(void **state)
{
        (void)state;
        for (int c = 1; c < 256; c++) {
                char sent[] = "00-" TRACE "-" SPAN "-00";
                struct trace_context context;
                sent[sizeof sent - 2] = (char)c;
                bool is_digit = strchr("0123456789abcdef", c) != NULL;
                assert_int_equal(trace_context_parse(str_from(sent), &context), is_digit);
        }
}

static void ids_are_drawn_each_time(void **state)
{
        (void)state;
        struct trace_context first = trace_context_new(0), second = trace_context_new(0);
        struct trace_context child = trace_context_child(&first);
        assert_memory_not_equal(first.trace_id, second.trace_id, TRACE_ID_BYTES);
        assert_memory_not_equal(first.span_id, second.span_id, SPAN_ID_BYTES);
        assert_memory_equal(first.trace_id, child.trace_id, TRACE_ID_BYTES);
        assert_memory_not_equal(first.span_id, child.span_id, SPAN_ID_BYTES);
}

static void what_is_refused_is_not_written(void **state)
{
        (void)state;
        struct trace_context context, before;
        memset(&context, 7, sizeof context);
        before = context;
        assert_false(trace_context_parse(STR("00-" TRACE "-0000000000000000-01"), &context));
        assert_memory_equal(&context, &before, sizeof context);
}

static void what_is_written_is_what_was_read(void **state)
{
        (void)state;
        static const char sent[] = "00-" TRACE "-" SPAN "-a5";
        char text[TRACE_PARENT_BYTES + 1];
        struct trace_context context;
        assert_true(trace_context_parse(str_from(sent), &context));
        trace_context_write(&context, text);
        assert_string_equal(text, sent);
        assert_int_equal(context.trace_id[0], 0x0a);
        assert_int_equal(context.span_id[7], 0x31);
        assert_int_equal(context.flags, 0xa5);
}

static void the_share_of_sampled_traces_is_kept(void **state)
{
        (void)state;
        static const struct {
                uint32_t percent;
                int least, most; /* of 10,000: six standard deviations off */
        } cases[] = {{0, 0, 0}, {1, 40, 160}, {50, 4700, 5300}, {100, 10000, 10000}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                int sampled = 0;
                for (int n = 0; n < 10000; n++) {
                        struct trace_context context = trace_context_new(cases[i].percent);
                        sampled += trace_context_is_sampled(&context);
                }
                assert_in_range(sampled, cases[i].least, cases[i].most);
        }
}

static void the_caller_decides_what_is_sampled(void **state)
{
        (void)state;
        static const struct {
                const char *sent;
                bool is_sampled;
        } cases[] = {
                {"00-" TRACE "-" SPAN "-00", false},
                {"00-" TRACE "-" SPAN "-01", true},
                {"00-" TRACE "-" SPAN "-02", false},
                {"00-" TRACE "-" SPAN "-03", true},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct trace_context context, child;
                assert_true(trace_context_parse(str_from(cases[i].sent), &context));
                child = trace_context_child(&context);
                assert_int_equal(trace_context_is_sampled(&context), cases[i].is_sampled);
                assert_int_equal(trace_context_is_sampled(&child), cases[i].is_sampled);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_valid_trace_goes_on_with_a_span_of_ours),
                cmocka_unit_test(what_is_not_a_valid_trace_begins_a_new_one),
                cmocka_unit_test(a_trace_of_zeros_or_capitals_is_not_repeated),
                cmocka_unit_test(sixteen_characters_are_digits),
                cmocka_unit_test(ids_are_drawn_each_time),
                cmocka_unit_test(what_is_refused_is_not_written),
                cmocka_unit_test(what_is_written_is_what_was_read),
                cmocka_unit_test(the_share_of_sampled_traces_is_kept),
                cmocka_unit_test(the_caller_decides_what_is_sampled),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
