/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/json_reader.h"
#include "text/redact.h"
#include "text/redact_check.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SPANS = 256, ARENA_BYTES = 1 << 20 };

/* The item between «…» of `marked` is what must be found; without marks, nothing. */
struct example {
        enum pii_type type;
        const char *marked;
};

static const struct example positives[] = {
        {PII_EMAIL, "write to «jane.doe+shop@example.co.uk», please"},
        {PII_EMAIL, "<«JANE_DOE@EXAMPLE.COM»>"},
        {PII_EMAIL, "user=«jane@example.com»;action=login"},
        {PII_EMAIL, "GET /reset?email=«jane%40example.com»&x=1"},
        {PII_EMAIL, "{\"msg\":\"«jane\\u0040example.com» failed\"}"},
        {PII_EMAIL, "mein Postfach ist «jörg@exämple.de»"},
        {PII_EMAIL, "письмо на «иван@пример.рф» не приходит"},
        {PII_EMAIL, "«4155550132@carrier.example.net» gets my texts"},
        {PII_EMAIL, "地址是«jane@example.com»,谢谢"},
        {PII_PHONE, "call me on «415-555-0132» after five"},
        {PII_PHONE, "«(212) 555-0187» is my desk"},
        {PII_PHONE, "Reach me on «(212) 555-0187 ext. 204» after 5pm."},
        {PII_PHONE, "tel: «+49 30 1234567»"},
        {PII_PHONE, "«+14155550132»"},
        {PII_PHONE, "mobile «+44 7700 900 123», urgent"},
        {PII_PHONE, "my number is «030 123456»"},
        {PII_PHONE, "ring «01.84.17.61.18» please"},
        {PII_PHONE, "phone: «467 3395»"},
        {PII_PHONE, "«1-604-696-5272x565»"},
        {PII_PHONE, "My order never came. Call me, «9472 7916»"},
        {PII_PHONE, "order 48213, phone «415.555.0132»"},
        {PII_PHONE, "{\"raw\":\"{\\\"phone\\\":\\\"«+14155550132»\\\"}\"}"},
        {PII_PHONE, "phone_number=«4155550132»"},
        {PII_PHONE, "it is «415 555 0132»"},
        {PII_CREDIT_CARD, "my card is «4111111111111111»."},
        {PII_CREDIT_CARD, "«4111 1111 1111 1111»"},
        {PII_CREDIT_CARD, "«5555-5555-5555-4444», thanks"},
        {PII_CREDIT_CARD, "«4111.1111.1111.1111» not accepted"},
        {PII_CREDIT_CARD, "Amex «3782-822463-10005»"},
        {PII_CREDIT_CARD, "«4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1»"},
        {PII_CREDIT_CARD, "«4111\n1111\n1111\n1111» (one group a line)"},
        {PII_CREDIT_CARD, "pay with «4111 1111 1111 1111» 12/27"},
        {PII_PHONE, "ring me, «415 555 0132» 2pm"},
        {PII_CREDIT_CARD, "card«4111111111111111»"},
        {PII_CREDIT_CARD, "my credit card number is «4111 1111 1111 1112»"}, /* a slip of the hand */
        {PII_US_SSN, "my ssn is «536-22-8841»"},
        {PII_US_SSN, "«536-22-8841»"},
        {PII_US_SSN, "ssn «536 22 8841»"},
        {PII_US_SSN, "my social security number is «536228841»"},
        {PII_US_SSN, "my tax ID is «536-22-8841»"},
        {PII_PHONE, "it is on my account: «415-555-0132»"},
        {PII_US_SSN, "SSN:«536-22-8841»."},
        {PII_IBAN, "IBAN «DE89 3704 0044 0532 0130 00» please"},
        {PII_IBAN, "«GB82WEST12345698765432»"},
        {PII_IBAN, "«gb82west12345698765432»"},
        {PII_IBAN, "to «GB82-WEST-1234-5698-7654-32»."},
        {PII_IBAN, "«NO93 8601 1117 947» thanks"},
        {PII_IP_ADDRESS, "from «93.184.216.34», twice"},
        {PII_IP_ADDRESS, "postgres://«10.0.0.5»:5432/app"},
        {PII_IP_ADDRESS, "from «2001:db8:85a3::8a2e:370:7334» it times out"},
        {PII_IP_ADDRESS, "«fe80::1»"},
        {PII_IP_ADDRESS, "IPv6: «::ffff:192.168.1.1»"},
        {PII_IP_ADDRESS, "[«2001:db8::1»]:443"},
        {PII_IP_ADDRESS, "Use «2001:db8::1»."},
};

