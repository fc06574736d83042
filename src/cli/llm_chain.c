/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/llm_chain.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/metric.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum {
        RETRIES_SAVED_UP = 100,  /* that a quiet time puts aside for an outage */
        ANSWER_BYTES = 256 << 10,
        WARN_EVERY_MS = 10000,   /* of one kind about one upstream */
        WARM_CONNECTIONS = 16,
        SURPLUS_TIMEOUT_MS = 10000,
};

static_assert((int)SETTINGS_MAX_UPSTREAMS == (int)LLM_MAX_UPSTREAMS, "what can be configured can be asked");
static_assert((int)METRIC_UPSTREAM_COUNT == (int)LLM_MAX_UPSTREAMS, "what can be asked can be counted");
static_assert((int)OUTPUT_LABEL == (int)LLM_OUTPUT_LABEL, "the settings' words for outputs are in the adapter's order");

/* What the breaker of one upstream reports to. */
struct watch {
        struct llm_chain *chain;
        size_t upstream;
        _Atomic int state;                             /* enum breaker_state */
        _Atomic int64_t warned_at_ms[LLM_STATUS_COUNT]; /* 0: never */
};

struct llm_chain {
        const struct settings *settings;
        struct readiness *readiness;
        struct llm_upstream_config configs[LLM_MAX_UPSTREAMS];
        char *keys[LLM_MAX_UPSTREAMS]; /* owns */
        struct consult_guards guards;
        struct watch watches[LLM_MAX_UPSTREAMS];
        size_t count;
};

/* Degraded while no upstream is known to be well: the embedded model decides meanwhile. */
static void show_readiness(struct llm_chain *chain)
{
        enum part_state state = PART_DEGRADED;
        for (size_t i = 0; i < chain->count; i++)
                if (atomic_load(&chain->watches[i].state) == BREAKER_CLOSED)
                        state = PART_OK;
        readiness_set(chain->readiness, PART_LLM, state, state == PART_OK ? ERR_OK : ERR_UNAVAILABLE);
}

static void show_state(struct watch *watch, enum breaker_state state)
{
        atomic_store(&watch->state, (int)state);
        for (enum breaker_state i = BREAKER_CLOSED; i <= BREAKER_HALF_OPEN; i++)
                METRIC_SET(LLM_BREAKER_STATE, METRIC_PAIR(BREAKER, watch->upstream, i), i == state);
        show_readiness(watch->chain);
}

static const char *name_of(const struct llm_chain *chain, size_t upstream)
{
        return chain->configs[upstream].facts.name;
}

static struct log_field upstream_field(const struct llm_chain *chain, size_t upstream)
{
        return log_safe("upstream", (struct safe_text){str_from(name_of(chain, upstream))});
}

static void breaker_changed(void *arg, enum breaker_state state)
{
        struct watch *watch = arg;
        METRIC_ADD(LLM_BREAKER_TRANSITIONS, METRIC_PAIR(BREAKER, watch->upstream, state), 1);
        LOG(LLM_BREAKER, upstream_field(watch->chain, watch->upstream), log_word("state", breaker_state_name(state)));
        show_state(watch, state);
}

/* Whether the last warning of the kind is long enough ago. */
static bool is_news(struct watch *watch, enum llm_status status)
{
        int64_t now_ms = clock_monotonic_us(system_clock()) / 1000;
        int64_t last_ms = atomic_load(&watch->warned_at_ms[status]);
        if (last_ms && now_ms - last_ms < WARN_EVERY_MS)
                return false;
        return atomic_compare_exchange_strong(&watch->warned_at_ms[status], &last_ms, now_ms);
}

static void warn(void *arg, enum llm_status status, size_t upstream, const struct llm_call *call)
{
        struct llm_chain *chain = arg;
        if (!is_news(&chain->watches[upstream], status))
                return;
        struct log_field who = upstream_field(chain, upstream);
        struct log_field model = log_safe("model", (struct safe_text){str_from(chain->configs[upstream].facts.model)});
        struct log_field code = log_ident("code", &call->code);
        if (status == LLM_QUOTA)
                LOG(LLM_QUOTA, who, model, code);
        else if (status == LLM_UNAUTHORIZED)
                LOG(LLM_UNAUTHORIZED, who, model, code);
        else if (status == LLM_REJECTED)
                LOG(LLM_REJECTED, who, model, code);
        else if (status == LLM_BUDGET)
                LOG(LLM_BUDGET, who, model);
        else
                LOG(LLM_UNREACHABLE, who, model, log_word("error", llm_status_name(status)),
                    log_safe("reason", (struct safe_text){str_from(call->note)}));
}

static struct upstream_config http_config(const struct settings *settings)
{
        return (struct upstream_config){
                .ca_file = settings->llm_ca_file,
                .proxy = settings->llm_proxy,
                .is_verified = settings->llm_tls_verify,
                .is_http2 = settings->llm_http2,
                .max_connections = settings->llm_max_connections,
                .max_calls = settings->llm_max_in_flight,
                .max_answer_bytes = ANSWER_BYTES,
                .connect_timeout_ms = settings->llm_connect_timeout_ms,
                .idle_timeout_ms = settings->llm_idle_timeout_ms,
                .warm_connections = WARM_CONNECTIONS,
                .surplus_timeout_ms = SURPLUS_TIMEOUT_MS,
                .dns_ttl_ms = settings->llm_dns_ttl_ms,
        };
}

