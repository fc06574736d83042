/* SPDX-License-Identifier: Apache-2.0 */
#include "core/review.h"

#include "base/time_text.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>

static const char *const statuses[REVIEW_STATUS_COUNT] = {"pending_review", "claimed", "resolved"};
static const char *const compliance_statuses[REVIEW_STATUS_COUNT] = {"pending_review", "in_review", "resolved"};
static const char *const outcomes[REVIEW_OUTCOME_COUNT + 1] = {"confirmed", "false_alarm", "referred", "duplicate",
                                                               "no_action"};
static const char *const actions[REVIEW_ACTION_COUNT] = {"claim", "release", "resolve", "reopen"};

const char *review_status_name(enum review_status status)
{
        assert(status < REVIEW_STATUS_COUNT);
        return statuses[status];
}

const char *review_outcome_name(enum review_outcome outcome)
{
        assert(outcome <= REVIEW_OUTCOME_NONE);
        return outcomes[outcome];
}

const char *review_action_name(enum review_action action)
{
        assert(action < REVIEW_ACTION_COUNT);
        return actions[action];
}

const char *review_compliance_status(enum review_status status)
{
        assert(status < REVIEW_STATUS_COUNT);
        return compliance_statuses[status];
}

bool review_status_from(struct str name, enum review_status *ret_status)
{
        for (enum review_status status = 0; status < REVIEW_STATUS_COUNT; status++) {
                if (!str_equal(name, str_from(statuses[status])))
                        continue;
                *ret_status = status;
                return true;
        }
        return false;
}

bool review_outcome_from(struct str name, enum review_outcome *ret_outcome)
{
        for (enum review_outcome outcome = 0; outcome < REVIEW_OUTCOME_COUNT; outcome++) {
                if (!str_equal(name, str_from(outcomes[outcome])))
                        continue;
                *ret_outcome = outcome;
                return true;
        }
        return false;
}

bool review_action_from(struct str name, enum review_action *ret_action)
{
        for (enum review_action action = 0; action < REVIEW_ACTION_COUNT; action++) {
                if (!str_equal(name, str_from(actions[action])))
                        continue;
                *ret_action = action;
                return true;
        }
        return false;
}

/* ---- Changes ---- */

static const char *set_assignee(struct review_change *change, struct str value)
{
        struct ident ident;
        if (!ident_from(value, &ident))
                return "must have 1 to 64 characters of A-Z a-z 0-9 . _ : -";
        change->assignee = value;
        return NULL;
}

static const char *set_outcome(struct review_change *change, struct str value)
{
        return review_outcome_from(value, &change->outcome)
                       ? NULL
                       : "must be one of confirmed, false_alarm, referred, duplicate, no_action";
}

const char *review_change_set(struct review_change *change, struct str name, struct str value)
{
        if (change->action == REVIEW_CLAIM && str_equal(name, STR("assignee")))
                return set_assignee(change, value);
        if (change->action == REVIEW_RESOLVE && str_equal(name, STR("outcome")))
                return set_outcome(change, value);
        return "is not a member of this request";
}

const char *review_change_note(struct review_change *change, struct safe_text note)
{
        struct str text = str_trim(note.safe);
        if (text.len == 0 || utf8_count(text) > REVIEW_NOTE_MAX_POINTS || memchr(text.ptr, '\0', text.len))
                return "must have 1 to 2000 characters, none of them U+0000";
        change->note.safe = text;
        return NULL;
}

bool review_after(enum review_status from, enum review_action action, enum review_status *ret_to)
{
        static const struct {
                bool is_allowed[REVIEW_STATUS_COUNT];
                enum review_status to;
        } rules[REVIEW_ACTION_COUNT] = {
                [REVIEW_CLAIM] = {{[REVIEW_PENDING] = true}, REVIEW_CLAIMED},
                [REVIEW_RELEASE] = {{[REVIEW_CLAIMED] = true}, REVIEW_PENDING},
                [REVIEW_RESOLVE] = {{[REVIEW_PENDING] = true, [REVIEW_CLAIMED] = true}, REVIEW_RESOLVED},
                [REVIEW_REOPEN] = {{[REVIEW_RESOLVED] = true}, REVIEW_PENDING},
        };
        assert(from < REVIEW_STATUS_COUNT && action < REVIEW_ACTION_COUNT);
        if (!rules[action].is_allowed[from])
                return false;
        *ret_to = rules[action].to;
        return true;
}

