/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <assert.h>
#include <pthread.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json_reader.h"
#include "policy/policy_parts.h"

/* One replacement in one file of the shipped policy, and what loading then says. */
struct edit {
        enum policy_file file;
        const char *from; /* the first one is replaced; NULL: `to` is appended */
        const char *to;
        const char *message; /* behind the directory's name; "%u" stands for the line of the replacement */
};

static char directory[] = "/tmp/test_policy.XXXXXX";

static int make_directory(void **state)
{
        (void)state;
        return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state)
{
        (void)state;
        char path[128];
        for (enum policy_file i = 0; i < POLICY_FILE_COUNT; i++) {
                snprintf(path, sizeof path, "%s/%s", directory, policy_file_name(i));
                unlink(path);
        }
        return rmdir(directory);
}

static void write_part(FILE *file, struct str part)
{
        assert_int_equal(fwrite(part.ptr, 1, part.len, file), part.len);
}

/* Writes one file, edited; returns the line on which the edit begins. */
static unsigned write_file(enum policy_file which, const struct edit *edit)
{
        char path[128];
        snprintf(path, sizeof path, "%s/%s", directory, policy_file_name(which));
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        struct str text = policy_builtin(which);
        const char *at = text.ptr + text.len;
        size_t replaced = 0;
        if (edit && edit->from) {
                at = memmem(text.ptr, text.len, edit->from, strlen(edit->from));
                assert_non_null(at);
                replaced = strlen(edit->from);
        }
        write_part(file, (struct str){text.ptr, (size_t)(at - text.ptr)});
        if (edit)
                write_part(file, str_from(edit->to));
        write_part(file, (struct str){at + replaced, (size_t)(text.ptr + text.len - at) - replaced});
        assert_int_equal(fclose(file), 0);
        unsigned line = 1;
        for (const char *p = text.ptr; p < at; p++)
                line += *p == '\n';
        return line;
}

static enum err load_edited(const struct edit *edit, struct policy **ret_policy, struct err_note *note,
                            unsigned *ret_line)
{
        for (enum policy_file i = 0; i < POLICY_FILE_COUNT; i++) {
                unsigned line = write_file(i, edit && edit->file == i ? edit : NULL);
                if (edit && edit->file == i)
                        *ret_line = line;
        }
        return policy_load(directory, ret_policy, note);
}

/* A second edit of the file that is there. */
static void replace_in_policy(enum policy_file which, const char *from, const char *to)
{
        char path[128], text[16384];
        snprintf(path, sizeof path, "%s/%s", directory, policy_file_name(which));
        FILE *file = fopen(path, "r+");
        assert_non_null(file);
        size_t len = fread(text, 1, sizeof text - 1, file);
        text[len] = '\0';
        char *at = from ? strstr(text, from) : text + len;
        assert_non_null(at);
        assert_int_equal(fseek(file, at - text, SEEK_SET), 0);
        fputs(to, file);
        fputs(at + (from ? strlen(from) : 0), file);
        assert_int_equal(fclose(file), 0);
}

#define OFFICE(hours, rest) \
        "calendars:\n  office:\n    time_zone: Europe/Berlin\n    hours: {" hours "}\n" rest
#define MONDAY OFFICE("monday: [\"09:00-17:00\"]", "")

