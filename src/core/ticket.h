/* SPDX-License-Identifier: Apache-2.0 */
/* A ticket: what a message leaves for a person to do, how it may change, and how it is told.
 *
 * It shares its row with the message: the requester is the message's customer_id, the text the
 * message's. All that changes are the fields below; each change gives the ticket its next version
 * and leaves one event a field. Pure values; strings are borrowed and safe (redacted, or names of
 * this installation).
 */
#ifndef CORE_TICKET_H
#define CORE_TICKET_H

#include "base/json_writer.h"
#include "base/safe_text.h"
#include "core/record_id.h"
#include "core/terms.h"

enum {
        TICKETS_DEFAULT_LIMIT = 50,
        TICKETS_MAX_LIMIT = 200,
        TICKET_MAX_VERSION = 500, /* a ticket that has changed this often changes no more */
        TICKET_COMMENT_MAX_POINTS = 2000,
};

/* What a change can set. A comment is set once and never changed. */
enum ticket_field {
        TICKET_FIELD_STATUS,
        TICKET_FIELD_PRIORITY,
        TICKET_FIELD_QUEUE,
        TICKET_FIELD_ASSIGNEE,
        TICKET_FIELD_COMMENT,
        TICKET_FIELD_COUNT
};

struct ticket {
        struct record_id id;
        struct str fields[TICKET_FIELD_COMMENT]; /* assignee absent: nobody */
        struct str intent;
        struct str channel;
        struct str external_id;     /* what the connected system calls it; absent: none has told */
        struct safe_text requester; /* absent: the message named no customer */
        struct safe_text text;
        int64_t created_at_ms;
        int64_t updated_at_ms;
        int64_t version; /* from 1 */
};

/* What one change did to one field. */
struct ticket_event {
        int64_t version; /* that it made */
        int64_t at_ms;
        struct str by; /* name of the API key; absent: none was needed */
        struct str field;
        struct str old_value; /* absent: there was none */
        struct str new_value;
};

struct ticket_history {
        struct ticket_event *events; /* by version */
        size_t count;
};

/* "status", … "comment". */
const char *ticket_field_name(enum ticket_field field);

/* ---- Changes ---- */

struct ticket_change {
        unsigned fields; /* a bit for each that is set */
        struct str values[TICKET_FIELD_COUNT];
};

static inline bool ticket_changes(const struct ticket_change *change, enum ticket_field field)
{
        return change->fields >> field & 1;
}

/* Sets a field but the comment by its name; an absent value takes the assignee away. NULL, or what is
 * wrong with it. Whoever takes values from outside has asked the redactor about them before. */
const char *ticket_change_set(struct ticket_change *change, struct str name, struct str value);

/* Sets the comment. */
const char *ticket_change_comment(struct ticket_change *change, struct safe_text comment);

/* Whether a ticket of the one status may get the other. A closed one stays closed. */
bool ticket_may_become(enum ticket_status from, enum ticket_status to);

/* ---- Lists: newest first ---- */

struct ticket_filter {
        struct str fields[TICKET_FIELD_COMMENT]; /* absent: any; an empty assignee: nobody */
        struct str requester;                    /* absent: any */
        int64_t created_from_ms;
        int64_t created_before_ms; /* 0: no bound */
        uint64_t before_row;       /* the cursor; 0: from the newest on */
        size_t limit;              /* 0: TICKETS_DEFAULT_LIMIT */
};

/* Sets limit, cursor, status, priority, queue, assignee, requester, created_after (inclusive) or
 * created_before. NULL, or what is wrong with the value; *ret_is_known false: no such filter. */
const char *ticket_filter_set(struct ticket_filter *filter, struct str name, struct str value, bool *ret_is_known);

/* The place behind a row as clients get it: opaque, and refused when it is damaged or of another list. */
struct str ticket_cursor(struct arena *arena, uint64_t row);
bool ticket_cursor_read(struct str text, uint64_t *ret_row);

/* ---- JSON ---- */

/* One object; `history` NULL: without it. The arena is for ids. */
void ticket_write(struct json_writer *w, struct arena *arena, const struct ticket *ticket,
                  const struct ticket_history *history);

/* The members "tickets" and "next_cursor" of an object that is open; `next_row` 0: the last page. */
void ticket_write_page(struct json_writer *w, struct arena *arena, const struct ticket *tickets, size_t count,
                       uint64_t next_row);

#endif
