/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"

#include "api/query.h"
#include "base/json_writer.h"
#include "flow/workflow.h"

#include <assert.h>

enum { ARENA_BYTES = 16 << 20, DEFAULT_LIMIT = 50 };

/* Lives in an arena of its own: the look-up outlasts a client that goes away. */
struct listing {
        struct store_reviews_query query;
        struct arena arena; /* owns, also this struct */
        size_t *busy;
        struct call *call; /* NULL once the client is gone */
};

static void write_review(struct json_writer *w, struct arena *arena, const struct review *review)
{
        json_open(w, '{');
        json_member(w, "message_id", record_id_text(arena, "msg_", review->id));
        json_member(w, "request_id", ident_str(&review->request_id));
        json_key(w, "received_at");
        json_time(w, review->received_at_ms);
        json_key(w, "due_at");
        json_time(w, review->due_at_ms);
        json_member(w, "category", str_from(category_name(review->category)));
        json_member(w, "intent", str_from(intent_name(review->intent)));
        json_member(w, "severity", str_from(review->severity ? severity_name(review->severity) : NULL));
        json_member(w, "channel", str_from(channel_name(review->channel)));
        json_member(w, "reason", review->reason);
        json_member(w, "status", review->status);
        json_member(w, "text", review->text.safe);
        json_close(w, '}');
}

/* The place behind the last row: "<due_at_ms>.<row>". */
static void write_page(struct listing *listing, struct buf *buf)
{
        const struct store_reviews_query *query = &listing->query;
        struct json_writer w = {.buf = buf};
        buf_reset(buf);
        json_open(&w, '{');
        json_key(&w, "reviews");
        json_open(&w, '[');
        for (size_t i = 0; i < query->count; i++)
                write_review(&w, &listing->arena, &query->reviews[i]);
        json_close(&w, ']');
        json_key(&w, "next_cursor");
        if (query->has_more && query->count) {
                const struct review *last = &query->reviews[query->count - 1];
                json_str(&w, arena_format(&listing->arena, "%lld.%llu", (long long)last->due_at_ms,
                                          (unsigned long long)last->id.row));
        } else {
                json_null(&w);
        }
        json_close(&w, '}');
}

static void done(struct store_reviews_query *query)
{
        struct listing *listing = list_item(query, struct listing, query);
        struct call *call = listing->call;
        if (call) {
                exchange_on_cancel(call->exchange, NULL, NULL);
                write_page(listing, &call->api->buf);
                if (query->result == ERR_OK)
                        call_json(call, 200, buf_str(&call->api->buf));
                else
                        call_problem(call, problem_of(query->result), NULL);
        }
        struct arena arena = listing->arena;
        --*listing->busy;
        arena_deinit(&arena);
}

static void cancelled(void *arg)
{
        struct listing *listing = arg;
        exchange_respond(listing->call->exchange, &(struct http_response){.status = 499});
        listing->call = NULL;
}

static bool read_limit(struct str text, struct store_reviews_query *query)
{
        uint64_t limit;
        if (!str_to_u64(text, &limit) || limit < 1 || limit > REVIEWS_MAX_LIMIT)
                return false;
        query->limit = limit;
        return true;
}

static bool read_cursor(struct str text, struct store_reviews_query *query)
{
        uint64_t due;
        struct str rest = text;
        if (!str_to_u64(str_split(&rest, '.'), &due) || due > INT64_MAX || !str_to_u64(rest, &query->after_row))
                return false;
        query->after_due_at_ms = (int64_t)due;
        return true;
}

static bool read_severity(struct str text, struct store_reviews_query *query)
{
        return severity_from(text, &query->min_severity) && query->min_severity != SEVERITY_NONE;
}

static bool read_category(struct str text, struct store_reviews_query *query)
{
        query->has_category = true;
        return category_from(text, &query->category);
}

static bool read_due_before(struct str text, struct store_reviews_query *query)
{
        uint64_t due;
        if (!str_to_u64(text, &due) || due == 0 || due > INT64_MAX)
                return false;
        query->due_before_ms = (int64_t)due;
        return true;
}

static const struct {
        struct str name;
        bool (*read)(struct str text, struct store_reviews_query *query);
        const char *message;
} filters[] = {
        {STR_INIT("limit"), read_limit, "must be a number from 1 to 200"},
        {STR_INIT("cursor"), read_cursor, "must be a next_cursor of an earlier page"},
        {STR_INIT("min_severity"), read_severity, "must be one of standard, high, urgent"},
        {STR_INIT("category"), read_category, "must be a category"},
        {STR_INIT("due_before_ms"), read_due_before, "must be milliseconds since 1970"},
};

static void read_filter(struct str name, struct str value, struct store_reviews_query *query,
                        struct problem_detail *detail, struct problem_field *fields)
{
        struct problem_field bad = {STR("query"), "has a parameter that is not known here"};
        for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
                if (!str_equal(name, filters[i].name))
                        continue;
                if (value.ptr && filters[i].read(value, query))
                        return;
                bad = (struct problem_field){filters[i].name, filters[i].message};
        }
        if (detail->field_count < PROBLEM_MAX_FIELDS)
                fields[detail->field_count++] = bad;
}

void reviews_handle(struct call *call)
{
        struct problem_field fields[PROBLEM_MAX_FIELDS];
        struct problem_detail detail = {.text = "The parameters in `errors` are not valid", .fields = fields};
        struct store_reviews_query query = {.viewer = call_viewer(call), .limit = DEFAULT_LIMIT, .done = done};
        struct str rest = call->request->query, name, value;
        while (query_next(&rest, call->arena, &name, &value))
                read_filter(name, value, &query, &detail, fields);
        if (detail.field_count) {
                call_problem(call, PROBLEM_VALIDATION_ERROR, &detail);
                return;
        }
        struct store *store = call->api->config.env.store;
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        struct listing *listing = arena_new(&arena, struct listing);
        assert(listing);
        listing->arena = arena;
        listing->busy = call->api->config.env.busy;
        ++*listing->busy;
        listing->call = call;
        listing->query = query;
        listing->query.arena = &listing->arena;
        exchange_on_cancel(call->exchange, cancelled, listing);
        store->ops->list_reviews(store, &listing->query);
}
