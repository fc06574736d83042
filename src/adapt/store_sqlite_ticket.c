/* SPDX-License-Identifier: Apache-2.0 */
/* Tickets: look-ups and lists through the reader's connection, changes on the writer's thread.
 *
 * A message's transaction writes the ticket's row and no index. Lists go down the row numbers; the two
 * indexes hold only what a change has touched (tickets that are not open, tickets of somebody). What
 * they do not serve is searched for row by row, as far as a page may search.
 */
#include "adapt/store_sqlite_internal.h"

#include "base/alloc.h"

enum {
        PAGE_EFFORT = 20000, /* rows of tickets that one page may look at: some 20 ms of the reader */
        MESSAGE_EFFORT = 3,  /* what the look-up of its message costs beside one of them */
        CHANGE_ROOM_BYTES = 65536,
};

/* The columns of each SELECT on tickets. */
enum { ID, STATUS, PRIORITY, QUEUE, ASSIGNEE, INTENT, CREATED_AT, UPDATED_AT, VERSION, EXTERNAL_ID };
#define SELECT_TICKET \
        "SELECT id, status, priority, queue, assignee, intent, created_at, updated_at, version, external_id FROM ticket "

static const char *const texts[TICKET_STMTS] = {
        [TICKET_ALL] = SELECT_TICKET "WHERE id < ?1 ORDER BY id DESC",
        [TICKET_BY_STATUS] = SELECT_TICKET "INDEXED BY ticket_by_status"
                                           " WHERE status = ?2 AND status <> 'open' AND id < ?1 ORDER BY id DESC",
        [TICKET_BY_ASSIGNEE] = SELECT_TICKET "INDEXED BY ticket_by_assignee"
                                             " WHERE assignee = ?2 AND id < ?1 ORDER BY id DESC",
        [TICKET_ONE] = SELECT_TICKET "WHERE id = ?",
        [TICKET_MESSAGE] = "SELECT check_word, key_id, channel, customer_id, text FROM opened_message WHERE id = ?",
        [TICKET_EVENTS] = "SELECT version, at, by_key, field, old_value, new_value FROM ticket_event"
                          " WHERE ticket_row = ? ORDER BY version, field",
        [TICKET_LOG] = "INSERT INTO ticket_event(ticket_row, version, field, at, by_key, old_value, new_value)"
                       " VALUES(?,?,?,?,?,?,?)",
        [TICKET_UPDATE] = "UPDATE ticket SET status=?, priority=?, queue=?, assignee=?, updated_at=?, version=?"
                          " WHERE id=?",
};

enum err ticket_stmts_open(struct ticket_stmts *stmts, sqlite3 *db, enum ticket_stmt first, enum ticket_stmt end,
                           struct err_note *note)
{
        enum err err = ERR_OK;
        stmts->db = db;
        for (size_t i = first; !err && i < end; i++)
                err = sqlite_db_prepare(db, texts[i], &stmts->stmts[i], note);
        return err;
}

void ticket_stmts_close(struct ticket_stmts *stmts)
{
        for (size_t i = 0; i < TICKET_STMTS; i++)
                (void)sqlite3_finalize(stmts->stmts[i]);
}

static enum err reset(const struct ticket_stmts *stmts, enum ticket_stmt which, enum err err)
{
        (void)sqlite3_reset(stmts->stmts[which]);
        return err;
}

/* What a step said that gave no row. */
static enum err without_row(const struct ticket_stmts *stmts, int code, struct err_note *note)
{
        return code == SQLITE_DONE ? ERR_NOT_FOUND : sqlite_db_err(stmts->db, code, note);
}

/* ---- Rows ---- */

static enum err copy_ticket(sqlite3_stmt *stmt, struct arena *arena, struct ticket *ticket)
{
        bool has_changed = sqlite3_column_type(stmt, UPDATED_AT) != SQLITE_NULL;
        ticket->created_at_ms = sqlite3_column_int64(stmt, CREATED_AT);
        ticket->updated_at_ms = sqlite3_column_int64(stmt, has_changed ? UPDATED_AT : CREATED_AT);
        ticket->version = sqlite3_column_int64(stmt, VERSION);
        for (int field = 0; field < TICKET_FIELD_COMMENT; field++)
                if (!column_copy(stmt, STATUS + field, arena, &ticket->fields[field]))
                        return ERR_TOO_LARGE;
        bool is_copied = column_copy(stmt, INTENT, arena, &ticket->intent) &&
                         column_copy(stmt, EXTERNAL_ID, arena, &ticket->external_id);
        return is_copied ? ERR_OK : ERR_TOO_LARGE;
}

