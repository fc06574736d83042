/* SPDX-License-Identifier: Apache-2.0 */
#include "text/kb_index.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "text/kb_terms.h"
#include "text/kb_typo.h"
#include "text/kb_words.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* BM25's constants, as commonly used. */
static const double k1 = 1.2, b = 0.75;

static const size_t arena_bytes = (size_t)8 << 30; /* all caps together; the caps are what bounds */

/* A term seen at a place: a question or an article. */
struct sighting {
        uint32_t term;
        uint32_t place;
};

struct sightings {
        struct sighting *items; /* owns */
        size_t count;
        size_t capacity;
};

struct builder {
        struct kb_index *index;
        struct kb_stemmers stemmers;
        struct sightings in_questions;
        struct sightings in_bodies;
        uint32_t *body_lens; /* in words, by article */
        size_t term_capacity;
};

struct kb_term *kb_index_find(const struct kb_index *index, struct str stem, uint64_t hash)
{
        for (size_t slot = hash & index->slot_mask; index->slots[slot];
             slot = (slot + 1) & index->slot_mask) {
                struct kb_term *term = index->terms + index->slots[slot] - 1;
                if (term->hash == hash && str_equal(term->stem, stem))
                        return term;
        }
        return NULL;
}

static void put_slot(struct kb_index *index, size_t term)
{
        size_t slot = index->terms[term].hash & index->slot_mask;
        while (index->slots[slot])
                slot = (slot + 1) & index->slot_mask;
        index->slots[slot] = (uint32_t)term + 1;
}

/* At most half full, so that a search for a stranger is short. */
static void grow_slots(struct kb_index *index)
{
        size_t slots = (index->slot_mask + 1) * 2;
        free(index->slots);
        index->slots = alloc_zeroed(slots, sizeof *index->slots);
        index->slot_mask = slots - 1;
        for (size_t i = 0; i < index->term_count; i++)
                put_slot(index, i);
}

static uint32_t intern(struct builder *builder, struct str stem)
{
        struct kb_index *index = builder->index;
        uint64_t hash = hash64(stem);
        struct kb_term *found = kb_index_find(index, stem, hash);
        if (found)
                return (uint32_t)(found - index->terms);
        if (index->term_count == builder->term_capacity) {
                builder->term_capacity = builder->term_capacity * 2 + 256;
                index->terms = alloc_resize(index->terms, builder->term_capacity * sizeof *index->terms);
        }
        struct str copy = arena_copy(&index->arena, stem);
        assert(copy.ptr);
        index->terms[index->term_count] = (struct kb_term){.stem = copy, .hash = hash};
        if ((index->term_count + 1) * 2 > index->slot_mask)
                grow_slots(index);
        put_slot(index, index->term_count);
        return (uint32_t)index->term_count++;
}

static void see(struct sightings *sightings, uint32_t term, size_t place)
{
        if (sightings->count == sightings->capacity) {
                sightings->capacity = sightings->capacity * 2 + 1024;
                sightings->items =
                        alloc_resize(sightings->items, sightings->capacity * sizeof *sightings->items);
        }
        sightings->items[sightings->count++] = (struct sighting){term, (uint32_t)place};
}

/* Number of words in it. */
static size_t read_text(struct builder *builder, struct str text, size_t article, struct sightings *into,
                        size_t place)
{
        uint32_t language = builder->index->languages[article];
        struct kb_words words = {.rest = text, .stemmer = kb_stemmer(&builder->stemmers, language)};
        size_t count = 0;
        for (struct str stem = kb_words_next(&words); stem.ptr; stem = kb_words_next(&words)) {
                uint32_t number = intern(builder, stem);
                struct kb_term *term = builder->index->terms + number;
                term->article_count += term->last_article != article + 1;
                term->last_article = (uint32_t)article + 1;
                see(into, number, place);
                count++;
        }
        return count;
}

static void read_question(struct builder *builder, struct str text, size_t article)
{
        struct kb_index *index = builder->index;
        index->questions[index->question_count] = (struct kb_question){.article = (uint32_t)article};
        read_text(builder, text, article, &builder->in_questions, index->question_count++);
}

static void read_articles(struct builder *builder)
{
        struct kb_index *index = builder->index;
        for (size_t i = 0; i < index->article_count; i++) {
                const struct article *article = index->articles + i;
                read_question(builder, article->title, i);
                for (size_t j = 0; j < article->alias_count; j++)
                        read_question(builder, article->aliases[j], i);
                builder->body_lens[i] =
                        (uint32_t)read_text(builder, article->body, i, &builder->in_bodies, i);
        }
}

