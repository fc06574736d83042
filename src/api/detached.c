/* SPDX-License-Identifier: Apache-2.0 */
#include "api/detached.h"

#include <assert.h>
#include <string.h>

void *detached_new(struct call *call, size_t bytes, size_t max_bytes)
{
        struct arena arena;
        arena_init(&arena, max_bytes);
        struct detached *detached = arena_zeroed(&arena, bytes);
        assert(detached);
        *detached = (struct detached){.arena = arena, .busy = call->api->config.env.busy, .call = call,
                                       .store = call->api->config.env.store};
        ++*detached->busy;
        return detached;
}

void detached_free(struct detached *detached)
{
        struct arena arena = detached->arena;
        --*detached->busy;
        arena_deinit(&arena);
}

static void cancelled(void *arg)
{
        struct detached *detached = arg;
        exchange_respond(detached->call->exchange, &(struct http_response){.status = 499});
        detached->call = NULL;
}

void detached_wait(struct detached *detached)
{
        exchange_on_cancel(detached->call->exchange, cancelled, detached);
}

struct call *detached_wake(struct detached *detached)
{
        if (detached->call)
                exchange_on_cancel(detached->call->exchange, NULL, NULL);
        return detached->call;
}

static void audited(struct store_audit *audit)
{
        struct detached *detached = list_item(audit, struct detached, audit);
        struct call *call = detached_wake(detached);
        if (call && audit->result == ERR_OK) {
                detached_wait(detached);
                detached->start(detached, detached->store);
                return;
        }
        if (call)
                call_problem(call, problem_of(audit->result), NULL);
        detached_free(detached);
}

void detached_read_audited(struct detached *detached, enum audit_kind kind, struct record_id record,
                           detached_start *start)
{
        detached->start = start;
        detached->audit = (struct store_audit){
                .entry = {.kind = kind,
                          .at_ms = clock_wall_ms(loop_clock(detached->call->api->loop)),
                          .by = detached_key_name(detached),
                          .record = record},
                .done = audited,
        };
        detached_wait(detached);
        detached->store->ops->audit(detached->store, &detached->audit);
}

void detached_read_as(struct detached *detached, const struct store_viewer *viewer, struct record_id record,
                      detached_start *start)
{
        if (viewer->sees_all && viewer->key_id) {
                detached_read_audited(detached, AUDIT_RECORD_READ, record, start);
                return;
        }
        detached_wait(detached);
        start(detached, detached->store);
}

void detached_refuse(struct detached *detached, const struct problem_faults *faults)
{
        const char *text = faults->count ? "What `errors` names is not valid" : "The body is not valid JSON";
        call_problem(detached->call, PROBLEM_VALIDATION_ERROR,
                     &(struct problem_detail){.text = text, .fields = faults->fields, .field_count = faults->count});
        detached_free(detached);
}

bool detached_read_body(struct detached *detached, detached_member *read, struct problem_faults *faults)
{
        struct call *call = detached->call;
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
                read(detached, name, value, faults);
        return faults->count == 0;
}

bool detached_if_match(const struct call *call, int64_t max_version, int64_t *ret_version)
{
        struct str tag = exchange_header(call->exchange, STR("if-match"));
        if (exchange_header_count(call->exchange, STR("if-match")) > 1)
                return false;
        *ret_version = 0;
        if (!tag.ptr || str_equal(tag, STR("*")))
                return true;
        bool is_weak = str_starts_with(tag, STR("W/"));
        if (is_weak)
                tag = (struct str){tag.ptr + 2, tag.len - 2};
        bool is_tag = tag.len >= 2 && tag.ptr[0] == '"' && memchr(tag.ptr + 1, '"', tag.len - 1) == tag.ptr + tag.len - 1;
        uint64_t version;
        bool is_version = is_tag && !is_weak && str_to_u64((struct str){tag.ptr + 1, tag.len - 2}, &version) &&
                          version >= 1 && version <= (uint64_t)max_version;
        *ret_version = is_version ? (int64_t)version : -1;
        return is_tag;
}

struct str detached_key_name(struct detached *detached)
{
        const struct call *call = detached->call;
        return call->key_id ? arena_copy(&detached->arena, ident_str(&call->key_name)) : (struct str){0};
}
