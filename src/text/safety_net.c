/* SPDX-License-Identifier: Apache-2.0 */
#include "text/safety_net.h"

#include "base/alloc.h"
#include "text/language.h"
#include "text/safety_index.h"

enum {
        MAX_PENDING = 16,
        MAX_FOUND = 48,                   /* phrases that end on one word */
        AHEAD = SAFETY_NET_MAX_WORDS - 1, /* words that are read before a word is judged */
        WINDOW = 32,                      /* power of two, more than twice AHEAD */
};

struct net_rule {
        struct safety_finding finding; /* its id is owned */
        bool has_unless;
        bool has_needs;
        uint32_t unless_words;
        uint32_t needs_words;
        uint32_t look_ahead; /* words behind a hit after which nothing can change about it */
};

struct safety_net {
        struct safety_index *index; /* owns */
        struct net_rule *rules;     /* owns */
        size_t rule_count;
};

/* A hit that words still to come may take back (unless) or make count (needs). */
struct pending {
        uint32_t rule;
        uint32_t end;      /* the hit's last word */
        uint32_t deadline; /* the last word that can matter */
        bool is_met;       /* has what it needs */
};

/* Words are counted from 1; 0 in a memory means never. */
struct scan {
        const struct safety_net *net;
        uint32_t word;
        uint32_t best; /* rule, or rule_count */
        struct seen {
                uint32_t term_count;
                uint32_t found_count;
                uint32_t terms[SAFETY_INDEX_MAX_TERMS];
                uint32_t found[MAX_FOUND];   /* phrases that end on it */
        } window[WINDOW];                    /* the words around the current one */
        struct pending pending[MAX_PENDING]; /* oldest first */
        size_t pending_count;
        struct memory {
                uint32_t unless_end; /* last word of the latest phrase of that kind */
                uint32_t needs_end;
        } memory[SAFETY_NET_MAX_RULES];
};

static bool is_better(const struct scan *scan, uint32_t rule)
{
        if (scan->best == scan->net->rule_count)
                return true;
        enum severity severity = scan->net->rules[rule].finding.severity;
        enum severity best = scan->net->rules[scan->best].finding.severity;
        return severity > best || (severity == best && rule < scan->best);
}

static void conclude(struct scan *scan, uint32_t rule)
{
        if (is_better(scan, rule))
                scan->best = rule;
}

static void pending_remove(struct scan *scan, size_t at)
{
        scan->pending_count--;
        for (size_t i = at; i < scan->pending_count; i++)
                scan->pending[i] = scan->pending[i + 1];
}

/* What has been seen of the text decides: it has what it needs, or it never was a hit. */
static void pending_decide(struct scan *scan, size_t at)
{
        if (scan->pending[at].is_met)
                conclude(scan, scan->pending[at].rule);
        pending_remove(scan, at);
}

static void decide_overdue(struct scan *scan)
{
        for (size_t i = scan->pending_count; i-- > 0;)
                if (scan->pending[i].deadline < scan->word)
                        pending_decide(scan, i);
}

/* When too many hits wait, the oldest is decided early: a hit that only an `unless` still to come
 * could take back stands, because the net rather raises than misses. */
static void pending_add(struct scan *scan, struct pending pending)
{
        if (scan->pending_count == MAX_PENDING)
                pending_decide(scan, 0);
        scan->pending[scan->pending_count++] = pending;
}

static void see_phrase(struct scan *scan, uint32_t index, uint32_t start)
{
        const struct net_rule *rule = &scan->net->rules[index];
        const struct memory *memory = &scan->memory[index];
        if (!is_better(scan, index))
                return;
        if (memory->unless_end && memory->unless_end + rule->unless_words + 1 >= start)
                return;
        bool is_met =
                !rule->has_needs || (memory->needs_end && memory->needs_end + rule->needs_words + 1 >= start);
        if (is_met && !rule->has_unless)
                conclude(scan, index);
        else
                pending_add(scan, (struct pending){index, scan->word, scan->word + rule->look_ahead, is_met});
}

