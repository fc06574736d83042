/* SPDX-License-Identifier: Apache-2.0 */
/* A customer's message as a channel handed it in: checked, not yet redacted.
 *
 * Strings borrow from the request's arena. What is raw stays raw_text until text/redact has seen
 * it; metadata keys come from the client too and are redacted like values.
 */
#ifndef CORE_MESSAGE_H
#define CORE_MESSAGE_H

#include "base/safe_text.h"
#include "core/terms.h"

enum {
        MESSAGE_MAX_POINTS = 5000,      /* Unicode code points of text, after trimming */
        METADATA_MAX_ENTRIES = 32,
        METADATA_MAX_KEY_BYTES = 64,
        METADATA_MAX_VALUE_BYTES = 512, /* of the value written as text */
};

struct metadata_entry {
        struct raw_text key;
        struct raw_text value; /* numbers and booleans as their JSON text */
};

struct message {
        struct raw_text text; /* trimmed, valid UTF-8, not empty */
        enum channel channel;
        struct metadata_entry *metadata;
        size_t metadata_count;
        int64_t received_at_ms; /* wall clock, ms since 1970; SLA clocks start here */
        size_t points;          /* code points of the text as received */
};

/* The value of that metadata key; absent when it was not sent. */
struct raw_text message_metadata(const struct message *message, struct str key);

/* Whether the value of that metadata key says how the customer is reached: customer_id, and what names a phone or mail. */
bool message_is_contact(struct str key);

#endif
