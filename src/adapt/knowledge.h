/* SPDX-License-Identifier: Apache-2.0 */
/* The knowledge base between its storage and its index. Synchronous: not on a loop's thread. */
#ifndef ADAPT_KNOWLEDGE_H
#define ADAPT_KNOWLEDGE_H

#include "adapt/store_sqlite.h"
#include "text/kb_index.h"

enum { KNOWLEDGE_ARENA_BYTES = 1 << 30 };

/* Reads all articles and builds the index; the caller owns it. */
enum err knowledge_load(struct store_sqlite *db, struct kb_index **ret_index, struct err_note *note) MUST_USE;

/* Stores the articles of JSONL text, such as the starter FAQ. */
enum err knowledge_seed(struct store_sqlite *db, struct str jsonl, int64_t now_ms, struct err_note *note) MUST_USE;

#endif
