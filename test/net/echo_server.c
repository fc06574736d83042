/* SPDX-License-Identifier: Apache-2.0 */
/* A small application on net/server, for the tests that talk to it over sockets.
 *
 *     echo_server [name=value]...     prints "port N", serves until standard input ends
 *
 * Routes: GET /api/v1/health; POST /api/v1/classify (400 unless the body looks like an object,
 * else its length); GET /slow?ms=N answers after N ms; GET /large?bytes=N; GET /stats tells what
 * happened so far (it is part of none of the counts). Everything else is a 404, another method a
 * 405, both before the body is read. A line "drain" on standard input drains the server.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "base/alloc.h"
#include "net/server.h"

struct app {
        struct loop *loop;
        struct server *server;
        uv_pipe_t input;
        uint64_t heads, requests, answers, cancels, refusals, accept_failures;
        uint64_t refused_bodies; /* refusals of exchanges that were counted as heads before */
        bool has_just_cancelled;
        int64_t gauge; /* of connections, by the changes that we were told */
        bool is_closing;
};

/* An answer that comes later. */
struct delayed {
        struct app *app;
        struct exchange *exchange;
        struct timer timer;
};

static struct server_limits limits = {
        .max_connections = 20000,
        .max_header_bytes = 16384,
        .max_headers = 100,
        .max_target_bytes = 8192,
        .max_body_bytes = 262144,
        .max_buffered_bytes = 64 << 20,
        .body_min_rate = 1024,
        .header_timeout_ms = 10000,
        .body_timeout_ms = 20000,
        .idle_timeout_ms = 75000,
        .write_timeout_ms = 15000,
};

static void respond_text(struct app *app, struct exchange *exchange, int status, struct str text)
{
        struct http_response response = {.status = status, .content_type = "application/json", .body = text};
        app->answers++;
        exchange_respond(exchange, &response);
}

static void respond_early(struct app *app, struct exchange *exchange, int status)
{
        static const struct http_header allow = {STR_INIT("Allow"), STR_INIT("GET, HEAD, POST")};
        struct http_response response = {.status = status, .content_type = "application/json", .body = STR("{}")};
        if (status == 405) {
                response.headers = &allow;
                response.header_count = 1;
        }
        app->answers++;
        exchange_respond(exchange, &response);
}

static uint64_t number_of(const struct http_request *request, struct str name)
{
        struct str query = request->query;
        uint64_t value = 0;
        if (query.ptr && str_starts_with(query, name))
                (void)str_to_u64((struct str){query.ptr + name.len, query.len - name.len}, &value);
        return value;
}

static void on_cancel(void *arg)
{
        struct app *app = arg;
        app->cancels++;
        app->has_just_cancelled = true;
}

static bool on_head(void *arg, struct exchange *exchange)
{
        struct app *app = arg;
        const struct http_request *request = exchange_request(exchange);
        bool is_read = request->method == HTTP_METHOD_GET || request->method == HTTP_METHOD_HEAD;
        assert(!request->body.ptr);
        if (str_equal(request->path, STR("/stats")))
                return true;
        app->heads++;
        app->has_just_cancelled = false;
        exchange_on_cancel(exchange, on_cancel, app);
        if (str_equal(request->path, STR("*")) && request->method == HTTP_METHOD_OPTIONS)
                return true;
        bool is_get = str_equal(request->path, STR("/api/v1/health")) || str_equal(request->path, STR("/slow")) ||
                      str_equal(request->path, STR("/large"));
        bool is_post = str_equal(request->path, STR("/api/v1/classify"));
        if (!is_get && !is_post)
                respond_early(app, exchange, 404);
        else if (is_get ? !is_read : request->method != HTTP_METHOD_POST)
                respond_early(app, exchange, 405);
        else
                return true;
        return false;
}

static void fire_delayed(struct timer *timer)
{
        struct delayed *delayed = list_item(timer, struct delayed, timer);
        respond_text(delayed->app, delayed->exchange, 200, STR("{\"slow\":true}"));
        free(delayed);
}

static void cancel_delayed(void *arg)
{
        struct delayed *delayed = arg;
        delayed->app->cancels++;
        /* The answer is owed all the same; it stays under way. */
}

static void respond_later(struct app *app, struct exchange *exchange, uint64_t ms)
{
        struct delayed *delayed = alloc_zeroed(1, sizeof *delayed);
        *delayed = (struct delayed){.app = app, .exchange = exchange, .timer = {.fire = fire_delayed}};
        exchange_on_cancel(exchange, cancel_delayed, delayed);
        loop_timer_start(app->loop, &delayed->timer, (int64_t)ms);
}

static void respond_large(struct app *app, struct exchange *exchange, uint64_t bytes)
{
        if (bytes > 64U << 20) {
                respond_text(app, exchange, 400, STR("{}"));
                return;
        }
        char *body = alloc_zeroed(1, bytes + 1);
        memset(body, 'x', bytes);
        respond_text(app, exchange, 200, (struct str){body, bytes});
        free(body);
}

