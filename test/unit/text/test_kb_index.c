/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/json_reader.h"
#include "text/faq.h"
#include "text/kb_index.h"
#include "text/kb_parse.h"
#include "text/kb_paths.h" /* generated */

#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ARTICLES_MAX = 256, HITS = 5 };

/* The policy's default: from here on an article is an answer. */
static const double threshold = 0.5;

struct starter {
        struct arena arena;
        struct article articles[ARTICLES_MAX];
        size_t count;
        struct kb_index *index;
        struct kb_scratch *scratch;
};

static enum err take(void *arg, const struct article *article)
{
        struct starter *starter = arg;
        assert_true(starter->count < ARTICLES_MAX);
        starter->articles[starter->count++] = *article;
        return ERR_OK;
}

static int open_starter(void **state)
{
        static struct starter starter;
        struct kb_parse_report report;
        starter = (struct starter){0};
        arena_init(&starter.arena, 1 << 20);
        struct kb_sink sink = {take, &starter, &starter.arena};
        assert_ok(kb_parse(KB_FORMAT_JSONL, STR("starter.jsonl"), faq_embedded(), &sink, &report));
        assert_int_equal(report.malformed, 0);
        assert_ok(kb_index_new(starter.articles, starter.count, &starter.index, NULL));
        starter.scratch = kb_scratch_new();
        *state = &starter;
        return 0;
}

static int close_starter(void **state)
{
        struct starter *starter = *state;
        kb_scratch_free(starter->scratch);
        kb_index_free(starter->index);
        arena_deinit(&starter->arena);
        return 0;
}

static struct kb_hit best(struct starter *starter, struct str query)
{
        struct kb_hit hits[HITS] = {0};
        kb_search(starter->index, starter->scratch, &(struct kb_ask){.text = {query}}, hits, HITS);
        return hits[0];
}

static struct str hit_id(struct kb_hit hit)
{
        return hit.article ? hit.article->id : STR("nothing");
}

static void the_starter_faq_is_whole(void **state)
{
        struct starter *starter = *state;
        assert_true(starter->count >= 40);
        assert_int_equal(kb_index_count(starter->index), starter->count);
        for (size_t i = 0; i < starter->count; i++) {
                const struct article *article = kb_index_article(starter->index, i);
                assert_true(str_starts_with(article->url, STR("/help/")));
                assert_str_equal(article->locale, "en");
                assert_true(article->alias_count >= 2 && article->tag_count >= 1 && article->body.len > 80);
        }
}

static void an_article_answers_its_own_questions(void **state)
{
        struct starter *starter = *state;
        for (size_t i = 0; i < starter->count; i++) {
                const struct article *article = starter->articles + i;
                for (size_t j = 0; j <= article->alias_count; j++) {
                        struct str question = j ? article->aliases[j - 1] : article->title;
                        struct kb_hit hit = best(starter, question);
                        if (!hit.article || !str_equal(hit.article->id, article->id) || hit.score < threshold)
                                print_error("%.*s: %.*s %.2f\n", STR_ARGS(question), STR_ARGS(hit_id(hit)),
                                            hit.score);
                        assert_non_null(hit.article);
                        assert_true(str_equal(hit.article->id, article->id));
                        assert_true(hit.score >= threshold && hit.score <= 1);
                }
        }
}

static void refund_policy_is_answered_and_the_capital_of_france_is_not(void **state)
{
        struct starter *starter = *state;
        struct kb_hit hit = best(starter, STR("What is your refund policy?"));
        assert_str_equal(hit.article->id, "refund-policy");
        assert_true(hit.score > 0.8);
        assert_true(best(starter, STR("What is the capital of France?")).score < threshold);
        assert_true(best(starter, STR("How do I train my dog")).score < threshold);
}

struct tally {
        size_t answerable, right, answered_right, answered_wrong, unanswerable, answered_in_vain;
        double highest_in_vain;
};

