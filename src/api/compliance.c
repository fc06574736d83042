/* SPDX-License-Identifier: Apache-2.0 */
#include "api/detached.h"

#include "api/query.h"
#include "base/json_writer.h"
#include "port/store_review.h"

/* As JSON, six times what a page takes fits into a body. */
enum { ARENA_BYTES = 1 << 20 };

struct compliance_call {
        struct detached base;
        union {
                struct store_compliance_query look_up;
                struct store_compliance_page page;
        } op;
};

static struct compliance_call *compliance_call_new(struct call *call)
{
        return detached_new(call, sizeof(struct compliance_call), ARENA_BYTES);
}

/* ---- GET /api/v1/compliance ---- */

static void write_page(struct call *call, const struct store_compliance_page *page)
{
        struct json_writer w = {.buf = &call->api->buf};
        buf_reset(w.buf);
        json_open(&w, '{');
        json_key(&w, "records");
        json_open(&w, '[');
        for (size_t i = 0; i < page->count; i++)
                compliance_write(&w, call->arena, &page->records[i]);
        json_close(&w, ']');
        json_member(&w, "next_cursor",
                    page->next_row ? arena_format(call->arena, "%llu", (unsigned long long)page->next_row)
                                   : (struct str){0});
        json_close(&w, '}');
        call_json(call, 200, buf_str(w.buf));
}

static void listed(struct store_compliance_page *page)
{
        struct compliance_call *compliance_call = list_item(page, struct compliance_call, op.page);
        struct call *call = detached_wake(&compliance_call->base);
        if (call && page->result == ERR_OK)
                write_page(call, page);
        else if (call)
                call_problem(call, problem_of(page->result), NULL);
        detached_free(&compliance_call->base);
}

static void start_list(struct detached *base, struct store *store)
{
        store->ops->list_compliance(store, &list_item(base, struct compliance_call, base)->op.page);
}

void compliance_list_handle(struct call *call)
{
        struct problem_faults faults = {0};
        struct compliance_call *compliance_call = compliance_call_new(call);
        struct store_compliance_page *page = &compliance_call->op.page;
        struct str rest = call->request->query, name, value;
        *page = (struct store_compliance_page){.arena = &compliance_call->base.arena, .done = listed};
        while (query_next(&rest, &compliance_call->base.arena, &name, &value)) {
                bool is_known;
                const char *message = compliance_filter_set(&page->filter, name, value, &is_known);
                if (!is_known)
                        problem_complain(&faults, STR("query"), "has a parameter that is not known here");
                else if (message || !value.ptr)
                        problem_complain(&faults, name, message ? message : "must have a value");
        }
        if (faults.count) {
                detached_refuse(&compliance_call->base, &faults);
                return;
        }
        detached_read_audited(&compliance_call->base, AUDIT_RECORDS_EXPORTED, (struct record_id){0}, start_list);
}

/* ---- GET /api/v1/compliance/ID ---- */

static void found(struct store_compliance_query *query)
{
        struct compliance_call *compliance_call = list_item(query, struct compliance_call, op.look_up);
        struct call *call = detached_wake(&compliance_call->base);
        if (call && query->result == ERR_OK) {
                struct json_writer w = {.buf = &call->api->buf};
                buf_reset(w.buf);
                compliance_write(&w, call->arena, &query->record);
                call_json(call, 200, buf_str(w.buf));
        } else if (call) {
                call_problem(call, problem_of(query->result), NULL);
        }
        detached_free(&compliance_call->base);
}

static void start_look_up(struct detached *base, struct store *store)
{
        store->ops->find_compliance(store, &list_item(base, struct compliance_call, base)->op.look_up);
}

void compliance_handle(struct call *call)
{
        struct record_id id;
        if (!call_record_id(call, STR("cmp_"), &id)) {
                call_problem(call, PROBLEM_NOT_FOUND, NULL);
                return;
        }
        struct compliance_call *compliance_call = compliance_call_new(call);
        compliance_call->op.look_up =
                (struct store_compliance_query){.id = id, .arena = &compliance_call->base.arena, .done = found};
        detached_read_audited(&compliance_call->base, AUDIT_RECORD_READ, id, start_look_up);
}
