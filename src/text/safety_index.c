/* SPDX-License-Identifier: Apache-2.0 */
#include "text/safety_index.h"

#include "base/alloc.h"

enum { FILTER_BITS = 1 << 15, MAX_PAIRS = 1 << 20 };

/* How a term compares; mixed into its hash, so that one table holds all three kinds. */
enum term_kind { TERM_FOLDED, TERM_WRITTEN, TERM_BEGINNING };

/* That a term fits a position. */
struct pair {
        uint32_t term;
        uint32_t position;
};

/* The index while it is being made. */
struct builder {
        struct safety_index *index;
        size_t slot_count;
        struct pair *pairs; /* owns; in the order of their positions */
        size_t pair_count;
        size_t pair_capacity;
        size_t position_capacity;
        const struct safety_rule *rule; /* whose phrases are being added */
        struct safety_use use;
        bool is_written;
};

static uint64_t mix(uint64_t value)
{
        value ^= value >> 32;
        value *= 0x9e3779b97f4a7c15U;
        return value ^ (value >> 29);
}

static uint64_t term_key(uint64_t hash, enum term_kind kind)
{
        return hash ^ ((uint64_t)kind << 62);
}

/* The slot of the key, or the free one where it belongs. Terms are counted from 1: 0 is free. */
static struct safety_slot *find_slot(const struct safety_index *index, uint64_t key)
{
        uint64_t at = mix(key) & index->slot_mask;
        while (index->slots[at].term && index->slots[at].key != key)
                at = (at + 1) & index->slot_mask;
        return &index->slots[at];
}

static void grow_slots(struct safety_index *index)
{
        struct safety_slot *old = index->slots;
        size_t count = old ? index->slot_mask + 1 : 0;
        size_t capacity = count ? 2 * count : 1024;
        index->slots = alloc_zeroed(capacity, sizeof *index->slots);
        index->slot_mask = capacity - 1;
        for (size_t i = 0; i < count; i++)
                if (old[i].term)
                        *find_slot(index, old[i].key) = old[i];
        free(old);
}

static uint64_t filter_bit(uint64_t key)
{
        return mix(key) >> 40 & (FILTER_BITS - 1);
}

static uint32_t add_term(struct safety_index *index, uint64_t key)
{
        if (!index->slots || 2 * (index->term_count + 1) > index->slot_mask)
                grow_slots(index);
        struct safety_slot *slot = find_slot(index, key);
        if (!slot->term) {
                *slot = (struct safety_slot){key, ++index->term_count};
                index->filter[filter_bit(key) / 64] |= 1ULL << (filter_bit(key) % 64);
        }
        return slot->term;
}

/* One word of a phrase, which may end in '*'; says what is wrong with it, or NULL. */
static const char *add_word(struct builder *builder, struct str text)
{
        struct safety_index *index = builder->index;
        bool is_beginning = text.len > 0 && text.ptr[text.len - 1] == '*';
        text.len -= is_beginning;
        struct safety_word word, more;
        if (memchr(text.ptr, '*', text.len))
                return "has a '*' that is not at the end of a word";
        if (!safety_fold_next(index->fold, &text, &word) || safety_fold_next(index->fold, &text, &more))
                return "has something in a group that is not one word";
        if (is_beginning && builder->is_written)
                return "has a '*' in a case-sensitive rule";
        if (is_beginning && word.letters > SAFETY_PREFIX_MAX)
                return "has a beginning of more than 24 letters";
        if (builder->pair_count == MAX_PAIRS)
                return "is one too many";
        if (is_beginning)
                index->prefix_lengths |= 1U << word.letters;
        index->has_written = index->has_written || builder->is_written;
        enum term_kind kind = builder->is_written ? TERM_WRITTEN : is_beginning ? TERM_BEGINNING : TERM_FOLDED;
        uint64_t key = term_key(builder->is_written ? word.written : word.folded, kind);
        if (builder->pair_count == builder->pair_capacity) {
                builder->pair_capacity = builder->pair_capacity ? 2 * builder->pair_capacity : 4096;
                builder->pairs = alloc_resize(builder->pairs, builder->pair_capacity * sizeof *builder->pairs);
        }
        builder->pairs[builder->pair_count++] = (struct pair){add_term(index, key), index->position_count};
        return NULL;
}

