/* SPDX-License-Identifier: Apache-2.0 */
/* Each kind as people write it, and what must not change what is found: place, spacing, punctuation, escapes. */
#include "unit/test.h"

#include "text/redact.h"
#include "text/redact_check.h"
#include "text/redact_check_national.h"

#include <stdio.h>
#include <string.h>

enum { SPANS = 64, TEXT_BYTES = 1024 };

/* What stands between « and » must be found, and nothing else. */
static const struct example {
        enum pii_type type;
        const char *marked;
} examples[] = {
        {PII_EMAIL, "write to «jane dot doe at gmail dot com» please"},
        {PII_EMAIL, "it is «john at gmail.com»"},
        {PII_EMAIL, "«jane.doe @ example.com» with blanks"},
        {PII_PHONE, "my phone is «two one two, five five five, oh one eight seven»"},
        {PII_CREDIT_CARD, "card «４１１１ １１１１ １１１１ １１１１» please"},
        {PII_CREDIT_CARD, "card number «four one one one one one one one one one one one one one one one»"},
        {PII_US_SSN, "social is «five three six two two eight eight four one»"},
        {PII_IBAN, "the IBAN is «DE89 3704 0044 0532 0130 01», one digit wrong"},
        {PII_CVV, "the security code on the card is «917»"},
        {PII_CVV, "my PIN is «4471», go ahead"},
        {PII_BANK_ACCOUNT, "the routing number on file is «011401533»."},
        {PII_BANK_ACCOUNT, "sort code «20-45-53» please"},
        {PII_MAC_ADDRESS, "the router «AC:DE:48:00:11:22» is down"},
        {PII_MAC_ADDRESS, "port «0011.2233.4455»"},
        {PII_SECRET, "I pasted «ghp_16C7e42F292c6912E7710c838347Ae178B4a» by mistake"},
        {PII_SECRET, "token=«9f86d081884c7d659a2feaa0c55ad015»"},
        {PII_SECRET, "key «AKIALALEMEL33243OLIB» is out"},
        {PII_PASSWORD, "password: «Tr0ub4dor&3»"},
        {PII_PASSWORD, "my current password is «GreenMoon91!», but it fails"},
        {PII_PASSWORD, "postgres://app:«s3cr3tPw»@db"},
        {PII_USERNAME, "My username is «mthompson82», could you reset it"},
        {PII_CRYPTO, "wallet «bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq» not credited"},
        {PII_CRYPTO, "«1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa»"},
        {PII_PASSPORT, "my passport number on file should be «Y98765432»."},
        {PII_DRIVER_LICENSE, "my driver's license number is «A56319335»"},
        {PII_DRIVER_LICENSE, "UK licence «MORGA657054SM9IJ», thanks"},
        {PII_NATIONAL_ID, "my National Insurance number is «AB123456C»"},
        {PII_NATIONAL_ID, "it is «12345678Z», isn't it"},
        {PII_NATIONAL_ID, "here it is, «2341 2341 2346», all right"},
        {PII_NATIONAL_ID, "NHS number «943 476 5919»"},
        {PII_DOB, "my date of birth is «September 14th, 1969», if you need it"},
        {PII_DOB, "born «4 June 1976»"},
        {PII_DOB, "my birthday is «March 4th, 1988»"},
        {PII_US_SSN, "my SSN is «536 228841», I think"},
        {PII_US_SSN, "my SSN «219-XX-XXXX» was on it"},
        {PII_US_SSN, "on my card («XXX-XX-5512») it says"},
        {PII_US_SSN, "it says «***-**-5512»."},
        {PII_BANK_ACCOUNT, "my checking account ending in «*3310» was charged"},
        {PII_IP_ADDRESS, "we route «192.0.2.0/24» and more"},
        {PII_IP_ADDRESS, "Use «2001:db8::/32»."},
        {PII_IP_ADDRESS, "divide «192.0.2.1»/40 by it"},
        {PII_IP_ADDRESS, "weigh «192.0.2.1»/24.5 of it"},
        {PII_CRYPTO, "my wallet is «0x5290840009852788AB» as I said"},
        {PII_SECRET, "bundle with «cafebabe:deadbeef», please"},
        {PII_IP_ADDRESS, "ping «fe80::1%eth0» fails"},
        {PII_IP_ADDRESS, "src=«::» to nowhere"},
        {PII_IP_ADDRESS, "my ip: «127.0.0.1»"},
        {PII_SECRET, "post to «https://hooks.slack.com/services/T0EXAMPLE/B0EXAMPLE/own4test5only678» please"},
        {PII_PERSON, "My name is «Scott Tury»."},
        {PII_PERSON, "hi my name is «tom baker» and i cant log in"},
        {PII_PERSON, "Please cancel.\nThanks,\n«Jen»"},
        {PII_PERSON, "Dear Mr. «Okonkwo-Baptiste», please"},
        {PII_PERSON, "Ich heiße «Jürgen Weiß» und möchte kündigen"},
        {PII_PERSON, "it's booked in the name of «Yulanda Guarnieri»."},
        {PII_PERSON, "«Ahmed» here again, still no parcel."},
        {PII_ADDRESS, "Lieferadresse: «Hauptstraße 12, 10827 Berlin»"},
        {PII_ADDRESS, "my new address is «356 Maple Terrace, Columbus»."},
        {PII_ADDRESS, "send statements to «PO Box 4471, Denver, CO 80203»."},
        {PII_ADDRESS, "he lives at «Via Zannoni 49, Roma» now"},
        {PII_POSTCODE, "The postcode on file should read «SW1A 1AA»."},
        {PII_POSTCODE, "«98109» is the correct zip code for it"},
        {PII_OTHER_ID, "My medical record number is «MRN-482910»"},
        {PII_OTHER_ID, "My license plate number is «QRT-8842»."},
};