static const struct edit broken[] = {
        {POLICY_SLA, "calendars: {}", "calendars:\n  office: {time_zone: Europe/Berlni, hours: {monday: []}}",
         "sla.yaml:13: calendar `office`: time zone `Europe/Berlni` is not on this machine: names are as Europe/Berlin, "
         "and the files are the package tzdata's"},
        {POLICY_SLA, "calendars: {}", "calendars:\n  office: {time_zone: ../localtime, hours: {monday: []}}",
         "sla.yaml:13: calendar `office`: time zone `../localtime` is not on this machine: names are as Europe/Berlin, "
         "and the files are the package tzdata's"},
        {POLICY_SLA, "calendars: {}", "calendars:\n  office: {time_zone: leapseconds, hours: {monday: []}}",
         "sla.yaml:13: calendar `office`: /usr/share/zoneinfo/leapseconds is no zone file of version 2 or later"},
        {POLICY_SLA, "calendars: {}", OFFICE("monday: []", ""), "sla.yaml:15: calendar `office`: is never open"},
        {POLICY_SLA, "calendars: {}", OFFICE("mnoday: []", ""),
         "sla.yaml:15: calendar `office`: key `mnoday` is not defined; did you mean `monday`?"},
        {POLICY_SLA, "calendars: {}", OFFICE("monday: [\"9-17\"]", ""),
         "sla.yaml:15: calendar `office`: `9-17` is no span of hours: write \"09:00-12:30\", at most until 24:00"},
        {POLICY_SLA, "calendars: {}", OFFICE("monday: [\"09:00-12:00\", \"11:00-17:00\"]", ""),
         "sla.yaml:15: calendar `office`: `11:00-17:00` begins before the span in front of it ends"},
        {POLICY_SLA, "calendars: {}", OFFICE("monday: [\"09:00-17:00\"]", "    holidays: [\"2026-02-29\"]\n"),
         "sla.yaml:16: calendar `office`: `2026-02-29` is no day: write \"2026-12-24\", or \"12-24\" for every year's"},
        {POLICY_SLA, "acknowledge_minutes: 5", "acknowledge_minutes: 5\n    calendar: office",
         "sla.yaml:29: severity `urgent`: an urgent matter is looked at round the clock and has no calendar"},
        {POLICY_SLA, "    acknowledge_minutes: 240\n", "    acknowledge_minutes: 240\n    calendar: office\n",
         "sla.yaml:35: severity `standard`: calendar `office` is not defined"},
        {POLICY_SLA, "calendars: {}", MONDAY "severities: {}\n", "sla.yaml:30: key `severities` stands here twice"},
        {POLICY_SLA, "reminders: [50, 80]", "reminders: [80, 50]", "sla.yaml:%u: key `reminders` is not ascending"},
        {POLICY_SLA, "reminders: [50, 80]", "reminders: [50, 100]",
         "sla.yaml:%u: key `reminders` is 100, allowed is 1 to 99"},
        {POLICY_SLA, "reminders: [50, 80]", "reminders: 50",
         "sla.yaml:%u: key `reminders` expects a list of at most 4 numbers"},
        {POLICY_SLA, "acknowledge_minutes: 5\n", "acknowledge_minutes: 0\n",
         "sla.yaml:%u: severity `urgent`: key `acknowledge_minutes` is 0, allowed is 0.05 to 1440"},
#define DESK(rest) "connectors:\n  desk: {kind: rt, url: \"https://rt.example\", " rest "}"
        {POLICY_CONNECTORS, "connectors: {}", "connectors: {desk: {kind: rtt, url: \"https://a\"}}",
         "connectors.yaml:%u: connector `desk`: kind `rtt` is not defined; did you mean `rt`?"},
        {POLICY_CONNECTORS, "connectors: {}", DESK("options: {queue: a}"),
         "connectors.yaml:26: connector `desk`: has no secret: name where it is with secret_variable, secret_file or "
         "secret_credential"},
        {POLICY_CONNECTORS, "connectors: {}", DESK("secret_file: a, secret_variable: B, options: {queue: a}"),
         "connectors.yaml:26: connector `desk`: secret_variable, secret_file and secret_credential: keep one of them"},
        {POLICY_CONNECTORS, "connectors: {}", DESK("secret_file: a"),
         "connectors.yaml:26: connector `desk`: needs `queue` under `options`"},
        {POLICY_CONNECTORS, "connectors: {}", DESK("secret_file: a, token: b"),
         "connectors.yaml:26: connector `desk`: key `token` is not defined"},
        {POLICY_CONNECTORS, "connectors: {}", DESK("secret_file: a, from: b"),
         "connectors.yaml:26: connector `desk`: kind rt has no `from`"},
        {POLICY_CONNECTORS, "connectors: {}", DESK("secret_file: a, body: \"{data.text}\""),
         "connectors.yaml:26: connector `desk`: `body` is not JSON: not valid JSON: The JSON document "
         "has an improper structure: missing or superfluous commas, braces, missing keys, etc."},
        {POLICY_CONNECTORS, "connectors: {}", DESK("secret_file: a, body: '{\"a\":\"{dta.text}\"}'"),
         "connectors.yaml:26: connector `desk`: `body`: there is no variable {dta.text}; there are {id}, {event}, "
         "{created_at}, {payload}, {data.…} and {option.…}"},
        {POLICY_CONNECTORS, "connectors: {}", "connectors: {desk: {kind: rt, url: \"ftp://a\", secret_file: b}}",
         "connectors.yaml:%u: connector `desk`: `url` must begin with https:// or http://"},
        {POLICY_CONNECTORS, "connectors: {}", "connectors: {desk: {kind: webhook, url: \"http://u:p@a\", secret_file: b}}",
         "connectors.yaml:%u: connector `desk`: `url` must hold no user or password: use `user` and one of the secret_ keys"},
        {POLICY_CONNECTORS, "connectors: {}",
         "connectors: {post: {kind: smtp, url: \"smtp://a\", from: a@b.example, to: [\"c@d.example\\nBcc: e@f\"]}}",
         "connectors.yaml:%u: connector `post`: `to` must be a mail address alone, such as desk@example.com"},
        {POLICY_CONNECTORS, "events: {}", "events: {ticket.create: []}",
         "connectors.yaml:%u: events: key `ticket.create` is not defined; did you mean `ticket.created`?"},
        {POLICY_CONNECTORS, "events: {}", "events: {ticket.created: [desk]}",
         "connectors.yaml:%u: events: connector `desk` is not defined"},
        {POLICY_CONNECTORS, "systems: {}", "systems: {nowhere: desk}",
         "connectors.yaml:%u: systems: `nowhere` is the external_system of no action in taxonomy.yaml"},
        {POLICY_SLA, "notify: []", "notify: [pager]",
         "sla.yaml:%u: severity `urgent`: connector `pager` is not defined"},
        {POLICY_SLA, "notify: []", "notify: [a, b, c, d, e, f, g, h, i]",
         "sla.yaml:%u: severity `urgent`: more than 8 to be told"},
        {POLICY_TAXONOMY, "action: initiate_refund", "action: initiate_refnd",
         "taxonomy.yaml:%u: intent `refund`: action `initiate_refnd` is not defined; did you mean "
         "`initiate_refund`?"},
        {POLICY_TAXONOMY, "action: initiate_refund", "action: zzz",
         "taxonomy.yaml:%u: intent `refund`: action `zzz` is not defined"},
        {POLICY_TAXONOMY, "reply: track_order", "reply: trak_order",
         "taxonomy.yaml:%u: action `track_order`: reply `trak_order` is not defined; did you mean "
         "`track_order`?"},
        {POLICY_TAXONOMY, "priority: high", "priority: hihg",
         "taxonomy.yaml:%u: action `cancel_order`: priority `hihg` is not defined; did you mean `high`?"},
        {POLICY_TAXONOMY, "opens_ticket: true", "opens_ticket: yes",
         "taxonomy.yaml:%u: action `cancel_order`: key `opens_ticket` expects true or false"},
        {POLICY_TAXONOMY, "opens_ticket: true", "open_ticket: true",
         "taxonomy.yaml:%u: action `cancel_order`: key `open_ticket` is not defined; did you mean "
         "`opens_ticket`?"},
        {POLICY_TAXONOMY, "order[ {order_id}] if", "order[ {ordre_id}] if",
         "taxonomy.yaml:%u: action `cancel_order`: variable `ordre_id` is not defined; did you mean "
         "`order_id`?"},
        {POLICY_TAXONOMY, "order[ {order_id}] if", "order[ {order_id} if",
         "taxonomy.yaml:%u: action `cancel_order`: `[` without its partner"},
        {POLICY_TAXONOMY, "  informational: 0.5", "  informational: 1.5",
         "taxonomy.yaml:%u: gates: key `informational` is 1.5, allowed is 0 to 1"},
        {POLICY_TAXONOMY, "  informational: 0.5", "  informational: \"0.5\"",
         "taxonomy.yaml:%u: gates: key `informational` expects a number"},
        {POLICY_TAXONOMY, "sla_minutes: 15", "sla_minutes: 0",
         "taxonomy.yaml:%u: severity `urgent`: key `sla_minutes` is 0, allowed is 1 to 527040"},
        {POLICY_TAXONOMY, "sla_minutes: 15", "sla_minutes: 15.5",
         "taxonomy.yaml:%u: severity `urgent`: key `sla_minutes` expects a whole number"},
        {POLICY_TAXONOMY, "sla_minutes: 15", "sla_minutes: 121",
         "taxonomy.yaml:%u: severity `urgent`: sla_minutes is longer than that of `high`"},
        {POLICY_TAXONOMY, "action: compliance_review", "action: track_order",
         "taxonomy.yaml:%u: severity `standard`: action `track_order` must have requires_human_review: true"},
        {POLICY_TAXONOMY, "  threat:\n", "  threats:\n",
         "taxonomy.yaml:%u: intents: key `threats` is not defined; did you mean `threat`?"},
        {POLICY_TAXONOMY, "    floor: standard\n", "",
         "taxonomy.yaml:194: intent `legal_regulatory`: key `floor` is missing"},
        {POLICY_TAXONOMY, "unknown_severity: high", "unknown_severity: hihg",
         "taxonomy.yaml:%u: severity `hihg` is not defined; did you mean `high`?"},
        {POLICY_TAXONOMY, "version: \"1.0.0\"", "version: \"1.0.0\"\nversion: 2",
         "taxonomy.yaml:4: key `version` stands here twice"},
        {POLICY_TAXONOMY, "version: \"1.0.0\"", "version: &v \"1.0.0\"",
         "taxonomy.yaml:%u: anchors, aliases and tags are not allowed"},
        {POLICY_TAXONOMY, "version: \"1.0.0\"", "version: [",
         "taxonomy.yaml:8: did not find expected ',' or ']'"},
        {POLICY_TAXONOMY, NULL, "---\na: b\n", "taxonomy.yaml:%u: more than one document"},
        {POLICY_REPLIES, "default_locale: en", "default_locale: sv",
         "replies.yaml:14: reply `provide_information`: has no text in the default locale `sv`"},
        {POLICY_REPLIES, "      voice:", "      phone:",
         "replies.yaml:%u: reply `provide_information`: key `phone` is not defined"},
        {POLICY_REPLIES, "{article_body}[", "{article_bdy}[",
         "replies.yaml:%u: reply `provide_information`: variable `article_bdy` is not defined; did you mean "
         "`article_body`?"},
        {POLICY_REPLIES, "default_locale: en", "default_locale: \"\xff\"",
         "replies.yaml:%u: not valid UTF-8"},
        {POLICY_LLM, "sends_safety_hits: false", "sends_safety_hits: no",
         "llm.yaml:%u: key `sends_safety_hits` expects true or false"},
        {POLICY_LLM, "local_safety_floor: 0.8", "local_safety_flor: 0.8",
         "llm.yaml:%u: key `local_safety_flor` is not defined; did you mean `local_safety_floor`?"},
        {POLICY_LLM, "    service_action: 0.9", "    service_action: 1.9",
         "llm.yaml:%u: local_is_enough: key `service_action` is 1.9, allowed is 0 to 1"},
        {POLICY_LLM, "\"1.0.0\": 1", "\"1.0.0\": 0",
         "llm.yaml:43: prompts: no prompt has a weight over 0; give one to the version that is to be used"},
        {POLICY_LLM, "\"1.0.0\": 1", "\"../x\": 1",
         "llm.yaml:%u: prompts: version `../x` cannot be a file's name: 1 to 32 of A-Z a-z 0-9 . _ -, no dot first"},
        {POLICY_LLM, "\"1.0.0\": 1", "\"7.0.0\": 1",
         "prompts/7.0.0.yaml: No such file or directory; llm.yaml names that version"},
        {POLICY_REDACTION, "record: {style: tag", "record: {style: tags",
         "redaction.yaml:%u: sink `record`: style `tags` is not defined; did you mean `tag`?"},
        {POLICY_REDACTION, "record: {style: tag", "record: {style: placeholder",
         "redaction.yaml:%u: sink `record`: placeholders are for llm only, since nothing else can undo them"},
        {POLICY_REDACTION, "llm: {style: placeholder, keeps: []", "llm: {style: placeholder, keeps: [EMIAL]",
         "redaction.yaml:%u: sink `llm`: type `EMIAL` is not defined; did you mean `EMAIL`?"},
        {POLICY_REDACTION, "export: {style: tag", "export: {style: pseudonym",
         "redaction.yaml:20: pseudonyms: the environment variable TRIAGED_PSEUDONYM_KEY must hold the key, of 16 characters at "
         "least"},
        {POLICY_KNOWLEDGE, "[parcel, package", "[parcel, the",
         "knowledge.yaml:%u: synonyms: `the` is not one word that the search looks at: it goes by single words, and passes over "
         "numbers and words such as \"the\""},
        {POLICY_KNOWLEDGE, "[swap, exchange]", "[parcels, exchange]",
         "knowledge.yaml:%u: synonyms: `parcels` stands in a list already, in this form or another; keep it in one"},
        {POLICY_KNOWLEDGE, "[swap, exchange]", "[swap]", "knowledge.yaml:%u: synonyms: a list of synonyms has 2 to 16 words"},
        {POLICY_KNOWLEDGE, "- words: [swap", "- locale: not a tag\n    words: [swap",
         "knowledge.yaml:%u: synonyms: locale `not a tag` is not a BCP 47 tag"},
        {POLICY_KNOWLEDGE, "synonyms:\n", "synonyms: {}\nother:\n",
         "knowledge.yaml:10: key `other` is not defined"},
        {POLICY_SAFETY, "severity: urgent", "severity: urgnt",
         "safety.yaml:%u: rule `emergency_room_written`: severity `urgnt` is not defined; did you mean "
         "`urgent`?"},
        {POLICY_SAFETY, "intent: product_safety", "intent: refund",
         "safety.yaml:%u: rule `emergency_room_written`: safety intent `refund` is not defined"},
        {POLICY_SAFETY, "phrases: [ER, ", "phrases: [ER*, ",
         "safety.yaml:29: rule `emergency_room_written`: phrase `ER*` has a '*' in a case-sensitive rule"},
        {POLICY_SAFETY, "phrases: [ER, ", "phrases: [(ER, ",
         "safety.yaml:%u: rule `emergency_room_written`: `(ER`: a group is not closed"},
        {POLICY_SAFETY, "needs: [<exposure>", "needs: [<exposures>",
         "safety.yaml:%u: rule `symptoms_after_use`: list `exposures` is not defined"},
        {POLICY_SAFETY, "id: breathing\n", "id: emergency\n",
         "safety.yaml:%u: rule `emergency` is defined twice"},
};

