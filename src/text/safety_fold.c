/* SPDX-License-Identifier: Apache-2.0 */
#include "text/safety_fold.h"

#include <utf8proc.h>

#include "base/alloc.h"

/* What becomes of one code point: up to three folded ones of 21 bits each, or one of these. */
#define FOLD_PARTS_WORDS 0U
#define FOLD_DROPPED 1U
#define FOLD_ALONE (1ULL << 63) /* flag: a word of its own */

enum {
        POINT_BITS = 21,
        FOLDED_POINTS = 3,
        PAGE_POINTS = 256,
        PAGE_COUNT = 60,
        PAGE_INDEX_SIZE = 0x1d8, /* pages are looked for below U+1D800 */
};

/* Pages of 256 code points that are folded when the table is made. What lies outside (rare scripts,
 * symbols) is compared as it is written: reading a text never has to decompose anything. */
static const struct {
        uint16_t first;
        uint16_t last;
} page_ranges[] = {{0x00, 0x30}, {0xfa, 0xff}, {0x1d4, 0x1d7}};

struct safety_fold {
        uint8_t page_of[PAGE_INDEX_SIZE]; /* 0: none, else one more than the index in `pages` */
        uint64_t pages[PAGE_COUNT][PAGE_POINTS];
};

static bool is_in(uint32_t point, uint32_t first, uint32_t last)
{
        return point >= first && point <= last;
}

static bool is_apostrophe(uint32_t point)
{
        return point == '\'' || point == '`' || point == 0xb4 || is_in(point, 0x2b9, 0x2bc) ||
               is_in(point, 0x2018, 0x201b) || point == 0x2032 || point == 0xff07;
}

static bool is_word_of_its_own(uint32_t point)
{
        return is_in(point, 0x0e00, 0x0eff) || is_in(point, 0x1000, 0x109f) || is_in(point, 0x1780, 0x17ff) ||
               is_in(point, 0x3040, 0x30ff) || is_in(point, 0x3400, 0x9fff) || is_in(point, 0xf900, 0xfaff) ||
               is_in(point, 0x20000, 0x3ffff);
}

static bool is_letter_or_digit(uint32_t point)
{
        utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)point);
        return is_in(category, UTF8PROC_CATEGORY_LU, UTF8PROC_CATEGORY_LO) ||
               category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_ND ||
               is_in(point, 0x24b6, 0x24e9); /* circled letters are symbols by category */
}

static bool is_dropped(uint32_t point)
{
        utf8proc_category_t category = utf8proc_category((utf8proc_int32_t)point);
        return is_apostrophe(point) || category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_MN ||
               category == UTF8PROC_CATEGORY_ME;
}

static uint64_t pack(const utf8proc_int32_t *points, utf8proc_ssize_t count)
{
        uint64_t folded = 0;
        unsigned shift = 0;
        for (utf8proc_ssize_t i = 0; i < count && shift < FOLDED_POINTS * POINT_BITS; i++) {
                if (!is_letter_or_digit((uint32_t)points[i]))
                        continue;
                folded |= (uint64_t)points[i] << shift;
                shift += POINT_BITS;
        }
        return folded;
}

static uint64_t fold_point(uint32_t point)
{
        if (is_dropped(point))
                return FOLD_DROPPED;
        if (!is_letter_or_digit(point))
                return FOLD_PARTS_WORDS;
        if (is_word_of_its_own(point))
                return point | FOLD_ALONE;
        utf8proc_int32_t points[32];
        int boundary = 0;
        utf8proc_ssize_t count = utf8proc_decompose_char(
                (utf8proc_int32_t)point, points, 32,
                UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD | UTF8PROC_STRIPMARK, &boundary);
        if (count <= 0 || count > 32)
                return point;
        uint64_t folded = pack(points, count);
        return folded && is_word_of_its_own((uint32_t)points[0]) ? folded | FOLD_ALONE : folded;
}

struct safety_fold *safety_fold_new(void)
{
        struct safety_fold *fold = alloc_zeroed(1, sizeof *fold);
        uint8_t pages = 0;
        for (size_t i = 0; i < sizeof page_ranges / sizeof *page_ranges; i++) {
                for (uint32_t page = page_ranges[i].first; page <= page_ranges[i].last; page++) {
                        for (uint32_t low = 0; low < PAGE_POINTS; low++)
                                fold->pages[pages][low] = fold_point(page * PAGE_POINTS + low);
                        fold->page_of[page] = ++pages;
                }
        }
        return fold;
}

static uint64_t fold_look_up(const struct safety_fold *fold, uint32_t point)
{
        uint32_t page = point / PAGE_POINTS;
        if (page < PAGE_INDEX_SIZE && fold->page_of[page])
                return fold->pages[fold->page_of[page] - 1][point % PAGE_POINTS];
        if (is_word_of_its_own(point))
                return point | FOLD_ALONE;
        if (is_letter_or_digit(point))
                return point;
        return is_dropped(point) ? FOLD_DROPPED : FOLD_PARTS_WORDS;
}

/* The code point at the front and its length in bytes; a byte that starts none counts as U+FFFD. */
static uint32_t decode(struct str text, size_t *ret_bytes)
{
        utf8proc_int32_t point;
        size_t len = text.len < 4 ? text.len : 4;
        utf8proc_ssize_t bytes =
                utf8proc_iterate((const utf8proc_uint8_t *)text.ptr, (utf8proc_ssize_t)len, &point);
        *ret_bytes = bytes > 0 ? (size_t)bytes : 1;
        return bytes > 0 ? (uint32_t)point : 0xfffd;
}

/* FNV-1a over code points; whoever builds a table on it mixes it first. */
static uint64_t hash_add(uint64_t hash, uint64_t point)
{
        return (hash ^ point) * 0x100000001b3U;
}

static void word_add(struct safety_word *word, uint64_t folded)
{
        for (folded &= ~FOLD_ALONE; folded; folded >>= POINT_BITS) {
                word->folded = hash_add(word->folded, folded & ((1U << POINT_BITS) - 1));
                if (word->letters < SAFETY_PREFIX_MAX)
                        word->beginning[word->letters] = word->folded;
                word->letters++;
        }
}

bool safety_fold_next(const struct safety_fold *fold, struct str *text, struct safety_word *ret_word)
{
        ret_word->folded = ret_word->written = 0xcbf29ce484222325U;
        ret_word->letters = 0;
        while (text->len > 0) {
                unsigned char first = (unsigned char)*text->ptr;
                size_t bytes = 1;
                uint32_t point = first < 0x80 ? first : decode(*text, &bytes);
                uint64_t folded = first < 0x80 ? fold->pages[0][first] : fold_look_up(fold, point);
                bool ends_word = folded == FOLD_PARTS_WORDS || (folded & FOLD_ALONE);
                if (ends_word && ret_word->letters > 0)
                        return true;
                text->ptr += bytes;
                text->len -= bytes;
                if (folded <= FOLD_DROPPED)
                        continue;
                word_add(ret_word, folded);
                ret_word->written = hash_add(ret_word->written, point);
                if (folded & FOLD_ALONE)
                        return true;
        }
        return ret_word->letters > 0;
}
