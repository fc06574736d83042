/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share.
 *
 * A target is one file with LLVMFuzzerTestOneInput(): it hands any bytes to one parser and asserts
 * what the parser's header promises, so that a broken promise is found and not only a crash.
 * asserts are never compiled out here. The same file is linked with libFuzzer (script/fuzz) and with
 * replay.c, which makes an ordinary test of each corpus file; a target therefore keeps nothing
 * between two inputs that would change what the second one does.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <assert.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Takes the first byte off the input, for a choice; 0 of an empty one. */
static inline uint8_t fuzz_take_byte(struct str *input)
{
        if (input->len == 0)
                return 0;
        uint8_t byte = (uint8_t)*input->ptr;
        *input = (struct str){input->ptr + 1, input->len - 1};
        return byte;
}

static inline struct str fuzz_input(const uint8_t *data, size_t size)
{
        return (struct str){(const char *)data, size};
}

#endif
