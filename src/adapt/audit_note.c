/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/audit_note.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#include "adapt/key_file.h"
#include "base/hex.h"

enum { ALGORITHM = 1, SIGNATURE_BYTES = 64, KEY_HASH_BYTES = 4, PATH_BYTES = 4096, BASE64_MAX = 136 };

static const char dash[] = "\xe2\x80\x94 ";

/* ---- base64 ---- */

static struct str base64(struct arena *arena, const void *bytes, size_t len)
{
        unsigned char *text = arena_alloc(arena, 4 * ((len + 2) / 3) + 1);
        if (!text)
                return (struct str){0};
        int written = EVP_EncodeBlock(text, bytes, (int)len);
        return (struct str){(const char *)text, (size_t)written};
}

/* Exactly `len` bytes, in the one form that encodes them. */
static bool from_base64(struct str text, void *bytes, size_t len)
{
        unsigned char decoded[BASE64_MAX], again[BASE64_MAX + 4];
        if (text.len != 4 * ((len + 2) / 3) || text.len > BASE64_MAX)
                return false;
        if (EVP_DecodeBlock(decoded, (const unsigned char *)text.ptr, (int)text.len) < (int)len)
                return false;
        if (EVP_EncodeBlock(again, decoded, (int)len) != (int)text.len || memcmp(again, text.ptr, text.len) != 0)
                return false;
        memcpy(bytes, decoded, len);
        return true;
}

/* ---- Keys ---- */

static void derive_public(struct audit_key *key)
{
        size_t len = sizeof key->public_key;
        EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->seed, sizeof key->seed);
        int is_done = pkey && EVP_PKEY_get_raw_public_key(pkey, key->public_key, &len) == 1;
        assert(is_done);
        EVP_PKEY_free(pkey);
}

/* The origin is told apart from other installations' by the key itself. */
static void name_origin(struct audit_key *key)
{
        char hex[17];
        hex_write(key->public_key, 8, hex);
        snprintf(key->origin, sizeof key->origin, "triaged.local/%s", hex);
}

enum err audit_key_open(const char *directory, struct audit_key *ret_key, struct err_note *note)
{
        char path[PATH_BYTES];
        struct digest seed = {{0}};
        snprintf(path, sizeof path, "%s/audit.key", directory);
        enum err err = key_file_read(path, true, &seed, note);
        *ret_key = (struct audit_key){.origin = ""};
        memcpy(ret_key->seed, seed.bytes, sizeof ret_key->seed);
        OPENSSL_cleanse(&seed, sizeof seed);
        if (err)
                return err;
        derive_public(ret_key);
        name_origin(ret_key);
        return ERR_OK;
}

void audit_key_wipe(struct audit_key *key)
{
        OPENSSL_cleanse(key->seed, sizeof key->seed);
}

/* The first bytes of SHA-256 over the name, a line break, the algorithm and the public key. */
static void key_hash(const struct audit_key *key, unsigned char ret_hash[KEY_HASH_BYTES])
{
        char input[AUDIT_ORIGIN_BYTES + 2 + AUDIT_PUBLIC_BYTES];
        size_t len = (size_t)snprintf(input, sizeof input, "%s\n%c", key->origin, ALGORITHM);
        memcpy(input + len, key->public_key, sizeof key->public_key);
        struct digest digest = digest_sha256((struct str){input, len + sizeof key->public_key});
        memcpy(ret_hash, digest.bytes, KEY_HASH_BYTES);
}

struct str audit_key_verifier(const struct audit_key *key, struct arena *arena)
{
        unsigned char hash[KEY_HASH_BYTES], public_key[1 + AUDIT_PUBLIC_BYTES] = {ALGORITHM};
        char hex[2 * KEY_HASH_BYTES + 1];
        key_hash(key, hash);
        hex_write(hash, sizeof hash, hex);
        memcpy(public_key + 1, key->public_key, sizeof key->public_key);
        struct str encoded = base64(arena, public_key, sizeof public_key);
        return encoded.ptr ? arena_format(arena, "%s+%s+%.*s", key->origin, hex, STR_ARGS(encoded)) : encoded;
}

