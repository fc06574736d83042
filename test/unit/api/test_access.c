/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "api/access.h"
#include "net/connection.h"

enum { MAX_HEADERS = 4 };

static struct settings settings;
static struct keyring_holder *keyrings;

static const char key_text[] = "tk_of_the_shop";

static void use_keys(unsigned scopes)
{
        struct api_key key = {.id = 9, .hash = digest_sha256(str_from(key_text)), .scopes = scopes};
        assert_true(ident_from(STR("shop"), &key.name));
        keyring_replace(keyrings, keyring_new(&key, scopes ? 1 : 0));
}

static int set_up(void **state)
{
        (void)state;
        keyrings = keyring_holder_new(keyring_new(NULL, 0));
        settings = (struct settings){.rate_limit_per_minute = 60, .rate_limit_burst = 30};
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        keyring_holder_free(keyrings);
        return 0;
}

static void the_client_is_what_the_outermost_trusted_proxy_saw(void **state)
{
        (void)state;
        static const struct {
                unsigned proxies;
                const char *forwarded_for;
                const char *client; /* NULL: nobody told */
        } cases[] = {
                {0, NULL, NULL},
                {0, "1.1.1.1", NULL}, /* anybody can write that */
                {0, "1.1.1.1, 2.2.2.2", NULL},
                {1, NULL, NULL},
                {1, "", NULL},
                {1, "1.1.1.1", "1.1.1.1"},
                {1, "6.6.6.6, 1.1.1.1", "1.1.1.1"}, /* the first is the client's own invention */
                {1, "6.6.6.6,1.1.1.1", "1.1.1.1"},
                {1, " \t1.1.1.1 ", "1.1.1.1"},
                {1, "garbage; drop table, 1.1.1.1", "1.1.1.1"},
                {1, ",,,, ,1.1.1.1", "1.1.1.1"},
                {1, "1.1.1.1,", NULL},
                {1, "1.1.1.1, unknown", NULL},
                {1, "1.1.1.1, _hidden", NULL},
                {1, "1.1.1.1:8080", "1.1.1.1"},
                {1, "1.1.1.256", NULL},
                {1, "1.1.1", NULL},
                {1, "127.1", NULL},
                {1, "0x7f.0.0.1", NULL},
                {1, "2001:db8::1", "2001:db8::1"},
                {1, "[2001:db8::1]", "2001:db8::1"},
                {1, "[2001:db8::1]:8080", "2001:db8::1"},
                {1, "1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111", NULL}, /* longer than any address */
                {2, "1.1.1.1", NULL}, /* too short: one proxy was gone round */
                {2, "1.1.1.1, 2.2.2.2", "1.1.1.1"},
                {2, "6.6.6.6, 1.1.1.1, 2.2.2.2", "1.1.1.1"},
                {2, "6.6.6.6, , 2.2.2.2", NULL},
                {2, ", 2.2.2.2", NULL},
                {3, "1.1.1.1, 2.2.2.2", NULL},
                {3, "1.1.1.1, 2.2.2.2, 3.3.3.3", "1.1.1.1"},
                {3, "6.6.6.6, 6.6.6.6, 1.1.1.1, 2.2.2.2, 3.3.3.3", "1.1.1.1"},
                {3, ",,", NULL},
                {3, ",,,", NULL},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct str client;
                bool is_told = access_client_address(str_from(cases[i].forwarded_for), cases[i].proxies, &client);
                assert_int_equal(is_told, cases[i].client != NULL);
                if (is_told)
                        assert_str_equal(client, cases[i].client);
        }
}

/* Who asks for what. */
struct asked {
        enum access access;
        const char *peer; /* NULL: from elsewhere */
        struct http_header headers[MAX_HEADERS];
        bool is_public; /* the listener */
};

#define BEARER(text) {STR_INIT("Authorization"), STR_INIT(text)}
#define FORWARDED(text) {STR_INIT("x-forwarded-for"), STR_INIT(text)}

