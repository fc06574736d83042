/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt to tell another system, over HTTP or by mail. Blocks at most for the spec's time-out and its settle_ms; thread-safe.
 *
 * A delivery with `search_first` is looked for in the other system before it is sent. Where it cannot be searched, it is sent again
 * under the same id: a webhook's receiver and one that honours Idempotency-Key know it by that; of a mail there may then be
 * two, with one Message-ID. */
#ifndef ADAPT_CONNECTOR_H
#define ADAPT_CONNECTOR_H

#include "base/buf.h"
#include "core/connector_spec.h"
#include "port/connector.h"

enum { CONNECTOR_BODY_MAX_BYTES = 256 * 1024, CONNECTOR_ANSWER_MAX_BYTES = 1 << 20 };

/* Fills the results of the delivery. `answer` gets the body of the last answer, for people who try a connector out;
 * NULL: nobody wants it. */
void connector_deliver(const struct connector_spec *spec, struct connector_delivery *delivery, struct buf *answer);

/* The secret, owned by the caller (to be wiped); "" for a spec that names none. ERR_NOT_FOUND, … with the remedy. */
enum err connector_secret(const struct connector_spec *spec, char **ret_secret, struct err_note *note) MUST_USE;

/* What an HTTP status means for a delivery. */
enum connector_result connector_result_of(int status);

#endif
