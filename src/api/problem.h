/* SPDX-License-Identifier: Apache-2.0 */
/* Errors as the API tells them: RFC 9457 `application/problem+json` with the older service's
 * members error, message and request_id beside the standard ones.
 *
 * Details are written for the caller's engineer and never repeat customer text.
 */
#ifndef API_PROBLEM_H
#define API_PROBLEM_H

#include "base/buf.h"
#include "base/ident.h"
#include "core/terms.h"
#include "net/server.h"

enum problem {
#define PROBLEM(symbol, status, code, title) PROBLEM_##symbol,
#include "api/problem.def"
#undef PROBLEM
        PROBLEM_COUNT
};

enum { PROBLEM_MAX_FIELDS = 16 };

/* One bad field of a request. */
struct problem_field {
        struct str pointer; /* JSON pointer or header name: "/metadata/locale" */
        const char *message;
};

/* All that is wrong with one request, up to the maximum. Zeroed: nothing. */
struct problem_faults {
        struct problem_field fields[PROBLEM_MAX_FIELDS];
        size_t count;
};
void problem_complain(struct problem_faults *faults, struct str pointer, const char *message);

/* What a problem says besides its table row. Zeroed: nothing more. */
struct problem_detail {
        const char *text; /* NULL: the title again */
        const struct problem_field *fields;
        size_t field_count;
        uint32_t retry_after_s; /* 0: none */
        /* A refused safety hit: severity, approved reply, and the record when there is one. */
        enum severity severity;
        struct str safety_reply;
        struct str message_id;
};

int problem_status(enum problem problem);
const char *problem_code(enum problem problem);

/* The problem of an error that a flow or a store ended with. */
enum problem problem_of(enum err err);

enum problem problem_of_refusal(enum http_refusal refusal);

/* A JSON pointer to a member that the client named. A name that could be personal data is not repeated. */
struct str problem_pointer(struct arena *arena, const char *parent, struct str name);

/* Appends the body. `instance` is the path; absent: none. */
void problem_write(enum problem problem, const struct problem_detail *detail, struct str instance,
                   const struct ident *request_id, struct buf *buf);

#endif
