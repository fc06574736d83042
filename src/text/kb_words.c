/* SPDX-License-Identifier: Apache-2.0 */
#include "text/kb_words.h"

#include <libstemmer.h>
#include <stdlib.h>
#include <string.h>

/* In strcmp order. They say how something is asked, not what about. */
static const char *const stop_words[] = {
        "a",     "able",   "about",  "after",  "again",    "all",    "already", "also",      "am",
        "an",    "and",    "any",    "anyone", "anything", "are",    "as",      "at",        "be",
        "been",  "before", "but",    "by",     "can",      "cannot", "cant",    "could",     "did",
        "didnt", "do",     "does",   "doesnt", "doing",    "dont",   "else",    "for",       "from",
        "get",   "give",   "go",     "going",  "good",     "got",    "had",     "has",       "have",
        "hello", "help",   "here",   "hey",    "hi",       "how",    "i",       "id",        "if",
        "ill",   "im",     "in",     "into",   "is",       "isnt",   "it",      "its",       "ive",
        "just",  "know",   "let",    "like",   "made",     "make",   "may",     "me",        "might",
        "more",  "much",   "must",   "my",     "need",     "no",     "not",     "now",       "of",
        "ok",    "on",     "one",    "or",     "our",      "out",    "please",  "possible",  "really",
        "s",     "same",   "shall",  "should", "so",       "some",   "someone", "something", "sorry",
        "still", "such",   "take",   "tell",   "than",     "thank",  "thanks",  "that",      "thats",
        "the",   "their",  "them",   "then",   "there",    "these",  "they",    "thing",     "things",
        "this",  "those",  "to",     "too",    "u",        "up",     "us",      "use",       "using",
        "very",  "want",   "was",    "way",    "we",       "well",   "were",    "what",      "whats",
        "when",  "where",  "wheres", "which",  "while",    "who",    "why",     "will",      "with",
        "wont",  "would",  "you",    "your",   "yours",
};

static int compare_words(const void *key, const void *item)
{
        return strcmp(key, *(const char *const *)item);
}

static bool is_stop_word(const char *word)
{
        return bsearch(word, stop_words, sizeof stop_words / sizeof *stop_words, sizeof *stop_words,
                       compare_words);
}

static bool is_word_char(char c)
{
        return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '_' ||
               (unsigned char)c >= 0x80;
}

/* ’ joins the parts of a word as ' does. */
static size_t apostrophe_len(struct str rest)
{
        if (rest.ptr[0] != '\'' && rest.ptr[0] != '\xe2')
                return 0;
        if (rest.ptr[0] == '\'')
                return 1;
        return str_starts_with(rest, STR("\xe2\x80\x99")) ? 3 : 0;
}

static void skip(struct str *rest, size_t len)
{
        rest->ptr += len;
        rest->len -= len;
}

/* Takes the next word into words->lower, NUL-terminated; its length, or more when it is too long. */
static size_t take_word(struct kb_words *words)
{
        struct str *rest = &words->rest;
        size_t len = 0;
        while (rest->len && (!is_word_char(rest->ptr[0]) || apostrophe_len(*rest)))
                skip(rest, 1);
        while (rest->len) {
                size_t apostrophe = apostrophe_len(*rest);
                char c = rest->ptr[0];
                if (!apostrophe && !is_word_char(c))
                        break;
                if (!apostrophe && len < KB_WORD_BYTES - 1)
                        words->lower[len] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
                len += !apostrophe;
                skip(rest, apostrophe ? apostrophe : 1);
        }
        words->lower[len < KB_WORD_BYTES ? len : KB_WORD_BYTES - 1] = '\0';
        return len;
}

static bool has_meaning(const char *word, size_t len)
{
        if (len == 0 || len >= KB_WORD_BYTES || word[strspn(word, "0123456789")] == '\0' ||
            is_stop_word(word))
                return false;
        return len < 9 || strcmp(word + len - 9, "_redacted") != 0;
}

struct str kb_words_next(struct kb_words *words)
{
        while (words->rest.len) {
                size_t len = take_word(words);
                if (!has_meaning(words->lower, len))
                        continue;
                const sb_symbol *stem =
                        sb_stemmer_stem(words->stemmer, (const sb_symbol *)words->lower, (int)len);
                if (stem)
                        return (struct str){(const char *)stem, (size_t)sb_stemmer_length(words->stemmer)};
        }
        return (struct str){0};
}
