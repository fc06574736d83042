/* SPDX-License-Identifier: Apache-2.0 */
/* port/admin.h over an open store. */
#ifndef ADAPT_ADMIN_STORE_H
#define ADAPT_ADMIN_STORE_H

#include "adapt/store_sqlite.h"
#include "port/admin.h"

/* Embedded in its owner; borrows the store. May be used by one thread at a time. */
struct admin_store {
        struct admin admin;
        struct store_sqlite *db;
        const char *directory; /* the data directory, borrowed */
};

void admin_store_init(struct admin_store *admin, struct store_sqlite *db, const char *directory);

#endif
