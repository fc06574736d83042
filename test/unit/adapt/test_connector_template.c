/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "adapt/connector.h"
#include "adapt/connector_template.h"

static const char payload[] =
        "{\"type\":\"ticket.created\",\"timestamp\":\"2026-11-22T10:00:00.000Z\",\"data\":{\"text\":\"a \\\"b\\\"\\r\\nc\","
        "\"n\":12,\"f\":0.5,\"yes\":true,\"nothing\":null,\"word\":\"größe\",\"parameters\":{\"order_id\":\"ORD-1\",\"k\":[1,\"{id}\"]}}}";

static struct connector_spec spec = {.options = {{STR_INIT("queue"), STR_INIT("Desk {id}")}}, .option_count = 1};
static struct connector_delivery delivery;
static struct connector_values values = {&spec, &delivery, {0}};
static struct json_parser *payload_parser, *template_parser;

static int set_up(void **state)
{
        (void)state;
        payload_parser = json_parser_new(65536, 16);
        template_parser = json_parser_new(65536, 16);
        delivery.event = STR("ticket.created");
        delivery.payload = (struct safe_text){str_from(payload)};
        return ident_from(STR("evt_1"), &delivery.id) &&
                               json_parse(payload_parser, str_from(payload), &values.payload, NULL) == ERR_OK
                       ? 0
                       : -1;
}

static int tear_down(void **state)
{
        (void)state;
        json_parser_free(payload_parser);
        json_parser_free(template_parser);
        return 0;
}

static void json_is_filled_whatever_the_values_are(void **state)
{
        (void)state;
        static const char *const rows[][2] = {
                {"{\"a\":\"{data.text}\"}", "{\"a\":\"a \\\"b\\\"\\r\\nc\"}"},
                {"{\"a\":\"{data.n}\",\"b\":\"{data.f}\",\"c\":\"{data.yes}\"}", "{\"a\":12,\"b\":0.5,\"c\":true}"},
                {"{\"a\":\"x{data.n} {data.f} {data.yes}\"}", "{\"a\":\"x12 0.5 true\"}"},
                {"{\"a\":\"{data.gone}\",\"b\":\"{data.nothing}\",\"c\":1,\"d\":null}", "{\"c\":1,\"d\":null}"},
                {"{\"a\":\"{data.gone|none}\",\"b\":\"x{data.gone}y\",\"c\":\"{data.gone|}\"}",
                 "{\"a\":\"none\",\"b\":\"xy\",\"c\":\"\"}"},
                {"[\"{data.gone}\",\"{id}\",\"{event}\",\"{created_at}\"]",
                 "[\"evt_1\",\"ticket.created\",\"2026-11-22T10:00:00.000Z\"]"},
                {"{\"a\":\"{data.word:3}\",\"b\":\"{data.word:99}\"}", "{\"a\":\"grö\",\"b\":\"größe\"}"},
                {"{\"a\":\"{option.queue}\"}", "{\"a\":\"Desk {id}\"}"},
                {"{\"a\":\"{data.parameters}\"}", "{\"a\":{\"order_id\":\"ORD-1\",\"k\":[1,\"{id}\"]}}"},
                {"{\"a\":\"{data.parameters.order_id}\",\"b\":\"{data.text.x}\"}", "{\"a\":\"ORD-1\"}"},
                {"{\"a\":\"{ {} {Data} {data.word\"}", "{\"a\":\"{ {} {Data} {data.word\"}"},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct json template;
                struct buf to;
                buf_init(&to, 4096);
                assert_ok(json_parse(template_parser, str_from(rows[i][0]), &template, NULL));
                connector_fill_json(&values, template, &to);
                assert_str_equal(buf_str(&to), rows[i][1]);
                buf_deinit(&to);
        }
}

static void the_payload_itself_can_be_sent(void **state)
{
        (void)state;
        struct json template;
        struct buf to;
        buf_init(&to, 4096);
        assert_ok(json_parse(template_parser, STR("\"{payload}\""), &template, NULL));
        connector_fill_json(&values, template, &to);
        assert_str_equal(buf_str(&to), payload);
        buf_deinit(&to);
}

