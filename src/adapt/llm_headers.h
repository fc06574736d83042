/* SPDX-License-Identifier: Apache-2.0 */
/* The headers that go with every call to one LLM upstream: its key, and what the operator configured.
 * Values are secrets: no note shows one. */
#ifndef ADAPT_LLM_HEADERS_H
#define ADAPT_LLM_HEADERS_H

#include "adapt/llm_http.h"

enum { LLM_HEADERS_MAX = 16 };

struct llm_headers {
        struct upstream_header list[LLM_HEADERS_MAX]; /* of the texts below */
        size_t count;
        char *text; /* owns: the configured ones, names in lower case */
        char *key;  /* owns: "Bearer …" */
};

/* ERR_INVALID with a note that names the header (or its place) for what cannot be sent: a name that is no
 * token, a value with control or non-ASCII bytes, one that is ours or given twice, too many. */
enum err llm_headers_init(struct llm_headers *headers, const struct llm_upstream_config *config,
                          struct err_note *note) MUST_USE;

/* Also of zeroed memory and of one whose init failed. */
void llm_headers_deinit(struct llm_headers *headers);

#endif