/* ---- Lists ---- */

static const char *set_limit(struct review_filter *filter, struct str value)
{
        uint64_t limit;
        if (!str_to_u64(value, &limit) || limit < 1 || limit > REVIEWS_MAX_LIMIT)
                return "must be a number from 1 to 200";
        filter->limit = limit;
        return NULL;
}

static const char *set_cursor(struct review_filter *filter, struct str value)
{
        uint64_t due;
        struct str rest = value;
        if (!str_to_u64(str_split(&rest, '.'), &due) || due > INT64_MAX || !str_to_u64(rest, &filter->cursor_row) ||
            filter->cursor_row > INT64_MAX)
                return "must be a next_cursor of an earlier page";
        filter->has_cursor = true;
        filter->cursor_due_at_ms = (int64_t)due;
        return NULL;
}

static const char *set_status(struct review_filter *filter, struct str value)
{
        static const char *const scopes[] = {"open", "pending_review", "claimed", "resolved"};
        for (enum review_scope scope = REVIEWS_OPEN; scope <= REVIEWS_RESOLVED; scope++) {
                if (!str_equal(value, str_from(scopes[scope])))
                        continue;
                filter->scope = scope;
                return NULL;
        }
        return "must be one of open, pending_review, claimed, resolved";
}

static const char *read_severity(struct str value, enum severity *ret_severity)
{
        bool is_one = severity_from(value, ret_severity) && *ret_severity != SEVERITY_NONE;
        return is_one ? NULL : "must be one of standard, high, urgent";
}

static const char *set_severity(struct review_filter *filter, struct str value)
{
        return read_severity(value, &filter->severity);
}

static const char *set_min_severity(struct review_filter *filter, struct str value)
{
        return read_severity(value, &filter->min_severity);
}

static const char *set_category(struct review_filter *filter, struct str value)
{
        filter->has_category = true;
        return category_from(value, &filter->category) ? NULL : "must be a category";
}

static const char *set_assignee_filter(struct review_filter *filter, struct str value)
{
        filter->assignee = value;
        return NULL;
}

static const char *set_due_before(struct review_filter *filter, struct str value)
{
        return time_from_text(value, &filter->due_before_ms) && filter->due_before_ms > 0
                       ? NULL
                       : "must be a time such as 2026-11-22T10:00:00Z";
}

static const char *set_due_before_ms(struct review_filter *filter, struct str value)
{
        uint64_t due;
        if (!str_to_u64(value, &due) || due == 0 || due > INT64_MAX)
                return "must be milliseconds since 1970";
        filter->due_before_ms = (int64_t)due;
        return NULL;
}

static const char *set_overdue(struct review_filter *filter, struct str value)
{
        filter->is_overdue = str_equal(value, STR("true"));
        return filter->is_overdue || str_equal(value, STR("false")) ? NULL : "must be true or false";
}

const char *review_filter_set(struct review_filter *filter, struct str name, struct str value, bool *ret_is_known)
{
        static const struct {
                struct str name;
                const char *(*set)(struct review_filter *filter, struct str value);
        } filters[] = {
                {STR_INIT("limit"), set_limit},
                {STR_INIT("cursor"), set_cursor},
                {STR_INIT("status"), set_status},
                {STR_INIT("severity"), set_severity},
                {STR_INIT("min_severity"), set_min_severity},
                {STR_INIT("category"), set_category},
                {STR_INIT("assignee"), set_assignee_filter},
                {STR_INIT("due_before"), set_due_before},
                {STR_INIT("due_before_ms"), set_due_before_ms},
                {STR_INIT("overdue"), set_overdue},
        };
        *ret_is_known = true;
        for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
                if (str_equal(name, filters[i].name))
                        return filters[i].set(filter, value);
        *ret_is_known = false;
        return NULL;
}

/* ---- JSON ---- */

