/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "core/scope.h"

static void scopes_are_read_from_a_list(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                unsigned scopes;
        } cases[] = {
                {"classify", SCOPE_CLASSIFY},
                {"review", SCOPE_REVIEW},
                {"admin", SCOPE_ADMIN},
                {"reveal", SCOPE_REVEAL},
                {"review,reveal", SCOPE_REVIEW | SCOPE_REVEAL},
                {"classify,review", SCOPE_CLASSIFY | SCOPE_REVIEW},
                {"admin, classify ,review", SCOPE_CLASSIFY | SCOPE_REVIEW | SCOPE_ADMIN},
                {"review,review", SCOPE_REVIEW},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                unsigned scopes = 0;
                assert_true(scopes_from(str_from(cases[i].text), &scopes));
                assert_int_equal(scopes, cases[i].scopes);
        }
}

static void one_bad_scope_spoils_the_list_and_leaves_the_output(void **state)
{
        (void)state;
        static const char *const cases[] = {
                "",     ",",    "classify,",       ",classify",       "Classify",      "classify2",
                "classif", "root", "classify review", "classify;review", "classify,root", "classify,,review"};
        unsigned scopes = 77;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                assert_false(scopes_from(str_from(cases[i]), &scopes));
        assert_false(scopes_from((struct str){0}, &scopes));
        assert_int_equal(scopes, 77);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(scopes_are_read_from_a_list),
                cmocka_unit_test(one_bad_scope_spoils_the_list_and_leaves_the_output),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
