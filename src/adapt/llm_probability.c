/* SPDX-License-Identifier: Apache-2.0 */
/* The probability of the category from the tokens of the answer (llm_answer.h). */
#include "adapt/llm_answer.h"

#include <math.h>
#include <string.h>

/* Where the category's name stands, and what the tokens have spelt so far. */
struct walk {
        struct str text;
        size_t name;       /* where it begins */
        size_t name_end;
        size_t spelt;      /* so much of the text */
        unsigned left;     /* the categories that the name so far may still become, a bit for each */
        double probability;
};

static size_t skip_space(struct str text, size_t at)
{
        while (at < text.len && strchr(" \t\r\n", text.ptr[at]) && text.ptr[at])
                at++;
        return at;
}

static struct str behind(struct str text, size_t at)
{
        return (struct str){text.ptr + at, text.len - at};
}

static bool is_at(struct str text, size_t at, char c)
{
        return at < text.len && text.ptr[at] == c;
}

/* Behind the opening quote of the value of "category"; 0 when there is none. Within a string each quote
 * has a backslash before it, so only a member's name is followed by a colon. */
static size_t find_json_name(struct str text)
{
        static const char key[] = "\"category\"";
        const char *end = text.ptr + text.len;
        for (const char *at = text.ptr; (at = memmem(at, (size_t)(end - at), key, sizeof key - 1)) != NULL; at++) {
                size_t colon = skip_space(text, (size_t)(at - text.ptr) + sizeof key - 1);
                if ((at > text.ptr && at[-1] == '\\') || !is_at(text, colon, ':'))
                        continue;
                size_t quote = skip_space(text, colon + 1);
                return is_at(text, quote, '"') ? quote + 1 : 0;
        }
        return 0;
}

static bool is_name_char(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool find_name(struct walk *walk, enum llm_output output)
{
        struct str text = walk->text;
        size_t at = 0;
        if (output != LLM_OUTPUT_LABEL)
                at = find_json_name(text);
        else
                while (at < text.len && !is_name_char(text.ptr[at]))
                        at++;
        walk->name = walk->name_end = at;
        while (walk->name_end < text.len && is_name_char(text.ptr[walk->name_end]))
                walk->name_end++;
        return walk->name_end > walk->name;
}

/* Of the categories that are left, those that `more` behind `before` can begin. What stands behind a whole
 * name in the same token is of no matter. */
static unsigned begun(unsigned left, struct str before, struct str more)
{
        unsigned mask = 0;
        for (enum category i = 0; more.len && i < CATEGORY_COUNT; i++) {
                struct str name = str_from(category_name(i));
                if (!(left & (1U << i)) || before.len >= name.len)
                        continue;
                struct str rest = behind(name, before.len);
                size_t len = rest.len < more.len ? rest.len : more.len;
                bool goes_on = more.len > rest.len && is_name_char(more.ptr[rest.len]);
                if (!goes_on && str_equal_nocase((struct str){rest.ptr, len}, (struct str){more.ptr, len}))
                        mask |= 1U << i;
        }
        return mask;
}

/* A token may bring the quote or the space before the name along. */
static struct str without_lead(struct str token)
{
        size_t at = 0;
        while (at < token.len && !is_name_char(token.ptr[at]))
                at++;
        return behind(token, at);
}

static bool read_token(struct json value, struct str *ret_text, double *ret_logprob)
{
        struct json text, logprob;
        return json_type(value) == JSON_OBJECT && json_find(value, STR("token"), &text) && json_to_str(text, ret_text) &&
               json_find(value, STR("logprob"), &logprob) && json_to_double(logprob, ret_logprob) &&
               !isnan(*ret_logprob);
}

/* Rounding may leave a logarithm a little above 0. */
static double weight_of(double logprob)
{
        return exp(logprob > 0 ? 0 : logprob);
}

/* The share of those alternatives that leave the same categories as the chosen token, among those that
 * leave any; -1 when there are no alternatives. */
static double share_of(const struct walk *walk, struct json token, unsigned mask)
{
        size_t from = walk->spelt > walk->name ? walk->spelt : walk->name;
        struct str before = {walk->text.ptr + walk->name, from - walk->name};
        struct json list, value;
        struct str chosen, text;
        double logprob, other, same = 0, all = 0;
        bool is_listed = false;
        if (!read_token(token, &chosen, &logprob) || !json_find(token, STR("top_logprobs"), &list) || json_type(list) != JSON_ARRAY)
                return -1;
        struct json_iter iter = json_iter(list);
        while (json_next(&iter, NULL, &value)) {
                if (!read_token(value, &text, &other))
                        continue;
                unsigned begins = begun(walk->left, before, before.len ? text : without_lead(text));
                is_listed = is_listed || str_equal(text, chosen);
                all += begins ? weight_of(other) : 0;
                same += begins == mask ? weight_of(other) : 0;
        }
        if (all <= 0)
                return -1;
        double own = is_listed ? 0 : weight_of(logprob);
        return (same + own) / (all + own);
}

/* The token that reaches from `spelt` to `end` holds something of the name. */
static bool narrow(struct walk *walk, struct json token, size_t end)
{
        size_t from = walk->spelt > walk->name ? walk->spelt : walk->name;
        struct str before = {walk->text.ptr + walk->name, from - walk->name};
        unsigned mask = begun(walk->left, before, (struct str){walk->text.ptr + from, end - from});
        double share = mask ? share_of(walk, token, mask) : -1;
        walk->probability *= share;
        walk->left = mask;
        return share >= 0;
}

/* Takes one token. False when it does not spell the text or cannot be understood. */
static bool step(struct walk *walk, struct json value)
{
        struct str token;
        double logprob;
        if (!read_token(value, &token, &logprob))
                return false;
        if (walk->spelt == 0 && skip_space(walk->text, 0) == 0)
                token = behind(token, skip_space(token, 0));
        size_t end = walk->spelt + token.len;
        if (end > walk->text.len || memcmp(walk->text.ptr + walk->spelt, token.ptr, token.len) != 0)
                return false;
        if (end > walk->name && !narrow(walk, value, end))
                return false;
        walk->spelt = end;
        return true;
}

static bool is_one(unsigned mask)
{
        return mask && (mask & (mask - 1)) == 0;
}

double llm_answer_probability(struct json tokens, enum llm_output output, struct str text)
{
        struct walk walk = {.text = text, .left = (1U << CATEGORY_COUNT) - 1, .probability = 1};
        struct json value;
        if (json_type(tokens) != JSON_ARRAY || !find_name(&walk, output))
                return -1;
        struct json_iter iter = json_iter(tokens);
        while (json_next(&iter, NULL, &value) && walk.spelt < walk.name_end) {
                if (!step(&walk, value))
                        return -1;
                if (is_one(walk.left))
                        return walk.probability;
        }
        return -1;
}
