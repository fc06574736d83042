/* SPDX-License-Identifier: Apache-2.0 */
/* A question as the index knows it, shared by the search and the snippet. */
#ifndef TEXT_KB_QUERY_H
#define TEXT_KB_QUERY_H

#include "text/kb_terms.h"

struct sb_stemmer;

/* A query's distinct words. */
struct kb_query {
        float weight;    /* the idf of all, summed */
        float strangers; /* of those that no article says */
        size_t count;
        const struct kb_term *terms[KB_QUERY_TERMS_MAX]; /* those that the index knows */
        uint64_t hashes[KB_QUERY_TERMS_MAX];             /* of all, while it is read */
};

void kb_query_read(const struct kb_index *index, struct sb_stemmer *stemmer, struct str text, struct kb_query *ret_query);

#endif
