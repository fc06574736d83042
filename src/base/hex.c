/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

static int value_of(char digit)
{
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

void hex_write(const void *ptr, size_t len, char *ret_text)
{
        static const char digits[] = "0123456789abcdef";
        const unsigned char *bytes = ptr;
        for (size_t i = 0; i < len; i++) {
                ret_text[2 * i] = digits[bytes[i] >> 4];
                ret_text[2 * i + 1] = digits[bytes[i] & 15];
        }
        ret_text[2 * len] = '\0';
}

bool hex_read(struct str text, void *ret_ptr, size_t len)
{
        unsigned char *bytes = ret_ptr;
        if (text.len != 2 * len)
                return false;
        for (size_t i = 0; i < text.len; i++)
                if (value_of(text.ptr[i]) < 0)
                        return false;
        for (size_t i = 0; i < len; i++)
                bytes[i] = (unsigned char)(value_of(text.ptr[2 * i]) << 4 | value_of(text.ptr[2 * i + 1]));
        return true;
}
