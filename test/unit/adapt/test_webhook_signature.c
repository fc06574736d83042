/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "adapt/webhook_signature.h"

/* 32 bytes 0, 1, 2 …, and 32 times 0xff; the signature was made with Python's hmac. */
#define OURS "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define OTHER "whsec_//////////////////////////////////////////8="
#define SIGNATURE "v1,AMaOha7DUT/0J0JMycRuYOBSvbx3WtwLd2khXXbaVj4="

static const struct webhook webhook = {STR_INIT("msg_1"), STR_INIT("1700000000"), STR_INIT("{\"a\":1}")};

static void what_is_signed_is_what_others_sign(void **state)
{
        (void)state;
        struct buf to;
        buf_init(&to, 1000);
        assert_ok(webhook_sign(&webhook, STR(OURS), &to, NULL));
        assert_str_equal(buf_str(&to), SIGNATURE);
        buf_reset(&to);
        assert_ok(webhook_sign(&webhook, STR(OTHER "," OURS), &to, NULL));
        assert_int_equal(to.len, 2 * (sizeof SIGNATURE - 1) + 1);
        assert_ok(webhook_verify(&webhook, buf_str(&to), STR(OURS), 1700000000, NULL));
        assert_ok(webhook_verify(&webhook, buf_str(&to), STR(OTHER), 1700000000, NULL));
        buf_deinit(&to);
}

static void what_is_not_ours_or_too_old_is_refused(void **state)
{
        (void)state;
        const struct webhook changed = {webhook.id, webhook.timestamp, STR("{\"a\":2}")};
        const struct webhook other_id = {STR("msg_2"), webhook.timestamp, webhook.body};
        const struct webhook no_time = {webhook.id, STR("1700000000x"), webhook.body};
        const struct {
                const struct webhook *webhook;
                struct str signatures, secrets;
                int64_t now_s;
                enum err err;
        } rows[] = {
                {&webhook, STR(SIGNATURE), STR(OURS), 1700000300, ERR_OK},
                {&webhook, STR("v1a,abc " SIGNATURE), STR(OTHER "," OURS), 1699999700, ERR_OK},
                {&webhook, STR(SIGNATURE), STR(OURS), 1700000301, ERR_UNAUTHORIZED},
                {&webhook, STR(SIGNATURE), STR(OURS), 1699999699, ERR_UNAUTHORIZED},
                {&webhook, STR(SIGNATURE), STR(OTHER), 1700000000, ERR_UNAUTHORIZED},
                {&webhook, STR(""), STR(OURS), 1700000000, ERR_UNAUTHORIZED},
                {&webhook, STR(SIGNATURE "x"), STR(OURS), 1700000000, ERR_UNAUTHORIZED},
                {&changed, STR(SIGNATURE), STR(OURS), 1700000000, ERR_UNAUTHORIZED},
                {&other_id, STR(SIGNATURE), STR(OURS), 1700000000, ERR_UNAUTHORIZED},
                {&no_time, STR(SIGNATURE), STR(OURS), 1700000000, ERR_UNAUTHORIZED},
        };
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
                if (webhook_verify(rows[i].webhook, rows[i].signatures, rows[i].secrets, rows[i].now_s, NULL) != rows[i].err)
                        fail_msg("row %zu", i);
}

static void a_secret_that_is_none_is_said_without_showing_it(void **state)
{
        (void)state;
        static const char *const bad[] = {"", "abc", "whsec_", "whsec_AAEC", "whsec_!!!!", OURS ",", OURS ",whsec_x",
                                          OURS "," OURS "," OURS "," OURS "," OURS};
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
                struct err_note note = {.text = ""};
                struct buf to;
                buf_init(&to, 1000);
                assert_int_equal(webhook_sign(&webhook, str_from(bad[i]), &to, &note), ERR_INVALID);
                assert_null(strstr(note.text, "AAEC"));
                assert_int_equal(to.len, 0);
                buf_deinit(&to);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_signed_is_what_others_sign),
                cmocka_unit_test(what_is_not_ours_or_too_old_is_refused),
                cmocka_unit_test(a_secret_that_is_none_is_said_without_showing_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
