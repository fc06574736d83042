/* SPDX-License-Identifier: Apache-2.0 */
#include "base/merkle.h"

#include <assert.h>
#include <string.h>

struct digest merkle_leaf(struct str leaf_input)
{
        assert(leaf_input.len > 0 && leaf_input.ptr[0] == '\0');
        return digest_sha256(leaf_input);
}

struct digest merkle_node(const struct digest *left, const struct digest *right)
{
        char input[1 + 2 * sizeof left->bytes] = {1};
        memcpy(input + 1, left->bytes, sizeof left->bytes);
        memcpy(input + 1 + sizeof left->bytes, right->bytes, sizeof right->bytes);
        return digest_sha256((struct str){input, sizeof input});
}

size_t merkle_add(struct merkle *tree, struct digest leaf, struct digest ret_tiles[MERKLE_TILE_LEVELS])
{
        size_t tiles = 0;
        unsigned level = 0;
        for (; tree->size >> level & 1; level++) {
                leaf = merkle_node(&tree->roots[level], &leaf);
                if ((level + 1) % MERKLE_TILE_HEIGHT == 0 && tiles < MERKLE_TILE_LEVELS)
                        ret_tiles[tiles++] = leaf;
        }
        tree->roots[level] = leaf;
        tree->size++;
        return tiles;
}

struct digest merkle_root(const struct merkle *tree)
{
        struct digest root;
        if (tree->size == 0)
                return digest_sha256(STR(""));
        unsigned level = (unsigned)__builtin_ctzll(tree->size);
        root = tree->roots[level];
        while (++level < 64)
                if (tree->size >> level & 1)
                        root = merkle_node(&tree->roots[level], &root);
        return root;
}

/* ---- Proofs ---- */

struct prover {
        merkle_subtree_fn *subtree;
        void *arg;
        struct merkle_path *path;
};

/* The leaves that the left child has: the largest power of two below `count`, which is at least 2. */
static uint64_t left_count(uint64_t count)
{
        return 1ULL << (63 - __builtin_clzll(count - 1));
}

/* The hash over the leaves [from, to); from is a multiple of the power of two that holds them. */
static enum err hash_range(const struct prover *prover, uint64_t from, uint64_t to, struct digest *ret_hash)
{
        uint64_t count = to - from;
        if ((count & (count - 1)) == 0) {
                unsigned level = (unsigned)__builtin_ctzll(count);
                return prover->subtree(prover->arg, level, from >> level, ret_hash);
        }
        struct digest left, right;
        uint64_t middle = from + left_count(count);
        enum err err = hash_range(prover, from, middle, &left);
        if (!err)
                err = hash_range(prover, middle, to, &right);
        if (!err)
                *ret_hash = merkle_node(&left, &right);
        return err;
}

static enum err push(const struct prover *prover, uint64_t from, uint64_t to)
{
        struct merkle_path *path = prover->path;
        assert(path->count < MERKLE_PATH_MAX);
        return hash_range(prover, from, to, &path->nodes[path->count++]);
}

static enum err prove_inclusion(const struct prover *prover, uint64_t index, uint64_t from, uint64_t to)
{
        if (to - from == 1)
                return ERR_OK;
        uint64_t middle = from + left_count(to - from);
        bool is_left = index < middle;
        enum err err = prove_inclusion(prover, index, is_left ? from : middle, is_left ? middle : to);
        return err ? err : push(prover, is_left ? middle : from, is_left ? to : middle);
}

enum err merkle_inclusion(uint64_t index, uint64_t size, merkle_subtree_fn *subtree, void *arg,
                          struct merkle_path *ret_path)
{
        assert(index < size);
        ret_path->count = 0;
        return prove_inclusion(&(struct prover){subtree, arg, ret_path}, index, 0, size);
}

/* `is_whole`: the old tree's part of [from, to) is a subtree of the old tree as it stood, which its owner knows. */
static enum err prove_consistency(const struct prover *prover, uint64_t old_size, uint64_t from, uint64_t to, bool is_whole)
{
        if (old_size == to)
                return is_whole ? ERR_OK : push(prover, from, to);
        uint64_t middle = from + left_count(to - from);
        if (old_size <= middle) {
                enum err err = prove_consistency(prover, old_size, from, middle, is_whole);
                return err ? err : push(prover, middle, to);
        }
        enum err err = prove_consistency(prover, old_size, middle, to, false);
        return err ? err : push(prover, from, middle);
}

enum err merkle_consistency(uint64_t old_size, uint64_t size, merkle_subtree_fn *subtree, void *arg,
                            struct merkle_path *ret_path)
{
        assert(old_size > 0 && old_size <= size);
        ret_path->count = 0;
        return prove_consistency(&(struct prover){subtree, arg, ret_path}, old_size, 0, size, true);
}

/* ---- Verification, in the words of RFC 9162 ---- */

bool merkle_verify_inclusion(uint64_t index, uint64_t size, const struct digest *leaf, const struct merkle_path *path,
                             const struct digest *root)
{
        if (index >= size)
                return false;
        uint64_t fn = index, sn = size - 1;
        struct digest hash = *leaf;
        for (size_t i = 0; i < path->count; i++) {
                const struct digest *node = &path->nodes[i];
                if (sn == 0)
                        return false;
                if (fn & 1 || fn == sn) {
                        hash = merkle_node(node, &hash);
                        while (!(fn & 1) && fn != 0) {
                                fn >>= 1;
                                sn >>= 1;
                        }
                } else {
                        hash = merkle_node(&hash, node);
                }
                fn >>= 1;
                sn >>= 1;
        }
        return sn == 0 && digest_equal(&hash, root);
}

bool merkle_verify_consistency(uint64_t old_size, const struct digest *old_root, uint64_t size,
                               const struct digest *root, const struct merkle_path *path)
{
        if (old_size == 0 || old_size > size)
                return false;
        if (old_size == size)
                return path->count == 0 && digest_equal(old_root, root);
        uint64_t fn = old_size - 1, sn = size - 1;
        for (; fn & 1; fn >>= 1)
                sn >>= 1;
        /* A power of two is a subtree of the new tree: its root is not repeated in the path. */
        bool is_power = (old_size & (old_size - 1)) == 0;
        if (!is_power && path->count == 0)
                return false;
        struct digest fr = is_power ? *old_root : path->nodes[0];
        struct digest sr = fr;
        for (size_t i = is_power ? 0 : 1; i < path->count; i++) {
                const struct digest *node = &path->nodes[i];
                if (sn == 0)
                        return false;
                if (fn & 1 || fn == sn) {
                        fr = merkle_node(node, &fr);
                        sr = merkle_node(node, &sr);
                        while (!(fn & 1) && fn != 0) {
                                fn >>= 1;
                                sn >>= 1;
                        }
                } else {
                        sr = merkle_node(&sr, node);
                }
                fn >>= 1;
                sn >>= 1;
        }
        return sn == 0 && digest_equal(&fr, old_root) && digest_equal(&sr, root);
}
