/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/alloc.h"
#include "text/safety_net.h"

enum { LIST_MAX = 4 };

/* A rule as a test writes it: lists end with a NULL. */
struct sketch {
        const char *id;
        enum severity severity;
        bool is_case_sensitive;
        unsigned words;
        const char *phrases[LIST_MAX], *unless[LIST_MAX], *needs[LIST_MAX];
};

static size_t strings(const char *const *from, struct str *to)
{
        size_t count = 0;
        for (; count < LIST_MAX && from[count]; count++)
                to[count] = str_from(from[count]);
        return count;
}

static enum err net_of(const struct sketch *sketches, size_t count, struct safety_net **ret_net,
                       struct err_note *note)
{
        struct safety_rule rules[8] = {0};
        struct str texts[8][3][LIST_MAX];
        for (size_t i = 0; i < count; i++) {
                const struct sketch *sketch = &sketches[i];
                rules[i] = (struct safety_rule){
                        .id = str_from(sketch->id),
                        .severity = sketch->severity,
                        .intent = INTENT_PRODUCT_SAFETY,
                        .precision = 0.5,
                        .is_case_sensitive = sketch->is_case_sensitive,
                        .phrases = texts[i][0],
                        .phrase_count = strings(sketch->phrases, texts[i][0]),
                        .unless = texts[i][1],
                        .unless_count = strings(sketch->unless, texts[i][1]),
                        .unless_words = sketch->words,
                        .needs = texts[i][2],
                        .needs_count = strings(sketch->needs, texts[i][2]),
                        .needs_words = sketch->words,
                };
        }
        return safety_net_new(rules, count, ret_net, note);
}

static const struct sketch sketches[] = {
        {"pain", SEVERITY_URGENT,
         .phrases = {"chest (pain|pains)", "cant breathe", "na\xc3\xafve \xe8\x87\xaa\xe6\x9d\x80"}},
        {"ER", SEVERITY_URGENT, true, .phrases = {"ER"}, .unless = {"er diagram"}},
        {"much", SEVERITY_HIGH, .words = 2, .phrases = {"too much", "overdos*"},
         .unless = {"charged", "just kidding"}},
        {"rash", SEVERITY_STANDARD, .words = 3, .phrases = {"rash"}, .needs = {"cream", "after taking"}},
        {"both", SEVERITY_STANDARD, .words = 1, .phrases = {"burn"}, .unless = {"calories"},
         .needs = {"skin"}},
        {"late", SEVERITY_URGENT, .phrases = {"chest pain now", "prefix* in*ide"}},
};

static void phrases_are_found_and_taken_back(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                const char *rule; /* NULL: no hit */
        } cases[] = {
                {"I have chest pain", "pain"},
                {"CHEST PAINS", "pain"},
                {"chest, pain", "pain"},
                {"chest\xc2\xa0pain", "pain"},
                {"chest \r\n\t pain", "pain"},
                {"ch\xe2\x80\x8b"
                 "est pain",
                 "pain"},
                {"\xef\xbc\xa3hest pain", "pain"},
                {"ch\xc3\xa9st pain", "pain"},
                {"che\xcc\x81st pain", "pain"},
                {"chestpain", NULL},
                {"chest hurts, pain", NULL},
                {"orchest pain", NULL},
                {"chest painful", NULL},
                {"can't breathe", "pain"},
                {"can\xe2\x80\x99t breathe", "pain"},
                {"NAIVE \xe8\xaf\xb4\xe8\x87\xaa\xe6\x9d\x80\xe4\xba\x86", NULL}, /* a sign between the two */
                {"naive\xe8\x87\xaa\xe6\x9d\x80\xe4\xba\x86", "pain"},
                {"I am in the ER", "ER"},
                {"her order, er, HER ORDER", NULL},
                {"an ER diagram", NULL},
                {"far too much", "much"},
                {"I was charged way too much", NULL},
                {"charged a b c too much", "much"},
                {"too much a charged", NULL},
                {"too much a b charged", NULL},
                {"too much a b c charged", "much"},
                {"too much, I am just kidding", NULL},
                {"too much, charged, one two three too much", "much"},
                {"overdosed", "much"},
                {"overdo", NULL},
                {"a rash decision", NULL},
                {"a rash from that cream", "rash"},
                {"the cream gave me a rash", "rash"},
                {"the cream one two three four rash", NULL},
                {"after taking it a rash", "rash"},
                {"rash one two three after taking", "rash"},
                {"burn skin", "both"},
                {"burn skin calories", NULL},
                {"burn skin now calories", "both"},
                {"burn calories skin", NULL},
                {"burn", NULL},
                {"prefixed in inside", NULL},
                {"too much chest pain", "pain"},
                {"chest chest pain", "pain"},
                {"\xff\xfe chest \xc3 pain \xe2", "pain"},
                {"", NULL},
        };
        struct safety_net *net;
        struct err_note note;
        assert_int_equal(net_of(sketches, 6, &net, &note), ERR_INVALID); /* a '*' inside of a word */
        assert_ok(net_of(sketches, 5, &net, &note));
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct safety_finding finding =
                        safety_net_scan(net, (struct raw_text){str_from(cases[i].text)});
                if (cases[i].rule ? !str_equal(finding.rule, str_from(cases[i].rule))
                                  : finding.severity != SEVERITY_NONE)
                        fail_msg("\"%s\" gave \"%.*s\"", cases[i].text, STR_ARGS(finding.rule));
        }
        safety_net_free(net);
}

