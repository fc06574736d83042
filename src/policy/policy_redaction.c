/* SPDX-License-Identifier: Apache-2.0 */
/* redaction.yaml: what is done with personal data, by where a text goes. */
#include "policy/policy_parts.h"

#include <stdlib.h>

enum { KEY_MIN_BYTES = 16, VARIABLE_MAX_BYTES = 128 };

static const struct str file_keys[] = {STR_INIT("sinks"), STR_INIT("pseudonyms")};
static const struct str sink_keys[] = {STR_INIT("style"), STR_INIT("keeps")};
static const struct str pseudonym_keys[] = {STR_INIT("key_number"), STR_INIT("key_variable")};
static const struct str sinks[SINK_COUNT] = {STR_INIT("record"), STR_INIT("llm"), STR_INIT("export")};
/* In the order of enum redact_style. */
static const struct str styles[] = {STR_INIT("tag"), STR_INIT("mask"), STR_INIT("pseudonym"),
                                    STR_INIT("placeholder")};

#define COUNT(array) (sizeof(array) / sizeof *(array))

const char *redaction_sink_name(enum redaction_sink sink)
{
        return sinks[sink].ptr;
}

enum redaction_sink redaction_sink_from(struct str name)
{
        enum redaction_sink sink = 0;
        while (sink < SINK_COUNT && !str_equal(sinks[sink], name))
                sink++;
        return sink;
}

static void read_style(struct yaml_check *check, const struct yaml_node *map, enum redaction_sink sink,
                       struct redact_manner *manner)
{
        struct str text = yaml_text(check, map, "style");
        size_t style = 0;
        if (check->err)
                return;
        while (style < COUNT(styles) && !str_equal(styles[style], text))
                style++;
        unsigned line = yaml_find(map, "style")->line;
        if (style == COUNT(styles))
                yaml_fail_unknown(check, line, "style", text, styles, COUNT(styles));
        else if (style == REDACT_PLACEHOLDER && sink != SINK_LLM)
                yaml_fail(check, line, "placeholders are for llm only, since nothing else can undo them");
        else
                manner->style = (enum redact_style)style;
}

static void read_kept(struct policy *policy, struct yaml_check *check, const struct yaml_node *map,
                      struct redact_manner *manner)
{
        struct str known[PII_TYPE_COUNT];
        size_t count;
        const struct str *kept = yaml_texts(check, &policy->arena, map, "keeps", &count);
        for (enum pii_type type = 0; type < PII_TYPE_COUNT; type++)
                known[type] = str_from(pii_type_name(type));
        for (size_t i = 0; i < count && !check->err; i++) {
                enum pii_type type = 0;
                while (type < PII_TYPE_COUNT && !str_equal(known[type], kept[i]))
                        type++;
                if (type == PII_TYPE_COUNT)
                        yaml_fail_unknown(check, yaml_find(map, "keeps")->line, "type", kept[i], known,
                                          PII_TYPE_COUNT);
                else
                        manner->scope.types &= ~(1U << type);
        }
}

static void read_sink(struct policy *policy, struct yaml_check *check, const struct yaml_node *map,
                      enum redaction_sink sink)
{
        struct redact_manner *manner = &policy->facts.redaction.manners[sink];
        *manner = (struct redact_manner){.scope = {.types = REDACT_ALL, .is_answer = true}};
        yaml_where(check, "sinks");
        const struct yaml_node *node = yaml_require(check, map, redaction_sink_name(sink));
        yaml_where(check, "sink `%s`", redaction_sink_name(sink));
        if (!yaml_is_map(check, node, sink_keys, COUNT(sink_keys)))
                return;
        read_style(check, node, sink, manner);
        read_kept(policy, check, node, manner);
}

static bool needs_key(const struct redaction_policy *redaction)
{
        bool is_needed = false;
        for (enum redaction_sink sink = 0; sink < SINK_COUNT; sink++)
                is_needed = is_needed || redaction->manners[sink].style == REDACT_PSEUDONYM;
        return is_needed;
}

/* The secret is read once, here: a changed one comes with the next policy. */
static void read_key(struct policy *policy, struct yaml_check *check, const struct yaml_node *map)
{
        struct redaction_policy *redaction = &policy->facts.redaction;
        char name[VARIABLE_MAX_BYTES];
        yaml_where(check, "pseudonyms");
        if (!yaml_is_map(check, map, pseudonym_keys, COUNT(pseudonym_keys)))
                return;
        struct redact_key key = {.number = (unsigned)yaml_integer(check, map, "key_number", 0, 9)};
        struct str variable = yaml_text(check, map, "key_variable");
        if (check->err || !needs_key(redaction))
                return;
        snprintf(name, sizeof name, "%.*s", STR_ARGS(variable));
        key.secret = policy_keep(policy, check, str_from(getenv(name)));
        if (key.secret.len < KEY_MIN_BYTES)
                yaml_fail(check, yaml_find(map, "key_variable")->line,
                          "the environment variable %s must hold the key, of %d characters at least", name,
                          KEY_MIN_BYTES);
        for (enum redaction_sink sink = 0; sink < SINK_COUNT; sink++)
                redaction->manners[sink].key = key;
}

void policy_read_redaction(struct policy *policy, struct yaml_check *check, const struct yaml_node *root)
{
        if (!yaml_is_map(check, root, file_keys, COUNT(file_keys)))
                return;
        const struct yaml_node *map = yaml_require(check, root, "sinks");
        const struct yaml_node *pseudonyms = yaml_require(check, root, "pseudonyms");
        yaml_where(check, "sinks");
        if (!yaml_is_map(check, map, sinks, SINK_COUNT))
                return;
        for (enum redaction_sink sink = 0; sink < SINK_COUNT; sink++)
                read_sink(policy, check, map, sink);
        read_key(policy, check, pseudonyms);
        yaml_where(check, "%s", "");
}
