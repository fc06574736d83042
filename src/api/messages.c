/* SPDX-License-Identifier: Apache-2.0 */
#include "api/detached.h"

enum { ARENA_BYTES = 1 << 20 };

struct message_call {
        struct detached base;
        struct store_message_query query;
};

static void found(struct store_message_query *query)
{
        struct message_call *message_call = list_item(query, struct message_call, query);
        struct call *call = detached_wake(&message_call->base);
        if (call && query->result == ERR_OK)
                call_json(call, 200, query->answer.safe);
        else if (call)
                call_problem(call, problem_of(query->result), NULL);
        detached_free(&message_call->base);
}

static void start_look_up(struct detached *detached, struct store *store)
{
        store->ops->find_message(store, &list_item(detached, struct message_call, base)->query);
}

void messages_handle(struct call *call)
{
        struct record_id id;
        if (!call_record_id(call, STR("msg_"), &id)) {
                call_problem(call, PROBLEM_NOT_FOUND, NULL);
                return;
        }
        struct message_call *message_call = detached_new(call, sizeof *message_call, ARENA_BYTES);
        message_call->query = (struct store_message_query){
                .id = id, .viewer = call_viewer(call), .arena = &message_call->base.arena, .done = found};
        detached_read_as(&message_call->base, &message_call->query.viewer, id, start_look_up);
}
