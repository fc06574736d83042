/* SPDX-License-Identifier: Apache-2.0 */
/* safety.yaml: rules of the safety net. A phrase may hold (one|of these|), the last one empty, with
 * groups inside of groups, and <list>, the name of a list of phrases at the top of the file. The net
 * knows groups of single words only: all else is written out here, one phrase for each choice. */
#include "base/utf8.h"
#include "policy/policy_parts.h"

enum { MAX_PHRASE_BYTES = 2048, MAX_GROUPS = 24, DEFAULT_WORDS = 4 };

static const struct str file_keys[] = {STR_INIT("lists"), STR_INIT("rules")};
static const struct str rule_keys[] = {
        STR_INIT("id"),          STR_INIT("severity"),       STR_INIT("intent"),
        STR_INIT("precision"),   STR_INIT("case_sensitive"), STR_INIT("phrases"),
        STR_INIT("unless"),      STR_INIT("unless_words"),   STR_INIT("needs"),
        STR_INIT("needs_words"),
};

struct phrases {
        struct str *texts;
        size_t count;
        size_t capacity;
};

/* One phrase being written out: what stands before the group that is tried, and what remains. */
struct expansion {
        struct yaml_check *check;
        struct arena *scratch;
        const struct yaml_node *lists; /* may be NULL */
        const struct yaml_node *node;  /* the phrase as it stands in the file */
        struct phrases *phrases;
        size_t made; /* from this node */
};

static void fail_arena(struct yaml_check *check, unsigned line)
{
        yaml_fail(check, line, "too many phrases");
}

static void fail_long(struct expansion *expansion)
{
        yaml_fail(expansion->check, expansion->node->line, "a phrase of more than %d bytes",
                  MAX_PHRASE_BYTES);
}

static void phrase_keep(struct expansion *expansion, struct str text)
{
        struct phrases *phrases = expansion->phrases;
        if (++expansion->made > POLICY_MAX_EXPANSIONS || phrases->count == SAFETY_NET_MAX_PHRASES) {
                yaml_fail(expansion->check, expansion->node->line, "`%.*s` stands for too many phrases",
                          STR_ARGS(utf8_cut(expansion->node->text, 60)));
                return;
        }
        if (phrases->count == phrases->capacity) {
                size_t capacity = phrases->capacity ? 2 * phrases->capacity : 32;
                struct str *texts = arena_zeroed(expansion->scratch, capacity * sizeof *texts);
                if (!texts) {
                        fail_arena(expansion->check, expansion->node->line);
                        return;
                }
                for (size_t i = 0; i < phrases->count; i++)
                        texts[i] = phrases->texts[i];
                phrases->texts = texts;
                phrases->capacity = capacity;
        }
        struct str copy = arena_copy(expansion->scratch, text);
        if (!copy.ptr)
                fail_arena(expansion->check, expansion->node->line);
        phrases->texts[phrases->count++] = copy;
}

static void expand(struct expansion *expansion, struct str before, struct str rest, unsigned depth);

/* Goes on with the choice in its place: before, choice, rest. */
static void expand_choice(struct expansion *expansion, struct str before, struct str choice, struct str rest,
                          unsigned depth)
{
        char text[MAX_PHRASE_BYTES];
        int len = snprintf(text, sizeof text, "%.*s %.*s", STR_ARGS(choice), STR_ARGS(rest));
        if ((size_t)len >= sizeof text)
                fail_long(expansion);
        else
                expand(expansion, before, (struct str){text, (size_t)len}, depth + 1);
}

static void expand_list(struct expansion *expansion, struct str before, struct str name, struct str rest,
                        unsigned depth)
{
        const struct yaml_node *list = expansion->lists ? expansion->lists->first : NULL;
        while (list && !str_equal(list->key, name))
                list = list->next;
        if (!list) {
                yaml_fail(expansion->check, expansion->node->line, "list `%.*s` is not defined",
                          STR_ARGS(name));
                return;
        }
        for (const struct yaml_node *entry = list->first; entry && !expansion->check->err;
             entry = entry->next)
                expand_choice(expansion, before, entry->text, rest, depth);
}

/* Where the group that starts with '(' ends, or, from inside, the next '|' of the same level. */
static size_t find_in_group(struct str text, char wanted)
{
        unsigned level = 0;
        for (size_t i = 0; i < text.len; i++) {
                if (text.ptr[i] == wanted && level == (wanted == ')'))
                        return i;
                level += text.ptr[i] == '(';
                level -= text.ptr[i] == ')' && level > 0;
        }
        return text.len;
}

static bool is_one_word(struct str choice)
{
        return choice.len > 0 && !memchr(choice.ptr, ' ', choice.len) &&
               !memchr(choice.ptr, '(', choice.len) && !memchr(choice.ptr, '<', choice.len) &&
               !memchr(choice.ptr, '&', choice.len) && !memchr(choice.ptr, '-', choice.len);
}

