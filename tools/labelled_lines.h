/* SPDX-License-Identifier: Apache-2.0 */
/* Labelled messages from JSONL files, for the build's tools. Errors name file and line. */
#ifndef TOOLS_LABELLED_LINES_H
#define TOOLS_LABELLED_LINES_H

#include "text/labelled_lines.h"

enum err labelled_lines_read(char *const *paths, size_t path_count, struct labelled_options options,
                             struct labelled_lines *ret_lines, struct err_note *note) MUST_USE;

#endif