static const char *const negatives[] = {
        "",
        "no digits here at all",
        "ORD-12345, #123456, ORDER#12345 and ORDER 1234567890",
        "where is order 3348917502, it should be here",
        "purchase order 450-22-9981 was invoiced twice",
        "it is about #450-22-9981",
        "It's order 7 000 112 233 if you search with spaces.",
        "I placed order 4539-1148-2201 on Friday",
        "Tracking 1Z999AA10123456784 and LX123456785CN, 4 weeks now",
        "USPS 9400 1000 0000 0000 0000 00 shows \"in transit\".",
        "USPS tracking 9205590164917312751089 stuck",
        "Parcel JD014600003828392837 was left in the rain",
        "You charged me $1,299.00 instead of $1,199.00, that is 12 345,67 €",
        "The balance was ¥198,000 and then ¥602,000.",
        "on 2024-01-17 09:00 to 2024-01-17T12:00:59Z, 12/25/2023, 01.02.2024",
        "Statement 01/11/2023 - 30/11/2023 is missing",
        "version 4.12.0.118 fails, 4.12.0.119 too",
        "Firmware 1.2.3.4 bricked my router, 1.2.3.3 worked.",
        "v10.0.19.3 and section 4.2.1.7",
        "Driver 31.0.15.4601 and 256.1.1.1 and 1.2.3.4.5",
        "pip install foo@1.2.3 and npm i left-pad@1.3.0",
        "The @ sign, git@ clone, me@localhost",
        "std::string and a::b and 12:30:45 and 10:30",
        "Barcode 5012345678900, ISBN 978-0-306-40615-7, ISBN-10 0-306-40615-2",
        "SKU 06H-905-611, part 06H-905-110-L",
        "Screen 2560x1440 at 165 Hz, 120 x 60 x 75 cm",
        "My card ending in 4242, Visa **** 0005",
        "order reference 4242424242424245 from your shop",
        "000-12-3456 and 666-12-3456 and 536-00-8841 and 536-22-0000",
        "DE89 3704 0044 0532 0130 01 has a wrong digit",
        "Case #00482913, reference: REQ000010482913, invoice 202311-44821",
        "my router is at 127.0.0.1",
        "sizes 128 256 512 1024 2048, bill no 0123456789, Rechnung 0123456789",
        "My reference number was 0192773481",
        "SAVE20-NOV-2023 and commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "{\"order_id\":\"3348917502\",\"items\":3,\"total\":84.20}",
};

struct parsed {
        char text[512];
        size_t len, start, end;
        bool is_marked;
};

static struct parsed parse(const char *marked)
{
        struct parsed parsed = {0};
        for (const char *at = marked; *at; at++) {
                if (memcmp(at, "\xc2\xab", 2) == 0) {
                        parsed.start = parsed.len;
                        parsed.is_marked = true;
                        at++;
                } else if (memcmp(at, "\xc2\xbb", 2) == 0) {
                        parsed.end = parsed.len;
                        at++;
                } else {
                        parsed.text[parsed.len++] = *at;
                }
        }
        return parsed;
}

static void expect_one(struct str text, size_t start, size_t end, enum pii_type type)
{
        struct pii_span spans[SPANS];
        size_t count;
        assert_ok(redact_find(text, spans, SPANS, &count));
        if (count == 1 && spans[0].start == start && spans[0].end == end && spans[0].type == type)
                return;
        print_error("in \"%.*s\" expected %s at %zu..%zu, found %zu:\n", STR_ARGS(text), pii_type_name(type),
                    start, end, count);
        for (size_t i = 0; i < count; i++)
                print_error("  %s at %zu..%zu\n", pii_type_name(spans[i].type), spans[i].start, spans[i].end);
        fail();
}

static void each_type_is_found_as_people_write_it(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof positives / sizeof *positives; i++) {
                struct parsed parsed = parse(positives[i].marked);
                assert_true(parsed.is_marked);
                expect_one((struct str){parsed.text, parsed.len}, parsed.start, parsed.end,
                           positives[i].type);
        }
}

static void numbers_that_name_no_person_stay(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof negatives / sizeof *negatives; i++) {
                struct pii_span spans[SPANS];
                size_t count;
                assert_ok(redact_find(str_from(negatives[i]), spans, SPANS, &count));
                if (count)
                        print_error("\"%s\": %s at %zu..%zu\n", negatives[i], pii_type_name(spans[0].type),
                                    spans[0].start, spans[0].end);
                assert_int_equal(count, 0);
                assert_true(redact_is_clean(str_from(negatives[i])));
        }
}

