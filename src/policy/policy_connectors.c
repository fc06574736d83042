/* SPDX-License-Identifier: Apache-2.0 */
/* connectors.yaml: which other systems there are, how each is spoken to, and who is told of what. */
#include "policy/policy_parts.h"

#include "base/json_reader.h"

enum { BODY_MAX_BYTES = 65536, BODY_MAX_DEPTH = 16, MAX_TIMEOUT_S = 60, SETTLE_S = 5 };

static const struct str file_keys[] = {STR_INIT("connectors"), STR_INIT("events"), STR_INIT("systems")};
static const struct str common_keys[] = {
        STR_INIT("kind"), STR_INIT("url"), STR_INIT("user"), STR_INIT("secret_variable"), STR_INIT("secret_file"),
        STR_INIT("secret_credential"), STR_INIT("names_customer"), STR_INIT("timeout_seconds"), STR_INIT("ca_file"),
        STR_INIT("options"), STR_INIT("auth_header"), STR_INIT("auth_prefix"), STR_INIT("idempotency_header"),
        STR_INIT("create_path"), STR_INIT("body"), STR_INIT("id_path"), STR_INIT("search_path"),
        STR_INIT("search_id_path"), STR_INIT("settle_seconds"), STR_INIT("from"), STR_INIT("to"), STR_INIT("subject"), STR_INIT("text"),
        STR_INIT("is_plain"),
};
/* Those of all kinds, of requests and of mail follow each other in common_keys. */
enum { FIRST_REQUEST_KEY = 10, FIRST_MAIL_KEY = 19 };

#define COUNT(array) (sizeof(array) / sizeof *(array))

static bool is_printable(struct str text)
{
        for (size_t i = 0; i < text.len; i++)
                if (text.ptr[i] <= ' ' || text.ptr[i] >= 0x7f)
                        return false;
        return true;
}

/* ---- One connector ---- */

static void check_url(struct yaml_check *check, const struct yaml_node *map, struct connector_spec *spec)
{
        bool is_mail = spec->kind == CONNECTOR_SMTP;
        struct str rest = spec->url;
        bool has_scheme = is_mail ? str_starts_with(rest, STR("smtp://")) || str_starts_with(rest, STR("smtps://"))
                                  : str_starts_with(rest, STR("http://")) || str_starts_with(rest, STR("https://"));
        if (check->err)
                return;
        if (!has_scheme || !is_printable(rest))
                yaml_fail(check, yaml_find(map, "url")->line, "`url` must begin with %s", is_mail ? "smtp:// or smtps://"
                                                                                              : "https:// or http://");
        else if (memchr(rest.ptr, '@', rest.len))
                yaml_fail(check, yaml_find(map, "url")->line, "`url` must hold no user or password: use `user` and one of "
                          "the secret_ keys");
        while (spec->url.len > 0 && spec->url.ptr[spec->url.len - 1] == '/')
                spec->url.len--;
}

static void check_secret(struct yaml_check *check, const struct yaml_node *map, const struct connector_spec *spec)
{
        int count = (spec->secret_variable.ptr != NULL) + (spec->secret_file.ptr != NULL) +
                    (spec->secret_credential.ptr != NULL);
        bool is_free = spec->kind == CONNECTOR_HTTP || (spec->kind == CONNECTOR_SMTP && !spec->user.ptr);
        if (count > 1)
                yaml_fail(check, map->line, "secret_variable, secret_file and secret_credential: keep one of them");
        else if (count == 0 && !is_free)
                yaml_fail(check, map->line, "has no secret: name where it is with secret_variable, secret_file or "
                          "secret_credential");
}

static bool is_variable(const struct connector_spec *spec, struct str name)
{
        if (str_starts_with(name, STR("option.")))
                return connector_option(spec, (struct str){name.ptr + 7, name.len - 7}).ptr != NULL;
        return str_starts_with(name, STR("data.")) || str_equal(name, STR("id")) || str_equal(name, STR("event")) ||
               str_equal(name, STR("created_at")) || str_equal(name, STR("payload"));
}

