/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on text that is valid UTF-8 already (see utf8_is_valid in base/json_reader.h). */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/str.h"

/* Number of Unicode code points. */
size_t utf8_count(struct str text);

/* The first `max_points` code points of it. */
struct str utf8_cut(struct str text, size_t max_points);

/* The first whole code points that fit into `max_bytes`. */
struct str utf8_cut_bytes(struct str text, size_t max_bytes);

#endif
