/* SPDX-License-Identifier: Apache-2.0 */
/* Labelled messages from JSONL files, for the build's tools. Errors name file and line. */
#ifndef TOOLS_LABELLED_LINES_H
#define TOOLS_LABELLED_LINES_H

#include "base/arena.h"
#include "base/hash.h"
#include "text/model_score.h"

struct labelled_line {
        struct str text;
        size_t class;       /* a category or MODEL_CLASS_OUT_OF_SCOPE */
        enum intent intent; /* INTENT_OTHER: out of scope; INTENT_NONE: the line names only a category */
        uint32_t group;     /* number of its industry, in the order of first appearance */
};

struct labelled_lines {
        struct labelled_line *lines; /* owns */
        size_t count;
        struct str *groups; /* owns; names of the industries */
        uint32_t group_count;
        struct digest digest; /* of the files' bytes, in their order */
        struct arena arena;
};

struct labelled_options {
        bool has_intent; /* every line must name one of our intents, as training lines do */
        bool is_clear;   /* lines whose "quality" is there and is not "clear" are left out */
        bool in_scope;   /* lines out of scope are left out */
};

enum err labelled_lines_read(char *const *paths, size_t path_count, struct labelled_options options,
                             struct labelled_lines *ret_lines, struct err_note *note) MUST_USE;
void labelled_lines_deinit(struct labelled_lines *lines);

#endif
