/* SPDX-License-Identifier: Apache-2.0 */
/* Readiness: whether this process should get traffic, part by part. Shared by all threads. */
#ifndef API_READINESS_H
#define API_READINESS_H

#include "base/buf.h"
#include "base/err.h"

#include <stdatomic.h>

enum part { PART_STORE, PART_MODEL, PART_POLICY, PART_LLM, PART_COUNT };

/* A degraded part keeps the process ready; a failed one does not. */
enum part_state { PART_OK, PART_DISABLED, PART_DEGRADED, PART_FAILED };

struct readiness {
        atomic_int states[PART_COUNT];
        atomic_int errors[PART_COUNT]; /* enum err */
        atomic_bool is_draining;
};

/* Everything failed until it is set. */
void readiness_init(struct readiness *readiness);
void readiness_set(struct readiness *readiness, enum part part, enum part_state state, enum err err);
void readiness_drain(struct readiness *readiness);
bool readiness_is_draining(const struct readiness *readiness);
bool readiness_is_ready(const struct readiness *readiness);

/* {"status":"ready","checks":{"store":{"status":"ok"},…}} */
void readiness_write(const struct readiness *readiness, struct buf *buf);

#endif
