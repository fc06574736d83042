/* SPDX-License-Identifier: Apache-2.0 */
/* Two kinds of text that the compiler keeps apart.
 *
 * `struct raw_text` is what a customer wrote. `struct safe_text` has been through the redactor
 * (text/redact, the one maker of it besides constants of ours), and is all that logs, the store,
 * the model and upstream calls accept. There is no conversion from raw to safe but redaction, so
 * raw personal data in a log line does not compile.
 */
#ifndef BASE_SAFE_TEXT_H
#define BASE_SAFE_TEXT_H

#include "base/str.h"

/* A customer's own words; borrowed, valid UTF-8. */
struct raw_text {
        struct str raw;
};

/* Redacted text, or text of ours; borrowed, valid UTF-8. */
struct safe_text {
        struct str safe;
};

/* A constant of the program as safe text. */
#define SAFE_LITERAL(literal) ((struct safe_text){STR(literal)})

#endif
