/* SPDX-License-Identifier: Apache-2.0 */
/* Borrowed strings: pointer and length, not NUL-terminated, any bytes.
 *
 * A `struct str` never owns what it points to. An absent string has ptr == NULL; an empty one
 * has len == 0 and a pointer.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct str {
        const char *ptr;
        size_t len;
};

/* A literal as a string: STR("text"); STR_INIT for static initialisers. */
#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
#define STR_INIT(literal) {"" literal, sizeof(literal) - 1}

/* For printf("%.*s", STR_ARGS(s)). */
#define STR_ARGS(s) (int)(s).len, (s).ptr

/* Borrows a NUL-terminated string; NULL gives the absent string. */
struct str str_from(const char *text);

bool str_equal(struct str a, struct str b);

/* ASCII letters compare without case. */
bool str_equal_nocase(struct str a, struct str b);

bool str_starts_with(struct str s, struct str prefix);

/* Without the ASCII white space at both ends. */
struct str str_trim(struct str s);

/* The part before the first `separator`; *s becomes the rest, absent when there is none left. */
struct str str_split(struct str *s, char separator);

/* All of `s` as a decimal number without sign, spaces or leading plus; false otherwise. */
bool str_to_u64(struct str s, uint64_t *ret_value);

/* How many letters must be put in, taken out or replaced to make one of the other (Levenshtein, by
 * Wagner and Fischer 1974, one row at a time); SIZE_MAX when one has over 64 bytes. For "did you mean". */
size_t str_distance(struct str a, struct str b);

/* memcmp order, then length. */
int str_compare(struct str a, struct str b);

#ifdef __cplusplus
}
#endif
#endif
