/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "guard/answer_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { SMALL = 4096, TTL_MS = 1000 };

static struct digest key_of(uint32_t number)
{
        return digest_sha256((struct str){(const char *)&number, sizeof number});
}

static void put(struct answer_cache *cache, uint32_t number, int64_t now_ms, uint64_t value)
{
        struct digest key = key_of(number);
        answer_cache_put(cache, &key, now_ms, &value, sizeof value);
}

/* 0: there is none. */
static uint64_t get(struct answer_cache *cache, uint32_t number, int64_t now_ms)
{
        struct digest key = key_of(number);
        uint64_t value = 0;
        bool is_found = answer_cache_get(cache, &key, now_ms, &value, sizeof value);
        assert_int_equal(is_found, value != 0);
        return value;
}

static void what_was_put_is_found(void **state)
{
        (void)state;
        struct answer_cache *cache = answer_cache_new(SMALL, TTL_MS);
        assert_int_equal(get(cache, 1, 0), 0);
        put(cache, 1, 0, 11);
        put(cache, 2, 0, 22);
        assert_int_equal(get(cache, 1, 0), 11);
        assert_int_equal(get(cache, 2, 0), 22);
        assert_int_equal(get(cache, 3, 0), 0);
        assert_int_equal(answer_cache_count(cache), 2);
        answer_cache_free(cache);
        answer_cache_free(NULL);
}

static void keys_that_differ_in_one_byte_are_two(void **state)
{
        (void)state;
        struct answer_cache *cache = answer_cache_new(SMALL, TTL_MS);
        put(cache, 1, 0, 11);
        for (size_t i = 0; i < sizeof(struct digest); i++) {
                struct digest key = key_of(1);
                uint64_t value = 7;
                key.bytes[i] ^= 1;
                assert_false(answer_cache_get(cache, &key, 0, &value, sizeof value));
                assert_int_equal(value, 7);
        }
        answer_cache_free(cache);
}

static void an_entry_lives_from_its_put_however_often_it_is_read(void **state)
{
        (void)state;
        struct answer_cache *cache = answer_cache_new(SMALL, TTL_MS);
        put(cache, 1, 500, 11);
        for (int64_t now_ms = 500; now_ms < 1500; now_ms += 100)
                assert_int_equal(get(cache, 1, now_ms), 11);
        assert_int_equal(get(cache, 1, 1499), 11);
        assert_int_equal(get(cache, 1, 1500), 0);
        assert_int_equal(answer_cache_count(cache), 0);
        assert_int_equal(answer_cache_bytes(cache), 0);
        put(cache, 1, 1500, 12);
        assert_int_equal(get(cache, 1, 2499), 12);
        answer_cache_free(cache);
}

static void a_put_replaces_value_and_age(void **state)
{
        (void)state;
        struct answer_cache *cache = answer_cache_new(SMALL, TTL_MS);
        put(cache, 1, 0, 11);
        size_t bytes = answer_cache_bytes(cache);
        put(cache, 1, 900, 12);
        assert_int_equal(answer_cache_count(cache), 1);
        assert_int_equal(answer_cache_bytes(cache), bytes);
        assert_int_equal(get(cache, 1, 1899), 12);
        answer_cache_free(cache);
}

static void a_value_of_another_size_is_none(void **state)
{
        (void)state;
        struct answer_cache *cache = answer_cache_new(SMALL, TTL_MS);
        struct digest key = key_of(1);
        unsigned char value[16] = {5};
        answer_cache_put(cache, &key, 0, "12345678", 8);
        assert_false(answer_cache_get(cache, &key, 0, value, 7));
        assert_false(answer_cache_get(cache, &key, 0, value, 9));
        assert_int_equal(value[0], 5);
        assert_true(answer_cache_get(cache, &key, 0, value, 8));
        assert_memory_equal(value, "12345678", 8);
        answer_cache_free(cache);
}

static uint32_t fill(struct answer_cache *cache)
{
        uint32_t number = 0;
        for (; answer_cache_count(cache) == number; number++)
                put(cache, number, 0, number + 1);
        return number - 1; /* the last one pushed the first out */
}

static void who_was_not_asked_for_longest_makes_room(void **state)
{
        (void)state;
        struct answer_cache *cache = answer_cache_new(SMALL, TTL_MS);
        uint32_t room = fill(cache);
        assert_true(room > 10);
        assert_int_equal(get(cache, 0, 0), 0);
        assert_int_equal(get(cache, 1, 0), 2);
        put(cache, 1000, 0, 1); /* 2 is the one not asked for longest, for 1 just was */
        assert_int_equal(get(cache, 1, 0), 2);
        assert_int_equal(get(cache, 2, 0), 0);
        put(cache, 3, 0, 33); /* replaced, and the youngest */
        put(cache, 1001, 0, 1);
        assert_int_equal(get(cache, 3, 0), 33);
        assert_int_equal(get(cache, 4, 0), 0);
        assert_int_equal(answer_cache_count(cache), room);
        answer_cache_free(cache);
}

