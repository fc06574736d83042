/* SPDX-License-Identifier: Apache-2.0 */
/* Labelled messages: JSONL rows {"text","category","intent"}, for training and for measuring.
 *
 * One of category and intent is enough; both must agree. "out_of_scope" is a category and an intent here.
 * Not for use on a loop: memory grows with the rows, up to the caps.
 */
#ifndef TEXT_LABELLED_LINES_H
#define TEXT_LABELLED_LINES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/json_reader.h"
#include "text/model_score.h"

enum { LABELLED_MAX_LINES = 1 << 20, LABELLED_MAX_GROUPS = 256, LABELLED_MAX_FILE_BYTES = 256 << 20 };

struct labelled_line {
        struct str text;
        size_t class;       /* a category or MODEL_CLASS_OUT_OF_SCOPE */
        enum intent intent; /* INTENT_OTHER: out of scope; INTENT_NONE: the row names only a category */
        uint32_t group;     /* number of its group, in the order of first appearance */
};

struct labelled_lines {
        struct labelled_line *lines; /* owns */
        size_t count;
        struct str *groups; /* owns; "none" for rows without the member */
        uint32_t group_count;
        struct digest digest; /* of the lines' texts and labels, in their order */
        struct arena arena;
};

struct labelled_options {
        bool has_intent;  /* every row must name one of our intents */
        bool is_raw;      /* the redactor goes over the texts first, as the server's does */
        struct str group; /* the member that groups the rows; absent: "industry" */
};

void labelled_lines_init(struct labelled_lines *lines);
void labelled_lines_deinit(struct labelled_lines *lines);

/* Appends a copy. ERR_TOO_LARGE over the caps. */
enum err labelled_lines_append(struct labelled_lines *lines, const struct labelled_line *line,
                               struct err_note *note) MUST_USE;

/* Appends one row that was parsed before. */
enum err labelled_lines_add_row(struct labelled_lines *lines, struct json row, struct labelled_options options,
                                struct err_note *note) MUST_USE;

/* Appends the rows of one file. The note names `name` and the row of the first that is wrong. */
enum err labelled_lines_add(struct labelled_lines *lines, const char *name, struct str jsonl,
                            struct labelled_options options, struct err_note *note) MUST_USE;

#endif
