/* SPDX-License-Identifier: Apache-2.0 */
/* Calls: from upstream_start() to the list of those whose `done` is due. */
#include "net/upstream_inner.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define TO(phase) (1U << UPSTREAM_CALL_##phase)

/* Which phase may follow which. */
static const unsigned next_phases[] = {
        [UPSTREAM_CALL_WAITS] = TO(SENT) | TO(ENDED),
        [UPSTREAM_CALL_SENT] = TO(WAITS) | TO(ANSWERED) | TO(ENDED),
        [UPSTREAM_CALL_ANSWERED] = TO(SENT) | TO(ENDED),
        [UPSTREAM_CALL_ENDED] = 0,
};

void upstream_call_become(struct upstream_call *call, enum upstream_call_phase phase)
{
        assert(next_phases[call->phase] & 1U << phase);
        if (call->phase == UPSTREAM_CALL_WAITS)
                call->upstream->waiting_count--;
        if (phase == UPSTREAM_CALL_WAITS)
                call->upstream->waiting_count++;
        call->phase = (unsigned char)phase;
}

static int64_t now_us(const struct upstream *upstream)
{
        return clock_monotonic_us(loop_clock(upstream->loop));
}

void upstream_call_sent(struct upstream_connection *connection, struct upstream_call *call)
{
        upstream_call_become(call, UPSTREAM_CALL_SENT);
        list_remove(&call->link);
        list_push_back(&connection->calls, &call->link);
        call->connection = connection;
        call->has_head = false;
        if (!connection->has_called)
                upstream_succeeded(connection->upstream);
        connection->has_called = true;
        if (call->sent_us == 0)
                call->sent_us = now_us(connection->upstream);
}

void upstream_call_end(struct upstream_call *call, enum upstream_result result, const char *note)
{
        struct upstream *upstream = call->upstream;
        upstream_call_become(call, UPSTREAM_CALL_ENDED);
        list_remove(&call->link);
        list_push_back(&upstream->ended, &call->link);
        loop_timer_stop(upstream->loop, &call->deadline);
        call->connection = NULL;
        call->result = result;
        call->ended_us = now_us(upstream);
        if (note)
                snprintf(call->note, sizeof call->note, "%s", note);
        upstream->call_count--;
}

void upstream_call_restart_answer(struct upstream_call *call)
{
        if (call->phase == UPSTREAM_CALL_ANSWERED)
                upstream_call_become(call, UPSTREAM_CALL_SENT);
        call->status = 0;
        buf_reset(&call->head_in);
}

/* It was the first in the queue once, and is so again. */
void upstream_call_refused(struct upstream_call *call, const char *note)
{
        struct upstream *upstream = call->upstream;
        if (++call->refusals > UPSTREAM_REFUSALS) {
                upstream_call_end(call, UPSTREAM_LOST, note);
                return;
        }
        upstream_call_become(call, UPSTREAM_CALL_WAITS);
        list_remove(&call->link);
        list_push_back(upstream->waiting.next, &call->link);
        call->connection = NULL;
        upstream_stir(upstream);
}

/* Ends it in whatever phase it is. */
static void give_up(struct upstream_call *call, enum upstream_result result)
{
        struct upstream_connection *connection = call->connection;
        upstream_call_end(call, result, NULL);
        if (connection)
                connection->protocol->abandon(connection, call);
}

static void on_deadline(struct timer *timer)
{
        give_up(list_item(timer, struct upstream_call, deadline), UPSTREAM_TIMEOUT);
}

void upstream_cancel(struct upstream_call *call)
{
        if (call->phase != UPSTREAM_CALL_ENDED)
                give_up(call, UPSTREAM_CANCELLED);
}

/* A key read from a file with a line feed at its end must not become two headers. */
static bool is_sendable(const struct upstream_call *call)
{
        bool is_fine = call->header_count <= UPSTREAM_HEADERS;
        size_t bytes = call->path.len;
        for (size_t i = 0; is_fine && i < call->header_count; i++) {
                struct str value = call->headers[i].value;
                bytes += call->headers[i].name.len + value.len;
                for (size_t j = 0; j < value.len; j++)
                        is_fine &= (unsigned char)value.ptr[j] >= ' ' || value.ptr[j] == '\t';
        }
        return is_fine && bytes <= UPSTREAM_REQUEST_HEAD_BYTES;
}

static void reset(struct upstream *upstream, struct upstream_call *call)
{
        call->upstream = upstream;
        call->connection = NULL;
        call->result = UPSTREAM_OK;
        call->status = 0;
        call->sent_us = 0;
        call->ended_us = 0;
        call->note[0] = '\0';
        call->refusals = 0;
        call->deadline = (struct timer){.fire = on_deadline};
        call->phase = UPSTREAM_CALL_WAITS;
        buf_init(&call->body_in, upstream->config.max_answer_bytes);
        buf_init(&call->head_in, UPSTREAM_HEAD_BYTES);
}

void upstream_start(struct upstream *upstream, struct upstream_call *call)
{
        reset(upstream, call);
        list_push_back(&upstream->waiting, &call->link);
        upstream->waiting_count++;
        upstream->call_count++;
        if (upstream->is_closing) {
                upstream_call_end(call, UPSTREAM_CANCELLED, NULL);
        } else if (upstream->call_count > upstream->config.max_calls) {
                upstream_call_end(call, UPSTREAM_OVERLOADED, NULL);
        } else if (!is_sendable(call)) {
                upstream_call_end(call, UPSTREAM_CONNECT, "too many or too long headers, or a control character in one");
        } else {
                int64_t left_ms = call->deadline_at_ms - loop_now_ms(upstream->loop);
                loop_timer_start(upstream->loop, &call->deadline, left_ms > 0 ? left_ms : 0);
                upstream_dispatch(upstream);
        }
}

void upstream_call_append_path(const struct upstream_call *call, struct buf *to)
{
        const struct upstream_url *url = &call->upstream->url;
        buf_append_str(to, str_from(url->path));
        buf_append_str(to, call->path);
        buf_append_str(to, str_from(url->query));
}

void upstream_call_append_name(struct upstream_call *call, struct str part)
{
        char *to = part.len > 0 ? buf_reserve(&call->head_in, part.len) : NULL;
        if (!to)
                return;
        for (size_t i = 0; i < part.len; i++) {
                char c = part.ptr[i];
                to[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
        }
        buf_commit(&call->head_in, part.len);
}

/* A folded line becomes one: in head_in a line feed ends a header and nothing else. */
void upstream_call_append_value(struct upstream_call *call, struct str part)
{
        char *to = part.len > 0 ? buf_reserve(&call->head_in, part.len) : NULL;
        if (!to)
                return;
        for (size_t i = 0; i < part.len; i++)
                to[i] = (unsigned char)part.ptr[i] < ' ' ? ' ' : part.ptr[i];
        buf_commit(&call->head_in, part.len);
}

struct str upstream_call_header(const struct upstream_call *call, const char *name)
{
        struct str lines = buf_str(&call->head_in);
        struct str wanted = str_from(name);
        while (lines.len > 0) {
                struct str value = str_split(&lines, '\n');
                struct str found = str_split(&value, ':');
                if (str_equal(found, wanted))
                        return str_trim(value);
        }
        return (struct str){0};
}