static int compare_sightings(const void *left, const void *right)
{
        const struct sighting *a = left, *c = right;
        if (a->term != c->term)
                return a->term < c->term ? -1 : 1;
        return (a->place > c->place) - (a->place < c->place);
}

static double idf(double articles, double holders)
{
        return log(1 + (articles - holders + 0.5) / (holders + 0.5));
}

static void weigh_terms(struct kb_index *index)
{
        double articles = (double)index->article_count;
        for (size_t i = 0; i < index->term_count; i++)
                index->terms[i].idf = (float)idf(articles, index->terms[i].article_count);
        /* As rare as the rarest known word: a stranger may be a name or a slip of the pen. */
        index->unknown_idf = (float)idf(articles, articles < 1 ? 0 : 1);
}

static void post_questions(struct builder *builder)
{
        struct kb_index *index = builder->index;
        struct sightings *seen = &builder->in_questions;
        size_t count = 0;
        if (seen->count)
                qsort(seen->items, seen->count, sizeof *seen->items, compare_sightings);
        index->question_postings = alloc_zeroed(seen->count + 1, sizeof *index->question_postings);
        for (size_t i = 0; i < seen->count; i++) {
                const struct sighting *item = seen->items + i;
                if (i > 0 && compare_sightings(item - 1, item) == 0)
                        continue;
                struct kb_term *term = index->terms + item->term;
                if (term->question_count++ == 0)
                        term->question_start = (uint32_t)count;
                index->questions[item->place].weight += term->idf;
                index->question_postings[count++] = item->place;
        }
}

static double mean_body_len(const struct builder *builder)
{
        double mean = (double)builder->in_bodies.count / (double)(builder->index->article_count + 1);
        return mean > 1 ? mean : 1;
}

static void post_bodies(struct builder *builder)
{
        struct kb_index *index = builder->index;
        struct sightings *seen = &builder->in_bodies;
        double mean = mean_body_len(builder);
        size_t count = 0;
        if (seen->count)
                qsort(seen->items, seen->count, sizeof *seen->items, compare_sightings);
        index->body_postings = alloc_zeroed(seen->count + 1, sizeof *index->body_postings);
        for (size_t i = 0, next; i < seen->count; i = next) {
                const struct sighting *item = seen->items + i;
                for (next = i + 1; next < seen->count && compare_sightings(item, seen->items + next) == 0;)
                        next++;
                struct kb_term *term = index->terms + item->term;
                if (term->body_count++ == 0)
                        term->body_start = (uint32_t)count;
                double frequency = (double)(next - i), len = builder->body_lens[item->place];
                double saturation = frequency * (k1 + 1) / (frequency + k1 * (1 - b + b * len / mean));
                index->body_postings[count++] = (struct kb_body_posting){item->place, (float)saturation};
        }
}

static bool is_any_over(const struct str *items, size_t count, size_t max)
{
        for (size_t i = 0; i < count; i++)
                if (items[i].len > max)
                        return true;
        return false;
}

enum err kb_article_check(const struct article *article, struct err_note *note)
{
        const size_t max = KB_TITLE_BYTES_MAX;
        if (article->id.len == 0)
                return err_set(note, ERR_INVALID, "no id; give the article an \"id\" that stays the same");
        if (article->title.len == 0)
                return err_set(note, ERR_INVALID, "no title; write the question that the article answers");
        if (article->alias_count > KB_ALIASES_MAX || article->tag_count > KB_TAGS_MAX)
                return err_set(note, ERR_TOO_LARGE, "more than %d aliases or %d tags; leave some out", KB_ALIASES_MAX,
                               KB_TAGS_MAX);
        if (article->title.len > max)
                return err_set(note, ERR_TOO_LARGE, "title over %zu bytes; shorten it", max);
        if (article->body.len > KB_BODY_BYTES_MAX)
                return err_set(note, ERR_TOO_LARGE, "body over %d bytes; split the article", KB_BODY_BYTES_MAX);
        if (is_any_over(article->aliases, article->alias_count, max))
                return err_set(note, ERR_TOO_LARGE, "alias over %zu bytes; shorten it", max);
        if (is_any_over(article->tags, article->tag_count, max))
                return err_set(note, ERR_TOO_LARGE, "tag over %zu bytes; shorten it", max);
        if (article->id.len > max || article->locale.len > max || article->url.len > KB_URL_BYTES_MAX)
                return err_set(note, ERR_TOO_LARGE, "id or locale over %zu bytes or url over %d; shorten it", max,
                               KB_URL_BYTES_MAX);
        return ERR_OK;
}

