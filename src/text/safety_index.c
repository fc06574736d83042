/* SPDX-License-Identifier: Apache-2.0 */
#include "text/safety_index.h"

#include "base/alloc.h"

enum { FILTER_BITS = 1 << 15, MAX_FITS = 1 << 20 };

/* How a term compares; mixed into its hash, so that one table holds all three kinds. */
enum term_kind { TERM_FOLDED, TERM_WRITTEN, TERM_BEGINNING };

/* The index while it is being made. */
struct builder {
        struct safety_index *index;
        size_t fit_count;
        size_t fit_capacity;
        const struct safety_rule *rule; /* whose phrases are being added */
        uint16_t rule_index;
        enum safety_use_kind kind;
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
        if (2 * (index->term_count + 1) > index->slot_mask)
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
        if (builder->fit_count == MAX_FITS)
                return "is one too many";
        if (is_beginning)
                index->prefix_lengths |= 1U << word.letters;
        index->has_written = index->has_written || builder->is_written;
        enum term_kind kind = builder->is_written ? TERM_WRITTEN
                              : is_beginning      ? TERM_BEGINNING
                                                  : TERM_FOLDED;
        uint64_t key = term_key(builder->is_written ? word.written : word.folded, kind);
        if (builder->fit_count == builder->fit_capacity) {
                builder->fit_capacity = builder->fit_capacity ? 2 * builder->fit_capacity : 4096;
                index->fits = alloc_resize(index->fits, builder->fit_capacity * sizeof *index->fits);
        }
        index->fits[builder->fit_count++] = add_term(index, key);
        return NULL;
}

/* The next word or group off the front of a phrase; false at its end. "A&E" is two words: a word
 * that folds into several is split by the reader of words, so that text and phrase agree. */
static bool next_element(const struct safety_fold *fold, struct str *rest, struct str *ret_element,
                         bool *ret_group)
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
        if (behind.len > 0 && *behind.ptr == '*') /* at its end; elsewhere add_word() refuses it */
                taken = behind.len == 1 ? taken + 1 : len;
        *ret_element = (struct str){rest->ptr, taken};
        rest->ptr += taken;
        rest->len -= taken;
        return true;
}

static int compare_terms(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
        return (x > y) - (x < y);
}

/* All words that fit the position to come; a plain word is a group of one. */
static const char *add_position(struct builder *builder, struct str element, bool is_group)
{
        struct safety_index *index = builder->index;
        size_t first = builder->fit_count;
        if (index->position_count == SAFETY_NET_MAX_POSITIONS)
                return "is one too many";
        const char *fault = NULL;
        while (!fault && element.ptr) {
                struct str word = is_group ? str_split(&element, '|') : element;
                if (!is_group)
                        element.ptr = NULL;
                fault = add_word(builder, word);
        }
        if (fault)
                return fault;
        qsort(&index->fits[first], builder->fit_count - first, sizeof *index->fits, compare_terms);
        index->first_fit[++index->position_count] = (uint32_t)builder->fit_count;
        return NULL;
}

/* A phrase as consecutive positions. */
static const char *add_phrase(struct builder *builder, struct str text)
{
        struct safety_index *index = builder->index;
        struct safety_phrase phrase = {index->position_count, builder->rule_index, 0, 0, builder->kind};
        struct str element;
        bool is_group;
        if (index->phrase_count == SAFETY_NET_MAX_PHRASES)
                return "is one too many";
        while (next_element(index->fold, &text, &element, &is_group)) {
                if (++phrase.words > SAFETY_NET_MAX_WORDS)
                        return "has more than 12 words";
                const char *fault = add_position(builder, element, is_group);
                if (fault)
                        return fault;
        }
        if (phrase.words == 0 || text.len > 0)
                return "has something that is not a word";
        index->phrases[index->phrase_count++] = phrase;
        return NULL;
}

