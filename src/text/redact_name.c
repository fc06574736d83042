/* SPDX-License-Identifier: Apache-2.0 */
/* Names of persons, without a model: cues beside them ("my name is", "Dear", "Thanks,"), the lexicon of given
 * and family names, and names that are known from elsewhere.
 *
 * A run is words with capitals, side by side, that are not known to be something else. What stands around
 * the run and what the lexicon knows of its words decide. */
#include "text/redact_scan.h"

#include <string.h>

enum { WORDS_MAX = 6, FILLERS_MAX = 6, SMALL_MAX = 3 };

struct run {
        ptrdiff_t first, end; /* tokens */
        ptrdiff_t words[WORDS_MAX];
        size_t count;
};

static bool is_sure_given(const struct token *token)
{
        return token->bits & LEX_GIVEN &&
               !(token->bits & (LEX_COMMON | LEX_BARE | LEX_PLACE | LEX_MONTH | LEX_ORG | LEX_TITLE));
}

static bool is_sure_family(const struct token *token)
{
        return token->bits & LEX_FAMILY &&
               !(token->bits & (LEX_COMMON | LEX_PLACE | LEX_MONTH | LEX_ORG | LEX_STREET | LEX_STATE));
}

static bool is_any_name(const struct token *token)
{
        return (token->bits & (LEX_GIVEN | LEX_FAMILY)) != 0;
}

/* A word that may be part of a name: it has a capital and is known as a name or as nothing. */
static bool is_name_word(const struct token *token)
{
        if (token->kind != TOKEN_WORD || token->is_taken || token->letters == CASE_LOWER ||
            token->letters == CASE_NONE)
                return false;
        if (token->topic || (token->bits & (LEX_ORG | LEX_MONTH | LEX_TITLE) && !is_any_name(token)))
                return false;
        if (token->letters == CASE_UPPER && !is_any_name(token))
                return false;
        return !(token->bits & (LEX_COMMON | LEX_PLACE)) || is_any_name(token);
}

static bool is_glue(const struct scan *scan, ptrdiff_t i)
{
        const struct token *left = scan_token(scan, i - 1), *token = scan_token(scan, i),
                           *right = scan_token(scan, i + 1);
        bool is_sign = token_is(scan, token, '-') || token_is(scan, token, '\'');
        return is_sign && token_touches(left, token) && token_touches(token, right) &&
               right->kind == TOKEN_WORD && right->letters != CASE_LOWER;
}

static bool is_initial(const struct scan *scan, ptrdiff_t i)
{
        return scan_token(scan, i)->letters == CASE_INITIAL && token_is(scan, scan_token(scan, i + 1), '.') &&
               token_touches(scan_token(scan, i), scan_token(scan, i + 1));
}

/* The run that begins at the i-th token; none when its count is 0. */
static struct run read_run(const struct scan *scan, ptrdiff_t i)
{
        struct run run;
        ptrdiff_t at = i;
        run.first = i;
        run.end = i;
        run.count = 0; /* the words before it alone are set */
        while (run.count < WORDS_MAX) {
                const struct token *token = scan_token(scan, at);
                bool is_joiner = run.count && token->kind == TOKEN_WORD && token->bits & LEX_JOINER &&
                                 token->letters == CASE_LOWER &&
                                 (is_name_word(scan_token(scan, at + 1)) ||
                                  scan_token(scan, at + 1)->bits & LEX_JOINER);
                if (is_name_word(token)) {
                        run.words[run.count++] = at;
                        at++;
                        if (is_initial(scan, at - 1))
                                at++;
                        run.end = at;
                } else if (is_joiner || (run.count && at == run.end && is_glue(scan, at))) {
                        at++;
                } else {
                        break;
                }
        }
        return run;
}

static const struct token *word_of(const struct scan *scan, const struct run *run, size_t i)
{
        return scan_token(scan, run->words[i]);
}

static bool starts_sentence(const struct scan *scan, ptrdiff_t i)
{
        return i == 0 || token_ends_sentence(scan, i - 1);
}

/* ---- what stands around ---- */

