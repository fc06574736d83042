/* SPDX-License-Identifier: Apache-2.0 */
/* The safety net: rules that find danger in a text, needing nothing but the text.
 *
 * It runs first on every well-formed message, works when everything else is dead, and can only
 * raise: the highest severity of all rules that hit wins. Rules are data (policy/safety.yaml).
 *
 * A phrase is words. It matches whole words after folding (text/safety_fold.h): letters without
 * case, accent or width; an apostrophe of any kind or none ("cant breathe"); zero-width characters
 * dropped; runs of white space, line breaks and punctuation between words as one space. In place
 * of a word a phrase may have a group of words, "(cant|cannot) breathe". A word that ends in '*'
 * matches every word with that beginning. The `phrases` of a rule with is_case_sensitive match the
 * words as they were written ("ER", never "er").
 *
 * `unless` phrases that overlap a hit or stand at most `unless_words` words away from it take
 * that hit back ("charged too much" is no overdose). Where a rule has `needs` phrases, a hit
 * counts only when one of them overlaps it or stands at most `needs_words` words away ("a rash"
 * matters beside "your cream").
 *
 * Among rules of the same severity the one that stands first wins.
 *
 * A net is immutable and may be used by many threads. Scanning allocates nothing; its time is
 * linear in the text.
 */
#ifndef TEXT_SAFETY_NET_H
#define TEXT_SAFETY_NET_H

#include "base/err.h"
#include "base/safe_text.h"
#include "core/verdict.h"

enum {
        SAFETY_NET_MAX_RULES = 1024,
        SAFETY_NET_MAX_PHRASES = 16384,
        SAFETY_NET_MAX_POSITIONS = 32768, /* words of all phrases together, a group counting as one */
        SAFETY_NET_MAX_WORDS = 12,        /* of a phrase */
        SAFETY_NET_MAX_DISTANCE = 64,     /* unless_words, needs_words */
};

struct safety_rule {
        struct str id;
        enum severity severity;
        enum intent intent;
        double precision; /* 0..1, as measured on labelled text */
        bool is_case_sensitive;
        const struct str *phrases;
        size_t phrase_count;
        const struct str *unless;
        size_t unless_count;
        unsigned unless_words;
        const struct str *needs;
        size_t needs_count;
        unsigned needs_words;
};

struct safety_net;

/* Copies the rules. ERR_INVALID names the rule and the phrase that cannot be used. */
enum err safety_net_new(const struct safety_rule *rules, size_t count, struct safety_net **ret_net,
                        struct err_note *note) MUST_USE;

void safety_net_free(struct safety_net *net);

/* Also says which language the text is in (text/language.h). The strings of the finding borrow from the net. */
struct safety_finding safety_net_scan(const struct safety_net *net, struct raw_text text);

#endif
