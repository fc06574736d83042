/* SPDX-License-Identifier: Apache-2.0 */
#include "app/otlp.h"

#include "app/otlp_json.h"
#include "app/thread.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/span.h"
#include "net/fetch.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        URL_BYTES = 1100,
        RETRY_PAUSE_MS = 500,
        BODY_MAX_BYTES = 32 << 20, /* more than a full queue can need */
        ANSWER_MAX_BYTES = 1 << 16,
};

struct batch {
        struct span *spans; /* owns; OTLP_QUEUE_SPANS */
        size_t count;
};

struct otlp {
        char url[URL_BYTES];
        const char *version; /* borrows */
        pthread_t thread;

        pthread_mutex_t lock; /* of the next four */
        pthread_cond_t wake;  /* the thread's */
        struct batch filling;
        bool is_closing;
        int64_t give_up_ms; /* monotonic; when the flush at the end has to stop */

        /* The thread's own. */
        struct batch sending;
        struct buf body;
        struct buf answer;
        bool is_failing;
};

static void copy_span(struct span *to, const struct span *from)
{
        memcpy(to, from, offsetof(struct span, attributes) + from->attribute_count * sizeof from->attributes[0]);
}

static void sink(void *arg, const struct span *span)
{
        struct otlp *otlp = arg;
        pthread_mutex_lock(&otlp->lock);
        bool has_room = otlp->filling.count < OTLP_QUEUE_SPANS;
        if (has_room)
                copy_span(&otlp->filling.spans[otlp->filling.count++], span);
        bool is_batch = otlp->filling.count == OTLP_BATCH_SPANS;
        pthread_mutex_unlock(&otlp->lock);
        if (is_batch)
                pthread_cond_signal(&otlp->wake);
        if (!has_room)
                METRIC_ADD(SPANS_DROPPED, 0, 1);
}

/* How long a POST may take now. */
static int64_t time_left_ms(struct otlp *otlp)
{
        pthread_mutex_lock(&otlp->lock);
        int64_t left_ms = otlp->is_closing ? otlp->give_up_ms - thread_now_ms() : OTLP_SEND_MS;
        pthread_mutex_unlock(&otlp->lock);
        return left_ms < OTLP_SEND_MS ? left_ms : OTLP_SEND_MS;
}

static bool is_passing(int status)
{
        return status == 429 || status == 502 || status == 503 || status == 504;
}

/* ERR_UNAVAILABLE: it may work in a moment. */
static enum err send_once(struct otlp *otlp, struct err_note *note)
{
        int status;
        const struct fetch_request request = {
                .url = otlp->url,
                .body = buf_str(&otlp->body),
                .timeout_ms = time_left_ms(otlp),
        };
        if (request.timeout_ms <= 0)
                return err_set(note, ERR_DEADLINE, "no time was left before the end");
        buf_reset(&otlp->answer);
        enum err err = fetch_post(&request, &otlp->answer, &status, note);
        if (err || (status >= 200 && status < 300))
                return err;
        return err_set(note, is_passing(status) ? ERR_UNAVAILABLE : ERR_INVALID, "the collector answered %d", status);
}

/* Ended early by the end of the process. */
static void pause_before_retry(struct otlp *otlp)
{
        int64_t until_ms = thread_now_ms() + RETRY_PAUSE_MS;
        pthread_mutex_lock(&otlp->lock);
        while (!otlp->is_closing && thread_wait(&otlp->wake, &otlp->lock, until_ms))
                ;
        pthread_mutex_unlock(&otlp->lock);
}

static enum err send_twice(struct otlp *otlp, struct err_note *note)
{
        buf_reset(&otlp->body);
        otlp_json_write(otlp->sending.spans, otlp->sending.count, otlp->version, &otlp->body);
        if (otlp->body.is_over)
                return err_set(note, ERR_TOO_LARGE, "a batch of spans is too large");
        enum err err = send_once(otlp, note);
        if (err != ERR_UNAVAILABLE)
                return err;
        pause_before_retry(otlp);
        return send_once(otlp, note);
}

