/* SPDX-License-Identifier: Apache-2.0 */
/* Is the article found an answer? The probability, by logistic regression over what the search saw.
 *
 * The weights stand in kb_answer.def, which `tools/kb_answer.py fit` makes from our own questions;
 * `script/bench --kb` says what the probability is worth on questions that were not fitted. Pure. */
#ifndef TEXT_KB_ANSWER_H
#define TEXT_KB_ANSWER_H

/* All shares are of idf weight, 0..1; that of the body reaches BM25's 2.2. */
struct kb_signals {
        float always;         /* 1: the regression's constant */
        float match;          /* what orders the hits */
        float query_share;    /* of the query, that the article's title and aliases say */
        float question_share; /* of the nearest title or alias, that the query says */
        float body_share;     /* of the query, that the body says, by BM25's factor */
        float strangers;      /* of the query, that no article says */
        float margin;         /* match less that of the best other article */
        float terms;          /* log(1 + distinct words of the query that title and aliases say) */
};

/* 0..1 */
double kb_answer_probability(const struct kb_signals *signals);

#endif
