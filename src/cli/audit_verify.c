/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/audit.h"

#include "adapt/audit_note.h"
#include "base/alloc.h"
#include "base/hex.h"
#include "base/json_reader.h"
#include "base/merkle.h"
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 1 << 16, FILE_MAX_BYTES = 64 << 20, CHECKPOINTS_MAX = 1 << 20, DEPTH_MAX = 16 };

/* What the verifier has kept, and how far it has come. */
struct verify {
        struct audit_key key;
        struct audit_checkpoint *kept; /* owns; by size */
        size_t kept_count;
        size_t agreed;
        struct merkle tree;
        struct audit_checkpoint last; /* of the export itself */
        bool has_last;
        struct json_parser *parser;
};

/* ---- The key and the checkpoints ---- */

/* The text itself, or a file that holds it. */
static enum err read_key(const char *text, struct audit_key *ret_key, struct err_note *note)
{
        struct buf buf;
        if (audit_key_read(str_from(text), ret_key, note) == ERR_OK)
                return ERR_OK;
        if (strchr(text, '+'))
                return ERR_INVALID;
        enum err err = cli_read_file(text, 4096, &buf, note);
        if (err)
                return err;
        err = audit_key_read(buf_str(&buf), ret_key, note);
        buf_deinit(&buf);
        return err ? err_prefix(note, err, "%s: ", text) : ERR_OK;
}

/* All notes of a file, as they were appended. */
static enum err read_checkpoints(struct verify *verify, const char *path, struct err_note *note)
{
        struct buf buf;
        enum err err = cli_read_file(path, FILE_MAX_BYTES, &buf, note);
        if (err)
                return err;
        struct str rest = buf_str(&buf);
        while (!err && rest.len > 0) {
                if (verify->kept_count == CHECKPOINTS_MAX)
                        err = err_set(note, ERR_TOO_LARGE, "more than %d checkpoints", CHECKPOINTS_MAX);
                else
                        err = audit_note_read(&verify->key, &rest, &verify->kept[verify->kept_count], note);
                verify->kept_count += !err;
        }
        buf_deinit(&buf);
        return err ? err_prefix(note, err, "%s: ", path) : ERR_OK;
}

static int by_size(const void *a, const void *b)
{
        const struct audit_checkpoint *x = a, *y = b;
        return (x->size > y->size) - (x->size < y->size);
}

/* ---- The export ---- */

static bool compare_with_kept(struct verify *verify)
{
        while (verify->agreed < verify->kept_count && verify->kept[verify->agreed].size == verify->tree.size) {
                struct digest root = merkle_root(&verify->tree);
                uint64_t before = verify->agreed ? verify->kept[verify->agreed - 1].size : 0;
                if (!digest_equal(&root, &verify->kept[verify->agreed].root)) {
                        cli_complain(CLI_FAILED, "the entries from %llu to %llu are not those of the checkpoint of size %llu",
                                     (unsigned long long)before, (unsigned long long)verify->tree.size - 1,
                                     (unsigned long long)verify->tree.size);
                        return false;
                }
                verify->agreed++;
        }
        return true;
}

/* `line` has room for one byte before it. */
static bool take_entry(struct verify *verify, char *line, size_t len, size_t number)
{
        struct digest tiles[MERKLE_TILE_LEVELS];
        struct err_note note;
        struct json json, value;
        int64_t seq = -1;
        line[-1] = '\0';
        bool is_entry = json_parse(verify->parser, (struct str){line, len}, &json, &note) == ERR_OK &&
                        json_find(json, STR("seq"), &value) && json_to_i64(value, &seq);
        if (!is_entry || (uint64_t)seq != verify->tree.size) {
                cli_complain(CLI_FAILED, "line %zu: not the entry %llu", number, (unsigned long long)verify->tree.size);
                return false;
        }
        merkle_add(&verify->tree, merkle_leaf((struct str){line - 1, len + 1}), tiles);
        return compare_with_kept(verify);
}

static bool take_checkpoint(struct verify *verify, struct str line, size_t number)
{
        struct err_note note = {.text = ""};
        struct json json;
        struct str text = {0};
        if (json_parse(verify->parser, line, &json, &note) == ERR_OK)
                text = cli_text(json, "checkpoint");
        if (audit_note_read(&verify->key, &text, &verify->last, &note) != ERR_OK) {
                cli_complain(CLI_FAILED, "line %zu: %s", number, note.text);
                return false;
        }
        verify->has_last = true;
        return true;
}

static bool take_line(struct verify *verify, char *line, size_t len, size_t number)
{
        if (verify->has_last) {
                cli_complain(CLI_FAILED, "line %zu: something follows the checkpoint", number);
                return false;
        }
        if (str_starts_with((struct str){line, len}, STR("{\"checkpoint\":")))
                return take_checkpoint(verify, (struct str){line, len}, number);
        return take_entry(verify, line, len, number);
}

static bool read_export(struct verify *verify, FILE *file)
{
        char *line = alloc_zeroed(1, LINE_MAX_BYTES + 2);
        bool is_sound = compare_with_kept(verify);
        for (size_t number = 1; is_sound && fgets(line + 1, LINE_MAX_BYTES, file); number++) {
                size_t len = strlen(line + 1);
                is_sound = len > 0 && line[len] == '\n';
                if (is_sound)
                        is_sound = take_line(verify, line + 1, len - 1, number);
                else
                        cli_complain(CLI_FAILED, "line %zu: it is cut off, or longer than an entry can be", number);
        }
        if (is_sound && ferror(file))
                is_sound = cli_complain(CLI_FAILED, "the export cannot be read") == CLI_OK;
        free(line);
        return is_sound;
}

