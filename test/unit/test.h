/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka with the headers that it wants first, and what our tests share. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/str.h"

#define assert_ok(call) assert_int_equal((call), ERR_OK)
#define assert_str_equal(actual, expected) test_str_equal((actual), str_from(expected), __FILE__, __LINE__)

static inline void test_str_equal(struct str actual, struct str expected, const char *file, int line)
{
        if (str_equal(actual, expected))
                return;
        print_error("\"%.*s\" is not \"%.*s\"\n", STR_ARGS(actual), STR_ARGS(expected));
        _fail(file, line);
}

#endif
