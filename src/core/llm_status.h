/* SPDX-License-Identifier: Apache-2.0 */
/* How asking an LLM ended, from one table (llm_status.def). */
#ifndef CORE_LLM_STATUS_H
#define CORE_LLM_STATUS_H

#include <stdbool.h>

enum llm_status {
#define LLM_STATUS(symbol, name, health, may_retry) LLM_##symbol,
#include "core/llm_status.def"
#undef LLM_STATUS
        LLM_STATUS_COUNT
};

/* What it says of the upstream, for its circuit breaker. */
enum llm_health { LLM_HEALTH_WELL, LLM_HEALTH_ILL, LLM_HEALTH_NEUTRAL };

/* The stable lower-case name, as in logs and metrics: "rate_limited". */
const char *llm_status_name(enum llm_status status);

enum llm_health llm_status_health(enum llm_status status);

/* Whether the same call may succeed a little later; what the upstream itself says goes before. */
bool llm_status_may_retry(enum llm_status status);

#endif