static void log_change(struct otlp *otlp, enum err err, const struct err_note *note)
{
        bool was_failing = otlp->is_failing;
        otlp->is_failing = err != ERR_OK;
        if (err && !was_failing)
                LOG(SPANS_FAILED, log_note("reason", note));
        else if (!err && was_failing)
                LOG(SPANS_RECOVERED);
}

static void export(struct otlp *otlp)
{
        struct err_note note = {.text = ""};
        if (otlp->sending.count == 0)
                return;
        enum err err = send_twice(otlp, &note);
        if (err)
                METRIC_ADD(SPANS_DROPPED, 0, (int64_t)otlp->sending.count);
        else
                METRIC_ADD(SPANS_EXPORTED, 0, (int64_t)otlp->sending.count);
        log_change(otlp, err, &note);
}

/* Takes what has been queued; false: it is the last. */
static bool gather(struct otlp *otlp)
{
        int64_t until_ms = thread_now_ms() + OTLP_LINGER_MS;
        pthread_mutex_lock(&otlp->lock);
        while (!otlp->is_closing && otlp->filling.count < OTLP_BATCH_SPANS)
                if (!thread_wait(&otlp->wake, &otlp->lock, until_ms))
                        break;
        struct batch taken = otlp->filling;
        otlp->filling = (struct batch){otlp->sending.spans, 0};
        otlp->sending = taken;
        bool is_last = otlp->is_closing;
        pthread_mutex_unlock(&otlp->lock);
        return !is_last;
}

static void *run(void *arg)
{
        struct otlp *otlp = arg;
        pthread_setname_np(pthread_self(), "otlp");
        bool goes_on;
        do {
                goes_on = gather(otlp);
                export(otlp);
        } while (goes_on);
        return NULL;
}

static void discard(struct otlp *otlp)
{
        pthread_cond_destroy(&otlp->wake);
        pthread_mutex_destroy(&otlp->lock);
        buf_deinit(&otlp->body);
        buf_deinit(&otlp->answer);
        free(otlp->filling.spans);
        free(otlp->sending.spans);
        free(otlp);
}

static void set_url(struct otlp *otlp, struct str endpoint)
{
        while (endpoint.len > 0 && endpoint.ptr[endpoint.len - 1] == '/')
                endpoint.len--;
        snprintf(otlp->url, sizeof otlp->url, "%.*s/v1/traces", STR_ARGS(endpoint));
}

enum err otlp_start(const char *endpoint, const char *version, struct otlp **ret_otlp, struct err_note *note)
{
        struct otlp *otlp = alloc_zeroed(1, sizeof *otlp);
        set_url(otlp, str_from(endpoint));
        otlp->version = version;
        otlp->filling.spans = alloc_zeroed(OTLP_QUEUE_SPANS, sizeof(struct span));
        otlp->sending.spans = alloc_zeroed(OTLP_QUEUE_SPANS, sizeof(struct span));
        buf_init(&otlp->body, BODY_MAX_BYTES);
        buf_init(&otlp->answer, ANSWER_MAX_BYTES);
        pthread_mutex_init(&otlp->lock, NULL);
        thread_wake_init(&otlp->wake);
        int failed = thread_start(&otlp->thread, run, otlp);
        if (failed) {
                discard(otlp);
                errno = failed;
                return err_set(note, ERR_UNAVAILABLE, "span thread: %m");
        }
        span_set_sink(sink, otlp);
        *ret_otlp = otlp;
        return ERR_OK;
}

void otlp_close(struct otlp *otlp)
{
        if (!otlp)
                return;
        span_set_sink(NULL, NULL);
        pthread_mutex_lock(&otlp->lock);
        otlp->is_closing = true;
        otlp->give_up_ms = thread_now_ms() + OTLP_FLUSH_MS;
        pthread_mutex_unlock(&otlp->lock);
        pthread_cond_signal(&otlp->wake);
        pthread_join(otlp->thread, NULL);
        discard(otlp);
}
