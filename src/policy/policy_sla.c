/* SPDX-License-Identifier: Apache-2.0 */
/* sla.yaml: calendars, reminders, and who is told. */
#include "policy/policy_parts.h"

#include <stdio.h>

enum { MINUTE_MS = 60 * 1000, DAY_MINUTES = 24 * 60 };

static const struct str file_keys[] = {STR_INIT("reminders"), STR_INIT("calendars"), STR_INIT("severities")};
static const struct str calendar_keys[] = {STR_INIT("time_zone"), STR_INIT("hours"), STR_INIT("holidays")};
static const struct str weekdays[7] = {STR_INIT("monday"), STR_INIT("tuesday"),  STR_INIT("wednesday"), STR_INIT("thursday"),
                                       STR_INIT("friday"), STR_INIT("saturday"), STR_INIT("sunday")};
static const struct str rule_keys[] = {STR_INIT("notify"), STR_INIT("acknowledge_minutes"), STR_INIT("calendar"),
                                       STR_INIT("may_wait_for_opening")};
/* In the order of enum severity. */
static const struct str severities[SEVERITY_COUNT] = {STR_INIT("none"), STR_INIT("standard"), STR_INIT("high"),
                                                      STR_INIT("urgent")};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The calendars while the file is read. */
struct calendars {
        struct calendar *all; /* the policy's */
        struct str names[SLA_MAX_CALENDARS];
        size_t count;
};

/* ---- Calendars ---- */

static bool is_zone_name(struct str name)
{
        for (size_t i = 0; i < name.len; i++) {
                char c = name.ptr[i];
                bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
                if (!is_letter && !(i > 0 && ((c >= '0' && c <= '9') || c == '/' || c == '_' || c == '-' || c == '+')))
                        return false;
        }
        return name.len < 64;
}

static void read_zone(struct policy *policy, struct yaml_check *check, const struct yaml_node *map, struct zone *zone,
                      struct arena *scratch)
{
        char path[96];
        struct str bytes, name = yaml_text(check, map, "time_zone");
        if (check->err)
                return;
        unsigned line = yaml_find(map, "time_zone")->line;
        snprintf(path, sizeof path, "/usr/share/zoneinfo/%.*s", STR_ARGS(name));
        if (!is_zone_name(name) || yaml_read_file(scratch, path, &bytes, NULL) != ERR_OK)
                yaml_fail(check, line, "time zone `%.*s` is not on this machine: names are as Europe/Berlin, and the files "
                          "are the package tzdata's", STR_ARGS(name));
        else if (!zone_from_file(&policy->arena, bytes, zone))
                yaml_fail(check, line, "%s is no zone file of version 2 or later", path);
}

static void read_spans(struct yaml_check *check, const struct yaml_node *map, const char *weekday,
                       struct calendar_day *day, struct arena *scratch)
{
        size_t count;
        const struct str *texts = yaml_texts(check, scratch, map, weekday, &count);
        if (check->err || count == 0)
                return;
        unsigned line = yaml_find(map, weekday)->line;
        if (count > CALENDAR_MAX_SPANS)
                yaml_fail(check, line, "%s has more than %d spans", weekday, CALENDAR_MAX_SPANS);
        for (size_t i = 0; i < count && !check->err; i++) {
                struct calendar_span *span = &day->spans[i];
                if (!calendar_span_from(texts[i], span))
                        yaml_fail(check, line, "`%.*s` is no span of hours: write \"09:00-12:30\", at most until 24:00",
                                  STR_ARGS(texts[i]));
                else if (i > 0 && span->from < span[-1].to)
                        yaml_fail(check, line, "`%.*s` begins before the span in front of it ends", STR_ARGS(texts[i]));
        }
        day->count = count;
}

