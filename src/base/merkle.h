/* SPDX-License-Identifier: Apache-2.0 */
/* A Merkle tree over a growing log, as RFC 6962 and RFC 9162 (section 2.1) have it: SHA-256, 0x00 before a leaf,
 * 0x01 before two children.
 *
 * Whoever appends keeps the roots of the perfect subtrees of which the tree consists, at most 64. Whoever proves
 * brings a function that knows the hash of any perfect subtree; storing every eighth level ("tiles") keeps that cheap.
 * Pure.
 */
#ifndef BASE_MERKLE_H
#define BASE_MERKLE_H

#include "base/err.h"
#include "base/hash.h"

enum { MERKLE_TILE_HEIGHT = 8, MERKLE_TILE_LEVELS = 8, MERKLE_PATH_MAX = 128 };

/* All zero: the empty tree. */
struct merkle {
        uint64_t size;             /* leaves */
        struct digest roots[64];   /* [level], where bit `level` of size is set */
};

/* `leaf_input` is 0x00 and the entry's bytes: the caller has room for the one byte, nobody copies. */
struct digest merkle_leaf(struct str leaf_input);
struct digest merkle_node(const struct digest *left, const struct digest *right);

/* Appends a leaf. ret_tiles[i] becomes the hash of the subtree of height 8 * (i + 1) that it completes; returns
 * how many it completes. */
size_t merkle_add(struct merkle *tree, struct digest leaf, struct digest ret_tiles[MERKLE_TILE_LEVELS]);

/* Of the empty tree: the hash of nothing. */
struct digest merkle_root(const struct merkle *tree);

/* The hash of the perfect subtree over the leaves [index << level, (index + 1) << level). */
typedef enum err merkle_subtree_fn(void *arg, unsigned level, uint64_t index, struct digest *ret_hash);

struct merkle_path {
        struct digest nodes[MERKLE_PATH_MAX];
        size_t count;
};

/* That leaf `index` is in the tree of `size` leaves (2.1.3.1); index < size. Fails as `subtree` does. */
enum err merkle_inclusion(uint64_t index, uint64_t size, merkle_subtree_fn *subtree, void *arg,
                          struct merkle_path *ret_path);

/* That the tree of `old_size` leaves is the beginning of that of `size` (2.1.4.1); 0 < old_size <= size. */
enum err merkle_consistency(uint64_t old_size, uint64_t size, merkle_subtree_fn *subtree, void *arg,
                            struct merkle_path *ret_path);

/* 2.1.3.2 and 2.1.4.2. */
bool merkle_verify_inclusion(uint64_t index, uint64_t size, const struct digest *leaf, const struct merkle_path *path,
                             const struct digest *root);
bool merkle_verify_consistency(uint64_t old_size, const struct digest *old_root, uint64_t size,
                               const struct digest *root, const struct merkle_path *path);

#endif
