/* SPDX-License-Identifier: Apache-2.0 */
/* How fast the knowledge base answers, one thread: 2,400 and 100,000 made-up articles whose words are
 * as unevenly common as those of a language (Zipf), questions of six words. Not installed. */
#include "base/arena.h"
#include "text/kb_index.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ARTICLES = 2400, MANY = 100000, VOCABULARY = 6000, BODY_WORDS = 70, QUERIES = 256, HITS = 3, SAMPLES_MAX = 65536 };

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

/* CPU time: what others do on this machine is not the index's. */
static double now_s(void)
{
        struct timespec now;
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
        return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare_times(const void *left, const void *right)
{
        double a = *(const double *)left, b = *(const double *)right;
        return (a > b) - (a < b);
}

static void bench_queries(const struct kb_index *index, struct arena *arena, size_t rounds)
{
        static double us[SAMPLES_MAX];
        struct kb_ask queries[QUERIES] = {0};
        struct kb_scratch *scratch = kb_scratch_new();
        struct kb_hit hits[HITS];
        size_t count = 0;
        double sum = 0;
        for (size_t i = 0; i < QUERIES; i++)
                queries[i].text.safe = make_text(arena, 6);
        for (size_t round = 0; round < rounds; round++)
                for (size_t i = 0; i < QUERIES; i++) {
                        double start = now_s();
                        kb_search(index, scratch, &queries[i], hits, HITS);
                        us[count] = (now_s() - start) * 1e6;
                        sum += us[count++];
                }
        qsort(us, count, sizeof *us, compare_times);
        printf("kb: over %zu articles %.1f us a query, p50 %.1f, p99 %.1f\n", kb_index_count(index), sum / (double)count,
               us[count / 2], us[count * 99 / 100]);
        kb_scratch_free(scratch);
}

static bool bench_size(size_t count, size_t rounds)
{
        static struct article articles[MANY];
        static struct str aliases[MANY][3];
        struct arena arena;
        struct kb_index *index;
        struct err_note note;
        arena_init(&arena, 256 << 20);
        for (size_t i = 0; i < count; i++) {
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
        bool is_good = kb_index_new(articles, count, &index, &note) == ERR_OK;
        if (is_good) {
                printf("kb: built in %.0f ms\n", (now_s() - start) * 1e3);
                bench_queries(index, &arena, rounds);
                kb_index_free(index);
        } else {
                fprintf(stderr, "%s\n", note.text);
        }
        arena_deinit(&arena);
        return is_good;
}

int main(void)
{
        return bench_size(ARTICLES, 200) && bench_size(MANY, 4) ? 0 : 1;
}
