/* SPDX-License-Identifier: Apache-2.0 */
/* LLMs over HTTP: port/llm on net/upstream, one pool of connections for each upstream of the chain.
 *
 * What is asked and how the answer is read is the dialect's (adapt/llm_dialect.h); this file knows
 * connections, keys and deadlines. Belongs to one loop. Keys appear in no note and no log.
 */
#ifndef ADAPT_LLM_HTTP_H
#define ADAPT_LLM_HTTP_H

#include "net/loop.h"
#include "net/upstream.h"
#include "port/llm.h"

/* How the model is to answer. */
enum llm_output { LLM_OUTPUT_JSON_SCHEMA, LLM_OUTPUT_JSON_OBJECT, LLM_OUTPUT_LABEL };

enum llm_auth { LLM_AUTH_BEARER, LLM_AUTH_API_KEY /* Azure's header `api-key` */ };

/* Texts are NUL-terminated, "" where there is none, and outlive the llm. */
struct llm_upstream_config {
        struct llm_upstream facts; /* `address` and `provider` are filled in by llm_http_new() */
        const char *base_url; /* "https://api.openai.com/v1"; a query is sent along: "…/deployments/x?api-version=y" */
        const char *api_key;  /* "": none is sent */
        enum llm_auth auth;
        const char *headers;  /* "Name: value | Name: value" to be sent along */
        enum llm_output output;
        uint32_t top_logprobs;       /* 0: logprobs are not asked for */
        double temperature;          /* below 0: not sent */
        uint32_t max_tokens;
        const char *max_tokens_name; /* "max_completion_tokens"; older servers: "max_tokens" */
        int64_t timeout_ms;          /* of one attempt */
        struct upstream_config http; /* `url` is filled in by llm_http_new(); no answer over 256 KiB is taken */
};

struct llm_http;

/* 1 to LLM_MAX_UPSTREAMS of them. ERR_INVALID with a note that names the upstream and shows no secret; the
 * loop must then still run a while, to close what had been opened. Over http.max_calls at one upstream, or
 * with a request that would be over 1 MiB, a call ends with LLM_OVERLOADED. */
enum err llm_http_new(struct loop *loop, const struct llm_upstream_config *configs, size_t count,
                      struct llm_http **ret_llm, struct err_note *note) MUST_USE;

struct llm *llm_http_port(struct llm_http *llm);

/* Cancels what is under way; nothing is started any more. `closed` runs on the loop when it is freed. */
void llm_http_close(struct llm_http *llm, void (*closed)(void *arg), void *arg);

#endif
