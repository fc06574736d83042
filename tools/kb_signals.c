/* SPDX-License-Identifier: Apache-2.0 */
/* What the knowledge base sees in questions, for tools/kb_answer.py; not installed.
 *
 * `kb_signals ARTICLES.jsonl < QUESTIONS.jsonl` writes a line for each question: the ids of the best
 * three, and of the first its score and signals. A question's "without" is the id of an article to leave out,
 * "aliases": false leaves out all aliases; an alias that is the question itself is always left out. */
#include "base/alloc.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "policy/policy.h"
#include "text/kb_parse.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARTICLES_MAX = 5000, LINE_MAX_BYTES = 65536, FILE_MAX_BYTES = 16 << 20, HITS = 3 };

struct bench {
        struct arena arena;
        struct article *articles; /* owns */
        size_t count;
        struct json_parser *parser;
        struct kb_scratch *scratch;
        struct policy *policy; /* the built-in one, for its synonyms */
        struct kb_index *whole; /* of all articles as they are */
};

static enum err take(void *arg, const struct article *article)
{
        struct bench *bench = arg;
        if (bench->count == ARTICLES_MAX)
                return ERR_TOO_LARGE;
        bench->articles[bench->count++] = *article;
        return ERR_OK;
}

static bool read_articles(struct bench *bench, const char *path)
{
        struct kb_parse_report report = {0};
        FILE *file = fopen(path, "re");
        if (!file)
                return false;
        char *text = alloc_zeroed(FILE_MAX_BYTES, 1);
        size_t len = fread(text, 1, FILE_MAX_BYTES, file);
        fclose(file);
        struct str kept = arena_copy(&bench->arena, (struct str){text, len});
        free(text);
        const struct kb_sink sink = {take, bench, &bench->arena};
        return kb_parse(KB_FORMAT_JSONL, str_from(path), kept, &sink, &report) == ERR_OK && report.malformed == 0;
}

/* The articles as this question is to see them. */
static struct kb_index *index_for(const struct bench *bench, struct str question, struct str without, bool has_aliases)
{
        struct kb_index *index = NULL;
        struct article *articles = alloc_zeroed(bench->count + 1, sizeof *articles);
        struct str *aliases = alloc_zeroed(bench->count * KB_ALIASES_MAX + 1, sizeof *aliases);
        size_t count = 0, alias = 0;
        for (size_t i = 0; i < bench->count; i++) {
                struct article article = bench->articles[i];
                if (str_equal(article.id, without))
                        continue;
                const struct str *all = article.aliases;
                size_t alias_count = has_aliases ? article.alias_count : 0;
                article.aliases = aliases + alias;
                article.alias_count = 0;
                for (size_t j = 0; j < alias_count; j++) {
                        if (str_equal(all[j], question))
                                continue;
                        aliases[alias++] = all[j];
                        article.alias_count++;
                }
                articles[count++] = article;
        }
        if (kb_index_new(articles, count, &index, NULL) != ERR_OK)
                index = NULL;
        free(articles);
        free(aliases);
        return index;
}

static void print_hits(const struct kb_hit *hits, size_t count)
{
        struct buf buf;
        buf_init(&buf, LINE_MAX_BYTES);
        struct json_writer w = {.buf = &buf};
        json_open(&w, '{');
        json_key(&w, "hits");
        json_open(&w, '[');
        for (size_t i = 0; i < count; i++)
                json_str(&w, hits[i].article->id);
        json_close(&w, ']');
        json_key(&w, "score");
        json_fixed(&w, count ? hits[0].score : 0, 6);
#define KB_SIGNAL(name, weight) \
        json_key(&w, #name); \
        json_fixed(&w, count ? (double)hits[0].signals.name : 0, 6);
#include "text/kb_answer.def"
#undef KB_SIGNAL
        json_close(&w, '}');
        printf("%.*s\n", STR_ARGS(buf_str(&buf)));
        buf_deinit(&buf);
}

static bool ask(struct bench *bench, struct str line)
{
        struct json root, value;
        struct str question = {0}, without = {0};
        if (json_parse(bench->parser, line, &root, NULL) != ERR_OK || !json_find(root, STR("question"), &value) ||
            !json_to_str(value, &question))
                return false;
        if (json_find(root, STR("without"), &value))
                (void)json_to_str(value, &without);
        bool is_negative = !json_find(root, STR("id"), &value) && !without.ptr;
        bool has_aliases = !json_find(root, STR("aliases"), &value);
        struct kb_index *own = is_negative && has_aliases ? NULL : index_for(bench, question, without, has_aliases);
        const struct kb_index *index = own ? own : bench->whole;
        struct kb_hit hits[HITS];
        const struct kb_ask asked = {.text = {question}, .synonyms = policy_facts(bench->policy)->synonyms};
        print_hits(hits, kb_search(index, bench->scratch, &asked, hits, HITS));
        kb_index_free(own);
        return true;
}

int main(int argc, char **argv)
{
        static char line[LINE_MAX_BYTES];
        struct bench bench = {.parser = json_parser_new(LINE_MAX_BYTES, 4), .scratch = kb_scratch_new()};
        bool is_good = argc == 2;
        arena_init(&bench.arena, 2 * FILE_MAX_BYTES);
        bench.articles = alloc_zeroed(ARTICLES_MAX, sizeof *bench.articles);
        is_good = is_good && policy_load(NULL, &bench.policy, NULL) == ERR_OK && read_articles(&bench, argv[1]) &&
                  kb_index_new(bench.articles, bench.count, &bench.whole, NULL) == ERR_OK;
        while (is_good && fgets(line, sizeof line, stdin))
                is_good = ask(&bench, str_from(line));
        if (!is_good)
                fprintf(stderr, "usage: kb_signals ARTICLES.jsonl < QUESTIONS.jsonl\n");
        kb_index_free(bench.whole);
        kb_scratch_free(bench.scratch);
        policy_unref(bench.policy);
        json_parser_free(bench.parser);
        free(bench.articles);
        arena_deinit(&bench.arena);
        return is_good ? 0 : 1;
}
