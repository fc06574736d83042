/* SPDX-License-Identifier: Apache-2.0 */
/* What stands for a question's words when the article says others. */
#include "unit/test.h"

#include "text/kb_index.h"

#include <stdio.h>

static const struct article articles[] = {
        {.id = STR_INIT("parcel"), .title = STR_INIT("Where is my parcel?"), .body = STR_INIT("Look at the tracking page.")},
        {.id = STR_INIT("refund"), .title = STR_INIT("When comes my refund?"), .body = STR_INIT("Within ten days.")},
        {.id = STR_INIT("both"), .title = STR_INIT("parcel or package lost"), .body = STR_INIT("Write to us.")},
        {.id = STR_INIT("other"), .title = STR_INIT("Opening hours"), .body = STR_INIT("From nine.")},
};

struct fixture {
        struct kb_index *index;
        struct kb_scratch *scratch;
        struct kb_synonyms *synonyms;
};

static int open_index(void **state)
{
        static struct fixture fixture;
        static const struct str words[] = {STR_INIT("Parcels"), STR_INIT("package"), STR_INIT("shipment")};
        assert_ok(kb_index_new(articles, sizeof articles / sizeof *articles, &fixture.index, NULL));
        fixture.scratch = kb_scratch_new();
        fixture.synonyms = kb_synonyms_new();
        assert_ok(kb_synonyms_add(fixture.synonyms, (struct str){0}, words, 3, NULL));
        *state = &fixture;
        return 0;
}

static int close_index(void **state)
{
        struct fixture *fixture = *state;
        kb_index_free(fixture->index);
        kb_scratch_free(fixture->scratch);
        kb_synonyms_free(fixture->synonyms);
        return 0;
}

/* The article's hit; its `article` is NULL when it was not found. */
static struct kb_hit hit_of(const struct fixture *fixture, const char *text, const struct kb_synonyms *synonyms,
                            const char *id)
{
        struct kb_hit hits[8];
        const struct kb_ask ask = {.text = {str_from(text)}, .synonyms = synonyms};
        size_t count = kb_search(fixture->index, fixture->scratch, &ask, hits, 8);
        for (size_t i = 0; i < count; i++)
                if (str_equal(hits[i].article->id, str_from(id)))
                        return hits[i];
        return (struct kb_hit){0};
}

static void a_synonym_finds_the_article_for_less_than_the_word(void **state)
{
        const struct fixture *fixture = *state;
        struct kb_hit word = hit_of(fixture, "my parcel", fixture->synonyms, "parcel");
        struct kb_hit synonym = hit_of(fixture, "my shipments", fixture->synonyms, "parcel");
        assert_non_null(word.article);
        assert_non_null(synonym.article);
        assert_true(synonym.signals.match < word.signals.match && synonym.signals.match > 0.3 * word.signals.match);
        assert_true(synonym.signals.strangers == 0);
        assert_null(hit_of(fixture, "my shipments", NULL, "parcel").article);
        assert_null(hit_of(fixture, "my shipments", fixture->synonyms, "refund").article);
}

static void a_word_counts_once_however_often_its_synonyms_are_said(void **state)
{
        const struct fixture *fixture = *state;
        struct kb_hit with = hit_of(fixture, "parcel", fixture->synonyms, "both");
        struct kb_hit without = hit_of(fixture, "parcel", NULL, "both");
        assert_true(with.signals.query_share == without.signals.query_share);
        assert_true(with.signals.question_share == without.signals.question_share);
        struct kb_hit all = hit_of(fixture, "parcel package shipment", fixture->synonyms, "both");
        assert_true(all.signals.question_share <= 1);
        assert_true(all.score <= 1);
}

