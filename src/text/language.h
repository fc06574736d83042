/* SPDX-License-Identifier: Apache-2.0 */
/* Which language a message is written in, as far as that matters: one of those that rules, training
 * lines and replies exist in, another one, or too little to say.
 *
 * Naive Bayes over runs of three letters and whole words, from lists of frequent words in 19 languages
 * (data/languages/words.txt, made into a table by tools/language_table.py; see
 * doc/decisions/0014-language-guess-of-our-own.md). A text that is mostly in letters of another script
 * is another language. English has the benefit of the doubt, and another language has to be clearly
 * more likely than all known ones: a wrong guess costs a person's time.
 *
 * Pure, allocates nothing; at most LANGUAGE_MAX_LETTERS letters are looked at.
 */
#ifndef TEXT_LANGUAGE_H
#define TEXT_LANGUAGE_H

#include "base/str.h"

enum { LANGUAGE_MAX_LETTERS = 160 };

enum language {
        LANGUAGE_UNCLEAR, /* too short, or as likely this as that */
        LANGUAGE_ENGLISH,
        LANGUAGE_SPANISH,
        LANGUAGE_FRENCH,
        LANGUAGE_GERMAN,
        LANGUAGE_PORTUGUESE,
        LANGUAGE_OTHER, /* one that nothing here knows */
};

/* Bytes that are not UTF-8 part words. */
enum language language_guess(struct str text);

/* BCP 47: "en"; absent for what is unclear or another language. */
struct str language_tag(enum language language);

#endif