/* Choices that are one word stay together as one group; every other goes its own way. */
static void expand_choices(struct expansion *expansion, struct str before, struct str choices,
                           struct str rest, unsigned depth)
{
        char group[MAX_PHRASE_BYTES];
        size_t len = 0;
        while (choices.ptr && !expansion->check->err) {
                size_t at = find_in_group(choices, '|');
                struct str choice = str_trim((struct str){choices.ptr, at});
                bool is_last = at == choices.len;
                choices =
                        is_last ? (struct str){0} : (struct str){choices.ptr + at + 1, choices.len - at - 1};
                if (!is_one_word(choice)) {
                        expand_choice(expansion, before, choice, rest, depth);
                } else if (before.len + len + choice.len + 4 > sizeof group) {
                        fail_long(expansion);
                } else {
                        if (!len)
                                len = (size_t)snprintf(group, sizeof group, "%.*s (", STR_ARGS(before));
                        else
                                group[len++] = '|';
                        memcpy(group + len, choice.ptr, choice.len);
                        len += choice.len;
                }
        }
        if (len && !expansion->check->err) {
                group[len++] = ')';
                expand(expansion, (struct str){group, len}, rest, depth + 1);
        }
}

/* `rest` starts with '(' or '<'. */
static void expand_group(struct expansion *expansion, struct str before, struct str rest, unsigned depth)
{
        bool is_list = *rest.ptr == '<';
        const char *close = is_list ? memchr(rest.ptr, '>', rest.len) : NULL;
        size_t end = close ? (size_t)(close - rest.ptr) : is_list ? rest.len : find_in_group(rest, ')');
        if (end == rest.len || depth > MAX_GROUPS) {
                yaml_fail(expansion->check, expansion->node->line, "`%.*s`: %s",
                          STR_ARGS(utf8_cut(expansion->node->text, 60)),
                          end == rest.len ? "a group is not closed" : "too many groups");
                return;
        }
        struct str inside = {rest.ptr + 1, end - 1}, behind = {rest.ptr + end + 1, rest.len - end - 1};
        if (is_list)
                expand_list(expansion, before, inside, behind, depth);
        else
                expand_choices(expansion, before, inside, behind, depth);
}

static void expand(struct expansion *expansion, struct str before, struct str rest, unsigned depth)
{
        size_t plain = 0;
        while (plain < rest.len && !strchr("(<", rest.ptr[plain]))
                plain++;
        char text[MAX_PHRASE_BYTES];
        if (before.len + plain > sizeof text) {
                fail_long(expansion);
                return;
        }
        memcpy(text, before.ptr, before.len);
        memcpy(text + before.len, rest.ptr, plain);
        struct str so_far = {text, before.len + plain};
        if (plain == rest.len)
                phrase_keep(expansion, so_far);
        else
                expand_group(expansion, so_far, (struct str){rest.ptr + plain, rest.len - plain}, depth);
}

/* The list under `key`, written out; empty when the key is absent. */
static struct phrases read_phrases(struct expansion *expansion, const struct yaml_node *rule, const char *key)
{
        struct phrases phrases = {0};
        const struct yaml_node *list = yaml_find(rule, key);
        if (!list)
                return phrases;
        if (list->kind != YAML_LIST || list->count == 0)
                yaml_fail(expansion->check, list->line, "key `%s` expects a list of texts", key);
        expansion->phrases = &phrases;
        for (expansion->node = list->first; expansion->node && !expansion->check->err;
             expansion->node = expansion->node->next) {
                expansion->made = 0;
                if (expansion->node->kind == YAML_TEXT && expansion->node->text.len > 0)
                        expand(expansion, STR(""), expansion->node->text, 0);
                else
                        yaml_fail(expansion->check, expansion->node->line, "key `%s` expects a list of texts",
                                  key);
        }
        expansion->phrases = NULL;
        return phrases;
}

static unsigned read_words(struct yaml_check *check, const struct yaml_node *rule, const char *key)
{
        if (!yaml_find(rule, key))
                return DEFAULT_WORDS;
        return (unsigned)yaml_integer(check, rule, key, 0, SAFETY_NET_MAX_DISTANCE);
}

static void read_terms(struct yaml_check *check, const struct yaml_node *node, struct safety_rule *rule)
{
        static const struct str severities[] = {STR_INIT("standard"), STR_INIT("high"), STR_INIT("urgent")};
        struct str known[INTENT_COUNT];
        size_t count = 0;
        for (enum intent i = 0; i < INTENT_OTHER; i++)
                if (intent_category(i) == CATEGORY_SAFETY_COMPLIANCE)
                        known[count++] = str_from(intent_name(i));
        struct str severity = yaml_text(check, node, "severity");
        struct str intent = yaml_text(check, node, "intent");
        if (check->err)
                return;
        if (!severity_from(severity, &rule->severity) || rule->severity == SEVERITY_NONE)
                yaml_fail_unknown(check, yaml_find(node, "severity")->line, "severity", severity, severities,
                                  3);
        if (!intent_from(intent, &rule->intent) || rule->intent >= INTENT_OTHER ||
            intent_category(rule->intent) != CATEGORY_SAFETY_COMPLIANCE)
                yaml_fail_unknown(check, yaml_find(node, "intent")->line, "safety intent", intent, known,
                                  count);
}

