/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"

#include <assert.h>

enum { ARENA_BYTES = 1 << 20 };

/* Lives in an arena of its own: the look-up outlasts a client that goes away. */
struct look_up {
        struct store_message_query query;
        struct arena arena; /* owns, also this struct */
        size_t *busy;
        struct call *call; /* NULL once the client is gone */
};

static void done(struct store_message_query *query)
{
        struct look_up *look_up = list_item(query, struct look_up, query);
        struct call *call = look_up->call;
        if (call) {
                exchange_on_cancel(call->exchange, NULL, NULL);
                if (query->result == ERR_OK)
                        call_json(call, 200, query->answer.safe);
                else
                        call_problem(call, problem_of(query->result), NULL);
        }
        struct arena arena = look_up->arena;
        --*look_up->busy;
        arena_deinit(&arena);
}

static void cancelled(void *arg)
{
        struct look_up *look_up = arg;
        exchange_respond(look_up->call->exchange, &(struct http_response){.status = 499});
        look_up->call = NULL;
}

void messages_handle(struct call *call)
{
        struct record_id id;
        if (!call_record_id(call, STR("msg_"), &id)) {
                call_problem(call, PROBLEM_NOT_FOUND, NULL);
                return;
        }
        struct store *store = call->api->config.env.store;
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        struct look_up *look_up = arena_new(&arena, struct look_up);
        assert(look_up);
        look_up->arena = arena;
        look_up->busy = call->api->config.env.busy;
        ++*look_up->busy;
        look_up->call = call;
        look_up->query = (struct store_message_query){
                .id = id, .viewer = call_viewer(call), .arena = &look_up->arena, .done = done};
        exchange_on_cancel(call->exchange, cancelled, look_up);
        store->ops->find_message(store, &look_up->query);
}
