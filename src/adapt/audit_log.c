/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/audit_log.h"

#include "base/base32.h"
#include "base/ident.h"
#include "base/json_writer.h"

#include <stdio.h>
#include <string.h>

enum { ENTRY_MAX_BYTES = 16384 };

/* ---- The writer ---- */

enum err audit_log_open(struct audit_log *log, sqlite3 *db, struct err_note *note)
{
        *log = (struct audit_log){.db = db};
        buf_init(&log->leaf, ENTRY_MAX_BYTES);
        enum err err = sqlite_db_prepare(db, "INSERT INTO audit(seq, entry) VALUES(?,?)", &log->add_entry, note);
        if (!err)
                err = sqlite_db_prepare(db, "INSERT INTO audit_tile(level, number, hash) VALUES(?,?,?)", &log->add_tile, note);
        if (!err)
                err = audit_log_tree(db, &log->tree, note);
        log->committed = log->tree;
        return err;
}

void audit_log_close(struct audit_log *log)
{
        (void)sqlite3_finalize(log->add_entry);
        (void)sqlite3_finalize(log->add_tile);
        buf_deinit(&log->leaf);
}

void audit_log_begin(struct audit_log *log)
{
        log->committed = log->tree;
}

void audit_log_rollback(struct audit_log *log)
{
        log->tree = log->committed;
}

uint64_t audit_log_next(const struct audit_log *log)
{
        return log->tree.size;
}

static void write_actor(struct json_writer *w, const struct audit_entry *entry)
{
        char text[4 + IDENT_MAX + 1];
        bool is_command_line = entry->by.len && *entry->by.ptr == '(';
        struct str actor = is_command_line ? STR("cli") : entry->actor;
        if (!actor.ptr && (entry->by.len || entry->key_id)) {
                int len = entry->by.len ? snprintf(text, sizeof text, "key:%.*s", STR_ARGS(entry->by))
                                        : snprintf(text, sizeof text, "key#%lld", (long long)entry->key_id);
                actor = (struct str){text, (size_t)len < sizeof text ? (size_t)len : sizeof text - 1};
        }
        json_member(w, "actor", actor);
}

/* The byte 0 stands before it, so that the buf is the leaf's input. */
static void write_entry(struct buf *buf, uint64_t seq, const struct audit_entry *entry)
{
        struct json_writer w = {.buf = buf};
        buf_reset(buf);
        buf_append_char(buf, '\0');
        json_open(&w, '{');
        json_key(&w, "seq");
        json_u64(&w, seq);
        json_key(&w, "time");
        json_time(&w, entry->at_ms);
        json_member(&w, "kind", str_from(audit_kind_name(entry->kind)));
        write_actor(&w, entry);
        if (entry->record.row) {
                char id[4 + BASE32_CHARS + 1] = "msg_";
                base32_encode(entry->record.row, entry->record.check, id + 4);
                json_member(&w, "record", str_from(id));
        }
        if (entry->digest) {
                char hex[65];
                digest_to_hex(entry->digest, hex);
                json_member(&w, "digest", str_from(hex));
        }
        if (entry->details.ptr) {
                json_key(&w, "details");
                json_raw(&w, entry->details);
        }
        json_close(&w, '}');
}

static enum err run(struct audit_log *log, const struct sqlite_binder *b, struct err_note *note)
{
        int code = b->code == SQLITE_OK ? sqlite_db_run(b->stmt) : b->code;
        return code == SQLITE_OK ? ERR_OK : sqlite_db_err(log->db, code, note);
}

static enum err add_tile(struct audit_log *log, size_t level, const struct digest *hash, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = log->add_tile};
        bind_i64(&b, (int64_t)level);
        bind_i64(&b, (int64_t)(log->tree.size >> (MERKLE_TILE_HEIGHT * level)) - 1);
        bind_blob(&b, hash->bytes, sizeof hash->bytes);
        return run(log, &b, note);
}

enum err audit_log_append(struct audit_log *log, const struct audit_entry *entry, struct err_note *note)
{
        struct digest tiles[MERKLE_TILE_LEVELS];
        write_entry(&log->leaf, log->tree.size, entry);
        if (log->leaf.is_over)
                return err_set(note, ERR_TOO_LARGE, "an audit entry of over %d bytes", ENTRY_MAX_BYTES);
        struct str leaf = buf_str(&log->leaf);
        struct sqlite_binder b = {.stmt = log->add_entry};
        bind_i64(&b, (int64_t)log->tree.size);
        bind_text(&b, (struct str){leaf.ptr + 1, leaf.len - 1});
        enum err err = run(log, &b, note);
        if (err)
                return err;
        size_t count = merkle_add(&log->tree, merkle_leaf(leaf), tiles);
        for (size_t i = 0; !err && i < count; i++)
                err = add_tile(log, i + 1, &tiles[i], note);
        return err;
}