static void check_template(struct yaml_check *check, const struct yaml_node *map, const struct connector_spec *spec,
                           const char *key, struct str text)
{
        const struct yaml_node *node = yaml_find(map, key);
        struct connector_variable variable;
        struct str literal;
        while (!check->err && connector_variable_next(&text, &literal, &variable)) {
                bool is_option = str_starts_with(variable.name, STR("option."));
                if (is_variable(spec, variable.name) || (is_option && variable.fallback.ptr))
                        continue;
                if (is_option)
                        yaml_fail(check, node ? node->line : map->line, "needs `%.*s` under `options`",
                                  (int)variable.name.len - 7, variable.name.ptr + 7);
                else
                        yaml_fail(check, node ? node->line : map->line, "`%s`: there is no variable {%.*s}; there are "
                                  "{id}, {event}, {created_at}, {payload}, {data.…} and {option.…}", key,
                                  STR_ARGS(variable.name));
        }
}

static void check_body(struct yaml_check *check, const struct yaml_node *map, const struct connector_spec *spec)
{
        struct err_note note = {.text = ""};
        struct json root;
        const struct yaml_node *node = yaml_find(map, "body");
        if (check->err || !spec->body.ptr)
                return;
        struct json_parser *parser = json_parser_new(BODY_MAX_BYTES, BODY_MAX_DEPTH);
        if (json_parse(parser, spec->body, &root, &note) != ERR_OK)
                yaml_fail(check, node ? node->line : map->line, "`body` is not JSON: %s", note.text);
        json_parser_free(parser);
}

static void check_templates(struct yaml_check *check, const struct yaml_node *map, const struct connector_spec *spec)
{
        check_body(check, map, spec);
        check_template(check, map, spec, "body", spec->body);
        check_template(check, map, spec, "create_path", spec->create_path);
        check_template(check, map, spec, "search_path", spec->search_path);
        check_template(check, map, spec, "subject", spec->subject);
        check_template(check, map, spec, "text", spec->text);
        if (spec->kind == CONNECTOR_HTTP && !spec->body.ptr)
                yaml_fail(check, map->line, "key `body` is missing: the JSON that is sent, for example \"{payload}\"");
        if (spec->search_path.ptr && !spec->search_id_path.ptr)
                yaml_fail(check, map->line, "`search_path` needs `search_id_path`: where the id is in its answer");
}

static void read_options(struct policy *policy, struct yaml_check *check, const struct yaml_node *map,
                         struct connector_spec *spec)
{
        const struct yaml_node *options = yaml_find(map, "options");
        if (!options || !yaml_is_map(check, options, NULL, 0))
                return;
        if (options->count > CONNECTOR_MAX_OPTIONS)
                yaml_fail(check, options->line, "more than %d options", CONNECTOR_MAX_OPTIONS);
        for (const struct yaml_node *node = options->first; node && !check->err; node = node->next)
                spec->options[spec->option_count++] = (struct connector_option){
                        policy_keep(policy, check, node->key),
                        policy_keep(policy, check, yaml_text(check, options, node->key.ptr))};
}

static void read_recipients(struct policy *policy, struct yaml_check *check, const struct yaml_node *map,
                            struct connector_spec *spec)
{
        size_t count;
        const struct str *list = yaml_texts(check, &policy->arena, map, "to", &count);
        struct str all[CONNECTOR_MAX_RECIPIENTS + 1] = {spec->from};
        if (!check->err && (count == 0 || count > CONNECTOR_MAX_RECIPIENTS))
                yaml_fail(check, map->line, "`to` must list 1 to %d addresses", CONNECTOR_MAX_RECIPIENTS);
        for (size_t i = 0; i < count && !check->err; i++)
                all[i + 1] = spec->to[spec->to_count++] = policy_keep(policy, check, list[i]);
        for (size_t i = 0; i <= count && !check->err; i++)
                if (!all[i].ptr || !is_printable(all[i]) || !memchr(all[i].ptr, '@', all[i].len) ||
                    memchr(all[i].ptr, '<', all[i].len) || memchr(all[i].ptr, ',', all[i].len))
                        yaml_fail(check, map->line, "`%s` must be a mail address alone, such as desk@example.com",
                                  i ? "to" : "from");
}