static void respond_stats(struct app *app, struct exchange *exchange)
{
        struct str text = arena_format(exchange_arena(exchange),
                                       "{\"heads\":%zu,\"requests\":%zu,\"answers\":%zu,\"cancels\":%zu,"
                                       "\"refusals\":%zu,\"refused_bodies\":%zu,\"accept_failures\":%zu,\"connections\":%zu,\"gauge\":%d}",
                                       (size_t)app->heads, (size_t)app->requests, (size_t)app->answers,
                                       (size_t)app->cancels, (size_t)app->refusals, (size_t)app->refused_bodies,
                                       (size_t)app->accept_failures,
                                       server_connections(app->server), (int)app->gauge);
        struct http_response response = {.status = 200, .content_type = "application/json", .body = text};
        exchange_respond(exchange, &response);
}

static void on_request(void *arg, struct exchange *exchange)
{
        struct app *app = arg;
        const struct http_request *request = exchange_request(exchange);
        if (str_equal(request->path, STR("/stats"))) {
                respond_stats(app, exchange);
                return;
        }
        app->requests++;
        if (str_equal(request->path, STR("/slow"))) {
                respond_later(app, exchange, number_of(request, STR("ms=")));
        } else if (str_equal(request->path, STR("/large"))) {
                respond_large(app, exchange, number_of(request, STR("bytes=")));
        } else if (request->method == HTTP_METHOD_POST && (request->body.len < 2 || request->body.ptr[0] != '{')) {
                respond_text(app, exchange, 400, STR("{\"error\":\"validation_error\"}"));
        } else {
                struct str text = arena_format(exchange_arena(exchange), "{\"bytes\":%zu}", request->body.len);
                respond_text(app, exchange, 200, text);
        }
}

static void on_refusal(void *arg, enum http_refusal refusal, struct arena *arena, struct http_response *ret_response)
{
        struct app *app = arg;
        app->refusals++;
        app->refused_bodies += app->has_just_cancelled;
        app->has_just_cancelled = false;
        *ret_response = (struct http_response){
                .status = http_refusal_status(refusal),
                .content_type = "application/problem+json",
                .body = arena_format(arena, "{\"status\":%d}", http_refusal_status(refusal)),
        };
}

static void on_accept_failed(void *arg, int error)
{
        struct app *app = arg;
        (void)error;
        app->accept_failures++;
}

static void on_connection(void *arg, int change)
{
        struct app *app = arg;
        app->gauge += change;
}

static void stop(void *arg)
{
        struct app *app = arg;
        assert(app->gauge == 0);
        loop_stop(app->loop);
}

static void on_allocate(uv_handle_t *handle, size_t wanted, uv_buf_t *ret_buffer)
{
        static char bytes[64];
        (void)handle;
        (void)wanted;
        *ret_buffer = uv_buf_init(bytes, sizeof bytes);
}

static void on_input(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
        struct app *app = stream->data;
        if (count > 0 && buffer->base[0] == 'd')
                server_drain(app->server);
        if (count >= 0 || app->is_closing)
                return;
        app->is_closing = true;
        uv_close((uv_handle_t *)stream, NULL);
        server_close(app->server, stop, app);
}

static bool set_limit(const char *setting)
{
        static const struct {
                const char *name;
                size_t *size;
                int64_t *ms;
        } settings[] = {
                {"max_connections", &limits.max_connections, NULL}, {"max_body", &limits.max_body_bytes, NULL},
                {"max_buffered", &limits.max_buffered_bytes, NULL},
                {"header_ms", NULL, &limits.header_timeout_ms},     {"body_ms", NULL, &limits.body_timeout_ms},
                {"idle_ms", NULL, &limits.idle_timeout_ms},         {"write_ms", NULL, &limits.write_timeout_ms},
        };
        struct str value = str_from(setting);
        struct str name = str_split(&value, '=');
        uint64_t number;
        for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
                if (!value.ptr || !str_equal(name, str_from(settings[i].name)) || !str_to_u64(value, &number))
                        continue;
                if (settings[i].size)
                        *settings[i].size = number;
                else
                        *settings[i].ms = (int64_t)number;
                return true;
        }
        return false;
}

int main(int argc, char **argv)
{
        struct app app = {.loop = loop_new()};
        struct server_handlers handlers = {.arg = &app, .on_head = on_head, .on_request = on_request,
                                           .on_refusal = on_refusal, .on_connection = on_connection,
                                           .on_accept_failed = on_accept_failed};
        struct str address = STR("127.0.0.1:0");
        struct err_note note;
        int fd;
        for (int i = 1; i < argc; i++) {
                if (strncmp(argv[i], "listen=", 7) == 0)
                        address = str_from(argv[i] + 7);
                else if (!set_limit(argv[i]))
                        return 2;
        }
        enum err err = address.ptr[0] == '/' ? server_listen_unix(address.ptr, &fd, &note)
                                             : server_listen_tcp(address, &fd, &note);
        if (err != ERR_OK) {
                fprintf(stderr, "%s\n", note.text);
                return 1;
        }
        printf("port %d\n", server_port(fd));
        fflush(stdout);
        app.server = server_new(app.loop, fd, &limits, &handlers);
        app.input.data = &app;
        if (uv_pipe_init(loop_uv(app.loop), &app.input, 0) != 0 || uv_pipe_open(&app.input, STDIN_FILENO) != 0 ||
            uv_read_start((uv_stream_t *)&app.input, on_allocate, on_input) != 0)
                return 1;
        loop_run(app.loop);
        loop_free(app.loop);
        return 0;
}
