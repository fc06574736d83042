/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

enum { REMEMBERED = 16 };

static const struct log_event_info events[LOG_EVENT_COUNT] = {
#define EVENT(symbol, level, name, fields) [LOG_EVENT_##symbol] = {LOG_##level, name, fields},
#include "base/log.def"
#undef EVENT
};

static log_sink *current_sink;
static void *current_arg;

const struct log_event_info *log_event_info(enum log_event event)
{
        assert(event < LOG_EVENT_COUNT);
        return &events[event];
}

const char *log_level_name(enum log_level level)
{
        static const char *const names[] = {"debug", "info", "warn", "error"};
        return names[level];
}

void log_set_sink(log_sink *sink, void *arg)
{
        current_sink = sink;
        current_arg = arg;
}

static bool is_known(const char *fields, const char *name)
{
        struct str rest = str_from(fields);
        struct str wanted = str_from(name);
        while (rest.len)
                if (str_equal(str_split(&rest, ' '), wanted))
                        return true;
        return false;
}

/* Names are constants, so one that was known at its place once is known by its address. */
static void check_field(enum log_event event, size_t index, const char *name)
{
        static _Atomic(const char *) remembered[LOG_EVENT_COUNT][REMEMBERED];
        if (index < REMEMBERED && atomic_load_explicit(&remembered[event][index], memory_order_relaxed) == name)
                return;
        assert(is_known(log_event_info(event)->fields, name));
        if (index < REMEMBERED)
                atomic_store_explicit(&remembered[event][index], name, memory_order_relaxed);
}

void log_event(enum log_event event, const struct log_field *fields, size_t count)
{
        for (size_t i = 0; i < count; i++)
                check_field(event, i, fields[i].name);
        if (current_sink)
                current_sink(current_arg, event, fields, count);
}
