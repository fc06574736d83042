/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"

#include "api/query.h"
#include "base/json_writer.h"
#include "port/store_ticket.h"
#include "text/redact.h"

#include <assert.h>
#include <string.h>

/* As JSON, six times what a page takes, and what a ticket with its whole history takes, fit into a body. */
enum { PAGE_ARENA_BYTES = 1 << 20, TICKET_ARENA_BYTES = 8 << 20 };

/* One operation on the store. Lives in an arena of its own: it outlasts a client that goes away. */
struct ticket_call {
        struct arena arena; /* owns, also this struct */
        size_t *busy;
        struct call *call; /* NULL once the client is gone */
        union {
                struct store_tickets_query list;
                struct store_ticket_query look_up;
                struct store_ticket_change change;
        } op;
};

static struct ticket_call *ticket_call_new(struct call *call, size_t max_bytes)
{
        struct arena arena;
        arena_init(&arena, max_bytes);
        struct ticket_call *ticket_call = arena_new(&arena, struct ticket_call);
        assert(ticket_call);
        ticket_call->arena = arena;
        ticket_call->busy = call->api->config.env.busy;
        ++*ticket_call->busy;
        ticket_call->call = call;
        return ticket_call;
}

static void ticket_call_free(struct ticket_call *ticket_call)
{
        struct arena arena = ticket_call->arena;
        --*ticket_call->busy;
        arena_deinit(&arena);
}

static void refuse(struct ticket_call *ticket_call, const struct problem_faults *faults)
{
        const char *text = faults->count ? "What `errors` names is not valid" : "The body is not valid JSON";
        call_problem(ticket_call->call, PROBLEM_VALIDATION_ERROR,
                     &(struct problem_detail){.text = text, .fields = faults->fields, .field_count = faults->count});
        ticket_call_free(ticket_call);
}

static void cancelled(void *arg)
{
        struct ticket_call *ticket_call = arg;
        exchange_respond(ticket_call->call->exchange, &(struct http_response){.status = 499});
        ticket_call->call = NULL;
}

/* The client's call, when it is still there. */
static struct call *wake(struct ticket_call *ticket_call)
{
        if (ticket_call->call)
                exchange_on_cancel(ticket_call->call->exchange, NULL, NULL);
        return ticket_call->call;
}

/* ---- GET /api/v1/tickets ---- */

static void listed(struct store_tickets_query *query)
{
        struct ticket_call *ticket_call = list_item(query, struct ticket_call, op.list);
        struct call *call = wake(ticket_call);
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
        ticket_call_free(ticket_call);
}

static void read_filter(struct call *call, struct ticket_call *ticket_call, struct problem_faults *faults)
{
        struct str rest = call->request->query, name, value;
        while (query_next(&rest, &ticket_call->arena, &name, &value)) {
                bool is_known;
                const char *message = ticket_filter_set(&ticket_call->op.list.filter, name, value, &is_known);
                if (!is_known)
                        problem_complain(faults, STR("query"), "has a parameter that is not known here");
                else if (message || !value.ptr)
                        problem_complain(faults, name, message ? message : "must have a value");
        }
}

void tickets_handle(struct call *call)
{
        struct problem_faults faults = {0};
        struct store *store = call->api->config.env.store;
        struct ticket_call *ticket_call = ticket_call_new(call, PAGE_ARENA_BYTES);
        ticket_call->op.list = (struct store_tickets_query){.arena = &ticket_call->arena, .done = listed};
        read_filter(call, ticket_call, &faults);
        if (faults.count) {
                refuse(ticket_call, &faults);
                return;
        }
        exchange_on_cancel(call->exchange, cancelled, ticket_call);
        store->ops->list_tickets(store, &ticket_call->op.list);
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
        struct call *call = wake(ticket_call);
        if (call && query->result == ERR_OK)
                answer(call, 200, &query->ticket, query->viewer.sees_all ? &query->history : NULL);
        else if (call)
                call_problem(call, problem_of(query->result), NULL);
        ticket_call_free(ticket_call);
}

void ticket_handle(struct call *call)
{
        struct record_id id;
        struct store *store = call->api->config.env.store;
        if (!call_record_id(call, STR("tkt_"), &id)) {
                call_problem(call, PROBLEM_NOT_FOUND, NULL);
                return;
        }
        struct ticket_call *ticket_call = ticket_call_new(call, TICKET_ARENA_BYTES);
        ticket_call->op.look_up = (struct store_ticket_query){
                .id = id, .viewer = call_viewer(call), .arena = &ticket_call->arena, .done = looked_up};
        exchange_on_cancel(call->exchange, cancelled, ticket_call);
        store->ops->find_ticket(store, &ticket_call->op.look_up);
}

/* ---- Changes ---- */

static void changed(struct store_ticket_change *change)
{
        struct ticket_call *ticket_call = list_item(change, struct ticket_call, op.change);
        struct call *call = wake(ticket_call);
        bool is_comment = ticket_changes(&change->change, TICKET_FIELD_COMMENT);
        bool is_told = change->result == ERR_STALE || change->result == ERR_CONFLICT;
        if (call && change->result == ERR_OK)
                answer(call, is_comment ? 201 : 200, &change->ticket, &change->history);
        else if (call)
                call_problem(call, problem_of(change->result),
                             &(struct problem_detail){.text = is_told ? change->note.text : NULL});
        ticket_call_free(ticket_call);
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
                .by = call->key_id ? arena_copy(&ticket_call->arena, ident_str(&call->key_name)) : (struct str){0},
                .now_ms = clock_wall_ms(loop_clock(call->api->loop)),
                .arena = &ticket_call->arena,
                .done = changed,
        };
        return ticket_call;
}

