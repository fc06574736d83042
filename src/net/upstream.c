/* SPDX-License-Identifier: Apache-2.0 */
/* The pool: which connection takes which call, when another is opened, and what follows a failed one. */
#include "net/upstream_inner.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"

enum {
        RETRY_FIRST_MS = 100, /* behind the second failure in a row; the first costs nothing */
        RETRY_MAX_MS = 5000,
};

/* Calls to connections. */

static bool must_hold_back(const struct upstream *upstream)
{
        return loop_now_ms(upstream->loop) < upstream->retry_at_ms;
}

/* How many connections the waiting calls want. */
static size_t wanted(const struct upstream *upstream)
{
        size_t each = upstream->calls_each;
        size_t count = each == 0 ? 1 : (upstream->waiting_count + each - 1) / each;
        size_t most = upstream->url.is_tls ? UPSTREAM_OPENING_TLS : UPSTREAM_OPENING;
        return count < most ? count : most;
}

static void open_wanted(struct upstream *upstream)
{
        while (upstream->opening_count < wanted(upstream) && !must_hold_back(upstream) &&
               upstream->connection_count < upstream->config.max_connections)
                upstream_connection_open(upstream);
}

static void fail_waiting(struct upstream *upstream)
{
        struct list *link;
        while ((link = upstream->waiting.next) != &upstream->waiting)
                upstream_call_end(list_item(link, struct upstream_call, link), upstream->failure,
                                  upstream->failure_note);
}

static void hand_out(struct upstream *upstream)
{
        while (!list_is_empty(&upstream->waiting) && !list_is_empty(&upstream->ready)) {
                struct upstream_call *call = list_item(upstream->waiting.next, struct upstream_call, link);
                struct upstream_connection *connection =
                        list_item(upstream->ready.prev, struct upstream_connection, link);
                if (!connection->protocol->start(connection, call))
                        upstream_connection_close(connection);
        }
}

void upstream_dispatch(struct upstream *upstream)
{
        hand_out(upstream);
        if (list_is_empty(&upstream->waiting))
                return;
        open_wanted(upstream);
        if (upstream->connection_count == 0)
                fail_waiting(upstream);
        else if (must_hold_back(upstream) && !timer_is_armed(&upstream->retry))
                loop_timer_start(upstream->loop, &upstream->retry,
                                 upstream->retry_at_ms - loop_now_ms(upstream->loop));
}

static void on_retry(struct timer *timer)
{
        upstream_stir(list_item(timer, struct upstream, retry));
}

/* What connecting came to. */

static int64_t jittered(struct upstream *upstream, int64_t ms)
{
        upstream->random ^= upstream->random << 13; /* xorshift64 (Marsaglia 2003) */
        upstream->random ^= upstream->random >> 7;
        upstream->random ^= upstream->random << 17;
        return ms / 2 + (int64_t)(upstream->random % (uint64_t)(ms / 2 + 1));
}

static void hold_back(struct upstream *upstream)
{
        unsigned doublings = upstream->failures++;
        if (doublings == 0)
                return;
        int64_t delay_ms = doublings < 8 ? RETRY_FIRST_MS << (doublings - 1) : RETRY_MAX_MS;
        if (delay_ms > RETRY_MAX_MS)
                delay_ms = RETRY_MAX_MS;
        upstream->retry_at_ms = loop_now_ms(upstream->loop) + jittered(upstream, delay_ms);
}

/* Attempts that began before the last failure was known say nothing new: all of one round count once. */
void upstream_failed(struct upstream *upstream, const struct upstream_connection *connection,
                     enum upstream_result result, const char *note)
{
        upstream->dns.is_stale = true;
        upstream->failure = result;
        snprintf(upstream->failure_note, sizeof upstream->failure_note, "%s", note);
        if (connection->round == upstream->round) {
                upstream->round++;
                hold_back(upstream);
        }
        if (upstream->connection_count == 0)
                fail_waiting(upstream);
}

void upstream_succeeded(struct upstream *upstream)
{
        upstream->failures = 0;
        upstream->retry_at_ms = 0;
}

