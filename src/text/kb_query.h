/* SPDX-License-Identifier: Apache-2.0 */
/* A question as the index knows it, shared by the search and the snippet. */
#ifndef TEXT_KB_QUERY_H
#define TEXT_KB_QUERY_H

#include "text/kb_language.h"
#include "text/kb_terms.h"

/* A word of the question, or what stands for it, as the index has it. */
struct kb_query_term {
        const struct kb_term *term;
        float worth;   /* the word's idf; less for what only stands for it */
        uint16_t word; /* number of the word, from 1; a text counts each word once, by its first term */
};

/* A query's distinct words. */
struct kb_query {
        float weight;    /* the idf of all, summed */
        float strangers; /* of those that no article says */
        size_t count, word_count;
        const struct kb_stemmer *stemmer; /* of its language; borrows */
        struct kb_query_term terms[KB_QUERY_TERMS_MAX]; /* word by word, the word itself before what stands for it */
        uint64_t hashes[KB_QUERY_TERMS_MAX];            /* of the words, while the query is read */
};

void kb_query_read(const struct kb_index *index, const struct kb_stemmers *stemmers, const struct kb_ask *ask,
                   struct kb_query *ret_query);

#endif
