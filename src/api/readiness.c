/* SPDX-License-Identifier: Apache-2.0 */
#include "api/readiness.h"

#include "base/json_writer.h"

static const char *const part_names[PART_COUNT] = {"store", "model", "policy", "llm"};
static const char *const state_names[] = {"ok", "disabled", "degraded", "failed"};

void readiness_init(struct readiness *readiness)
{
        for (size_t i = 0; i < PART_COUNT; i++) {
                atomic_init(&readiness->states[i], PART_FAILED);
                atomic_init(&readiness->errors[i], ERR_UNAVAILABLE);
        }
        atomic_init(&readiness->is_draining, false);
}

void readiness_set(struct readiness *readiness, enum part part, enum part_state state, enum err err)
{
        atomic_store(&readiness->errors[part], (int)err);
        atomic_store(&readiness->states[part], (int)state);
}

void readiness_drain(struct readiness *readiness)
{
        atomic_store(&readiness->is_draining, true);
}

bool readiness_is_draining(const struct readiness *readiness)
{
        return atomic_load(&readiness->is_draining);
}

bool readiness_is_ready(const struct readiness *readiness)
{
        for (size_t i = 0; i < PART_COUNT; i++)
                if (atomic_load(&readiness->states[i]) == PART_FAILED)
                        return false;
        return !readiness_is_draining(readiness);
}

void readiness_write(const struct readiness *readiness, struct buf *buf)
{
        struct json_writer w = {.buf = buf};
        bool is_ready = readiness_is_ready(readiness);
        const char *status = is_ready ? "ready" : readiness_is_draining(readiness) ? "draining" : "not_ready";
        json_open(&w, '{');
        json_member(&w, "status", str_from(status));
        json_key(&w, "checks");
        json_open(&w, '{');
        for (size_t i = 0; i < PART_COUNT; i++) {
                int state = atomic_load(&readiness->states[i]);
                enum err err = (enum err)atomic_load(&readiness->errors[i]);
                json_key(&w, part_names[i]);
                json_open(&w, '{');
                json_member(&w, "status", str_from(state_names[state]));
                if (err != ERR_OK) {
                        json_member(&w, "error", str_from(err_name(err)));
                }
                json_close(&w, '}');
        }
        json_close(&w, '}');
        json_close(&w, '}');
}
