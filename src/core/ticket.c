/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ticket.h"

#include "base/base32.h"
#include "base/ident.h"
#include "base/time_text.h"
#include "base/utf8.h"

#include <assert.h>
#include <string.h>

static const char *const fields[TICKET_FIELD_COUNT] = {"status", "priority", "queue", "assignee", "comment"};

/* Marks a cursor of this list, "tickets1". */
static const uint64_t cursor_mark = 0x7469636b65747331;

const char *ticket_field_name(enum ticket_field field)
{
        assert(field < TICKET_FIELD_COUNT);
        return fields[field];
}

/* Of the fields that can be filtered and patched; TICKET_FIELD_COUNT: none of them. */
static enum ticket_field field_from(struct str name)
{
        for (enum ticket_field field = 0; field < TICKET_FIELD_COMMENT; field++)
                if (str_equal(name, str_from(fields[field])))
                        return field;
        return TICKET_FIELD_COUNT;
}

static bool is_status(struct str value)
{
        enum ticket_status status;
        return ticket_status_from(value, &status);
}

static bool is_priority(struct str value)
{
        enum priority priority;
        return priority_from(value, &priority);
}

static bool is_name(struct str value)
{
        struct ident ident;
        return ident_from(value, &ident);
}

static const struct {
        bool (*is_valid)(struct str value);
        const char *message;
} rules[TICKET_FIELD_COMMENT] = {
        [TICKET_FIELD_STATUS] = {is_status, "must be one of open, pending, resolved, closed"},
        [TICKET_FIELD_PRIORITY] = {is_priority, "must be one of low, medium, high, urgent"},
        [TICKET_FIELD_QUEUE] = {is_name, "must have 1 to 64 characters of A-Z a-z 0-9 . _ : -"},
        [TICKET_FIELD_ASSIGNEE] = {is_name, "must have 1 to 64 characters of A-Z a-z 0-9 . _ : -"},
};

/* ---- Changes ---- */

const char *ticket_change_set(struct ticket_change *change, struct str name, struct str value)
{
        enum ticket_field field = field_from(name);
        if (field == TICKET_FIELD_COUNT)
                return "is not a field that can be changed";
        bool is_taken_away = field == TICKET_FIELD_ASSIGNEE && !value.ptr;
        if (!is_taken_away && !rules[field].is_valid(value))
                return rules[field].message;
        change->fields |= 1u << field;
        change->values[field] = value;
        return NULL;
}

const char *ticket_change_comment(struct ticket_change *change, struct safe_text comment)
{
        struct str text = str_trim(comment.safe);
        if (text.len == 0 || utf8_count(text) > TICKET_COMMENT_MAX_POINTS || memchr(text.ptr, '\0', text.len))
                return "must have 1 to 2000 characters, none of them U+0000";
        change->fields |= 1u << TICKET_FIELD_COMMENT;
        change->values[TICKET_FIELD_COMMENT] = text;
        return NULL;
}

bool ticket_may_become(enum ticket_status from, enum ticket_status to)
{
        static const bool allowed[TICKET_STATUS_COUNT][TICKET_STATUS_COUNT] = {
                [TICKET_OPEN] = {[TICKET_PENDING] = true, [TICKET_RESOLVED] = true, [TICKET_CLOSED] = true},
                [TICKET_PENDING] = {[TICKET_OPEN] = true, [TICKET_RESOLVED] = true, [TICKET_CLOSED] = true},
                [TICKET_RESOLVED] = {[TICKET_OPEN] = true, [TICKET_CLOSED] = true},
        };
        assert(from < TICKET_STATUS_COUNT && to < TICKET_STATUS_COUNT);
        return from == to || allowed[from][to];
}

/* ---- Lists ---- */

static const char *set_limit(struct ticket_filter *filter, struct str value)
{
        uint64_t limit;
        if (!str_to_u64(value, &limit) || limit < 1 || limit > TICKETS_MAX_LIMIT)
                return "must be a number from 1 to 200";
        filter->limit = limit;
        return NULL;
}

static const char *set_cursor(struct ticket_filter *filter, struct str value)
{
        return ticket_cursor_read(value, &filter->before_row) ? NULL : "must be a next_cursor of an earlier page";
}

static const char *set_requester(struct ticket_filter *filter, struct str value)
{
        filter->requester = value;
        return value.len ? NULL : "must not be empty";
}

static const char time_form[] = "must be a time such as 2026-11-22T10:00:00Z";

