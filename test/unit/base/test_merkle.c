/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/hex.h"
#include "base/merkle.h"

#include <string.h>

enum { LEAVES = 700 };

/* The leaves and roots with which implementations of RFC 6962 are compared. */
static const char *const inputs[] = {"", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                                     "606162636465666768696a6b6c6d6e6f"};
static const char *const roots[] = {
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static struct digest leaves[LEAVES];
static struct digest root_of[LEAVES + 1];

static void assert_digest(struct digest digest, const char *expected)
{
        char hex[65];
        digest_to_hex(&digest, hex);
        assert_string_equal(hex, expected);
}

static void roots_are_those_of_rfc_6962(void **state)
{
        (void)state;
        struct merkle tree = {0};
        struct digest tiles[MERKLE_TILE_LEVELS];
        assert_digest(merkle_root(&tree), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        for (size_t i = 0; i < sizeof inputs / sizeof *inputs; i++) {
                char leaf[32] = {0};
                size_t len = strlen(inputs[i]) / 2;
                assert_true(hex_read(str_from(inputs[i]), leaf + 1, len));
                assert_int_equal(merkle_add(&tree, merkle_leaf((struct str){leaf, len + 1}), tiles), 0);
                assert_digest(merkle_root(&tree), roots[i]);
        }
}

static enum err subtree(void *arg, unsigned level, uint64_t index, struct digest *ret_hash)
{
        (void)arg;
        if (level == 0) {
                *ret_hash = leaves[index];
                return ERR_OK;
        }
        struct digest left, right;
        assert_ok(subtree(arg, level - 1, 2 * index, &left));
        assert_ok(subtree(arg, level - 1, 2 * index + 1, &right));
        *ret_hash = merkle_node(&left, &right);
        return ERR_OK;
}

static int grow(void **state)
{
        (void)state;
        struct merkle tree = {0};
        struct digest tiles[MERKLE_TILE_LEVELS], expected;
        root_of[0] = merkle_root(&tree);
        for (size_t i = 0; i < LEAVES; i++) {
                char leaf[5] = {0, (char)(i & 127), (char)(i >> 7), 'x', 'y'};
                leaves[i] = merkle_leaf((struct str){leaf, sizeof leaf});
                size_t count = merkle_add(&tree, leaves[i], tiles);
                assert_int_equal(count, (i + 1) % 256 == 0);
                if (count) {
                        assert_ok(subtree(NULL, MERKLE_TILE_HEIGHT, i / 256, &expected));
                        assert_true(digest_equal(&tiles[0], &expected));
                }
                root_of[i + 1] = merkle_root(&tree);
        }
        return 0;
}

/* Sizes around powers of two, and some between them. */
static const uint64_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 100, 255, 256, 257, 511, 512, 513, 699, 700};
enum { SIZES = sizeof sizes / sizeof *sizes };

static void every_leaf_is_proven_and_nothing_else(void **state)
{
        (void)state;
        struct merkle_path path;
        for (size_t s = 0; s < SIZES; s++) {
                for (uint64_t i = 0; i < sizes[s]; i++) {
                        const struct digest *root = &root_of[sizes[s]];
                        assert_ok(merkle_inclusion(i, sizes[s], subtree, NULL, &path));
                        assert_true(merkle_verify_inclusion(i, sizes[s], &leaves[i], &path, root));
                        assert_false(merkle_verify_inclusion(i, sizes[s], &leaves[(i + 1) % LEAVES], &path, root));
                        assert_false(merkle_verify_inclusion(i ^ 1, sizes[s], &leaves[i], &path, root) && sizes[s] > 1);
                        assert_false(merkle_verify_inclusion(i, sizes[s], &leaves[i], &path, &root_of[sizes[s] - 1]));
                        path.count += path.count ? -1 : 1;
                        assert_false(merkle_verify_inclusion(i, sizes[s], &leaves[i], &path, root));
                }
        }
}

static void growth_is_proven_and_nothing_else(void **state)
{
        (void)state;
        struct merkle_path path;
        for (size_t n = 0; n < SIZES; n++) {
                for (size_t o = 0; o <= n; o++) {
                        const struct digest *old_root = &root_of[sizes[o]], *root = &root_of[sizes[n]];
                        assert_ok(merkle_consistency(sizes[o], sizes[n], subtree, NULL, &path));
                        assert_true(merkle_verify_consistency(sizes[o], old_root, sizes[n], root, &path));
                        assert_false(merkle_verify_consistency(sizes[o], &root_of[sizes[o] - 1], sizes[n], root, &path));
                        if (path.count == 0)
                                continue;
                        path.nodes[path.count / 2].bytes[7] ^= 4;
                        assert_false(merkle_verify_consistency(sizes[o], old_root, sizes[n], root, &path));
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(roots_are_those_of_rfc_6962),
                cmocka_unit_test(every_leaf_is_proven_and_nothing_else),
                cmocka_unit_test(growth_is_proven_and_nothing_else),
        };
        return cmocka_run_group_tests(tests, grow, NULL);
}