static void read_hours(struct yaml_check *check, const struct yaml_node *map, struct calendar *calendar,
                       struct arena *scratch)
{
        size_t spans = 0;
        const struct yaml_node *hours = yaml_require(check, map, "hours");
        if (!yaml_is_map(check, hours, weekdays, COUNT(weekdays)))
                return;
        for (size_t i = 0; i < COUNT(weekdays) && !check->err; i++) {
                read_spans(check, hours, weekdays[i].ptr, &calendar->week[i], scratch);
                spans += calendar->week[i].count;
        }
        if (!check->err && spans == 0)
                yaml_fail(check, hours->line, "is never open");
}

static void read_holidays(struct policy *policy, struct yaml_check *check, const struct yaml_node *map,
                          struct calendar *calendar, struct arena *scratch)
{
        size_t count;
        const struct str *texts = yaml_texts(check, scratch, map, "holidays", &count);
        struct calendar_date *dates = policy_keep_zeroed(policy, check, count, sizeof *dates);
        if (check->err || count == 0)
                return;
        unsigned line = yaml_find(map, "holidays")->line;
        if (count > CALENDAR_MAX_HOLIDAYS)
                yaml_fail(check, line, "more than %d holidays", CALENDAR_MAX_HOLIDAYS);
        for (size_t i = 0; i < count && !check->err; i++)
                if (!calendar_date_from(texts[i], &dates[i]))
                        yaml_fail(check, line, "`%.*s` is no day: write \"2026-12-24\", or \"12-24\" for every year's",
                                  STR_ARGS(texts[i]));
        calendar->holidays = dates;
        calendar->holiday_count = count;
}

static void read_calendars(struct policy *policy, struct yaml_check *check, const struct yaml_node *map,
                           struct calendars *calendars, struct arena *scratch)
{
        yaml_where(check, "calendars");
        if (!yaml_is_map(check, map, NULL, 0))
                return;
        if (map->count > SLA_MAX_CALENDARS)
                yaml_fail(check, map->line, "more than %d calendars", SLA_MAX_CALENDARS);
        calendars->all = policy_keep_zeroed(policy, check, map->count, sizeof *calendars->all);
        for (const struct yaml_node *node = map->first; node && !check->err; node = node->next) {
                struct calendar *calendar = &calendars->all[calendars->count];
                yaml_where(check, "calendar `%.*s`", STR_ARGS(node->key));
                if (!yaml_is_map(check, node, calendar_keys, COUNT(calendar_keys)))
                        return;
                calendars->names[calendars->count++] = calendar->name = policy_keep(policy, check, node->key);
                read_zone(policy, check, node, &calendar->zone, scratch);
                read_hours(check, node, calendar, scratch);
                read_holidays(policy, check, node, calendar, scratch);
        }
}

/* ---- Who is told ---- */

static void read_calendar_name(struct yaml_check *check, const struct yaml_node *map, const struct calendars *calendars,
                               enum severity severity, struct sla_rule *rule)
{
        struct str name = yaml_optional_text(check, map, "calendar");
        bool may_wait = yaml_bool(check, map, "may_wait_for_opening", false);
        if (!name.ptr)
                return;
        unsigned line = yaml_find(map, "calendar")->line;
        for (size_t i = 0; i < calendars->count; i++)
                if (str_equal(calendars->names[i], name))
                        rule->calendar = &calendars->all[i];
        if (severity == SEVERITY_URGENT)
                yaml_fail(check, line, "an urgent matter is looked at round the clock and has no calendar");
        else if (!rule->calendar)
                yaml_fail_unknown(check, line, "calendar", name, calendars->names, calendars->count);
        else if (severity == SEVERITY_HIGH && !may_wait)
                yaml_fail(check, line, "a high matter would wait until `%.*s` opens: say may_wait_for_opening: true beside "
                          "the calendar if that is meant", STR_ARGS(name));
}

