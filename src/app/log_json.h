/* SPDX-License-Identifier: Apache-2.0 */
/* The sink of base/log.h: one JSON object a line, written by a thread of its own.
 *
 *     {"time":"2026-11-22T10:00:00.000Z","level":"info","event":"request","status":200}
 *
 * Logging never waits for the reader of the log: a line goes into a bounded queue (LOG_QUEUE_BYTES)
 * or is dropped and counted (triaged_log_dropped_total, and a logs_dropped event as soon as lines
 * get through again). The thread gathers lines for LOG_LINGER_MS before it writes, unless one is a
 * warning or worse. Lines of one thread keep their order; lines are never torn or mixed.
 */
#ifndef APP_LOG_JSON_H
#define APP_LOG_JSON_H

#include "base/log.h"

enum {
        LOG_QUEUE_BYTES = 1 << 20, /* half of it fills while the other half is written */
        LOG_LINE_BYTES = 8192,     /* fields that do not fit are left out, and "is_cut" says so */
        LOG_LINGER_MS = 5,
};

struct log_json;

/* Sets itself as the sink, before other threads start. Borrows `fd` until closed. Events below
 * `min_level` are ignored. ERR_UNAVAILABLE without a thread. */
enum err log_json_start(int fd, enum log_level min_level, struct log_json **ret_log,
                        struct err_note *note) MUST_USE;

/* After the threads that log have ended, or at least log no more. Writes what is queued, for at
 * most about `flush_ms`, then forgets the rest. NULL-safe. */
void log_json_close(struct log_json *log, uint32_t flush_ms);

#endif