static bool is_complete(const struct verify *verify)
{
        struct digest root = merkle_root(&verify->tree);
        if (!verify->has_last)
                return cli_complain(CLI_FAILED, "the export has no checkpoint at its end: it was cut off") == CLI_OK;
        if (verify->last.size != verify->tree.size)
                return cli_complain(CLI_FAILED, "%llu entries, and the export's own checkpoint is of size %llu",
                                    (unsigned long long)verify->tree.size, (unsigned long long)verify->last.size) == CLI_OK;
        if (!digest_equal(&root, &verify->last.root))
                return cli_complain(CLI_FAILED, "the entries are not those of the export's own checkpoint") == CLI_OK;
        if (verify->agreed < verify->kept_count)
                return cli_complain(CLI_FAILED, "%llu entries, and there was a checkpoint of size %llu: the log was cut",
                                    (unsigned long long)verify->tree.size,
                                    (unsigned long long)verify->kept[verify->agreed].size) == CLI_OK;
        return true;
}

static int verify_export(struct verify *verify, const char *path)
{
        bool is_stdin = strcmp(path, "-") == 0;
        FILE *file = is_stdin ? stdin : fopen(path, "re");
        if (!file)
                return cli_complain(CLI_FAILED, "%s: cannot be opened", path);
        bool is_sound = read_export(verify, file) && is_complete(verify);
        if (!is_stdin)
                fclose(file);
        if (!is_sound)
                return CLI_FAILED;
        printf("%llu entries as signed by %s; %zu kept checkpoints agree\n", (unsigned long long)verify->tree.size,
               verify->key.origin, verify->agreed);
        return CLI_OK;
}

/* ---- A proof ---- */

static bool read_path(struct json proof, struct merkle_path *path)
{
        struct json array, node;
        struct str hex;
        path->count = 0;
        if (!json_find(proof, STR("path"), &array) || json_type(array) != JSON_ARRAY)
                return false;
        struct json_iter iter = json_iter(array);
        while (json_next(&iter, NULL, &node))
                if (path->count == MERKLE_PATH_MAX || !json_to_str(node, &hex) ||
                    !hex_read(hex, path->nodes[path->count++].bytes, sizeof path->nodes[0].bytes))
                        return false;
        return true;
}

static bool holds(const struct verify *verify, struct json proof, const struct merkle_path *path)
{
        struct json value;
        int64_t number = -1;
        if (json_find(proof, STR("seq"), &value) && json_to_i64(value, &number)) {
                struct buf leaf;
                buf_init(&leaf, LINE_MAX_BYTES);
                buf_append_char(&leaf, '\0');
                buf_append_str(&leaf, cli_text(proof, "entry"));
                struct digest hash = merkle_leaf(buf_str(&leaf));
                buf_deinit(&leaf);
                return number >= 0 && merkle_verify_inclusion((uint64_t)number, verify->last.size, &hash, path, &verify->last.root);
        }
        if (!json_find(proof, STR("old_size"), &value) || !json_to_i64(value, &number) || number <= 0)
                return false;
        for (size_t i = 0; i < verify->kept_count; i++)
                if (verify->kept[i].size == (uint64_t)number)
                        return merkle_verify_consistency((uint64_t)number, &verify->kept[i].root, verify->last.size,
                                                         &verify->last.root, path);
        return false;
}

static int verify_proof(struct verify *verify, const char *path)
{
        struct err_note note = {.text = ""};
        struct merkle_path nodes;
        struct json proof;
        struct buf buf;
        if (cli_read_file(path, FILE_MAX_BYTES, &buf, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        enum err err = json_parse(verify->parser, buf_str(&buf), &proof, &note);
        struct str text = err ? (struct str){0} : cli_text(proof, "checkpoint");
        if (!err)
                err = audit_note_read(&verify->key, &text, &verify->last, &note);
        bool is_proven = !err && read_path(proof, &nodes) && holds(verify, proof, &nodes);
        buf_deinit(&buf);
        if (err)
                return cli_complain(CLI_FAILED, "%s: %s", path, note.text);
        if (!is_proven)
                return cli_complain(CLI_FAILED, "%s: it does not prove what it says", path);
        printf("proven, in the log of %llu entries as signed by %s\n", (unsigned long long)verify->last.size, verify->key.origin);
        return CLI_OK;
}

/* ---- The command ---- */

static int verify_with(struct verify *verify, struct settings_args *operands)
{
        struct err_note note = {.text = ""};
        const char *key = cli_take_value(operands, "key"), *checkpoints;
        const char *proof = cli_take_value(operands, "proof");
        if (!key)
                return cli_complain(CLI_USAGE, "--key is needed: what `triaged audit key` printed, or a file that holds it");
        if (read_key(key, &verify->key, &note) != ERR_OK)
                return cli_complain(CLI_FAILED, "%s", note.text);
        while ((checkpoints = cli_take_value(operands, "checkpoint")) != NULL)
                if (read_checkpoints(verify, checkpoints, &note) != ERR_OK)
                        return cli_complain(CLI_FAILED, "%s", note.text);
        qsort(verify->kept, verify->kept_count, sizeof *verify->kept, by_size);
        if (!cli_all_taken(operands, proof ? 0 : 1, "the export, or --proof FILE"))
                return CLI_USAGE;
        return proof ? verify_proof(verify, proof) : verify_export(verify, operands->items[0]);
}

int audit_verify(struct settings_args *operands)
{
        struct verify verify = {
                .kept = alloc_zeroed(CHECKPOINTS_MAX, sizeof *verify.kept),
                .parser = json_parser_new(FILE_MAX_BYTES, DEPTH_MAX),
        };
        int status = verify_with(&verify, operands);
        json_parser_free(verify.parser);
        free(verify.kept);
        return status;
}
