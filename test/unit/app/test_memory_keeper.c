/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "app/memory_keeper.h"
#include "app/process_sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCKS = 65536, BLOCK_BYTES = 1024, MIB = 1 << 20 };

static void *blocks[BLOCKS];

static void fill(void)
{
        for (size_t i = 0; i < BLOCKS; i++) {
                blocks[i] = malloc(BLOCK_BYTES);
                assert_non_null(blocks[i]);
                memset(blocks[i], 'x', BLOCK_BYTES);
        }
}

static void what_a_burst_has_left_goes_back(void **state)
{
        (void)state;
        struct memory_keeper keeper = {.wait_ms = 10000};
        assert_false(memory_keeper_look(&keeper));
        fill();
        for (size_t i = 0; i + 1 < BLOCKS; i++)
                free(blocks[i]);
        assert_true(process_anonymous_bytes() > 60 * MIB);
        assert_true(memory_keeper_look(&keeper));
        assert_true(process_anonymous_bytes() < 20 * MIB);
        assert_false(memory_keeper_look(&keeper));
        assert_int_equal(keeper.wait_ms, 10000);
        free(blocks[BLOCKS - 1]); /* lay above all the others */
}

/* A block in use on every page: nothing can be had back. */
static void in_vain_it_waits_longer(void **state)
{
        (void)state;
        struct memory_keeper keeper = {.wait_ms = 10000};
        fill();
        for (size_t i = 1; i < BLOCKS; i += 2)
                free(blocks[i]);
        assert_true(memory_keeper_look(&keeper));
        assert_true(memory_keeper_look(&keeper));
        assert_int_equal(keeper.wait_ms, 40000);
        for (size_t i = 0; i < BLOCKS; i += 2)
                free(blocks[i]);
        memory_keeper_look(&keeper); /* the C library may have been quicker */
        assert_int_equal(keeper.wait_ms, 10000);
}

static void what_is_in_use_is_left_alone(void **state)
{
        (void)state;
        struct memory_keeper keeper = {.wait_ms = 10000};
        assert_false(memory_keeper_look(&keeper));
        char *used = malloc(64 * MIB);
        assert_non_null(used);
        memset(used, 'x', 64 * MIB);
        assert_false(memory_keeper_look(&keeper));
        assert_int_equal(used[MIB], 'x');
        free(used);
}

int main(void)
{
#ifdef __SANITIZE_ADDRESS__
        puts("1..0 # SKIP what is freed under ASan, ASan keeps");
        return 0;
#endif
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_a_burst_has_left_goes_back),
                cmocka_unit_test(in_vain_it_waits_longer),
                cmocka_unit_test(what_is_in_use_is_left_alone),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