static void a_broken_policy_is_refused_with_file_and_line(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
                struct policy *policy = NULL;
                struct err_note note = {0};
                unsigned line = 0;
                assert_int_not_equal(load_edited(&broken[i], &policy, &note, &line), ERR_OK);
                assert_null(policy);
                char expected[512], number[16];
                const char *mark = strstr(broken[i].message, "%u");
                int before = mark ? (int)(mark - broken[i].message) : (int)strlen(broken[i].message);
                snprintf(number, sizeof number, "%u", line);
                snprintf(expected, sizeof expected, "%s/%.*s%s%s", directory, before, broken[i].message,
                         mark ? number : "", mark ? mark + 2 : "");
                if (strcmp(note.text, expected) != 0)
                        fail_msg("case %zu:\n  %s\nis not\n  %s", i, note.text, expected);
        }
}

static void what_is_not_there_or_too_large_is_said(void **state)
{
        (void)state;
        struct policy *policy;
        struct err_note note;
        assert_int_equal(policy_load("/nonexistent", &policy, &note), ERR_NOT_FOUND);
        assert_string_equal(note.text, "/nonexistent/taxonomy.yaml: No such file or directory");
        static char large[YAML_FILE_MAX_BYTES + 2];
        memset(large, '\n', sizeof large - 1);
        struct edit edit = {POLICY_SAFETY, NULL, large, NULL};
        unsigned line;
        assert_int_equal(load_edited(&edit, &policy, &note, &line), ERR_TOO_LARGE);
}

