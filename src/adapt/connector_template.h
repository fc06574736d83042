/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of a connector, filled with what happened (core/connector_spec.h has their language). Pure. */
#ifndef ADAPT_CONNECTOR_TEMPLATE_H
#define ADAPT_CONNECTOR_TEMPLATE_H

#include "base/buf.h"
#include "base/json_reader.h"
#include "core/connector_spec.h"
#include "port/connector.h"

struct connector_values {
        const struct connector_spec *spec;
        const struct connector_delivery *delivery;
        struct json payload; /* of the delivery, parsed */
};

enum connector_escape {
        CONNECTOR_TEXT,
        CONNECTOR_URL,  /* variables are percent-encoded */
        CONNECTOR_LINE, /* control characters become spaces: a header of a mail */
};

/* What is missing and has no fallback is empty. */
void connector_fill_text(const struct connector_values *values, struct str template, enum connector_escape escape,
                         struct buf *to);

/* Fills the strings of a JSON template. One that is a variable alone gives its value of whatever type, and when that is
 * missing, its member is left out. */
void connector_fill_json(const struct connector_values *values, struct json template, struct buf *to);

/* The text or number that the first of the JSON pointers finds (they are separated by spaces); at most
 * `size` - 1 bytes of printable ASCII, else false. */
bool connector_find_id(struct json answer, struct str pointers, char *ret_id, size_t size);

#endif
