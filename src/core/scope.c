/* SPDX-License-Identifier: Apache-2.0 */
#include "core/scope.h"

static const struct {
        struct str name;
        enum scope scope;
} scopes[] = {
        {STR_INIT("classify"), SCOPE_CLASSIFY},
        {STR_INIT("review"), SCOPE_REVIEW},
        {STR_INIT("admin"), SCOPE_ADMIN},
        {STR_INIT("reveal"), SCOPE_REVEAL},
};

static unsigned scope_from(struct str name)
{
        for (size_t i = 0; i < sizeof scopes / sizeof *scopes; i++)
                if (str_equal(name, scopes[i].name))
                        return scopes[i].scope;
        return 0;
}

bool scopes_from(struct str text, unsigned *ret_scopes)
{
        unsigned found = 0;
        while (text.ptr) {
                unsigned scope = scope_from(str_trim(str_split(&text, ',')));
                if (!scope)
                        return false;
                found |= scope;
        }
        if (found)
                *ret_scopes = found;
        return found != 0;
}