static void see_unless(struct scan *scan, uint32_t rule, uint32_t start)
{
        scan->memory[rule].unless_end = scan->word;
        for (size_t i = scan->pending_count; i-- > 0;)
                if (scan->pending[i].rule == rule &&
                    start <= scan->pending[i].end + scan->net->rules[rule].unless_words + 1)
                        pending_remove(scan, i);
}

static void see_needs(struct scan *scan, uint32_t rule, uint32_t start)
{
        scan->memory[rule].needs_end = scan->word;
        for (size_t i = 0; i < scan->pending_count; i++)
                if (scan->pending[i].rule == rule &&
                    start <= scan->pending[i].end + scan->net->rules[rule].needs_words + 1)
                        scan->pending[i].is_met = true;
}

static void see_end(struct scan *scan, const struct safety_phrase *phrase)
{
        uint32_t start = scan->word + 1 - phrase->words;
        switch (phrase->kind) {
        case SAFETY_USE_PHRASE:
                see_phrase(scan, phrase->rule, start);
                break;
        case SAFETY_USE_UNLESS:
                see_unless(scan, phrase->rule, start);
                break;
        case SAFETY_USE_NEEDS:
                see_needs(scan, phrase->rule, start);
                break;
        }
}

static bool is_here(const struct scan *scan, const struct safety_phrase *phrase, uint32_t start)
{
        for (uint32_t i = 0; i < phrase->words; i++) {
                const struct seen *seen = &scan->window[(start + i) % WINDOW];
                if (i != phrase->anchor &&
                    !safety_index_fits(scan->net->index, phrase->first + i, seen->terms, seen->term_count))
                        return false;
        }
        return true;
}

/* Compares the phrases that hang on the current word with the words around it. What is found waits
 * on its last word. More than MAX_FOUND on one word: a hit stands at once, because the net rather
 * raises than misses. */
static void find_phrases(struct scan *scan, uint32_t term)
{
        const struct safety_index *index = scan->net->index;
        for (uint32_t i = index->first_anchored[term]; i < index->first_anchored[term + 1]; i++) {
                const struct safety_phrase *phrase = &index->phrases[index->anchored[i]];
                uint32_t start = scan->word - phrase->anchor;
                if (!is_here(scan, phrase, start))
                        continue;
                struct seen *last = &scan->window[(start + phrase->words - 1) % WINDOW];
                if (last->found_count < MAX_FOUND)
                        last->found[last->found_count++] = index->anchored[i];
                else if (phrase->kind == SAFETY_USE_PHRASE)
                        conclude(scan, phrase->rule);
        }
}

/* Judges the next word, AHEAD words after it was read: a phrase is found on its anchor, which is not
 * behind its last word, so that all that ends on this word is known now. */
static void judge_word(struct scan *scan)
{
        scan->word++;
        struct seen *seen = &scan->window[scan->word % WINDOW];
        if (scan->pending_count)
                decide_overdue(scan);
        for (uint32_t i = 0; i < seen->term_count; i++)
                find_phrases(scan, seen->terms[i]);
        for (uint32_t i = 0; i < seen->found_count; i++)
                see_end(scan, &scan->net->index->phrases[seen->found[i]]);
}

/* Words are read into the window; NULL is the silence behind the last one. */
static void read_word(struct scan *scan, uint32_t at, const struct safety_word *word)
{
        struct seen *seen = &scan->window[at % WINDOW];
        seen->found_count = 0;
        seen->term_count = word ? (uint32_t)safety_index_terms(scan->net->index, word, seen->terms) : 0;
        if (at > AHEAD)
                judge_word(scan);
}