static void the_highest_severity_wins_then_the_first_rule(void **state)
{
        (void)state;
        static const struct sketch rules[] = {
                {"low", SEVERITY_STANDARD, .phrases = {"alpha"}},
                {"first", SEVERITY_HIGH, .phrases = {"beta"}},
                {"second", SEVERITY_HIGH, .phrases = {"alpha", "gamma"}},
        };
        struct safety_net *net;
        assert_ok(net_of(rules, 3, &net, NULL));
        assert_str_equal(safety_net_scan(net, (struct raw_text){STR("alpha")}).rule, "second");
        assert_str_equal(safety_net_scan(net, (struct raw_text){STR("gamma beta")}).rule, "first");
        struct safety_finding finding = safety_net_scan(net, (struct raw_text){STR("beta")});
        assert_int_equal(finding.severity, SEVERITY_HIGH);
        assert_int_equal(finding.intent, INTENT_PRODUCT_SAFETY);
        assert_true(finding.precision == 0.5);
        safety_net_free(net);
}

static void rules_that_cannot_be_used_are_named(void **state)
{
        (void)state;
        static const struct {
                struct sketch rule;
                const char *note;
        } cases[] = {
                {{"a", SEVERITY_NONE, .phrases = {"x"}}, "rule `a` has no severity"},
                {{"b", SEVERITY_HIGH}, "rule `b` has no phrase"},
                {{"c", SEVERITY_HIGH, .phrases = {"..."}},
                 "rule `c`: phrase `...` has something that is not a word"},
                {{"d", SEVERITY_HIGH, .phrases = {"a b c d e f g h i j k l m"}},
                 "rule `d`: phrase `a b c d e f g h i j k l m` has more than 12 words"},
                {{"e", SEVERITY_HIGH, true, .phrases = {"ER*"}},
                 "rule `e`: phrase `ER*` has a '*' in a case-sensitive rule"},
                {{"f", SEVERITY_HIGH, .phrases = {"(a b|c)"}},
                 "rule `f`: phrase `(a b|c)` has something in a group that is not one word"},
                {{"g", SEVERITY_HIGH, .phrases = {"x"}, .words = 65}, "rule `g` looks further than 64 words"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct safety_net *net = NULL;
                struct err_note note;
                assert_int_equal(net_of(&cases[i].rule, 1, &net, &note), ERR_INVALID);
                assert_string_equal(note.text, cases[i].note);
                assert_null(net);
        }
}

/* More hits than may wait at once: the last one must still be found, and nothing may be read or
 * written out of bounds. */
static void a_flood_of_hits_does_not_hide_one(void **state)
{
        (void)state;
        struct safety_net *net;
        assert_ok(net_of(sketches, 5, &net, NULL));
        size_t len = 100000;
        char *text = alloc_zeroed(len, 1);
        for (size_t i = 0; i < len; i++)
                text[i] = "rash burn overdose charged "[i % 27];
        struct str flood = {text, len};
        assert_int_not_equal(safety_net_scan(net, (struct raw_text){flood}).severity, SEVERITY_URGENT);
        static const char end[] = " chest pain";
        memcpy(text + len - (sizeof end - 1), end, sizeof end - 1);
        assert_str_equal(safety_net_scan(net, (struct raw_text){flood}).rule, "pain");
        free(text);
        safety_net_free(net);
}

static void what_the_rules_are_not_for_is_marked(void **state)
{
        (void)state;
        struct safety_net *net;
        assert_ok(net_of(sketches, 5, &net, NULL));
        static const struct {
                const char *text;
                bool is_foreign;
                struct str language;
        } cases[] = {{"where is my order", false, STR_INIT("en")},
                     {"hm", false, {0}},
                     {"vorrei annullare l'ordine e riavere i soldi", true, {0}}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct safety_finding finding = safety_net_scan(net, (struct raw_text){str_from(cases[i].text)});
                assert_int_equal(finding.is_foreign, cases[i].is_foreign);
                assert_true(str_equal(finding.language, cases[i].language));
        }
        safety_net_free(net);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(phrases_are_found_and_taken_back),
                cmocka_unit_test(the_highest_severity_wins_then_the_first_rule),
                cmocka_unit_test(rules_that_cannot_be_used_are_named),
                cmocka_unit_test(a_flood_of_hits_does_not_hide_one),
                cmocka_unit_test(what_the_rules_are_not_for_is_marked),
        };
        return cmocka_run_group_tests_name("text/safety_net", tests, NULL, NULL);
}
