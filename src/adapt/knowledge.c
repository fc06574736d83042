/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/knowledge.h"

#include "base/alloc.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "text/kb_parse.h"

#include <stdlib.h>

enum { LIST_MAX_BYTES = 1 << 20, LIST_MAX_DEPTH = 4, SEED_MAX_ARTICLES = 1000, SKIPS_TOLD = 16, SEED_ARENA_BYTES = 16 << 20 };

/* A stored list, a JSON array of strings, as strings in the arena. */
static const struct str *read_list(struct json_parser *parser, struct str text, struct arena *arena, size_t max,
                                   size_t *ret_count)
{
        struct json root, value;
        size_t count = 0;
        *ret_count = 0;
        if (!text.len || json_parse(parser, text, &root, NULL) != ERR_OK)
                return NULL;
        struct str *list = arena_alloc(arena, max * sizeof *list);
        struct json_iter iter = json_iter(root);
        struct str item;
        while (list && count < max && json_next(&iter, NULL, &value))
                if (json_to_str(value, &item))
                        list[count++] = arena_copy(arena, item);
        *ret_count = count;
        return list;
}

static struct article to_article(struct json_parser *parser, const struct store_article *stored, struct arena *arena)
{
        struct article article = {
                .id = stored->id,
                .title = stored->title,
                .body = stored->body,
                .url = stored->url,
                .locale = stored->locale,
        };
        article.aliases = read_list(parser, stored->aliases, arena, KB_ALIASES_MAX, &article.alias_count);
        article.tags = read_list(parser, stored->tags, arena, KB_TAGS_MAX, &article.tag_count);
        return article;
}

/* Those of `count` articles that an index takes, moved to the front; returns how many there are. */
static size_t keep_good(struct article *articles, size_t count, knowledge_skip_fn *on_skip)
{
        size_t kept = 0, told = 0;
        for (size_t i = 0; i < count; i++) {
                struct err_note note;
                enum err err = kb_article_check(&articles[i], &note);
                if (!err && kept == KB_ARTICLES_MAX)
                        err = err_set(&note, ERR_TOO_LARGE, "more than %d articles", KB_ARTICLES_MAX);
                if (!err) {
                        articles[kept++] = articles[i];
                        continue;
                }
                err_prefix(&note, err, "the article \"%.*s\" is left out: ",
                           (int)(articles[i].id.len < 64 ? articles[i].id.len : 64), articles[i].id.ptr);
                if (on_skip && told++ < SKIPS_TOLD)
                        on_skip(&note);
        }
        return kept;
}

static enum err load(struct store_sqlite *db, struct arena *arena, knowledge_skip_fn *on_skip,
                     struct kb_index **ret_index, struct err_note *note)
{
        struct store_article *stored;
        size_t count;
        enum err err = store_sqlite_load_articles(db, arena, &stored, &count, note);
        if (err)
                return err;
        struct article *articles = arena_alloc(arena, (count + 1) * sizeof *articles);
        if (!articles)
                return err_set(note, ERR_TOO_LARGE, "the knowledge base needs more memory than it may take");
        struct json_parser *parser = json_parser_new(LIST_MAX_BYTES, LIST_MAX_DEPTH);
        for (size_t i = 0; i < count; i++)
                articles[i] = to_article(parser, &stored[i], arena);
        json_parser_free(parser);
        if (arena->is_full)
                return err_set(note, ERR_TOO_LARGE, "the knowledge base needs more memory than it may take");
        return kb_index_new(articles, keep_good(articles, count, on_skip), ret_index, note);
}

enum err knowledge_load(struct store_sqlite *db, knowledge_skip_fn *on_skip, struct kb_index **ret_index,
                        struct err_note *note)
{
        struct arena arena;
        arena_init(&arena, KNOWLEDGE_ARENA_BYTES);
        enum err err = load(db, &arena, on_skip, ret_index, note);
        arena_deinit(&arena);
        return err;
}

static struct str list_text(struct arena *arena, const struct str *list, size_t count)
{
        struct buf buf;
        buf_init(&buf, LIST_MAX_BYTES);
        struct json_writer w = {.buf = &buf};
        json_open(&w, '[');
        for (size_t i = 0; i < count; i++)
                json_str(&w, list[i]);
        json_close(&w, ']');
        struct str text = arena_copy(arena, buf_str(&buf));
        buf_deinit(&buf);
        return text;
}

struct store_article knowledge_to_stored(const struct article *article, int64_t now_ms, struct arena *arena)
{
        return (struct store_article){
                .id = article->id,
                .title = article->title,
                .body = article->body,
                .url = article->url,
                .locale = article->locale,
                .aliases = list_text(arena, article->aliases, article->alias_count),
                .tags = list_text(arena, article->tags, article->tag_count),
                .updated_at_ms = now_ms,
        };
}

struct seed {
        struct arena *arena;
        struct store_article *articles;
        size_t count;
        int64_t now_ms;
};

static enum err take_article(void *arg, const struct article *article)
{
        struct seed *seed = arg;
        if (seed->count == SEED_MAX_ARTICLES)
                return ERR_TOO_LARGE;
        seed->articles[seed->count++] = knowledge_to_stored(article, seed->now_ms, seed->arena);
        return ERR_OK;
}

enum err knowledge_seed(struct store_sqlite *db, struct str jsonl, int64_t now_ms, struct err_note *note)
{
        struct arena arena;
        struct kb_parse_report report;
        struct store_article_counts counts;
        arena_init(&arena, SEED_ARENA_BYTES);
        struct seed seed = {.arena = &arena, .now_ms = now_ms};
        seed.articles = alloc_zeroed(SEED_MAX_ARTICLES, sizeof *seed.articles);
        const struct kb_sink sink = {take_article, &seed, &arena};
        enum err err = kb_parse(KB_FORMAT_JSONL, STR("starter.jsonl"), jsonl, &sink, &report);
        if (err || report.malformed)
                err = err_set(note, ERR_CORRUPT, "the starter articles: %s", report.problems[0].text);
        else
                err = store_sqlite_put_articles(db, seed.articles, seed.count, &counts, note);
        free(seed.articles);
        arena_deinit(&arena);
        return err;
}
