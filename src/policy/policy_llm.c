/* SPDX-License-Identifier: Apache-2.0 */
/* llm.yaml: when an LLM is asked and believed, and with which prompts. */
#include "policy/policy_parts.h"

#include <assert.h>

enum { VERSION_MAX_BYTES = 32, MAX_WEIGHT = 1000000, PATH_MAX_BYTES = 1024 };

static const struct str file_keys[] = {STR_INIT("sends_safety_hits"), STR_INIT("cascade"),
                                       STR_INIT("local_safety_floor"), STR_INIT("calibration"),
                                       STR_INIT("prompts")};
static const struct str cascade_keys[] = {STR_INIT("local_is_enough"), STR_INIT("trusts_unmeasured")};
static const struct str calibration_keys[] = {STR_INIT("token_probability"), STR_INIT("stated")};
static const struct str platt_keys[] = {STR_INIT("slope"), STR_INIT("offset")};

#define COUNT(array) (sizeof(array) / sizeof *(array))

const struct policy_prompt *llm_policy_prompt(const struct llm_policy *policy, uint64_t point)
{
        uint64_t rest = point % policy->total_weight;
        size_t i = 0;
        while (rest >= policy->prompts[i].weight)
                rest -= policy->prompts[i++].weight;
        return &policy->prompts[i];
}

static void read_cascade(struct llm_policy *llm, struct yaml_check *check, const struct yaml_node *map)
{
        struct str known[CATEGORY_COUNT];
        for (enum category i = 0; i < CATEGORY_COUNT; i++)
                known[i] = str_from(category_name(i));
        yaml_where(check, "cascade");
        if (!yaml_is_map(check, map, cascade_keys, COUNT(cascade_keys)))
                return;
        llm->trusts_unmeasured = yaml_bool(check, map, "trusts_unmeasured", false);
        const struct yaml_node *enough = yaml_require(check, map, "local_is_enough");
        yaml_where(check, "local_is_enough");
        if (!yaml_is_map(check, enough, known, CATEGORY_COUNT))
                return;
        for (enum category i = 0; i < CATEGORY_COUNT; i++)
                llm->local_is_enough[i] = yaml_number(check, enough, category_name(i), 0, 1);
}

static void read_platt(struct policy_calibration *platt, struct yaml_check *check,
                       const struct yaml_node *calibration, const char *key)
{
        yaml_where(check, "calibration");
        const struct yaml_node *map = yaml_require(check, calibration, key);
        yaml_where(check, "calibration `%s`", key);
        if (!yaml_is_map(check, map, platt_keys, COUNT(platt_keys)))
                return;
        platt->slope = yaml_number(check, map, "slope", POLICY_SLOPE_MIN, POLICY_SLOPE_MAX);
        platt->offset = yaml_number(check, map, "offset", -POLICY_OFFSET_MAX, POLICY_OFFSET_MAX);
}

static void read_calibration(struct llm_policy *llm, struct yaml_check *check, const struct yaml_node *map)
{
        yaml_where(check, "calibration");
        if (!yaml_is_map(check, map, calibration_keys, COUNT(calibration_keys)))
                return;
        read_platt(&llm->token_probability, check, map, "token_probability");
        read_platt(&llm->stated, check, map, "stated");
}

/* It becomes the name of a file. */
static bool is_version(struct str text)
{
        bool is_plain = text.len > 0 && text.len <= VERSION_MAX_BYTES && text.ptr[0] != '.';
        for (size_t i = 0; i < text.len && is_plain; i++) {
                char c = text.ptr[i];
                is_plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
                           c == '_' || c == '-';
        }
        return is_plain;
}