static void judge(struct starter *starter, struct json record, struct tally *tally)
{
        struct json value;
        struct str question = {0}, id = {0};
        assert_true(json_find(record, STR("question"), &value) && json_to_str(value, &question));
        bool is_answerable = json_find(record, STR("id"), &value);
        struct kb_hit hit = best(starter, question);
        bool is_answered = hit.score >= threshold;
        if (!is_answerable) {
                tally->unanswerable++;
                tally->answered_in_vain += is_answered;
                tally->highest_in_vain =
                        hit.score > tally->highest_in_vain ? hit.score : tally->highest_in_vain;
                if (is_answered)
                        print_error("in vain %.2f %.*s: %.*s\n", hit.score, STR_ARGS(hit.article->id),
                                      STR_ARGS(question));
                return;
        }
        assert_true(json_to_str(value, &id));
        bool is_right = hit.article && str_equal(hit.article->id, id);
        tally->answerable++;
        tally->right += is_right;
        tally->answered_right += is_right && is_answered;
        tally->answered_wrong += !is_right && is_answered;
        if (!is_right || !is_answered)
                print_error("%s %.2f %.*s: %.*s\n", is_right ? "right but unsure" : "wrong", hit.score,
                            STR_ARGS(hit_id(hit)), STR_ARGS(question));
}

static struct tally judge_all(struct starter *starter)
{
        struct json_parser *parser = json_parser_new(4096, 4);
        struct tally tally = {0};
        char line[4096];
        FILE *file = fopen(KB_QUESTIONS_FILE, "re");
        assert_non_null(file);
        while (fgets(line, sizeof line, file)) {
                struct json record;
                assert_ok(json_parse(parser, str_from(line), &record, NULL));
                judge(starter, record, &tally);
        }
        fclose(file);
        json_parser_free(parser);
        return tally;
}

static void paraphrased_questions_find_their_article(void **state)
{
        struct tally tally = judge_all(*state);
        print_error(
                "recall@1 %zu/%zu, at %.2f: answered right %zu, wrong %zu, in vain %zu/%zu (highest %.2f)\n",
                tally.right, tally.answerable, threshold, tally.answered_right, tally.answered_wrong,
                tally.answered_in_vain, tally.unanswerable, tally.highest_in_vain);
        assert_int_equal(tally.answerable, 40);
        assert_int_equal(tally.unanswerable, 30);
        assert_true(tally.right * 100 >= tally.answerable * 85);
        assert_true((tally.answered_wrong + tally.answered_in_vain) * 100 <=
                    (tally.answerable + tally.unanswerable) * 10);
        assert_true(tally.answered_right * 100 >= tally.answerable * 70);
}

static void scores_are_sorted_and_lie_between_nothing_and_certain(void **state)
{
        struct starter *starter = *state;
        struct kb_hit hits[ARTICLES_MAX];
        const struct kb_ask query = {.text = SAFE_LITERAL("order delivery refund parcel account size medicine")};
        size_t count = kb_search(starter->index, starter->scratch, &query, hits, ARTICLES_MAX);
        assert_true(count > 10);
        for (size_t i = 0; i < count; i++) {
                assert_true(hits[i].score >= 0 && hits[i].score <= 1);
                assert_true(i == 0 || hits[i - 1].score >= hits[i].score);
                for (size_t j = 0; j < i; j++)
                        assert_ptr_not_equal(hits[i].article, hits[j].article);
        }
        struct kb_hit first[3];
        assert_int_equal(kb_search(starter->index, starter->scratch, &query, first, 3), 3);
        for (size_t i = 0; i < 3; i++)
                assert_true(first[i].score == hits[i].score);
        assert_int_equal(kb_search(starter->index, starter->scratch, &query, hits, 0), 0);
}