static void the_shipped_policy_is_the_contract(void **state)
{
        (void)state;
        static const struct {
                enum intent intent;
                const char *action, *system;
                enum priority priority;
        } rows[] = {
                {INTENT_CANCELLATION, "cancel_order", "order_management", PRIORITY_HIGH},
                {INTENT_REFUND, "initiate_refund", "refund_system", PRIORITY_MEDIUM},
                {INTENT_ORDER_TRACKING, "track_order", "order_management", PRIORITY_LOW},
                {INTENT_TICKET_CREATION, "create_ticket", "ticketing_system", PRIORITY_MEDIUM},
                {INTENT_ACCOUNT_UPDATE, "update_account", "identity_verification", PRIORITY_MEDIUM},
                {INTENT_ORDER_CHANGE, "route_to_support", "order_management", PRIORITY_MEDIUM},
                {INTENT_PLACE_ORDER, "route_to_support", "order_management", PRIORITY_MEDIUM},
                {INTENT_BILLING, "route_to_support", "billing_system", PRIORITY_MEDIUM},
                {INTENT_HUMAN_AGENT, "escalate_to_agent", "agent_queue", PRIORITY_MEDIUM},
                {INTENT_OTHER, "route_to_support", "agent_queue", PRIORITY_MEDIUM},
        };
        struct policy *policy;
        assert_ok(policy_load(NULL, &policy, NULL));
        const struct policy_facts *facts = policy_facts(policy);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                const struct policy_action *action = facts->intents[rows[i].intent].action;
                assert_str_equal(action->name, rows[i].action);
                assert_str_equal(action->external_system, rows[i].system);
                assert_int_equal(action->priority, rows[i].priority);
                assert_true(action->opens_ticket);
        }
        assert_str_equal(facts->intents[INTENT_ORDER_TRACKING].action_no_order->name, "request_order_id");
        assert_true(facts->intents[INTENT_ORDER_TRACKING].action_no_order->opens_ticket);
        assert_true(facts->escalate->requires_human_review);
        assert_str_equal(facts->answer->name, "provide_information");
        assert_str_equal(facts->no_answer->name, "suggest_contact");
        assert_true(facts->gate[CATEGORY_INFORMATIONAL] == 0.5 &&
                    facts->gate[CATEGORY_SAFETY_COMPLIANCE] == 0);
        assert_str_equal(facts->severities[SEVERITY_URGENT].action->name, "urgent_escalation");
        assert_true(facts->sla.rules[SEVERITY_URGENT].sla_ms == 15 * 60000);
        assert_true(facts->severities[SEVERITY_HIGH].is_report_candidate);
        assert_false(facts->severities[SEVERITY_STANDARD].is_report_candidate);
        assert_int_equal(facts->intents[INTENT_SELF_HARM].floor, SEVERITY_URGENT);
        assert_int_equal(facts->intents[INTENT_FRAUD].floor, SEVERITY_HIGH);
        assert_int_equal(facts->intents[INTENT_PRIVACY].floor, SEVERITY_STANDARD);
        assert_int_equal(facts->unknown_severity, SEVERITY_HIGH);
        assert_int_equal(facts->version.len, strlen("1.0.0+12345678"));
        policy_unref(policy);
}