static enum err add_phrases(struct builder *builder, enum safety_use_kind kind, const struct str *texts,
                            size_t count, struct err_note *note)
{
        builder->kind = kind;
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

/* How many positions the most used term of this position fits. */
static uint32_t commonness(const struct safety_index *index, const uint32_t *uses, uint32_t position)
{
        uint32_t most = 0;
        for (uint32_t i = index->first_fit[position]; i < index->first_fit[position + 1]; i++)
                if (uses[index->fits[i]] > most)
                        most = uses[index->fits[i]];
        return most;
}

static void choose_anchor(const struct safety_index *index, const uint32_t *uses,
                          struct safety_phrase *phrase)
{
        uint32_t least = UINT32_MAX;
        for (uint8_t i = 0; i < phrase->words; i++) {
                uint32_t common = commonness(index, uses, phrase->first + i);
                if (common >= least)
                        continue;
                least = common;
                phrase->anchor = i;
        }
}

/* Sorts the phrases by the terms of their anchors: first counts, then places. */
static void hang_phrases(struct safety_index *index)
{
        uint32_t *first = alloc_zeroed(index->term_count + 2, sizeof *first);
        uint32_t *next = alloc_zeroed(index->term_count + 2, sizeof *next);
        for (uint32_t i = 0; i < index->first_fit[index->position_count]; i++)
                next[index->fits[i]]++;
        for (uint32_t i = 0; i < index->phrase_count; i++)
                choose_anchor(index, next, &index->phrases[i]);
        for (int pass = 0; pass < 2; pass++) {
                for (uint32_t i = 0; i < index->phrase_count; i++) {
                        uint32_t position = index->phrases[i].first + index->phrases[i].anchor;
                        for (uint32_t j = index->first_fit[position]; j < index->first_fit[position + 1]; j++)
                                if (pass == 0)
                                        first[index->fits[j] + 1]++;
                                else
                                        index->anchored[next[index->fits[j]]++] = i;
                }
                if (pass == 1)
                        break;
                for (uint32_t term = 1; term <= index->term_count + 1; term++)
                        first[term] += first[term - 1];
                memcpy(next, first, (index->term_count + 2) * sizeof *next);
                index->anchored = alloc_zeroed(first[index->term_count + 1] + 1, sizeof *index->anchored);
        }
        index->first_anchored = first;
        free(next);
}

/* Gives back what was taken for the largest net that is allowed. */
static void shrink(struct safety_index *index, size_t fit_count)
{
        index->fits = alloc_resize(index->fits, (fit_count + 1) * sizeof *index->fits);
        index->phrases = alloc_resize(index->phrases, (index->phrase_count + 1) * sizeof *index->phrases);
        index->first_fit =
                alloc_resize(index->first_fit, (index->position_count + 2) * sizeof *index->first_fit);
}

enum err safety_index_new(const struct safety_rule *rules, size_t count, struct safety_index **ret_index,
                          struct err_note *note)
{
        struct safety_index *index = alloc_zeroed(1, sizeof *index);
        struct builder builder = {.index = index};
        index->fold = safety_fold_new();
        index->filter = alloc_zeroed(FILTER_BITS / 64, sizeof *index->filter);
        index->phrases = alloc_zeroed(SAFETY_NET_MAX_PHRASES, sizeof *index->phrases);
        index->first_fit = alloc_zeroed(SAFETY_NET_MAX_POSITIONS + 2, sizeof *index->first_fit);
        grow_slots(index);
        enum err err = ERR_OK;
        for (size_t i = 0; i < count && !err; i++) {
                builder.rule_index = (uint16_t)i;
                err = add_rule(&builder, &rules[i], note);
        }
        if (!err) {
                hang_phrases(index);
                shrink(index, builder.fit_count);
        }
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
        free(index->phrases);
        free(index->fits);
        free(index->first_fit);
        free(index->anchored);
        free(index->first_anchored);
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

bool safety_index_fits(const struct safety_index *index, uint32_t position, const uint32_t *terms,
                       size_t count)
{
        for (size_t i = 0; i < count; i++) {
                uint32_t low = index->first_fit[position], high = index->first_fit[position + 1];
                while (low < high) {
                        uint32_t middle = low + (high - low) / 2;
                        if (index->fits[middle] == terms[i])
                                return true;
                        if (index->fits[middle] < terms[i])
                                low = middle + 1;
                        else
                                high = middle;
                }
        }
        return false;
}