/* Fills in what the message knows. ERR_NOT_FOUND when it is another customer's, or not for this viewer. */
static enum err copy_message(const struct ticket_stmts *stmts, const struct store_viewer *viewer,
                             struct str requester, struct arena *arena, struct ticket *ticket, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = stmts->stmts[TICKET_MESSAGE]};
        bind_i64(&b, (int64_t)ticket->id.row);
        int code = sqlite3_step(b.stmt);
        if (code != SQLITE_ROW)
                return reset(stmts, TICKET_MESSAGE, without_row(stmts, code, note));
        bool is_visible = viewer->sees_all || sqlite3_column_int64(b.stmt, 1) == viewer->key_id;
        if (!is_visible || (requester.ptr && !str_equal(requester, column_text(b.stmt, 3))))
                return reset(stmts, TICKET_MESSAGE, ERR_NOT_FOUND);
        ticket->id.check = (uint64_t)sqlite3_column_int64(b.stmt, 0);
        bool is_copied = column_copy(b.stmt, 2, arena, &ticket->channel) &&
                         column_copy(b.stmt, 3, arena, &ticket->requester.safe) &&
                         column_copy(b.stmt, 4, arena, &ticket->text.safe);
        return reset(stmts, TICKET_MESSAGE, is_copied ? ERR_OK : ERR_TOO_LARGE);
}

/* Unknown, a wrong check and another key's are one answer: nobody learns what exists. */
static enum err find(const struct ticket_stmts *stmts, struct record_id id, const struct store_viewer *viewer,
                     struct arena *arena, struct ticket *ret_ticket, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = stmts->stmts[TICKET_ONE]};
        struct ticket ticket = {.id.row = id.row};
        bind_i64(&b, (int64_t)id.row);
        int code = sqlite3_step(b.stmt);
        enum err err = code == SQLITE_ROW ? copy_ticket(b.stmt, arena, &ticket) : without_row(stmts, code, note);
        (void)reset(stmts, TICKET_ONE, err);
        if (!err)
                err = copy_message(stmts, viewer, (struct str){0}, arena, &ticket, note);
        if (!err && ticket.id.check != id.check)
                err = ERR_NOT_FOUND;
        if (!err)
                *ret_ticket = ticket;
        return err == ERR_NOT_FOUND ? err_set(note, err, "there is no ticket with this id") : err;
}

static enum err copy_event(sqlite3_stmt *stmt, struct arena *arena, struct ticket_event *event)
{
        event->version = sqlite3_column_int64(stmt, 0);
        event->at_ms = sqlite3_column_int64(stmt, 1);
        bool is_copied = column_copy(stmt, 2, arena, &event->by) && column_copy(stmt, 3, arena, &event->field) &&
                         column_copy(stmt, 4, arena, &event->old_value) &&
                         column_copy(stmt, 5, arena, &event->new_value);
        return is_copied ? ERR_OK : ERR_TOO_LARGE;
}

static enum err read_history(const struct ticket_stmts *stmts, const struct ticket *ticket, struct arena *arena,
                             struct ticket_history *ret_history, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = stmts->stmts[TICKET_EVENTS]};
        /* Each version but the first has an event, and at most one a field. */
        size_t max = (size_t)(ticket->version - 1) * TICKET_FIELD_COUNT;
        struct ticket_history history = {.events = arena_zeroed(arena, (max + 1) * sizeof *history.events)};
        if (!history.events)
                return ERR_TOO_LARGE;
        bind_i64(&b, (int64_t)ticket->id.row);
        enum err err = ERR_OK;
        int code;
        while (!err && (code = sqlite3_step(b.stmt)) == SQLITE_ROW)
                err = history.count == max ? ERR_CORRUPT : copy_event(b.stmt, arena, &history.events[history.count++]);
        if (!err && code != SQLITE_DONE)
                err = sqlite_db_err(stmts->db, code, note);
        if (!err)
                *ret_history = history;
        return reset(stmts, TICKET_EVENTS, err);
}

/* ---- Look-up and list, with the reader's lock held ---- */

enum err ticket_find(struct reader *reader, void *op, struct err_note *note)
{
        struct store_ticket_query *query = op;
        enum err err = find(&reader->tickets, query->id, &query->viewer, query->arena, &query->ticket, note);
        return err ? err : read_history(&reader->tickets, &query->ticket, query->arena, &query->history, note);
}

static bool is_wanted(sqlite3_stmt *stmt, const struct ticket_filter *filter)
{
        int64_t created_at = sqlite3_column_int64(stmt, CREATED_AT);
        if (created_at < filter->created_from_ms || (filter->created_before_ms && created_at >= filter->created_before_ms))
                return false;
        for (int field = 0; field < TICKET_FIELD_COMMENT; field++)
                if (filter->fields[field].ptr && !str_equal(filter->fields[field], column_text(stmt, STATUS + field)))
                        return false;
        return true;
}

