/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "api/classify_body.h"

#include <string.h>

static struct json_parser *parser;
static struct arena arena;
static struct classify_body body;
static struct err_note note;
static char text[1 << 17];

static int set_up(void **state)
{
        (void)state;
        parser = json_parser_new(1 << 20, 32);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        json_parser_free(parser);
        return 0;
}

static int set_up_arena(void **state)
{
        (void)state;
        arena_init(&arena, 1 << 20);
        return 0;
}

static int tear_down_arena(void **state)
{
        (void)state;
        arena_deinit(&arena);
        return 0;
}

static enum err read_text(struct str json)
{
        note.text[0] = '\0';
        body.faults.count = 77;
        return classify_body_read(parser, json, &arena, &body, &note);
}

static enum err read_json(const char *json)
{
        return read_text(str_from(json));
}

/* "/channel must be one of …; /message is required": what the client would be told. */
static const char *complaints(void)
{
        static char all[4096];
        size_t used = 0;
        all[0] = '\0';
        for (size_t i = 0; i < body.faults.count; i++)
                used += (size_t)snprintf(all + used, sizeof all - used, "%s%.*s %s", i ? "; " : "",
                                         STR_ARGS(body.faults.fields[i].pointer), body.faults.fields[i].message);
        return all;
}

static void assert_refused(const char *json, const char *expected)
{
        enum err err = read_json(json);
        if (err != ERR_INVALID || strcmp(complaints(), expected) != 0)
                fail_msg("%s: %s, \"%s\"", json, err_name(err), complaints());
}

static void a_message_alone_is_enough(void **state)
{
        (void)state;
        assert_ok(read_json("{\"message\":\"hello\"}"));
        assert_str_equal(body.message.text.raw, "hello");
        assert_int_equal(body.message.channel, CHANNEL_API);
        assert_int_equal(body.message.points, 5);
        assert_int_equal(body.message.metadata_count, 0);
        assert_false(body.is_too_long);
        assert_int_equal(body.faults.count, 0);
}

static void each_channel_is_read(void **state)
{
        (void)state;
        for (enum channel channel = 0; channel < CHANNEL_COUNT; channel++) {
                snprintf(text, sizeof text, "{\"channel\":\"%s\",\"message\":\"m\"}", channel_name(channel));
                assert_ok(read_json(text));
                assert_int_equal(body.message.channel, channel);
        }
}

static void null_counts_as_absent(void **state)
{
        (void)state;
        assert_ok(read_json("{\"message\":\"m\",\"channel\":null,\"metadata\":null}"));
        assert_int_equal(body.message.channel, CHANNEL_API);
        assert_int_equal(body.message.metadata_count, 0);
        assert_ok(read_json("{\"message\":\"m\",\"metadata\":{\"locale\":null,\"a\":null}}"));
        assert_int_equal(body.message.metadata_count, 0);
        assert_refused("{\"message\":null}", "/message is required");
}

static void a_text_is_trimmed_and_nothing_else(void **state)
{
        (void)state;
        assert_ok(read_json("{\"message\":\" \\t\\r\\n a  b\\n \"}"));
        assert_str_equal(body.message.text.raw, "a  b");
        assert_int_equal(body.message.points, 4);
        assert_ok(read_json("{\"message\":\"\\u20ac \\ud83d\\ude00\"}"));
        assert_str_equal(body.message.text.raw, "\xe2\x82\xac \xf0\x9f\x98\x80");
        assert_int_equal(body.message.points, 3);
}

