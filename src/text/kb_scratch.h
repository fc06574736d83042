/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a scratch: what a thread's searches write to. */
#ifndef TEXT_KB_SCRATCH_H
#define TEXT_KB_SCRATCH_H

#include "text/kb_query.h"

struct article_marks {
        float body;               /* worth times saturation of the query's words in the body */
        float siblings;           /* worth of the query's words in any of its questions */
        float best;               /* of its questions so far */
        float said;               /* share of that question that the query says */
        uint16_t counted;         /* number of the last word counted in siblings, */
        uint16_t counted_in_body; /* and in body */
        uint16_t words;           /* of the query in any of its questions */
        bool is_touched;
};

struct question_marks {
        float said;       /* worth of the query's words in it */
        uint32_t counted; /* number of the last word counted */
};

struct kb_scratch {
        struct kb_stemmers stemmers;
        struct question_marks *questions; /* all zero between searches */
        uint32_t *touched_questions;
        size_t question_capacity;
        struct article_marks *articles; /* all zero between searches */
        uint32_t *touched_articles;
        size_t article_capacity;
        size_t touched_question_count;
        size_t touched_article_count;
        struct kb_query query;
};

#endif
