/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a knowledge-base index, shared by its builder and its search. */
#ifndef TEXT_KB_TERMS_H
#define TEXT_KB_TERMS_H

#include "base/arena.h"
#include "text/kb_index.h"

/* What a term of the body gives to its article. */
struct kb_body_posting {
        uint32_t article;
        float saturation; /* BM25's term frequency factor, 0..2.2; 1 is one in a body of mean length */
};

struct kb_term {
        struct str stem;
        uint64_t hash;
        uint32_t article_count; /* articles that hold it anywhere */
        uint32_t last_article;  /* while building: the last one counted, plus one */
        float idf;
        uint32_t question_start, question_count; /* in index->question_postings */
        uint32_t body_start, body_count;         /* in index->body_postings */
};

/* A title or an alias. */
struct kb_question {
        uint32_t article;
        float weight; /* the idf of its distinct terms, summed */
};

struct kb_index {
        struct arena arena; /* owns the articles and the stems */
        struct article *articles;
        uint32_t *languages; /* of the articles: kb_language() */
        size_t article_count;
        struct kb_question *questions;
        size_t question_count;
        struct kb_term *terms;
        size_t term_count;
        uint32_t *slots; /* hash table: term number plus one, 0 is free; linear probing */
        size_t slot_mask;
        uint32_t *typo_slots; /* the same over forms of the terms: kb_typo.h */
        size_t typo_mask;
        uint32_t *question_postings;
        struct kb_body_posting *body_postings;
        float unknown_idf; /* of a word that no article holds */
};

/* NULL when no article holds it. */
struct kb_term *kb_index_find(const struct kb_index *index, struct str stem, uint64_t hash);

#endif
