/* SPDX-License-Identifier: Apache-2.0 */
#include "core/llm_status.h"

#include <assert.h>

static const struct {
        const char *name;
        enum llm_health health;
        bool may_retry;
} table[LLM_STATUS_COUNT] = {
#define LLM_STATUS(symbol, name, health, may_retry) [LLM_##symbol] = {name, LLM_HEALTH_##health, may_retry},
#include "core/llm_status.def"
#undef LLM_STATUS
};

const char *llm_status_name(enum llm_status status)
{
        assert(status < LLM_STATUS_COUNT);
        return table[status].name;
}

enum llm_health llm_status_health(enum llm_status status)
{
        assert(status < LLM_STATUS_COUNT);
        return table[status].health;
}

bool llm_status_may_retry(enum llm_status status)
{
        assert(status < LLM_STATUS_COUNT);
        return table[status].may_retry;
}