/* Received on a Sunday, which is closed. */
static void a_calendar_makes_what_may_wait_due_later(void **state)
{
        (void)state;
        const int64_t hour_ms = 3600 * 1000, sunday = INT64_C(1780228800000); /* 2026-05-31 12:00 UTC, 14:00 in Berlin */
        const struct edit edit = {POLICY_SLA, "calendars: {}", MONDAY, NULL};
        struct policy *policy;
        struct err_note note = {.text = ""};
        unsigned line;
        assert_ok(load_edited(&edit, &policy, &note, &line));
        assert_true(sla_due(&policy_facts(policy)->sla.rules[SEVERITY_STANDARD], sunday) == sunday + 24 * hour_ms);
        policy_unref(policy);
        replace_in_policy(POLICY_SLA, NULL, "    calendar: office\n");
        assert_ok(policy_load(directory, &policy, &note));
        const struct sla_policy *sla = &policy_facts(policy)->sla;
        /* Four hours of `none`: on Monday at 13:00 in Berlin. The first reminder is after two of them. */
        struct sla_state review;
        (void)sla_start(sla, SEVERITY_NONE, sunday, sunday + 23 * hour_ms, &review);
        assert_true(sla_due(&sla->rules[SEVERITY_NONE], sunday) == sunday + 23 * hour_ms);
        assert_true(sla_next(sla, &review) == sunday + 21 * hour_ms);
        assert_true(sla_due(&sla->rules[SEVERITY_URGENT], sunday) == sunday + hour_ms / 4);
        policy_unref(policy);
}

