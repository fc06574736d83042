/* SPDX-License-Identifier: Apache-2.0 */
/* Heap memory that is there or the process is not.
 *
 * Out of memory aborts with a message: sound only because everything that grows has a cap
 * (buf, arena, tables), so that input never chooses an allocation's size.
 * Memory is released with free().
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>

/* Zeroed memory for `count` elements of `size` bytes; never NULL; aborts on overflow. */
void *alloc_zeroed(size_t count, size_t size) __attribute__((malloc, returns_nonnull));

/* realloc() that aborts instead of failing. */
void *alloc_resize(void *ptr, size_t bytes) __attribute__((returns_nonnull));

/* A heap copy of `len` bytes with a NUL behind them. */
char *alloc_copy(const char *ptr, size_t len) __attribute__((malloc, returns_nonnull));

#endif