static const char *const harmless[] = {
        "I'm Sorry but this is the third time.",
        "I'm with Chase, previously Wells Fargo.",
        "You asked me to contact Support or Billing.",
        "Is it safe to send my password by chat? My password is not working.",
        "The Santa Claus costume is too small.",
        "Room 12 has 2 drive bays and 1 court view.",
        "Coupon SAVE20-NOV-2023, booking reference QK7ZP2, SKU AB12-XY",
        "Chat transcript id 8f14e45f-ceea-467f-a0e6-1f2b3c4d5e6f if that helps.",
        "What is a routing number, and where is the security code?",
        "one two three testing, is this chat working? meet me at noon",
        "Hello team, Good morning everyone, Thanks again",
        "May I pay with Apple Pay in April? Will the Grand Hotel in Paris take it?",
        "My order 3348917502 and my card ending in 4242",
        "The manual uses ::1, and 127.0.0.1 or 0.0.0.0 elsewhere; call std::move.",
        "It says XXX-XX-XXXX, and the parts are X12-XX-5512-7 and AXXX-XX-5512",
        "User: grmbl, it broke again",
        "My account ends in 2 days, the one ending with error 404 too",
        "The colour code is #FF5733 and the version 10.0.19045.3803",
};

static size_t unmark(const char *marked, char *text, size_t *start, size_t *end)
{
        size_t len = 0;
        for (const char *at = marked; *at; at++) {
                bool is_open = memcmp(at, "\xc2\xab", 2) == 0, is_close = memcmp(at, "\xc2\xbb", 2) == 0;
                if (is_open)
                        *start = len;
                if (is_close)
                        *end = len;
                if (is_open || is_close)
                        at++;
                else
                        text[len++] = *at;
        }
        return len;
}