static enum ticket_stmt statement_for(const struct ticket_filter *filter)
{
        struct str status = filter->fields[TICKET_FIELD_STATUS];
        if (filter->fields[TICKET_FIELD_ASSIGNEE].len)
                return TICKET_BY_ASSIGNEE;
        return status.ptr && !str_equal(status, STR("open")) ? TICKET_BY_STATUS : TICKET_ALL;
}

static enum err take_row(const struct reader *reader, sqlite3_stmt *stmt, struct store_tickets_query *query,
                         struct err_note *note)
{
        static const struct store_viewer everybody = {.sees_all = true};
        struct ticket *ticket = &query->tickets[query->count];
        *ticket = (struct ticket){.id.row = (uint64_t)sqlite3_column_int64(stmt, ID)};
        enum err err = copy_message(&reader->tickets, &everybody, query->filter.requester, query->arena, ticket, note);
        if (err == ERR_NOT_FOUND)
                return ERR_OK;
        if (!err)
                err = copy_ticket(stmt, query->arena, ticket);
        if (!err)
                query->count++;
        return err;
}

/* Goes down the rows until the page is full: of tickets, of bytes or of effort. */
static enum err fill_page(const struct reader *reader, sqlite3_stmt *stmt, struct store_tickets_query *query,
                          struct err_note *note)
{
        uint64_t seen = 0;
        int code, effort = 0;
        while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
                query->next_row = seen;
                if (query->count == query->filter.limit || effort >= PAGE_EFFORT)
                        return ERR_OK;
                bool is_candidate = is_wanted(stmt, &query->filter);
                enum err err = is_candidate ? take_row(reader, stmt, query, note) : ERR_OK;
                if (err)
                        return err == ERR_TOO_LARGE && query->count ? ERR_OK : err;
                seen = (uint64_t)sqlite3_column_int64(stmt, ID);
                effort += is_candidate ? 1 + MESSAGE_EFFORT : 1;
        }
        query->next_row = 0;
        return code == SQLITE_DONE ? ERR_OK : sqlite_db_err(reader->db, code, note);
}

enum err ticket_list(struct reader *reader, void *op, struct err_note *note)
{
        struct store_tickets_query *query = op;
        struct ticket_filter *filter = &query->filter;
        enum ticket_stmt which = statement_for(filter);
        struct sqlite_binder b = {.stmt = reader->tickets.stmts[which]};
        if (filter->limit == 0)
                filter->limit = TICKETS_DEFAULT_LIMIT;
        if (filter->limit > TICKETS_MAX_LIMIT)
                return ERR_INVALID;
        query->tickets = arena_zeroed(query->arena, filter->limit * sizeof *query->tickets);
        if (!query->tickets)
                return ERR_TOO_LARGE;
        bind_i64(&b, filter->before_row ? (int64_t)filter->before_row : INT64_MAX);
        if (which != TICKET_ALL)
                bind_text(&b, filter->fields[which == TICKET_BY_STATUS ? TICKET_FIELD_STATUS : TICKET_FIELD_ASSIGNEE]);
        query->count = 0;
        return reset(&reader->tickets, which, fill_page(reader, b.stmt, query, note));
}

/* ---- Changes, on the writer's thread ---- */

/* One on its way to the writer and back. */
struct change_call {
        struct store_call call;
        struct store_ticket_change *op;
        const struct ticket_stmts *stmts; /* the writer's */
};

static enum err check(const struct store_ticket_change *op, struct err_note *note)
{
        enum ticket_status from, to;
        struct str wanted = op->change.values[TICKET_FIELD_STATUS];
        if (op->if_version && op->if_version != op->ticket.version)
                return err_set(note, ERR_STALE, "the ticket has version %lld now", (long long)op->ticket.version);
        if (op->ticket.version >= TICKET_MAX_VERSION)
                return err_set(note, ERR_CONFLICT, "the ticket has changed %d times and can change no more",
                               TICKET_MAX_VERSION);
        if (!ticket_changes(&op->change, TICKET_FIELD_STATUS))
                return ERR_OK;
        if (!ticket_status_from(op->ticket.fields[TICKET_FIELD_STATUS], &from) || !ticket_status_from(wanted, &to))
                return ERR_CORRUPT;
        if (ticket_may_become(from, to))
                return ERR_OK;
        return err_set(note, ERR_CONFLICT, "a ticket that is %s cannot become %s", ticket_status_name(from),
                       ticket_status_name(to));
}

