/* SPDX-License-Identifier: Apache-2.0 */
/* Triage: the life of one message, from the safety net to the durable answer.
 *
 * A request is a walk through one const table of states (flow/triage.c): reading the table is
 * reading the feature. It lives and dies on one loop. The triage owns its arena; it frees itself
 * after its end AND its reply, so after triage_start() the caller only keeps the pointer for
 * triage_cancel(), and not beyond the reply.
 *
 * What may go wrong, and what then holds:
 * - The safety net runs first and needs nothing but the text and the policy. A hit is not refused
 *   for rate or load while its own reserve lasts, and any refusal of a hit still carries the
 *   severity and the approved reply.
 * - The reply says ERR_OK only after the store has committed. When the deadline passes during a
 *   commit the reply says so; the commit goes on and the record may exist. The same idempotency
 *   key then finds it.
 * - With its key looked up in vain a hit is stored all the same; the store itself refuses a second
 *   record under one key.
 * - The embedded model decides whenever no LLM can answer in time: its answer is there before one is
 *   asked. What cannot be redacted is never sent.
 * - A client that goes away ends what is useless: a look-up's result is dropped. A commit is never
 *   abandoned, and a safety hit is recorded whether or not somebody still listens.
 * - What comes to a conversation in which a person has an open review is decided and recorded as ever, joins the
 *   review and is not answered; danger in it still is. The customer hears once that a person answers.
 * - Redaction that fails ends the request (nothing raw goes anywhere); a safety hit is recorded
 *   with its text withheld.
 */
#ifndef FLOW_TRIAGE_H
#define FLOW_TRIAGE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/trace_context.h"
#include "core/message.h"
#include "core/outcome.h"
#include "flow/consult.h"
#include "guard/admission.h"
#include "guard/claims.h"
#include "guard/handoff.h"
#include "guard/rate_limit.h"
#include "policy/settings.h"
#include "policy/snapshot.h"
#include "port/clock.h"
#include "port/store.h"

/* A message was stored; `is_heard`: somebody waits for its answer. For counts and logs. */
struct triage_request;
typedef void triage_stored_fn(const struct triage_request *request, const struct outcome *outcome, bool is_heard);

/* What the triages of one worker share. Everything is borrowed. */
struct triage_env {
        const struct clock *clock;
        struct store *store;
        struct snapshot_holder *snapshots;
        struct kb_scratch *scratch;
        struct buf *buf; /* for rendering; emptied by each user */
        size_t *busy;    /* counts the triages that have not ended: their loop must go on */
        triage_stored_fn *stored;
        struct admission *admission;
        struct rate_limit *rate_limit;
        struct claims *claims;
        struct handoff *handoff; /* the conversations that a person has */
        struct consult *consult; /* NULL: there is no LLM */
        enum mode mode;
        bool is_local_final;     /* false: without an LLM's answer a message is refused, unless it is a hit */
        uint32_t safety_per_minute; /* the reserve's rate for each client */
        struct str digest_key;      /* keys the digests of compliance records */
        size_t arena_bytes;         /* cap of one request's memory */
};

/* One message to be triaged. Strings live in the triage's arena. */
struct triage_request {
        struct message message;
        struct ident request_id;
        struct trace_context trace; /* the request's own span; calls out are its children */
        int64_t key_id;   /* of the API key; 0: none */
        uint64_t client;  /* who is limited; see guard/rate_limit.h */
        struct rate_limit_rule rate;
        const struct idempotency *idempotency; /* in the triage's arena; NULL: no key was sent */
        int64_t started_us;                    /* monotonic, when its first byte arrived */
        int64_t deadline_at_ms; /* monotonic; counts from the complete request: a slow upload has limits of its own */
        bool is_too_long; /* the text was cut at the limit: only a safety hit is recorded */
};

/* What the caller has to tell the client. Borrowed: valid during the reply callback. */
struct triage_reply {
        enum err err;
        struct safe_text answer; /* JSON; on ERR_OK, and on ERR_TOO_LARGE when a hit was recorded */
        struct record_id id;     /* row 0: nothing was stored */
        bool is_replay;
        int64_t upstream_us;     /* time that it waited for LLMs to answer */
        const struct outcome *outcome; /* NULL when nothing was decided, and for replays */
        /* A refused safety hit: what the client must hear all the same. */
        enum severity severity;
        struct safe_text safety_reply;
        struct rate_limit_answer rate; /* limit 0: not asked */
        uint32_t retry_after_s;        /* for errors that may pass */
};

typedef void triage_reply_fn(void *arg, const struct triage_reply *reply);

struct triage;

struct triage *triage_new(const struct triage_env *env);

/* For the message's strings, before triage_start(). */
struct arena *triage_arena(struct triage *triage);

/* Frees a triage that was never started. */
void triage_discard(struct triage *triage);

/* Copies `request`. `reply` runs exactly once, perhaps before this returns, unless cancelled. */
void triage_start(struct triage *triage, const struct triage_request *request, triage_reply_fn *reply, void *arg);

/* The client is gone: `reply` will not run. Not after the reply. */
void triage_cancel(struct triage *triage);

/* The states and what may follow each, for the generated diagram and the tests. */
size_t triage_state_count(void);
const char *triage_state_name(size_t state);
bool triage_may_follow(size_t state, size_t next);

#endif