static void addresses_and_headers_cannot_be_broken_out_of(void **state)
{
        (void)state;
        struct buf to;
        buf_init(&to, 4096);
        connector_fill_text(&values, STR("/a?q=%27{data.text}%27&b={data.word}"), CONNECTOR_URL, &to);
        assert_str_equal(buf_str(&to), "/a?q=%27a%20%22b%22%0D%0Ac%27&b=gr%C3%B6%C3%9Fe");
        buf_reset(&to);
        connector_fill_text(&values, STR("x {data.text}"), CONNECTOR_LINE, &to);
        assert_str_equal(buf_str(&to), "x a \"b\"  c");
        buf_deinit(&to);
}

static void what_does_not_fit_is_seen(void **state)
{
        (void)state;
        struct json template;
        struct buf to;
        buf_init(&to, 20);
        assert_ok(json_parse(template_parser, STR("{\"a\":\"{data.text}{data.text}{data.text}\"}"), &template, NULL));
        connector_fill_json(&values, template, &to);
        assert_true(to.is_over);
        buf_deinit(&to);
}

static void ids_are_found_where_the_pointers_say(void **state)
{
        (void)state;
        static const struct {
                const char *answer, *pointers, *id; /* NULL: none */
        } rows[] = {
                {"{\"ticket\":{\"id\":35436}}", "/ticket/id", "35436"},
                {"{\"items\":[{\"id\":\"20\"}]}", "/items/0/id", "20"},
                {"{\"items\":[]}", "/items/0/id", NULL},
                {"[{\"id\":7}]", "/0/id /tickets/0", "7"},
                {"{\"tickets\":[7]}", "/0/id /tickets/0", "7"},
                {"{\"id\":\"a b\"}", "/id", NULL},
                {"{\"id\":\"a\\nb\"}", "/id", NULL},
                {"{\"id\":{}}", "/id", NULL},
                {"{\"id\":\"123456789012345678\"}", "/id", NULL},
                {"3", "/id", NULL},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
                struct json answer;
                char id[16] = "";
                assert_ok(json_parse(template_parser, str_from(rows[i].answer), &answer, NULL));
                bool is_found = connector_find_id(answer, str_from(rows[i].pointers), id, sizeof id);
                if (is_found != (rows[i].id != NULL) || (is_found && strcmp(id, rows[i].id) != 0))
                        fail_msg("row %zu: \"%s\"", i, id);
        }
}

static void each_status_means_one_thing(void **state)
{
        (void)state;
        static const struct {
                int status;
                enum connector_result result;
        } rows[] = {
                {200, CONNECTOR_DELIVERED}, {204, CONNECTOR_DELIVERED}, {301, CONNECTOR_REFUSED}, {304, CONNECTOR_REFUSED},
                {400, CONNECTOR_REFUSED}, {401, CONNECTOR_NOT_DONE}, {403, CONNECTOR_NOT_DONE}, {404, CONNECTOR_REFUSED},
                {408, CONNECTOR_NOT_DONE}, {409, CONNECTOR_UNKNOWN}, {410, CONNECTOR_DISABLED}, {422, CONNECTOR_REFUSED},
                {425, CONNECTOR_NOT_DONE}, {429, CONNECTOR_NOT_DONE}, {500, CONNECTOR_UNKNOWN}, {502, CONNECTOR_UNKNOWN},
                {503, CONNECTOR_NOT_DONE}, {504, CONNECTOR_UNKNOWN},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                if (connector_result_of(rows[i].status) != rows[i].result)
                        fail_msg("HTTP %d", rows[i].status);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(json_is_filled_whatever_the_values_are),
                cmocka_unit_test(the_payload_itself_can_be_sent),
                cmocka_unit_test(addresses_and_headers_cannot_be_broken_out_of),
                cmocka_unit_test(what_does_not_fit_is_seen),
                cmocka_unit_test(ids_are_found_where_the_pointers_say),
                cmocka_unit_test(each_status_means_one_thing),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
