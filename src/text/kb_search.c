/* SPDX-License-Identifier: Apache-2.0 */
#include "text/kb_index.h"

#include "base/alloc.h"
#include "text/kb_scratch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Shares of the evidence: the question's own words, those of the article's other questions, the
 * body. Questions and body stand 10 to 1. */
static const float nearest_share = 7.0F / 11, siblings_share = 3.0F / 11, body_share = 1.0F / 11;

/* How much what a question says beyond the query counts against it. */
static const float unsaid_share = 0.3F;

struct kb_scratch *kb_scratch_new(void)
{
        struct kb_scratch *scratch = alloc_zeroed(1, sizeof *scratch);
        kb_stemmers_init(&scratch->stemmers);
        return scratch;
}

void kb_scratch_free(struct kb_scratch *scratch)
{
        if (!scratch)
                return;
        kb_stemmers_deinit(&scratch->stemmers);
        free(scratch->questions);
        free(scratch->touched_questions);
        free(scratch->articles);
        free(scratch->touched_articles);
        free(scratch);
}

/* Bounded by the caps of an index. */
static void fit(struct kb_scratch *scratch, const struct kb_index *index)
{
        if (scratch->question_capacity < index->question_count) {
                free(scratch->questions);
                free(scratch->touched_questions);
                scratch->question_capacity = index->question_count;
                scratch->questions = alloc_zeroed(index->question_count, sizeof *scratch->questions);
                scratch->touched_questions =
                        alloc_zeroed(index->question_count, sizeof *scratch->touched_questions);
        }
        if (scratch->article_capacity < index->article_count) {
                free(scratch->articles);
                free(scratch->touched_articles);
                scratch->article_capacity = index->article_count;
                scratch->articles = alloc_zeroed(index->article_count, sizeof *scratch->articles);
                scratch->touched_articles =
                        alloc_zeroed(index->article_count, sizeof *scratch->touched_articles);
        }
}

static struct article_marks *touch(struct kb_scratch *scratch, uint32_t article)
{
        struct article_marks *marks = scratch->articles + article;
        if (!marks->is_touched) {
                marks->is_touched = true;
                scratch->touched_articles[scratch->touched_article_count++] = article;
        }
        return marks;
}

static void count_in_question(const struct kb_index *index, struct kb_scratch *scratch,
                              const struct kb_query_term *item, uint32_t question)
{
        struct question_marks *said = scratch->questions + question;
        struct article_marks *marks = touch(scratch, index->questions[question].article);
        if (said->counted == 0)
                scratch->touched_questions[scratch->touched_question_count++] = question;
        if (said->counted != item->word)
                said->said += item->worth;
        said->counted = item->word;
        if (marks->counted == item->word)
                return;
        marks->counted = item->word;
        marks->siblings += item->worth;
        marks->words++;
}

static void count_term(const struct kb_index *index, struct kb_scratch *scratch, const struct kb_query_term *item)
{
        const struct kb_term *term = item->term;
        for (uint32_t i = 0; i < term->question_count; i++)
                count_in_question(index, scratch, item, index->question_postings[term->question_start + i]);
        for (uint32_t i = 0; i < term->body_count; i++) {
                const struct kb_body_posting *posting = index->body_postings + term->body_start + i;
                struct article_marks *marks = touch(scratch, posting->article);
                if (marks->counted_in_body != item->word)
                        marks->body += item->worth * posting->saturation;
                marks->counted_in_body = item->word;
        }
}

/* Tversky's index: what the article knows of all that the query says, and of part of what its nearest
 * question says beyond it. A question is not half wrong for being longer than what was asked. */
static float likeness(float known, float query_weight, float unsaid)
{
        return known / (query_weight + unsaid_share * unsaid);
}

