/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/llm_answer.h"

#include "base/utf8.h"
#include "text/redact.h"

#include <math.h>
#include <string.h>

enum { REASONING_MAX_WORDS = 20, ARENA_MAX_BYTES = 128 << 10 };

enum { CATEGORY_MEMBER, INTENT_MEMBER, CONFIDENCE_MEMBER, REASONING_MEMBER, MEMBER_COUNT };

static const struct str member_names[MEMBER_COUNT] = {
        [CATEGORY_MEMBER] = STR_INIT("category"),
        [INTENT_MEMBER] = STR_INIT("intent"),
        [CONFIDENCE_MEMBER] = STR_INIT("confidence"),
        [REASONING_MEMBER] = STR_INIT("reasoning"),
};

struct members {
        struct json values[MEMBER_COUNT];
        unsigned seen; /* a bit for each */
};

static size_t member_index(struct str name)
{
        size_t i = 0;
        while (i < MEMBER_COUNT && !str_equal(member_names[i], name))
                i++;
        return i;
}

static bool find_members(struct json root, bool is_strict, struct members *members)
{
        struct json value;
        struct str name;
        if (json_type(root) != JSON_OBJECT)
                return false;
        struct json_iter iter = json_iter(root);
        while (json_next(&iter, &name, &value)) {
                size_t index = member_index(name);
                if (index < MEMBER_COUNT) {
                        members->values[index] = value;
                        members->seen |= 1U << index;
                } else if (is_strict) {
                        return false;
                }
        }
        return members->seen == (1U << MEMBER_COUNT) - 1;
}

/* Control characters are spaces: of ASCII, of Latin-1 (C2 80..9F), the line and paragraph separators
 * (E2 80 A8, A9) and the marks that turn the direction of writing (E2 80 8E, 8F, AA..AE, E2 81 A6..A9). */
static size_t control_bytes(const char *at, const char *end)
{
        const unsigned char *c = (const unsigned char *)at;
        if (*c < 0x20 || *c == 0x7f)
                return 1;
        if (*c == 0xc2 && end - at >= 2 && c[1] < 0xa0)
                return 2;
        if (*c != 0xe2 || end - at < 3)
                return 0;
        if (c[1] == 0x80)
                return c[2] == 0x8e || c[2] == 0x8f || (c[2] >= 0xa8 && c[2] <= 0xae) ? 3 : 0;
        return c[1] == 0x81 && c[2] >= 0xa6 && c[2] <= 0xa9 ? 3 : 0;
}

/* The text in one line, single spaces between its words. */
static struct str one_line(struct str text, char *line)
{
        const char *end = text.ptr + text.len;
        size_t len = 0;
        for (const char *at = text.ptr; at < end;) {
                size_t skip = *at == ' ' ? 1 : control_bytes(at, end);
                if (skip == 0)
                        line[len++] = *at;
                else if (len && line[len - 1] != ' ')
                        line[len++] = ' ';
                at += skip ? skip : 1;
        }
        return str_trim((struct str){line, len});
}

/* The first words, as many as fit; of a first word that alone is too long, its first characters. */
static struct str first_words(struct str line)
{
        struct str rest = line;
        size_t len = 0;
        for (int words = 0; rest.ptr && words < REASONING_MAX_WORDS; words++) {
                struct str word = str_split(&rest, ' ');
                size_t end = (size_t)(word.ptr - line.ptr) + word.len;
                if (end > LLM_REASONING_BYTES)
                        break;
                len = end;
        }
        return len ? (struct str){line.ptr, len} : utf8_cut_bytes(line, LLM_REASONING_BYTES);
}

/* Redacted whole and cut afterwards, since half a value would not be found; what was cut is looked at again.
 * Without words the answer is as good. */
