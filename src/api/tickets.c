/* SPDX-License-Identifier: Apache-2.0 */
#include "api/detached.h"

#include "api/query.h"
#include "base/json_writer.h"
#include "port/store_ticket.h"
#include "text/redact.h"

/* As JSON, six times what a page takes, and what a ticket with its whole history takes, fit into a body. */
enum { PAGE_ARENA_BYTES = 1 << 20, TICKET_ARENA_BYTES = 8 << 20 };

struct ticket_call {
        struct detached base;
        union {
                struct store_tickets_query list;
                struct store_ticket_query look_up;
                struct store_ticket_change change;
        } op;
};

static struct ticket_call *ticket_call_new(struct call *call, size_t max_bytes)
{
        return detached_new(call, sizeof(struct ticket_call), max_bytes);
}

/* ---- GET /api/v1/tickets ---- */

static void listed(struct store_tickets_query *query)
{
        struct ticket_call *ticket_call = list_item(query, struct ticket_call, op.list);
        struct call *call = detached_wake(&ticket_call->base);
        if (call && query->result == ERR_OK) {
                struct json_writer w = {.buf = &call->api->buf};
                buf_reset(w.buf);
                json_open(&w, '{');
                ticket_write_page(&w, call->arena, query->tickets, query->count, query->next_row);
                json_close(&w, '}');
                call_json(call, 200, buf_str(w.buf));
        } else if (call) {
                call_problem(call, problem_of(query->result), NULL);
        }
        detached_free(&ticket_call->base);
}

static void read_filter(struct call *call, struct ticket_call *ticket_call, struct problem_faults *faults)
{
        struct str rest = call->request->query, name, value;
        while (query_next(&rest, &ticket_call->base.arena, &name, &value)) {
                bool is_known;
                const char *message = ticket_filter_set(&ticket_call->op.list.filter, name, value, &is_known);
                if (!is_known)
                        problem_complain(faults, STR("query"), "has a parameter that is not known here");
                else if (message || !value.ptr)
                        problem_complain(faults, name, message ? message : "must have a value");
        }
}

static void start_list(struct detached *detached, struct store *store)
{
        store->ops->list_tickets(store, &list_item(detached, struct ticket_call, base)->op.list);
}

void tickets_handle(struct call *call)
{
        struct problem_faults faults = {0};
        struct ticket_call *ticket_call = ticket_call_new(call, PAGE_ARENA_BYTES);
        ticket_call->op.list = (struct store_tickets_query){.arena = &ticket_call->base.arena, .done = listed};
        read_filter(call, ticket_call, &faults);
        if (faults.count) {
                detached_refuse(&ticket_call->base, &faults);
                return;
        }
        detached_read_audited(&ticket_call->base, AUDIT_RECORDS_LISTED, (struct record_id){0}, start_list);
}

/* ---- GET /api/v1/tickets/ID ---- */

static void answer(struct call *call, int status, const struct ticket *ticket, const struct ticket_history *history)
{
        struct json_writer w = {.buf = &call->api->buf};
        buf_reset(w.buf);
        ticket_write(&w, call->arena, ticket, history);
        call_add_header(call, "ETag", arena_format(call->arena, "\"%lld\"", (long long)ticket->version));
        call_json(call, status, buf_str(w.buf));
}

/* Who works on it and what they say to each other is for those who see all. */
static void looked_up(struct store_ticket_query *query)
{
        struct ticket_call *ticket_call = list_item(query, struct ticket_call, op.look_up);
        struct call *call = detached_wake(&ticket_call->base);
        if (call && query->result == ERR_OK)
                answer(call, 200, &query->ticket, query->viewer.sees_all ? &query->history : NULL);
        else if (call)
                call_problem(call, problem_of(query->result), NULL);
        detached_free(&ticket_call->base);
}

static void start_look_up(struct detached *detached, struct store *store)
{
        store->ops->find_ticket(store, &list_item(detached, struct ticket_call, base)->op.look_up);
}

void ticket_handle(struct call *call)
{
        struct record_id id;
        if (!call_record_id(call, STR("tkt_"), &id)) {
                call_problem(call, PROBLEM_NOT_FOUND, NULL);
                return;
        }
        struct ticket_call *ticket_call = ticket_call_new(call, TICKET_ARENA_BYTES);
        ticket_call->op.look_up = (struct store_ticket_query){
                .id = id, .viewer = call_viewer(call), .arena = &ticket_call->base.arena, .done = looked_up};
        detached_read_as(&ticket_call->base, &ticket_call->op.look_up.viewer, id, start_look_up);
}

/* ---- Changes ---- */