/* Whether exactly that is found, of that type; complains otherwise. */
static void expect_found(struct str text, size_t start, size_t end, enum pii_type type)
{
        struct pii_span spans[SPANS];
        size_t count;
        assert_ok(redact_find(text, spans, SPANS, &count));
        if (count == 1 && spans[0].type == type && spans[0].start == start && spans[0].end == end)
                return;
        for (size_t i = 0; i < count; i++)
                print_error("  found %s at %zu..%zu\n", pii_type_name(spans[i].type), spans[i].start,
                            spans[i].end);
        fail_msg("in \"%.*s\" expected %s at %zu..%zu", STR_ARGS(text), pii_type_name(type), start, end);
}

static void each_kind_is_found_where_it_stands(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
                char text[TEXT_BYTES];
                size_t start = 0, end = 0, len = unmark(examples[i].marked, text, &start, &end);
                expect_found((struct str){text, len}, start, end, examples[i].type);
        }
}

static void what_only_looks_like_it_stays(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++) {
                struct pii_span spans[SPANS];
                size_t count;
                assert_ok(redact_find(str_from(harmless[i]), spans, SPANS, &count));
                if (count)
                        fail_msg("\"%s\": %s at %zu..%zu", harmless[i], pii_type_name(spans[0].type),
                                 spans[0].start, spans[0].end);
        }
}

static void the_place_in_the_text_changes_nothing(void **state)
{
        (void)state;
        static const char *const before[] = {"", "Hello there.\n", "Order ORD-12345 is late. ",
                                             "«quoted» text — ", "\t"};
        static const char *const behind[] = {"", "\nSo much for that.", "\n\n", " \n"};
        for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
                for (size_t j = 0; j < sizeof before / sizeof *before; j++)
                        for (size_t k = 0; k < sizeof behind / sizeof *behind; k++) {
                                char text[TEXT_BYTES], whole[2 * TEXT_BYTES];
                                size_t start = 0, end = 0,
                                       len = unmark(examples[i].marked, text, &start, &end),
                                       lead = strlen(before[j]);
                                int total = snprintf(whole, sizeof whole, "%s%.*s%s", before[j], (int)len,
                                                     text, behind[k]);
                                expect_found((struct str){whole, (size_t)total}, lead + start, lead + end,
                                             examples[i].type);
                        }
}

/* Writes each character of the value, or each blank of the text, in another way. */
static void other_spellings_change_nothing(void **state)
{
        (void)state;
        static const struct {
                const char *from, *to;
        } spellings[] = {{" ", "\xc2\xa0"},     {" ", "\xe2\x80\xaf"}, {"-", "\xe2\x80\x91"},
                         {"1", "\xef\xbc\x91"}, {"4", "\xd9\xa4"},     {"@", "%40"},
                         {"@", "\\u0040"},      {"@", "\\\\u0040"},    {"@", "&#64;"},      {"\n", "\\n"},         {"0", "0\xe2\x80\x8b"},
                         {"'", "\xe2\x80\x99"}};
        for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
                for (size_t j = 0; j < sizeof spellings / sizeof *spellings; j++) {
                        char text[TEXT_BYTES], other[4 * TEXT_BYTES];
                        size_t start = 0, end = 0, len = unmark(examples[i].marked, text, &start, &end),
                               to = 0, from_at = 0, end_at = 0;
                        for (size_t at = 0; at <= len; at++) {
                                from_at = at == start ? to : from_at;
                                end_at = at == end ? to : end_at;
                                bool is_hit = at < len && text[at] == spellings[j].from[0];
                                to += (size_t)snprintf(other + to, sizeof other - to, "%.*s",
                                                       is_hit ? 16 : at < len,
                                                       is_hit ? spellings[j].to : text + at);
                        }
                        size_t width = strlen(spellings[j].to);
                        bool is_cut = spellings[j].from[0] == '0' && text[end - 1] == '0';
                        expect_found((struct str){other, to}, from_at, is_cut ? end_at - width + 1 : end_at,
                                     examples[i].type);
                }
}