static enum err check(const struct asked *asked, struct call *ret_call)
{
        static struct api api;
        static struct exchange exchange;
        static struct route route;
        size_t count = 0;
        while (count < MAX_HEADERS && asked->headers[count].name.ptr)
                count++;
        api = (struct api){.config = {.settings = &settings, .keyrings = keyrings, .needs_key = asked->is_public}};
        route = (struct route){.access = asked->access, .scopes = SCOPE_CLASSIFY};
        exchange = (struct exchange){.request = {.headers = asked->headers,
                                                 .header_count = count,
                                                 .peer = str_from(asked->peer ? asked->peer : "9.9.9.9")}};
        exchange.request.is_loopback = str_starts_with(exchange.request.peer, STR("127."));
        arena_init(&exchange.arena, 1 << 16);
        *ret_call = (struct call){
                .api = &api,
                .exchange = &exchange,
                .request = &exchange.request,
                .arena = &exchange.arena,
                .route = &route,
        };
        enum err err = access_check(ret_call);
        /* The address may stand in the arena. */
        static char address[64];
        snprintf(address, sizeof address, "%.*s", STR_ARGS(ret_call->client_address));
        ret_call->client_address = str_from(address);
        arena_deinit(&exchange.arena);
        return err;
}

static void without_a_key_the_route_and_the_place_decide(void **state)
{
        (void)state;
        static const struct {
                enum access access;
                bool has_keys, is_local;
                enum err expected;
        } cases[] = {
                {ACCESS_OPEN, false, false, ERR_OK},
                {ACCESS_OPEN, true, false, ERR_OK},
                {ACCESS_LOCAL, false, true, ERR_OK},
                {ACCESS_LOCAL, true, true, ERR_OK},
                {ACCESS_LOCAL, false, false, ERR_UNAUTHORIZED},
                {ACCESS_LOCAL, true, false, ERR_UNAUTHORIZED},
                {ACCESS_PRIVATE, false, true, ERR_OK},
                {ACCESS_PRIVATE, true, true, ERR_UNAUTHORIZED},
                {ACCESS_PRIVATE, false, false, ERR_UNAUTHORIZED},
                {ACCESS_PRIVATE, true, false, ERR_UNAUTHORIZED},
                {ACCESS_SUBMIT, false, false, ERR_OK},
                {ACCESS_SUBMIT, true, true, ERR_UNAUTHORIZED},
                {ACCESS_SUBMIT, true, false, ERR_UNAUTHORIZED},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct call call;
                use_keys(cases[i].has_keys ? SCOPE_CLASSIFY : 0);
                struct asked asked = {cases[i].access, cases[i].is_local ? "127.0.0.1" : NULL, {{{0}}}};
                if (check(&asked, &call) != cases[i].expected)
                        fail_msg("case %zu", i);
        }
}

static void a_public_listener_without_any_key_in_force_lets_nobody_in(void **state)
{
        (void)state;
        static const struct {
                enum access access;
                enum err expected;
        } cases[] = {
                {ACCESS_OPEN, ERR_OK},
                {ACCESS_SUBMIT, ERR_UNAUTHORIZED},
                {ACCESS_PRIVATE, ERR_UNAUTHORIZED},
                {ACCESS_LOCAL, ERR_UNAUTHORIZED},
        };
        use_keys(0);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct call call;
                struct asked asked = {.access = cases[i].access, .is_public = true};
                assert_int_equal(check(&asked, &call), cases[i].expected);
        }
}

