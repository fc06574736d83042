/* SPDX-License-Identifier: Apache-2.0 */
/* Knowledge-base search: which article answers a question, and how sure is that?
 *
 * Words are weighted by BM25's inverse document frequency (Robertson, Zaragoza 2009), bodies by its
 * saturated term frequency; titles and aliases are questions that the article answers, and count
 * ten times as much as the body. Hits are ordered by Tversky's index of query and nearest
 * question, each word weighted by how rare it is: what the article knows of the query, against all that the query says
 * and part of what that question says beyond it. A hit's score is the probability that it answers (kb_answer.h).
 * Stop words, numbers and the redactor's tags count nothing. A synonym of a word counts 7 tenths of it,
 * and 8 tenths what an unknown word of five letters or more is taken for (kb_typo.h).
 *
 * Words are stemmed in the language of their text (kb_language.h).
 *
 * An index is immutable once built and searched by many threads at a time, without a lock. What a
 * search writes to is its thread's scratch, which belongs to no index and outlives their swaps.
 */
#ifndef TEXT_KB_INDEX_H
#define TEXT_KB_INDEX_H

#include "base/err.h"
#include "base/safe_text.h"
#include "base/str.h"
#include "text/kb_answer.h"
#include "text/kb_synonyms.h"

enum {
        KB_ARTICLES_MAX = 100000,
        KB_TITLE_BYTES_MAX = 1024, /* an id, an alias, a tag too */
        KB_URL_BYTES_MAX = 2048,
        KB_BODY_BYTES_MAX = 65536,
        KB_ALIASES_MAX = 64,
        KB_TAGS_MAX = 64,
        KB_QUERY_TERMS_MAX = 512, /* what a query says behind them is not looked at */
        KB_SNIPPET_BYTES_MAX = 240,
};

struct article {
        struct str id, title, body, url, locale;
        const struct str *aliases; /* other ways to ask for it */
        size_t alias_count;
        const struct str *tags;
        size_t tag_count;
};

struct kb_index;
struct kb_scratch;

/* What is asked. */
struct kb_ask {
        struct safe_text text;
        struct str language; /* BCP 47: what the text is written in; absent: as `locale`, or else English */
        struct str locale;   /* BCP 47: articles in another language are passed over; absent: none are */
        const struct kb_synonyms *synonyms; /* borrows; NULL: none */
};

struct kb_hit {
        const struct article *article; /* borrowed from the index */
        double score;                  /* probability that it answers the query, 0..1 */
        struct kb_signals signals;     /* what that rests on */
};

/* Whether an index takes this article: ERR_INVALID without id or title, ERR_TOO_LARGE over a cap. The
 * note says what and what to do, but not which article: the caller knows its place. */
enum err kb_article_check(const struct article *article, struct err_note *note) MUST_USE;

/* Copies the articles. ERR_TOO_LARGE over a cap, ERR_INVALID for an article without id or title,
 * ERR_EXISTS for a repeated id; the note names the article. */
enum err kb_index_new(const struct article *articles, size_t count, struct kb_index **ret_index,
                      struct err_note *note) MUST_USE;
void kb_index_free(struct kb_index *index);

size_t kb_index_count(const struct kb_index *index);

/* The article at `at` < kb_index_count(), in the order given; borrowed from the index. */
const struct article *kb_index_article(const struct kb_index *index, size_t at);

/* One a thread. Grows to the largest index that it is used with: 12 bytes a question, 28 an article. */
struct kb_scratch *kb_scratch_new(void);
void kb_scratch_free(struct kb_scratch *scratch);

/* The best hits, best first; returns how many there are, at most `max_hits`. */
size_t kb_search(const struct kb_index *index, struct kb_scratch *scratch, const struct kb_ask *ask,
                 struct kb_hit *ret_hits, size_t max_hits);

/* The passage of the article's body that says most of the query, the first of equals: whole sentences, or
 * whole words of one that is longer. Valid UTF-8 if the body is; absent when the body is empty. What the
 * body says behind 8 KiB is not looked at. Borrows from the body; `article` is one of the index. */
struct str kb_snippet(const struct kb_index *index, struct kb_scratch *scratch, const struct kb_ask *ask,
                      const struct article *article);

#endif
