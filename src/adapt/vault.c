/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/vault.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "core/message.h"

enum { NONCE_BYTES = 12, TAG_BYTES = 16, PLACE_MAX = 64 };

enum { SUBJECT_MAX_BYTES = METADATA_MAX_VALUE_BYTES };

/* One key in both directions: a context that changes its direction schedules its key anew. */
struct key {
        EVP_CIPHER_CTX *sealing;
        EVP_CIPHER_CTX *opening;
};

struct vault {
        struct key master;
        struct key subject;
        unsigned char index[VAULT_KEY_BYTES];
};

/* OpenSSL fails here only for want of memory, or when its AES is gone. */
static void must(int result)
{
        if (result != 1)
                abort();
}

static EVP_CIPHER_CTX *make_context(bool is_sealing)
{
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        must(ctx != NULL);
        must(EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, NULL, NULL, is_sealing));
        return ctx;
}

static struct key make_key(void)
{
        return (struct key){.sealing = make_context(true), .opening = make_context(false)};
}

static void set_key(struct key *key, const unsigned char *bytes)
{
        must(EVP_EncryptInit_ex(key->sealing, NULL, NULL, bytes, NULL));
        must(EVP_DecryptInit_ex(key->opening, NULL, NULL, bytes, NULL));
}

static void free_key(struct key *key)
{
        EVP_CIPHER_CTX_free(key->sealing); /* wipes it */
        EVP_CIPHER_CTX_free(key->opening);
}

struct vault *vault_new(const struct digest *master)
{
        struct vault *vault = alloc_zeroed(1, sizeof *vault);
        vault->master = make_key();
        vault->subject = make_key();
        set_key(&vault->master, master->bytes);
        return vault;
}

void vault_free(struct vault *vault)
{
        if (!vault)
                return;
        free_key(&vault->master);
        free_key(&vault->subject);
        OPENSSL_cleanse(vault, sizeof *vault);
        free(vault);
}

/* ---- Values ---- */

/* The column with its NUL, then the row: no two places are written alike. */
static void add_place(EVP_CIPHER_CTX *ctx, struct vault_place place)
{
        unsigned char bytes[PLACE_MAX] = {0};
        int ignored;
        must(place.column.len + 1 + sizeof place.row <= sizeof bytes);
        memcpy(bytes, place.column.ptr, place.column.len);
        memcpy(bytes + place.column.len + 1, &place.row, sizeof place.row);
        must(EVP_CipherUpdate(ctx, NULL, &ignored, bytes, (int)(place.column.len + 1 + sizeof place.row)));
}

static void seal(EVP_CIPHER_CTX *ctx, struct vault_place place, struct str text, unsigned char *ret_sealed)
{
        unsigned char *out = ret_sealed + NONCE_BYTES;
        int len = 0;
        random_bytes(ret_sealed, NONCE_BYTES);
        must(EVP_EncryptInit_ex(ctx, NULL, NULL, NULL, ret_sealed));
        add_place(ctx, place);
        if (text.len)
                must(EVP_EncryptUpdate(ctx, out, &len, (const unsigned char *)text.ptr, (int)text.len));
        must(EVP_EncryptFinal_ex(ctx, out + len, &len));
        must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG_BYTES, out + text.len));
}

static bool open_sealed(EVP_CIPHER_CTX *ctx, struct vault_place place, struct str sealed, char *ret_text)
{
        if (sealed.len < VAULT_OVERHEAD)
                return false;
        size_t text_len = sealed.len - VAULT_OVERHEAD;
        unsigned char tag[TAG_BYTES];
        const unsigned char *in = (const unsigned char *)sealed.ptr;
        int len = 0;
        memcpy(tag, in + NONCE_BYTES + text_len, sizeof tag);
        must(EVP_DecryptInit_ex(ctx, NULL, NULL, NULL, in));
        add_place(ctx, place);
        if (text_len)
                must(EVP_DecryptUpdate(ctx, (unsigned char *)ret_text, &len, in + NONCE_BYTES, (int)text_len));
        must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG_BYTES, tag));
        if (EVP_DecryptFinal_ex(ctx, (unsigned char *)ret_text + len, &len) == 1)
                return true;
        OPENSSL_cleanse(ret_text, text_len);
        return false;
}

void vault_seal(struct vault *vault, struct vault_place place, struct str text, unsigned char *ret_sealed)
{
        seal(vault->subject.sealing, place, text, ret_sealed);
}

bool vault_open(struct vault *vault, struct vault_place place, struct str sealed, char *ret_text)
{
        return open_sealed(vault->subject.opening, place, sealed, ret_text);
}

/* ---- Keys under the master key ---- */

static void draw(struct vault *vault, struct vault_place place, unsigned char ret_key[VAULT_KEY_BYTES],
                 unsigned char ret_wrapped[VAULT_WRAPPED_BYTES])
{
        random_bytes(ret_key, VAULT_KEY_BYTES);
        seal(vault->master.sealing, place, (struct str){(const char *)ret_key, VAULT_KEY_BYTES}, ret_wrapped);
}

static bool unwrap(struct vault *vault, struct vault_place place, struct str wrapped, unsigned char ret_key[VAULT_KEY_BYTES])
{
        return wrapped.len == VAULT_WRAPPED_BYTES &&
               open_sealed(vault->master.opening, place, wrapped, (char *)ret_key);
}

static struct vault_place place_of_key(int64_t subject)
{
        return (struct vault_place){STR("subject.key"), subject};
}

void vault_make_key(struct vault *vault, int64_t subject, unsigned char ret_wrapped[VAULT_WRAPPED_BYTES])
{
        unsigned char key[VAULT_KEY_BYTES];
        draw(vault, place_of_key(subject), key, ret_wrapped);
        set_key(&vault->subject, key);
        OPENSSL_cleanse(key, sizeof key);
}

bool vault_use_key(struct vault *vault, int64_t subject, struct str wrapped)
{
        unsigned char key[VAULT_KEY_BYTES];
        if (!unwrap(vault, place_of_key(subject), wrapped, key))
                return false;
        set_key(&vault->subject, key);
        OPENSSL_cleanse(key, sizeof key);
        return true;
}

static const struct vault_place place_of_index = {STR_INIT("meta.vault"), 0};

void vault_make_index(struct vault *vault, unsigned char ret_wrapped[VAULT_WRAPPED_BYTES])
{
        draw(vault, place_of_index, vault->index, ret_wrapped);
}

bool vault_use_index(struct vault *vault, struct str wrapped)
{
        return unwrap(vault, place_of_index, wrapped, vault->index);
}

struct digest vault_digest(const struct vault *vault, bool is_conversation, int64_t key_id, struct str id)
{
        char bytes[1 + sizeof key_id + SUBJECT_MAX_BYTES] = {is_conversation ? 'm' : 'c'};
        must(id.len <= SUBJECT_MAX_BYTES);
        memcpy(bytes + 1, &key_id, sizeof key_id);
        memcpy(bytes + 1 + sizeof key_id, id.ptr, id.len);
        return digest_hmac_sha256((struct str){(const char *)vault->index, sizeof vault->index},
                                  (struct str){bytes, 1 + sizeof key_id + id.len});
}