/* Each article gets the best of its questions. The accumulators are zero again afterwards. */
static void judge_questions(const struct kb_index *index, struct kb_scratch *scratch, float query_weight)
{
        for (size_t i = 0; i < scratch->touched_question_count; i++) {
                uint32_t number = scratch->touched_questions[i];
                const struct kb_question *question = index->questions + number;
                struct article_marks *marks = scratch->articles + question->article;
                /* Two words of the query may both stand for one of the question. */
                float said = fminf(scratch->questions[number].said, question->weight);
                float known =
                        nearest_share * said + siblings_share * marks->siblings + body_share * marks->body;
                float score = likeness(known, query_weight, question->weight - said);
                if (score > marks->best) {
                        marks->best = score;
                        marks->said = said / question->weight;
                }
                scratch->questions[number] = (struct question_marks){0};
        }
        scratch->touched_question_count = 0;
}

static void insert(struct kb_hit *hits, size_t *count, size_t max_hits, const struct article *article, double score)
{
        if (*count == max_hits && (max_hits == 0 || hits[max_hits - 1].score >= score))
                return;
        size_t at = *count < max_hits ? (*count)++ : max_hits - 1;
        for (; at > 0 && hits[at - 1].score < score; at--)
                hits[at] = hits[at - 1];
        hits[at].article = article;
        hits[at].score = score;
}

/* Passes over articles in another language than the one asked for. Leaves the match in each hit's score. Returns that of the best article beside the first hit. */
static double collect(const struct kb_index *index, struct kb_scratch *scratch, uint32_t language,
                      struct kb_hit *ret_hits, size_t max_hits, size_t *ret_count)
{
        double best = 0, second = 0;
        size_t count = 0;
        const float of_body = body_share / scratch->query.weight;
        for (size_t i = 0; i < scratch->touched_article_count; i++) {
                uint32_t number = scratch->touched_articles[i];
                const struct article_marks *marks = scratch->articles + number;
                if (language && index->languages[number] && index->languages[number] != language)
                        continue;
                /* Words of the body alone: known, but no question of the article says them. */
                float from_body = of_body * marks->body;
                double score = marks->best > from_body ? marks->best : from_body;
                insert(ret_hits, &count, max_hits, index->articles + number, score);
                second = score > best ? best : score > second ? score : second;
                best = score > best ? score : best;
        }
        *ret_count = count;
        return second;
}

static void clear_marks(struct kb_scratch *scratch)
{
        for (size_t i = 0; i < scratch->touched_article_count; i++)
                scratch->articles[scratch->touched_articles[i]] = (struct article_marks){0};
        scratch->touched_article_count = 0;
}

static struct kb_signals signals_of(const struct article_marks *marks, const struct kb_query *query, double match,
                                    double best_other)
{
        return (struct kb_signals){
                .always = 1,
                .match = (float)match,
                .query_share = marks->siblings / query->weight,
                .question_share = marks->said,
                .body_share = marks->body / query->weight,
                .strangers = query->strangers / query->weight,
                .margin = (float)(match - best_other),
                .terms = logf(1 + (float)marks->words),
        };
}

/* Matches become probabilities. The order stays that of the matches, which alone compare articles. */
static void judge_hits(const struct kb_index *index, const struct kb_scratch *scratch, const struct kb_query *query,
                       struct kb_hit *hits, size_t count, double second)
{
        double best = count ? hits[0].score : 0, ceiling = 1;
        for (size_t i = 0; i < count; i++) {
                const struct article_marks *marks = scratch->articles + (hits[i].article - index->articles);
                hits[i].signals = signals_of(marks, query, hits[i].score, i == 0 ? second : best);
                double probability = kb_answer_probability(&hits[i].signals);
                ceiling = probability < ceiling ? probability : ceiling;
                hits[i].score = ceiling;
        }
}

size_t kb_search(const struct kb_index *index, struct kb_scratch *scratch, const struct kb_ask *ask,
                 struct kb_hit *ret_hits, size_t max_hits)
{
        size_t count;
        if (max_hits == 0)
                return 0;
        fit(scratch, index);
        struct kb_query *read = &scratch->query;
        kb_query_read(index, &scratch->stemmers, ask, read);
        for (size_t i = 0; i < read->count; i++)
                count_term(index, scratch, &read->terms[i]);
        judge_questions(index, scratch, read->weight);
        double second = collect(index, scratch, kb_language(ask->locale), ret_hits, max_hits, &count);
        judge_hits(index, scratch, read, ret_hits, count, second);
        clear_marks(scratch);
        return count;
}