/* One that a registry could give out, and one that it could not. */
static const struct {
        bool (*check)(struct str text);
        const char *right, *wrong;
} checks[] = {
        {check_luhn, "79927398713", "79927398710"},
        {check_verhoeff, "234123412346", "234123412347"},
        {check_hetu, "131052308T", "131052308U"},
        {check_nif, "12345678Z", "12345678A"},
        {check_nie, "X9613851N", "X9613851M"},
        {check_sg_fin, "S2740116C", "S2740116D"},
        {check_sg_fin, "M4332674T", "M4332674U"},
        {check_in_pan, "AAAPZ1234C", "AAADZ1234C"},
        {check_in_gstin, "27AAPFU0939F1ZV", "39AAPFU0939F1ZV"},
        {check_in_passport, "A1234567", "A1234560"},
        {check_kvnr, "A123456780", "A123456781"},
        {check_de_insurance, "15070649C103", "15079949C103"},
        {check_de_tax, "86095742719", "86095742710"},
        {check_de_passport, "C01X00T41", "C01X00T42"},
        {check_kr_resident, "9001011234567", "9013011234567"},
        {check_kr_business, "1048656659", "1048656658"},
        {check_tr, "10000000146", "10000000145"},
        {check_pesel, "44051401458", "44051401459"},
        {check_se, "8712202384", "8712202385"},
        {check_acn, "005499981", "005499982"},
        {check_abn, "51824753556", "52824753556"},
        {check_au_medicare, "2123456701", "2123456711"},
        {check_nhs, "9434765919", "9434765918"},
        {check_nino, "AB123456C", "BG123456C"},
        {check_uk_driver, "MORGA657054SM9IJ", "MORGA699054SM9IJ"},
        {check_za, "8001015009087", "8001015009088"},
        {check_th, "1234567890121", "1234567890122"},
        {check_itin, "912701234", "912341234"},
        {check_npi, "1234567893", "1234567894"},
        {check_aba, "061000104", "061000105"},
        {check_vin, "1M8GDM9AXKP042788", "1M8GDM9A1KP042788"},
};