/* ---- Readers ---- */

static enum err missing(struct err_note *note, unsigned level, uint64_t index)
{
        return err_set(note, ERR_CORRUPT, "the audit log lacks the hash of level %u, number %llu", level,
                       (unsigned long long)index);
}

static enum err tile_hash(struct audit_reader *reader, unsigned level, uint64_t index, struct digest *ret_hash)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(reader->db, "SELECT hash FROM audit_tile WHERE level = ? AND number = ?", &b, reader->note);
        if (err)
                return err;
        bind_i64(&b, level / MERKLE_TILE_HEIGHT);
        bind_i64(&b, (int64_t)index);
        bool is_there = sqlite3_step(b.stmt) == SQLITE_ROW && sqlite3_column_bytes(b.stmt, 0) == sizeof ret_hash->bytes;
        if (is_there)
                memcpy(ret_hash->bytes, sqlite3_column_blob(b.stmt, 0), sizeof ret_hash->bytes);
        return sqlite_once_end(&b, is_there ? ERR_OK : missing(reader->note, level, index));
}

enum err audit_log_hash_leaves(struct audit_reader *reader, unsigned level, uint64_t index, struct digest *ret_hash)
{
        struct sqlite_binder b;
        struct digest tiles[MERKLE_TILE_LEVELS];
        struct merkle tree = {0};
        uint64_t first = index << level, count = 1ULL << level;
        enum err err = sqlite_once(reader->db, "SELECT seq, CAST(x'00' || entry AS BLOB) FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?", &b,
                                   reader->note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)first);
        bind_i64(&b, (int64_t)count);
        while (sqlite3_step(b.stmt) == SQLITE_ROW && sqlite3_column_int64(b.stmt, 0) == (int64_t)(first + tree.size)) {
                struct str leaf = {sqlite3_column_blob(b.stmt, 1), (size_t)sqlite3_column_bytes(b.stmt, 1)};
                merkle_add(&tree, merkle_leaf(leaf), tiles);
        }
        if (tree.size == count)
                *ret_hash = merkle_root(&tree);
        return sqlite_once_end(&b, tree.size == count ? ERR_OK : missing(reader->note, 0, first + tree.size));
}

enum err audit_log_subtree(void *arg, unsigned level, uint64_t index, struct digest *ret_hash)
{
        struct audit_reader *reader = arg;
        struct digest left, right;
        if (level > 0 && level % MERKLE_TILE_HEIGHT == 0)
                return tile_hash(reader, level, index, ret_hash);
        if (level < MERKLE_TILE_HEIGHT)
                return audit_log_hash_leaves(reader, level, index, ret_hash);
        enum err err = audit_log_subtree(arg, level - 1, 2 * index, &left);
        if (!err)
                err = audit_log_subtree(arg, level - 1, 2 * index + 1, &right);
        if (!err)
                *ret_hash = merkle_node(&left, &right);
        return err;
}

enum err audit_log_tree(sqlite3 *db, struct merkle *ret_tree, struct err_note *note)
{
        int64_t size = 0;
        struct audit_reader reader = {db, note};
        struct merkle tree = {0};
        enum err err = sqlite_db_number(db, "SELECT coalesce(max(seq) + 1, 0) FROM audit", &size, note);
        tree.size = (uint64_t)size;
        uint64_t left = tree.size, first = 0;
        for (unsigned level = 64; !err && level-- > 0;) {
                if (!(left >> level & 1))
                        continue;
                err = audit_log_subtree(&reader, level, first >> level, &tree.roots[level]);
                first += 1ULL << level;
        }
        if (!err)
                *ret_tree = tree;
        return err;
}

enum err audit_log_read(sqlite3 *db, uint64_t first, size_t max, struct buf *lines, size_t *ret_count,
                        struct err_note *note)
{
        struct sqlite_binder b;
        size_t count = 0;
        int code = SQLITE_DONE;
        enum err err = sqlite_once(db, "SELECT entry FROM audit WHERE seq >= ? ORDER BY seq LIMIT ?", &b, note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)first);
        bind_i64(&b, (int64_t)max);
        while (!lines->is_over && (code = sqlite3_step(b.stmt)) == SQLITE_ROW) {
                buf_append_str(lines, column_text(b.stmt, 0));
                buf_append_char(lines, '\n');
                count++;
        }
        if (lines->is_over)
                err = err_set(note, ERR_TOO_LARGE, "the entries take more memory than they may");
        else if (code != SQLITE_DONE)
                err = sqlite_db_err(db, code, note);
        *ret_count = count;
        return sqlite_once_end(&b, err);
}