/* A topic before the run, with nothing between but the words that lead from one to the other. */
static bool is_told(const struct scan *scan, ptrdiff_t first)
{
        static const struct str links[] = {
                STR_INIT("is"),          STR_INIT("was"),     STR_INIT("on"),      STR_INIT("file"),
                STR_INIT("to"),          STR_INIT("should"),  STR_INIT("be"),      STR_INIT("it"),
                STR_INIT("s"),           STR_INIT("now"),     STR_INIT("the"),     STR_INIT("my"),
                STR_INIT("reservation"), STR_INIT("account"), STR_INIT("card"),    STR_INIT("passport"),
                STR_INIT("user"),        STR_INIT("ist"),     STR_INIT("es"),      STR_INIT("est"),
                STR_INIT("please"),      STR_INIT("of"),      STR_INIT("spelled"), STR_INIT("registered"),
                STR_INIT("read"),        STR_INIT("under")};
        size_t links_seen = 0;
        for (ptrdiff_t at = first - 1; at >= first - FILLERS_MAX; at--) {
                const struct token *token = scan_token(scan, at);
                bool is_colon = token_is(scan, token, ':') || token_is(scan, token, '=');
                if (token->topic == TOPIC_NAME)
                        return links_seen == 0 || at == first - 1 - (ptrdiff_t)links_seen;
                if (token->topic == TOPIC_NAME_WORD)
                        return true;
                bool is_link = token_is_one_of(scan, token, links, sizeof links / sizeof *links);
                bool is_sign = is_colon || token_is(scan, token, ',') || token_is(scan, token, '\'') ||
                               token_is(scan, token, '"') || token_is(scan, token, '?') ||
                               (token->kind == TOKEN_LINE && token_is(scan, scan_token(scan, at - 1), ':'));
                if (!is_link && !is_sign)
                        return false;
                links_seen++;
        }
        return false;
}

static bool is_title(const struct scan *scan, ptrdiff_t first)
{
        const struct token *before = scan_token(scan, first - 1);
        if (token_is(scan, before, '.'))
                before = scan_token(scan, first - 2);
        return before->kind == TOKEN_WORD && before->bits & LEX_TITLE && before->letters != CASE_LOWER;
}

static bool is_greeted(const struct scan *scan, const struct run *run)
{
        const struct token *behind = scan_token(scan, run->end);
        bool is_closed = token_is(scan, behind, ',') || token_is(scan, behind, '!') ||
                         token_is(scan, behind, '.') || token_is(scan, behind, '-') ||
                         behind->kind == TOKEN_LINE || behind->kind == TOKEN_END;
        return scan_token(scan, run->first - 1)->topic == TOPIC_GREETING && is_closed && run->count <= 3;
}

static bool is_line_end(const struct token *token)
{
        return token->kind == TOKEN_LINE || token->kind == TOKEN_END;
}

/* "Thanks,\nJane" */
static bool is_signature(const struct scan *scan, const struct run *run)
{
        ptrdiff_t at = run->first - 1;
        bool has_break = false;
        const struct token *behind = scan_token(scan, run->end);
        while (scan_token(scan, at)->kind == TOKEN_LINE || token_is(scan, scan_token(scan, at), ',') ||
               token_is(scan, scan_token(scan, at), '-') || token_is(scan, scan_token(scan, at), '!') ||
               token_is(scan, scan_token(scan, at), '.')) {
                has_break = true;
                if (run->first - at > 4)
                        return false;
                at--;
        }
        return has_break && scan_token(scan, at)->topic == TOPIC_CLOSING &&
               (is_line_end(behind) ||
                (token_is(scan, behind, '.') && is_line_end(scan_token(scan, run->end + 1))));
}

/* "Jane here", "Jane Doe is my name", "Jane Doe, party of four" */
static bool is_explained(const struct scan *scan, const struct run *run)
{
        ptrdiff_t at = run->end;
        if (token_is(scan, scan_token(scan, at), ','))
                at++;
        const struct token *next = scan_token(scan, at), *second = scan_token(scan, at + 1);
        if (token_is_word(scan, next, STR("here")))
                return starts_sentence(scan, run->first) ||
                       scan_token(scan, run->first - 1)->kind == TOKEN_PUNCT ||
                       scan_token(scan, run->first - 1)->topic == TOPIC_GREETING;
        if (token_is_word(scan, next, STR("speaking")) ||
            (token_is_word(scan, next, STR("party")) && token_is_word(scan, second, STR("of"))))
                return true;
        if (!token_is_word(scan, next, STR("is")))
                return false;
        for (ptrdiff_t i = at + 1; i < at + 5; i++)
                if (scan_token(scan, i)->topic == TOPIC_NAME_WORD)
                        return true;
        return false;
}

