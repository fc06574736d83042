/* SPDX-License-Identifier: Apache-2.0 */
/* The LLM, as the flow sees it: ONE attempt at one upstream of the configured chain.
 *
 * Retries, circuit breakers, fallback and budgets are the flow's. A `struct llm` belongs to one loop.
 * A call lives in its caller's memory from start() until its `done`, which runs exactly once, on that
 * loop, never before start() returned, also after cancel() (then with LLM_CANCELLED, unless the attempt
 * had ended already). Inputs are borrowed until `done`.
 *
 * The message must have been redacted: what is handed in leaves the machine. What comes back has been
 * checked against the closed vocabularies and the model's words have been redacted again.
 */
#ifndef PORT_LLM_H
#define PORT_LLM_H

#include "base/ident.h"
#include "base/safe_text.h"
#include "core/llm_status.h"
#include "core/terms.h"

enum { LLM_MAX_UPSTREAMS = 4, LLM_REASONING_BYTES = 240 };

/* What the model said, checked. A plain value: it may be copied and cached. */
struct llm_answer {
        enum category category;
        enum intent intent;       /* INTENT_OTHER when the model named none that we know of this category;
                                   * INTENT_NONE when it was asked for the category alone */
        double stated;            /* the confidence that the model states, 0..1; -1 when it was not asked */
        double token_probability; /* of the category's token among the categories; -1 without logprobs */
        uint16_t reasoning_bytes;
        char reasoning[LLM_REASONING_BYTES]; /* redacted, at most 20 words, valid UTF-8, one line; may be empty */
};

/* What the upstream counts, 0 when it does not say. It is paid for whether the answer is of use or not. */
struct llm_usage {
        uint32_t input_tokens;
        uint32_t output_tokens;
        struct ident model;  /* that did the work, as the upstream says; may be empty */
};

struct llm_call {
        size_t upstream;           /* its place in the chain, from 0 */
        struct str system_json;    /* the prompt of the policy, escaped as within a JSON string */
        struct safe_text message;  /* with placeholders for what was redacted */
        enum channel channel;
        int64_t deadline_at_ms;    /* monotonic; the upstream's own time-out may end it sooner */
        struct str trace_parent;   /* W3C traceparent to send; absent: none */
        void (*done)(struct llm_call *call);
        /* The result. */
        enum llm_status status;
        int http_status;           /* 0: no answer */
        struct llm_answer answer;  /* on LLM_OK */
        struct llm_usage usage;
        struct ident code;         /* the upstream's own word for its error, for logs; may be empty */
        char note[128];            /* why it was not reached, for operators: "certificate has expired"; may be "" */
        int64_t retry_after_ms;    /* as the upstream wishes; -1: it does not say */
        enum { LLM_RETRY_UNSAID, LLM_RETRY_YES, LLM_RETRY_NO } should_retry; /* x-should-retry */
        int64_t upstream_us;       /* from the request's first byte sent to the answer's last; 0: not sent */
        void *attempt;             /* the port's, while the call is under way */
};

/* What the flow knows of an upstream. */
struct llm_upstream {
        const char *name;    /* "primary", as configured */
        const char *model;   /* as it is asked for */
        const char *address; /* "api.openai.com:443" */
        const char *provider; /* whose API it is, by OpenTelemetry's names: "openai", "azure.ai.openai" */
        double input_price;  /* per million tokens, in the operator's currency; 0: unknown */
        double output_price;
};

struct llm;

struct llm_ops {
        void (*start)(struct llm *llm, struct llm_call *call);
        /* Allowed once per call, before its `done`. */
        void (*cancel)(struct llm *llm, struct llm_call *call);
};

struct llm {
        const struct llm_ops *ops;
        const struct llm_upstream *upstreams;
        size_t upstream_count; /* 1..LLM_MAX_UPSTREAMS */
};

#endif
