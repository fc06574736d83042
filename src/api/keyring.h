/* SPDX-License-Identifier: Apache-2.0 */
/* Keyring: the API keys in force, as an immutable, reference-counted snapshot.
 *
 * A key is "tk_" and 43 characters of base64url: 256 random bits. Only its SHA-256 is kept. A
 * look-up hashes the whole key that was sent and compares digests in constant time. Thread-safe:
 * the holder hides its lock.
 */
#ifndef API_KEYRING_H
#define API_KEYRING_H

#include "base/hash.h"
#include "base/ident.h"
#include "core/scope.h"
#include "guard/rate_limit.h"

enum { KEYRING_MAX_KEYS = 100000 };

struct api_key {
        int64_t id; /* from 1 */
        struct digest hash;
        struct ident name;
        unsigned scopes;             /* of enum scope */
        bool has_rate;               /* false: the settings' rate */
        struct rate_limit_rule rate;
};

struct keyring;
struct keyring_holder;

/* Copies the keys. */
struct keyring *keyring_new(const struct api_key *keys, size_t count);

/* NULL when no key in force has that text. Valid until the unpin. */
const struct api_key *keyring_find(const struct keyring *keyring, struct str key);
size_t keyring_count(const struct keyring *keyring);

/* Takes the keyring. */
struct keyring_holder *keyring_holder_new(struct keyring *keyring);
void keyring_holder_free(struct keyring_holder *holder);
void keyring_replace(struct keyring_holder *holder, struct keyring *keyring);
struct keyring *keyring_pin(struct keyring_holder *holder);
void keyring_unpin(struct keyring *keyring);

#endif