static void a_bad_field_is_named_with_its_reason(void **state)
{
        (void)state;
        static const char must_be_string[] = "/message must be a string";
        static const char must_be_channel[] = "/channel must be one of chat, voice, mail, api";
        static const char must_be_scalar[] = "/metadata/a must be a string, a number or a boolean";
        static const char must_be_locale[] = "/metadata/locale must be a BCP 47 language tag";
        static const struct {
                const char *json, *complaints;
        } cases[] = {
                {"{}", "/message is required"},
                {"[]", " the body must be a JSON object"},
                {"\"hello\"", " the body must be a JSON object"},
                {"null", " the body must be a JSON object"},
                {"7", " the body must be a JSON object"},
                {"{\"message\":7}", must_be_string},
                {"{\"message\":true}", must_be_string},
                {"{\"message\":[\"hello\"]}", must_be_string},
                {"{\"message\":{\"text\":\"hello\"}}", must_be_string},
                {"{\"message\":\"\"}", "/message must not be empty"},
                {"{\"message\":\" \\n\\t \"}", "/message must not be empty"},
                {"{\"message\":\"a\\u0000b\"}", "/message must not contain U+0000"},
                {"{\"message\":\"\\u0000\"}", "/message must not contain U+0000"},
                {"{\"message\":\"m\",\"channel\":\"fax\"}", must_be_channel},
                {"{\"message\":\"m\",\"channel\":\"Chat\"}", must_be_channel},
                {"{\"message\":\"m\",\"channel\":\"\"}", must_be_channel},
                {"{\"message\":\"m\",\"channel\":1}", must_be_channel},
                {"{\"message\":\"m\",\"metadata\":[]}", "/metadata must be an object"},
                {"{\"message\":\"m\",\"metadata\":\"x\"}", "/metadata must be an object"},
                {"{\"message\":\"m\",\"metadata\":{\"a\":{}}}", must_be_scalar},
                {"{\"message\":\"m\",\"metadata\":{\"a\":[1]}}", must_be_scalar},
                {"{\"message\":\"m\",\"metadata\":{\"\":\"x\"}}", "/metadata keys have 1 to 64 bytes and no U+0000"},
                {"{\"message\":\"m\",\"metadata\":{\"a\\u0000\":1}}", "/metadata keys have 1 to 64 bytes and no U+0000"},
                {"{\"message\":\"m\",\"metadata\":{\"a\":\"\\u0000\"}}",
                 "/metadata/a must have at most 512 bytes and no U+0000"},
                {"{\"message\":\"m\",\"metadata\":{\"locale\":\"e\"}}", must_be_locale},
                {"{\"message\":\"m\",\"metadata\":{\"locale\":\"en_US\"}}", must_be_locale},
                {"{\"message\":\"m\",\"metadata\":{\"locale\":\"1e\"}}", must_be_locale},
                {"{\"message\":\"m\",\"metadata\":{\"locale\":5}}", must_be_locale},
                {"{\"message\":\"m\",\"metadata\":{\"locale\":\"\"}}", must_be_locale},
                {"{\"message\":\"m\",\"extra\":1}", "/extra is not a member of this request"},
                {"{\"message\":\"m\",\"Message\":\"n\"}", "/Message is not a member of this request"},
                {"{\"message\":\"m\",\"extra\":null}", "/extra is not a member of this request"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                assert_refused(cases[i].json, cases[i].complaints);
}

static void all_bad_fields_are_listed_at_once(void **state)
{
        (void)state;
        assert_refused("{\"channel\":\"fax\",\"message\":\"\",\"metadata\":{\"a\":[],\"locale\":\"?\"},\"x\":1}",
                       "/channel must be one of chat, voice, mail, api; /message must not be empty; "
                       "/metadata/a must be a string, a number or a boolean; "
                       "/metadata/locale must be a BCP 47 language tag; /x is not a member of this request");
}

static void a_missing_message_is_listed_beside_other_fields(void **state)
{
        (void)state;
        assert_refused("{\"channel\":\"fax\"}",
                       "/channel must be one of chat, voice, mail, api; /message is required");
        assert_refused("{\"message\":null,\"x\":1}", "/x is not a member of this request; /message is required");
}

static void the_list_of_bad_fields_has_an_end(void **state)
{
        (void)state;
        size_t used = (size_t)snprintf(text, sizeof text, "{\"message\":\"m\"");
        for (int i = 0; i < 100; i++)
                used += (size_t)snprintf(text + used, sizeof text - used, ",\"x%d\":1", i);
        snprintf(text + used, sizeof text - used, "}");
        assert_int_equal(read_json(text), ERR_INVALID);
        assert_int_equal(body.faults.count, PROBLEM_MAX_FIELDS);
}

static void what_is_not_json_is_told_as_that(void **state)
{
        (void)state;
        static const char *const cases[] = {
                "", "{", "{\"message\":\"m\"", "{\"message\":\"m\",}", "{'message':'m'}", "{\"message\":\"m\"} x",
                "{\"message\":\"m\",\"message\":\"n\"}", "{\"message\":\"\xff\"}", "{\"message\":\"\\ud800\"}",
                "{\"message\":\"m\",\"metadata\":{\"a\":1,\"a\":2}}", "{\"message\":\"a\nb\"}",
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                if (read_json(cases[i]) != ERR_SYNTAX)
                        fail_msg("%s", cases[i]);
                assert_true(note.text[0]);
        }
}

static void names_that_may_be_personal_data_are_not_repeated(void **state)
{
        (void)state;
        static const char *const names[] = {"ann@example.com", "4111111111111111", "DE89370400440532013000",
                                            "a/b", "a~b", "a b", "\xe2\x82\xac", "",
                                            "a23456789.123456789.123456789.123456789.123456789.123456789.12345"};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
                snprintf(text, sizeof text, "{\"message\":\"m\",\"%s\":1}", names[i]);
                assert_refused(text, "/(name withheld) is not a member of this request");
                snprintf(text, sizeof text, "{\"message\":\"m\",\"metadata\":{\"%s\":[]}}", names[i]);
                assert_refused(text, "/metadata/(name withheld) must be a string, a number or a boolean");
        }
}

/* {"message": `count` times `point`}. */
static enum err read_long(const char *point, size_t count)
{
        char *end = stpcpy(text, "{\"message\":\"");
        for (size_t i = 0; i < count; i++)
                end = stpcpy(end, point);
        stpcpy(end, "\"}");
        return read_json(text);
}

static void a_text_of_5000_points_is_whole_and_one_of_5001_is_cut(void **state)
{
        (void)state;
        static const char *const points[] = {"a", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\\u20ac"};
        static const size_t bytes[] = {1, 2, 3, 4, 3};
        for (size_t i = 0; i < sizeof points / sizeof *points; i++)
                for (size_t count = 4999; count <= 5002; count++) {
                        assert_ok(read_long(points[i], count));
                        assert_int_equal(body.is_too_long, count > 5000);
                        assert_int_equal(body.message.points, count);
                        assert_int_equal(body.message.text.raw.len, (count > 5000 ? 5000 : count) * bytes[i]);
                }
}

static void white_space_around_a_text_does_not_count(void **state)
{
        (void)state;
        char *end = stpcpy(text, "{\"message\":\"");
        memset(end, ' ', 9000);
        stpcpy(end + 9000, "x\\n\"}");
        assert_ok(read_json(text));
        assert_false(body.is_too_long);
        assert_str_equal(body.message.text.raw, "x");
}

static char *add_entry(char *end, size_t number)
{
        return end + snprintf(end, 16, ",\"n%zu\":%zu", number, number);
}

/* A metadata object of `count` entries, the first with a key of `key_bytes` and a value of `value_bytes`. */
static enum err read_metadata(size_t count, size_t key_bytes, size_t value_bytes)
{
        char *end = stpcpy(text, "{\"message\":\"m\",\"metadata\":{\"");
        memset(end, 'k', key_bytes);
        end = stpcpy(end + key_bytes, "\":\"");
        memset(end, 'v', value_bytes);
        end = stpcpy(end + value_bytes, "\"");
        for (size_t i = 1; i < count; i++)
                end = add_entry(end, i);
        stpcpy(end, "}}");
        return read_json(text);
}

static void metadata_has_limits_that_may_be_reached(void **state)
{
        (void)state;
        static const struct {
                size_t count, key_bytes, value_bytes;
                const char *complaints; /* NULL: none */
        } cases[] = {
                {1, 1, 0, NULL},
                {32, 64, 512, NULL},
                {33, 64, 512, "/metadata must have at most 32 keys"},
                {1, 65, 1, "/metadata keys have 1 to 64 bytes and no U+0000"},
                {1, 3, 513, "/metadata/kkk must have at most 512 bytes and no U+0000"},
                {32, 65, 1, "/metadata keys have 1 to 64 bytes and no U+0000"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                enum err err = read_metadata(cases[i].count, cases[i].key_bytes, cases[i].value_bytes);
                assert_int_equal(err, cases[i].complaints ? ERR_INVALID : ERR_OK);
                assert_string_equal(complaints(), cases[i].complaints ? cases[i].complaints : "");
                if (!err)
                        assert_int_equal(body.message.metadata_count, cases[i].count);
        }
}

static void a_null_takes_no_place_in_the_metadata(void **state)
{
        (void)state;
        char *end = stpcpy(text, "{\"message\":\"m\",\"metadata\":{\"a\":1");
        for (size_t i = 1; i < 32; i++)
                end = add_entry(end, i);
        stpcpy(end, ",\"b\":null,\"c\":null}}");
        assert_ok(read_json(text));
        assert_int_equal(body.message.metadata_count, 32);
}

static void numbers_and_booleans_become_their_text(void **state)
{
        (void)state;
        static const struct {
                const char *json, *value;
        } cases[] = {
                {"1", "1"},
                {"0", "0"},
                {"-7", "-7"},
                {"9223372036854775807", "9223372036854775807"},
                {"-9223372036854775808", "-9223372036854775808"},
                {"1.5", "1.5"},
                {"19.9", "19.9"},
                {"0.1", "0.1"},
                {"-0.25", "-0.25"},
                {"1e300", "1e+300"},
                {"true", "true"},
                {"false", "false"},
                {"\" kept \"", " kept "},
                {"\"\"", ""},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                snprintf(text, sizeof text, "{\"message\":\"m\",\"metadata\":{\"order_id\":%s}}", cases[i].json);
                assert_ok(read_json(text));
                assert_str_equal(message_metadata(&body.message, STR("order_id")).raw, cases[i].value);
        }
}

static void language_tags_are_taken(void **state)
{
        (void)state;
        static const char *const cases[] = {"en", "de-AT", "zh-Hant-TW", "es-419", "sl-rozaj-biske-1994"};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                snprintf(text, sizeof text, "{\"message\":\"m\",\"metadata\":{\"locale\":\"%s\"}}", cases[i]);
                assert_ok(read_json(text));
                assert_str_equal(message_metadata(&body.message, STR("locale")).raw, cases[i]);
        }
}

static void what_was_read_outlives_the_parser(void **state)
{
        (void)state;
        struct json root;
        assert_ok(read_json("{\"message\":\"first\",\"metadata\":{\"a\":\"b\"}}"));
        assert_ok(json_parse(parser, STR("{\"message\":\"other\",\"metadata\":{\"x\":\"y\"}}"), &root, NULL));
        assert_str_equal(body.message.text.raw, "first");
        assert_str_equal(message_metadata(&body.message, STR("a")).raw, "b");
}

static void a_full_arena_refuses_the_request(void **state)
{
        (void)state;
        struct arena small;
        arena_init(&small, 1024);
        assert_ok(read_long("a", 3000));
        assert_int_equal(classify_body_read(parser, str_from(text), &small, &body, &note), ERR_TOO_LARGE);
        arena_deinit(&small);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up_arena, tear_down_arena)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_message_alone_is_enough),
                TEST(each_channel_is_read),
                TEST(null_counts_as_absent),
                TEST(a_text_is_trimmed_and_nothing_else),
                TEST(a_bad_field_is_named_with_its_reason),
                TEST(all_bad_fields_are_listed_at_once),
                TEST(a_missing_message_is_listed_beside_other_fields),
                TEST(the_list_of_bad_fields_has_an_end),
                TEST(what_is_not_json_is_told_as_that),
                TEST(names_that_may_be_personal_data_are_not_repeated),
                TEST(a_text_of_5000_points_is_whole_and_one_of_5001_is_cut),
                TEST(white_space_around_a_text_does_not_count),
                TEST(metadata_has_limits_that_may_be_reached),
                TEST(a_null_takes_no_place_in_the_metadata),
                TEST(numbers_and_booleans_become_their_text),
                TEST(language_tags_are_taken),
                TEST(what_was_read_outlives_the_parser),
                TEST(a_full_arena_refuses_the_request),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
