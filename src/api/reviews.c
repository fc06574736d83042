/* SPDX-License-Identifier: Apache-2.0 */
#include "api/detached.h"

#include "api/query.h"
#include "base/json_writer.h"
#include "port/store_review.h"
#include "text/redact.h"

#include <assert.h>

/* As JSON, six times what a page takes fits into a body; a review comes with its history and its conversation. */
enum { PAGE_ARENA_BYTES = 1 << 20, REVIEW_ARENA_BYTES = 8 << 20,
       /* Originals are JSON already: with their frames they fit into a body. */
       ORIGINALS_ARENA_BYTES = 4 << 20 };

struct review_call {
        struct detached base;
        union {
                struct store_reviews_query list;
                struct store_review_query look_up;
                struct store_originals_query originals;
                struct store_review_change change;
        } op;
};

static struct review_call *review_call_new(struct call *call, size_t max_bytes)
{
        return detached_new(call, sizeof(struct review_call), max_bytes);
}

static int64_t now_ms(const struct call *call)
{
        return clock_wall_ms(loop_clock(call->api->loop));
}

/* ---- GET /api/v1/reviews ---- */

static void listed(struct store_reviews_query *query)
{
        struct review_call *review_call = list_item(query, struct review_call, op.list);
        struct call *call = detached_wake(&review_call->base);
        if (call && query->result == ERR_OK) {
                struct json_writer w = {.buf = &call->api->buf};
                buf_reset(w.buf);
                json_open(&w, '{');
                review_write_page(&w, call->arena, &query->page);
                json_close(&w, '}');
                call_json(call, 200, buf_str(w.buf));
        } else if (call) {
                call_problem(call, problem_of(query->result), NULL);
        }
        detached_free(&review_call->base);
}

static void read_filter(struct review_call *review_call, struct problem_faults *faults)
{
        struct str rest = review_call->base.call->request->query, name, value;
        while (query_next(&rest, &review_call->base.arena, &name, &value)) {
                bool is_known;
                const char *message = review_filter_set(&review_call->op.list.filter, name, value, &is_known);
                if (!is_known)
                        problem_complain(faults, STR("query"), "has a parameter that is not known here");
                else if (message || !value.ptr)
                        problem_complain(faults, name, message ? message : "must have a value");
        }
}

static void start_list(struct detached *base, struct store *store)
{
        store->ops->list_reviews(store, &list_item(base, struct review_call, base)->op.list);
}

void reviews_handle(struct call *call)
{
        struct problem_faults faults = {0};
        struct review_call *review_call = review_call_new(call, PAGE_ARENA_BYTES);
        struct store_reviews_query *query = &review_call->op.list;
        *query = (struct store_reviews_query){.viewer = call_viewer(call),
                                              .filter.now_ms = now_ms(call),
                                              .arena = &review_call->base.arena,
                                              .done = listed};
        read_filter(review_call, &faults);
        if (faults.count) {
                detached_refuse(&review_call->base, &faults);
                return;
        }
        detached_read_audited(&review_call->base, AUDIT_RECORDS_LISTED, (struct record_id){0}, start_list);
}

/* ---- GET /api/v1/reviews/ID ---- */

static void answer(struct call *call, const struct review *review, const struct review_history *history)
{
        struct json_writer w = {.buf = &call->api->buf};
        buf_reset(w.buf);
        review_write(&w, call->arena, review, history);
        call_add_header(call, "ETag", arena_format(call->arena, "\"%lld\"", (long long)review->version));
        call_json(call, 200, buf_str(w.buf));
}

static void looked_up(struct store_review_query *query)
{
        struct review_call *review_call = list_item(query, struct review_call, op.look_up);
        struct call *call = detached_wake(&review_call->base);
        if (call && query->result == ERR_OK)
                answer(call, &query->review, &query->history);
        else if (call)
                call_problem(call, problem_of(query->result), NULL);
        detached_free(&review_call->base);
}

static void start_look_up(struct detached *base, struct store *store)
{
        store->ops->find_review(store, &list_item(base, struct review_call, base)->op.look_up);
}

void review_handle(struct call *call)
{
        struct record_id id;
        if (!call_record_id(call, STR("rev_"), &id)) {
                call_problem(call, PROBLEM_NOT_FOUND, NULL);
                return;
        }
        struct review_call *review_call = review_call_new(call, REVIEW_ARENA_BYTES);
        review_call->op.look_up =
                (struct store_review_query){.id = id, .arena = &review_call->base.arena, .done = looked_up};
        detached_read_audited(&review_call->base, AUDIT_RECORD_READ, id, start_look_up);
}

/* ---- GET /api/v1/reviews/ID/original ---- */

