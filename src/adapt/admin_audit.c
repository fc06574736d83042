/* SPDX-License-Identifier: Apache-2.0 */
/* Administration: the audit log, its checkpoints and proofs. */
#include "adapt/admin_internal.h"
#include "adapt/audit_proof.h"
#include "base/hex.h"

enum { PAGE_ENTRIES = 1000, PAGE_MAX_BYTES = 32 << 20 };

enum err admin_audit_reading(struct operation *op, enum audit_kind kind, struct record_id record)
{
        const struct audit_entry entry = {.kind = kind, .at_ms = op->now_ms, .actor = STR("cli"), .record = record};
        return store_sqlite_audit(op->db, &entry, op->note);
}

static enum err sign(struct operation *op, const struct audit_checkpoint *checkpoint)
{
        struct audit_key key;
        enum err err = audit_key_open(op->directory, &key, op->note);
        if (err)
                return err;
        json_member(&op->result, "checkpoint", audit_note_sign(&key, checkpoint, op->arena));
        json_key(&op->result, "size");
        json_u64(&op->result, checkpoint->size);
        audit_key_wipe(&key);
        return ERR_OK;
}

enum err admin_audit_key(struct operation *op)
{
        struct audit_key key;
        enum err err = audit_key_open(op->directory, &key, op->note);
        if (err)
                return err;
        json_member(&op->result, "verifier", audit_key_verifier(&key, op->arena));
        audit_key_wipe(&key);
        return ERR_OK;
}

enum err admin_audit_checkpoint(struct operation *op)
{
        struct audit_checkpoint checkpoint;
        enum err err = audit_proof_checkpoint(op->db, &checkpoint, op->note);
        return err ? err : sign(op, &checkpoint);
}

static bool number_argument(struct operation *op, const char *name, uint64_t *ret_value)
{
        struct json value;
        int64_t number;
        if (!json_find(op->arguments, str_from(name), &value) || !json_to_i64(value, &number) || number < 0)
                return false;
        *ret_value = (uint64_t)number;
        return true;
}

/* An export begins with its first page, and that it was made is an entry itself. */
enum err admin_audit_read(struct operation *op)
{
        struct buf lines;
        uint64_t first = 0;
        size_t count = 0;
        (void)number_argument(op, "first", &first);
        enum err err = first == 0 ? admin_audit_reading(op, AUDIT_LOG_EXPORTED, (struct record_id){0}) : ERR_OK;
        if (err)
                return err;
        buf_init(&lines, PAGE_MAX_BYTES);
        err = audit_proof_read(op->db, first, PAGE_ENTRIES, &lines, &count, op->note);
        json_member(&op->result, "lines", buf_str(&lines));
        json_key(&op->result, "count");
        json_u64(&op->result, count);
        buf_deinit(&lines);
        return err;
}

static void write_path(struct operation *op, const struct merkle_path *path)
{
        json_key(&op->result, "path");
        json_open(&op->result, '[');
        for (size_t i = 0; i < path->count; i++) {
                char hex[65];
                digest_to_hex(&path->nodes[i], hex);
                json_str(&op->result, str_from(hex));
        }
        json_close(&op->result, ']');
}

static enum err prove_growth(struct operation *op, uint64_t old_size)
{
        struct audit_proof proof;
        enum err err = audit_proof_growth(op->db, old_size, &proof, op->note);
        if (err)
                return err;
        json_key(&op->result, "old_size");
        json_u64(&op->result, old_size);
        write_path(op, &proof.path);
        return sign(op, &proof.checkpoint);
}

static enum err prove_entry(struct operation *op, uint64_t index)
{
        struct audit_proof proof;
        enum err err = audit_proof_entry(op->db, index, op->arena, &proof, op->note);
        if (err)
                return err;
        json_key(&op->result, "seq");
        json_u64(&op->result, index);
        json_member(&op->result, "entry", proof.entry);
        write_path(op, &proof.path);
        return sign(op, &proof.checkpoint);
}

enum err admin_audit_prove(struct operation *op)
{
        uint64_t number;
        struct record_id id;
        if (number_argument(op, "old_size", &number))
                return prove_growth(op, number);
        if (number_argument(op, "seq", &number))
                return prove_entry(op, number);
        if (!record_id_from(text_argument(op, op->arguments, "record"), STR("msg_"), &id))
                return err_set(op->note, ERR_INVALID, "the number of an entry or a message id (msg_…) is needed");
        enum err err = audit_proof_find(op->db, id, &number, op->note);
        return err ? err : prove_entry(op, number);
}