static bool is_alone_on_line(const struct scan *scan, const struct run *run)
{
        ptrdiff_t before = run->first - 1;
        while (token_is(scan, scan_token(scan, before), '>') ||
               token_is(scan, scan_token(scan, before), '?') ||
               token_is(scan, scan_token(scan, before), '.') || scan_token(scan, before)->bits & LEX_TITLE)
                before--;
        return is_line_end(scan_token(scan, before)) && is_line_end(scan_token(scan, run->end));
}

/* ---- what the words are ---- */

static bool is_listed_pair(const struct scan *scan, const struct run *run)
{
        const struct token *first = word_of(scan, run, 0), *last = word_of(scan, run, run->count - 1);
        bool is_vague = first->bits & (LEX_COMMON | LEX_PLACE | LEX_BARE) &&
                        last->bits & (LEX_COMMON | LEX_PLACE | LEX_STREET);
        if (is_sure_given(first))
                return true;
        if (first->bits & LEX_GIVEN && last->bits & LEX_FAMILY)
                return !is_vague;
        if (is_sure_family(last))
                return !(first->bits & LEX_PLACE) && !(first->bits & LEX_COMMON && !(first->bits & LEX_GIVEN));
        if (is_sure_family(first) && last->bits & LEX_GIVEN)
                return true;
        return first->bits & LEX_GIVEN && !(first->bits & (LEX_COMMON | LEX_PLACE | LEX_MONTH)) &&
               last->bits == 0;
}

/* Words that make a company or a thing of the name before them. */
static bool is_thing(const struct scan *scan, const struct run *run)
{
        const struct token *behind = scan_token(scan, run->end), *before = scan_token(scan, run->first - 1);
        bool is_company = behind->kind == TOKEN_WORD && behind->bits & LEX_ORG && behind->letters != CASE_LOWER;
        bool is_path = behind->kind == TOKEN_PUNCT && token_touches(scan_token(scan, run->end - 1), behind) &&
                       memchr("/_@=#", scan->text.ptr[behind->start], 5);
        bool is_tagged = before->kind == TOKEN_PUNCT && token_touches(before, scan_token(scan, run->first)) &&
                         memchr("@/_#$=\\", scan->text.ptr[before->start], 7);
        bool is_street = behind->kind == TOKEN_WORD && behind->bits & LEX_STREET &&
                         behind->letters != CASE_LOWER && run->count == 1;
        bool is_ampersand = token_is(scan, behind, '&') || token_is(scan, before, '&');
        return is_company || is_path || is_tagged || is_street || is_ampersand;
}

/* Whether a name is expected there, whatever it looks like. */
static bool is_expected(const struct scan *scan, const struct run *run)
{
        return is_title(scan, run->first) || is_told(scan, run->first) || is_signature(scan, run) ||
               is_explained(scan, run) ||
               (is_greeted(scan, run) && !(word_of(scan, run, 0)->bits & (LEX_PLACE | LEX_ORG)));
}

static bool is_for(const struct scan *scan, const struct run *run)
{
        ptrdiff_t at = run->first - 1;
        if (token_is_word(scan, scan_token(scan, at), STR("the")))
                at--;
        return scan_token(scan, at)->topic == TOPIC_FOR;
}

static bool is_answer(const struct scan *scan, const struct run *run)
{
        return scan->is_whole && run->first == 0 && (size_t)run->end + 1 >= scan->count && run->count <= 4;
}