static void a_key_opens_what_its_scopes_name(void **state)
{
        (void)state;
        static const struct {
                enum access access;
                unsigned scopes;
                enum err expected;
        } cases[] = {
                {ACCESS_SUBMIT, SCOPE_CLASSIFY, ERR_OK},
                {ACCESS_SUBMIT, SCOPE_CLASSIFY | SCOPE_REVIEW, ERR_OK},
                {ACCESS_SUBMIT, SCOPE_REVIEW, ERR_FORBIDDEN},
                {ACCESS_PRIVATE, SCOPE_ADMIN, ERR_FORBIDDEN},
                {ACCESS_LOCAL, SCOPE_CLASSIFY, ERR_OK},
                {ACCESS_OPEN, SCOPE_REVIEW, ERR_OK},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct call call;
                use_keys(cases[i].scopes);
                struct asked asked = {cases[i].access, NULL, {BEARER("Bearer tk_of_the_shop")}};
                if (check(&asked, &call) != cases[i].expected)
                        fail_msg("case %zu", i);
                assert_int_equal(call.key_id, 9);
                assert_string_equal(call.key_name.text, "shop");
        }
}

static void a_key_is_sent_in_one_of_two_headers(void **state)
{
        (void)state;
        static const struct {
                struct http_header header;
                enum err expected;
        } cases[] = {
                {BEARER("Bearer tk_of_the_shop"), ERR_OK},
                {BEARER("bearer tk_of_the_shop"), ERR_OK},
                {BEARER("BEARER   tk_of_the_shop "), ERR_OK},
                {{STR_INIT("X-API-Key"), STR_INIT("tk_of_the_shop")}, ERR_OK},
                {BEARER("tk_of_the_shop"), ERR_UNAUTHORIZED},
                {BEARER("Basic tk_of_the_shop"), ERR_UNAUTHORIZED},
                {BEARER("Bearer "), ERR_UNAUTHORIZED},
                {BEARER("Bearer"), ERR_UNAUTHORIZED},
                {BEARER(""), ERR_UNAUTHORIZED},
                {BEARER("Bearer tk_of_the_sho"), ERR_UNAUTHORIZED},
                {BEARER("Bearer tk_of_the_shop2"), ERR_UNAUTHORIZED},
                {{STR_INIT("X-API-Key"), STR_INIT("TK_OF_THE_SHOP")}, ERR_UNAUTHORIZED},
                {{STR_INIT("X-API-Key"), STR_INIT("")}, ERR_UNAUTHORIZED},
        };
        use_keys(SCOPE_CLASSIFY);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct call call;
                struct asked asked = {ACCESS_SUBMIT, NULL, {cases[i].header}};
                if (check(&asked, &call) != cases[i].expected)
                        fail_msg("case %zu", i);
        }
}

static void a_proxy_on_this_machine_does_not_make_its_clients_local(void **state)
{
        (void)state;
        static const struct {
                unsigned proxies;
                const char *peer;
                const char *forwarded_for;
                enum err expected;
        } cases[] = {
                {1, "127.0.0.1", "1.1.1.1", ERR_UNAUTHORIZED},
                {1, "127.0.0.1", "127.0.0.1, 1.1.1.1", ERR_UNAUTHORIZED},
                {1, "127.0.0.1", "127.0.0.1", ERR_OK},
                {1, "127.0.0.1", "::1", ERR_OK},
                {1, "9.9.9.9", "127.0.0.1", ERR_UNAUTHORIZED}, /* the peer is not here, whatever it says */
                {0, "9.9.9.9", "127.0.0.1", ERR_UNAUTHORIZED},
                {0, "127.0.0.1", "1.1.1.1", ERR_UNAUTHORIZED}, /* a proxy that nobody told us of */
                {2, "127.0.0.1", "1.1.1.1", ERR_UNAUTHORIZED}, /* one proxy was gone round */
                {1, "127.0.0.1", "garbage", ERR_UNAUTHORIZED},
        };
        use_keys(0);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct call call;
                struct http_header forwarded = {STR("x-forwarded-for"), str_from(cases[i].forwarded_for)};
                struct asked asked = {ACCESS_LOCAL, cases[i].peer, {forwarded}};
                settings.trusted_proxies = cases[i].proxies;
                if (check(&asked, &call) != cases[i].expected)
                        fail_msg("case %zu", i);
        }
        settings.trusted_proxies = 0;
}

