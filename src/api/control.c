/* SPDX-License-Identifier: Apache-2.0 */
#include "api/control.h"

#include "api/problem.h"
#include "base/alloc.h"
#include "net/work.h"

#include <assert.h>
#include <stdlib.h>

static const struct str prefix = STR_INIT("/control/");

struct control {
        struct loop *loop;
        struct control_config config;
        struct list waiting;       /* operations, in the order in which they came */
        struct operation *running; /* the only one on the work pool; NULL: none */
        size_t busy;
};

/* Lives in an arena of its own: one that runs goes on when the client goes away. */
struct operation {
        struct work work;
        struct list link;   /* in control->waiting, until it runs */
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
        op->err = admin_execute(control->config.admin, op->name, op->arguments, &op->result, &op->note);
        if (op->err)
                return;
        op->err = control->config.changed(control->config.arg, op->name, &op->note);
        if (op->err)
                err_prefix(&op->note, op->err, "done and stored, but not in force in the running server: ");
}

static void op_free(struct operation *op)
{
        op->control->busy--;
        buf_deinit(&op->result);
        struct arena arena = op->arena;
        arena_deinit(&arena);
}

/* One pool thread at most: the others belong to the look-ups of all loops. */
static void run_next(struct control *control)
{
        struct list *link = control->running ? NULL : list_pop_front(&control->waiting);
        if (!link)
                return;
        control->running = list_item(link, struct operation, link);
        work_start(control->loop, &control->running->work);
}

static void done(struct work *work)
{
        struct operation *op = list_item(work, struct operation, work);
        struct control *control = op->control;
        control->running = NULL;
        run_next(control);
        if (op->exchange) {
                exchange_on_cancel(op->exchange, NULL, NULL);
                if (op->err)
                        respond_problem(op->exchange, op->err, op->note.text);
                else
                        respond(op->exchange, 200, buf_str(&op->result));
        }
        op_free(op);
}

/* What runs is brought to its end; what only waits is dropped, so that the clients' number bounds it. */
static void cancelled(void *arg)
{
        struct operation *op = arg;
        struct exchange *exchange = op->exchange;
        op->exchange = NULL;
        respond(exchange, 499, STR(""));
        if (op == op->control->running)
                return;
        list_remove(&op->link);
        op_free(op);
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
        list_push_back(&control->waiting, &op->link);
        run_next(control);
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
        list_init(&control->waiting);
        return control;
}

void control_free(struct control *control)
{
        if (!control)
                return;
        assert(control->busy == 0);
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
