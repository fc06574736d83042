/* SPDX-License-Identifier: Apache-2.0 */
#include "text/feature.h"

enum {
        MIN_GRAM = 3,
        MAX_GRAM = 5,
        CHARS_PER_WORD = (MAX_GRAM - MIN_GRAM + 1) * (FEATURE_WORD_BYTES + 2),
};

/* The starts keep "the word abc" and "the three letters abc" apart. */
static const uint32_t word_start = 0x811c9dc5u;
static const uint32_t pair_start = 0x3c6ef372u;
static const uint32_t char_start = 0xa54ff53au;

static uint32_t hash_step(uint32_t hash, unsigned char byte)
{
        return (hash ^ byte) * 0x01000193u;
}

/* FNV's low bits are weak; two rounds of multiply and shift spread them over the bucket number. */
static uint16_t bucket_of(uint32_t hash)
{
        hash ^= hash >> 15;
        hash *= 0x2c1b3c6du;
        hash ^= hash >> 12;
        hash *= 0x297a2d39u;
        hash ^= hash >> 15;
        return (uint16_t)hash;
}

static struct str next_token(struct str *rest)
{
        size_t len = 0;
        while (len < rest->len && rest->ptr[len] != ' ')
                len++;
        struct str token = {rest->ptr, len};
        size_t taken = len < rest->len ? len + 1 : len;
        *rest = (struct str){rest->ptr + taken, rest->len - taken};
        return token;
}

static void add_words(struct feature_reader *reader, struct str token, struct feature_chunk *chunk)
{
        uint32_t hash = word_start;
        for (size_t i = 0; i < token.len; i++)
                hash = hash_step(hash, (unsigned char)token.ptr[i]);
        chunk->words[chunk->word_count++] = bucket_of(hash);
        uint32_t pair = pair_start ^ reader->previous * 0x9e3779b1u;
        chunk->words[chunk->word_count++] = bucket_of(pair ^ hash);
        reader->previous = hash;
}

static void add_chars(struct str token, struct feature_chunk *chunk)
{
        if (token.len < 2 || (token.ptr[0] >= 'A' && token.ptr[0] <= 'Z'))
                return;
        size_t bytes = token.len < FEATURE_WORD_BYTES ? token.len : FEATURE_WORD_BYTES;
        unsigned char marked[FEATURE_WORD_BYTES + 2];
        marked[0] = '<';
        memcpy(marked + 1, token.ptr, bytes);
        marked[bytes + 1] = '>';
        size_t len = bytes + 2;
        for (size_t start = 0; start + MIN_GRAM <= len; start++) {
                uint32_t hash = char_start;
                size_t end = start + MAX_GRAM < len ? start + MAX_GRAM : len;
                hash = hash_step(hash, marked[start]);
                hash = hash_step(hash, marked[start + 1]);
                for (size_t at = start + MIN_GRAM - 1; at < end; at++) {
                        hash = hash_step(hash, marked[at]);
                        chunk->chars[chunk->char_count++] = bucket_of(hash);
                }
        }
}

bool feature_reader_next(struct feature_reader *reader, struct feature_chunk *ret_chunk)
{
        ret_chunk->word_count = 0;
        ret_chunk->char_count = 0;
        while (reader->rest.len > 0 && ret_chunk->word_count + 2 <= FEATURE_CHUNK_WORDS &&
               ret_chunk->char_count + CHARS_PER_WORD <= FEATURE_CHUNK_CHARS) {
                struct str token = next_token(&reader->rest);
                add_words(reader, token, ret_chunk);
                add_chars(token, ret_chunk);
        }
        return ret_chunk->word_count > 0;
}
