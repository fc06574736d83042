/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of the audit log: signed checkpoints and proofs, each of one consistent state. */
#ifndef ADAPT_AUDIT_PROOF_H
#define ADAPT_AUDIT_PROOF_H

#include "adapt/audit_note.h"
#include "adapt/store_sqlite.h"

struct audit_proof {
        struct audit_checkpoint checkpoint;
        uint64_t index; /* of the entry */
        struct str entry;
        struct merkle_path path;
};

enum err audit_proof_checkpoint(struct store_sqlite *db, struct audit_checkpoint *ret_checkpoint,
                                struct err_note *note) MUST_USE;

/* That entry `index` is in the log. ERR_NOT_FOUND when it has fewer. The entry is in the arena. */
enum err audit_proof_entry(struct store_sqlite *db, uint64_t index, struct arena *arena, struct audit_proof *ret_proof,
                           struct err_note *note) MUST_USE;

/* That the log of `old_size` entries is the beginning of the one of now. ERR_NOT_FOUND when it has fewer. */
enum err audit_proof_growth(struct store_sqlite *db, uint64_t old_size, struct audit_proof *ret_proof,
                            struct err_note *note) MUST_USE;

/* The place of a message's entry. ERR_NOT_FOUND. */
enum err audit_proof_find(struct store_sqlite *db, struct record_id id, uint64_t *ret_index, struct err_note *note) MUST_USE;

/* At most `max` entries from `first` on, a line each. */
enum err audit_proof_read(struct store_sqlite *db, uint64_t first, size_t max, struct buf *lines, size_t *ret_count,
                          struct err_note *note) MUST_USE;

/* Signs the checkpoint and appends it to the file, synced. */
enum err audit_proof_append(const struct audit_key *key, const char *path, const struct audit_checkpoint *checkpoint,
                            struct err_note *note) MUST_USE;

#endif