struct safety_finding safety_net_scan(const struct safety_net *net, struct raw_text text)
{
        struct scan scan;
        scan.net = net;
        scan.word = 0;
        scan.best = (uint32_t)net->rule_count;
        scan.pending_count = 0;
        for (size_t i = 0; i < WINDOW; i++)
                scan.window[i].term_count = 0;
        memset(scan.memory, 0, net->rule_count * sizeof *scan.memory);
        struct safety_word word;
        struct str rest = text.raw;
        uint32_t at = 0;
        while (safety_fold_next(net->index->fold, &rest, &word))
                read_word(&scan, ++at, &word);
        for (uint32_t end = at + AHEAD; at < end;)
                read_word(&scan, ++at, NULL);
        while (scan.pending_count)
                pending_decide(&scan, 0);
        struct safety_finding finding = scan.best < net->rule_count ? net->rules[scan.best].finding
                                                                    : (struct safety_finding){.intent = INTENT_NONE};
        enum language language = language_guess(text.raw);
        finding.is_foreign = language == LANGUAGE_OTHER;
        finding.language = language_tag(language);
        return finding;
}

static enum err check_rule(const struct safety_rule *rule, struct err_note *note)
{
        const char *fault = NULL;
        if (rule->severity <= SEVERITY_NONE || rule->severity >= SEVERITY_COUNT)
                fault = "has no severity";
        else if (rule->intent >= INTENT_OTHER || intent_category(rule->intent) != CATEGORY_SAFETY_COMPLIANCE)
                fault = "has no intent of safety_compliance";
        else if (!(rule->precision >= 0 && rule->precision <= 1))
                fault = "has a precision outside of 0..1";
        else if (rule->phrase_count == 0)
                fault = "has no phrase";
        else if (rule->unless_words > SAFETY_NET_MAX_DISTANCE || rule->needs_words > SAFETY_NET_MAX_DISTANCE)
                fault = "looks further than 64 words";
        return fault ? err_set(note, ERR_INVALID, "rule `%.*s` %s", STR_ARGS(rule->id), fault) : ERR_OK;
}

static void rule_init(struct net_rule *to, const struct safety_rule *from)
{
        to->finding.severity = from->severity;
        to->finding.intent = from->intent;
        to->finding.rule = (struct str){alloc_copy(from->id.ptr, from->id.len), from->id.len};
        to->finding.precision = from->precision;
        to->has_unless = from->unless_count > 0;
        to->has_needs = from->needs_count > 0;
        to->unless_words = from->unless_words;
        to->needs_words = from->needs_words;
        uint32_t distance = to->has_unless ? to->unless_words : 0;
        if (to->has_needs && to->needs_words > distance)
                distance = to->needs_words;
        to->look_ahead = distance + SAFETY_NET_MAX_WORDS;
}

enum err safety_net_new(const struct safety_rule *rules, size_t count, struct safety_net **ret_net,
                        struct err_note *note)
{
        if (count > SAFETY_NET_MAX_RULES)
                return err_set(note, ERR_TOO_LARGE, "%zu rules, at most %d are allowed", count,
                               SAFETY_NET_MAX_RULES);
        for (size_t i = 0; i < count; i++) {
                enum err err = check_rule(&rules[i], note);
                if (err)
                        return err;
        }
        struct safety_index *index;
        enum err err = safety_index_new(rules, count, &index, note);
        if (err)
                return err;
        struct safety_net *net = alloc_zeroed(1, sizeof *net);
        net->index = index;
        net->rules = alloc_zeroed(count, sizeof *net->rules);
        net->rule_count = count;
        for (size_t i = 0; i < count; i++)
                rule_init(&net->rules[i], &rules[i]);
        *ret_net = net;
        return ERR_OK;
}

void safety_net_free(struct safety_net *net)
{
        if (!net)
                return;
        for (size_t i = 0; i < net->rule_count; i++)
                free((void *)(uintptr_t)net->rules[i].finding.rule.ptr);
        free(net->rules);
        safety_index_free(net->index);
        free(net);
}