static void what_is_no_list_of_synonyms_is_refused(void **state)
{
        const struct fixture *fixture = *state;
        static const struct {
                struct str words[2];
                size_t count;
        } cases[] = {
                {{STR_INIT("refund"), STR_INIT("the")}, 2},     {{STR_INIT("refund"), STR_INIT("money back")}, 2},
                {{STR_INIT("refund"), STR_INIT("4711")}, 2},    {{STR_INIT("refund"), STR_INIT("refunds")}, 2},
                {{STR_INIT("refund"), STR_INIT("package")}, 2}, {{STR_INIT("refund")}, 1},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct err_note note = {0};
                assert_int_equal(kb_synonyms_add(fixture->synonyms, (struct str){0}, cases[i].words, cases[i].count, &note), ERR_INVALID);
                assert_true(note.text[0]);
        }
        /* Nothing of a refused list is kept. */
        const struct str good[] = {STR("refund"), STR("reimbursement")};
        assert_ok(kb_synonyms_add(fixture->synonyms, (struct str){0}, good, 2, NULL));
        assert_non_null(hit_of(fixture, "reimbursement", fixture->synonyms, "refund").article);
}

static void a_slip_of_the_pen_finds_the_word_for_less(void **state)
{
        const struct fixture *fixture = *state;
        static const char *const slips[] = {"parncel", "parcl", "parxel", "pacrel", "PARCELA", "parecl"};
        static const char *const others[] = {"parxxel", "qarcel", "prcl", "par", "parce1"};
        struct kb_hit word = hit_of(fixture, "parcel", NULL, "parcel");
        for (size_t i = 0; i < sizeof slips / sizeof *slips; i++) {
                struct kb_hit slip = hit_of(fixture, slips[i], NULL, "parcel");
                if (!slip.article)
                        fail_msg("%s is not found", slips[i]);
                if (slip.signals.match >= word.signals.match || slip.signals.match < 0.7 * word.signals.match)
                        fail_msg("%s: %f of %f", slips[i], (double)slip.signals.match, (double)word.signals.match);
                assert_true(slip.signals.strangers == 0);
        }
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
                if (hit_of(fixture, others[i], NULL, "parcel").article)
                        fail_msg("%s is found", others[i]);
        /* Four letters are too few. */
        assert_non_null(hit_of(fixture, "lost", NULL, "both").article);
        assert_null(hit_of(fixture, "lozt", NULL, "both").article);
}

static void the_commoner_of_two_neighbours_is_taken(void **state)
{
        (void)state;
        static const struct article near[] = {
                {.id = STR_INIT("rare"), .title = STR_INIT("carton")},
                {.id = STR_INIT("first"), .title = STR_INIT("cartoc blue")},
                {.id = STR_INIT("second"), .title = STR_INIT("cartoc green")},
        };
        struct kb_index *index;
        struct kb_scratch *scratch = kb_scratch_new();
        struct kb_hit hits[3];
        assert_ok(kb_index_new(near, 3, &index, NULL));
        assert_int_equal(kb_search(index, scratch, &(struct kb_ask){.text = SAFE_LITERAL("cartox")}, hits, 3), 2);
        assert_int_equal(kb_search(index, scratch, &(struct kb_ask){.text = SAFE_LITERAL("carton")}, hits, 3), 1);
        assert_str_equal(hits[0].article->id, "rare");
        kb_index_free(index);
        kb_scratch_free(scratch);
}

static void as_many_lists_as_the_cap_are_found(void **state)
{
        (void)state;
        struct kb_synonyms *synonyms = kb_synonyms_new();
        char text[2][16];
        for (size_t i = 0; i <= KB_SYNONYM_LISTS_MAX; i++) {
                snprintf(text[0], sizeof text[0], "xa%zuq", i);
                snprintf(text[1], sizeof text[1], "xb%zuq", i);
                const struct str words[] = {str_from(text[0]), str_from(text[1])};
                assert_int_equal(kb_synonyms_add(synonyms, (struct str){0}, words, 2, NULL), i < KB_SYNONYM_LISTS_MAX ? ERR_OK : ERR_INVALID);
        }
        kb_synonyms_free(synonyms);
}

