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

/* What was written, as it came. ERR_GONE when its customer was erased, ERR_NOT_FOUND also when none was kept. */
struct store_originals_query {
        struct task task;
        struct record_id id; /* of the review */
        struct arena *arena;
        struct review_originals originals;
        enum err result;
        void (*done)(struct store_originals_query *query);
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

/* One page of the records. How far one page searches is bounded: it may hold fewer than the limit, even none, and not
 * be the last. */
struct store_compliance_page {
        struct task task;
        struct compliance_filter filter; /* limit at most COMPLIANCE_MAX_LIMIT */
        struct arena *arena;
        struct compliance *records;
        size_t count;
        uint64_t next_row; /* for the filter's after_row; 0: this is the last page */
        enum err result;
        void (*done)(struct store_compliance_page *page);
};

#endif
