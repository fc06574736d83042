/* SPDX-License-Identifier: Apache-2.0 */
/* The knowledge base between its storage and its index. Synchronous: not on a loop's thread. */
#ifndef ADAPT_KNOWLEDGE_H
#define ADAPT_KNOWLEDGE_H

#include "adapt/store_sqlite.h"
#include "text/kb_index.h"

enum { KNOWLEDGE_ARENA_BYTES = 1 << 30 };

/* Called for each stored article that no index takes; the note names it. */
typedef void knowledge_skip_fn(const struct err_note *note);

/* Reads all articles and builds the index; the caller owns it. A bad article is left out: it must not
 * keep a server from starting. `on_skip` hears of the first of them and may be NULL. */
enum err knowledge_load(struct store_sqlite *db, knowledge_skip_fn *on_skip, struct kb_index **ret_index,
                        struct err_note *note) MUST_USE;

/* The article as the store keeps it, its lists as text in the arena. It borrows the other texts. */
struct store_article knowledge_to_stored(const struct article *article, int64_t now_ms, struct arena *arena);

/* Stores the articles of JSONL text, such as the starter FAQ. */
enum err knowledge_seed(struct store_sqlite *db, struct str jsonl, int64_t now_ms, struct err_note *note) MUST_USE;

#endif