static bool has_only_its_keys(struct yaml_check *check, const struct yaml_node *map, enum connector_kind kind)
{
        for (const struct yaml_node *node = map->first; node && !check->err; node = node->next) {
                size_t place = 0;
                while (place < COUNT(common_keys) && !str_equal(common_keys[place], node->key))
                        place++;
                bool is_mail = place >= FIRST_MAIL_KEY, is_request = place >= FIRST_REQUEST_KEY && !is_mail;
                if ((is_mail && kind != CONNECTOR_SMTP) ||
                    (is_request && (kind == CONNECTOR_SMTP || kind == CONNECTOR_WEBHOOK)))
                        yaml_fail(check, node->line, "kind %s has no `%.*s`", connector_kind_name(kind),
                                  STR_ARGS(node->key));
        }
        return !check->err;
}

static void read_texts(struct policy *policy, struct yaml_check *check, const struct yaml_node *map,
                       struct connector_spec *spec)
{
        const struct {
                const char *key;
                struct str *text;
        } texts[] = {
                {"url", &spec->url}, {"user", &spec->user}, {"ca_file", &spec->ca_file},
                {"secret_variable", &spec->secret_variable}, {"secret_file", &spec->secret_file},
                {"secret_credential", &spec->secret_credential}, {"auth_header", &spec->auth_header},
                {"auth_prefix", &spec->auth_prefix}, {"idempotency_header", &spec->idempotency_header},
                {"create_path", &spec->create_path}, {"body", &spec->body}, {"id_path", &spec->id_path},
                {"search_path", &spec->search_path}, {"search_id_path", &spec->search_id_path},
                {"from", &spec->from}, {"subject", &spec->subject}, {"text", &spec->text},
        };
        (void)yaml_require(check, map, "url");
        for (size_t i = 0; i < COUNT(texts) && !check->err; i++)
                *texts[i].text = policy_keep(policy, check, yaml_optional_text(check, map, texts[i].key));
        /* A scheme and its secret have a space between them, which the YAML reader trims. */
        if (spec->auth_prefix.ptr)
                spec->auth_prefix = arena_format(&policy->arena, "%.*s ", STR_ARGS(spec->auth_prefix));
}

static void read_spec(struct policy *policy, struct yaml_check *check, const struct yaml_node *map,
                      struct connector_policy *connector)
{
        static const struct str kinds[] = {STR_INIT("rt"), STR_INIT("zammad"), STR_INIT("jira"),
                                           STR_INIT("jira_service_management"), STR_INIT("zendesk"),
                                           STR_INIT("webhook"), STR_INIT("smtp"), STR_INIT("http")};
        struct connector_spec *spec = &connector->spec;
        struct str kind = yaml_text(check, map, "kind");
        if (check->err)
                return;
        spec->kind = connector_kind_from(kind);
        if (spec->kind == CONNECTOR_KIND_COUNT) {
                yaml_fail_unknown(check, yaml_find(map, "kind")->line, "kind", kind, kinds, COUNT(kinds));
                return;
        }
        connector->kind = str_from(connector_kind_name(spec->kind));
        if (!has_only_its_keys(check, map, spec->kind))
                return;
        read_texts(policy, check, map, spec);
        read_options(policy, check, map, spec);
        connector->names_customer = yaml_bool(check, map, "names_customer", false);
        spec->is_plain = yaml_bool(check, map, "is_plain", false);
        spec->timeout_ms = yaml_find(map, "timeout_seconds")
                                   ? 1000 * yaml_integer(check, map, "timeout_seconds", 1, MAX_TIMEOUT_S)
                                   : 10000;
        spec->settle_ms =
                1000 * (yaml_find(map, "settle_seconds") ? yaml_integer(check, map, "settle_seconds", 0, MAX_TIMEOUT_S) : SETTLE_S);
        if (spec->kind == CONNECTOR_SMTP)
                read_recipients(policy, check, map, spec);
        policy_connector_preset(spec);
        check_url(check, map, spec);
        check_secret(check, map, spec);
        check_templates(check, map, spec);
}

static void read_connectors(struct policy *policy, struct yaml_check *check, const struct yaml_node *map)
{
        struct connectors_policy *all = &policy->facts.connectors;
        yaml_where(check, "connectors");
        if (!yaml_is_map(check, map, NULL, 0))
                return;
        if (map->count > POLICY_MAX_CONNECTORS)
                yaml_fail(check, map->line, "more than %d connectors", POLICY_MAX_CONNECTORS);
        all->connectors = policy_keep_zeroed(policy, check, map->count, sizeof *all->connectors);
        for (const struct yaml_node *node = map->first; node && !check->err; node = node->next) {
                struct connector_policy *connector = &all->connectors[all->connector_count++];
                connector->name = policy_keep(policy, check, node->key);
                yaml_where(check, "connector `%.*s`", STR_ARGS(node->key));
                if (node->key.len > 32 || !is_printable(node->key))
                        yaml_fail(check, node->line, "a name has 1 to 32 characters and no spaces");
                if (yaml_is_map(check, node, common_keys, COUNT(common_keys)))
                        read_spec(policy, check, node, connector);
        }
}

