/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "text/redact.h"

#include <stdio.h>

enum { ARENA_BYTES = 1 << 20 };

static void equal_values_share_a_placeholder(void **state)
{
        (void)state;
        static const struct {
                const char *text, *expected;
        } cases[] = {
                {"nothing to see", "nothing to see"},
                {"", ""},
                {"a@b.cc", "[EMAIL_1]"},
                {"a@b.cc, c@d.ee and a@b.cc", "[EMAIL_1], [EMAIL_2] and [EMAIL_1]"},
                {"Jane@Example.com or jane@example.COM", "[EMAIL_1] or [EMAIL_1]"},
                {"from DE89370400440532013000 to de89370400440532013000", "from [IBAN_1] to [IBAN_2]"},
                {"jane@example.com, 415-555-0132; 4111111111111111 536-22-8841 10.1.2.3, 415-555-0133",
                 "[EMAIL_1], [PHONE_1]; [CREDIT_CARD_1] [US_SSN_1] [IP_ADDRESS_1], [PHONE_2]"},
                /* Labels of the customer's own are passed over. */
                {"[EMAIL_1] is what I saw, write to a@b.cc", "[EMAIL_1] is what I saw, write to [EMAIL_2]"},
                {"a@b.cc [EMAIL_1][EMAIL_2] c@d.ee [EMAIL_4]",
                 "[EMAIL_3] [EMAIL_1][EMAIL_2] [EMAIL_5] [EMAIL_4]"},
                {"[PHONE_1] a@b.cc", "[PHONE_1] [EMAIL_1]"},
                {"[EMAIL_a@b.cc]", "[[EMAIL_1]]"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct arena arena;
                struct safe_text safe, again;
                struct pii_placeholders map;
                arena_init(&arena, ARENA_BYTES);
                assert_ok(redact_placeholders((struct raw_text){str_from(cases[i].text)}, &arena, &safe, &map));
                assert_str_equal(safe.safe, cases[i].expected);
                assert_ok(
                        redact_text(safe.safe.len ? (struct raw_text){safe.safe} : (struct raw_text){STR("")},
                                    &arena, &again));
                assert_true(str_equal(again.safe, safe.safe));
                arena_deinit(&arena);
        }
}

static void the_map_gives_the_values_back(void **state)
{
        (void)state;
        struct arena arena;
        struct safe_text safe;
        struct pii_placeholders map;
        arena_init(&arena, ARENA_BYTES);
        struct raw_text raw = {STR("call 415-555-0132 or write to Jane@b.cc, jane@b.cc")};
        assert_ok(redact_placeholders(raw, &arena, &safe, &map));
        assert_int_equal(map.count, 2);
        assert_int_equal(map.last[PII_EMAIL], 1);
        assert_int_equal(map.newest->type, PII_EMAIL);
        assert_int_equal(map.newest->number, 1);
        assert_str_equal(map.newest->value, "Jane@b.cc");
        assert_str_equal(map.newest->older->value, "415-555-0132");
        assert_str_equal(map.newest->older->label, "[PHONE_1]");
        assert_null(map.newest->older->older);
        arena_deinit(&arena);
}

/* Whatever the words around it say, and however many there are. */
static void placeholders_are_left_alone(void **state)
{
        (void)state;
        static const char *const around[] = {
                "%s", "call me on %s", "my ssn is %s", "card number %s 12/27", "%s%s", "%s-%s", "%s %s %s",
                "1%s2", "order %s", "phone: %s,%s", "x%s@example", "%s@localhost", "::%s::", "+%s", "(%s) 555",
                "\\n%s", "version %s", "%s 555", "DE%s",
        };
        for (enum pii_type type = 0; type < PII_TYPE_COUNT; type++) {
                static const unsigned numbers[] = {1, 9, 10, 41, 256, 555, 4111, 2024};
                for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
                        for (size_t j = 0; j < sizeof around / sizeof *around; j++) {
                                char text[256];
                                size_t len = 0;
                                for (const char *at = around[j]; *at; at++) {
                                        if (at[0] != '%' || at[1] != 's') {
                                                text[len++] = *at;
                                                continue;
                                        }
                                        len += (size_t)snprintf(text + len, sizeof text - len, "[%s_%u]",
                                                                pii_type_name(type), numbers[i]);
                                        at++;
                                }
                                if (!redact_is_clean((struct str){text, len}))
                                        fail_msg("%.*s", (int)len, text);
                        }
                }
        }
}

static void too_many_different_values_are_an_error_and_not_a_part(void **state)
{
        (void)state;
        for (size_t count = PII_PLACEHOLDERS_MAX; count <= PII_PLACEHOLDERS_MAX + 1; count++) {
                static char text[(PII_PLACEHOLDERS_MAX + 1) * 10 + 1];
                struct arena arena;
                struct safe_text safe = {{0}};
                struct pii_placeholders map = {.count = 77};
                size_t len = 0;
                for (size_t i = 0; i < count; i++)
                        len += (size_t)snprintf(text + len, sizeof text - len, "a%03zu@b.cc ", i);
                arena_init(&arena, ARENA_BYTES);
                enum err err = redact_placeholders((struct raw_text){{text, len}}, &arena, &safe, &map);
                bool fits = count == PII_PLACEHOLDERS_MAX;
                assert_int_equal(err, fits ? ERR_OK : ERR_TOO_LARGE);
                assert_int_equal(map.count, fits ? count : 77);
                assert_int_equal(safe.safe.ptr != NULL, fits);
                arena_deinit(&arena);
        }
}

static void no_map_is_returned_when_the_arena_is_full(void **state)
{
        (void)state;
        for (size_t bytes = 0; bytes < 2048; bytes += 64) {
                struct arena arena;
                struct safe_text safe = {{0}};
                struct pii_placeholders map = {.count = 77};
                arena_init(&arena, bytes);
                enum err err = redact_placeholders((struct raw_text){STR("a@b.cc 415-555-0132")}, &arena,
                                                   &safe, &map);
                assert_int_equal(err, safe.safe.ptr ? ERR_OK : ERR_TOO_LARGE);
                assert_int_equal(map.count, safe.safe.ptr ? 2 : 77);
                arena_deinit(&arena);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(equal_values_share_a_placeholder),
                cmocka_unit_test(the_map_gives_the_values_back),
                cmocka_unit_test(placeholders_are_left_alone),
                cmocka_unit_test(too_many_different_values_are_an_error_and_not_a_part),
                cmocka_unit_test(no_map_is_returned_when_the_arena_is_full),
        };
        return cmocka_run_group_tests_name("text/redact_placeholders", tests, NULL, NULL);
}
