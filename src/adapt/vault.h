/* SPDX-License-Identifier: Apache-2.0 */
/* Encryption at rest: a key for each subject, wrapped by a master key that is not in the database.
 *
 * A subject is who a message is about: the customer, else the conversation, else the message alone. What is
 * stored of its text is sealed under the subject's key (AES-256-GCM, a random nonce of 96 bits for each value),
 * with its column and its row as associated data, so that no value can take another's place. The subject's key
 * is stored wrapped by the master key; without it nothing of the subject can be read any more.
 *
 *   sealed value  nonce 12 | ciphertext | tag 16
 *   wrapped key   the same, of 32 bytes, for the place "subject.key" and the subject's number
 *
 * The master key is 32 bytes in a file that only its owner may read: by default MASTER_KEY_FILE in the data
 * directory, made at the first start. A backup of the database must not hold it; it is kept elsewhere.
 *
 * A `struct vault` is used by one thread at a time. It has one subject's key in use, which is wiped with it.
 */
#ifndef ADAPT_VAULT_H
#define ADAPT_VAULT_H

#include "base/err.h"
#include "base/hash.h"

#define MASTER_KEY_FILE "master.key"

enum {
        VAULT_KEY_BYTES = 32,
        VAULT_OVERHEAD = 12 + 16, /* that a sealed value is longer than its text */
        VAULT_WRAPPED_BYTES = VAULT_KEY_BYTES + VAULT_OVERHEAD,
};

/* Where a value stands. */
struct vault_place {
        struct str column; /* "message.text" */
        int64_t row;
};

struct vault;

struct vault *vault_new(const struct digest *master);
void vault_free(struct vault *vault); /* NULL is allowed */

/* Draws a key for a subject, takes it into use and gives it wrapped. */
void vault_make_key(struct vault *vault, int64_t subject, unsigned char ret_wrapped[VAULT_WRAPPED_BYTES]);

/* Takes a subject's key into use. False when it was not wrapped under this master key for this subject. */
bool vault_use_key(struct vault *vault, int64_t subject, struct str wrapped) MUST_USE;

/* The same for the key under which subjects are found by who they are; stored like a subject's. */
void vault_make_index(struct vault *vault, unsigned char ret_wrapped[VAULT_WRAPPED_BYTES]);
bool vault_use_index(struct vault *vault, struct str wrapped) MUST_USE;
/* HMAC-SHA-256 of a customer_id (key_id 0), or of a conversation_id within one API key. */
struct digest vault_digest(const struct vault *vault, bool is_conversation, int64_t key_id, struct str id);

/* Under the key in use; ret_sealed has room for text.len + VAULT_OVERHEAD bytes. */
void vault_seal(struct vault *vault, struct vault_place place, struct str text, unsigned char *ret_sealed);

/* ret_text has room for sealed.len - VAULT_OVERHEAD bytes. False when the value was changed, is of another place or
 * under another key; nothing is left of it in ret_text then. */
bool vault_open(struct vault *vault, struct vault_place place, struct str sealed, char *ret_text) MUST_USE;

#endif