static const char *set_created_after(struct ticket_filter *filter, struct str value)
{
        return time_from_text(value, &filter->created_from_ms) ? NULL : time_form;
}

static const char *set_created_before(struct ticket_filter *filter, struct str value)
{
        return time_from_text(value, &filter->created_before_ms) ? NULL : time_form;
}

/* A policy may name its queues as it likes. */
static const char *set_field(struct ticket_filter *filter, enum ticket_field field, struct str value)
{
        bool is_word = field == TICKET_FIELD_STATUS || field == TICKET_FIELD_PRIORITY;
        if (is_word && !rules[field].is_valid(value))
                return rules[field].message;
        if (field == TICKET_FIELD_QUEUE && value.len == 0)
                return "must not be empty";
        filter->fields[field] = value;
        return NULL;
}

const char *ticket_filter_set(struct ticket_filter *filter, struct str name, struct str value, bool *ret_is_known)
{
        static const struct {
                struct str name;
                const char *(*set)(struct ticket_filter *filter, struct str value);
        } others[] = {
                {STR_INIT("limit"), set_limit},
                {STR_INIT("cursor"), set_cursor},
                {STR_INIT("requester"), set_requester},
                {STR_INIT("created_after"), set_created_after},
                {STR_INIT("created_before"), set_created_before},
        };
        enum ticket_field field = field_from(name);
        *ret_is_known = true;
        if (field != TICKET_FIELD_COUNT)
                return set_field(filter, field, value);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
                if (str_equal(name, others[i].name))
                        return others[i].set(filter, value);
        *ret_is_known = false;
        return NULL;
}

struct str ticket_cursor(struct arena *arena, uint64_t row)
{
        char text[BASE32_CHARS + 1];
        base32_encode(row, cursor_mark ^ row, text);
        return arena_copy(arena, str_from(text));
}

bool ticket_cursor_read(struct str text, uint64_t *ret_row)
{
        uint64_t row, mark;
        if (!base32_decode(text, &row, &mark) || (mark ^ row) != cursor_mark || row == 0 || row > INT64_MAX)
                return false;
        *ret_row = row;
        return true;
}

/* ---- JSON ---- */

static void write_time(struct json_writer *w, const char *name, int64_t wall_ms)
{
        json_key(w, name);
        json_time(w, wall_ms);
}

static void write_event(struct json_writer *w, const struct ticket_event *event)
{
        json_open(w, '{');
        json_key(w, "version");
        json_i64(w, event->version);
        write_time(w, "at", event->at_ms);
        json_member(w, "by", event->by);
        json_member(w, "field", event->field);
        json_member(w, "from", event->old_value);
        json_member(w, "to", event->new_value);
        json_close(w, '}');
}

static void write_history(struct json_writer *w, const struct ticket_history *history)
{
        json_key(w, "history");
        json_open(w, '[');
        for (size_t i = 0; i < history->count; i++)
                write_event(w, &history->events[i]);
        json_close(w, ']');
}

void ticket_write(struct json_writer *w, struct arena *arena, const struct ticket *ticket,
                  const struct ticket_history *history)
{
        json_open(w, '{');
        json_member(w, "id", record_id_text(arena, "tkt_", ticket->id));
        json_member(w, "message_id", record_id_text(arena, "msg_", ticket->id));
        for (enum ticket_field field = 0; field < TICKET_FIELD_COMMENT; field++)
                json_member(w, fields[field], ticket->fields[field]);
        json_member(w, "intent", ticket->intent);
        json_member(w, "channel", ticket->channel);
        json_member(w, "requester", ticket->requester.safe);
        json_member(w, "external_id", ticket->external_id);
        json_member(w, "text", ticket->text.safe);
        write_time(w, "created_at", ticket->created_at_ms);
        write_time(w, "updated_at", ticket->updated_at_ms);
        json_key(w, "version");
        json_i64(w, ticket->version);
        if (history)
                write_history(w, history);
        json_close(w, '}');
}

void ticket_write_page(struct json_writer *w, struct arena *arena, const struct ticket *tickets, size_t count,
                       uint64_t next_row)
{
        json_key(w, "tickets");
        json_open(w, '[');
        for (size_t i = 0; i < count; i++)
                ticket_write(w, arena, &tickets[i], NULL);
        json_close(w, ']');
        json_member(w, "next_cursor", next_row ? ticket_cursor(arena, next_row) : (struct str){0});
}