/* Values that need no word beside them. */
static const struct example bare[] = {
        {PII_EMAIL, "jane.doe@example.com"}, {PII_PHONE, "415-555-0132"},
        {PII_PHONE, "+44 20 7123 4567"},     {PII_CREDIT_CARD, "4111 1111 1111 1111"},
        {PII_US_SSN, "536-22-8841"},         {PII_IBAN, "DE89370400440532013000"},
        {PII_IP_ADDRESS, "93.184.216.34"},   {PII_IP_ADDRESS, "2001:db8::8a2e:370:7334"},
};

static void the_surroundings_do_not_hide_a_value(void **state)
{
        (void)state;
        static const char *const around[][2] = {
                {"", ""},          {"It is ", " as I said."},
                {"(", ")"},        {"\"", "\","},
                {"\n", "\n"},      {"<", ">"},
                {"naïve — ", "…"}, {"Hello.\n\n", "!"},
                {"data=", "&y=z"}, {"* ", "; bye"},
                {"日本", "日本"},  {"[", "]"},
                {"'", "'"},        {"\\n", "\\n"},
                {"~ ", "?"},
        };
        for (size_t i = 0; i < sizeof bare / sizeof *bare; i++) {
                for (size_t j = 0; j < sizeof around / sizeof *around; j++) {
                        bool is_word_before = bare[i].type == PII_EMAIL && j == 10;
                        if (is_word_before)
                                continue; /* letters right behind a domain are part of it */
                        char text[512];
                        size_t before = strlen(around[j][0]), len = strlen(bare[i].marked);
                        int total = snprintf(text, sizeof text, "%s%s%s", around[j][0], bare[i].marked,
                                             around[j][1]);
                        expect_one((struct str){text, (size_t)total}, before, before + len, bare[i].type);
                }
        }
}

static void case_does_not_hide_a_value(void **state)
{
        (void)state;
        for (size_t i = 0; i < sizeof positives / sizeof *positives; i++) {
                struct parsed parsed = parse(positives[i].marked);
                if (memchr(parsed.text, '\\', parsed.len))
                        continue; /* a JSON escape has one case only */
                for (size_t at = 0; at < parsed.len; at++)
                        if (parsed.text[at] >= 'a' && parsed.text[at] <= 'z')
                                parsed.text[at] = (char)(parsed.text[at] - 32);
                expect_one((struct str){parsed.text, parsed.len}, parsed.start, parsed.end,
                           positives[i].type);
        }
}

static void each_span_becomes_its_tag(void **state)
{
        (void)state;
        struct arena arena;
        struct safe_text safe;
        arena_init(&arena, ARENA_BYTES);
        struct raw_text raw = {STR("jane@example.com, 415-555-0132; 4111111111111111 536-22-8841 "
                                   "DE89370400440532013000 from 10.1.2.3 about ORD-12345")};
        assert_ok(redact_text(raw, &arena, &safe));
        assert_str_equal(safe.safe,
                         "[EMAIL_REDACTED], [PHONE_REDACTED]; [CREDIT_CARD_REDACTED] [US_SSN_REDACTED] "
                         "[IBAN_REDACTED] from [IP_ADDRESS_REDACTED] about ORD-12345");
        raw.raw = STR("nothing to see");
        assert_ok(redact_text(raw, &arena, &safe));
        assert_ptr_equal(safe.safe.ptr, raw.raw.ptr);
        arena_deinit(&arena);
}

static void nothing_is_returned_when_the_arena_is_full(void **state)
{
        (void)state;
        struct arena arena;
        struct safe_text safe = {{0}};
        struct raw_text raw = {STR("jane@example.com")};
        arena_init(&arena, 8);
        assert_int_equal(redact_text(raw, &arena, &safe), ERR_TOO_LARGE);
        assert_null(safe.safe.ptr);
        arena_deinit(&arena);
}

static void too_many_spans_are_an_error_and_not_a_part(void **state)
{
        (void)state;
        struct pii_span spans[2];
        size_t count = 77;
        struct str text = STR("a@b.cc a@b.cc a@b.cc");
        assert_int_equal(redact_find(text, spans, 2, &count), ERR_TOO_LARGE);
        assert_int_equal(count, 77);
        assert_int_equal(redact_find(text, spans, 0, &count), ERR_TOO_LARGE);
        assert_false(redact_is_clean(text));
}

