/* SPDX-License-Identifier: Apache-2.0 */
/* Features of a message: hashed n-grams of its normalised text.
 *
 * Two families, each normalised on its own by whoever sums them up:
 *   - words: each token and each pair of neighbouring tokens;
 *   - chars: each run of 3, 4 and 5 bytes inside "<word>", so that a typing error spoils only some
 *     of a word's features. (After normalise() a letter of a Latin script is one byte.) Tokens in
 *     capitals and single characters have none; of a long word only the first FEATURE_WORD_BYTES
 *     bytes count.
 * A feature is its bucket, 0..65535: the hashing trick (Weinberger et al. 2009). The hash is FNV-1a
 * over the bytes, started differently for each family and mixed at the end; it is fixed and has no
 * key, because the model file depends on it.
 *
 * Read in chunks of bounded size, so that the longest message needs no more memory than a short
 * one. Pure; the reader borrows the text.
 */
#ifndef TEXT_FEATURE_H
#define TEXT_FEATURE_H

#include "base/str.h"

enum {
        FEATURE_BUCKETS = 65536,
        FEATURE_WORD_BYTES = 40,
        FEATURE_CHUNK_WORDS = 128, /* the most of a family in one chunk */
        FEATURE_CHUNK_CHARS = 256,
        FEATURE_MAX = 3 * 8192 /* of both families, in a text of NORMALISE_MAX_BYTES */
};

struct feature_chunk {
        uint16_t words[FEATURE_CHUNK_WORDS];
        uint16_t chars[FEATURE_CHUNK_CHARS];
        size_t word_count;
        size_t char_count;
};

struct feature_reader {
        struct str rest;   /* normalised text that is still to be read */
        uint32_t previous; /* unmixed hash of the token before; 0 at the start */
};

static inline struct feature_reader feature_reader_from(struct str normalised)
{
        return (struct feature_reader){.rest = normalised};
}

/* The features of the next tokens; false when there are none left. */
bool feature_reader_next(struct feature_reader *reader, struct feature_chunk *ret_chunk);

#endif
