/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ident.h"

#include "base/base32.h"
#include "base/hash.h"

#include <assert.h>
#include <ctype.h>
#include <string.h>

static bool is_allowed(char c)
{
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               (c && strchr("._:-", c) != NULL);
}

bool ident_from(struct str s, struct ident *ret_ident)
{
        if (s.len == 0 || s.len > IDENT_MAX)
                return false;
        for (size_t i = 0; i < s.len; i++)
                if (!is_allowed(s.ptr[i]))
                        return false;
        memcpy(ret_ident->text, s.ptr, s.len);
        ret_ident->text[s.len] = '\0';
        return true;
}

struct ident ident_random(const char *prefix)
{
        struct ident ident;
        size_t len = strlen(prefix);
        uint64_t words[2];
        assert(len <= 16);
        random_bytes(words, sizeof words);
        memcpy(ident.text, prefix, len);
        base32_encode(words[0], words[1], ident.text + len);
        return ident;
}

struct str ident_str(const struct ident *ident)
{
        return str_from(ident->text);
}