static void a_text_full_of_values_is_redacted_whole(void **state)
{
        (void)state;
        char text[7000];
        for (size_t i = 0; i < 1000; i++)
                memcpy(text + i * 7, "a@b.cc ", 7);
        struct arena arena;
        struct safe_text safe;
        arena_init(&arena, ARENA_BYTES);
        assert_ok(redact_text((struct raw_text){{text, sizeof text}}, &arena, &safe));
        assert_int_equal(safe.safe.len, 1000 * strlen("[EMAIL_REDACTED] "));
        assert_true(redact_is_clean(safe.safe));
        arena_deinit(&arena);
}

/* xorshift64 (Marsaglia 2003): the same inputs in every run. */
static uint64_t seed = 88172645463325252U;

static size_t pick(size_t limit)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (size_t)(seed % limit);
}

static size_t make_text(char *text, size_t max)
{
        static const char *const pieces[] = {
                "a", "@", ".", "1", "0", "41", "555", "4111", "0132", " ", "-", ":", "::", "(", ")", "+",
                "\n", "/", ",", "ord", "order ", "phone ", "ssn ", "card ", "version ", "my number is ",
                "x2", "DE89", "GB82", "com", "é", "я", "日", "—", "\xc2\xa0", "%40", "\\u0040", "\\n", "#",
                "_", "office", "]", "[", "4111111111111111", "415-555-0132", "a@b.com", "10.0.0.1",
                "fe80::1", "536-22-8841", "DE89370400440532013000", "+14155550132", "my name is ", "Jane ",
                "Doe", "O'Brien", "Dear ", "Thanks,\n", "password: ", "username ", "passport number ",
                "pin is ", "account ", "zip ", "12 Oak Street", "Apt. 5", ", Boise, ID 83702", "born on ",
                "04/12/1987", "one two three ", "double five ", " at gmail dot com", "[EMAIL_1]",
                "[PERSON_REDACTED]", "ghp_16C7e42F292c6912E7710c838347Ae178B4a", "\xef\xbc\x94\xef\xbc\x91",
                "\xe2\x80\x8b", "https://u:p4ss@", "is my name",
        };
        size_t len = 0;
        for (size_t count = pick(40); count > 0; count--) {
                const char *piece = pieces[pick(sizeof pieces / sizeof *pieces)];
                size_t piece_len = strlen(piece);
                if (len + piece_len > max)
                        break;
                memcpy(text + len, piece, piece_len);
                len += piece_len;
        }
        return len;
}

static void expect_sound_spans(struct str text, const struct pii_span *spans, size_t count)
{
        size_t floor = 0;
        for (size_t i = 0; i < count; i++) {
                assert_true(spans[i].start >= floor && spans[i].start < spans[i].end &&
                            spans[i].end <= text.len);
                assert_true(spans[i].type < PII_TYPE_COUNT);
                assert_true(utf8_is_valid(
                        (struct str){text.ptr + spans[i].start, spans[i].end - spans[i].start}));
                floor = spans[i].end;
        }
}

static void whatever_comes_spans_are_sound_and_redaction_settles(void **state)
{
        (void)state;
        for (int round = 0; round < 60000; round++) {
                char text[1024];
                struct pii_span spans[SPANS];
                size_t count;
                struct arena arena;
                struct safe_text safe, again;
                struct str raw = {text, make_text(text, sizeof text)};
                assert_ok(redact_find(raw, spans, SPANS, &count));
                expect_sound_spans(raw, spans, count);
                arena_init(&arena, ARENA_BYTES);
                enum err err = redact_text((struct raw_text){raw}, &arena, &safe);
                if (err)
                        print_error("\"%.*s\"\n", STR_ARGS(raw));
                assert_ok(err);
                assert_true(utf8_is_valid(safe.safe));
                assert_ok(redact_text((struct raw_text){safe.safe}, &arena, &again));
                assert_true(str_equal(safe.safe, again.safe));
                arena_deinit(&arena);
        }
}