static void revealed(struct store_originals_query *query)
{
        struct review_call *review_call = list_item(query, struct review_call, op.originals);
        struct call *call = detached_wake(&review_call->base);
        if (call && query->result == ERR_OK) {
                struct json_writer w = {.buf = &call->api->buf};
                buf_reset(w.buf);
                review_write_originals(&w, call->arena, &query->originals);
                call_json(call, 200, buf_str(w.buf));
        } else if (call) {
                call_problem(call, problem_of(query->result), NULL);
        }
        detached_free(&review_call->base);
}

static void start_reveal(struct detached *base, struct store *store)
{
        store->ops->find_originals(store, &list_item(base, struct review_call, base)->op.originals);
}

/* Also where a server without keys lets everybody on its machine look: who reveals has a name. */
void review_original_handle(struct call *call)
{
        struct record_id id;
        if (!call->key_id) {
                call_problem(call, PROBLEM_FORBIDDEN, &(struct problem_detail){.text = "A key with the scope reveal is needed"});
                return;
        }
        if (!call_record_id(call, STR("rev_"), &id)) {
                call_problem(call, PROBLEM_NOT_FOUND, NULL);
                return;
        }
        struct review_call *review_call = review_call_new(call, ORIGINALS_ARENA_BYTES);
        review_call->op.originals =
                (struct store_originals_query){.id = id, .arena = &review_call->base.arena, .done = revealed};
        detached_read_audited(&review_call->base, AUDIT_RECORD_REVEALED, id, start_reveal);
}

/* ---- POST /api/v1/reviews/ID/claim, release, resolve, reopen ---- */

static void changed(struct store_review_change *change)
{
        struct review_call *review_call = list_item(change, struct review_call, op.change);
        struct call *call = detached_wake(&review_call->base);
        bool is_told = change->result == ERR_STALE || change->result == ERR_CONFLICT;
        if (call && change->result == ERR_OK)
                answer(call, &change->review, &change->history);
        else if (call)
                call_problem(call, problem_of(change->result),
                             &(struct problem_detail){.text = is_told ? change->note.text : NULL});
        detached_free(&review_call->base);
}

static const char *set_note(struct review_call *review_call, struct str text)
{
        struct raw_text note = {arena_copy(&review_call->base.arena, text)};
        struct safe_text safe;
        if (redact_text(note, &review_call->base.arena, &safe) != ERR_OK)
                return "cannot be redacted";
        return review_change_note(&review_call->op.change.change, safe);
}

static void set_member(struct detached *base, struct str name, struct json value, struct problem_faults *faults)
{
        struct review_call *review_call = list_item(base, struct review_call, base);
        struct str text;
        const char *message = NULL;
        if (json_type(value) == JSON_NULL)
                return;
        if (!json_to_str(value, &text))
                message = "must be a string";
        else if (str_equal(name, STR("note")))
                message = set_note(review_call, text);
        else if (!redact_is_clean(text))
                message = "must hold no personal data";
        else
                message = review_change_set(&review_call->op.change.change, name, arena_copy(&base->arena, text));
        if (message)
                problem_complain(faults, problem_pointer(&base->arena, "", name), message);
}

/* NULL when the request was refused already. */
static struct review_call *change_new(struct call *call)
{
        struct record_id id;
        enum review_action action;
        bool is_known = review_action_from(str_from(call->route->suffix + 1), &action);
        assert(is_known);
        if (!call_record_id(call, STR("rev_"), &id)) {
                call_problem(call, PROBLEM_NOT_FOUND, NULL);
                return NULL;
        }
        if (call->request->body.len && !call_has_json(call)) {
                call_problem(call, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
                return NULL;
        }
        struct review_call *review_call = review_call_new(call, REVIEW_ARENA_BYTES);
        struct str by = detached_key_name(&review_call->base);
        review_call->op.change = (struct store_review_change){
                .id = id,
                .change = {.action = action,
                           .assignee = by.ptr ? by : STR("(no key)"),
                           .outcome = REVIEW_OUTCOME_NONE},
                .by = by,
                .now_ms = now_ms(call),
                .arena = &review_call->base.arena,
                .done = changed,
        };
        return review_call;
}

void review_change_handle(struct call *call)
{
        struct problem_faults faults = {0};
        struct store *store = call->api->config.env.store;
        struct review_call *review_call = change_new(call);
        if (!review_call)
                return;
        struct store_review_change *change = &review_call->op.change;
        if (!detached_if_match(call, REVIEW_MAX_VERSION, &change->if_version))
                problem_complain(&faults, STR("If-Match"), "must be the ETag of the review, or *");
        bool is_valid = call->request->body.len == 0 || detached_read_body(&review_call->base, set_member, &faults);
        if (is_valid && change->change.action == REVIEW_RESOLVE && change->change.outcome == REVIEW_OUTCOME_NONE)
                problem_complain(&faults, STR("/outcome"), "is required");
        if (!is_valid || faults.count) {
                detached_refuse(&review_call->base, &faults);
                return;
        }
        detached_wait(&review_call->base);
        store->ops->change_review(store, change);
}