static void what_nobody_knows_and_a_rival_make_an_answer_less_probable(void **state)
{
        struct starter *starter = *state;
        struct kb_signals sure = best(starter, STR("What is your refund policy?")).signals;
        assert_true(sure.question_share > 0.99F && sure.query_share > 0.99F && sure.strangers == 0);
        assert_true(sure.margin > 0 && sure.terms > 1);
        struct kb_signals strange = best(starter, STR("What is your zeppelin refund policy?")).signals;
        assert_true(strange.strangers > 0.2F && strange.query_share < sure.query_share);
        struct kb_signals torn = best(starter, STR("refund")).signals;
        assert_true(torn.margin < sure.margin && torn.terms < sure.terms);
        assert_true(kb_answer_probability(&strange) < kb_answer_probability(&sure));
        assert_true(kb_answer_probability(&torn) < kb_answer_probability(&sure));
        assert_true(kb_answer_probability(&sure) < 1);
}

static void case_form_and_tags_do_not_matter(void **state)
{
        struct starter *starter = *state;
        double plain = best(starter, STR("refund policy")).score;
        assert_true(best(starter, STR("REFUND POLICIES!!")).score == plain);
        assert_true(best(starter, STR("refunds [EMAIL_REDACTED] policy 12345")).score == plain);
        assert_true(best(starter, STR("how can I get the refund policy, please")).score == plain);
        assert_true(best(starter, STR("refund refund policy refund")).score == plain);
        assert_true(best(starter, STR("refund policy zeppelin")).score < plain);
}

static void nothing_asked_finds_nothing(void **state)
{
        struct starter *starter = *state;
        assert_null(best(starter, STR("")).article);
        assert_null(best(starter, STR("what is the and of or why can you")).article);
        assert_null(best(starter, STR("?!. 12 4711 ---")).article);
        assert_null(best(starter, STR("zeppelin")).article);
}

static void a_question_counts_ten_times_the_body(void **state)
{
        (void)state;
        static const struct article articles[] = {
                {.id = STR_INIT("body"),
                 .title = STR_INIT("walrus opera"),
                 .body = STR_INIT("umbrella umbrella umbrella")},
                {.id = STR_INIT("title"), .title = STR_INIT("umbrella opera"), .body = STR_INIT("walrus")},
                {.id = STR_INIT("other"), .title = STR_INIT("candle"), .body = STR_INIT("wax")},
        };
        struct kb_index *index;
        struct kb_scratch *scratch = kb_scratch_new();
        struct kb_hit hits[3];
        assert_ok(kb_index_new(articles, 3, &index, NULL));
        assert_int_equal(kb_search(index, scratch, &(struct kb_ask){.text = SAFE_LITERAL("umbrella")}, hits, 3), 2);
        assert_str_equal(hits[0].article->id, "title");
        assert_true(hits[0].signals.match > 5 * hits[1].signals.match);
        kb_index_free(index);
        kb_scratch_free(scratch);
}

static void what_is_over_a_cap_is_refused_by_name(void **state)
{
        (void)state;
        static char body[KB_BODY_BYTES_MAX + 1];
        memset(body, 'x', sizeof body);
        struct article good = {.id = STR("a"), .title = STR("A title"), .body = STR("b")};
        struct article articles[2] = {good, good};
        struct kb_index *index = NULL;
        struct err_note note;
        assert_int_equal(kb_index_new(articles, 2, &index, &note), ERR_EXISTS);
        assert_non_null(strstr(note.text, "\"a\""));
        articles[1].id = STR("");
        assert_int_equal(kb_index_new(articles, 2, &index, &note), ERR_INVALID);
        assert_non_null(strstr(note.text, "article 2"));
        articles[1] = (struct article){.id = STR("b"), .title = STR("B"), .body = {body, sizeof body}};
        assert_int_equal(kb_index_new(articles, 2, &index, &note), ERR_TOO_LARGE);
        articles[1].body.len--;
        articles[1].alias_count = KB_ALIASES_MAX + 1;
        assert_int_equal(kb_index_new(articles, 2, &index, &note), ERR_TOO_LARGE);
        assert_int_equal(kb_index_new(articles, KB_ARTICLES_MAX + 1, &index, &note), ERR_TOO_LARGE);
        assert_null(index);
}