static void read_rule(struct expansion *expansion, const struct yaml_node *node, struct safety_rule *rule)
{
        struct yaml_check *check = expansion->check;
        yaml_where(check, "%s", "");
        if (!yaml_is_map(check, node, rule_keys, sizeof rule_keys / sizeof *rule_keys))
                return;
        rule->id = yaml_text(check, node, "id");
        yaml_where(check, "rule `%.*s`", STR_ARGS(rule->id));
        read_terms(check, node, rule);
        rule->precision = yaml_number(check, node, "precision", 0, 1);
        rule->is_case_sensitive = yaml_bool(check, node, "case_sensitive", false);
        rule->unless_words = read_words(check, node, "unless_words");
        rule->needs_words = read_words(check, node, "needs_words");
        (void)yaml_require(check, node, "phrases");
        struct phrases phrases = read_phrases(expansion, node, "phrases");
        struct phrases unless = read_phrases(expansion, node, "unless");
        struct phrases needs = read_phrases(expansion, node, "needs");
        rule->phrases = phrases.texts;
        rule->phrase_count = phrases.count;
        rule->unless = unless.texts;
        rule->unless_count = unless.count;
        rule->needs = needs.texts;
        rule->needs_count = needs.count;
}

/* The net names the rule at fault but knows no lines: each rule is tried on its own. */
static void fail_rule(struct yaml_check *check, const struct yaml_node *list, const struct safety_rule *rules)
{
        const struct yaml_node *node = list->first;
        for (size_t i = 0; node; i++, node = node->next) {
                struct safety_net *net;
                struct err_note note;
                if (safety_net_new(&rules[i], 1, &net, &note))
                        yaml_fail(check, node->line, "%s", note.text);
                else
                        safety_net_free(net);
        }
}

static void check_lists(struct yaml_check *check, const struct yaml_node *lists)
{
        if (!lists || !yaml_is_map(check, lists, NULL, 0))
                return;
        for (const struct yaml_node *list = lists->first; list; list = list->next) {
                if (list->kind != YAML_LIST)
                        yaml_fail(check, list->line, "list `%.*s` expects a list of texts",
                                  STR_ARGS(list->key));
                for (const struct yaml_node *entry = list->first; entry; entry = entry->next)
                        if (entry->kind != YAML_TEXT || entry->text.len == 0 ||
                            strpbrk(entry->text.ptr, "<>"))
                                yaml_fail(check, entry->line, "list `%.*s` expects phrases without `<`",
                                          STR_ARGS(list->key));
        }
}

static void check_ids(struct yaml_check *check, const struct yaml_node *list, const struct safety_rule *rules)
{
        const struct yaml_node *node = list->first;
        for (size_t i = 0; node && !check->err; i++, node = node->next)
                for (size_t j = 0; j < i; j++)
                        if (str_equal(rules[i].id, rules[j].id))
                                yaml_fail(check, node->line, "rule `%.*s` is defined twice",
                                          STR_ARGS(rules[i].id));
}

void policy_read_safety(struct policy *policy, struct yaml_check *check, const struct yaml_node *root,
                        struct arena *scratch)
{
        if (!yaml_is_map(check, root, file_keys, 2))
                return;
        struct expansion expansion = {.check = check, .scratch = scratch, .lists = yaml_find(root, "lists")};
        check_lists(check, expansion.lists);
        const struct yaml_node *list = yaml_require(check, root, "rules");
        if (check->err)
                return;
        if (list->kind != YAML_LIST || list->count > SAFETY_NET_MAX_RULES)
                yaml_fail(check, list->line, "key `rules` expects a list of at most %d rules",
                          SAFETY_NET_MAX_RULES);
        struct safety_rule *rules =
                check->err ? NULL : arena_zeroed(scratch, (list->count + 1) * sizeof *rules);
        if (!rules) {
                fail_arena(check, list->line);
                return;
        }
        const struct yaml_node *node = list->first;
        for (size_t i = 0; node && !check->err; i++, node = node->next)
                read_rule(&expansion, node, &rules[i]);
        yaml_where(check, "%s", "");
        check_ids(check, list, rules);
        struct err_note note;
        if (!check->err && safety_net_new(rules, list->count, &policy->safety_net, &note)) {
                fail_rule(check, list, rules);
                yaml_fail(check, list->line, "%s", note.text); /* the rules are too many only together */
        }
}
