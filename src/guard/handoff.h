/* SPDX-License-Identifier: Apache-2.0 */
/* Hand-off: the conversations in which a person has an open review, in the whole process.
 *
 * While one is open the bot stays out of the conversation: what comes there joins the review. The customer is
 * told so once. The store says what is open (at the start, after each commit and each change of a review, in
 * their order); the flow asks before it answers.
 *
 * A conversation is a keyed digest of API key and conversation_id. Bounded: what is over the maximum is not
 * held, and the bot answers there. Thread-safe, with one mutex inside, which nobody takes while nothing is open.
 */
#ifndef GUARD_HANDOFF_H
#define GUARD_HANDOFF_H

#include "base/hash.h"

struct handoff;

struct handoff *handoff_new(size_t max_open);
void handoff_free(struct handoff *handoff);

/* A review is open; the row is its identity, the check comes back. `is_told`: the customer has had the notice.
 * Once more for the same review changes nothing. False: the table is full. */
bool handoff_open(struct handoff *handoff, const struct digest *conversation, uint64_t row, uint64_t check, bool is_told);

/* It is resolved. One that is not there is none. */
void handoff_close(struct handoff *handoff, const struct digest *conversation, uint64_t row);

/* The review that a message of the conversation joins: the one that was opened first. */
struct handoff_review {
        uint64_t row; /* 0: none is open */
        uint64_t check;
        bool is_first; /* the customer has not been told yet: whoever hears this tells it */
};
struct handoff_review handoff_ask(struct handoff *handoff, const struct digest *conversation);

/* Whoever was to tell could not. */
void handoff_take_back(struct handoff *handoff, const struct digest *conversation);

/* How many reviews of conversations are open. */
size_t handoff_count(const struct handoff *handoff);

#endif
