/* SPDX-License-Identifier: Apache-2.0 */
/* Keyed hash for tables that strangers can fill, and digests for what must last.
 *
 * hash64() is SipHash-1-3 (Aumasson, Bernstein 2012) under a key drawn once a process, so that
 * nobody can choose colliding keys. Its values mean nothing outside this process.
 * Digests are OpenSSL's.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

/* Not stored, not compared between processes. Thread-safe. */
uint64_t hash64(struct str s);

struct digest {
        unsigned char bytes[32];
};

struct digest digest_sha256(struct str s);

/* Of several parts with their lengths, so that ("ab","c") and ("a","bc") differ. */
struct digest digest_sha256_parts(const struct str *parts, size_t count);

/* HMAC-SHA-256 under a key of any length. */
struct digest digest_hmac_sha256(struct str key, struct str s);

/* Takes the same time wherever the two differ. */
bool digest_equal(const struct digest *a, const struct digest *b);

/* 64 lower-case hexadecimal digits and a NUL. */
void digest_to_hex(const struct digest *digest, char ret_hex[65]);

/* `len` bytes of the kernel's generator, read ahead a kilobyte at a time and wiped when given out;
 * aborts when there are none. Not after a fork. */
void random_bytes(void *ptr, size_t len);

/* Evenly from [0, 1): for jitter. The argument is not looked at. */
double random_fraction(void *unused);

#endif
