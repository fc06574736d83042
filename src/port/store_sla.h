/* SPDX-License-Identifier: Apache-2.0 */
/* The store, as the SLA clock sees it: the open reviews whose time has come.
 *
 * Synchronous; on any thread that may wait for a transaction, never on a loop's. What a pass decides, the state of
 * the reviews and what is told of it, is one transaction: after a failure, nothing of it has happened.
 */
#ifndef PORT_STORE_SLA_H
#define PORT_STORE_SLA_H

#include "base/err.h"
#include "core/record_id.h"
#include "core/sla.h"

enum { STORE_SLA_BATCH = 64, STORE_SLA_MAX_ENTRIES = 32 };

/* Strings are borrowed until decide() returns. */
struct store_sla_row {
        struct record_id id;
        enum category category;
        struct str intent;
        struct str reason;
        struct sla_state state; /* to be changed by decide() */
};

/* One for each that is told. */
struct store_sla_entry {
        enum notice notice;
        struct str connector; /* borrowed until the pass is over */
};

struct store_sla_decision {
        int64_t next_ms; /* when to look at the review again; INT64_MAX: never */
        enum notice notices[SLA_MAX_TELLINGS]; /* what has happened, whoever is told */
        size_t notice_count;
        struct store_sla_entry entries[STORE_SLA_MAX_ENTRIES];
        size_t count;
};

struct store_sla_pass {
        int64_t now_ms;
        bool waits_only;    /* not what is due, but all for which somebody has to acknowledge something, */
        uint64_t after_row; /* behind this row; moved on by a successful pass */
        void (*decide)(void *arg, struct store_sla_row *row, struct store_sla_decision *ret_decision);
        void *arg;
        size_t count; /* of the rows that were decided on; under STORE_SLA_BATCH: there are no more */
};

struct store_sla_counts {
        int64_t next_ms; /* of all reviews; INT64_MAX: none */
        int64_t open[SEVERITY_COUNT];    /* overdue ones, too */
        int64_t overdue[SEVERITY_COUNT];
        int64_t oldest_due_ms; /* of the overdue ones; INT64_MAX: none */
};

struct store_sla;

struct store_sla_ops {
        /* Costs the same with many reviews as with few. */
        enum err (*count)(struct store_sla *store, struct store_sla_counts *ret_counts, struct err_note *note);
        enum err (*pass)(struct store_sla *store, struct store_sla_pass *pass, struct err_note *note);
};

struct store_sla {
        const struct store_sla_ops *ops;
};

#endif