static void high_waits_for_opening_only_when_that_is_meant(void **state)
{
        (void)state;
        struct policy *policy;
        struct err_note note = {.text = ""};
        unsigned line;
        const struct edit edit = {POLICY_SLA, "calendars: {}", MONDAY, NULL};
        assert_ok(load_edited(&edit, &policy, &note, &line));
        policy_unref(policy);
        replace_in_policy(POLICY_SLA, "acknowledge_minutes: 30\n", "acknowledge_minutes: 30\n    calendar: office\n");
        assert_int_equal(policy_load(directory, &policy, &note), ERR_INVALID);
        assert_non_null(strstr(note.text, "sla.yaml:36: severity `high`: a high matter would wait until `office` opens"));
        replace_in_policy(POLICY_SLA, "calendar: office\n", "calendar: office\n    may_wait_for_opening: true\n");
        assert_int_equal(policy_load(directory, &policy, &note), ERR_INVALID);
        assert_non_null(strstr(note.text, "a standard matter, which has no calendar, could be due before a high one"));
        replace_in_policy(POLICY_SLA, "acknowledge_minutes: 240\n", "acknowledge_minutes: 240\n    calendar: office\n");
        assert_ok(policy_load(directory, &policy, &note));
        assert_non_null(policy_facts(policy)->sla.rules[SEVERITY_HIGH].calendar);
        policy_unref(policy);
}

