/* SPDX-License-Identifier: Apache-2.0 */
/* What other systems are told, as one JSON object in the form of Standard Webhooks:
 * {"type":"ticket.created","timestamp":"2026-11-22T10:00:00.000Z","data":{…}}. The contract is doc/events.md. */
#ifndef ADAPT_OUTBOX_PAYLOAD_H
#define ADAPT_OUTBOX_PAYLOAD_H

#include "base/json_writer.h"
#include "port/store.h"

/* The envelope around the members of `data`. */
void outbox_payload_open(struct json_writer *w, enum notice notice, int64_t at_ms);
void outbox_payload_close(struct json_writer *w);

/* "tkt_" and the id; null when there is none. */
void outbox_payload_id(struct json_writer *w, const char *name, const char *prefix, const struct record_id *id);

/* What a message led to. Without the customer's text when it does not fit into the buf otherwise. */
void outbox_payload_write(struct buf *buf, const struct store_record *record, const struct outcome_notice *notice);

#endif
