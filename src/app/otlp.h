/* SPDX-License-Identifier: Apache-2.0 */
/* The sink of base/span.h: spans to an OpenTelemetry collector, as JSON over HTTP (OTLP 1.x).
 *
 * Ending a span never waits for the collector: it goes into a bounded queue (OTLP_QUEUE_SPANS) or is
 * dropped. A thread sends what is queued, OTLP_LINGER_MS after it began or when there is a batch of
 * OTLP_BATCH_SPANS. One second try follows where the collector cannot be reached or asks for it; then
 * the batch is dropped. What was sent and dropped is counted (triaged_spans_exported_total,
 * triaged_spans_dropped_total), and the log tells the first of a run of failures and its end.
 */
#ifndef APP_OTLP_H
#define APP_OTLP_H

#include "base/err.h"

enum {
        OTLP_QUEUE_SPANS = 1024, /* about 2 MB; as many again may be on their way */
        OTLP_BATCH_SPANS = 512,
        OTLP_LINGER_MS = 5000,
        OTLP_SEND_MS = 2000, /* for one POST */
        OTLP_FLUSH_MS = 2000,
};

struct otlp;

/* Sets itself as the sink, before other threads start. `endpoint` is the collector's URL, without
 * /v1/traces; both texts are borrowed until closed. ERR_UNAVAILABLE without a thread. */
enum err otlp_start(const char *endpoint, const char *version, struct otlp **ret_otlp, struct err_note *note) MUST_USE;

/* After the threads that end spans have ended. Sends what is queued, for at most OTLP_FLUSH_MS. NULL-safe. */
void otlp_close(struct otlp *otlp);

#endif
