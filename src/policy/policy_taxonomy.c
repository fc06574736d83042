/* SPDX-License-Identifier: Apache-2.0 */
/* taxonomy.yaml: intents, actions, severities, gates and times. */
#include "policy/policy_parts.h"

enum { MINUTE_MS = 60 * 1000, YEAR_MINUTES = 366 * 24 * 60 };

static const struct str file_keys[] = {
        STR_INIT("version"),
        STR_INIT("gates"),
        STR_INIT("answer_threshold"),
        STR_INIT("escalation_sla_minutes"),
        STR_INIT("flow"),
        STR_INIT("actions"),
        STR_INIT("intents"),
        STR_INIT("severities"),
        STR_INIT("unknown_severity"),
        STR_INIT("categories"),
        STR_INIT("safety_threshold"),
};
enum { OPTIONAL_FILE_KEYS = 2 }; /* of them, the last */
static const struct str gate_keys[] = {STR_INIT("informational"), STR_INIT("service_action")};
static const struct str flow_keys[] = {STR_INIT("low_confidence"), STR_INIT("article_found"),
                                       STR_INIT("no_article"), STR_INIT("handed_off")};
static const struct str action_keys[] = {
        STR_INIT("description"),
        STR_INIT("priority"),
        STR_INIT("external_system"),
        STR_INIT("queue"),
        STR_INIT("reply"),
        STR_INIT("opens_ticket"),
        STR_INIT("requires_human_review"),
};
static const struct str intent_keys[] = {STR_INIT("description"), STR_INIT("action"),
                                         STR_INIT("action_without_order"), STR_INIT("external_system"),
                                         STR_INIT("queue")};
static const struct str safety_intent_keys[] = {STR_INIT("description"), STR_INIT("floor"),
                                                STR_INIT("reply")};
static const struct str severity_keys[] = {STR_INIT("action"), STR_INIT("sla_minutes"),
                                           STR_INIT("is_report_candidate")};
static const struct str severity_names[] = {STR_INIT("standard"), STR_INIT("high"), STR_INIT("urgent")};

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct str keep_text(struct policy *policy, struct yaml_check *check, const struct yaml_node *map,
                            const char *key)
{
        return policy_keep(policy, check, yaml_text(check, map, key));
}

/* The name of a reply that exists; absent after a fault or when the key is. */
static struct str read_reply_name(struct policy *policy, struct yaml_check *check,
                                  const struct yaml_node *map)
{
        struct str name = yaml_optional_text(check, map, "reply");
        if (name.ptr && !policy_find_reply(&policy->replies, name))
                yaml_fail_unknown(check, yaml_find(map, "reply")->line, "reply", name, policy->replies.names,
                                  policy->replies.count);
        return policy_keep(policy, check, name);
}

static enum priority read_priority(struct yaml_check *check, const struct yaml_node *map)
{
        struct str known[PRIORITY_COUNT];
        for (enum priority i = 0; i < PRIORITY_COUNT; i++)
                known[i] = str_from(priority_name(i));
        enum priority priority = PRIORITY_LOW;
        struct str name = yaml_text(check, map, "priority");
        if (name.ptr && !priority_from(name, &priority))
                yaml_fail_unknown(check, yaml_find(map, "priority")->line, "priority", name, known,
                                  PRIORITY_COUNT);
        return priority;
}

static enum severity read_severity(struct yaml_check *check, const struct yaml_node *map, const char *key)
{
        enum severity severity = SEVERITY_HIGH;
        struct str name = yaml_text(check, map, key);
        if (name.ptr && (!severity_from(name, &severity) || severity == SEVERITY_NONE))
                yaml_fail_unknown(check, yaml_find(map, key)->line, "severity", name, severity_names, 3);
        return severity;
}

/* The action that `key` names; NULL after a fault or when the key is absent. */
static const struct policy_action *read_action_name(struct policy *policy, struct yaml_check *check,
                                                    const struct yaml_node *map, const char *key)
{
        struct str name = yaml_optional_text(check, map, key);
        if (!name.ptr)
                return NULL;
        for (size_t i = 0; i < policy->action_count; i++)
                if (str_equal(policy->action_names[i], name))
                        return &policy->actions[i];
        yaml_fail_unknown(check, yaml_find(map, key)->line, "action", name, policy->action_names,
                          policy->action_count);
        return NULL;
}

static const struct policy_action *require_action_name(struct policy *policy, struct yaml_check *check,
                                                       const struct yaml_node *map, const char *key)
{
        (void)yaml_require(check, map, key);
        return read_action_name(policy, check, map, key);
}

