/* SPDX-License-Identifier: Apache-2.0 */
#include "text/kb_typo.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <string.h>

enum { STEM_MIN = 5, STEM_MAX = 24, PROBES_MAX = 64 };

/* Numbers, and what is mixed with them, are right or wrong, never nearly right. */
static bool is_eligible(struct str stem)
{
        if (stem.len < STEM_MIN || stem.len > STEM_MAX)
                return false;
        for (size_t i = 0; i < stem.len; i++)
                if (stem.ptr[i] >= '0' && stem.ptr[i] <= '9')
                        return false;
        return true;
}

/* The form number `at`: without the letter there, or the whole. False when it is the one before again. */
static bool form_of(struct str stem, size_t at, uint64_t *ret_hash)
{
        char form[STEM_MAX];
        if (at == stem.len) {
                *ret_hash = hash64(stem);
                return true;
        }
        if (at > 0 && stem.ptr[at] == stem.ptr[at - 1])
                return false;
        memcpy(form, stem.ptr, at);
        memcpy(form + at, stem.ptr + at + 1, stem.len - at - 1);
        *ret_hash = hash64((struct str){form, stem.len - 1});
        return true;
}

static void list_term(struct kb_index *index, uint32_t number)
{
        struct str stem = index->terms[number].stem;
        uint64_t hash;
        for (size_t at = 1; at <= stem.len; at++) {
                if (!form_of(stem, at, &hash))
                        continue;
                size_t slot = hash & index->typo_mask;
                while (index->typo_slots[slot])
                        slot = (slot + 1) & index->typo_mask;
                index->typo_slots[slot] = number + 1;
        }
}

void kb_typo_build(struct kb_index *index)
{
        size_t forms = 0, slots = 64;
        size_t count = index->term_count < KB_TYPO_TERMS_MAX ? index->term_count : KB_TYPO_TERMS_MAX;
        for (size_t i = 0; i < count; i++)
                forms += is_eligible(index->terms[i].stem) ? index->terms[i].stem.len : 0;
        while (slots < 2 * forms)
                slots *= 2;
        index->typo_slots = alloc_zeroed(slots, sizeof *index->typo_slots);
        index->typo_mask = slots - 1;
        for (size_t i = 0; i < count; i++)
                if (is_eligible(index->terms[i].stem))
                        list_term(index, (uint32_t)i);
}

static bool is_near(struct str a, struct str b)
{
        size_t start = 0;
        if (a.ptr[0] != b.ptr[0])
                return false;
        while (start < a.len && start < b.len && a.ptr[start] == b.ptr[start])
                start++;
        while (a.len > start && b.len > start && a.ptr[a.len - 1] == b.ptr[b.len - 1]) {
                a.len--;
                b.len--;
        }
        size_t left = a.len - start, right = b.len - start;
        if (left == 2 && right == 2)
                return a.ptr[start] == b.ptr[start + 1] && a.ptr[start + 1] == b.ptr[start];
        return left <= 1 && right <= 1;
}

const struct kb_term *kb_typo_find(const struct kb_index *index, struct str stem)
{
        const struct kb_term *best = NULL;
        uint64_t hash;
        for (size_t at = 1; is_eligible(stem) && at <= stem.len; at++) {
                if (!form_of(stem, at, &hash))
                        continue;
                size_t slot = hash & index->typo_mask;
                for (size_t i = 0; i < PROBES_MAX && index->typo_slots[slot]; i++, slot = (slot + 1) & index->typo_mask) {
                        const struct kb_term *term = index->terms + index->typo_slots[slot] - 1;
                        if ((!best || term->article_count > best->article_count) && is_near(stem, term->stem))
                                best = term;
                }
        }
        return best;
}