static void the_safety_threshold_is_the_models_unless_the_policy_says_another(void **state)
{
        (void)state;
        const struct edit edit = {POLICY_TAXONOMY, "# safety_threshold: 0.4", "safety_threshold: 0.25", NULL};
        struct policy *policy;
        struct err_note note;
        unsigned line;
        assert_ok(load_edited(NULL, &policy, &note, &line));
        assert_true(policy_facts(policy)->safety_threshold < 0);
        policy_unref(policy);
        assert_ok(load_edited(&edit, &policy, &note, &line));
        assert_true(policy_facts(policy)->safety_threshold == 0.25);
        policy_unref(policy);
}

static void a_reply_falls_back_by_locale_and_by_channel(void **state)
{
        (void)state;
        static const struct {
                enum channel channel;
                const char *locale, *found, *begins;
        } cases[] = {
                {CHANNEL_CHAT, "en", "en", "If you or anyone else"},
                {CHANNEL_VOICE, "en-GB", "en", "If anyone is in danger, hang up"},
                {CHANNEL_CHAT, "de-AT", "de", "Wenn Sie"},
                {CHANNEL_VOICE, "de-Latn-CH-1996", "de", "Wenn jemand"},
                {CHANNEL_MAIL, "DE", "de", "Wenn Sie"}, /* its default text rather than English mail */
                {CHANNEL_API, "sv", "en", "If you or anyone else"},
                {CHANNEL_API, "den", "en", "If you or anyone else"},
                {CHANNEL_API, NULL, "en", "If you or anyone else"},
        };
        struct policy *policy;
        assert_ok(policy_load(NULL, &policy, NULL));
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct str locale = {0};
                struct str text = policy_reply(policy, STR("emergency"), cases[i].channel,
                                               str_from(cases[i].locale), &locale);
                assert_str_equal(locale, cases[i].found);
                assert_true(str_starts_with(text, str_from(cases[i].begins)));
        }
        struct str locale;
        assert_null(policy_reply(policy, STR("no such reply"), CHANNEL_API, STR("en"), &locale).ptr);
        policy_unref(policy);
}

static void templates_are_filled(void **state)
{
        (void)state;
        static const struct {
                const char *template, *filled;
        } cases[] = {
                {"plain", "plain"},
                {"", ""},
                {"for {order_id}.", "for ORD-1."},
                {"We have it[ for {order_id}].", "We have it for ORD-1."},
                {"We have it[ over {amount}].", "We have it."},
                {"a[ {order_id} {amount}]b[ {order_id}]", "ab ORD-1"},
                {"{amount}x", "x"},
                {"{product}", "[{order_id}]"}, /* a value is not a template */
        };
        static const struct policy_variable variables[] = {
                {"order_id", STR_INIT("ORD-1")}, {"amount", {0}}, {"product", STR_INIT("[{order_id}]")}};
        struct arena arena;
        arena_init(&arena, 4096);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                assert_str_equal(policy_fill(&arena, str_from(cases[i].template), variables, 3),
                                 cases[i].filled);
        arena_deinit(&arena);
        arena_init(&arena, 1);
        assert_null(policy_fill(&arena, STR("long"), variables, 3).ptr);
        arena_deinit(&arena);
}

static struct str member(struct json row, const char *name)
{
        struct json value;
        struct str text = {0};
        if (json_find(row, str_from(name), &value))
                (void)json_to_str(value, &text);
        return text;
}

