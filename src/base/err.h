/* SPDX-License-Identifier: Apache-2.0 */
/* Errors: how a function says that the world failed it.
 *
 * Three kinds, three answers. A bug is an assert, kept in production. Out of memory aborts
 * (base/alloc.h). All else is a must-use `enum err`, listed once in err.def, beside an optional
 * `struct err_note` into which each layer puts its words for the person who has to act.
 *
 * Outputs are named `ret_x` and are untouched on failure. A note never holds customer text.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum err {
#define ERR(symbol, name, may_retry, text) ERR_##symbol,
#include "base/err.def"
#undef ERR
        ERR_COUNT
};

/* A function whose failure nobody may ignore. */
#define MUST_USE __attribute__((warn_unused_result))

/* Prose about a failure, at most 511 bytes, always NUL-terminated; longer texts are cut. */
struct err_note {
        char text[512];
};

/* The stable lower-case name, as in logs: "no_space". */
const char *err_name(enum err err);

/* One short sentence without a full stop. */
const char *err_text(enum err err);

/* Whether the same call may succeed later without any change. */
bool err_may_retry(enum err err);

/* Replaces the note. A NULL note is allowed everywhere. Returns `err`, so that a failing
 * function can end with `return err_set(note, ERR_SYNTAX, "…")`. */
enum err err_set(struct err_note *note, enum err err, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Puts this layer's words before the lower layer's: "policy/replies.yaml:12: …". */
enum err err_prefix(struct err_note *note, enum err err, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

#ifdef __cplusplus
}
#endif
#endif
