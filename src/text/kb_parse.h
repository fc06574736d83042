/* SPDX-License-Identifier: Apache-2.0 */
/* Article files read: JSON lines, CSV, Markdown.
 *
 * JSONL: one object a line: "id", "title" (or "question"), "body" (or "answer"), and perhaps "url",
 * "locale", "aliases" and "tags" (arrays of strings). CSV: RFC 4180 with a header row of the same
 * names; the items of aliases and tags are separated by "|". Markdown: one article a file; its id
 * is the file's name without folder and ending, its title the front matter's or the first heading;
 * the front matter knows `title`, `url`, `locale`, `tags: [a, b]`, `aliases: [a, b]`.
 *
 * A malformed row is left out, counted, and reported with file, line and remedy; the rows around
 * it are read. Pure; any thread.
 */
#ifndef TEXT_KB_PARSE_H
#define TEXT_KB_PARSE_H

#include "base/arena.h"
#include "text/kb_index.h"

enum kb_format { KB_FORMAT_JSONL, KB_FORMAT_CSV, KB_FORMAT_MARKDOWN };

enum { KB_PROBLEMS_MAX = 16 };

struct kb_parse_report {
        size_t articles;
        size_t malformed; /* all of them, also those without a note */
        size_t problem_count;
        struct err_note problems[KB_PROBLEMS_MAX]; /* the first ones: "faq.csv:12: …; …" */
};

/* Takes one article, which lives as long as the arena and the parsed text. An error ends the parse. */
typedef enum err kb_article_fn(void *arg, const struct article *article);

/* Who gets the articles, and where their text is kept. */
struct kb_sink {
        kb_article_fn *each;
        void *arg;
        struct arena *arena; /* borrows */
};

/* By the ending of the name: .jsonl, .ndjson, .csv, .md, .markdown; false for another one. */
bool kb_format_from(struct str name, enum kb_format *ret_format);

/* `name` stands in reports. `report` is filled whatever the result. ERR_SYNTAX when the file as a
 * whole cannot be read (a CSV header that names no title), ERR_TOO_LARGE when the arena is full, or
 * what `each` returned; malformed rows alone are no error. */
enum err kb_parse(enum kb_format format, struct str name, struct str text, const struct kb_sink *sink,
                  struct kb_parse_report *report) MUST_USE;

#endif
