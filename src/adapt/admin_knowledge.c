/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/admin_internal.h"

enum { PAGE_ARTICLES = 100 }; /* of the largest there may be: within ADMIN_MAX_BYTES */

static void write_text(struct json_writer *w, const char *name, struct str text)
{
        if (text.len)
                json_member(w, name, text);
}

/* A list is kept as a JSON array. */
static void write_list(struct json_writer *w, const char *name, struct str list)
{
        if (list.len <= 2)
                return;
        json_key(w, name);
        json_raw(w, list);
}

static void write_article(struct json_writer *w, const struct store_article *article)
{
        json_open(w, '{');
        write_text(w, "id", article->id);
        write_text(w, "title", article->title);
        write_text(w, "body", article->body);
        write_text(w, "url", article->url);
        write_text(w, "locale", article->locale);
        write_list(w, "aliases", article->aliases);
        write_list(w, "tags", article->tags);
        json_close(w, '}');
}

enum err admin_kb_export(struct operation *op)
{
        struct store_article articles[PAGE_ARTICLES];
        size_t count;
        enum err err = store_sqlite_page_articles(op->db, text_argument(op, op->arguments, "after"), op->arena, articles,
                                                  PAGE_ARTICLES, &count, op->note);
        if (err)
                return err;
        json_key(&op->result, "articles");
        json_open(&op->result, '[');
        for (size_t i = 0; i < count; i++)
                write_article(&op->result, &articles[i]);
        json_close(&op->result, ']');
        return ERR_OK;
}