static void set_field(struct ticket_call *ticket_call, struct str name, struct json value, struct problem_faults *faults)
{
        struct str text = {0};
        const char *message = "must be a string";
        bool is_text = json_to_str(value, &text);
        if (is_text && !redact_is_clean(text))
                message = "must hold no personal data";
        else if (is_text || json_type(value) == JSON_NULL)
                message = ticket_change_set(&ticket_call->op.change.change, name, arena_copy(&ticket_call->arena, text));
        if (message)
                problem_complain(faults, problem_pointer(&ticket_call->arena, "", name), message);
}

static void set_comment(struct ticket_call *ticket_call, struct str name, struct json value, struct problem_faults *faults)
{
        struct raw_text text = {0};
        struct safe_text safe;
        const char *message = "must be a string";
        if (!str_equal(name, STR("text"))) {
                message = "is not a member of this request";
        } else if (json_to_str(value, &text.raw)) {
                text.raw = arena_copy(&ticket_call->arena, text.raw);
                message = redact_text(text, &ticket_call->arena, &safe) == ERR_OK
                                  ? ticket_change_comment(&ticket_call->op.change.change, safe)
                                  : "cannot be redacted";
        }
        if (message)
                problem_complain(faults, problem_pointer(&ticket_call->arena, "", name), message);
}

typedef void read_member(struct ticket_call *ticket_call, struct str name, struct json value, struct problem_faults *faults);

/* False when the body is not one of this request. */
static bool read_body(struct ticket_call *ticket_call, read_member *read, struct problem_faults *faults)
{
        struct call *call = ticket_call->call;
        struct json root, value;
        struct str name;
        if (json_parse(call->api->parser, call->request->body, &root, NULL) != ERR_OK)
                return false;
        if (json_type(root) != JSON_OBJECT) {
                problem_complain(faults, STR(""), "the body must be a JSON object");
                return false;
        }
        struct json_iter iter = json_iter(root);
        while (faults->count < PROBLEM_MAX_FIELDS && json_next(&iter, &name, &value))
                read(ticket_call, name, value, faults);
        return faults->count == 0;
}

static void start_change(struct ticket_call *ticket_call, const struct problem_faults *faults, bool is_valid)
{
        struct call *call = ticket_call->call;
        struct store *store = call->api->config.env.store;
        if (!is_valid) {
                refuse(ticket_call, faults);
                return;
        }
        exchange_on_cancel(call->exchange, cancelled, ticket_call);
        store->ops->change_ticket(store, &ticket_call->op.change);
}

/* "*", or one ETag. One that is not of a ticket (another text, a weak one) is that of no version. */
static bool read_if_match(const struct call *call, int64_t *ret_version)
{
        struct str tag = exchange_header(call->exchange, STR("if-match"));
        if (exchange_header_count(call->exchange, STR("if-match")) > 1)
                return false;
        *ret_version = 0;
        if (str_equal(tag, STR("*")))
                return true;
        bool is_weak = str_starts_with(tag, STR("W/"));
        if (is_weak)
                tag = (struct str){tag.ptr + 2, tag.len - 2};
        bool is_tag = tag.len >= 2 && tag.ptr[0] == '"' && memchr(tag.ptr + 1, '"', tag.len - 1) == tag.ptr + tag.len - 1;
        uint64_t version;
        bool is_version = is_tag && !is_weak && str_to_u64((struct str){tag.ptr + 1, tag.len - 2}, &version) &&
                          version >= 1 && version <= TICKET_MAX_VERSION;
        *ret_version = is_version ? (int64_t)version : -1;
        return is_tag;
}

void ticket_change_handle(struct call *call)
{
        struct problem_faults faults = {0};
        struct ticket_call *ticket_call = change_new(call);
        if (!ticket_call)
                return;
        if (!exchange_header(call->exchange, STR("if-match")).ptr) {
                call_problem(call, PROBLEM_PRECONDITION_REQUIRED, NULL);
                ticket_call_free(ticket_call);
                return;
        }
        if (!read_if_match(call, &ticket_call->op.change.if_version))
                problem_complain(&faults, STR("If-Match"), "must be the ETag of the ticket, or *");
        bool is_valid = read_body(ticket_call, set_field, &faults);
        start_change(ticket_call, &faults, is_valid);
}

void ticket_comment_handle(struct call *call)
{
        struct problem_faults faults = {0};
        struct ticket_call *ticket_call = change_new(call);
        if (!ticket_call)
                return;
        bool is_valid = read_body(ticket_call, set_comment, &faults);
        if (is_valid && !ticket_changes(&ticket_call->op.change.change, TICKET_FIELD_COMMENT))
                problem_complain(&faults, STR("/text"), "is required");
        start_change(ticket_call, &faults, faults.count == 0 && is_valid);
}