static void set_reasoning(struct str text, struct llm_answer *answer)
{
        char line[LLM_TEXT_BYTES];
        struct arena arena;
        struct safe_text safe;
        answer->reasoning_bytes = 0;
        if (text.len > sizeof line || !utf8_is_valid(text))
                return;
        arena_init(&arena, ARENA_MAX_BYTES);
        if (redact_text((struct raw_text){one_line(text, line)}, &arena, &safe) == ERR_OK) {
                struct str words = first_words(safe.safe);
                bool is_cut = words.len < safe.safe.len;
                if (words.len && (!is_cut || redact_is_clean(words))) {
                        memcpy(answer->reasoning, words.ptr, words.len);
                        answer->reasoning_bytes = (uint16_t)words.len;
                }
        }
        arena_deinit(&arena);
}

static enum intent intent_of(struct str name, enum category category)
{
        enum intent intent;
        if (!intent_from(name, &intent) || intent == INTENT_OTHER)
                return INTENT_OTHER;
        return intent_category(intent) == category ? intent : INTENT_OTHER;
}

static enum llm_status read_members(const struct members *members, struct llm_answer *answer)
{
        struct str category, intent, reasoning;
        double stated;
        if (!json_to_str(members->values[CATEGORY_MEMBER], &category) ||
            !json_to_str(members->values[INTENT_MEMBER], &intent) ||
            !json_to_double(members->values[CONFIDENCE_MEMBER], &stated) ||
            !json_to_str(members->values[REASONING_MEMBER], &reasoning))
                return LLM_INVALID;
        if (!category_from(category, &answer->category) || !(stated >= 0 && stated <= 1))
                return LLM_INVALID;
        answer->intent = intent_of(intent, answer->category);
        answer->stated = stated;
        set_reasoning(reasoning, answer);
        return LLM_OK;
}

/* What stands between "```json" and "```"; the text itself when it has no fence. */
static struct str without_fence(struct str text)
{
        text = str_trim(text);
        struct str rest = text, fence = STR("```");
        struct str opening = str_trim(str_split(&rest, '\n'));
        if (!rest.ptr || !(str_equal(opening, fence) || str_equal_nocase(opening, STR("```json"))))
                return text;
        if (rest.len < fence.len || memcmp(rest.ptr + rest.len - fence.len, fence.ptr, fence.len) != 0)
                return text;
        return str_trim((struct str){rest.ptr, rest.len - fence.len});
}

static enum llm_status read_json(struct json_parser *parser, bool is_strict, struct str text,
                                 struct llm_answer *answer)
{
        struct json root;
        struct members members = {.seen = 0};
        if (json_parse(parser, is_strict ? text : without_fence(text), &root, NULL) != ERR_OK)
                return LLM_INVALID;
        return find_members(root, is_strict, &members) ? read_members(&members, answer) : LLM_INVALID;
}

static bool is_quote(char c)
{
        return c == '"' || c == '\'' || c == '`';
}

/* A bare name: without the white space, quotes and full stop around it. */
static struct str bare_label(struct str text)
{
        struct str label = str_trim(text);
        if (label.len && label.ptr[label.len - 1] == '.')
                label.len--;
        if (label.len >= 2 && is_quote(label.ptr[0]) && label.ptr[label.len - 1] == label.ptr[0])
                label = (struct str){label.ptr + 1, label.len - 2};
        if (label.len && label.ptr[label.len - 1] == '.')
                label.len--;
        return label;
}

static bool category_from_label(struct str label, enum category *ret_category)
{
        for (enum category i = 0; i < CATEGORY_COUNT; i++) {
                if (!str_equal_nocase(label, str_from(category_name(i))))
                        continue;
                *ret_category = i;
                return true;
        }
        return false;
}

enum llm_status llm_answer_read(struct json_parser *parser, enum llm_output output, struct str text,
                                struct llm_answer *ret_answer)
{
        struct llm_answer answer = *ret_answer;
        enum llm_status status = LLM_INVALID;
        if (text.len > LLM_TEXT_BYTES)
                return LLM_INVALID;
        if (output != LLM_OUTPUT_LABEL) {
                status = read_json(parser, output == LLM_OUTPUT_JSON_SCHEMA, text, &answer);
        } else if (category_from_label(bare_label(text), &answer.category)) {
                answer.intent = INTENT_NONE;
                answer.stated = -1;
                answer.reasoning_bytes = 0;
                status = LLM_OK;
        }
        if (status == LLM_OK)
                *ret_answer = answer;
        return status;
}