static void write_history(struct json_writer *w, struct arena *arena, const struct review_history *history)
{
        json_key(w, "history");
        json_open(w, '[');
        for (size_t i = 0; i < history->count; i++) {
                const struct review_event *event = &history->events[i];
                json_open(w, '{');
                json_key(w, "version");
                json_i64(w, event->version);
                json_time_member(w, "at", event->at_ms);
                json_member(w, "by", event->by);
                json_member(w, "action", str_from(review_action_name(event->action)));
                json_member(w, "assignee", event->assignee);
                json_member(w, "outcome", str_from(review_outcome_name(event->outcome)));
                json_member(w, "note", event->note.safe);
                json_close(w, '}');
        }
        json_close(w, ']');
        json_key(w, "messages");
        json_open(w, '[');
        for (size_t i = 0; i < history->message_count; i++) {
                json_open(w, '{');
                json_member(w, "message_id", record_id_text(arena, "msg_", history->messages[i].id));
                json_time_member(w, "received_at", history->messages[i].received_at_ms);
                json_member(w, "text", history->messages[i].text.safe);
                json_close(w, '}');
        }
        json_close(w, ']');
}

void review_write_originals(struct json_writer *w, struct arena *arena, const struct review_originals *originals)
{
        json_open(w, '{');
        json_key(w, "messages");
        json_open(w, '[');
        for (size_t i = 0; i < originals->count; i++) {
                const struct review_original *item = &originals->items[i];
                json_open(w, '{');
                json_member(w, "message_id", record_id_text(arena, "msg_", item->id));
                json_time_member(w, "received_at", item->received_at_ms);
                json_key(w, "original");
                if (item->content.raw.ptr)
                        json_raw(w, item->content.raw);
                else
                        json_null(w);
                json_close(w, '}');
        }
        json_close(w, ']');
        json_key(w, "is_complete");
        json_bool(w, !originals->is_cut);
        json_close(w, '}');
}

static void write_message(struct json_writer *w, struct arena *arena, const struct review *review)
{
        bool has_record = review->severity != SEVERITY_NONE;
        json_member(w, "message_id", record_id_text(arena, "msg_", review->id));
        json_member(w, "compliance_id", has_record ? record_id_text(arena, "cmp_", review->id) : (struct str){0});
        json_member(w, "request_id", ident_str(&review->request_id));
        json_time_member(w, "received_at", review->received_at_ms);
        json_time_member(w, "due_at", review->due_at_ms);
        json_member(w, "category", str_from(category_name(review->category)));
        json_member(w, "intent", str_from(intent_name(review->intent)));
        json_member(w, "severity", str_from(has_record ? severity_name(review->severity) : NULL));
        json_member(w, "channel", str_from(channel_name(review->channel)));
}

void review_write(struct json_writer *w, struct arena *arena, const struct review *review,
                  const struct review_history *history)
{
        json_open(w, '{');
        json_member(w, "id", record_id_text(arena, "rev_", review->id));
        write_message(w, arena, review);
        json_member(w, "reason", review->reason);
        json_member(w, "status", str_from(review_status_name(review->status)));
        json_member(w, "assignee", review->assignee);
        json_time_member(w, "acknowledged_at", review->acknowledged_at_ms);
        json_time_member(w, "updated_at", review->updated_at_ms);
        json_time_member(w, "resolved_at", review->resolved_at_ms);
        json_member(w, "outcome", str_from(review_outcome_name(review->outcome)));
        json_member(w, "text", review->text.safe);
        json_member(w, "suggested_reply", review->suggested_reply.safe);
        json_key(w, "version");
        json_i64(w, review->version);
        if (history)
                write_history(w, arena, history);
        json_close(w, '}');
}

void review_write_page(struct json_writer *w, struct arena *arena, const struct review_page *page)
{
        json_key(w, "reviews");
        json_open(w, '[');
        for (size_t i = 0; i < page->count; i++)
                review_write(w, arena, &page->reviews[i], NULL);
        json_close(w, ']');
        json_member(w, "next_cursor",
                    page->has_more ? arena_format(arena, "%lld.%llu", (long long)page->cursor_due_at_ms,
                                                  (unsigned long long)page->cursor_row)
                                   : (struct str){0});
}