/* A quadratic scan of so much text would take minutes. */
static void hostile_texts_cost_no_more_than_their_length(void **state)
{
        (void)state;
        enum { BYTES = 200000 };
        static char text[BYTES];
        static const char *const patterns[] = {"a@",   "1-",   "+",       "1 ", "::",       "1:",   "a.",
                                               "a@b.", "1.1.", "4111-",   "a",  "phone 1 ", "GB82", "%40",
                                               "(1)",  "1",    "a@b.cc ", "\\", "\xd1\x8f"};
        clock_t start = clock();
        for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
                struct arena arena;
                struct safe_text safe;
                for (size_t at = 0; at < BYTES; at++)
                        text[at] = patterns[i][at % strlen(patterns[i])];
                arena_init(&arena, 64 << 20);
                assert_ok(redact_text((struct raw_text){{text, BYTES}}, &arena, &safe));
                arena_deinit(&arena);
        }
        assert_true(clock() - start < 20 * CLOCKS_PER_SEC);
}

static char luhn_digit(const char *digits, size_t len)
{
        unsigned sum = 0;
        for (size_t i = 0; i < len; i++) {
                unsigned digit = (unsigned)(digits[len - 1 - i] - '0') * (i % 2 ? 1 : 2);
                sum += digit > 9 ? digit - 9 : digit;
        }
        return (char)('0' + (10 - sum % 10) % 10);
}

/* '1', '2' and '3' in a form stand for the three numbers. */
static int fill_form(const char *form, const unsigned *numbers, char *text, size_t size)
{
        int len = 0;
        for (; *form; form++)
                len += *form >= '1' && *form <= '3'
                               ? snprintf(text + len, size - (size_t)len, "%u", numbers[*form - '1'])
                               : snprintf(text + len, size - (size_t)len, "%c", *form);
        return len;
}

static int make_told_canary(enum pii_type type, char *text, size_t size, unsigned a, unsigned b, unsigned c)
{
        static const char *const names[] = {"Aurelia", "Thaddeus", "Ottoline",
                                            "Evander", "Philippa", "Leopold"};
        static const char *const forms[PII_TYPE_COUNT] = {
                [PII_CVV] = "2",
                [PII_BANK_ACCOUNT] = "123",
                [PII_MAC_ADDRESS] = "0a:3:3:f5:3:4b",
                [PII_SECRET] = "ghp_1aB2cDeFg2hIjKl3mNoPqR1zXcVbN",
                [PII_PASSWORD] = "Tr0ub1&2",
                [PII_USERNAME] = "canary1_2",
                [PII_CRYPTO] = "0x1a2b1c2d1e2f1a2bc3d",
                [PII_PASSPORT] = "K12",
                [PII_DRIVER_LICENSE] = "D123",
                [PII_NATIONAL_ID] = "Q12",
                [PII_DOB] = "04/07/3",
                [PII_POSTCODE] = "31",
                [PII_OTHER_ID] = "MRN-12",
        };
        if (type == PII_PERSON)
                return snprintf(text, size, "%s Canary%cson", names[a % 6], 'a' + (int)(b % 26));
        if (type == PII_ADDRESS)
                return snprintf(text, size, "%u Canary%c%c Street", a, 'a' + (int)(b % 26),
                                'a' + (int)(c % 26));
        return fill_form(forms[type], (const unsigned[]){a, b, c}, text, size);
}

/* A made-up value of the type that no other text contains; its length. */
static size_t make_canary(enum pii_type type, char *text, size_t size)
{
        unsigned a = (unsigned)pick(900) + 100, b = (unsigned)pick(9000) + 1000, c = (unsigned)pick(90) + 10;
        int len = 0;
        switch (type) {
        case PII_EMAIL:
                len = snprintf(text, size, "canary.%u.%u@host%u.example", a, b, c);
                break;
        case PII_PHONE:
                len = snprintf(text, size, "(%u) %u-%u", 200 + a % 700, 200 + b % 700, b);
                break;
        case PII_CREDIT_CARD:
                len = snprintf(text, size, "4%u%u%u%u", a, b, a, b);
                text[len] = luhn_digit(text, (size_t)len);
                text[++len] = '\0';
                break;
        case PII_US_SSN:
                len = snprintf(text, size, "%u-%u-%u", 100 + a % 500, c, b);
                break;
        case PII_IBAN:
                for (unsigned check = 2; check < 99; check++) {
                        len = snprintf(text, size, "DE%02u%u%u%u%u%u", check, b, b, a, a, b);
                        if (check_iban((struct str){text, (size_t)len}))
                                break;
                }
                break;
        case PII_IP_ADDRESS:
                len = snprintf(text, size, "%u.%u.%u.%u", 1 + a % 250, c, b % 256, c);
                break;
        default: /* the rest is told by words: see cues */
                len = make_told_canary(type, text, size, a, b, c);
        }
        return (size_t)len;
}

