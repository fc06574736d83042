/* SPDX-License-Identifier: Apache-2.0 */
/* Spend: how many requests and tokens a day may go to LLMs, so that nobody can run up a bill.
 *
 * Days are of UTC. Requests are counted before the call, tokens behind it: the calls that are under way
 * when the last token is spent still end. Counted for this process, from its start.
 *
 * Pure: the caller brings the wall clock; a clock that goes back does not begin a new day. Thread-safe:
 * one mutex inside.
 */
#ifndef GUARD_SPEND_H
#define GUARD_SPEND_H

#include <stdbool.h>
#include <stdint.h>

struct spend;

/* 0: no limit. */
struct spend *spend_new(uint64_t max_requests, uint64_t max_tokens);
void spend_free(struct spend *spend);

/* Counts one request; false, and not counted: today's budget is used up. `ret_is_first` is set when it
 * is the first to be refused today, so that it is told once. */
bool spend_request(struct spend *spend, int64_t wall_ms, bool *ret_is_first);

void spend_tokens(struct spend *spend, uint64_t tokens, int64_t wall_ms);

#endif
