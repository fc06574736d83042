/* SPDX-License-Identifier: Apache-2.0 */
#include "api/problem.h"

#include "base/json_writer.h"
#include "text/redact.h"

#include <assert.h>

static const struct {
        int status;
        const char *code;
        const char *title;
} problems[PROBLEM_COUNT] = {
#define PROBLEM(symbol, status, code, title) [PROBLEM_##symbol] = {status, code, title},
#include "api/problem.def"
#undef PROBLEM
};

int problem_status(enum problem problem)
{
        assert(problem < PROBLEM_COUNT);
        return problems[problem].status;
}

const char *problem_code(enum problem problem)
{
        assert(problem < PROBLEM_COUNT);
        return problems[problem].code;
}

enum problem problem_of(enum err err)
{
        switch (err) {
        case ERR_INVALID:
        case ERR_SYNTAX:
        case ERR_TOO_LARGE:
                return PROBLEM_VALIDATION_ERROR;
        case ERR_NOT_FOUND:
                return PROBLEM_NOT_FOUND;
        case ERR_GONE:
                return PROBLEM_GONE;
        case ERR_UNAUTHORIZED:
                return PROBLEM_UNAUTHORIZED;
        case ERR_FORBIDDEN:
                return PROBLEM_FORBIDDEN;
        case ERR_MISMATCH:
                return PROBLEM_IDEMPOTENCY_MISMATCH;
        case ERR_STALE:
                return PROBLEM_PRECONDITION_FAILED;
        case ERR_CONFLICT:
                return PROBLEM_CONFLICT;
        case ERR_IN_FLIGHT:
                return PROBLEM_IDEMPOTENCY_IN_FLIGHT;
        case ERR_RATE_LIMITED:
                return PROBLEM_RATE_LIMIT_EXCEEDED;
        case ERR_OVERLOADED:
                return PROBLEM_OVERLOADED;
        case ERR_DRAINING:
                return PROBLEM_DRAINING;
        case ERR_DEADLINE:
                return PROBLEM_DEADLINE_EXCEEDED;
        case ERR_UNDECIDED:
                return PROBLEM_CLASSIFICATION_FAILED;
        case ERR_UNAVAILABLE:
        case ERR_BUSY:
        case ERR_NO_SPACE:
        case ERR_IO:
        case ERR_CORRUPT:
                return PROBLEM_UNAVAILABLE;
        case ERR_OK:
        case ERR_EXISTS:
        case ERR_CANCELLED:
        case ERR_UNSUPPORTED:
        case ERR_INTERNAL:
        case ERR_COUNT:
                return PROBLEM_INTERNAL_ERROR;
        }
        return PROBLEM_INTERNAL_ERROR;
}

enum problem problem_of_refusal(enum http_refusal refusal)
{
        switch (refusal) {
        case REFUSAL_MALFORMED:
                return PROBLEM_MALFORMED_REQUEST;
        case REFUSAL_REQUEST_TIMEOUT:
                return PROBLEM_REQUEST_TIMEOUT;
        case REFUSAL_PAYLOAD_TOO_LARGE:
                return PROBLEM_PAYLOAD_TOO_LARGE;
        case REFUSAL_URI_TOO_LONG:
                return PROBLEM_URI_TOO_LONG;
        case REFUSAL_EXPECTATION_FAILED:
                return PROBLEM_EXPECTATION_FAILED;
        case REFUSAL_HEADERS_TOO_LARGE:
                return PROBLEM_HEADERS_TOO_LARGE;
        case REFUSAL_NOT_IMPLEMENTED:
                return PROBLEM_NOT_IMPLEMENTED;
        case REFUSAL_TOO_MANY_CONNECTIONS:
        case REFUSAL_OUT_OF_MEMORY:
                return PROBLEM_OVERLOADED;
        case REFUSAL_VERSION:
                return PROBLEM_VERSION_NOT_SUPPORTED;
        case REFUSAL_COUNT:
                break;
        }
        return PROBLEM_INTERNAL_ERROR;
}

struct str problem_pointer(struct arena *arena, const char *parent, struct str name)
{
        struct ident ident;
        if (!ident_from(name, &ident) || !redact_is_clean(name))
                return arena_format(arena, "%s/(name withheld)", parent);
        return arena_format(arena, "%s/%s", parent, ident.text);
}

static void write_fields(struct json_writer *w, const struct problem_detail *detail)
{
        if (detail->field_count == 0)
                return;
        json_key(w, "errors");
        json_open(w, '[');
        for (size_t i = 0; i < detail->field_count; i++) {
                json_open(w, '{');
                json_member(w, "field", detail->fields[i].pointer);
                json_member(w, "message", str_from(detail->fields[i].message));
                json_close(w, '}');
        }
        json_close(w, ']');
}

static void write_safety(struct json_writer *w, const struct problem_detail *detail)
{
        if (detail->severity == SEVERITY_NONE)
                return;
        json_key(w, "safety");
        json_open(w, '{');
        json_member(w, "severity", str_from(severity_name(detail->severity)));
        json_member(w, "reply", detail->safety_reply);
        json_member(w, "message_id", detail->message_id);
        json_close(w, '}');
}

void problem_complain(struct problem_faults *faults, struct str pointer, const char *message)
{
        if (faults->count < PROBLEM_MAX_FIELDS)
                faults->fields[faults->count++] = (struct problem_field){pointer, message};
}

void problem_write(enum problem problem, const struct problem_detail *detail, struct str instance,
                   const struct ident *request_id, struct buf *buf)
{
        struct json_writer w = {.buf = buf};
        struct str text = str_from(detail->text ? detail->text : problems[problem].title);
        json_open(&w, '{');
        json_member(&w, "type", STR("about:blank"));
        json_member(&w, "title", str_from(problems[problem].title));
        json_key(&w, "status");
        json_i64(&w, problems[problem].status);
        json_member(&w, "detail", text);
        if (instance.ptr) {
                json_member(&w, "instance", instance);
        }
        json_member(&w, "error", str_from(problems[problem].code));
        json_member(&w, "message", text);
        json_member(&w, "request_id", ident_str(request_id));
        if (detail->retry_after_s) {
                json_key(&w, "retry_after_seconds");
                json_u64(&w, detail->retry_after_s);
        }
        write_fields(&w, detail);
        write_safety(&w, detail);
        json_close(&w, '}');
}
