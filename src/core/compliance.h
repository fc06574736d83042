/* SPDX-License-Identifier: Apache-2.0 */
/* A compliance record: what is kept of a safety matter, and how a regulator gets it.
 *
 * It shares its row with the message and with the review, whose outcome it tells. Pure values; strings are
 * borrowed and safe.
 */
#ifndef CORE_COMPLIANCE_H
#define CORE_COMPLIANCE_H

#include "base/hash.h"
#include "core/review.h"

struct compliance {
        struct record_id id;
        int64_t received_at_ms;
        int64_t due_at_ms;
        int64_t acknowledged_at_ms; /* 0: nobody yet */
        int64_t resolved_at_ms;     /* 0: it is open */
        enum severity severity;
        enum intent intent;
        enum intent secondary_intent; /* INTENT_NONE: none */
        enum channel channel;
        struct str status; /* "pending_review", "in_review", "resolved" */
        enum review_outcome outcome;
        struct digest digest; /* HMAC-SHA-256 of the raw text */
        int64_t text_points;
        struct safe_text text;
        struct safe_text customer_id;
        struct safe_text product_id;
        bool is_report_candidate;
        struct str source; /* who decided, with what */
        struct str model;
        struct str prompt_version;
};

/* ---- Lists: the oldest first ---- */

enum { COMPLIANCE_DEFAULT_LIMIT = 50, COMPLIANCE_MAX_LIMIT = 100 };

struct compliance_filter {
        int64_t from_ms;    /* received from then on */
        int64_t to_ms;      /* and before; 0: no bound */
        bool is_candidates; /* only those that a regulator may want to know of */
        uint64_t after_row; /* the cursor; 0: from the first on */
        size_t limit;       /* 0: COMPLIANCE_DEFAULT_LIMIT */
};

/* Sets from, to, report_candidates, cursor or limit. NULL, or what is wrong with the value; *ret_is_known false: no such
 * filter. */
const char *compliance_filter_set(struct compliance_filter *filter, struct str name, struct str value, bool *ret_is_known);

/* ---- What is told ---- */

/* One JSON object. The arena is for ids. */
void compliance_write(struct json_writer *w, struct arena *arena, const struct compliance *record);

/* The same as a line of CSV (RFC 4180): every cell in quotes, and one that a spreadsheet would take for a formula
 * behind an apostrophe. */
void compliance_write_csv_header(struct buf *buf);
void compliance_write_csv(struct buf *buf, struct arena *arena, const struct compliance *record);

#endif