static void changed(struct store_ticket_change *change)
{
        struct ticket_call *ticket_call = list_item(change, struct ticket_call, op.change);
        struct call *call = detached_wake(&ticket_call->base);
        bool is_comment = ticket_changes(&change->change, TICKET_FIELD_COMMENT);
        bool is_told = change->result == ERR_STALE || change->result == ERR_CONFLICT;
        if (call && change->result == ERR_OK)
                answer(call, is_comment ? 201 : 200, &change->ticket, &change->history);
        else if (call)
                call_problem(call, problem_of(change->result),
                             &(struct problem_detail){.text = is_told ? change->note.text : NULL});
        detached_free(&ticket_call->base);
}

/* NULL when the request was refused already. */
static struct ticket_call *change_new(struct call *call)
{
        struct record_id id;
        if (!call_record_id(call, STR("tkt_"), &id)) {
                call_problem(call, PROBLEM_NOT_FOUND, NULL);
                return NULL;
        }
        if (!call_has_json(call)) {
                call_problem(call, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
                return NULL;
        }
        struct ticket_call *ticket_call = ticket_call_new(call, TICKET_ARENA_BYTES);
        ticket_call->op.change = (struct store_ticket_change){
                .id = id,
                .by = detached_key_name(&ticket_call->base),
                .now_ms = clock_wall_ms(loop_clock(call->api->loop)),
                .arena = &ticket_call->base.arena,
                .done = changed,
        };
        return ticket_call;
}

static void set_field(struct detached *base, struct str name, struct json value, struct problem_faults *faults)
{
        struct ticket_call *ticket_call = list_item(base, struct ticket_call, base);
        struct str text = {0};
        const char *message = "must be a string";
        bool is_text = json_to_str(value, &text);
        if (is_text && !redact_is_clean(text))
                message = "must hold no personal data";
        else if (is_text || json_type(value) == JSON_NULL)
                message = ticket_change_set(&ticket_call->op.change.change, name, arena_copy(&ticket_call->base.arena, text));
        if (message)
                problem_complain(faults, problem_pointer(&ticket_call->base.arena, "", name), message);
}

static void set_comment(struct detached *base, struct str name, struct json value, struct problem_faults *faults)
{
        struct ticket_call *ticket_call = list_item(base, struct ticket_call, base);
        struct raw_text text = {0};
        struct safe_text safe;
        const char *message = "must be a string";
        if (!str_equal(name, STR("text"))) {
                message = "is not a member of this request";
        } else if (json_to_str(value, &text.raw)) {
                text.raw = arena_copy(&ticket_call->base.arena, text.raw);
                message = redact_text(text, &ticket_call->base.arena, &safe) == ERR_OK
                                  ? ticket_change_comment(&ticket_call->op.change.change, safe)
                                  : "cannot be redacted";
        }
        if (message)
                problem_complain(faults, problem_pointer(&ticket_call->base.arena, "", name), message);
}

static void start_change(struct ticket_call *ticket_call, const struct problem_faults *faults, bool is_valid)
{
        struct call *call = ticket_call->base.call;
        struct store *store = call->api->config.env.store;
        if (!is_valid) {
                detached_refuse(&ticket_call->base, faults);
                return;
        }
        detached_wait(&ticket_call->base);
        store->ops->change_ticket(store, &ticket_call->op.change);
}

void ticket_change_handle(struct call *call)
{
        struct problem_faults faults = {0};
        struct ticket_call *ticket_call = change_new(call);
        if (!ticket_call)
                return;
        if (!exchange_header(call->exchange, STR("if-match")).ptr) {
                call_problem(call, PROBLEM_PRECONDITION_REQUIRED, NULL);
                detached_free(&ticket_call->base);
                return;
        }
        if (!detached_if_match(call, TICKET_MAX_VERSION, &ticket_call->op.change.if_version))
                problem_complain(&faults, STR("If-Match"), "must be the ETag of the ticket, or *");
        bool is_valid = detached_read_body(&ticket_call->base, set_field, &faults);
        start_change(ticket_call, &faults, is_valid);
}

void ticket_comment_handle(struct call *call)
{
        struct problem_faults faults = {0};
        struct ticket_call *ticket_call = change_new(call);
        if (!ticket_call)
                return;
        bool is_valid = detached_read_body(&ticket_call->base, set_comment, &faults);
        if (is_valid && !ticket_changes(&ticket_call->op.change.change, TICKET_FIELD_COMMENT))
                problem_complain(&faults, STR("/text"), "is required");
        start_change(ticket_call, &faults, faults.count == 0 && is_valid);
}
