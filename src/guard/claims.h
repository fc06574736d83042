/* SPDX-License-Identifier: Apache-2.0 */
/* Claims: which idempotency keys are being worked on, in the whole process.
 *
 * A request with a key takes the claim before it looks for a stored answer and releases it after
 * its own answer was committed or given up; whoever comes between hears that it is in flight. So
 * two requests with one key never run side by side, on whichever workers they are.
 *
 * Keys are digests of (API key, idempotency key), compared whole. Bounded. Thread-safe, with a
 * mutex a shard inside.
 */
#ifndef GUARD_CLAIMS_H
#define GUARD_CLAIMS_H

#include "base/err.h"
#include "base/hash.h"

struct claims;

struct claims *claims_new(size_t max_claims);
void claims_free(struct claims *claims);

/* ERR_IN_FLIGHT: somebody holds it. ERR_OVERLOADED: the table is full. Copies the key. */
enum err claim_take(struct claims *claims, const struct digest *key) MUST_USE;

/* By whoever took it, exactly once; any thread. */
void claim_release(struct claims *claims, const struct digest *key);

/* How many are held. */
size_t claims_count(const struct claims *claims);

#endif
