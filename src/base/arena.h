/* SPDX-License-Identifier: Apache-2.0 */
/* Arena: memory that is given out piece by piece and taken back all at once.
 *
 * Born with its maximum: over it arena_alloc() returns NULL and the arena remembers it
 * (arena_is_full), so that a request's memory is bounded whatever its input. Blocks are taken
 * from the heap and doubled up to 64 KiB; of the smallest each thread keeps a few (256 KiB at most) for the
 * next arena. Owned by one request; not thread-safe.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/err.h"
#include "base/str.h"

struct arena_block;

struct arena {
        struct arena_block *blocks; /* owns; newest first */
        char *next;                 /* first free byte of the newest block */
        char *end;
        size_t used_bytes; /* sum of all blocks */
        size_t max_bytes;
        bool is_full;
};

/* `max_bytes` bounds the sum of all blocks. Allocates nothing yet. */
void arena_init(struct arena *arena, size_t max_bytes);

/* Frees everything that came out of it. */
void arena_deinit(struct arena *arena);

/* 16-byte aligned memory, not zeroed; NULL when the maximum is reached. */
void *arena_alloc(struct arena *arena, size_t bytes) MUST_USE;

/* Zeroed memory for one `type`, or NULL. */
#define arena_new(arena, type) ((type *)arena_zeroed(arena, sizeof(type)))
void *arena_zeroed(struct arena *arena, size_t bytes) MUST_USE;

/* A copy with a NUL behind it; the absent string when the maximum is reached or `s` is absent. */
struct str arena_copy(struct arena *arena, struct str s);

/* printf into the arena; the absent string when the maximum is reached. */
struct str arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
