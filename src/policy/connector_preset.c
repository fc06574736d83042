/* SPDX-License-Identifier: Apache-2.0 */
/* What each kind of connector sends unless connectors.yaml says otherwise.
 *
 * Where the other system does not recognise a repeated id by itself, the id of the delivery is written where a
 * search finds it again: RT and Jira Service Management in the subject, Zammad in the title, Jira as a label,
 * Zendesk as external_id (a look-up, not a search, so it is found at once).
 */
#include "policy/policy_parts.h"

#define BODY_TEXT                                                                                                    \
        "{event} {created_at}\\nmessage: {data.message_id|none}\\nticket: {data.ticket_id|none}\\n"                  \
        "compliance: {data.compliance_id|none}\\nseverity: {data.severity|none}, priority: {data.priority|none}\\n" \
        "due: {data.due_at|not set}\\n{data.description|}\\n\\n{data.text|}"
#define TITLE "{data.intent|triaged}: {data.description:120|}"

static const struct connector_spec presets[CONNECTOR_KIND_COUNT] = {
        [CONNECTOR_RT] = {
                .auth_header = STR_INIT("Authorization"), .auth_prefix = STR_INIT("token "),
                .create_path = STR_INIT("/REST/2.0/ticket"),
                .body = STR_INIT("{\"Queue\":\"{option.queue}\",\"Subject\":\"" TITLE " [{id}]\",\"Content\":\"" BODY_TEXT
                                 "\",\"ContentType\":\"text/plain\"}"),
                .id_path = STR_INIT("/id"),
                .search_path = STR_INIT("/REST/2.0/tickets?per_page=1&query=Subject%20LIKE%20%27{id}%27"),
                .search_id_path = STR_INIT("/items/0/id"),
        },
        [CONNECTOR_ZAMMAD] = {
                .auth_header = STR_INIT("Authorization"), .auth_prefix = STR_INIT("Token token="),
                .create_path = STR_INIT("/api/v1/tickets"),
                .body = STR_INIT("{\"title\":\"" TITLE " [{id}]\",\"group\":\"{option.group}\","
                                 "\"customer_id\":\"{option.customer}\",\"article\":{\"subject\":\"{event}\",\"body\":\""
                                 BODY_TEXT "\",\"type\":\"note\",\"internal\":true}}"),
                .id_path = STR_INIT("/id"),
                .search_path = STR_INIT("/api/v1/tickets/search?limit=1&expand=true&query=%22{id}%22"),
                .search_id_path = STR_INIT("/0/id /tickets/0"),
        },
        [CONNECTOR_JIRA] = {
                .auth_header = STR_INIT("Authorization"), .auth_prefix = STR_INIT("Bearer "),
                .create_path = STR_INIT("/rest/api/2/issue"),
                .body = STR_INIT("{\"fields\":{\"project\":{\"key\":\"{option.project}\"},"
                                 "\"issuetype\":{\"name\":\"{option.issue_type|Task}\"},\"summary\":\"" TITLE "\","
                                 "\"description\":\"" BODY_TEXT "\",\"labels\":[\"{id}\"]}}"),
                .id_path = STR_INIT("/key"),
                .search_path = STR_INIT("/rest/api/2/search/jql?maxResults=1&fields=key&jql=labels%20%3D%20%22{id}%22"),
                .search_id_path = STR_INIT("/issues/0/key"),
        },
        [CONNECTOR_JIRA_SERVICE_MANAGEMENT] = {
                .auth_header = STR_INIT("Authorization"), .auth_prefix = STR_INIT("Bearer "),
                .create_path = STR_INIT("/rest/servicedeskapi/request"),
                .body = STR_INIT("{\"serviceDeskId\":\"{option.service_desk}\",\"requestTypeId\":\"{option.request_type}\","
                                 "\"requestFieldValues\":{\"summary\":\"" TITLE " [{id}]\",\"description\":\"" BODY_TEXT
                                 "\"}}"),
                .id_path = STR_INIT("/issueKey"),
                .search_path = STR_INIT(
                        "/rest/api/2/search/jql?maxResults=1&fields=key&jql=summary%20~%20%22%5C%22{id}%5C%22%22"),
                .search_id_path = STR_INIT("/issues/0/key"),
        },
        [CONNECTOR_ZENDESK] = {
                .auth_header = STR_INIT("Authorization"), .auth_prefix = STR_INIT("Bearer "),
                .idempotency_header = STR_INIT("Idempotency-Key"),
                .create_path = STR_INIT("/api/v2/tickets.json"),
                .body = STR_INIT("{\"ticket\":{\"subject\":\"" TITLE "\",\"external_id\":\"{id}\",\"comment\":{\"body\":\""
                                 BODY_TEXT "\",\"public\":false}}}"),
                .id_path = STR_INIT("/ticket/id"),
                .search_path = STR_INIT("/api/v2/tickets.json?external_id={id}"),
                .search_id_path = STR_INIT("/tickets/0/id"),
        },
        [CONNECTOR_WEBHOOK] = {.create_path = STR_INIT("")},
        [CONNECTOR_SMTP] = {
                .subject = STR_INIT("{event}: {data.intent|} {data.severity|} {data.description:120|}"),
                .text = STR_INIT("{event} {created_at}\nmessage: {data.message_id|none}\nticket: {data.ticket_id|none}\n"
                                 "compliance: {data.compliance_id|none}\nseverity: {data.severity|none}, "
                                 "priority: {data.priority|none}\ndue: {data.due_at|not set}\n{data.description|}\n\n"
                                 "{data.text|}\n"),
        },
        [CONNECTOR_HTTP] = {
                .auth_header = STR_INIT("Authorization"), .auth_prefix = STR_INIT("Bearer "),
                .idempotency_header = STR_INIT("Idempotency-Key"),
                .create_path = STR_INIT(""),
        },
};

void policy_connector_preset(struct connector_spec *spec)
{
        const struct connector_spec *preset = &presets[spec->kind];
        const struct {
                struct str *to;
                struct str from;
        } fields[] = {
                {&spec->auth_header, preset->auth_header},
                {&spec->auth_prefix, preset->auth_prefix},
                {&spec->idempotency_header, preset->idempotency_header},
                {&spec->create_path, preset->create_path},
                {&spec->body, preset->body},
                {&spec->id_path, preset->id_path},
                {&spec->search_path, preset->search_path},
                {&spec->search_id_path, preset->search_id_path},
                {&spec->subject, preset->subject},
                {&spec->text, preset->text},
        };
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
                if (!fields[i].to->ptr)
                        *fields[i].to = fields[i].from;
}