/* A prompt that the directory does not have is the shipped one of that version, if there is one. */
static struct str load_prompt(struct yaml_check *check, const char *path, bool is_in_directory,
                              struct str version, struct arena *scratch)
{
        struct str text = {0};
        struct str builtin = policy_builtin_prompt(version);
        enum err err = is_in_directory ? yaml_read_file(scratch, path, &text, check->note) : ERR_NOT_FOUND;
        if (err == ERR_NOT_FOUND && builtin.ptr)
                return builtin;
        check->err = err;
        if (err == ERR_NOT_FOUND)
                err_set(check->note, err, "%s: No such file or directory; llm.yaml names that version", path);
        return text;
}

static void read_prompt(struct policy *policy, struct yaml_check *check, const char *directory,
                        struct arena *scratch, struct policy_prompt *prompt)
{
        char path[PATH_MAX_BYTES];
        struct yaml_check own = {.file = path, .note = check->note};
        int len = snprintf(path, sizeof path, "%s/prompts/%.*s.yaml", directory ? directory : "policy",
                           STR_ARGS(prompt->version));
        assert(len > 0 && (size_t)len < sizeof path);
        struct str text = load_prompt(&own, path, directory != NULL, prompt->version, scratch);
        const struct yaml_node *root = own.err ? NULL : yaml_parse(&own, scratch, text);
        if (root)
                policy_read_prompt(policy, &own, root, prompt);
        check->err = own.err;
}

/* Keeps the array ordered. */
static struct policy_prompt *insert_prompt(struct llm_policy *llm, struct str version)
{
        size_t at = llm->prompt_count++;
        for (; at > 0 && str_compare(llm->prompts[at - 1].version, version) > 0; at--)
                llm->prompts[at] = llm->prompts[at - 1];
        llm->prompts[at] = (struct policy_prompt){.version = version};
        return &llm->prompts[at];
}

static void read_weights(struct policy *policy, struct yaml_check *check, const struct yaml_node *map)
{
        struct llm_policy *llm = &policy->facts.llm;
        yaml_where(check, "prompts");
        if (!yaml_is_map(check, map, NULL, 0))
                return;
        if (map->count > POLICY_MAX_PROMPTS)
                yaml_fail(check, map->line, "more than %d prompts", POLICY_MAX_PROMPTS);
        for (const struct yaml_node *node = map->first; node && !check->err; node = node->next) {
                if (!is_version(node->key))
                        yaml_fail(check, node->line,
                                  "version `%.*s` cannot be a file's name: 1 to %d of A-Z a-z 0-9 . _ -, no dot first",
                                  STR_ARGS(node->key), VERSION_MAX_BYTES);
                struct policy_prompt *prompt = insert_prompt(llm, policy_keep(policy, check, node->key));
                prompt->weight = (uint32_t)yaml_integer(check, map, node->key.ptr, 0, MAX_WEIGHT);
                llm->total_weight += prompt->weight;
        }
        if (llm->total_weight == 0)
                yaml_fail(check, map->line, "no prompt has a weight over 0; give one to the version that is to be used");
}

void policy_read_llm(struct policy *policy, struct yaml_check *check, const struct yaml_node *root,
                     const char *directory, struct arena *scratch)
{
        struct llm_policy *llm = &policy->facts.llm;
        if (!yaml_is_map(check, root, file_keys, COUNT(file_keys)))
                return;
        for (size_t i = 0; i < COUNT(file_keys); i++)
                (void)yaml_require(check, root, file_keys[i].ptr);
        if (check->err)
                return;
        llm->sends_safety_hits = yaml_bool(check, root, "sends_safety_hits", false);
        llm->local_safety_floor = yaml_number(check, root, "local_safety_floor", 0, 1);
        read_cascade(llm, check, yaml_find(root, "cascade"));
        read_calibration(llm, check, yaml_find(root, "calibration"));
        read_weights(policy, check, yaml_find(root, "prompts"));
        yaml_where(check, "%s", "");
        for (size_t i = 0; i < llm->prompt_count && !check->err; i++)
                read_prompt(policy, check, directory, scratch, &llm->prompts[i]);
}
