/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "text/feature.h"
#include "text/normalise.h"

enum { MANY = 5000 };

static void what_means_nothing_is_taken_out(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                const char *expected;
        } cases[] = {
                {"", ""},
                {"   \t\n", ""},
                {"Hello, World", "hello world"},
                {"I can't, I can\xe2\x80\x99t", "i cant i cant"},
                {"soooo baaaad", "soo baad"},
                {"ORD-12345 of 2026 at 7", "ord 0000 of 0000 at 0"},
                {"1234567890", "0000"},
                {"what?? now!", "what ? ? now !"},
                {"\xe2\x82\xac""20 or \xc2\xa3""5 or $1", "$ 00 or $ 0 or $ 0"},
                {"Caf\xc3\xa9 CR\xc3\x88ME Stra\xc3\x9f""e", "cafe creme strasse"},
                {"\xef\xbc\xb2\xef\xbd\x85""fund", "refund"},
                {"\xd0\x9f\xd0\xa0\xd0\x98", "\xd0\xbf\xd1\x80\xd0\xb8"},
                {"nice\xf0\x9f\x98\x80ok", "nice \xf0\x9f\x98\x80 ok"},
                {"see https://example.com/a?b=c now", "see URL now"},
                {"www.example.com", "URL"},
                {"http is a protocol", "http is a protocol"},
                {"thanks @anna_1!", "thanks MENTION !"},
                {"9 @ 10", "0 00"},
                {"mail [EMAIL_REDACTED] or [PHONE_REDACTED_2]", "mail EMAIL or PHONE"},
                {"[CREDIT_CARD_REDACTED]", "CREDIT_CARD"},
                {"[not a tag] [A", "not a tag a"},
                {"URL MENTION EMAIL", "url mention email"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char text[256];
                struct str result = {text, normalise(str_from(cases[i].text), text, sizeof text)};
                if (!str_equal(result, str_from(cases[i].expected)))
                        fail_msg("%s: \"%.*s\"", cases[i].text, STR_ARGS(result));
        }
}

static void normalising_stays_inside_the_buffer(void **state)
{
        (void)state;
        const char *text = "abc \xf0\x9f\x98\x80 caf\xc3\xa9? [EMAIL_REDACTED] https://x.org \xef\xb7\xba end";
        char whole[256];
        size_t whole_len = normalise(str_from(text), whole, sizeof whole);
        for (size_t capacity = 0; capacity <= whole_len; capacity++) {
                char *exact = malloc(capacity + 1);
                exact[capacity] = '#';
                assert_true(normalise(str_from(text), exact, capacity) <= capacity);
                assert_int_equal(exact[capacity], '#');
                free(exact);
        }
}

static size_t read_all(struct str normalised, uint16_t *buckets, size_t max)
{
        struct feature_reader reader = feature_reader_from(normalised);
        struct feature_chunk chunk;
        size_t count = 0;
        while (feature_reader_next(&reader, &chunk)) {
                assert_true(chunk.word_count <= FEATURE_CHUNK_WORDS);
                assert_true(chunk.char_count <= FEATURE_CHUNK_CHARS);
                for (size_t i = 0; i < chunk.word_count && count < max; i++)
                        buckets[count++] = chunk.words[i];
                for (size_t i = 0; i < chunk.char_count && count < max; i++)
                        buckets[count++] = chunk.chars[i];
        }
        return count;
}

static void a_text_has_the_expected_number_of_features(void **state)
{
        (void)state;
        static const struct {
                const char *text;
                size_t words;
                size_t chars;
        } cases[] = {
                {"", 0, 0},
                {"a", 2, 0},
                {"?", 2, 0},
                {"ab", 2, 3},      /* <ab ab> <ab> */
                {"abc", 2, 6},     /* 3 + 2 + 1 of "<abc>" */
                {"refund", 2, 15}, /* 6 + 5 + 4 of "<refund>" */
                {"URL", 2, 0},
                {"my refund", 4, 18},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct feature_reader reader = feature_reader_from(str_from(cases[i].text));
                struct feature_chunk chunk;
                bool has_some = feature_reader_next(&reader, &chunk);
                assert_int_equal(has_some, cases[i].words > 0);
                if (chunk.word_count != cases[i].words || chunk.char_count != cases[i].chars)
                        fail_msg("%s: %zu and %zu", cases[i].text, chunk.word_count, chunk.char_count);
        }
}

static int compare_numbers(const void *a, const void *b)
{
        return *(const uint16_t *)a - *(const uint16_t *)b;
}

/* The same words, and so the same characters: only the pairs can tell. */
static void the_order_of_words_is_seen(void **state)
{
        (void)state;
        uint16_t one[128], two[128];
        size_t count = read_all(STR("please cancel not refund it"), one, 128);
        assert_int_equal(count, read_all(STR("please refund not cancel it"), two, 128));
        qsort(one, count, sizeof *one, compare_numbers);
        qsort(two, count, sizeof *two, compare_numbers);
        assert_memory_not_equal(one, two, count * sizeof *one);
}

/* The model file depends on the hash: these values only change with MODEL_FORMAT. */
static void the_hash_is_fixed(void **state)
{
        (void)state;
        uint16_t buckets[5];
        assert_int_equal(read_all(STR("ab"), buckets, 5), 5);
        static const uint16_t expected[5] = {46811, 5327, 11192, 42723, 28294};
        assert_memory_equal(buckets, expected, sizeof expected);
}

static void the_longest_texts_stay_under_the_bound(void **state)
{
        (void)state;
        static const char *const patterns[] = {
                "a", "ab ", "? ", "abc ", "refund me ", "abcdefghijklmnopqrstuvwxyz",
                "\xe6\xbc\xa2", "\xf0\x9f\x98\x80", "!", "7 ",
        };
        static char text[4 * MANY], normalised[NORMALISE_MAX_BYTES];
        static uint16_t buckets[FEATURE_MAX + 1];
        for (size_t p = 0; p < sizeof patterns / sizeof *patterns; p++) {
                size_t len = strlen(patterns[p]);
                size_t used = 0;
                while (used + len <= sizeof text) {
                        memcpy(text + used, patterns[p], len);
                        used += len;
                }
                size_t bytes = normalise((struct str){text, used}, normalised, sizeof normalised);
                assert_true(bytes > 0 && bytes <= sizeof normalised);
                size_t count = read_all((struct str){normalised, bytes}, buckets, FEATURE_MAX + 1);
                assert_true(count > 0 && count <= FEATURE_MAX);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_means_nothing_is_taken_out),
                cmocka_unit_test(normalising_stays_inside_the_buffer),
                cmocka_unit_test(a_text_has_the_expected_number_of_features),
                cmocka_unit_test(the_order_of_words_is_seen),
                cmocka_unit_test(the_hash_is_fixed),
                cmocka_unit_test(the_longest_texts_stay_under_the_bound),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