/* What must stand before a value for it to be known. */
static const char *const cues[PII_TYPE_COUNT] = {
        [PII_CVV] = "my pin is ",
        [PII_BANK_ACCOUNT] = "account number ",
        [PII_PASSWORD] = "password: ",
        [PII_USERNAME] = "username: ",
        [PII_PASSPORT] = "passport number ",
        [PII_DRIVER_LICENSE] = "driver's license ",
        [PII_NATIONAL_ID] = "national ID ",
        [PII_DOB] = "born on ",
        [PII_PERSON] = "my name is ",
        [PII_POSTCODE] = "zip code ",
        [PII_OTHER_ID] = "medical record number ",
};

static void a_thousand_canaries_do_not_come_out(void **state)
{
        (void)state;
        static const char *const sentences[] = {
                "%s",
                "Hello, it is %s.",
                "My order 48213 is late.\nPlease use %s, thank you",
                "{\"value\":\"%s\"}",
                "name;%s;city",
                "Is (%s) still on file?",
                "I am sorry: %s!",
        };
        for (size_t i = 0; i < 1000; i++) {
                char canary[64], text[256];
                struct arena arena;
                struct safe_text safe;
                enum pii_type type = (enum pii_type)(i % PII_TYPE_COUNT);
                size_t len = make_canary(type, canary, sizeof canary);
                const char *sentence = sentences[pick(sizeof sentences / sizeof *sentences)];
                const char *place = strstr(sentence, "%s");
                int total = snprintf(text, sizeof text, "%.*s%s%s%s", (int)(place - sentence), sentence,
                                     cues[type] ? cues[type] : "", canary, place + 2);
                arena_init(&arena, ARENA_BYTES);
                assert_ok(redact_text((struct raw_text){{text, (size_t)total}}, &arena, &safe));
                if (memmem(safe.safe.ptr, safe.safe.len, canary, len))
                        print_error("%s came out of \"%s\"\n", pii_type_name(type), text);
                assert_null(memmem(safe.safe.ptr, safe.safe.len, canary, len));
                if (!memmem(safe.safe.ptr, safe.safe.len, pii_type_name(type), strlen(pii_type_name(type))))
                        fail_msg("no %s in \"%.*s\"", pii_type_name(type), STR_ARGS(safe.safe));
                arena_deinit(&arena);
        }
}

static void validators_know_the_published_examples(void **state)
{
        (void)state;
        assert_true(check_card(STR("378282246310005")) && check_card(STR("6011111111111117")));
        assert_false(check_card(STR("378282246310006")) || check_card(STR("1234567812345670")));
        assert_true(check_iban(STR("GB82WEST12345698765432")) &&
                    check_iban(STR("MT84MALT011000012345MTLCAST001S")));
        assert_false(check_iban(STR("GB82WEST1234569876543")) || check_iban(STR("ZZ82WEST12345698765432")));
        assert_false(check_ssn(STR("900123456")) || check_ssn(STR("123004567")));
        bool is_nobodys;
        assert_true(check_ip4(STR("255.255.255.254"), &is_nobodys) && !is_nobodys);
        assert_true(check_ip4(STR("127.0.0.2"), &is_nobodys) && is_nobodys);
        assert_true(check_ip6(STR("1:2:3:4:5:6:7:8"), &is_nobodys) && !is_nobodys);
        assert_true(check_ip6(STR("::"), &is_nobodys) && is_nobodys);
        assert_false(check_ip4(STR("01.2.3.4"), &is_nobodys));
        assert_false(check_ip6(STR("1:2:3"), &is_nobodys) || check_ip6(STR("a::b"), &is_nobodys));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_type_is_found_as_people_write_it),
                cmocka_unit_test(numbers_that_name_no_person_stay),
                cmocka_unit_test(the_surroundings_do_not_hide_a_value),
                cmocka_unit_test(case_does_not_hide_a_value),
                cmocka_unit_test(each_span_becomes_its_tag),
                cmocka_unit_test(nothing_is_returned_when_the_arena_is_full),
                cmocka_unit_test(too_many_spans_are_an_error_and_not_a_part),
                cmocka_unit_test(a_text_full_of_values_is_redacted_whole),
                cmocka_unit_test(whatever_comes_spans_are_sound_and_redaction_settles),
                cmocka_unit_test(hostile_texts_cost_no_more_than_their_length),
                cmocka_unit_test(a_thousand_canaries_do_not_come_out),
                cmocka_unit_test(validators_know_the_published_examples),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
