/* SPDX-License-Identifier: Apache-2.0 */
/* prompts/VERSION.yaml: what an LLM is told, with the taxonomy filled in. */
#include "policy/policy_parts.h"

#include "base/buf.h"
#include "base/json_writer.h"

enum { PROMPT_MAX_BYTES = 32 << 10, LIST_MAX_BYTES = 64 << 10 };

static const struct str file_keys[] = {STR_INIT("version"), STR_INIT("system")};

static void list_item(struct buf *list, const char *name, const char *of, struct str description)
{
        const char *end = list->len ? "\n" : "";
        if (of)
                buf_printf(list, "%s- %s (%s): %.*s", end, name, of, STR_ARGS(description));
        else
                buf_printf(list, "%s- %s: %.*s", end, name, STR_ARGS(description));
}

/* In the order of the vocabularies, which is the same for every request: the order of labels sways
 * small models. */
static void list_terms(const struct policy_facts *facts, struct buf *categories, struct buf *intents)
{
        for (enum category i = 0; i < CATEGORY_COUNT; i++)
                list_item(categories, category_name(i), NULL, facts->category_description[i]);
        for (enum intent i = 0; i < INTENT_COUNT; i++)
                list_item(intents, intent_name(i),
                          i == INTENT_OTHER ? "any category" : category_name(intent_category(i)),
                          facts->intents[i].description);
}

static struct str fill(struct policy *policy, struct yaml_check *check, struct str template)
{
        struct buf categories, intents;
        struct str filled = {0};
        buf_init(&categories, LIST_MAX_BYTES);
        buf_init(&intents, LIST_MAX_BYTES);
        list_terms(&policy->facts, &categories, &intents);
        const struct policy_variable variables[] = {{"categories", buf_str(&categories)},
                                                    {"intents", buf_str(&intents)}};
        if (!categories.is_over && !intents.is_over)
                filled = policy_fill_prompt(&policy->arena, template, variables, 2);
        buf_deinit(&categories);
        buf_deinit(&intents);
        if (!filled.ptr || filled.len > PROMPT_MAX_BYTES)
                yaml_fail(check, 0, "the prompt with the taxonomy's descriptions is larger than %d KiB",
                          PROMPT_MAX_BYTES >> 10);
        return filled;
}

static struct str escape(struct policy *policy, struct str text)
{
        struct buf escaped;
        buf_init(&escaped, 6 * PROMPT_MAX_BYTES);
        json_escape(&escaped, text);
        struct str copy = arena_copy(&policy->arena, buf_str(&escaped));
        buf_deinit(&escaped);
        return copy;
}

void policy_read_prompt(struct policy *policy, struct yaml_check *check, const struct yaml_node *root,
                        struct policy_prompt *prompt)
{
        if (!yaml_is_map(check, root, file_keys, 2))
                return;
        struct str version = yaml_text(check, root, "version");
        struct str template = yaml_text(check, root, "system");
        if (check->err)
                return;
        if (!str_equal(version, prompt->version))
                yaml_fail(check, yaml_find(root, "version")->line,
                          "version is `%.*s`, but the file's name says `%.*s`; make them the same",
                          STR_ARGS(version), STR_ARGS(prompt->version));
        policy_check_prompt(check, yaml_find(root, "system")->line, template);
        if (!check->err)
                prompt->system = fill(policy, check, template);
        if (!check->err)
                prompt->system_json = escape(policy, prompt->system);
}
