/* SPDX-License-Identifier: Apache-2.0 */
#include "core/audit.h"

const char *audit_kind_name(enum audit_kind kind)
{
        static const char *const names[AUDIT_KIND_COUNT] = {
#define AUDIT(symbol, name) [AUDIT_##symbol] = name,
#include "core/audit.def"
#undef AUDIT
        };
        return names[kind];
}
