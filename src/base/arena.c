/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "base/alloc.h"

#include <assert.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks of the first size that a thread keeps instead of giving them back: each message takes several, and the
 * heap, which all threads share, splits and joins its chunks for that size. None where a sanitizer has to see each
 * use of freed memory. */
#ifndef ARENA_KEPT_BLOCKS
#define ARENA_KEPT_BLOCKS 64
#endif

enum { FIRST_BLOCK = 4096, LARGEST_BLOCK = 65536, ALIGNMENT = 16 };

struct arena_block {
        struct arena_block *older;
        size_t bytes;
        _Alignas(ALIGNMENT) char data[];
};

static __thread struct {
        struct arena_block *blocks; /* owns */
        size_t count;
} kept;
static pthread_key_t kept_key;
static pthread_once_t kept_once = PTHREAD_ONCE_INIT;

static void free_kept(void *unused)
{
        (void)unused;
        while (kept.blocks) {
                struct arena_block *older = kept.blocks->older;
                free(kept.blocks);
                kept.blocks = older;
        }
        kept.count = 0;
}

static void make_key(void)
{
        int failed = pthread_key_create(&kept_key, free_kept);
        assert(!failed);
}

static struct arena_block *block_new(size_t bytes)
{
        struct arena_block *block = bytes == FIRST_BLOCK ? kept.blocks : NULL;
        if (!block)
                return alloc_resize(NULL, sizeof *block + bytes);
        kept.blocks = block->older;
        kept.count--;
        return block;
}

static void block_free(struct arena_block *block)
{
        if (block->bytes != FIRST_BLOCK || kept.count + 1 > ARENA_KEPT_BLOCKS) {
                free(block);
                return;
        }
        if (!kept.blocks) { /* the end of the thread frees them */
                pthread_once(&kept_once, make_key);
                pthread_setspecific(kept_key, &kept);
        }
        block->older = kept.blocks;
        kept.blocks = block;
        kept.count++;
}

void arena_init(struct arena *arena, size_t max_bytes)
{
        *arena = (struct arena){.max_bytes = max_bytes};
}

void arena_deinit(struct arena *arena)
{
        struct arena_block *block = arena->blocks;
        while (block) {
                struct arena_block *older = block->older;
                block_free(block);
                block = older;
        }
        arena_init(arena, arena->max_bytes);
}

static size_t next_block_bytes(const struct arena *arena, size_t wanted)
{
        size_t bytes = arena->blocks ? arena->blocks->bytes * 2 : FIRST_BLOCK;
        if (bytes > LARGEST_BLOCK)
                bytes = LARGEST_BLOCK;
        if (bytes < wanted)
                bytes = wanted;
        size_t left = arena->max_bytes - arena->used_bytes;
        return bytes <= left ? bytes : left;
}

static bool grow(struct arena *arena, size_t wanted)
{
        size_t bytes = next_block_bytes(arena, wanted);
        if (bytes < wanted) {
                arena->is_full = true;
                return false;
        }
        /* Not zeroed: a request pays only for the pages that it touches. */
        struct arena_block *block = block_new(bytes);
        block->older = arena->blocks;
        block->bytes = bytes;
        arena->blocks = block;
        arena->next = block->data;
        arena->end = block->data + bytes;
        arena->used_bytes += bytes;
        return true;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
        if (bytes > arena->max_bytes) {
                arena->is_full = true;
                return NULL;
        }
        size_t rounded = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
        if ((size_t)(arena->end - arena->next) < rounded && !grow(arena, rounded))
                return NULL;
        void *ptr = arena->next;
        arena->next += rounded;
        return ptr;
}

void *arena_zeroed(struct arena *arena, size_t bytes)
{
        void *ptr = arena_alloc(arena, bytes);
        if (ptr)
                memset(ptr, 0, bytes);
        return ptr;
}

struct str arena_copy(struct arena *arena, struct str s)
{
        if (!s.ptr)
                return s;
        char *copy = arena_alloc(arena, s.len + 1);
        if (!copy)
                return (struct str){0};
        memcpy(copy, s.ptr, s.len);
        copy[s.len] = '\0';
        return (struct str){copy, s.len};
}

struct str arena_format(struct arena *arena, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        va_list again;
        va_copy(again, args);
        /* Where the next piece will stand: most texts fit there and are printed once. */
        size_t room = (size_t)(arena->end - arena->next);
        int len = vsnprintf(arena->next, room, format, args);
        va_end(args);
        char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
        if (text && (size_t)len >= room)
                vsnprintf(text, (size_t)len + 1, format, again);
        va_end(again);
        return (struct str){text, text ? (size_t)len : 0};
}