static int compare_ids(const void *left, const void *right)
{
        return str_compare(**(const struct str *const *)left, **(const struct str *const *)right);
}

static enum err check_ids(const struct article *articles, size_t count, struct err_note *note)
{
        const struct str **ids = alloc_zeroed(count + 1, sizeof *ids);
        enum err err = ERR_OK;
        for (size_t i = 0; i < count; i++)
                ids[i] = &articles[i].id;
        qsort(ids, count, sizeof *ids, compare_ids);
        for (size_t i = 1; i < count && !err; i++)
                if (str_equal(*ids[i - 1], *ids[i]))
                        err = err_set(note, ERR_EXISTS, "two articles have the id \"%.*s\"",
                                      ids[i]->len < 64 ? (int)ids[i]->len : 64, ids[i]->ptr);
        free(ids);
        return err;
}

static enum err check_articles(const struct article *articles, size_t count, struct err_note *note)
{
        if (count > KB_ARTICLES_MAX)
                return err_set(note, ERR_TOO_LARGE, "more than %d articles", KB_ARTICLES_MAX);
        for (size_t i = 0; i < count; i++) {
                enum err err = kb_article_check(articles + i, note);
                if (err)
                        return err_prefix(note, err, "article %zu: ", i + 1);
        }
        return check_ids(articles, count, note);
}

static const struct str *copy_list(struct arena *arena, const struct str *items, size_t count)
{
        struct str *copy = arena_alloc(arena, (count + 1) * sizeof *copy);
        assert(copy);
        for (size_t i = 0; i < count; i++)
                copy[i] = arena_copy(arena, items[i]);
        return copy;
}

static void copy_articles(struct kb_index *index, const struct article *articles, size_t count)
{
        size_t questions = 0;
        index->articles = alloc_zeroed(count + 1, sizeof *index->articles);
        index->languages = alloc_zeroed(count + 1, sizeof *index->languages);
        index->article_count = count;
        for (size_t i = 0; i < count; i++) {
                const struct article *from = articles + i;
                index->articles[i] = (struct article){
                        .id = arena_copy(&index->arena, from->id),
                        .title = arena_copy(&index->arena, from->title),
                        .body = arena_copy(&index->arena, from->body),
                        .url = arena_copy(&index->arena, from->url),
                        .locale = arena_copy(&index->arena, from->locale),
                        .aliases = copy_list(&index->arena, from->aliases, from->alias_count),
                        .alias_count = from->alias_count,
                        .tags = copy_list(&index->arena, from->tags, from->tag_count),
                        .tag_count = from->tag_count,
                };
                index->languages[i] = kb_language(from->locale);
                questions += 1 + from->alias_count;
        }
        index->questions = alloc_zeroed(questions + 1, sizeof *index->questions);
}

enum err kb_index_new(const struct article *articles, size_t count, struct kb_index **ret_index,
                      struct err_note *note)
{
        enum err err = check_articles(articles, count, note);
        if (err)
                return err;
        struct kb_index *index = alloc_zeroed(1, sizeof *index);
        struct builder builder = {.index = index};
        kb_stemmers_init(&builder.stemmers);
        arena_init(&index->arena, arena_bytes);
        index->slot_mask = 511;
        index->slots = alloc_zeroed(512, sizeof *index->slots);
        copy_articles(index, articles, count);
        builder.body_lens = alloc_zeroed(count + 1, sizeof *builder.body_lens);
        read_articles(&builder);
        weigh_terms(index);
        post_questions(&builder);
        post_bodies(&builder);
        kb_typo_build(index);
        free(builder.in_questions.items);
        free(builder.in_bodies.items);
        free(builder.body_lens);
        kb_stemmers_deinit(&builder.stemmers);
        *ret_index = index;
        return ERR_OK;
}

void kb_index_free(struct kb_index *index)
{
        if (!index)
                return;
        arena_deinit(&index->arena);
        free(index->articles);
        free(index->languages);
        free(index->questions);
        free(index->terms);
        free(index->slots);
        free(index->typo_slots);
        free(index->question_postings);
        free(index->body_postings);
        free(index);
}

size_t kb_index_count(const struct kb_index *index)
{
        return index->article_count;
}

const struct article *kb_index_article(const struct kb_index *index, size_t at)
{
        assert(at < index->article_count);
        return index->articles + at;
}