static bool is_person(const struct scan *scan, const struct run *run)
{
        const struct token *first = word_of(scan, run, 0), *last = word_of(scan, run, run->count - 1);
        bool has_known = false, has_word = false;
        for (size_t i = 0; i < run->count; i++)
                has_word = has_word || word_of(scan, run, i)->letters != CASE_INITIAL;
        for (size_t i = 0; i < run->count; i++)
                has_known = has_known || is_sure_given(word_of(scan, run, i)) ||
                            is_sure_family(word_of(scan, run, i));
        if (!has_word || is_thing(scan, run))
                return false;
        if (is_expected(scan, run))
                return true;
        if (run->count == 1) {
                bool is_supported = is_for(scan, run) || is_answer(scan, run);
                return is_sure_given(first) || (is_any_name(first) && is_supported);
        }
        if (is_initial(scan, run->first) && !(last->bits & ~(unsigned)(LEX_GIVEN | LEX_FAMILY)))
                return true;
        if (is_for(scan, run) || is_answer(scan, run))
                return true;
        return is_listed_pair(scan, run) || (has_known && is_alone_on_line(scan, run));
}

static void note_run(struct scan *scan, const struct run *run)
{
        size_t end = scan_token(scan, run->end - 1)->end;
        /* The full stop behind a last initial is the sentence's as well as the name's. */
        if (token_is(scan, scan_token(scan, run->end - 1), '.') && run->count > 1 &&
            run->words[run->count - 1] == run->end - 2)
                end = scan_token(scan, run->end - 2)->end;
        scan_note(scan, scan_token(scan, run->first)->start, end, PII_PERSON);
}

/* ---- names in small letters ---- */

/* "my name is cleared", "… is missing" */
static bool is_participle(struct str word)
{
        return word.len > 3 && (memcmp(word.ptr + word.len - 2, "ed", 2) == 0 ||
                                memcmp(word.ptr + word.len - 3, "ing", 3) == 0);
}

static bool is_small_name(const struct token *token)
{
        return token->kind == TOKEN_WORD && token->letters == CASE_LOWER && !token->topic &&
               !token->is_taken && token->end - token->start > 1 &&
               (!(token->bits & ~(unsigned)(LEX_GIVEN | LEX_FAMILY | LEX_BARE)) || is_sure_given(token) ||
                is_sure_family(token));
}

/* "my name is tom baker": after a sure cue, or a given and a family name that are nothing else. */
static ptrdiff_t find_small(struct scan *scan, ptrdiff_t i)
{
        const struct token *first = scan_token(scan, i);
        if (!is_small_name(first) || (!is_any_name(first) && is_participle(token_text(scan, first))))
                return i + 1;
        ptrdiff_t end = i + 1;
        while (end < i + SMALL_MAX && is_small_name(scan_token(scan, end)) &&
               is_any_name(scan_token(scan, end)))
                end++;
        bool is_cued =
                scan_token(scan, i - 1)->topic == TOPIC_NAME || (is_sure_given(first) && is_told(scan, i));
        bool is_pair = end - i >= 2 && is_sure_given(first) && is_sure_family(scan_token(scan, end - 1));
        if (!is_cued && !is_pair)
                return i + 1;
        if (end == i + 1 && is_cued && is_any_name(first) && is_small_name(scan_token(scan, end)))
                end++;
        scan_note(scan, first->start, scan_token(scan, end - 1)->end, PII_PERSON);
        return end;
}

/* ---- names known from elsewhere ---- */

/* "I will pay" is no Will, though one is known. */
static bool matches_known(const struct scan *scan, const struct token *token)
{
        if (token->bits & LEX_COMMON && token->letters == CASE_LOWER)
                return false;
        for (size_t i = 0; i < scan->known_count; i++)
                if (str_equal_nocase(token_text(scan, token), scan->known_names[i]))
                        return true;
        return false;
}

void scan_names(struct scan *scan)
{
        for (ptrdiff_t i = 0; (size_t)i < scan->count;) {
                const struct token *token = scan_token(scan, i);
                if (token->kind != TOKEN_WORD || token->is_taken) {
                        i++;
                        continue;
                }
                if (scan->known_count && matches_known(scan, token)) {
                        scan_note(scan, token->start, token->end, PII_PERSON);
                        i++;
                        continue;
                }
                struct run run = read_run(scan, i);
                if (run.count == 0) {
                        i = find_small(scan, i);
                        continue;
                }
                if (is_person(scan, &run))
                        note_run(scan, &run);
                i = run.end > i ? run.end : i + 1;
        }
}