/* A proxy may append a header line of its own instead of lengthening the one that it got. */
static void lines_of_the_same_header_are_one_list(void **state)
{
        (void)state;
        struct call call;
        struct asked asked = {ACCESS_OPEN, NULL, {FORWARDED("6.6.6.6"), FORWARDED("1.1.1.1")}};
        settings.trusted_proxies = 1;
        assert_ok(check(&asked, &call));
        assert_str_equal(call.client_address, "1.1.1.1");
        settings.trusted_proxies = 2;
        assert_ok(check(&asked, &call));
        assert_str_equal(call.client_address, "6.6.6.6");
        settings.trusted_proxies = 3;
        assert_ok(check(&asked, &call));
        assert_str_equal(call.client_address, "9.9.9.9");
        settings.trusted_proxies = 0;
}

static uint64_t client_from(const char *peer)
{
        struct call call;
        struct asked asked = {ACCESS_OPEN, peer, {{{0}}}};
        assert_ok(check(&asked, &call));
        return call.client;
}

static void who_is_limited_is_an_address_or_a_network_of_ipv6(void **state)
{
        (void)state;
        static const struct {
                const char *a, *b;
                bool is_same;
        } cases[] = {
                {"1.1.1.1", "1.1.1.1", true},
                {"1.1.1.1", "1.1.1.2", false},
                {"2001:db8::1", "2001:db8::2", true},
                {"2001:db8::1", "2001:db8:0:0:ffff::1", true},
                {"2001:db8::1", "2001:db8:0:1::1", false},
                {"::ffff:1.1.1.1", "::ffff:1.1.1.2", false}, /* IPv4 as a proxy on an IPv6 socket writes it */
                {"::ffff:1.1.1.1", "1.1.1.1", true},
                {"::ffff:1.1.1.1", "::ffff:101:101", true},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                if ((client_from(cases[i].a) == client_from(cases[i].b)) != cases[i].is_same)
                        fail_msg("%s and %s", cases[i].a, cases[i].b);
}

static void a_key_is_limited_as_one_client_wherever_it_is_used(void **state)
{
        (void)state;
        struct call here, there;
        struct asked asked = {ACCESS_SUBMIT, "1.1.1.1", {BEARER("Bearer tk_of_the_shop")}};
        use_keys(SCOPE_CLASSIFY);
        assert_ok(check(&asked, &here));
        asked.peer = "2.2.2.2";
        assert_ok(check(&asked, &there));
        assert_true(here.client == there.client);
        assert_true(here.client != client_from("1.1.1.1"));
        assert_int_equal(here.rate.per_minute, 60);
        assert_int_equal(here.rate.burst, 30);
}

static void a_key_may_have_a_rate_of_its_own(void **state)
{
        (void)state;
        struct call call;
        struct api_key key = {.id = 1, .hash = digest_sha256(str_from(key_text)), .scopes = SCOPE_CLASSIFY,
                              .has_rate = true, .rate = {600, 50}};
        keyring_replace(keyrings, keyring_new(&key, 1));
        struct asked asked = {ACCESS_SUBMIT, NULL, {BEARER("Bearer tk_of_the_shop")}};
        assert_ok(check(&asked, &call));
        assert_int_equal(call.rate.per_minute, 600);
        assert_int_equal(call.rate.burst, 50);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_client_is_what_the_outermost_trusted_proxy_saw),
                cmocka_unit_test(without_a_key_the_route_and_the_place_decide),
                cmocka_unit_test(a_public_listener_without_any_key_in_force_lets_nobody_in),
                cmocka_unit_test(a_key_opens_what_its_scopes_name),
                cmocka_unit_test(a_key_is_sent_in_one_of_two_headers),
                cmocka_unit_test(a_proxy_on_this_machine_does_not_make_its_clients_local),
                cmocka_unit_test(lines_of_the_same_header_are_one_list),
                cmocka_unit_test(who_is_limited_is_an_address_or_a_network_of_ipv6),
                cmocka_unit_test(a_key_is_limited_as_one_client_wherever_it_is_used),
                cmocka_unit_test(a_key_may_have_a_rate_of_its_own),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
