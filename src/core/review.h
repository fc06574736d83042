/* SPDX-License-Identifier: Apache-2.0 */
/* A review: what a person has to look at, how it may change, and how it is told.
 *
 *   pending_review -- claim --> claimed -- resolve --> resolved
 *        ^  ^------- release ------'  (also from pending_review)  |
 *        '------------------------- reopen ------------------------'
 *
 * It shares its row with the message, and its time with the compliance record. Each change gives it its next
 * version and leaves one event. Pure values; strings are borrowed and safe (redacted, or names of this
 * installation).
 */
#ifndef CORE_REVIEW_H
#define CORE_REVIEW_H

#include "base/ident.h"
#include "base/json_writer.h"
#include "base/safe_text.h"
#include "core/record_id.h"
#include "core/terms.h"

enum {
        REVIEWS_DEFAULT_LIMIT = 50,
        REVIEWS_MAX_LIMIT = 200,
        REVIEW_MAX_VERSION = 500, /* a review that has changed this often can only be resolved */
        REVIEW_NOTE_MAX_POINTS = 2000,
        REVIEW_MAX_MESSAGES = 100, /* of its conversation that are shown */
};

enum review_status { REVIEW_PENDING, REVIEW_CLAIMED, REVIEW_RESOLVED, REVIEW_STATUS_COUNT };

/* What came of it. */
enum review_outcome {
        REVIEW_CONFIRMED,
        REVIEW_FALSE_ALARM,
        REVIEW_REFERRED,
        REVIEW_DUPLICATE,
        REVIEW_NO_ACTION,
        REVIEW_OUTCOME_COUNT,
        REVIEW_OUTCOME_NONE = REVIEW_OUTCOME_COUNT
};

enum review_action { REVIEW_CLAIM, REVIEW_RELEASE, REVIEW_RESOLVE, REVIEW_REOPEN, REVIEW_ACTION_COUNT };

const char *review_status_name(enum review_status status); /* "pending_review", "claimed", "resolved" */
bool review_status_from(struct str name, enum review_status *ret_status);
const char *review_outcome_name(enum review_outcome outcome); /* REVIEW_OUTCOME_NONE: NULL */
bool review_outcome_from(struct str name, enum review_outcome *ret_outcome);
const char *review_action_name(enum review_action action); /* "claim" */
bool review_action_from(struct str name, enum review_action *ret_action);

/* What the compliance record says meanwhile: "pending_review", "in_review", "resolved". */
const char *review_compliance_status(enum review_status status);

struct review {
        struct record_id id;
        int64_t due_at_ms;
        int64_t received_at_ms;
        enum category category;
        enum intent intent;
        enum severity severity; /* SEVERITY_NONE for escalations */
        enum channel channel;
        struct str reason;
        enum review_status status;
        struct str assignee;        /* absent: nobody */
        int64_t version;            /* from 1 */
        int64_t updated_at_ms;      /* 0: never */
        int64_t acknowledged_at_ms; /* when a person first claimed or resolved it; 0: nobody yet */
        int64_t resolved_at_ms;     /* 0: it is open */
        enum review_outcome outcome;
        struct safe_text text;
        struct safe_text suggested_reply; /* what would have been answered; absent: nothing */
        struct ident request_id;
};

/* What one change did. */
struct review_event {
        int64_t version; /* that it made */
        int64_t at_ms;
        struct str by; /* name of the API key; absent: none was needed */
        enum review_action action;
        struct str assignee; /* who had it then */
        enum review_outcome outcome;
        struct safe_text note;
};

/* A message that came to the same conversation while the review was open. */
struct review_message {
        struct record_id id;
        int64_t received_at_ms;
        struct safe_text text;
};

struct review_history {
        struct review_event *events; /* by version */
        size_t count;
        struct review_message *messages; /* the first REVIEW_MAX_MESSAGES, by time */
        size_t message_count;
};

/* A message as it came: what the redactor took from the others, for those who may reveal it. */
struct review_original {
        struct record_id id;
        int64_t received_at_ms;
        struct raw_text content; /* JSON: text, contact; absent: erased, or of before originals were kept */
};

struct review_originals {
        struct review_original *items; /* the review's own message, then those of its conversation */
        size_t count;
        bool is_cut; /* there are more than fit */
};

/* ---- Changes ---- */

struct review_change {
        enum review_action action;
        struct str assignee; /* of a claim */
        enum review_outcome outcome;
        struct safe_text note; /* absent: none */
};

/* Sets `assignee` (of a claim) or `outcome` (of a resolution) by its name. NULL, or what is wrong with it. */
const char *review_change_set(struct review_change *change, struct str name, struct str value);
const char *review_change_note(struct review_change *change, struct safe_text note);

/* Where the change leads from a status that allows it; else false. */
bool review_after(enum review_status from, enum review_action action, enum review_status *ret_to);

/* ---- Lists ---- */

enum review_scope { REVIEWS_OPEN, REVIEWS_PENDING, REVIEWS_CLAIMED, REVIEWS_RESOLVED };

/* Open ones, the first due first; resolved ones, the last due first. */
struct review_filter {
        enum review_scope scope;
        enum severity min_severity; /* SEVERITY_NONE: all */
        enum severity severity;     /* SEVERITY_NONE: any */
        bool has_category;
        enum category category;
        struct str assignee;   /* absent: any; empty: nobody */
        int64_t due_before_ms; /* 0: no bound */
        bool is_overdue;       /* due before now */
        int64_t now_ms;        /* the caller's */
        bool has_cursor;       /* from behind (cursor_due_at_ms, cursor_row) on */
        int64_t cursor_due_at_ms;
        uint64_t cursor_row;
        size_t limit; /* 0: REVIEWS_DEFAULT_LIMIT */
};

/* Sets limit, cursor, status, severity, min_severity, category, assignee, due_before, due_before_ms or overdue.
 * NULL, or what is wrong with the value; *ret_is_known false: no such filter. */
const char *review_filter_set(struct review_filter *filter, struct str name, struct str value, bool *ret_is_known);

/* ---- JSON ---- */

/* One object; `history` NULL: without it. The arena is for ids. */
void review_write(struct json_writer *w, struct arena *arena, const struct review *review,
                  const struct review_history *history);

/* One object with them. What it writes is raw: it goes to whom it is disclosed, and nowhere else. */
void review_write_originals(struct json_writer *w, struct arena *arena, const struct review_originals *originals);

/* A page of them, and where the next one begins: "<due_at_ms>.<row>" behind the last row that was looked at. */
struct review_page {
        const struct review *reviews;
        size_t count;
        bool has_more;
        int64_t cursor_due_at_ms;
        uint64_t cursor_row;
};

/* The members "reviews" and "next_cursor" of an object that is open. */
void review_write_page(struct json_writer *w, struct arena *arena, const struct review_page *page);

#endif
