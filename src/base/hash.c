/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"

#include "base/hex.h"

#include <assert.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { RANDOM_POOL_BYTES = 1024 };

static uint64_t key[2];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void random_from_kernel(char *to, size_t len)
{
        while (len) {
                ssize_t got = getrandom(to, len, 0);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got < 0)
                        abort();
                to += got;
                len -= (size_t)got;
        }
}

void random_bytes(void *ptr, size_t len)
{
        static __thread char pool[RANDOM_POOL_BYTES];
        static __thread size_t left;
        if (len > RANDOM_POOL_BYTES) {
                random_from_kernel(ptr, len);
                return;
        }
        if (left < len) {
                random_from_kernel(pool, sizeof pool);
                left = sizeof pool;
        }
        left -= len;
        memcpy(ptr, pool + left, len);
        explicit_bzero(pool + left, len);
}

static void draw_key(void)
{
        random_bytes(key, sizeof key);
}

static uint64_t rotate(uint64_t x, int bits)
{
        return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[4])
{
        v[0] += v[1];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[0] = rotate(v[0], 32);
        v[2] += v[3];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[2] = rotate(v[2], 32);
}

uint64_t hash64(struct str s)
{
        pthread_once(&key_once, draw_key);
        uint64_t v[4] = {key[0] ^ 0x736f6d6570736575U, key[1] ^ 0x646f72616e646f6dU,
                         key[0] ^ 0x6c7967656e657261U, key[1] ^ 0x7465646279746573U};
        size_t whole = s.len & ~(size_t)7;
        uint64_t word;
        for (size_t i = 0; i < whole; i += 8) {
                memcpy(&word, s.ptr + i, 8);
                v[3] ^= word;
                sip_round(v);
                v[0] ^= word;
        }
        word = 0;
        if (s.len > whole)
                memcpy(&word, s.ptr + whole, s.len - whole);
        word |= (uint64_t)s.len << 56;
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
        v[2] ^= 0xff;
        for (int i = 0; i < 3; i++)
                sip_round(v);
        return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static EVP_MD *fetched;
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
        fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
        assert(fetched);
}

/* EVP_sha256() makes each use look the algorithm up anew, under a lock. */
static const EVP_MD *sha256(void)
{
        pthread_once(&fetch_once, fetch);
        return fetched;
}

struct digest digest_sha256(struct str s)
{
        struct digest digest;
        int is_done = EVP_Digest(s.ptr, s.len, digest.bytes, NULL, sha256(), NULL);
        assert(is_done == 1);
        return digest;
}

struct digest digest_sha256_parts(const struct str *parts, size_t count)
{
        struct digest digest;
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        bool is_done = context && EVP_DigestInit_ex(context, sha256(), NULL) == 1;
        for (size_t i = 0; i < count && is_done; i++) {
                uint64_t len = parts[i].len;
                is_done = EVP_DigestUpdate(context, &len, sizeof len) == 1 &&
                          EVP_DigestUpdate(context, parts[i].ptr, parts[i].len) == 1;
        }
        is_done = is_done && EVP_DigestFinal_ex(context, digest.bytes, NULL) == 1;
        assert(is_done);
        EVP_MD_CTX_free(context);
        return digest;
}

struct digest digest_hmac_sha256(struct str hmac_key, struct str s)
{
        struct digest digest;
        unsigned int len = sizeof digest.bytes;
        const unsigned char *done = HMAC(EVP_sha256(), hmac_key.ptr, (int)hmac_key.len,
                                         (const unsigned char *)s.ptr, s.len, digest.bytes, &len);
        assert(done && len == sizeof digest.bytes);
        return digest;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
        return CRYPTO_memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

void digest_to_hex(const struct digest *digest, char ret_hex[65])
{
        hex_write(digest->bytes, sizeof digest->bytes, ret_hex);
}

double random_fraction(void *unused)
{
        uint64_t word;
        (void)unused;
        random_bytes(&word, sizeof word);
        return (double)(word >> 11) / (double)((uint64_t)1 << 53);
}
