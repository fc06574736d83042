/* SPDX-License-Identifier: Apache-2.0 */
/* A dialect: how one kind of LLM API is asked and answers. One file each (llm_openai.c), pure, so that
 * another API is another file. Nothing that comes back is trusted: enums, types, ranges, sizes, depth and
 * UTF-8 are checked here, whatever the upstream was told to keep to. */
#ifndef ADAPT_LLM_DIALECT_H
#define ADAPT_LLM_DIALECT_H

#include "adapt/llm_http.h"
#include "base/json_reader.h"

struct llm_dialect {
        const char *path; /* behind the base URL */
        /* Appends the request's body. */
        void (*write)(const struct llm_upstream_config *config, const struct llm_call *call, struct buf *body);
        /* Reads an answer of status 200: LLM_OK and ret_answer, else why not. What it has cost is told either way. */
        enum llm_status (*read)(const struct llm_upstream_config *config, struct json_parser *parser, struct str body,
                                struct llm_usage *ret_usage, struct llm_answer *ret_answer);
        /* Reads an answer of another status; fills the upstream's own word for it, "" when it has none
         * that may be logged. */
        enum llm_status (*read_error)(struct json_parser *parser, int status, struct str body, struct ident *ret_code);
};

extern const struct llm_dialect llm_openai;

#endif
