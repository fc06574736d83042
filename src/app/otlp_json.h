/* SPDX-License-Identifier: Apache-2.0 */
/* Spans as the JSON of OTLP: opentelemetry-proto's ExportTraceServiceRequest in its JSON mapping, with ids
 * in hexadecimal and 64-bit numbers as strings, as OTLP has it. Used by src/app/ only. */
#ifndef APP_OTLP_JSON_H
#define APP_OTLP_JSON_H

#include "base/buf.h"
#include "base/span.h"

/* Appends one request with all of them. */
void otlp_json_write(const struct span *spans, size_t count, const char *version, struct buf *buf);

#endif