static void check_connector(struct yaml_check *check, const struct yaml_node *map, const struct connectors_policy *all,
                            struct str name)
{
        struct str known[POLICY_MAX_CONNECTORS];
        for (size_t i = 0; i < all->connector_count; i++) {
                known[i] = all->connectors[i].name;
                if (str_equal(known[i], name))
                        return;
        }
        yaml_fail_unknown(check, yaml_find(map, "notify")->line, "connector", name, known, all->connector_count);
}

static void read_notify(struct policy *policy, struct yaml_check *check, const struct yaml_node *map,
                        struct sla_rule *rule)
{
        size_t count;
        struct str *names = yaml_texts(check, &policy->arena, map, "notify", &count);
        double minutes = yaml_number(check, map, "acknowledge_minutes", 0.05, DAY_MINUTES);
        if (count > SLA_MAX_TARGETS)
                yaml_fail(check, yaml_find(map, "notify")->line, "more than %d to be told", SLA_MAX_TARGETS);
        for (size_t i = 0; i < count && !check->err; i++) {
                check_connector(check, map, &policy->facts.connectors, names[i]);
                names[i] = policy_keep(policy, check, names[i]);
        }
        rule->notify = names;
        rule->notify_count = count;
        rule->acknowledge_ms = (int64_t)(minutes * MINUTE_MS);
}

static void read_rules(struct policy *policy, struct yaml_check *check, const struct yaml_node *map,
                       const struct calendars *calendars)
{
        struct sla_rule *rules = policy->facts.sla.rules;
        yaml_where(check, "severities");
        if (!yaml_is_map(check, map, severities, COUNT(severities)))
                return;
        for (enum severity i = 0; i < SEVERITY_COUNT && !check->err; i++) {
                yaml_where(check, "severities");
                const struct yaml_node *node = yaml_require(check, map, severities[i].ptr);
                yaml_where(check, "severity `%s`", severities[i].ptr);
                if (!yaml_is_map(check, node, rule_keys, COUNT(rule_keys)))
                        return;
                read_calendar_name(check, node, calendars, i, &rules[i]);
                read_notify(policy, check, node, &rules[i]);
        }
        if (!check->err && rules[SEVERITY_HIGH].calendar && !rules[SEVERITY_STANDARD].calendar)
                yaml_fail(check, yaml_find(yaml_find(map, "high"), "calendar")->line,
                          "a standard matter, which has no calendar, could be due before a high one");
}

static void read_reminders(struct yaml_check *check, const struct yaml_node *root, struct sla_policy *sla)
{
        const struct yaml_node *list = yaml_require(check, root, "reminders");
        if (!list)
                return;
        if (list->kind != YAML_LIST || list->count > SLA_MAX_REMINDERS)
                yaml_fail(check, list->line, "key `reminders` expects a list of at most %d numbers", SLA_MAX_REMINDERS);
        for (const struct yaml_node *node = list->first; node && !check->err; node = node->next) {
                /* Read as the value of a key, so that it is checked and named as such. */
                struct yaml_node value = *node, map = {.kind = YAML_MAP, .line = node->line, .first = &value, .count = 1};
                value.key = STR("reminders");
                value.next = NULL;
                int64_t share = yaml_integer(check, &map, "reminders", 1, 99);
                if (!check->err && sla->reminder_count > 0 && share <= sla->reminders[sla->reminder_count - 1])
                        yaml_fail(check, node->line, "key `reminders` is not ascending");
                sla->reminders[sla->reminder_count++] = (unsigned)share;
        }
}

void policy_read_sla(struct policy *policy, struct yaml_check *check, const struct yaml_node *root, struct arena *scratch)
{
        struct calendars calendars = {.count = 0};
        yaml_where(check, "%s", "");
        if (!yaml_is_map(check, root, file_keys, COUNT(file_keys)))
                return;
        read_reminders(check, root, &policy->facts.sla);
        read_calendars(policy, check, yaml_require(check, root, "calendars"), &calendars, scratch);
        yaml_where(check, "%s", "");
        read_rules(policy, check, yaml_require(check, root, "severities"), &calendars);
        yaml_where(check, "%s", "");
}
