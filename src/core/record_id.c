/* SPDX-License-Identifier: Apache-2.0 */
#include "core/record_id.h"

#include "base/base32.h"

struct str record_id_text(struct arena *arena, const char *prefix, struct record_id id)
{
        char text[BASE32_CHARS + 1];
        base32_encode(id.row, id.check, text);
        return arena_format(arena, "%s%s", prefix, text);
}

bool record_id_from(struct str text, struct str prefix, struct record_id *ret_id)
{
        if (!str_starts_with(text, prefix))
                return false;
        struct str rest = {text.ptr + prefix.len, text.len - prefix.len};
        return base32_decode(rest, &ret_id->row, &ret_id->check);
}
