/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record_id.h"

#include "base/base32.h"

#include <assert.h>
#include <string.h>

struct str record_id_text(struct arena *arena, const char *prefix, struct record_id id)
{
        size_t len = strlen(prefix);
        char *text = arena_alloc(arena, len + BASE32_CHARS + 1);
        if (!text)
                return (struct str){0};
        memcpy(text, prefix, len);
        base32_encode(id.row, id.check, text + len);
        return (struct str){text, len + BASE32_CHARS};
}

struct ident record_ident(const char *prefix, struct record_id id)
{
        struct ident ident;
        size_t len = strlen(prefix);
        assert(len + BASE32_CHARS <= IDENT_MAX);
        memcpy(ident.text, prefix, len);
        base32_encode(id.row, id.check, ident.text + len);
        return ident;
}

bool record_id_from(struct str text, struct str prefix, struct record_id *ret_id)
{
        if (!str_starts_with(text, prefix))
                return false;
        struct str rest = {text.ptr + prefix.len, text.len - prefix.len};
        return base32_decode(rest, &ret_id->row, &ret_id->check);
}