static void a_value_too_large_is_not_kept_nor_what_it_replaces(void **state)
{
        (void)state;
        static char large[SMALL];
        struct answer_cache *cache = answer_cache_new(SMALL, TTL_MS);
        struct digest key = key_of(1);
        put(cache, 1, 0, 11);
        put(cache, 2, 0, 22);
        answer_cache_put(cache, &key, 0, large, sizeof large);
        assert_int_equal(get(cache, 1, 0), 0);
        assert_int_equal(get(cache, 2, 0), 22);
        answer_cache_put(cache, &key, 0, large, sizeof large / 2);
        assert_true(answer_cache_get(cache, &key, 0, large, sizeof large / 2));
        answer_cache_free(cache);
}

static void too_little_memory_keeps_nothing(void **state)
{
        (void)state;
        static const size_t sizes[] = {0, 1, 8, 16, 63, 64};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                struct answer_cache *cache = answer_cache_new(sizes[i], TTL_MS);
                put(cache, 1, 0, 11);
                assert_int_equal(get(cache, 1, 0), 0);
                assert_int_equal(answer_cache_bytes(cache), 0);
                answer_cache_free(cache);
        }
}

static uint32_t next(uint32_t *random)
{
        *random = *random * 1664525U + 1013904223U;
        return *random >> 8;
}

/* Each value begins with its key's number; so a hit proves itself. */
static void step(struct answer_cache *cache, uint32_t *random, int64_t now_ms)
{
        static const size_t sizes[] = {4, 8, 100, 344, 1500};
        uint32_t number = next(random) % 500, found = 0;
        unsigned char value[1500] = {0};
        struct digest key = key_of(number);
        size_t size = sizes[next(random) % 5];
        memcpy(value, &number, sizeof number);
        if (next(random) % 2)
                answer_cache_put(cache, &key, now_ms, value, size);
        else if (answer_cache_get(cache, &key, now_ms, value, size))
                memcpy(&found, value, sizeof found);
        assert_true(found == 0 || found == number);
}

static void bytes_stay_bounded_whatever_is_done(void **state)
{
        (void)state;
        static const size_t sizes[] = {100, 1000, 5000, 65536, 200000, 1 << 20};
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                uint32_t random = (uint32_t)i;
                struct answer_cache *cache = answer_cache_new(sizes[i], TTL_MS);
                for (int64_t turn = 0; turn < 20000; turn++) {
                        step(cache, &random, turn / 4);
                        if (answer_cache_bytes(cache) > sizes[i])
                                fail_msg("%zu of %zu bytes", answer_cache_bytes(cache), sizes[i]);
                }
                assert_true(answer_cache_count(cache) <= 500);
                answer_cache_free(cache);
        }
}

enum { THREADS = 4, TURNS = 20000, SHARED_BYTES = 150000 };

struct crowd {
        struct answer_cache *cache;
        _Atomic int over;
};

static void *run(void *arg)
{
        struct crowd *crowd = arg;
        uint32_t random = (uint32_t)(uintptr_t)&random;
        for (int i = 0; i < TURNS; i++) {
                step(crowd->cache, &random, i / 4);
                if (answer_cache_bytes(crowd->cache) > SHARED_BYTES)
                        atomic_fetch_add(&crowd->over, 1);
        }
        return NULL;
}

static void threads_share_it(void **state)
{
        (void)state;
        struct crowd crowd = {.cache = answer_cache_new(SHARED_BYTES, TTL_MS)};
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, run, &crowd), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(crowd.over, 0);
        assert_true(answer_cache_count(crowd.cache) > 0);
        answer_cache_free(crowd.cache);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_put_is_found),
                cmocka_unit_test(keys_that_differ_in_one_byte_are_two),
                cmocka_unit_test(an_entry_lives_from_its_put_however_often_it_is_read),
                cmocka_unit_test(a_put_replaces_value_and_age),
                cmocka_unit_test(a_value_of_another_size_is_none),
                cmocka_unit_test(who_was_not_asked_for_longest_makes_room),
                cmocka_unit_test(a_value_too_large_is_not_kept_nor_what_it_replaces),
                cmocka_unit_test(too_little_memory_keeps_nothing),
                cmocka_unit_test(bytes_stay_bounded_whatever_is_done),
                cmocka_unit_test(threads_share_it),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
