/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "adapt/connector.h"
#include "base/json_writer.h"
#include "cli/policy_connectors.h"

enum { PAYLOAD_MAX_BYTES = 4096, SHOWN_BYTES = 2000 };

static const char *const result_names[] = {
        [CONNECTOR_DELIVERED] = "delivered",
        [CONNECTOR_NOT_DONE] = "not done; the outbox would try again",
        [CONNECTOR_UNKNOWN] = "unknown; the outbox would search and try again",
        [CONNECTOR_REFUSED] = "refused; the outbox would give up",
        [CONNECTOR_DISABLED] = "the target wants nothing more (410)",
};

static void print_events(const struct connectors_policy *all, const struct connector_policy *connector)
{
        bool is_told = false;
        for (enum notice i = 0; i < NOTICE_COUNT; i++)
                for (size_t k = 0; k < all->events[i].count; k++)
                        if (all->events[i].targets[k] == connector) {
                                printf("%s%s", is_told ? ", " : "    told of ", notice_name(i));
                                is_told = true;
                        }
        for (size_t i = 0; i < all->system_count; i++)
                if (all->systems[i].connector == connector) {
                        printf("%s%.*s", is_told ? ", system " : "    told of system ", STR_ARGS(all->systems[i].external_system));
                        is_told = true;
                }
        puts(is_told ? "" : "    told of nothing by connectors.yaml; sla.yaml may name it");
}

static int list(const struct policy *policy)
{
        const struct connectors_policy *all = &policy_facts(policy)->connectors;
        int status = CLI_OK;
        if (all->connector_count == 0)
                puts("no connector is set up: see connectors.yaml of the policy directory, and doc/connectors.md");
        for (size_t i = 0; i < all->connector_count; i++) {
                const struct connector_policy *connector = &all->connectors[i];
                struct err_note note = {.text = ""};
                char *secret = NULL;
                printf("%.*s  %.*s  %.*s\n", STR_ARGS(connector->name), STR_ARGS(connector->kind), STR_ARGS(connector->spec.url));
                print_events(all, connector);
                if (connector_secret(&connector->spec, &secret, &note) != ERR_OK) {
                        printf("    no secret here: %s\n", note.text);
                        status = CLI_FAILED;
                } else {
                        explicit_bzero(secret, strlen(secret));
                }
                free(secret);
        }
        return status;
}

static void write_payload(struct buf *to, const char *event, int64_t now_ms)
{
        struct json_writer w = {.buf = to};
        json_open(&w, '{');
        json_member(&w, "type", str_from(event));
        json_key(&w, "timestamp");
        json_time(&w, now_ms);
        json_key(&w, "data");
        json_open(&w, '{');
        json_key(&w, "is_test");
        json_bool(&w, true);
        json_member(&w, "message_id", STR("msg_test"));
        json_member(&w, "intent", STR("test"));
        json_member(&w, "description", STR("A test of the connection by triaged; nothing has to be done."));
        json_member(&w, "text", STR("This is no message of a customer. Characters that need care: \"quotes\", <tags>, é, 日本."));
        json_close(&w, '}');
        json_close(&w, '}');
}

static void print_result(const struct connector_delivery *delivery, struct str answer)
{
        printf("%s\n", result_names[delivery->result]);
        printf("id of the delivery: %s\n", delivery->id.text);
        if (delivery->http_status)
                printf("HTTP status: %d\n", delivery->http_status);
        if (delivery->external_id[0])
                printf("id there: %s\n", delivery->external_id);
        if (delivery->retry_after_ms >= 0)
                printf("to be asked again in: %lld ms\n", (long long)delivery->retry_after_ms);
        if (delivery->note.text[0])
                printf("why: %s\n", delivery->note.text);
        if (answer.len)
                printf("answer: %.*s%s\n", (int)(answer.len < SHOWN_BYTES ? answer.len : SHOWN_BYTES), answer.ptr,
                       answer.len > SHOWN_BYTES ? " …" : "");
}

static int test(const struct policy *policy, struct settings_args *operands)
{
        struct buf payload, answer;
        const char *event = cli_take_value(operands, "event"), *id = cli_take_value(operands, "id");
        struct connector_delivery delivery = {.id = ident_random("test_"), .search_first = id != NULL};
        if (!cli_all_taken(operands, 2, "the name of a connector"))
                return CLI_USAGE;
        const struct connector_policy *connector = policy_connector(policy, str_from(operands->items[1]));
        if (!connector)
                return cli_complain(CLI_USAGE, "connectors.yaml has no `%s`; `triaged connector list` shows those it has",
                                    operands->items[1]);
        if (id && !ident_from(str_from(id), &delivery.id))
                return cli_complain(CLI_USAGE, "--id takes 1 to 64 of A-Z a-z 0-9 . _ : -");
        buf_init(&payload, PAYLOAD_MAX_BYTES);
        buf_init(&answer, CONNECTOR_ANSWER_MAX_BYTES);
        delivery.event = str_from(event ? event : notice_name(NOTICE_TICKET_CREATED));
        delivery.created_at_ms = (int64_t)time(NULL) * 1000;
        write_payload(&payload, delivery.event.ptr, delivery.created_at_ms);
        delivery.payload = (struct safe_text){buf_str(&payload)};
        connector_deliver(&connector->spec, &delivery, &answer);
        print_result(&delivery, buf_str(&answer));
        buf_deinit(&payload);
        buf_deinit(&answer);
        return delivery.result == CONNECTOR_DELIVERED ? CLI_OK : CLI_FAILED;
}

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        (void)cli;
        struct policy *policy;
        struct err_note note;
        bool is_list = operands->count > 0 && strcmp(operands->items[0], "list") == 0;
        if (!is_list && (operands->count == 0 || strcmp(operands->items[0], "test") != 0))
                return cli_complain(CLI_USAGE, "connector needs list or test; see --help");
        if (is_list && !cli_all_taken(operands, 1, "list"))
                return CLI_USAGE;
        if (policy_load(*settings->policy_dir ? settings->policy_dir : NULL, &policy, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        int status = is_list ? list(policy) : test(policy, operands);
        policy_unref(policy);
        return status;
}

static const char *const own_flags[] = {"event=", "id=", NULL};

const struct cli_command cli_connector = {
        .name = "connector",
        .summary = "show and try the systems that are told what happened",
        .help = "usage: triaged connector list\n"
                "       triaged connector test NAME [--event ticket.created] [--id ID]\n"
                "\n"
                "Ticketing and compliance systems, webhooks and mail stand in connectors.yaml of the policy directory.\n"
                "\n"
                "list   each with its kind, its address and what it is told of; says so when its secret is not to be had\n"
                "       here, and then exits with 1\n"
                "test   sends one event that is marked as a test, now, and prints what came back. It makes a real ticket.\n"
                "       With --id the connector first looks for that delivery there, as the outbox does after a time-out:\n"
                "       the same --id twice makes one ticket where the system can be searched or knows a repeated id.\n"
                "\n"
                "for example:\n"
                "  RT_TOKEN=1-23-abc triaged connector test desk --policy-dir /etc/triaged/policy\n",
        .own_flags = own_flags,
        .run = run,
};
