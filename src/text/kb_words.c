/* SPDX-License-Identifier: Apache-2.0 */
#include "text/kb_words.h"

#include <libstemmer.h>
#include <string.h>

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

/* ASCII and Latin-1: what the known languages are written in. */
static char to_lower(char c, char before)
{
        bool is_latin = before == '\xc3' && (unsigned char)c >= 0x80 && (unsigned char)c <= 0x9e && c != '\x97';
        return is_latin || (c >= 'A' && c <= 'Z') ? (char)(c | 0x20) : c;
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
                        words->lower[len] = to_lower(c, len ? words->lower[len - 1] : '\0');
                len += !apostrophe;
                skip(rest, apostrophe ? apostrophe : 1);
        }
        words->lower[len < KB_WORD_BYTES ? len : KB_WORD_BYTES - 1] = '\0';
        return len;
}

static bool has_meaning(const struct kb_stemmer *stemmer, const char *word, size_t len)
{
        if (len == 0 || len >= KB_WORD_BYTES || word[strspn(word, "0123456789")] == '\0' ||
            kb_is_stop_word(stemmer, word))
                return false;
        return len < 9 || strcmp(word + len - 9, "_redacted") != 0;
}

struct str kb_words_next(struct kb_words *words)
{
        while (words->rest.len) {
                size_t len = take_word(words);
                if (!has_meaning(words->stemmer, words->lower, len))
                        continue;
                struct sb_stemmer *snowball = words->stemmer->snowball;
                const sb_symbol *stem = sb_stemmer_stem(snowball, (const sb_symbol *)words->lower, (int)len);
                if (stem)
                        return (struct str){(const char *)stem, (size_t)sb_stemmer_length(snowball)};
        }
        return (struct str){0};
}