static void read_action(struct policy *policy, struct yaml_check *check, const struct yaml_node *node,
                        struct policy_action *action)
{
        yaml_where(check, "action `%.*s`", STR_ARGS(node->key));
        if (!yaml_is_map(check, node, action_keys, COUNT(action_keys)))
                return;
        action->name = policy_keep(policy, check, node->key);
        action->description = keep_text(policy, check, node, "description");
        if (action->description.ptr)
                policy_check_template(check, yaml_find(node, "description")->line, action->description);
        action->priority = read_priority(check, node);
        action->external_system =
                policy_keep(policy, check, yaml_optional_text(check, node, "external_system"));
        action->queue = keep_text(policy, check, node, "queue");
        (void)yaml_require(check, node, "reply");
        action->reply = read_reply_name(policy, check, node);
        action->opens_ticket = yaml_bool(check, node, "opens_ticket", false);
        action->requires_human_review = yaml_bool(check, node, "requires_human_review", false);
}

static void read_actions(struct policy *policy, struct yaml_check *check, const struct yaml_node *map)
{
        if (!yaml_is_map(check, map, NULL, 0))
                return;
        if (map->count > POLICY_MAX_ACTIONS)
                yaml_fail(check, map->line, "more than %d actions", POLICY_MAX_ACTIONS);
        policy->actions = policy_keep_zeroed(policy, check, map->count, sizeof *policy->actions);
        policy->action_names = policy_keep_zeroed(policy, check, map->count, sizeof *policy->action_names);
        for (const struct yaml_node *node = map->first; node && !check->err; node = node->next) {
                read_action(policy, check, node, &policy->actions[policy->action_count]);
                policy->action_names[policy->action_count] = policy->actions[policy->action_count].name;
                policy->action_count++;
        }
}

/* The action as this intent wants it: with its own external system or queue where it names one. */
static const struct policy_action *adapt_action(struct policy *policy, struct yaml_check *check,
                                                const struct yaml_node *node,
                                                const struct policy_action *action)
{
        struct str system = policy_keep(policy, check, yaml_optional_text(check, node, "external_system"));
        struct str queue = policy_keep(policy, check, yaml_optional_text(check, node, "queue"));
        if (!action || (!system.ptr && !queue.ptr))
                return action;
        struct policy_action *own = policy_keep_zeroed(policy, check, 1, sizeof *own);
        if (!own)
                return action;
        *own = *action;
        own->external_system = system.ptr ? system : action->external_system;
        own->queue = queue.ptr ? queue : action->queue;
        return own;
}

static bool is_safety(enum intent intent)
{
        return intent < INTENT_OTHER && intent_category(intent) == CATEGORY_SAFETY_COMPLIANCE;
}

static void read_intent(struct policy *policy, struct yaml_check *check, const struct yaml_node *node,
                        enum intent which)
{
        struct policy_intent *intent = &policy->facts.intents[which];
        bool is_well_formed =
                is_safety(which) ? yaml_is_map(check, node, safety_intent_keys, COUNT(safety_intent_keys))
                                 : yaml_is_map(check, node, intent_keys, COUNT(intent_keys));
        if (!is_well_formed)
                return;
        intent->description = keep_text(policy, check, node, "description");
        if (is_safety(which)) {
                intent->floor = read_severity(check, node, "floor");
                intent->reply = read_reply_name(policy, check, node);
                return;
        }
        intent->action =
                adapt_action(policy, check, node, require_action_name(policy, check, node, "action"));
        intent->action_no_order = read_action_name(policy, check, node, "action_without_order");
}

static void read_intents(struct policy *policy, struct yaml_check *check, const struct yaml_node *map)
{
        struct str known[INTENT_COUNT];
        for (enum intent i = 0; i < INTENT_COUNT; i++)
                known[i] = str_from(intent_name(i));
        yaml_where(check, "intents");
        if (!yaml_is_map(check, map, known, INTENT_COUNT))
                return;
        for (enum intent i = 0; i < INTENT_COUNT && !check->err; i++) {
                yaml_where(check, "intents");
                const struct yaml_node *node = yaml_require(check, map, intent_name(i));
                yaml_where(check, "intent `%s`", intent_name(i));
                if (node)
                        read_intent(policy, check, node, i);
        }
}

void policy_read_categories(struct policy *policy, struct yaml_check *check, const struct yaml_node *map)
{
        struct str known[CATEGORY_COUNT];
        static const struct str keys[] = {STR_INIT("description")};
        for (enum category i = 0; i < CATEGORY_COUNT; i++)
                known[i] = str_from(category_name(i));
        yaml_where(check, "categories");
        if (!yaml_is_map(check, map, known, CATEGORY_COUNT))
                return;
        for (enum category i = 0; i < CATEGORY_COUNT && !check->err; i++) {
                yaml_where(check, "categories");
                const struct yaml_node *node = yaml_require(check, map, category_name(i));
                yaml_where(check, "category `%s`", category_name(i));
                if (yaml_is_map(check, node, keys, COUNT(keys)))
                        policy->facts.category_description[i] = keep_text(policy, check, node, "description");
        }
        yaml_where(check, "%s", "");
}

