/* SPDX-License-Identifier: Apache-2.0 */
/* All that one message leads to, as a value: computed by a pure workflow, stored by one commit,
 * told to the client as it was stored.
 *
 * Strings are safe (redacted, of the policy or of the knowledge base) and borrow from the
 * request's arena or from the snapshots that the request has pinned.
 */
#ifndef CORE_OUTCOME_H
#define CORE_OUTCOME_H

#include "base/safe_text.h"
#include "core/record_id.h"
#include "core/sla.h"
#include "core/verdict.h"

enum { OUTCOME_MAX_PARAMETERS = 8, OUTCOME_MAX_NOTICES = 17 };

struct parameter {
        const char *name;
        struct safe_text value;
};

struct next_step {
        struct str action;
        struct str description;
        enum priority priority;
        bool requires_human_review;
        struct str external_system; /* absent when no system has to act */
        struct parameter parameters[OUTCOME_MAX_PARAMETERS];
        size_t parameter_count;
};

/* Each part is absent when its first string is absent or its flag is false. */
struct outcome_article {
        struct str id;
        struct str title;
        struct str url;
        struct str snippet; /* the passage of its body that says most of the question; absent: it has no body */
        double score;       /* 0..1 */
};

struct outcome_ticket {
        bool is_open;
        struct str queue;
        enum priority priority;
};

struct outcome_compliance {
        enum severity severity; /* SEVERITY_NONE: no record */
        int64_t due_at_ms;
        bool is_report_candidate; /* a regulator may want to know; a person decides */
};

/* What awaits a person; every compliance record and every escalation. */
struct outcome_review {
        bool is_needed;
        int64_t due_at_ms;
        const char *reason; /* "safety", "low_confidence", "unknown_language", "human_requested" */
        struct safe_text suggested_reply; /* what would have been answered otherwise; absent: nothing */
        struct sla_state clock;
        int64_t look_at_ms; /* when the clock has to, next */
        struct str notify;  /* the connector that is told at once; absent: nobody */
};

/* One system that is told of one thing: an entry of the outbox. */
struct outcome_notice {
        enum notice notice;
        struct str connector;
        bool names_customer;
};

struct outcome {
        struct verdict verdict;
        struct next_step next_step;
        struct safe_text reply;
        struct str reply_locale;
        struct outcome_article article;
        struct outcome_ticket ticket;
        struct outcome_compliance compliance;
        struct outcome_review review;
        struct record_id joins; /* the open review of its conversation; row 0: none */
        struct outcome_notice notices[OUTCOME_MAX_NOTICES];
        size_t notice_count;
};

#endif