enum err audit_key_read(struct str verifier, struct audit_key *ret_key, struct err_note *note)
{
        struct audit_key key = {.origin = ""};
        struct str rest = str_trim(verifier);
        struct str origin = str_split(&rest, '+'), hex = str_split(&rest, '+');
        unsigned char said[KEY_HASH_BYTES], hash[KEY_HASH_BYTES], public_key[1 + AUDIT_PUBLIC_BYTES];
        bool is_sound = origin.len > 0 && origin.len < sizeof key.origin && hex_read(hex, said, sizeof said) &&
                        from_base64(rest, public_key, sizeof public_key) && public_key[0] == ALGORITHM;
        if (!is_sound)
                return err_set(note, ERR_INVALID, "not a verifier key as `triaged audit key` prints it");
        memcpy(key.origin, origin.ptr, origin.len);
        memcpy(key.public_key, public_key + 1, sizeof key.public_key);
        key_hash(&key, hash);
        if (memcmp(hash, said, sizeof hash) != 0)
                return err_set(note, ERR_INVALID, "the verifier key contradicts its own hash: was it copied whole?");
        *ret_key = key;
        return ERR_OK;
}

/* ---- Notes ---- */

static void sign(const struct audit_key *key, struct str text, unsigned char ret_signature[SIGNATURE_BYTES])
{
        size_t len = SIGNATURE_BYTES;
        EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->seed, sizeof key->seed);
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        int is_done = pkey && context && EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) == 1 &&
                      EVP_DigestSign(context, ret_signature, &len, (const unsigned char *)text.ptr, text.len) == 1;
        assert(is_done);
        EVP_MD_CTX_free(context);
        EVP_PKEY_free(pkey);
}

static bool is_signed(const struct audit_key *key, struct str text, const unsigned char signature[SIGNATURE_BYTES])
{
        EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->public_key, sizeof key->public_key);
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        bool is_right = pkey && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
                        EVP_DigestVerify(context, signature, SIGNATURE_BYTES, (const unsigned char *)text.ptr, text.len) == 1;
        EVP_MD_CTX_free(context);
        EVP_PKEY_free(pkey);
        return is_right;
}

struct str audit_note_sign(const struct audit_key *key, const struct audit_checkpoint *checkpoint, struct arena *arena)
{
        unsigned char signature[KEY_HASH_BYTES + SIGNATURE_BYTES];
        struct str root = base64(arena, checkpoint->root.bytes, sizeof checkpoint->root.bytes);
        struct str text = arena_format(arena, "%s\n%llu\n%.*s\n", key->origin, (unsigned long long)checkpoint->size,
                                       STR_ARGS(root));
        if (!text.ptr)
                return text;
        key_hash(key, signature);
        sign(key, text, signature + KEY_HASH_BYTES);
        struct str encoded = base64(arena, signature, sizeof signature);
        return arena_format(arena, "%.*s\n%s%s %.*s\n", STR_ARGS(text), dash, key->origin, STR_ARGS(encoded));
}

static enum err malformed(struct err_note *note)
{
        return err_set(note, ERR_INVALID, "not a checkpoint: origin, size and root a line each, an empty line, a signature");
}

/* The part that is signed, with its last line break; the rest stays in *text. */
static bool read_text(struct str *text, struct str *ret_origin, struct str *ret_signed, struct audit_checkpoint *checkpoint)
{
        struct str whole = *text;
        *ret_origin = str_split(text, '\n');
        struct str size = str_split(text, '\n'), root = str_split(text, '\n');
        *ret_signed = (struct str){whole.ptr, root.ptr ? (size_t)(root.ptr + root.len - whole.ptr) + 1 : 0};
        return root.ptr && str_to_u64(size, &checkpoint->size) &&
               from_base64(root, checkpoint->root.bytes, sizeof checkpoint->root.bytes) && text->ptr &&
               str_split(text, '\n').len == 0;
}

enum err audit_note_read(const struct audit_key *key, struct str *text, struct audit_checkpoint *ret_checkpoint,
                         struct err_note *note)
{
        struct str origin, signed_text;
        struct audit_checkpoint checkpoint;
        unsigned char hash[KEY_HASH_BYTES], signature[KEY_HASH_BYTES + SIGNATURE_BYTES];
        if (!read_text(text, &origin, &signed_text, &checkpoint))
                return malformed(note);
        struct str line = str_split(text, '\n');
        if (!str_starts_with(line, str_from(dash)))
                return malformed(note);
        line = (struct str){line.ptr + sizeof dash - 1, line.len - (sizeof dash - 1)};
        struct str signer = str_split(&line, ' ');
        if (!line.ptr || !from_base64(line, signature, sizeof signature))
                return malformed(note);
        key_hash(key, hash);
        bool is_ours = str_equal(signer, str_from(key->origin)) && str_equal(origin, signer) &&
                       memcmp(hash, signature, sizeof hash) == 0;
        if (!is_ours || !is_signed(key, signed_text, signature + KEY_HASH_BYTES))
                return err_set(note, ERR_MISMATCH, "the checkpoint of size %llu is not signed by this key",
                               (unsigned long long)checkpoint.size);
        *ret_checkpoint = checkpoint;
        return ERR_OK;
}