/* The next word or group off the front of a phrase; false at its end. "A&E" is two words: a word
 * that folds into several is split by the reader of words, so that text and phrase agree. */
static bool next_element(const struct safety_fold *fold, struct str *rest, struct str *ret_element, bool *ret_group)
{
        *rest = str_trim(*rest);
        *ret_group = rest->len > 0 && *rest->ptr == '(';
        if (*ret_group) {
                const char *end = memchr(rest->ptr, ')', rest->len);
                size_t len = end ? (size_t)(end - rest->ptr) : rest->len;
                *ret_element = (struct str){rest->ptr + 1, len - 1};
                rest->ptr += len + (end != NULL);
                rest->len -= len + (end != NULL);
                return true;
        }
        size_t len = 0;
        while (len < rest->len && rest->ptr[len] != '(' && rest->ptr[len] != ' ')
                len++;
        struct str run = {rest->ptr, len}, behind = run;
        struct safety_word word;
        if (!safety_fold_next(fold, &behind, &word))
                return false;
        size_t taken = len - behind.len;
        if (behind.len > 0 && *behind.ptr == '*')
                taken++;
        *ret_element = (struct str){rest->ptr, taken};
        rest->ptr += taken;
        rest->len -= taken;
        return true;
}

/* All words that fit the position to come; a plain word is a group of one. */
static const char *add_position(struct builder *builder, struct str element, bool is_group)
{
        struct safety_index *index = builder->index;
        if (index->position_count == SAFETY_NET_MAX_POSITIONS)
                return "is one too many";
        if (index->position_count == builder->position_capacity) {
                builder->position_capacity = builder->position_capacity ? 2 * builder->position_capacity : 1024;
                index->uses = alloc_resize(index->uses, builder->position_capacity * sizeof *index->uses);
        }
        const char *fault = NULL;
        while (!fault && element.ptr) {
                struct str word = is_group ? str_split(&element, '|') : element;
                if (!is_group)
                        element.ptr = NULL;
                fault = add_word(builder, word);
        }
        if (!fault)
                index->uses[index->position_count++] = (struct safety_use){0};
        return fault;
}

/* A phrase as consecutive positions. */
static const char *add_phrase(struct builder *builder, struct str text)
{
        struct safety_index *index = builder->index;
        struct str element;
        bool is_group;
        size_t words = 0;
        while (next_element(index->fold, &text, &element, &is_group)) {
                if (++words > SAFETY_NET_MAX_WORDS)
                        return "has more than 12 words";
                const char *fault = add_position(builder, element, is_group);
                if (fault)
                        return fault;
        }
        if (words == 0 || text.len > 0)
                return "has something that is not a word";
        builder->use.words = (uint8_t)words;
        index->uses[index->position_count - 1] = builder->use;
        return NULL;
}

static enum err add_phrases(struct builder *builder, enum safety_use_kind kind, const struct str *texts, size_t count,
                            struct err_note *note)
{
        builder->use.kind = (uint8_t)kind;
        builder->is_written = kind == SAFETY_USE_PHRASE && builder->rule->is_case_sensitive;
        for (size_t i = 0; i < count; i++) {
                const char *fault = add_phrase(builder, texts[i]);
                if (fault)
                        return err_set(note, ERR_INVALID, "rule `%.*s`: phrase `%.*s` %s",
                                       STR_ARGS(builder->rule->id), STR_ARGS(texts[i]), fault);
        }
        return ERR_OK;
}

static enum err add_rule(struct builder *builder, const struct safety_rule *rule, struct err_note *note)
{
        builder->rule = rule;
        enum err err = add_phrases(builder, SAFETY_USE_PHRASE, rule->phrases, rule->phrase_count, note);
        if (!err)
                err = add_phrases(builder, SAFETY_USE_UNLESS, rule->unless, rule->unless_count, note);
        if (!err)
                err = add_phrases(builder, SAFETY_USE_NEEDS, rule->needs, rule->needs_count, note);
        return err;
}

