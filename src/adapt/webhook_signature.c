/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/webhook_signature.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/hash.h"

enum { SECRET_MIN_BYTES = 24, KEY_MAX_BYTES = 64, SIGNATURE_BYTES = 47, TEXT_MAX_BYTES = 1 << 20, MAX_SIGNATURES = 16 };

struct key {
        unsigned char bytes[KEY_MAX_BYTES + 2];
        size_t len;
};

static bool key_from(struct str secret, struct key *key)
{
        static const struct str prefix = STR_INIT("whsec_");
        struct str text = secret;
        if (!str_starts_with(text, prefix))
                return false;
        text = (struct str){text.ptr + prefix.len, text.len - prefix.len};
        if (text.len == 0 || text.len % 4 || text.len > (KEY_MAX_BYTES + 2) / 3 * 4)
                return false;
        int bytes = EVP_DecodeBlock(key->bytes, (const unsigned char *)text.ptr, (int)text.len);
        if (bytes < 0)
                return false;
        /* OpenSSL counts what stands for padding. */
        key->len = (size_t)bytes - (text.ptr[text.len - 1] == '=') - (text.ptr[text.len - 2] == '=');
        return key->len >= SECRET_MIN_BYTES && key->len <= KEY_MAX_BYTES;
}

static enum err keys_from(struct str secrets, struct key *keys, size_t *ret_count, struct err_note *note)
{
        size_t count = 0;
        while (secrets.ptr) {
                if (count == WEBHOOK_MAX_SECRETS)
                        return err_set(note, ERR_INVALID, "more than %d secrets", WEBHOOK_MAX_SECRETS);
                if (!key_from(str_trim(str_split(&secrets, ',')), &keys[count++]))
                        return err_set(note, ERR_INVALID, "secret %zu is not whsec_ and %d to %d bytes in base64", count,
                                       SECRET_MIN_BYTES, KEY_MAX_BYTES);
        }
        *ret_count = count;
        return count ? ERR_OK : err_set(note, ERR_INVALID, "there is no secret");
}

/* "v1," and 44 characters of base64, with a NUL behind. */
static enum err sign_one(const struct webhook *webhook, const struct key *key, char ret_text[SIGNATURE_BYTES + 1])
{
        struct buf signed_text;
        buf_init(&signed_text, TEXT_MAX_BYTES);
        buf_append_str(&signed_text, webhook->id);
        buf_append_char(&signed_text, '.');
        buf_append_str(&signed_text, webhook->timestamp);
        buf_append_char(&signed_text, '.');
        buf_append_str(&signed_text, webhook->body);
        struct digest digest =
                digest_hmac_sha256((struct str){(const char *)key->bytes, key->len}, buf_str(&signed_text));
        bool is_over = signed_text.is_over;
        buf_deinit(&signed_text);
        memcpy(ret_text, "v1,", 3);
        EVP_EncodeBlock((unsigned char *)ret_text + 3, digest.bytes, sizeof digest.bytes);
        return is_over ? ERR_TOO_LARGE : ERR_OK;
}

enum err webhook_sign(const struct webhook *webhook, struct str secrets, struct buf *to, struct err_note *note)
{
        struct key keys[WEBHOOK_MAX_SECRETS];
        char text[SIGNATURE_BYTES + 1];
        size_t count = 0;
        enum err err = keys_from(secrets, keys, &count, note);
        for (size_t i = 0; i < count && !err; i++) {
                err = sign_one(webhook, &keys[i], text);
                buf_printf(to, "%s%s", i ? " " : "", text);
        }
        explicit_bzero(keys, sizeof keys);
        return err;
}

static bool is_in_time(struct str timestamp, int64_t now_s)
{
        uint64_t at;
        if (!str_to_u64(timestamp, &at) || at > INT64_MAX)
                return false;
        int64_t off_s = (int64_t)at > now_s ? (int64_t)at - now_s : now_s - (int64_t)at;
        return off_s <= WEBHOOK_TOLERANCE_S;
}

enum err webhook_verify(const struct webhook *webhook, struct str signatures, struct str secrets, int64_t now_s,
                        struct err_note *note)
{
        struct key keys[WEBHOOK_MAX_SECRETS];
        char ours[WEBHOOK_MAX_SECRETS][SIGNATURE_BYTES + 1];
        size_t count = 0;
        bool is_good = false;
        enum err err = keys_from(secrets, keys, &count, note);
        for (size_t i = 0; i < count && !err; i++)
                err = sign_one(webhook, &keys[i], ours[i]);
        explicit_bzero(keys, sizeof keys);
        if (err)
                return err;
        if (!is_in_time(webhook->timestamp, now_s))
                return err_set(note, ERR_UNAUTHORIZED, "the webhook's timestamp is missing or over %d s off; are both "
                               "clocks right?", WEBHOOK_TOLERANCE_S);
        for (size_t seen = 0; signatures.ptr && seen < MAX_SIGNATURES; seen++) {
                struct str given = str_split(&signatures, ' ');
                for (size_t i = 0; i < count && given.len == SIGNATURE_BYTES; i++)
                        is_good |= CRYPTO_memcmp(given.ptr, ours[i], SIGNATURE_BYTES) == 0;
        }
        return is_good ? ERR_OK : err_set(note, ERR_UNAUTHORIZED, "no signature of the webhook is of our secret");
}
