/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "api/keyring.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* The text of the n-th key. */
struct text {
        char text[32];
};

static struct text text_of(size_t n)
{
        struct text text;
        snprintf(text.text, sizeof text.text, "tk_%zu", n);
        return text;
}

static struct api_key key_of(size_t n)
{
        struct text text = text_of(n);
        return (struct api_key){.id = (int64_t)n, .hash = digest_sha256(str_from(text.text)), .scopes = SCOPE_CLASSIFY};
}

static const struct api_key *find(const struct keyring *keyring, size_t n)
{
        struct text text = text_of(n);
        return keyring_find(keyring, str_from(text.text));
}

/* Keys 1 to `count`. */
static struct keyring *keyring_of(size_t count)
{
        struct api_key *keys = calloc(count + 1, sizeof *keys);
        assert_non_null(keys);
        for (size_t i = 0; i < count; i++)
                keys[i] = key_of(i + 1);
        struct keyring *keyring = keyring_new(keys, count);
        free(keys); /* it has copied them */
        return keyring;
}

static void an_empty_keyring_knows_no_key(void **state)
{
        (void)state;
        struct keyring *keyring = keyring_new(NULL, 0);
        assert_int_equal(keyring_count(keyring), 0);
        assert_null(find(keyring, 1));
        assert_null(keyring_find(keyring, STR("")));
        assert_null(keyring_find(keyring, (struct str){0}));
        keyring_unpin(keyring);
}

static void every_key_of_any_number_is_found_and_no_other(void **state)
{
        (void)state;
        static const size_t counts[] = {1, 2, 3, 4, 5, 64, 10000};
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
                struct keyring *keyring = keyring_of(counts[c]);
                assert_int_equal(keyring_count(keyring), counts[c]);
                for (size_t i = 1; i <= counts[c]; i++) {
                        const struct api_key *key = find(keyring, i);
                        assert_non_null(key);
                        assert_int_equal(key->id, i);
                }
                for (size_t i = counts[c] + 1; i < counts[c] + 1000; i++)
                        assert_null(find(keyring, i));
                keyring_unpin(keyring);
        }
}

static void keys_that_begin_alike_in_the_table_are_all_found(void **state)
{
        (void)state;
        struct keyring *keyring;
        struct api_key keys[8];
        size_t found = 0;
        for (size_t n = 1; found < 8; n++) {
                struct api_key key = key_of(n);
                if ((key.hash.bytes[0] & 15) == 15) /* the table's last place of 16 */
                        keys[found++] = key;
        }
        keyring = keyring_new(keys, 8);
        for (size_t i = 0; i < 8; i++)
                assert_int_equal(find(keyring, (size_t)keys[i].id)->id, keys[i].id);
        keyring_unpin(keyring);
}

static void a_key_is_its_whole_text(void **state)
{
        (void)state;
        static const char *const strangers[] = {"tk_", "tk_1 ", " tk_1", "TK_1", "tk_11", "tk_01"};
        struct keyring *keyring = keyring_of(1);
        for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
                assert_null(keyring_find(keyring, str_from(strangers[i])));
        assert_null(keyring_find(keyring, (struct str){"tk_1\0x", 6}));
        keyring_unpin(keyring);
}

static void a_key_keeps_what_it_was_given(void **state)
{
        (void)state;
        struct api_key key = key_of(7);
        assert_true(ident_from(STR("shop"), &key.name));
        key.scopes = SCOPE_REVIEW | SCOPE_ADMIN;
        key.has_rate = true;
        key.rate = (struct rate_limit_rule){600, 50};
        struct keyring *keyring = keyring_new(&key, 1);
        const struct api_key *found = find(keyring, 7);
        assert_string_equal(found->name.text, "shop");
        assert_int_equal(found->scopes, SCOPE_REVIEW | SCOPE_ADMIN);
        assert_true(found->has_rate);
        assert_int_equal(found->rate.per_minute, 600);
        assert_int_equal(found->rate.burst, 50);
        keyring_unpin(keyring);
}

static void a_pin_outlives_its_replacement(void **state)
{
        (void)state;
        struct keyring_holder *holder = keyring_holder_new(keyring_of(1));
        struct keyring *old = keyring_pin(holder);
        keyring_replace(holder, keyring_of(2));
        struct keyring *new = keyring_pin(holder);
        assert_null(find(old, 2));
        assert_non_null(find(old, 1));
        assert_non_null(find(new, 2));
        keyring_unpin(new);
        keyring_holder_free(holder);
        assert_int_equal(find(old, 1)->id, 1);
        keyring_unpin(old);
        keyring_holder_free(NULL);
}

enum { THREADS = 4, LOOK_UPS = 5000, REPLACEMENTS = 200 };

struct reading {
        struct keyring_holder *holder;
        atomic_size_t wrong;
};

/* Whatever is pinned is whole: it has exactly the keys that it counts. */
static void *read_keys(void *arg)
{
        struct reading *reading = arg;
        for (size_t i = 0; i < LOOK_UPS; i++) {
                struct keyring *keyring = keyring_pin(reading->holder);
                size_t count = keyring_count(keyring);
                if (!find(keyring, count) || find(keyring, count + 1))
                        atomic_fetch_add(&reading->wrong, 1);
                keyring_unpin(keyring);
        }
        return NULL;
}

static void threads_see_whole_keyrings_while_they_are_replaced(void **state)
{
        (void)state;
        struct reading reading = {.holder = keyring_holder_new(keyring_of(1))};
        pthread_t threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, read_keys, &reading), 0);
        for (size_t i = 0; i < REPLACEMENTS; i++)
                keyring_replace(reading.holder, keyring_of(i % 50 + 1));
        for (size_t i = 0; i < THREADS; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(atomic_load(&reading.wrong), 0);
        keyring_holder_free(reading.holder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_empty_keyring_knows_no_key),
                cmocka_unit_test(every_key_of_any_number_is_found_and_no_other),
                cmocka_unit_test(keys_that_begin_alike_in_the_table_are_all_found),
                cmocka_unit_test(a_key_is_its_whole_text),
                cmocka_unit_test(a_key_keeps_what_it_was_given),
                cmocka_unit_test(a_pin_outlives_its_replacement),
                cmocka_unit_test(threads_see_whole_keyrings_while_they_are_replaced),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
