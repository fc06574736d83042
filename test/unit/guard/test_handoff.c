/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "guard/handoff.h"

#include <pthread.h>

static struct digest conversation(const char *name)
{
        return digest_sha256(str_from(name));
}

static void a_conversation_is_held_until_its_last_review_is_closed(void **state)
{
        (void)state;
        struct handoff *handoff = handoff_new(8);
        struct digest a = conversation("a"), b = conversation("b");
        assert_int_equal(handoff_ask(handoff, &a).row, 0);
        assert_true(handoff_open(handoff, &a, 7, 70, false));
        assert_true(handoff_open(handoff, &a, 9, 90, false));
        assert_true(handoff_open(handoff, &a, 7, 70, false)); /* again */
        assert_int_equal(handoff_count(handoff), 2);
        assert_int_equal(handoff_ask(handoff, &a).row, 7);
        assert_int_equal(handoff_ask(handoff, &a).check, 70);
        assert_int_equal(handoff_ask(handoff, &b).row, 0);
        handoff_close(handoff, &b, 7);
        handoff_close(handoff, &a, 7);
        handoff_close(handoff, &a, 7);
        assert_int_equal(handoff_ask(handoff, &a).row, 9);
        handoff_close(handoff, &a, 9);
        assert_int_equal(handoff_ask(handoff, &a).row, 0);
        assert_int_equal(handoff_count(handoff), 0);
        handoff_free(handoff);
        handoff_free(NULL);
}

static void the_notice_is_given_once_unless_it_is_taken_back(void **state)
{
        (void)state;
        struct handoff *handoff = handoff_new(8);
        struct digest a = conversation("a"), b = conversation("b");
        assert_true(handoff_open(handoff, &a, 1, 1, false));
        assert_true(handoff_ask(handoff, &a).is_first);
        assert_false(handoff_ask(handoff, &a).is_first);
        handoff_take_back(handoff, &a);
        assert_true(handoff_ask(handoff, &a).is_first);
        assert_true(handoff_open(handoff, &a, 2, 2, false)); /* another review, the same conversation */
        assert_false(handoff_ask(handoff, &a).is_first);
        handoff_close(handoff, &a, 1);
        assert_false(handoff_ask(handoff, &a).is_first);
        assert_true(handoff_open(handoff, &b, 3, 3, true));
        assert_false(handoff_ask(handoff, &b).is_first);
        handoff_free(handoff);
}

static void over_the_maximum_nothing_more_is_held(void **state)
{
        (void)state;
        struct handoff *handoff = handoff_new(1);
        struct digest a = conversation("a"), b = conversation("b");
        assert_true(handoff_open(handoff, &a, 1, 1, false));
        assert_false(handoff_open(handoff, &b, 2, 2, false));
        assert_int_equal(handoff_ask(handoff, &b).row, 0);
        handoff_close(handoff, &a, 1);
        assert_true(handoff_open(handoff, &b, 2, 2, false));
        handoff_free(handoff);
}

enum { RACERS = 4, ROUNDS = 2000 };

static struct handoff *shared;
static _Atomic int told;

static void *race(void *arg)
{
        struct digest a = conversation("a");
        for (int i = 0; i < ROUNDS; i++)
                told += handoff_ask(shared, &a).is_first;
        return arg;
}

static void of_many_at_once_one_tells(void **state)
{
        (void)state;
        pthread_t threads[RACERS];
        struct digest a = conversation("a");
        shared = handoff_new(8);
        assert_true(handoff_open(shared, &a, 1, 1, false));
        for (int i = 0; i < RACERS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, race, NULL), 0);
        for (int i = 0; i < RACERS; i++)
                pthread_join(threads[i], NULL);
        assert_int_equal(told, 1);
        handoff_free(shared);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_conversation_is_held_until_its_last_review_is_closed),
                cmocka_unit_test(the_notice_is_given_once_unless_it_is_taken_back),
                cmocka_unit_test(over_the_maximum_nothing_more_is_held),
                cmocka_unit_test(of_many_at_once_one_tells),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
