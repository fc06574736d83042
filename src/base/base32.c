/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base32.h"

#include <string.h>

static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

void base32_encode(uint64_t high, uint64_t low, char ret_text[BASE32_CHARS + 1])
{
        unsigned __int128 value = ((unsigned __int128)high << 64) | low;
        for (int i = BASE32_CHARS - 1; i >= 0; i--) {
                ret_text[i] = digits[(unsigned)value & 31];
                value >>= 5;
        }
        ret_text[BASE32_CHARS] = '\0';
}

bool base32_decode(struct str text, uint64_t *ret_high, uint64_t *ret_low)
{
        unsigned __int128 value = 0;
        if (text.len != BASE32_CHARS || text.ptr[0] > '7')
                return false;
        for (size_t i = 0; i < text.len; i++) {
                const char *at = text.ptr[i] ? strchr(digits, text.ptr[i]) : NULL;
                if (!at)
                        return false;
                value = (value << 5) | (unsigned)(at - digits);
        }
        *ret_high = (uint64_t)(value >> 64);
        *ret_low = (uint64_t)value;
        return true;
}
