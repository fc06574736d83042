/* SPDX-License-Identifier: Apache-2.0 */
#include "app/log_json.h"

#include "app/log_line.h"
#include "app/thread.h"
#include "base/alloc.h"
#include "base/metric.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCKED_POLL_MS = 50, STUCK_THREAD_MS = 1000 };

struct log_json {
        int fd;       /* borrows */
        bool is_file; /* takes any amount at once; all else may block */
        enum log_level min_level;
        pthread_t thread;

        pthread_mutex_t lock; /* of the next five */
        pthread_cond_t wake;  /* the thread's; on the monotonic clock */
        struct buf filling;
        uint64_t dropped; /* lines, not reported yet */
        bool is_urgent;
        bool is_closing;

        _Atomic int64_t give_up_ms; /* monotonic; when the flush at the end has to stop */

        /* The thread's own. */
        struct buf writing;
        bool is_torn; /* the last write ended within a line */
};

static void queue_line(struct log_json *log, struct str line, bool is_urgent)
{
        pthread_mutex_lock(&log->lock);
        bool was_empty = log->filling.len == 0;
        bool was_low = log->filling.len < LOG_QUEUE_BYTES / 4;
        bool has_room = line.len <= log->filling.max_bytes - log->filling.len;
        if (has_room)
                buf_append_str(&log->filling, line);
        else
                log->dropped++;
        log->is_urgent |= is_urgent;
        /* One wake a batch, and a second one when the thread should not gather any longer. */
        bool must_wake = was_empty || is_urgent || (was_low && log->filling.len >= LOG_QUEUE_BYTES / 4);
        pthread_mutex_unlock(&log->lock);
        if (must_wake)
                pthread_cond_signal(&log->wake);
        if (!has_room)
                METRIC_ADD(LOG_DROPPED, 0, 1);
}

static void sink(void *arg, enum log_event event, const struct log_field *fields, size_t count)
{
        struct log_json *log = arg;
        enum log_level level = log_event_info(event)->level;
        if (level < log->min_level)
                return;
        struct log_line line;
        log_line_format(&line, event, fields, count);
        queue_line(log, (struct str){line.text, line.len}, level >= LOG_WARN);
}

static bool has_given_up(const struct log_json *log)
{
        return thread_now_ms() >= atomic_load(&log->give_up_ms);
}

/* Waits without an end for a reader, but for the flush's time-out. */
static bool wait_writable(const struct log_json *log)
{
        struct pollfd poll_fd = {.fd = log->fd, .events = POLLOUT};
        while (!log->is_file) {
                if (has_given_up(log))
                        return false;
                int ready = poll(&poll_fd, 1, BLOCKED_POLL_MS);
                if (ready > 0 || (ready < 0 && errno != EINTR))
                        break; /* errors too: write() names them */
        }
        return true;
}

/* Returns how much was written. The descriptor may be shared with other processes, so it is not
 * made non-blocking: a pipe that is writable takes PIPE_BUF bytes without blocking. */
static size_t write_all(const struct log_json *log, struct str text)
{
        size_t done = 0;
        while (done < text.len && wait_writable(log)) {
                size_t len = text.len - done;
                if (!log->is_file && len > PIPE_BUF)
                        len = PIPE_BUF;
                ssize_t got = write(log->fd, text.ptr + done, len);
                if (got >= 0)
                        done += (size_t)got;
                else if (errno != EINTR && errno != EAGAIN)
                        break;
        }
        return done;
}

static uint64_t count_lines(struct str text)
{
        uint64_t lines = 0;
        for (size_t i = 0; i < text.len; i++)
                lines += text.ptr[i] == '\n';
        return lines;
}

/* Returns how many lines were lost. */
static uint64_t write_lines(struct log_json *log, struct str text)
{
        if (text.len == 0)
                return 0;
        if (log->is_torn && write_all(log, STR("\n")) == 1)
                log->is_torn = false;
        size_t done = log->is_torn ? 0 : write_all(log, text);
        if (done)
                log->is_torn = text.ptr[done - 1] != '\n';
        return count_lines((struct str){text.ptr + done, text.len - done});
}

static uint64_t report_dropped(struct log_json *log, uint64_t dropped)
{
        if (dropped == 0)
                return 0;
        struct log_field count = log_i64("count", (int64_t)dropped);
        struct log_line line;
        log_line_format(&line, LOG_EVENT_LOGS_DROPPED, &count, 1);
        return write_lines(log, (struct str){line.text, line.len}) ? dropped : 0;
}

static void gather(struct log_json *log)
{
        while (log->filling.len == 0 && !log->is_closing)
                pthread_cond_wait(&log->wake, &log->lock);
        int64_t until_ms = thread_now_ms() + LOG_LINGER_MS;
        while (!log->is_urgent && !log->is_closing && log->filling.len < LOG_QUEUE_BYTES / 4)
                if (!thread_wait(&log->wake, &log->lock, until_ms))
                        break;
        log->is_urgent = false;
}

static void *run(void *arg)
{
        struct log_json *log = arg;
        pthread_setname_np(pthread_self(), "log");
        pthread_mutex_lock(&log->lock);
        for (bool is_last = false; !is_last;) {
                gather(log);
                is_last = log->is_closing;
                struct buf batch = log->filling;
                log->filling = log->writing;
                log->writing = batch;
                uint64_t dropped = log->dropped;
                log->dropped = 0;
                pthread_mutex_unlock(&log->lock);
                uint64_t lost = write_lines(log, buf_str(&log->writing));
                if (lost)
                        METRIC_ADD(LOG_DROPPED, 0, (int64_t)lost);
                uint64_t unreported = report_dropped(log, dropped);
                buf_reset(&log->writing);
                pthread_mutex_lock(&log->lock);
                log->dropped += lost + unreported;
        }
        pthread_mutex_unlock(&log->lock);
        return NULL;
}

static void discard(struct log_json *log)
{
        pthread_cond_destroy(&log->wake);
        pthread_mutex_destroy(&log->lock);
        buf_deinit(&log->filling);
        buf_deinit(&log->writing);
        free(log);
}

enum err log_json_start(int fd, enum log_level min_level, struct log_json **ret_log, struct err_note *note)
{
        struct log_json *log = alloc_zeroed(1, sizeof *log);
        struct stat status;
        log->fd = fd;
        log->is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
        log->min_level = min_level;
        log->give_up_ms = INT64_MAX;
        pthread_mutex_init(&log->lock, NULL);
        thread_wake_init(&log->wake);
        buf_init(&log->filling, LOG_QUEUE_BYTES / 2);
        buf_init(&log->writing, LOG_QUEUE_BYTES / 2);
        int failed = thread_start(&log->thread, run, log);
        if (failed) {
                discard(log);
                errno = failed;
                return err_set(note, ERR_UNAVAILABLE, "log thread: %m");
        }
        log_set_sink(sink, log);
        *ret_log = log;
        return ERR_OK;
}

void log_json_close(struct log_json *log, uint32_t flush_ms)
{
        if (!log)
                return;
        log_set_sink(NULL, NULL);
        atomic_store(&log->give_up_ms, thread_now_ms() + flush_ms);
        pthread_mutex_lock(&log->lock);
        log->is_closing = true;
        pthread_mutex_unlock(&log->lock);
        pthread_cond_signal(&log->wake);
        /* A file on a hanging network disk holds the thread where no time-out reaches it: leave both
         * to the end of the process. */
        if (thread_join(log->thread, flush_ms + STUCK_THREAD_MS))
                discard(log);
}