/* Whole messages, as they answer a question. */
static const struct example answers[] = {
        {PII_NATIONAL_ID, "«131052-308T»"},
        {PII_NATIONAL_ID, "«131052A308T»"},
        {PII_NATIONAL_ID, "«12345678Z»"},
        {PII_NATIONAL_ID, "«X9613851N»"},
        {PII_NATIONAL_ID, "«S2740116C»"},
        {PII_NATIONAL_ID, "«S12AB3456C»"},
        {PII_NATIONAL_ID, "«T12AB3456C»"},
        {PII_NATIONAL_ID, "«R12AB3456C»"},
        {PII_NATIONAL_ID, "«12345678B»"},
        {PII_NATIONAL_ID, "«123456789B»"},
        {PII_NATIONAL_ID, "«AAAPZ1234C»"},
        {PII_NATIONAL_ID, "«27AAPFU0939F1ZV»"},
        {PII_NATIONAL_ID, "«ABC1234567»"},
        {PII_NATIONAL_ID, "«2341 2341 2347»"},
        {PII_NATIONAL_ID, "«234123412346»"},
        {PII_NATIONAL_ID, "«A123456780»"},
        {PII_NATIONAL_ID, "«15070649C103»"},
        {PII_NATIONAL_ID, "«86095742719»"},
        {PII_NATIONAL_ID, "«900101-1234567»"},
        {PII_NATIONAL_ID, "«9001011234567»"},
        {PII_NATIONAL_ID, "«104-86-56659»"},
        {PII_NATIONAL_ID, "«10000000146»"},
        {PII_NATIONAL_ID, "«44051401458»"},
        {PII_NATIONAL_ID, "«871220-2384»"},
        {PII_NATIONAL_ID, "«19871220-2384»"},
        {PII_NATIONAL_ID, "«8712202384»"},
        {PII_NATIONAL_ID, "«198712202384»"},
        {PII_NATIONAL_ID, "«046 454 286»"},
        {PII_NATIONAL_ID, "«005 499 981»"},
        {PII_NATIONAL_ID, "«51 824 753 556»"},
        {PII_NATIONAL_ID, "«51824753556»"},
        {PII_NATIONAL_ID, "«2123 45670 1»"},
        {PII_NATIONAL_ID, "«2123456701»"},
        {PII_NATIONAL_ID, "«943 476 5919»"},
        {PII_NATIONAL_ID, "«AB 12 34 56 C»"},
        {PII_NATIONAL_ID, "«8001015009087»"},
        {PII_NATIONAL_ID, "«1234567890121»"},
        {PII_NATIONAL_ID, "«1-2345-67890-12-1»"},
        {PII_NATIONAL_ID, "«912-70-1234»"},
        {PII_DRIVER_LICENSE, "«MORGA657054SM9IJ»"},
        {PII_DRIVER_LICENSE, "«MORGA657054SM9IJ35»"},
        {PII_PASSPORT, "«C12345678»"},
        {PII_PASSPORT, "«A1234567»"},
        {PII_OTHER_ID, "«1234567893»"},
        {PII_OTHER_ID, "«1M8GDM9AXKP042788»"},
        {PII_OTHER_ID, "«AB12CDE»"},
        {PII_NATIONAL_ID, "«RSSMRA80A01H501U»"},
        {PII_NATIONAL_ID, "«8001019009083»"},
        {PII_NATIONAL_ID, "«123 456 789 018»"},
        {PII_DRIVER_LICENSE, "«U1234AB56C»"},
        {PII_PASSPORT, "«C01X00T41»"},
        {PII_PASSPORT, "«A123B4567»"},
        {PII_PASSPORT, "«ABC123456»"},
        {PII_PASSPORT, "«AB1234567»"},
        {PII_OTHER_ID, "«1EG4TE5MK73»"},
        {PII_OTHER_ID, "«ABC123DE»"},
        {PII_OTHER_ID, "«AB12CD3456»"},
        {PII_OTHER_ID, "«34ABC123»"},
        {PII_OTHER_ID, "«34ABC1234»"},
        {PII_OTHER_ID, "«34AB123»"},
        {PII_OTHER_ID, "«34A1234»"},
        {PII_SECRET, "«A3-QWERTY-123456-ABCDE-12345-XYZAB-98765»"},
        {PII_SECRET, "«-----BEGIN PRIVATE KEY-----\nQmFzZTY0QmFzZTY0QmFzZTY0QmFzZTY0QmFzZTY0QmFzZTY0\nQmFzZTY0QmFzZTY0QmFzZTY0QmFzZTY0QmFzZTY0QmFzZTY0\n»-----END PRIVATE KEY-----"},
        {PII_BANK_ACCOUNT, "«0610-0010-4»"},
};

/* One row for each character that is read as another one, or as none. */
static const struct example folded[] = {
        {PII_CREDIT_CARD, "my card «4111\xc2\xad" "1111\xc2\xad" "1111\xc2\xad" "1111» is"},
        {PII_CREDIT_CARD, "my card «\xdb\xb4" "111 1111 1111 1111» is"},
        {PII_CREDIT_CARD, "my card «\xe0\xa5\xaa" "111 1111 1111 1111» is"},
        {PII_CREDIT_CARD, "my card «4111\xe2\x81\x9f" "1111 1111 1111» is"},
        {PII_CREDIT_CARD, "my card «4111\xe2\x81\xa0 1111 1111 1111» is"},
        {PII_CREDIT_CARD, "my card «4111\xe3\x80\x80" "1111 1111 1111» is"},
        {PII_CREDIT_CARD, "my card «4111\xef\xbb\xbf 1111 1111 1111» is"},
        {PII_US_SSN, "it is «536\xe2\x88\x92" "22\xe2\x88\x92" "8841» now"},
        {PII_EMAIL, "write to «quill@mail.ex\xef\xbd\x81mple.org» please"},
        {PII_PERSON, "Je m\xe2\x80\x99" "appelle «Vexley Thornquist»."},
        {PII_PASSWORD, "my password is \xe2\x80\x9c«horsebattery»\xe2\x80\x9d, does it work?"},
};

