/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact_lexicon.h"

#include <string.h>
#include <utf8proc.h>

enum { WORD_MAX = 32 };

/* Letters that Unicode does not take apart into a base letter and a mark. */
static const char *base_letters(utf8proc_int32_t point)
{
        switch (point) {
        case 0x142:
                return "l";
        case 0xf8:
                return "o";
        case 0x111:
        case 0xf0:
                return "d";
        case 0xe6:
                return "ae";
        case 0xfe:
                return "th";
        case 0x131:
                return "i";
        default: /* a code point, not our enum */
                return NULL;
        }
}

static size_t put_point(utf8proc_int32_t point, char *to, size_t room)
{
        const char *base = base_letters(point);
        utf8proc_uint8_t bytes[4];
        size_t len = base ? strlen(base) : (size_t)utf8proc_encode_char(point, bytes);
        if (len <= room)
                memcpy(to, base ? base : (const char *)bytes, len);
        return len;
}

static size_t fold_wide(struct str rest, char *to, size_t room, size_t *ret_len)
{
        enum { EXPANSION = 8 };
        utf8proc_int32_t point, folded[EXPANSION];
        int boundary = 0;
        size_t len = 0;
        utf8proc_ssize_t taken =
                utf8proc_iterate((const utf8proc_uint8_t *)rest.ptr, (utf8proc_ssize_t)rest.len, &point);
        if (taken <= 0)
                return 0;
        utf8proc_ssize_t count = utf8proc_decompose_char(point, folded, EXPANSION,
                UTF8PROC_CASEFOLD | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK, &boundary);
        for (utf8proc_ssize_t i = 0; i < count && i < EXPANSION && len <= room; i++)
                len += put_point(folded[i], to + len, room - len);
        *ret_len = len;
        return (size_t)taken;
}

size_t lexicon_fold(struct str word, char *ret_word, size_t capacity)
{
        size_t len = 0;
        for (size_t at = 0; at < word.len;) {
                unsigned char c = (unsigned char)word.ptr[at];
                size_t taken = 1, put = 1;
                if (len >= capacity)
                        return 0;
                if (c < 0x80)
                        ret_word[len] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
                else
                        taken = fold_wide((struct str){word.ptr + at, word.len - at}, ret_word + len,
                                          capacity - len, &put);
                if (taken == 0 || put > capacity - len)
                        return 0;
                at += taken;
                len += put;
        }
        return len;
}

static uint32_t hash_step(uint32_t hash, char c)
{
        return (hash ^ (unsigned char)c) * 16777619U;
}

unsigned lexicon_bits(struct str word)
{
        char plain[WORD_MAX];
        const uint32_t basis = 2166136261U; /* FNV-1a */
        uint32_t hash = basis;
        size_t len = 0;
        /* Folded and hashed in one loop, as long as all is ASCII. */
        for (; len < word.len && len < WORD_MAX && (unsigned char)word.ptr[len] < 0x80; len++) {
                char c = word.ptr[len];
                plain[len] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
                hash = hash_step(hash, plain[len]);
        }
        if (len < word.len) {
                len = lexicon_fold(word, plain, sizeof plain);
                hash = basis;
                for (size_t i = 0; i < len; i++)
                        hash = hash_step(hash, plain[i]);
        }
        for (size_t at = hash % LEXICON_SLOTS; lexicon_slots[at].len; at = (at + 1) % LEXICON_SLOTS) {
                const struct lexicon_slot *slot = &lexicon_slots[at];
                if (slot->len == len && memcmp(lexicon_pool + slot->place, plain, len) == 0)
                        return slot->bits;
        }
        return 0;
}

bool is_capital(struct str text)
{
        utf8proc_int32_t point;
        if (text.len == 0)
                return false;
        if ((unsigned char)text.ptr[0] < 0x80)
                return text.ptr[0] >= 'A' && text.ptr[0] <= 'Z';
        return utf8proc_iterate((const utf8proc_uint8_t *)text.ptr, (utf8proc_ssize_t)text.len, &point) > 0 &&
               (utf8proc_category(point) == UTF8PROC_CATEGORY_LU ||
                utf8proc_category(point) == UTF8PROC_CATEGORY_LT);
}