/* Says which row is judged wrongly; `text` is the row's, or a variant of it. */
static size_t judge(const struct policy *policy, struct json row, struct str text)
{
        struct str severity = member(row, "severity"), intent = member(row, "intent");
        struct safety_finding found = safety_net_scan(policy_facts(policy)->safety_net, (struct raw_text){text});
        bool is_right = severity.ptr ? str_equal(severity, str_from(severity_name(found.severity))) &&
                                               str_equal(intent, str_from(intent_name(found.intent)))
                                     : found.severity == SEVERITY_NONE;
        if (!is_right)
                print_error("%s \"%.*s\" by `%.*s`\n", severity_name(found.severity), STR_ARGS(text),
                            STR_ARGS(found.rule));
        return !is_right;
}

/* As somebody in a hurry types it: capitals, and more than one space between words. */
static struct str shout(struct str text, char *to, size_t size)
{
        size_t len = 0;
        for (size_t i = 0; i < text.len && len + 3 < size; i++) {
                char c = text.ptr[i];
                to[len++] = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
                if (c == ' ')
                        to[len++] = '\n';
        }
        return (struct str){to, len};
}

static void judge_file(const char *path, bool is_shouted, size_t least_rows)
{
        struct policy *policy;
        assert_ok(policy_load(NULL, &policy, NULL));
        struct json_parser *parser = json_parser_new(4096, 4);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        char line[2048], loud[4096];
        size_t rows = 0, wrong = 0;
        for (; fgets(line, sizeof line, file); rows++) {
                struct json row;
                assert_ok(json_parse(parser, str_from(line), &row, NULL));
                struct str text = member(row, "text");
                wrong += judge(policy, row, text);
                if (is_shouted)
                        wrong += judge(policy, row, shout(text, loud, sizeof loud));
        }
        fclose(file);
        json_parser_free(parser);
        policy_unref(policy);
        assert_true(rows >= least_rows);
        assert_int_equal(wrong, 0);
}

static void the_shipped_rules_tell_danger_from_what_looks_like_it(void **state)
{
        (void)state;
        judge_file(SAFETY_LINES, false, 150);
}

static void they_do_so_in_four_more_languages(void **state)
{
        (void)state;
        judge_file(SAFETY_LINES_OF_LANGUAGES, true, 350);
}

static void *pin_and_release(void *arg)
{
        struct policy *policy = arg;
        for (int i = 0; i < 20000; i++) {
                struct policy *mine = policy_ref(policy);
                assert(policy_facts(mine)->safety_net);
                policy_unref(mine);
        }
        policy_unref(policy);
        return NULL;
}

static void the_last_of_many_threads_frees_it(void **state)
{
        (void)state;
        struct policy *policy;
        pthread_t threads[4];
        assert_ok(policy_load(NULL, &policy, NULL));
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, pin_and_release, policy_ref(policy)), 0);
        policy_unref(policy);
        for (size_t i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
}

static void an_edited_policy_has_another_version(void **state)
{
        (void)state;
        struct policy *builtin, *same, *edited;
        struct edit edit = {POLICY_REPLIES, "Hello,", "Good day,", NULL};
        unsigned line;
        assert_ok(policy_load(NULL, &builtin, NULL));
        assert_ok(load_edited(NULL, &same, NULL, &line));
        assert_ok(load_edited(&edit, &edited, NULL, &line));
        assert_true(str_equal(policy_facts(builtin)->version, policy_facts(same)->version));
        assert_false(str_equal(policy_facts(builtin)->version, policy_facts(edited)->version));
        policy_unref(builtin);
        policy_unref(same);
        policy_unref(edited);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_broken_policy_is_refused_with_file_and_line),
                cmocka_unit_test(what_is_not_there_or_too_large_is_said),
                cmocka_unit_test(the_shipped_policy_is_the_contract),
                cmocka_unit_test(a_reply_falls_back_by_locale_and_by_channel),
                cmocka_unit_test(the_safety_threshold_is_the_models_unless_the_policy_says_another),
                cmocka_unit_test(a_calendar_makes_what_may_wait_due_later),
                cmocka_unit_test(high_waits_for_opening_only_when_that_is_meant),
                cmocka_unit_test(templates_are_filled),
                cmocka_unit_test(the_shipped_rules_tell_danger_from_what_looks_like_it),
                cmocka_unit_test(they_do_so_in_four_more_languages),
                cmocka_unit_test(the_last_of_many_threads_frees_it),
                cmocka_unit_test(an_edited_policy_has_another_version),
        };
        return cmocka_run_group_tests_name("policy", tests, make_directory, remove_directory);
}
