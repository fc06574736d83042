/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the knowledge base answers, one thread: 2,400 made-up articles whose words are as
 * unevenly common as those of a language (Zipf), questions of six words. Not installed. */
#include "base/arena.h"
#include "text/kb_index.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

enum { ARTICLES = 2400, VOCABULARY = 6000, BODY_WORDS = 70, QUERIES = 256, ROUNDS = 400, HITS = 3 };

static uint64_t seed = 88172645463325252U;

static double random_share(void)
{
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        return (double)(seed >> 11) / (double)(1ULL << 53);
}

/* A word by its rank: the n-th commonest is n times as rare as the first. The hundred commonest of
 * a language are stop words, which no index holds. */
static unsigned pick_word(void)
{
        return (unsigned)(100 * pow(VOCABULARY / 100.0, random_share()));
}

static struct str make_text(struct arena *arena, size_t words)
{
        char text[2048];
        size_t len = 0;
        for (size_t i = 0; i < words; i++) {
                unsigned word = pick_word();
                int added = snprintf(text + len, sizeof text - len, "%c%c%c%cx%c ", 'b' + (int)(word % 11),
                                     'a' + (int)(word / 11 % 13), 'k' + (int)(word / 143 % 12),
                                     'e' + (int)(word / 1716 % 9), 'm' + (int)(word % 7));
                len += (size_t)added;
        }
        return arena_copy(arena, (struct str){text, len});
}

static double now_s(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void bench_queries(const struct kb_index *index, struct arena *arena)
{
        struct safe_text queries[QUERIES];
        struct kb_scratch *scratch = kb_scratch_new();
        struct kb_hit hits[HITS];
        size_t found = 0;
        for (size_t i = 0; i < QUERIES; i++)
                queries[i].safe = make_text(arena, 6);
        double start = now_s();
        for (size_t round = 0; round < ROUNDS; round++)
                for (size_t i = 0; i < QUERIES; i++)
                        found += kb_search(index, scratch, queries[i], hits, HITS);
        double us = (now_s() - start) / (ROUNDS * QUERIES) * 1e6;
        printf("kb: %.1f us a query over %d articles (%.1f hits)\n", us, ARTICLES,
               (double)found / (ROUNDS * QUERIES));
        kb_scratch_free(scratch);
}

int main(void)
{
        static struct article articles[ARTICLES];
        static struct str aliases[ARTICLES][3];
        struct arena arena;
        struct kb_index *index;
        struct err_note note;
        arena_init(&arena, 64 << 20);
        for (size_t i = 0; i < ARTICLES; i++) {
                for (size_t j = 0; j < 3; j++)
                        aliases[i][j] = make_text(&arena, 6);
                articles[i] = (struct article){
                        .id = arena_format(&arena, "article-%zu", i),
                        .title = make_text(&arena, 6),
                        .body = make_text(&arena, BODY_WORDS),
                        .aliases = aliases[i],
                        .alias_count = 3,
                };
        }
        double start = now_s();
        if (kb_index_new(articles, ARTICLES, &index, &note) != ERR_OK) {
                fprintf(stderr, "%s\n", note.text);
                return 1;
        }
        printf("kb: built in %.0f ms\n", (now_s() - start) * 1e3);
        bench_queries(index, &arena);
        kb_index_free(index);
        arena_deinit(&arena);
        return 0;
}