static void answers_are_found_alone(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
                char text[TEXT_BYTES];
                size_t start = 0, end = 0, len = unmark(answers[i].marked, text, &start, &end);
                expect_found((struct str){text, len}, start, end, answers[i].type);
        }
}

static void a_user_and_a_password_are_found_side_by_side(void **state)
{
        (void)state;
        struct pii_span spans[SPANS];
        size_t count = 0;
        assert_ok(redact_find(STR("username crickets\npassword hopper"), spans, SPANS, &count));
        assert_int_equal(count, 2);
        assert_true(spans[0].type == PII_USERNAME && spans[0].start == 9 && spans[0].end == 17);
        assert_true(spans[1].type == PII_PASSWORD && spans[1].start == 27 && spans[1].end == 33);
}

static void keys_are_told_by_their_prefix(void **state)
{
        (void)state;
        static const char *const prefixes[] = {
                "ghp_",     "glpat-", "glcbt-",  "sk_live_", "sk-ant-", "xoxb-",        "xapp-",    "AIza",
                "shpat_",   "npm_",   "hf_",     "SG.",      "hvs.",    "FLWSECK-",     "shippo_live_",
                "live_pub_", "dapi",  "NRAK-",   "phc_",     "glsa_",   "dckr_pat_",    "sbp_",     "ntn_",
                "dp.pt.",   "ATATT3", "secret_", "dop_v1_",  "tfp_",
        };
        for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++) {
                char text[TEXT_BYTES];
                int len = snprintf(text, sizeof text, "use %s", prefixes[i]);
                for (int k = 0; k < 104; k++)
                        text[len++] = "a1B2c3D4e5F6g7H8"[(k + k / 16) % 16];
                expect_found((struct str){text, (size_t)len}, 4, (size_t)len, PII_SECRET);
        }
}

static void an_answer_is_not_looked_for_elsewhere(void **state)
{
        (void)state;
        static const struct redact_scope scope = {.types = REDACT_ALL};
        struct pii_span span;
        size_t count = 0;
        assert_ok(redact_find_in(STR("AB12CDE"), &scope, &span, 1, &count));
        assert_int_equal(count, 0);
}

static void each_folded_character_is_read_as_its_plain_one(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof folded / sizeof *folded; i++) {
                char text[TEXT_BYTES];
                size_t start = 0, end = 0, len = unmark(folded[i].marked, text, &start, &end);
                expect_found((struct str){text, len}, start, end, folded[i].type);
        }
}

static void check_digits_are_those_of_the_registries(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
                if (!checks[i].check(str_from(checks[i].right)))
                        fail_msg("%s is refused", checks[i].right);
                if (checks[i].check(str_from(checks[i].wrong)))
                        fail_msg("%s is taken", checks[i].wrong);
        }
        assert_true(check_uk_postcode(STR("EC1A1BB")) && check_uk_postcode(STR("M11AE")) &&
                    !check_uk_postcode(STR("QQ11AE")));
        assert_true(check_bech32(STR("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq")));
        assert_false(check_bech32(STR("bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdr")));
        assert_true(check_base58(STR("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")) &&
                    !check_base58(STR("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb")));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_kind_is_found_where_it_stands),
                cmocka_unit_test(what_only_looks_like_it_stays),
                cmocka_unit_test(the_place_in_the_text_changes_nothing),
                cmocka_unit_test(other_spellings_change_nothing),
                cmocka_unit_test(answers_are_found_alone),
                cmocka_unit_test(a_user_and_a_password_are_found_side_by_side),
                cmocka_unit_test(keys_are_told_by_their_prefix),
                cmocka_unit_test(an_answer_is_not_looked_for_elsewhere),
                cmocka_unit_test(each_folded_character_is_read_as_its_plain_one),
                cmocka_unit_test(check_digits_are_those_of_the_registries),
        };
        return cmocka_run_group_tests_name("text/redact_types", tests, NULL, NULL);
}
