/* SPDX-License-Identifier: Apache-2.0 */
/* An entry of the audit log, before it has its place: who did what to which record. Holds no customer's text. */
#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

#include "base/hash.h"
#include "core/record_id.h"

enum audit_kind {
#define AUDIT(symbol, name) AUDIT_##symbol,
#include "core/audit.def"
#undef AUDIT
        AUDIT_KIND_COUNT
};

struct audit_entry {
        enum audit_kind kind;
        int64_t at_ms;               /* ms since 1970 */
        struct str actor;            /* "key:shop", "cli", "server"; absent: nobody is known */
        struct record_id record;     /* row 0: none */
        const struct digest *digest; /* of what was recorded, under a key that erasure destroys; NULL: none */
        struct str details;          /* JSON object, may be absent */
};

const char *audit_kind_name(enum audit_kind kind);

#endif
