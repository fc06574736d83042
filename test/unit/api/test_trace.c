/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "api/trace.h"

#include <string.h>

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"
#define ZEROS "00000000000000000000000000000000"

static struct arena arena;

static int set_up(void **state)
{
        (void)state;
        arena_init(&arena, 1 << 20);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        arena_deinit(&arena);
        return 0;
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
        struct str answer = trace_parent(str_from(sent), &arena);
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
                struct str answer = trace_parent(str_from(cases[i].sent), &arena);
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
                struct str answer = trace_parent(str_from(cases[i]), &arena);
                assert_well_formed(answer);
                assert_int_not_equal(memcmp(answer.ptr + 3, cases[i] + 3, 32), 0);
                assert_memory_equal(answer.ptr + 53, "00", 2);
        }
}

static void two_new_traces_differ(void **state)
{
        (void)state;
        struct str first = trace_parent((struct str){0}, &arena), second = trace_parent((struct str){0}, &arena);
        assert_int_not_equal(memcmp(first.ptr + 3, second.ptr + 3, 32), 0);
        assert_int_not_equal(memcmp(first.ptr + 36, second.ptr + 36, 16), 0);
}

static void a_full_arena_gives_none(void **state)
{
        (void)state;
        struct arena none;
        arena_init(&none, 0);
        assert_null(trace_parent(STR("00-" TRACE "-" SPAN "-01"), &none).ptr);
        arena_deinit(&none);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_valid_trace_goes_on_with_a_span_of_ours),
                cmocka_unit_test(what_is_not_a_valid_trace_begins_a_new_one),
                cmocka_unit_test(a_trace_of_zeros_or_capitals_is_not_repeated),
                cmocka_unit_test(two_new_traces_differ),
                cmocka_unit_test(a_full_arena_gives_none),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
