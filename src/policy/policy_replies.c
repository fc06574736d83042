/* SPDX-License-Identifier: Apache-2.0 */
/* replies.yaml: approved texts, by name, locale and channel. */
#include "policy/policy_parts.h"

static const struct str file_keys[] = {STR_INIT("default_locale"), STR_INIT("replies")};
static const struct str channel_keys[] = {STR_INIT("default"), STR_INIT("chat"), STR_INIT("voice"),
                                          STR_INIT("mail"), STR_INIT("api")};

/* The text under `key`, a correct template; absent when the key is. */
static struct str read_template(struct policy *policy, struct yaml_check *check, const struct yaml_node *map,
                                const char *key)
{
        struct str text = yaml_optional_text(check, map, key);
        if (!text.ptr)
                return text;
        policy_check_template(check, yaml_find(map, key)->line, text);
        return policy_keep(policy, check, text);
}

static void read_locale(struct policy *policy, struct yaml_check *check, const struct yaml_node *node,
                        struct reply_locale *locale)
{
        if (!locale_is_tag(node->key))
                yaml_fail(check, node->line, "locale `%.*s` is not a BCP 47 tag", STR_ARGS(node->key));
        if (!yaml_is_map(check, node, channel_keys, sizeof channel_keys / sizeof *channel_keys))
                return;
        (void)yaml_require(check, node, "default");
        locale->locale = policy_keep(policy, check, node->key);
        locale->fallback = read_template(policy, check, node, "default");
        for (enum channel i = 0; i < CHANNEL_COUNT; i++)
                locale->channels[i] = read_template(policy, check, node, channel_name(i));
}

static const struct reply_locale *find_locale(const struct reply *reply, struct str locale)
{
        for (size_t i = 0; i < reply->locale_count; i++)
                if (str_equal_nocase(reply->locales[i].locale, locale))
                        return &reply->locales[i];
        return NULL;
}

static void read_reply(struct policy *policy, struct yaml_check *check, const struct yaml_node *node,
                       struct reply *reply)
{
        yaml_where(check, "reply `%.*s`", STR_ARGS(node->key));
        if (!yaml_is_map(check, node, NULL, 0))
                return;
        if (node->count > POLICY_MAX_LOCALES)
                yaml_fail(check, node->line, "more than %d locales", POLICY_MAX_LOCALES);
        reply->name = policy_keep(policy, check, node->key);
        reply->locales = policy_keep_zeroed(policy, check, node->count, sizeof *reply->locales);
        for (const struct yaml_node *child = node->first; child && !check->err; child = child->next)
                read_locale(policy, check, child, &reply->locales[reply->locale_count++]);
        if (!check->err && !find_locale(reply, policy->replies.default_locale))
                yaml_fail(check, node->line, "has no text in the default locale `%.*s`",
                          STR_ARGS(policy->replies.default_locale));
}

void policy_read_replies(struct policy *policy, struct yaml_check *check, const struct yaml_node *root)
{
        struct replies *replies = &policy->replies;
        if (!yaml_is_map(check, root, file_keys, 2))
                return;
        replies->default_locale = policy_keep(policy, check, yaml_text(check, root, "default_locale"));
        const struct yaml_node *map = yaml_require(check, root, "replies");
        if (!yaml_is_map(check, map, NULL, 0))
                return;
        if (map->count > POLICY_MAX_REPLIES)
                yaml_fail(check, map->line, "more than %d replies", POLICY_MAX_REPLIES);
        replies->replies = policy_keep_zeroed(policy, check, map->count, sizeof *replies->replies);
        replies->names = policy_keep_zeroed(policy, check, map->count, sizeof *replies->names);
        for (const struct yaml_node *node = map->first; node && !check->err; node = node->next) {
                read_reply(policy, check, node, &replies->replies[replies->count]);
                replies->names[replies->count] = replies->replies[replies->count].name;
                replies->count++;
        }
        yaml_where(check, "%s", "");
}

const struct reply *policy_find_reply(const struct replies *replies, struct str name)
{
        for (size_t i = 0; i < replies->count; i++)
                if (str_equal(replies->names[i], name))
                        return &replies->replies[i];
        return NULL;
}

/* "de-Latn-AT", then "de-Latn", then "de" (RFC 4647, lookup). */
static const struct reply_locale *look_up(const struct reply *reply, struct str locale)
{
        const struct reply_locale *found = NULL;
        while (locale.ptr && locale.len > 0 && !(found = find_locale(reply, locale)))
                while (locale.len > 0 && locale.ptr[--locale.len] != '-')
                        ;
        return found;
}

struct str policy_reply(const struct policy *policy, struct str name, enum channel channel, struct str locale,
                        struct str *ret_locale)
{
        const struct reply *reply = policy_find_reply(&policy->replies, name);
        if (!reply)
                return (struct str){0};
        const struct reply_locale *found = look_up(reply, locale);
        if (!found)
                found = find_locale(reply, policy->replies.default_locale);
        *ret_locale = found->locale;
        return found->channels[channel].ptr ? found->channels[channel] : found->fallback;
}