/* Once a turn of the loop. */

static void deliver(struct upstream *upstream)
{
        struct list ended;
        struct list *link;
        list_init(&ended);
        list_take_all(&ended, &upstream->ended);
        while ((link = list_pop_front(&ended)) != NULL) {
                struct upstream_call *call = list_item(link, struct upstream_call, link);
                /* The caller may free or start it again from within. */
                struct buf body = call->body_in;
                struct buf head = call->head_in;
                call->done(call);
                buf_deinit(&body);
                buf_deinit(&head);
        }
}

static void flush(struct upstream *upstream)
{
        struct list dirty;
        struct list *link;
        list_init(&dirty);
        list_take_all(&dirty, &upstream->dirty);
        while ((link = list_pop_front(&dirty)) != NULL) {
                struct upstream_connection *connection = list_item(link, struct upstream_connection, dirty);
                connection->protocol->flush(connection);
        }
}

static void wake(struct task *task)
{
        list_item(task, struct upstream, wake)->is_waking = false;
}

static void settle(struct upstream *upstream)
{
        if (upstream->is_due) {
                upstream->is_due = false;
                upstream_dispatch(upstream);
        }
        deliver(upstream);
        flush(upstream);
        bool has_more = upstream->is_due || !list_is_empty(&upstream->ended) || !list_is_empty(&upstream->dirty);
        if (has_more && !upstream->is_waking) {
                upstream->is_waking = true;
                loop_post(upstream->loop, &upstream->wake); /* else the loop might go to sleep over it */
        }
        upstream_release(upstream);
}

void upstream_stir(struct upstream *upstream)
{
        upstream->is_due = true;
}

static void on_prepare(uv_prepare_t *prepare)
{
        settle(prepare->data);
}

static void on_check(uv_check_t *check)
{
        settle(check->data);
}

/* Beginning and end. */

static enum err parse(struct upstream *upstream, const struct upstream_config *config, struct err_note *note)
{
        if (config->max_connections == 0 || config->max_calls == 0 || config->max_answer_bytes == 0)
                return err_set(note, ERR_INVALID, "connections, calls and answers of an upstream cannot be limited to 0");
        enum err err = upstream_url_parse_origin(str_from(config->url), &upstream->url, note);
        if (!err && *config->proxy) {
                upstream->has_proxy = true;
                err = upstream_url_parse_proxy(str_from(config->proxy), &upstream->proxy, note);
                if (err)
                        err = err_prefix(note, err, "proxy: ");
        }
        if (!err && *config->ca_file && upstream->url.is_tls)
                err = upstream_tls_check_file(config->ca_file, note);
        return err;
}

static char *make_proxy_header(const struct upstream *upstream)
{
        struct buf header;
        buf_init(&header, 1024);
        if (upstream->proxy.user[0]) {
                buf_append_str(&header, STR("Proxy-Authorization: Basic "));
                upstream_tls_append_base64(&header, str_from(upstream->proxy.user));
                buf_append_str(&header, STR("\r\n"));
        }
        char *text = alloc_copy(buf_str(&header).ptr, header.len);
        buf_deinit(&header);
        return text;
}

static char *make_fixed_head(const struct upstream *upstream)
{
        struct buf head;
        buf_init(&head, 4096);
        bool is_forwarded = upstream->has_proxy && !upstream->url.is_tls;
        buf_printf(&head, " HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json\r\nContent-Length: ",
                   upstream->url.authority, is_forwarded ? upstream->proxy_header : "");
        char *text = alloc_copy(buf_str(&head).ptr, head.len);
        buf_deinit(&head);
        return text;
}

static void init_handles(struct upstream *upstream)
{
        uv_loop_t *uv = loop_uv(upstream->loop);
        uv_prepare_init(uv, &upstream->prepare);
        uv_check_init(uv, &upstream->check);
        upstream->prepare.data = upstream;
        upstream->check.data = upstream;
        upstream->handle_count = 2;
        uv_prepare_start(&upstream->prepare, on_prepare);
        uv_check_start(&upstream->check, on_check);
}