static void check_sla_order(struct yaml_check *check, const struct yaml_node *map,
                            const struct sla_rule *rules)
{
        for (enum severity i = SEVERITY_STANDARD; i < SEVERITY_URGENT && !check->err; i++) {
                const struct yaml_node *node = yaml_find(map, severity_name(i + 1));
                if (rules[i + 1].sla_ms > rules[i].sla_ms)
                        yaml_fail(check, yaml_find(node, "sla_minutes")->line,
                                  "severity `%s`: sla_minutes is longer than that of `%s`",
                                  severity_name(i + 1), severity_name(i));
        }
}

static void read_severities(struct policy *policy, struct yaml_check *check, const struct yaml_node *map)
{
        struct policy_severity *severities = policy->facts.severities;
        struct sla_rule *rules = policy->facts.sla.rules;
        yaml_where(check, "severities");
        if (!yaml_is_map(check, map, severity_names, COUNT(severity_names)))
                return;
        for (enum severity i = SEVERITY_STANDARD; i < SEVERITY_COUNT && !check->err; i++) {
                yaml_where(check, "severities");
                const struct yaml_node *node = yaml_require(check, map, severity_name(i));
                yaml_where(check, "severity `%s`", severity_name(i));
                if (!yaml_is_map(check, node, severity_keys, COUNT(severity_keys)))
                        return;
                severities[i].action = require_action_name(policy, check, node, "action");
                rules[i].sla_ms = MINUTE_MS * yaml_integer(check, node, "sla_minutes", 1, YEAR_MINUTES);
                severities[i].is_report_candidate = yaml_bool(check, node, "is_report_candidate", false);
                if (severities[i].action && !severities[i].action->requires_human_review)
                        yaml_fail(check, yaml_find(node, "action")->line,
                                  "action `%.*s` must have requires_human_review: true",
                                  STR_ARGS(severities[i].action->name));
        }
        yaml_where(check, "%s", "");
        check_sla_order(check, map, rules);
}

static void read_gates(struct policy *policy, struct yaml_check *check, const struct yaml_node *map)
{
        yaml_where(check, "gates");
        if (!yaml_is_map(check, map, gate_keys, COUNT(gate_keys)))
                return;
        policy->facts.gate[CATEGORY_INFORMATIONAL] = yaml_number(check, map, "informational", 0, 1);
        policy->facts.gate[CATEGORY_SERVICE_ACTION] = yaml_number(check, map, "service_action", 0, 1);
}

static void read_flow(struct policy *policy, struct yaml_check *check, const struct yaml_node *map)
{
        yaml_where(check, "flow");
        if (!yaml_is_map(check, map, flow_keys, COUNT(flow_keys)))
                return;
        policy->facts.escalate = require_action_name(policy, check, map, "low_confidence");
        policy->facts.answer = require_action_name(policy, check, map, "article_found");
        policy->facts.no_answer = require_action_name(policy, check, map, "no_article");
        const struct policy_action *handed_off = read_action_name(policy, check, map, "handed_off");
        policy->facts.handed_off = handed_off ? handed_off : policy->facts.escalate;
}

void policy_read_taxonomy(struct policy *policy, struct yaml_check *check, const struct yaml_node *root)
{
        struct policy_facts *facts = &policy->facts;
        if (!yaml_is_map(check, root, file_keys, COUNT(file_keys)))
                return;
        for (size_t i = 0; i < COUNT(file_keys) - OPTIONAL_FILE_KEYS; i++)
                (void)yaml_require(check, root, file_keys[i].ptr);
        if (check->err)
                return;
        facts->version = keep_text(policy, check, root, "version");
        bool has_threshold = yaml_find(root, "safety_threshold") != NULL;
        facts->safety_threshold = has_threshold ? yaml_number(check, root, "safety_threshold", 0, 1) : -1;
        facts->answer_threshold = yaml_number(check, root, "answer_threshold", 0, 1);
        facts->sla.rules[SEVERITY_NONE].sla_ms =
                MINUTE_MS * yaml_integer(check, root, "escalation_sla_minutes", 1, YEAR_MINUTES);
        facts->unknown_severity = read_severity(check, root, "unknown_severity");
        read_gates(policy, check, yaml_find(root, "gates"));
        read_actions(policy, check, yaml_find(root, "actions"));
        read_flow(policy, check, yaml_find(root, "flow"));
        read_intents(policy, check, yaml_find(root, "intents"));
        read_severities(policy, check, yaml_find(root, "severities"));
        yaml_where(check, "%s", "");
}
