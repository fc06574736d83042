/* SPDX-License-Identifier: Apache-2.0 */
#include "api/control.h"

#include "api/problem.h"
#include "base/alloc.h"
#include "net/work.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

static const struct str prefix = STR_INIT("/control/");

struct control {
        struct loop *loop;
        struct control_config config;
        pthread_mutex_t one_at_a_time;
        size_t busy;
};

/* Lives in an arena of its own: the operation goes on when the client goes away. */
struct operation {
        struct work work;
        struct arena arena; /* owns, also this struct */
        struct control *control;
        struct exchange *exchange; /* NULL once the client is gone */
        struct str name;
        struct str arguments;
        struct buf result;
        struct err_note note;
        enum err err;
};

static void respond(struct exchange *exchange, int status, struct str body)
{
        bool is_json = status < 400;
        exchange_respond(exchange, &(struct http_response){
                .status = status,
                .content_type = is_json ? "application/json" : "application/problem+json",
                .body = body,
        });
}

static void respond_problem(struct exchange *exchange, enum err err, const char *text)
{
        struct buf buf;
        struct ident id = ident_random("req_");
        enum problem problem = problem_of(err);
        buf_init(&buf, 65536);
        problem_write(problem, &(struct problem_detail){.text = text}, exchange_request(exchange)->path, &id, &buf);
        respond(exchange, problem_status(problem), buf_str(&buf));
        buf_deinit(&buf);
}

static void run(struct work *work)
{
        struct operation *op = list_item(work, struct operation, work);
        struct control *control = op->control;
        pthread_mutex_lock(&control->one_at_a_time);
        op->err = admin_execute(control->config.admin, op->name, op->arguments, &op->result, &op->note);
        if (!op->err)
                control->config.changed(control->config.arg, op->name);
        pthread_mutex_unlock(&control->one_at_a_time);
}

static void done(struct work *work)
{
        struct operation *op = list_item(work, struct operation, work);
        op->control->busy--;
        if (op->exchange) {
                exchange_on_cancel(op->exchange, NULL, NULL);
                if (op->err)
                        respond_problem(op->exchange, op->err, op->note.text);
                else
                        respond(op->exchange, 200, buf_str(&op->result));
        }
        buf_deinit(&op->result);
        struct arena arena = op->arena;
        arena_deinit(&arena);
}

static void cancelled(void *arg)
{
        struct operation *op = arg;
        struct exchange *exchange = op->exchange;
        op->exchange = NULL;
        respond(exchange, 499, STR(""));
}

static bool on_head(void *arg, struct exchange *exchange)
{
        (void)arg;
        const struct http_request *request = exchange_request(exchange);
        bool is_ours = request->method == HTTP_METHOD_POST && str_starts_with(request->path, prefix);
        if (!is_ours)
                respond_problem(exchange, ERR_NOT_FOUND, "operations are POST /control/NAME");
        return is_ours;
}

static void on_request(void *arg, struct exchange *exchange)
{
        struct control *control = arg;
        const struct http_request *request = exchange_request(exchange);
        struct arena arena;
        arena_init(&arena, ADMIN_MAX_BYTES + (1 << 20));
        struct operation *op = arena_new(&arena, struct operation);
        assert(op);
        op->name = arena_copy(&arena, (struct str){request->path.ptr + prefix.len, request->path.len - prefix.len});
        op->arguments = arena_copy(&arena, request->body);
        op->arena = arena;
        op->control = control;
        op->exchange = exchange;
        op->work = (struct work){.run = run, .done = done};
        buf_init(&op->result, ADMIN_MAX_BYTES);
        control->busy++;
        exchange_on_cancel(exchange, cancelled, op);
        work_start(control->loop, &op->work);
}

static void on_refusal(void *arg, enum http_refusal refusal, struct arena *arena, struct http_response *ret_response)
{
        (void)arg;
        (void)arena;
        *ret_response = (struct http_response){.status = problem_status(problem_of_refusal(refusal))};
}

struct control *control_new(struct loop *loop, const struct control_config *config)
{
        struct control *control = alloc_zeroed(1, sizeof *control);
        control->loop = loop;
        control->config = *config;
        pthread_mutex_init(&control->one_at_a_time, NULL);
        return control;
}

void control_free(struct control *control)
{
        if (!control)
                return;
        assert(control->busy == 0);
        pthread_mutex_destroy(&control->one_at_a_time);
        free(control);
}

struct server_handlers control_handlers(struct control *control)
{
        return (struct server_handlers){
                .arg = control, .on_head = on_head, .on_request = on_request, .on_refusal = on_refusal};
}

size_t control_busy(const struct control *control)
{
        return control->busy;
}