static void an_empty_index_and_a_long_query_are_no_trouble(void **state)
{
        struct starter *starter = *state;
        static char query[200000];
        struct kb_index *index;
        struct kb_hit hit;
        assert_ok(kb_index_new(NULL, 0, &index, NULL));
        assert_int_equal(kb_search(index, starter->scratch, &(struct kb_ask){.text = SAFE_LITERAL("refund")}, &hit, 1), 0);
        kb_index_free(index);
        for (size_t i = 0; i < sizeof query; i += 8)
                snprintf(query + i, 9 < sizeof query - i ? 9 : sizeof query - i, "w%06zu ", i / 8);
        assert_int_equal(kb_search(starter->index, starter->scratch,
                                   &(struct kb_ask){.text = {{query, sizeof query - 1}}}, &hit, 1),
                         0);
        /* Words behind the cap are not looked at. */
        memcpy(query + sizeof query - 10, " refund ", 8);
        assert_int_equal(kb_search(starter->index, starter->scratch,
                                   &(struct kb_ask){.text = {{query, sizeof query - 1}}}, &hit, 1),
                         0);
}

static void *search_much(void *arg)
{
        struct starter shared = *(struct starter *)arg;
        shared.scratch = kb_scratch_new();
        size_t wrong = 0;
        for (int round = 0; round < 20; round++) {
                for (size_t i = 0; i < shared.count; i++) {
                        struct kb_hit hit = best(&shared, shared.articles[i].title);
                        wrong += !hit.article || !str_equal(hit.article->id, shared.articles[i].id);
                }
        }
        kb_scratch_free(shared.scratch);
        return wrong ? arg : NULL;
}

static void threads_search_one_index_without_a_lock(void **state)
{
        pthread_t threads[4];
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, search_much, *state), 0);
        for (size_t i = 0; i < 4; i++) {
                void *wrong;
                pthread_join(threads[i], &wrong);
                assert_null(wrong);
        }
}

static void a_scratch_survives_the_swap_of_its_index(void **state)
{
        struct starter *starter = *state;
        struct article small[] = {
                {.id = STR("one"), .title = STR("Where is the refund?"), .body = STR("Here.")}};
        struct kb_index *index;
        struct kb_hit hit;
        double before = best(starter, STR("refund policy")).score;
        assert_ok(kb_index_new(small, 1, &index, NULL));
        assert_int_equal(kb_search(index, starter->scratch, &(struct kb_ask){.text = SAFE_LITERAL("refund")}, &hit, 1), 1);
        kb_index_free(index);
        assert_true(best(starter, STR("refund policy")).score == before);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_starter_faq_is_whole),
                cmocka_unit_test(an_article_answers_its_own_questions),
                cmocka_unit_test(refund_policy_is_answered_and_the_capital_of_france_is_not),
                cmocka_unit_test(paraphrased_questions_find_their_article),
                cmocka_unit_test(scores_are_sorted_and_lie_between_nothing_and_certain),
                cmocka_unit_test(what_nobody_knows_and_a_rival_make_an_answer_less_probable),
                cmocka_unit_test(case_form_and_tags_do_not_matter),
                cmocka_unit_test(nothing_asked_finds_nothing),
                cmocka_unit_test(a_question_counts_ten_times_the_body),
                cmocka_unit_test(what_is_over_a_cap_is_refused_by_name),
                cmocka_unit_test(an_empty_index_and_a_long_query_are_no_trouble),
                cmocka_unit_test(threads_search_one_index_without_a_lock),
                cmocka_unit_test(a_scratch_survives_the_swap_of_its_index),
        };
        return cmocka_run_group_tests(tests, open_starter, close_starter);
}
