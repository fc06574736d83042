/* SPDX-License-Identifier: Apache-2.0 */
/* What the program says about itself: events from a closed table (log.def), typed fields.
 *
 * A field is a number, a constant of the program, a checked identifier, an operator's note or
 * redacted text; there is no way to pass raw text. Lower layers return errors; `app` and `api`
 * log: one line an incident.
 *
 *     LOG(REQUEST, log_i64("status", 200), log_word("route", "classify"));
 *
 * The sink is set once at start (app/log_json); without one, events are dropped. Thread-safe.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/ident.h"
#include "base/safe_text.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

enum log_event {
#define EVENT(symbol, level, name, fields) LOG_EVENT_##symbol,
#include "base/log.def"
#undef EVENT
        LOG_EVENT_COUNT
};

struct log_field {
        const char *name;
        enum { LOG_FIELD_I64, LOG_FIELD_BOOL, LOG_FIELD_TEXT } type;
        int64_t number;
        struct str text; /* safe; the absent string leaves the field out */
};

static inline struct log_field log_i64(const char *name, int64_t value)
{
        return (struct log_field){.name = name, .type = LOG_FIELD_I64, .number = value};
}

static inline struct log_field log_bool(const char *name, bool value)
{
        return (struct log_field){.name = name, .type = LOG_FIELD_BOOL, .number = value};
}

/* `word` is a constant of the program, such as the name of an enum's value; NULL leaves it out. */
static inline struct log_field log_word(const char *name, const char *word)
{
        return (struct log_field){.name = name, .type = LOG_FIELD_TEXT, .text = str_from(word)};
}

/* An empty identifier leaves it out. */
static inline struct log_field log_ident(const char *name, const struct ident *ident)
{
        return log_word(name, ident->text[0] ? ident->text : NULL);
}

static inline struct log_field log_safe(const char *name, struct safe_text text)
{
        return (struct log_field){.name = name, .type = LOG_FIELD_TEXT, .text = text.safe};
}

/* An err_note's text: written for operators, holds no customer text by the rule in base/err.h. */
static inline struct log_field log_note(const char *name, const struct err_note *note)
{
        return (struct log_field){.name = name, .type = LOG_FIELD_TEXT, .text = str_from(note->text)};
}

struct log_event_info {
        enum log_level level;
        const char *name;
        const char *fields;
};

const struct log_event_info *log_event_info(enum log_event event);
const char *log_level_name(enum log_level level);

/* Called on the logging thread; copies what it keeps. */
typedef void log_sink(void *arg, enum log_event event, const struct log_field *fields, size_t count);

/* Before other threads start. NULL drops everything. */
void log_set_sink(log_sink *sink, void *arg);

/* Asserts that the table knows each field. */
void log_event(enum log_event event, const struct log_field *fields, size_t count);

#define LOG(symbol, ...)                                                              \
        log_event(LOG_EVENT_##symbol, (const struct log_field[]){__VA_ARGS__},        \
                  sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

#endif
