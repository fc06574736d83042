/* SPDX-License-Identifier: Apache-2.0 */
#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *ptr)
{
        if (!ptr) {
                fputs("triaged: out of memory\n", stderr);
                abort();
        }
        return ptr;
}

void *alloc_zeroed(size_t count, size_t size)
{
        return checked(calloc(count ? count : 1, size ? size : 1));
}

void *alloc_resize(void *ptr, size_t bytes)
{
        return checked(realloc(ptr, bytes ? bytes : 1));
}

char *alloc_copy(const char *ptr, size_t len)
{
        char *copy = checked(malloc(len + 1));
        if (len)
                memcpy(copy, ptr, len);
        copy[len] = '\0';
        return copy;
}
