/* SPDX-License-Identifier: Apache-2.0 */
/* The chain of LLMs of this process: what its loops share, and each loop's own desk. The server has
 * one loop a worker, `triaged eval` has one. */
#ifndef CLI_LLM_CHAIN_H
#define CLI_LLM_CHAIN_H

#include "adapt/llm_http.h"
#include "api/readiness.h"
#include "flow/consult.h"
#include "policy/settings.h"

struct llm_chain;

/* Reads the keys. `settings` and `readiness` outlive the chain. ERR_INVALID with a note for what cannot be
 * used. NULL in mode local: there is no chain. */
enum err llm_chain_new(const struct settings *settings, struct readiness *readiness, struct llm_chain **ret_chain,
                       struct err_note *note) MUST_USE;

/* After the last desk. Safe on NULL. */
void llm_chain_free(struct llm_chain *chain);

/* What one worker asks through. */
struct llm_desk {
        struct llm_http *http;
        struct consult *consult;
};

/* `workers`: how many desks share what the settings allow to all. `busy` counts flights. */
enum err llm_desk_open(struct llm_chain *chain, struct loop *loop, size_t workers, size_t *busy, struct llm_desk *ret_desk,
                       struct err_note *note) MUST_USE;

/* On the loop, when nothing is busy; `closed` follows. */
void llm_desk_close(struct llm_desk *desk, void (*closed)(void *arg), void *arg);

#endif
