/* SPDX-License-Identifier: Apache-2.0 */
/* The body of POST /api/v1/classify: checked as a whole, every bad field named.
 *
 * Also the command line's reader of JSONL, so that both accept the same messages.
 */
#ifndef API_CLASSIFY_BODY_H
#define API_CLASSIFY_BODY_H

#include "api/problem.h"
#include "base/json_reader.h"
#include "core/message.h"

struct classify_body {
        struct message message; /* strings are copies in the arena; received_at_ms is the caller's */
        bool is_too_long;       /* the text was cut after MESSAGE_MAX_POINTS */
        struct problem_faults faults; /* none: the body is valid */
};

/* Reads the document. ERR_SYNTAX (note says why) when it is not JSON at all, ERR_TOO_LARGE when the
 * arena is full; ERR_INVALID when fields are bad; ERR_OK also when only is_too_long is wrong. */
enum err classify_body_read(struct json_parser *parser, struct str body, struct arena *arena,
                            struct classify_body *ret_body, struct err_note *note) MUST_USE;

#endif
