/* SPDX-License-Identifier: Apache-2.0 */
/* For script/lint only: what clang's analyzer cannot see across files. err_set() and err_prefix()
 * return the error that they were given, so a function that ends with one of them has failed and
 * leaves its outputs alone, as its callers rely on. */
#include "base/err.h"

static inline enum err analyzer_err(const struct err_note *note, enum err err)
{
        (void)note;
        return err;
}

static inline void analyzer_use(const char *format, ...)
{
        (void)format;
}

#define err_set(note, err, ...) (analyzer_use(__VA_ARGS__), analyzer_err(note, err))
#define err_prefix(note, err, ...) (analyzer_use(__VA_ARGS__), analyzer_err(note, err))
