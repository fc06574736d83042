/* SPDX-License-Identifier: Apache-2.0 */
/* One event as one line of JSON. Thread-safe: the text of the current second is cached a thread. */
#ifndef APP_LOG_LINE_H
#define APP_LOG_LINE_H

#include "app/log_json.h"

struct log_line {
        size_t len;
        char text[LOG_LINE_BYTES]; /* the newline included, no NUL */
};

/* Stamped with the wall clock. Texts that are not valid UTF-8 get '?' for what is not ASCII; a
 * field that does not fit is left out whole, and the line says "is_cut":true. */
void log_line_format(struct log_line *ret_line, enum log_event event, const struct log_field *fields,
                     size_t count);

#endif
