/* SPDX-License-Identifier: Apache-2.0 */
/* knowledge.yaml: what the search in the knowledge base knows of a business's words. */
#include "policy/policy_parts.h"

static const struct str file_keys[] = {STR_INIT("synonyms")};
static const struct str list_keys[] = {STR_INIT("locale"), STR_INIT("words")};

static void read_list(struct policy *policy, struct yaml_check *check, const struct yaml_node *node,
                      struct arena *scratch)
{
        struct err_note note;
        size_t count;
        if (!yaml_is_map(check, node, list_keys, sizeof list_keys / sizeof *list_keys))
                return;
        const struct yaml_node *words = yaml_require(check, node, "words");
        struct str locale = yaml_optional_text(check, node, "locale");
        if (locale.ptr && !locale_is_tag(locale))
                yaml_fail(check, node->line, "locale `%.*s` is not a BCP 47 tag", STR_ARGS(locale));
        const struct str *texts = yaml_texts(check, scratch, node, "words", &count);
        if (!check->err && kb_synonyms_add(policy->synonyms, locale, texts, count, &note) != ERR_OK)
                yaml_fail(check, words->line, "%s", note.text);
}

void policy_read_knowledge(struct policy *policy, struct yaml_check *check, const struct yaml_node *root,
                           struct arena *scratch)
{
        policy->facts.synonyms = policy->synonyms = kb_synonyms_new();
        if (!yaml_is_map(check, root, file_keys, sizeof file_keys / sizeof *file_keys))
                return;
        const struct yaml_node *lists = yaml_require(check, root, "synonyms");
        if (!check->err && lists->kind != YAML_LIST)
                yaml_fail(check, lists->line, "key `synonyms` expects a list");
        yaml_where(check, "synonyms");
        for (const struct yaml_node *node = check->err ? NULL : lists->first; node && !check->err; node = node->next)
                read_list(policy, check, node, scratch);
        yaml_where(check, "%s", "");
}
