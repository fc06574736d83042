/* SPDX-License-Identifier: Apache-2.0 */
/* The safety net: rules that find danger in a text, needing nothing but the text.
 *
 * It runs first on every well-formed message, works when everything else is dead, and can only
 * raise: the highest severity of all rules that hit wins. Rules are data (policy/safety.yaml).
 *
 * A phrase is words. It matches on word boundaries after folding: letters without case, curly
 * apostrophes as straight ones, an apostrophe or none ("cant breathe"), runs of white space,
 * zero-width characters and punctuation between words as one space. A last word that ends in '*'
 * matches every word with that beginning. A phrase in a rule with is_case_sensitive matches the
 * text as it was written ("ER", never "er"). `unless` phrases that overlap or stand within
 * `unless_words` words of a hit take that hit back ("charged too much" is no overdose).
 *
 * A net is immutable and may be used by many threads. Scanning allocates nothing; its time is
 * linear in the text.
 */
#ifndef TEXT_SAFETY_NET_H
#define TEXT_SAFETY_NET_H

#include "base/err.h"
#include "base/safe_text.h"
#include "core/verdict.h"

enum { SAFETY_NET_MAX_RULES = 1024, SAFETY_NET_MAX_PHRASES = 16384 };

struct safety_rule {
        struct str id;
        enum severity severity;
        enum intent intent;
        double precision; /* 0..1, as measured on labelled text */
        bool is_case_sensitive;
        unsigned unless_words;
        const struct str *phrases;
        size_t phrase_count;
        const struct str *unless;
        size_t unless_count;
};

struct safety_net;

/* Copies the rules. ERR_INVALID names the rule and the phrase that cannot be used. */
enum err safety_net_new(const struct safety_rule *rules, size_t count, struct safety_net **ret_net,
                        struct err_note *note) MUST_USE;

void safety_net_free(struct safety_net *net);

/* The strings of the finding borrow from the net. */
struct safety_finding safety_net_scan(const struct safety_net *net, struct raw_text text);

#endif