static const char *best_in(const char *text, const char *language, const char *locale, const struct kb_synonyms *synonyms)
{
        static const struct article many[] = {
                {.id = STR_INIT("en"), .title = STR_INIT("Where are my orders?"), .locale = STR_INIT("en")},
                {.id = STR_INIT("de"), .title = STR_INIT("Wo sind meine Bestellungen?"), .locale = STR_INIT("de-AT")},
                {.id = STR_INIT("de2"), .title = STR_INIT("\xc3\x9c" "bergaben der Pakete"), .locale = STR_INIT("de")},
                {.id = STR_INIT("fr"), .title = STR_INIT("O\xc3\xb9 sont mes commandes ?"), .locale = STR_INIT("fr")},
                {.id = STR_INIT("any"), .title = STR_INIT("Zeppelin"), .locale = STR_INIT("")},
        };
        static char id[8];
        struct kb_index *index;
        struct kb_scratch *scratch = kb_scratch_new();
        struct kb_hit hit;
        const struct kb_ask ask = {.text = {str_from(text)}, .language = str_from(language), .locale = str_from(locale),
                                   .synonyms = synonyms};
        assert_ok(kb_index_new(many, sizeof many / sizeof *many, &index, NULL));
        bool is_found = kb_search(index, scratch, &ask, &hit, 1) > 0;
        snprintf(id, sizeof id, "%.*s", is_found ? (int)hit.article->id.len : 1, is_found ? hit.article->id.ptr : "-");
        kb_index_free(index);
        kb_scratch_free(scratch);
        return id;
}

static void an_article_in_another_language_is_no_answer(void **state)
{
        (void)state;
        assert_string_equal(best_in("orders", NULL, NULL, NULL), "en");
        assert_string_equal(best_in("orders", "en", "en-GB", NULL), "en");
        assert_string_equal(best_in("orders", "en", "de", NULL), "-");
        assert_string_equal(best_in("Bestellungen", "de", "de", NULL), "de");
        assert_string_equal(best_in("Bestellungen", "de", "DE-CH", NULL), "de");
        assert_string_equal(best_in("Bestellungen", "de", "en", NULL), "-");
        assert_string_equal(best_in("zeppelin", "fr", "fr", NULL), "any");
        assert_string_equal(best_in("orders", "en", "nl", NULL), "-");
}

static void forms_and_stop_words_are_those_of_the_language(void **state)
{
        (void)state;
        assert_string_equal(best_in("meine Bestellung", "de", NULL, NULL), "de");
        assert_string_equal(best_in("meine Bestellung", NULL, "de", NULL), "de");
        assert_string_equal(best_in("eine \xc3\xbc" "bergabe", "de", "de", NULL), "de2");
        assert_string_equal(best_in("ma commande", "fr", "fr", NULL), "fr");
        assert_string_equal(best_in("wo sind meine", "de", "de", NULL), "-");
        assert_string_equal(best_in("o\xc3\xb9 sont mes", "fr", "fr", NULL), "-");
}

static void synonyms_of_a_locale_are_for_its_questions(void **state)
{
        (void)state;
        const struct str german[] = {STR("Bestellungen"), STR("Auftr\xc3\xa4ge")}, english[] = {STR("orders"), STR("jobs")};
        struct kb_synonyms *synonyms = kb_synonyms_new();
        assert_ok(kb_synonyms_add(synonyms, STR("de"), german, 2, NULL));
        assert_ok(kb_synonyms_add(synonyms, STR("en"), english, 2, NULL));
        assert_string_equal(best_in("auftr\xc3\xa4ge", "de", "de", synonyms), "de");
        assert_string_equal(best_in("auftr\xc3\xa4ge", "fr", NULL, synonyms), "-");
        assert_string_equal(best_in("job", "en", "en", synonyms), "en");
        kb_synonyms_free(synonyms);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_synonym_finds_the_article_for_less_than_the_word),
                cmocka_unit_test(a_word_counts_once_however_often_its_synonyms_are_said),
                cmocka_unit_test(what_is_no_list_of_synonyms_is_refused),
                cmocka_unit_test(an_article_in_another_language_is_no_answer),
                cmocka_unit_test(forms_and_stop_words_are_those_of_the_language),
                cmocka_unit_test(synonyms_of_a_locale_are_for_its_questions),
                cmocka_unit_test(a_slip_of_the_pen_finds_the_word_for_less),
                cmocka_unit_test(the_commoner_of_two_neighbours_is_taken),
                cmocka_unit_test(as_many_lists_as_the_cap_are_found),
        };
        return cmocka_run_group_tests(tests, open_index, close_index);
}