/* ---- Who is told ---- */

static const struct connector_policy *find(struct yaml_check *check, const struct connectors_policy *all,
                                           const struct yaml_node *node, struct str name)
{
        struct str names[POLICY_MAX_CONNECTORS];
        for (size_t i = 0; i < all->connector_count; i++) {
                names[i] = all->connectors[i].name;
                if (str_equal(names[i], name))
                        return &all->connectors[i];
        }
        if (!check->err)
                yaml_fail_unknown(check, node->line, "connector", name, names, all->connector_count);
        return NULL;
}

static void read_events(struct policy *policy, struct yaml_check *check, const struct yaml_node *map)
{
        struct connectors_policy *all = &policy->facts.connectors;
        struct str known[NOTICE_COUNT];
        for (enum notice i = 0; i < NOTICE_COUNT; i++)
                known[i] = str_from(notice_name(i));
        yaml_where(check, "events");
        if (!yaml_is_map(check, map, known, NOTICE_COUNT))
                return;
        for (enum notice i = 0; i < NOTICE_COUNT && !check->err; i++) {
                size_t count;
                const struct str *names = yaml_texts(check, &policy->arena, map, known[i].ptr, &count);
                const struct yaml_node *node = yaml_find(map, known[i].ptr);
                if (!check->err && count > POLICY_MAX_TARGETS)
                        yaml_fail(check, node->line, "more than %d are told of %s", POLICY_MAX_TARGETS, known[i].ptr);
                for (size_t k = 0; k < count && !check->err; k++)
                        all->events[i].targets[all->events[i].count++] = find(check, all, node, names[k]);
        }
}

static bool names_system(const struct policy_action *action, struct str name)
{
        return action && action->external_system.ptr && str_equal(action->external_system, name);
}

static bool is_system(const struct policy *policy, struct str name)
{
        bool is_found = false;
        for (size_t i = 0; i < policy->action_count; i++)
                is_found = is_found || names_system(&policy->actions[i], name);
        for (enum intent i = 0; i < INTENT_COUNT; i++)
                is_found = is_found || names_system(policy->facts.intents[i].action, name) ||
                           names_system(policy->facts.intents[i].action_no_order, name);
        return is_found;
}

static void read_systems(struct policy *policy, struct yaml_check *check, const struct yaml_node *map)
{
        struct connectors_policy *all = &policy->facts.connectors;
        yaml_where(check, "systems");
        if (!yaml_is_map(check, map, NULL, 0))
                return;
        if (map->count > POLICY_MAX_SYSTEMS)
                yaml_fail(check, map->line, "more than %d systems", POLICY_MAX_SYSTEMS);
        all->systems = policy_keep_zeroed(policy, check, map->count, sizeof *all->systems);
        for (const struct yaml_node *node = map->first; node && !check->err; node = node->next) {
                struct str name = yaml_text(check, map, node->key.ptr);
                if (!is_system(policy, node->key))
                        yaml_fail(check, node->line, "`%.*s` is the external_system of no action in taxonomy.yaml",
                                  STR_ARGS(node->key));
                const struct connector_policy *connector = find(check, all, node, name);
                all->systems[all->system_count++] =
                        (struct connector_system){policy_keep(policy, check, node->key), connector};
        }
}

void policy_read_connectors(struct policy *policy, struct yaml_check *check, const struct yaml_node *root)
{
        yaml_where(check, "%s", "");
        if (!yaml_is_map(check, root, file_keys, COUNT(file_keys)))
                return;
        read_connectors(policy, check, yaml_require(check, root, "connectors"));
        yaml_where(check, "%s", "");
        read_events(policy, check, yaml_require(check, root, "events"));
        yaml_where(check, "%s", "");
        read_systems(policy, check, yaml_require(check, root, "systems"));
        yaml_where(check, "%s", "");
}