/* Sorts the pairs by term, keeping the order of positions, and packs 64 positions into a block. */
static void pack_fits(struct builder *builder)
{
        struct safety_index *index = builder->index;
        uint32_t *counts = alloc_zeroed(index->term_count + 2, sizeof *counts);
        uint32_t *sorted = alloc_zeroed(builder->pair_count + 1, sizeof *sorted);
        for (size_t i = 0; i < builder->pair_count; i++)
                counts[builder->pairs[i].term + 1]++;
        for (size_t term = 1; term <= index->term_count + 1; term++)
                counts[term] += counts[term - 1];
        index->first_fit = alloc_zeroed(index->term_count + 2, sizeof *index->first_fit);
        memcpy(index->first_fit, counts, (index->term_count + 2) * sizeof *counts);
        for (size_t i = 0; i < builder->pair_count; i++)
                sorted[counts[builder->pairs[i].term]++] = builder->pairs[i].position;
        index->fits = alloc_zeroed(builder->pair_count + 1, sizeof *index->fits);
        uint32_t at = 0, from = 0;
        for (uint32_t term = 1; term <= index->term_count; term++) {
                uint32_t first = at;
                for (uint32_t to = index->first_fit[term + 1]; from < to; from++) {
                        if (at == first || index->fits[at - 1].block != sorted[from] / 64)
                                index->fits[at++].block = sorted[from] / 64;
                        index->fits[at - 1].bits |= 1ULL << (sorted[from] % 64);
                }
                index->first_fit[term] = first;
        }
        index->first_fit[index->term_count + 1] = at;
        index->fits = alloc_resize(index->fits, (at + 1) * sizeof *index->fits);
        free(counts);
        free(sorted);
}

static void mark_ends(struct safety_index *index)
{
        size_t blocks = index->position_count / 64 + 1;
        index->starts = alloc_zeroed(blocks, sizeof *index->starts);
        index->ends = alloc_zeroed(blocks, sizeof *index->ends);
        for (uint32_t i = 0; i < index->position_count; i++) {
                if (!index->uses[i].words)
                        continue;
                uint32_t start = i + 1 - index->uses[i].words;
                index->ends[i / 64] |= 1ULL << (i % 64);
                index->starts[start / 64] |= 1ULL << (start % 64);
        }
}

enum err safety_index_new(const struct safety_rule *rules, size_t count, struct safety_index **ret_index,
                          struct err_note *note)
{
        struct safety_index *index = alloc_zeroed(1, sizeof *index);
        struct builder builder = {.index = index};
        index->fold = safety_fold_new();
        index->filter = alloc_zeroed(FILTER_BITS / 64, sizeof *index->filter);
        grow_slots(index);
        enum err err = ERR_OK;
        for (size_t i = 0; i < count && !err; i++) {
                builder.use.rule = (uint16_t)i;
                err = add_rule(&builder, &rules[i], note);
        }
        if (!err) {
                pack_fits(&builder);
                mark_ends(index);
        }
        free(builder.pairs);
        if (err)
                safety_index_free(index);
        else
                *ret_index = index;
        return err;
}

void safety_index_free(struct safety_index *index)
{
        if (!index)
                return;
        free(index->fold);
        free(index->slots);
        free(index->filter);
        free(index->first_fit);
        free(index->fits);
        free(index->starts);
        free(index->ends);
        free(index->uses);
        free(index);
}

static size_t look_up(const struct safety_index *index, uint64_t key, uint32_t *ret_term)
{
        uint64_t bit = filter_bit(key);
        if (!(index->filter[bit / 64] >> (bit % 64) & 1))
                return 0;
        *ret_term = find_slot(index, key)->term;
        return *ret_term != 0;
}

size_t safety_index_terms(const struct safety_index *index, const struct safety_word *word,
                          uint32_t ret_terms[SAFETY_INDEX_MAX_TERMS])
{
        size_t count = look_up(index, term_key(word->folded, TERM_FOLDED), ret_terms);
        if (index->has_written)
                count += look_up(index, term_key(word->written, TERM_WRITTEN), &ret_terms[count]);
        uint32_t lengths = index->prefix_lengths;
        if (word->letters < SAFETY_PREFIX_MAX)
                lengths &= (2U << word->letters) - 1;
        for (; lengths; lengths &= lengths - 1) {
                unsigned length = (unsigned)__builtin_ctz(lengths);
                uint64_t key = term_key(word->beginning[length - 1], TERM_BEGINNING);
                count += look_up(index, key, &ret_terms[count]);
        }
        return count;
}
