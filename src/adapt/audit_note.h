/* SPDX-License-Identifier: Apache-2.0 */
/* Checkpoints: the size and root of the audit tree, signed. The form is C2SP tlog-checkpoint in a signed note
 * (c2sp.org/tlog-checkpoint, c2sp.org/signed-note): origin, size and base64 root a line each, an empty line, and a line
 * with the Ed25519 signature. The name of the key is the origin.
 *
 * A verifier key is "ORIGIN+8 hex digits+base64", as Go's sumdb/note has it.
 */
#ifndef ADAPT_AUDIT_NOTE_H
#define ADAPT_AUDIT_NOTE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"

enum { AUDIT_ORIGIN_BYTES = 64, AUDIT_PUBLIC_BYTES = 32, AUDIT_NOTE_MAX_BYTES = 1024 };

struct audit_key {
        char origin[AUDIT_ORIGIN_BYTES];
        unsigned char seed[32]; /* secret; all zero in a key that only verifies */
        unsigned char public_key[AUDIT_PUBLIC_BYTES];
};

struct audit_checkpoint {
        uint64_t size;
        struct digest root;
};

/* The key in DIRECTORY/audit.key, made at the first call. ERR_FORBIDDEN when others may read it. */
enum err audit_key_open(const char *directory, struct audit_key *ret_key, struct err_note *note) MUST_USE;
void audit_key_wipe(struct audit_key *key);

/* In the arena; absent when it is full. */
struct str audit_key_verifier(const struct audit_key *key, struct arena *arena);
struct str audit_note_sign(const struct audit_key *key, const struct audit_checkpoint *checkpoint, struct arena *arena);

/* ERR_INVALID when it is no verifier key of this kind. */
enum err audit_key_read(struct str verifier, struct audit_key *ret_key, struct err_note *note) MUST_USE;

/* Takes the first note off the text. ERR_INVALID when it has another form, ERR_MISMATCH when another key or nobody
 * signed it. */
enum err audit_note_read(const struct audit_key *key, struct str *text, struct audit_checkpoint *ret_checkpoint,
                         struct err_note *note) MUST_USE;

#endif
