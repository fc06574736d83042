/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "guard/claims.h"

#include <pthread.h>
#include <stdatomic.h>

static struct digest key_of(uint32_t number)
{
        return digest_sha256((struct str){(const char *)&number, sizeof number});
}

static void a_key_has_one_holder(void **state)
{
        (void)state;
        struct claims *claims = claims_new(64);
        struct digest a = key_of(1), b = key_of(2);
        assert_ok(claim_take(claims, &a));
        assert_int_equal(claim_take(claims, &a), ERR_IN_FLIGHT);
        assert_ok(claim_take(claims, &b));
        claim_release(claims, &a);
        assert_ok(claim_take(claims, &a));
        assert_int_equal(claim_take(claims, &b), ERR_IN_FLIGHT);
        assert_int_equal(claims_count(claims), 2);
        claims_free(claims); /* with claims held */
        claims_free(NULL);
}

static void keys_that_differ_in_one_byte_are_two(void **state)
{
        (void)state;
        struct claims *claims = claims_new(1);
        for (size_t i = 0; i < sizeof(struct digest); i++) {
                struct digest a = key_of(1), b = a;
                b.bytes[i] ^= 1;
                assert_ok(claim_take(claims, &a));
                assert_int_equal(claim_take(claims, &b), ERR_OVERLOADED); /* not in flight */
                claim_release(claims, &a);
        }
        claims_free(claims);
}

static void a_full_table_refuses_and_recovers(void **state)
{
        (void)state;
        enum { MAX = 1000 };
        struct claims *claims = claims_new(MAX);
        for (uint32_t i = 0; i < MAX; i++) {
                struct digest key = key_of(i);
                assert_ok(claim_take(claims, &key));
        }
        struct digest more = key_of(MAX), held = key_of(5);
        assert_int_equal(claim_take(claims, &more), ERR_OVERLOADED);
        assert_int_equal(claim_take(claims, &held), ERR_IN_FLIGHT);
        claim_release(claims, &held);
        assert_ok(claim_take(claims, &more));
        claim_release(claims, &more);
        for (uint32_t i = 0; i < MAX; i++) {
                struct digest key = key_of(i);
                if (i != 5)
                        claim_release(claims, &key);
        }
        assert_int_equal(claims_count(claims), 0);
        claims_free(claims);
}

enum { THREADS = 4, KEYS = 2, TURNS = 100000 };

struct race {
        struct claims *claims;
        _Atomic int holders[KEYS];
        _Atomic int collisions;
};

static void *run(void *arg)
{
        struct race *race = arg;
        struct digest keys[KEYS] = {key_of(0), key_of(1)};
        for (uint32_t i = 0; i < TURNS; i++) {
                const struct digest *key = &keys[i % KEYS];
                if (claim_take(race->claims, key) != ERR_OK)
                        continue;
                if (atomic_fetch_add(&race->holders[i % KEYS], 1) != 0)
                        atomic_fetch_add(&race->collisions, 1);
                atomic_fetch_sub(&race->holders[i % KEYS], 1);
                claim_release(race->claims, key);
        }
        return NULL;
}

static void threads_never_hold_one_key_together(void **state)
{
        (void)state;
        struct race race = {.claims = claims_new(KEYS)};
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, run, &race), 0);
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(race.collisions, 0);
        assert_int_equal(claims_count(race.claims), 0);
        claims_free(race.claims);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_key_has_one_holder),
                cmocka_unit_test(keys_that_differ_in_one_byte_are_two),
                cmocka_unit_test(a_full_table_refuses_and_recovers),
                cmocka_unit_test(threads_never_hold_one_key_together),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