static enum err run_bound(const struct ticket_stmts *stmts, const struct sqlite_binder *b, struct err_note *note)
{
        int code = b->code == SQLITE_OK ? sqlite_db_run(b->stmt) : b->code;
        return code == SQLITE_OK ? ERR_OK : sqlite_db_err(stmts->db, code, note);
}

static enum err log_event(const struct ticket_stmts *stmts, const struct store_ticket_change *op,
                          enum ticket_field field, struct str old_value, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = stmts->stmts[TICKET_LOG]};
        bind_i64(&b, (int64_t)op->id.row);
        bind_i64(&b, op->ticket.version + 1);
        bind_word(&b, ticket_field_name(field));
        bind_i64(&b, op->now_ms);
        bind_text(&b, op->by);
        bind_text(&b, old_value);
        bind_text(&b, op->change.values[field]);
        return run_bound(stmts, &b, note);
}

static enum err update(const struct ticket_stmts *stmts, const struct store_ticket_change *op,
                       const struct str *values, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = stmts->stmts[TICKET_UPDATE]};
        for (int field = 0; field < TICKET_FIELD_COMMENT; field++)
                bind_text(&b, values[field]);
        bind_i64(&b, op->now_ms);
        bind_i64(&b, op->ticket.version + 1);
        bind_i64(&b, (int64_t)op->id.row);
        return run_bound(stmts, &b, note);
}

static enum err apply(const struct ticket_stmts *stmts, const struct store_ticket_change *op, struct err_note *note)
{
        struct str values[TICKET_FIELD_COUNT] = {0};
        bool has_events = false;
        enum err err = ERR_OK;
        for (enum ticket_field field = 0; !err && field < TICKET_FIELD_COUNT; field++) {
                if (field < TICKET_FIELD_COMMENT)
                        values[field] = op->ticket.fields[field];
                if (!ticket_changes(&op->change, field) || str_equal(values[field], op->change.values[field]))
                        continue;
                err = log_event(stmts, op, field, values[field], note);
                values[field] = op->change.values[field];
                has_events = true;
        }
        return err || !has_events ? err : update(stmts, op, values, note);
}

static enum err run_change(struct store_call *call, sqlite3 *db, struct err_note *note)
{
        static const struct store_viewer everybody = {.sees_all = true};
        struct change_call *change = list_item(call, struct change_call, call);
        struct store_ticket_change *op = change->op;
        const struct ticket_stmts *stmts = change->stmts;
        (void)db;
        enum err err = find(stmts, op->id, &everybody, op->arena, &op->ticket, note);
        if (!err)
                err = check(op, note);
        int64_t version = op->ticket.version;
        if (!err)
                err = apply(stmts, op, note);
        if (!err)
                err = find(stmts, op->id, &everybody, op->arena, &op->ticket, note);
        if (!err && op->ticket.version != version)
                call->audit = (struct audit_entry){
                        .kind = AUDIT_TICKET_CHANGED,
                        .at_ms = op->now_ms,
                        .by = op->by,
                        .record = op->id,
                        .details = arena_format(op->arena, "{\"version\":%lld}", (long long)op->ticket.version),
                };
        return err ? err : read_history(stmts, &op->ticket, op->arena, &op->history, note);
}

static struct change_call change_call(struct store_sqlite *db, struct store_ticket_change *op)
{
        return (struct change_call){
                .call = {.run = run_change, .room_bytes = CHANGE_ROOM_BYTES},
                .op = op,
                .stmts = &db->writer.tickets,
        };
}

enum err store_sqlite_change_ticket(struct store_sqlite *db, struct store_ticket_change *op)
{
        struct change_call change = change_call(db, op);
        op->result = writer_call(db, &change.call, &op->note);
        return op->result;
}

static void finish_change(struct task *task)
{
        struct store_ticket_change *op = list_item(task, struct store_ticket_change, task);
        op->done(op);
}

void ticket_change(struct store *store, struct store_ticket_change *op)
{
        struct facade *facade = list_item(store, struct facade, store);
        struct change_call *change = alloc_zeroed(1, sizeof *change);
        *change = change_call(facade->db, op);
        change->call.note = &op->note;
        op->task.run = finish_change;
        writer_start(facade, &change->call, &op->task, &op->result);
}

/* ---- For administration ---- */

enum err store_sqlite_find_ticket(struct store_sqlite *db, struct store_ticket_query *query, struct err_note *note)
{
        return reader_run(db, ticket_find, query, note);
}

enum err store_sqlite_list_tickets(struct store_sqlite *db, struct store_tickets_query *query, struct err_note *note)
{
        return reader_run(db, ticket_list, query, note);
}