static struct llm_upstream_config config_of(const struct settings *settings, const char *name, const char *key)
{
        return (struct llm_upstream_config){
                .facts = {
                        .name = name,
                        .model = settings->llm_model,
                        .input_price = settings->llm_input_price,
                        .output_price = settings->llm_output_price,
                },
                .base_url = settings->llm_base_url,
                .api_key = key,
                .auth = settings->llm_auth == AUTH_API_KEY ? LLM_AUTH_API_KEY : LLM_AUTH_BEARER,
                .headers = settings->llm_headers,
                .output = (enum llm_output)settings->llm_output,
                .top_logprobs = settings->llm_top_logprobs,
                .temperature = settings->llm_temperature,
                .max_tokens = settings->llm_max_tokens,
                .max_tokens_name = settings->llm_max_tokens_name,
                .timeout_ms = settings->llm_timeout_ms,
                .http = http_config(settings),
        };
}

static enum err read_upstream(struct llm_chain *chain, size_t i, struct err_note *note)
{
        bool is_listed = chain->settings->upstream_count > 0;
        const struct settings *settings = is_listed ? chain->settings->upstreams[i].settings : chain->settings;
        const char *name = is_listed ? chain->settings->upstreams[i].name : "llm";
        enum err err = settings_read_llm_key(settings, &chain->keys[i], note);
        if (err)
                return err_prefix(note, err, "the key of the LLM upstream %s: ", name);
        chain->configs[i] = config_of(settings, name, chain->keys[i]);
        chain->count = i + 1;
        return ERR_OK;
}

/* The metrics name an upstream by its place in the chain, from 1; this says what stands there. */
static void tell_upstream(const struct llm_upstream *facts, size_t i)
{
        const char place[] = {(char)('1' + i), '\0'};
        const struct metric_fact labels[] = {
                {"upstream", place},
                {"name", facts->name},
                {"gen_ai_operation_name", "chat"},
                {"gen_ai_request_model", facts->model},
        };
        metric_add_info("triaged_llm_upstream_info", "What stands at that place of the chain of LLMs.", labels,
                        sizeof labels / sizeof *labels);
}

static void open_guards(struct llm_chain *chain)
{
        const struct settings *settings = chain->settings;
        const struct breaker_rules rules = breaker_default_rules();
        for (size_t i = 0; i < chain->count; i++) {
                struct watch *watch = &chain->watches[i];
                watch->chain = chain;
                watch->upstream = i;
                chain->guards.breakers[i] = breaker_new(&rules, random_fraction, breaker_changed, watch);
                gate_init(&chain->guards.gates[i], (uint32_t)chain->configs[i].http.max_calls);
                show_state(watch, BREAKER_CLOSED);
                tell_upstream(&chain->configs[i].facts, i);
        }
        retry_budget_init(&chain->guards.retries, settings->llm_retry_percent, settings->llm_retry_reserve,
                          RETRIES_SAVED_UP);
        chain->guards.spend = spend_new(settings->llm_max_requests_per_day, settings->llm_max_tokens_per_day);
        chain->guards.cache = answer_cache_new(settings->llm_cache_bytes, (int64_t)settings->llm_cache_ttl_s * 1000);
}

enum err llm_chain_new(const struct settings *settings, struct readiness *readiness, struct llm_chain **ret_chain,
                       struct err_note *note)
{
        if (settings->mode == MODE_LOCAL) {
                *ret_chain = NULL;
                return ERR_OK;
        }
        struct llm_chain *chain = alloc_zeroed(1, sizeof *chain);
        chain->settings = settings;
        chain->readiness = readiness;
        enum err err = settings_check_llm(settings, note);
        size_t count = settings->upstream_count ? settings->upstream_count : 1;
        for (size_t i = 0; i < count && !err; i++)
                err = read_upstream(chain, i, note);
        if (err) {
                llm_chain_free(chain);
                return err;
        }
        open_guards(chain);
        *ret_chain = chain;
        return ERR_OK;
}

void llm_chain_free(struct llm_chain *chain)
{
        if (!chain)
                return;
        for (size_t i = 0; i < chain->count; i++) {
                breaker_free(chain->guards.breakers[i]);
                explicit_bzero(chain->keys[i], strlen(chain->keys[i]));
                free(chain->keys[i]);
        }
        spend_free(chain->guards.spend);
        answer_cache_free(chain->guards.cache);
        free(chain);
}

enum err llm_desk_open(struct llm_chain *chain, struct loop *loop, size_t workers, size_t *busy, struct llm_desk *ret_desk,
                       struct err_note *note)
{
        struct llm_upstream_config configs[LLM_MAX_UPSTREAMS];
        for (size_t i = 0; i < chain->count; i++) {
                configs[i] = chain->configs[i];
                configs[i].http.max_connections = (configs[i].http.max_connections + workers - 1) / workers;
        }
        enum err err = llm_http_new(loop, configs, chain->count, &ret_desk->http, note);
        if (err)
                return err;
        const struct consult_config config = {
                .clock = loop_clock(loop),
                .llm = llm_http_port(ret_desk->http),
                .guards = &chain->guards,
                .max_retries = chain->settings->llm_retries,
                .random = random_fraction,
                .busy = busy,
                .warn = warn,
                .warn_arg = chain,
        };
        ret_desk->consult = consult_new(&config);
        return ERR_OK;
}

void llm_desk_close(struct llm_desk *desk, void (*closed)(void *arg), void *arg)
{
        consult_free(desk->consult);
        llm_http_close(desk->http, closed, arg);
}
