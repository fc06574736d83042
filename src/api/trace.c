/* SPDX-License-Identifier: Apache-2.0 */
#include "api/trace.h"

#include "base/hash.h"

#include <string.h>

/* "00-" 32 digits "-" 16 digits "-" 2 digits; later versions may append more behind a dash. */
enum { TRACE_AT = 3, TRACE_DIGITS = 32, SPAN_AT = 36, SPAN_DIGITS = 16, FLAGS_AT = 53, PARENT_BYTES = 55 };

static bool is_hex(struct str text)
{
        for (size_t i = 0; i < text.len; i++) {
                char c = text.ptr[i];
                if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
                        return false;
        }
        return true;
}

/* An id of zeros is not one. */
static bool is_id(struct str text)
{
        size_t zeros = 0;
        while (zeros < text.len && text.ptr[zeros] == '0')
                zeros++;
        return zeros < text.len && is_hex(text);
}

static bool is_valid(struct str sent)
{
        if (sent.len < PARENT_BYTES || sent.ptr[2] != '-' || sent.ptr[35] != '-' || sent.ptr[52] != '-')
                return false;
        bool is_first_version = memcmp(sent.ptr, "00", 2) == 0;
        if (memcmp(sent.ptr, "ff", 2) == 0 || (is_first_version ? sent.len != PARENT_BYTES
                                                                : sent.len > PARENT_BYTES && sent.ptr[PARENT_BYTES] != '-'))
                return false;
        return is_hex((struct str){sent.ptr, 2}) && is_hex((struct str){sent.ptr + FLAGS_AT, 2}) &&
               is_id((struct str){sent.ptr + TRACE_AT, TRACE_DIGITS}) &&
               is_id((struct str){sent.ptr + SPAN_AT, SPAN_DIGITS});
}

struct str trace_parent(struct str sent, struct arena *arena)
{
        uint64_t words[3];
        random_bytes(words, sizeof words);
        words[0] |= 1; /* never zeros */
        words[2] |= 1;
        if (is_valid(sent))
                return arena_format(arena, "00-%.*s-%016lx-%.2s", TRACE_DIGITS, sent.ptr + TRACE_AT, words[2],
                                    sent.ptr + FLAGS_AT);
        return arena_format(arena, "00-%016lx%016lx-%016lx-00", words[0], words[1], words[2]);
}
