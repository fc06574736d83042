/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "text/redact.h"

#include <string.h>

enum { ARENA_BYTES = 1 << 20 };

static const struct redact_key key_1 = {1, STR_INIT("a secret of some length")};

static struct str redacted(const char *text, const struct redact_manner *manner, struct arena *arena)
{
        struct safe_text safe, again;
        assert_ok(redact_as((struct raw_text){str_from(text)}, manner, arena, &safe, NULL));
        assert_ok(redact_as((struct raw_text){safe.safe}, manner, arena, &again, NULL));
        assert_true(str_equal(safe.safe, again.safe));
        return safe.safe;
}

static void each_style_writes_its_own(void **state)
{
        (void)state;
        static const struct {
                enum redact_style style;
                const char *text, *expected;
        } cases[] = {
                {REDACT_TAG, "card 4111 1111 1111 1111, jane@b.cc",
                 "card [CREDIT_CARD_REDACTED], [EMAIL_REDACTED]"},
                {REDACT_MASK, "card 4111 1111 1111 1111, jane@b.cc", "card **** **** **** 1111, *********"},
                {REDACT_MASK, "my ssn is 536-22-8841", "my ssn is ***********"},
                {REDACT_MASK, "my name is Zoë Müller", "my name is *** ******"},
                {REDACT_MASK, "account number 12345678", "account number ********"},
                {REDACT_MASK, "account number 123456789012", "account number ********9012"},
                {REDACT_MASK, "DE89 3704 0044 0532 0130 00", "**** **** **** **** **30 00"},
                {REDACT_PLACEHOLDER, "jane@b.cc or JANE@b.cc", "[EMAIL_1] or [EMAIL_1]"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct redact_manner manner = {.scope = {.types = REDACT_ALL}, .style = cases[i].style};
                struct arena arena;
                arena_init(&arena, ARENA_BYTES);
                struct str safe = redacted(cases[i].text, &manner, &arena);
                assert_str_equal(safe, cases[i].expected);
                arena_deinit(&arena);
        }
}

static void pseudonyms_link_equal_values_under_one_key_only(void **state)
{
        (void)state;
        struct redact_manner manner = {.scope = {.types = REDACT_ALL}, .style = REDACT_PSEUDONYM, .key = key_1};
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        struct str one = redacted("jane@b.cc", &manner, &arena);
        assert_true(str_starts_with(one, STR("[EMAIL_REDACTED_1_")) &&
                    one.len == strlen("[EMAIL_REDACTED_1_000000000000]"));
        assert_true(str_equal(one, redacted("JANE@B.CC", &manner, &arena)));
        assert_false(str_equal(one, redacted("jane@b.cd", &manner, &arena)));
        assert_true(str_equal(redacted("4111111111111111", &manner, &arena),
                              redacted("4111-1111-1111-1111", &manner, &arena)));
        assert_false(str_equal(redacted("my name is Ann Abel", &manner, &arena),
                               redacted("my name is Anna Bel", &manner, &arena)));
        manner.key.secret = STR("another secret altogether");
        assert_false(str_equal(one, redacted("jane@b.cc", &manner, &arena)));
        arena_deinit(&arena);
}

static void what_is_kept_serves_another_style_of_the_same_text_only(void **state)
{
        (void)state;
        static const char text[] = "card 4111 1111 1111 1111, jane@b.cc";
        struct redact_finds finds = {.count = 0};
        struct redact_manner manner = {.scope = {.types = REDACT_ALL}, .style = REDACT_TAG, .finds = &finds};
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        struct safe_text safe;
        assert_ok(redact_as((struct raw_text){str_from(text)}, &manner, &arena, &safe, NULL));
        assert_str_equal(safe.safe, "card [CREDIT_CARD_REDACTED], [EMAIL_REDACTED]");
        assert_int_equal(finds.count, 2);
        manner.style = REDACT_PLACEHOLDER;
        assert_ok(redact_as((struct raw_text){str_from(text)}, &manner, &arena, &safe, NULL));
        assert_str_equal(safe.safe, "card [CREDIT_CARD_1], [EMAIL_1]");
        finds.count = 0; /* shows that nobody looks again */
        assert_ok(redact_as((struct raw_text){str_from(text)}, &manner, &arena, &safe, NULL));
        assert_str_equal(safe.safe, text);
        assert_ok(redact_as((struct raw_text){{text, sizeof "card 4111 1111 1111 1111, jane@b" - 1}}, &manner, &arena, &safe, NULL));
        assert_str_equal(safe.safe, "card [CREDIT_CARD_1], jane@b");
        finds = (struct redact_finds){.text = {text, sizeof text - 1}, .scope = manner.scope};
        manner.scope.types = 1U << PII_EMAIL;
        assert_ok(redact_as((struct raw_text){str_from(text)}, &manner, &arena, &safe, NULL));
        assert_str_equal(safe.safe, "card 4111 1111 1111 1111, [EMAIL_1]");
        arena_deinit(&arena);
}

static void without_a_key_there_is_no_text(void **state)
{
        (void)state;
        const struct redact_manner manner = {.scope = {.types = REDACT_ALL}, .style = REDACT_PSEUDONYM};
        struct safe_text safe = {{0}};
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        assert_int_equal(redact_as((struct raw_text){STR("jane@b.cc")}, &manner, &arena, &safe, NULL),
                         ERR_TOO_LARGE);
        assert_null(safe.safe.ptr);
        arena_deinit(&arena);
}

static void a_type_that_is_kept_stays(void **state)
{
        (void)state;
        struct redact_manner manner = {.scope = {.types = REDACT_ALL & ~(1U << PII_PERSON)},
                                       .style = REDACT_TAG};
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        assert_str_equal(redacted("my name is Jane Doe, jane@b.cc", &manner, &arena),
                         "my name is Jane Doe, [EMAIL_REDACTED]");
        arena_deinit(&arena);
}

static void known_names_are_found_in_any_case(void **state)
{
        (void)state;
        const struct str names[] = {STR_INIT("Quillfeather")};
        struct redact_manner manner = {.scope = {.types = REDACT_ALL, .known_names = names, .known_count = 1},
                                       .style = REDACT_TAG};
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        assert_str_equal(redacted("is quillfeather in?", &manner, &arena), "is [PERSON_REDACTED] in?");
        manner.scope.known_count = 0;
        assert_str_equal(redacted("is quillfeather in?", &manner, &arena), "is quillfeather in?");
        arena_deinit(&arena);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_style_writes_its_own),
                cmocka_unit_test(pseudonyms_link_equal_values_under_one_key_only),
                cmocka_unit_test(what_is_kept_serves_another_style_of_the_same_text_only),
                cmocka_unit_test(without_a_key_there_is_no_text),
                cmocka_unit_test(a_type_that_is_kept_stays),
                cmocka_unit_test(known_names_are_found_in_any_case),
        };
        return cmocka_run_group_tests_name("text/redact_styles", tests, NULL, NULL);
}
