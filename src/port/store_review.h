/* SPDX-License-Identifier: Apache-2.0 */
/* The store's reviews and compliance records: look-up, list, change. The rules of port/store.h hold here, too; a
 * change is a transaction of its own and cannot be cancelled.
 */
#ifndef PORT_STORE_REVIEW_H
#define PORT_STORE_REVIEW_H

#include "core/compliance.h"
#include "core/review.h"
#include "port/store.h"

struct store_review_query {
        struct task task;
        struct record_id id;
        struct arena *arena;
        struct review review;
        struct review_history history;
        enum err result;
        void (*done)(struct store_review_query *query);
};

/* One page. How far one page searches is bounded: it may hold fewer reviews than the limit, even none, and not be
 * the last; the cursor goes on behind the last row that was looked at. */
struct store_reviews_query {
        struct task task;
        struct store_viewer viewer;
        struct review_filter filter; /* limit at most REVIEWS_MAX_LIMIT */
        struct arena *arena;
        struct review *reviews;
        struct review_page page;
        enum err result;
        void (*done)(struct store_reviews_query *query);
};

/* All of it or nothing; the compliance record's status follows. A claim by who has it already changes nothing.
 * ERR_STALE: it has another version; ERR_CONFLICT: not in its present status, or it has changed too often; the
 * note says which. */
struct store_review_change {
        struct task task;
        struct record_id id;
        int64_t if_version; /* 0: any */
        struct review_change change;
        struct str by; /* name of the API key; absent: none */
        int64_t now_ms;
        struct arena *arena;
        struct review review; /* as it is then */
        struct review_history history;
        struct err_note note;
        enum err result;
        void (*done)(struct store_review_change *change);
};

struct store_compliance_query {
        struct task task;
        struct record_id id;
        struct arena *arena;
        struct compliance record;
        enum err result;
        void (*done)(struct store_compliance_query *query);
};

/* One page of the records, the oldest first, for administration. How far one page searches is bounded. */
struct store_compliance_page {
        int64_t from_ms; /* received from then on */
        int64_t to_ms;   /* and before; 0: no bound */
        bool is_candidates; /* only those that a regulator may want to know of */
        uint64_t after_row; /* the cursor; 0: from the first on */
        size_t limit;
        struct arena *arena;
        struct compliance *records;
        size_t count;
        uint64_t next_row; /* for after_row; 0: this is the last page */
};

#endif
