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
        /* Who did it: the first of these three that is there, else nobody is known. Written so that no key's name, which
         * is of A-Z a-z 0-9 . _ : -, can be taken for another actor. */
        struct str actor;            /* "cli", "server": as it is */
        struct str by;               /* what records keep of who did it, as "key:shop"; of the command line, as "cli" */
        int64_t key_id;              /* of an API key, as "key#3"; 0: none */
        struct record_id record;     /* row 0: none */
        const struct digest *digest; /* of what was recorded, under a key that erasure destroys; NULL: none */
        struct str details;          /* JSON object, may be absent */
};

const char *audit_kind_name(enum audit_kind kind);

#endif