static void init(struct upstream *upstream, struct loop *loop, const struct upstream_config *config)
{
        struct list *const lists[] = {&upstream->waiting, &upstream->ended, &upstream->opening,
                                      &upstream->ready, &upstream->busy, &upstream->dirty};
        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
                list_init(lists[i]);
        upstream->loop = loop;
        upstream->config = *config;
        upstream->ca_file = alloc_copy(config->ca_file, strlen(config->ca_file));
        upstream->config.url = upstream->config.proxy = NULL; /* parsed; the caller's texts may go away */
        upstream->config.ca_file = upstream->ca_file;
        upstream->proxy_header = make_proxy_header(upstream);
        upstream->fixed_head = make_fixed_head(upstream);
        upstream->calls_each = config->is_http2 && upstream->url.is_tls ? 0 : 1;
        upstream->wake.run = wake;
        upstream->retry.fire = on_retry;
        upstream->read_buffer = alloc_resize(NULL, UPSTREAM_READ_BYTES);
        buf_init(&upstream->scratch, UPSTREAM_SCRATCH_BYTES);
        buf_init(&upstream->sealed, UPSTREAM_SCRATCH_BYTES);
        if (getrandom(&upstream->random, sizeof upstream->random, 0) < 0 || upstream->random == 0)
                upstream->random = (uint64_t)clock_monotonic_us(loop_clock(loop)) | 1;
        upstream_dns_init(upstream);
        init_handles(upstream);
}

enum err upstream_new(struct loop *loop, const struct upstream_config *config, struct upstream **ret_upstream,
                      struct err_note *note)
{
        struct upstream *upstream = alloc_zeroed(1, sizeof *upstream);
        enum err err = parse(upstream, config, note);
        if (err) {
                free(upstream);
                return err;
        }
        init(upstream, loop, config);
        *ret_upstream = upstream;
        return ERR_OK;
}

const char *upstream_address(const struct upstream *upstream)
{
        return upstream->url.address;
}

struct upstream_stats upstream_stats(const struct upstream *upstream)
{
        return (struct upstream_stats){
                .connections = upstream->connection_count,
                .calls = upstream->call_count,
                .opened = upstream->opened,
                .resumed = upstream->resumed,
        };
}

static void close_all(struct list *connections)
{
        while (!list_is_empty(connections))
                upstream_connection_close(list_item(connections->next, struct upstream_connection, link));
}

void upstream_close(struct upstream *upstream, void (*closed)(void *arg), void *arg)
{
        assert(!upstream->is_closing);
        upstream->is_closing = true;
        upstream->closed = closed;
        upstream->closed_arg = arg;
        close_all(&upstream->opening);
        close_all(&upstream->ready);
        close_all(&upstream->busy);
        upstream->failure = UPSTREAM_CANCELLED;
        upstream->failure_note[0] = '\0';
        fail_waiting(upstream);
        loop_timer_stop(upstream->loop, &upstream->retry);
        upstream_dns_cancel(upstream);
}

static void on_free(uv_handle_t *handle)
{
        struct upstream *upstream = handle->data;
        void (*closed)(void *arg) = upstream->closed;
        void *arg = upstream->closed_arg;
        if (--upstream->handle_count > 0)
                return;
        upstream_tls_deinit(upstream);
        buf_deinit(&upstream->scratch);
        buf_deinit(&upstream->sealed);
        free(upstream->read_buffer);
        free(upstream->plain_buffer);
        free(upstream->ca_file);
        free(upstream->proxy_header);
        free(upstream->fixed_head);
        free(upstream);
        if (closed)
                closed(arg);
}

void upstream_release(struct upstream *upstream)
{
        bool has_left = upstream->handle_count == 2 && !upstream->dns.lookup && !upstream->is_waking &&
                        list_is_empty(&upstream->ended) && !upstream->is_freeing;
        if (!upstream->is_closing || !has_left)
                return;
        upstream->is_freeing = true;
        uv_close((uv_handle_t *)&upstream->prepare, on_free);
        uv_close((uv_handle_t *)&upstream->check, on_free);
}
