/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/admin_store.h"

#include "adapt/admin_internal.h"
#include "adapt/knowledge.h"
#include "core/scope.h"
#include "text/language.h"
#include "text/redact.h"

#include <time.h>

enum { JSON_MAX_DEPTH = 16, KEY_RANDOM_BYTES = 32, SEARCH_MAX_HITS = 50, IMPORT_MAX_ARTICLES = KB_ARTICLES_MAX };

static int64_t wall_ms(void)
{
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct str text_argument(const struct operation *op, struct json object, const char *name)
{
        struct json value;
        struct str text = {0};
        (void)op;
        if (json_find(object, str_from(name), &value) && !json_to_str(value, &text))
                return (struct str){0};
        return text;
}

enum err id_argument(const struct operation *op, const char *prefix, const char *what, struct record_id *ret_id)
{
        if (record_id_from(text_argument(op, op->arguments, "id"), str_from(prefix), ret_id))
                return ERR_OK;
        return err_set(op->note, ERR_INVALID, "%s is %s and 26 characters", what, prefix);
}

/* 256 random bits in base64url behind "tk_". */
static struct str make_key(struct arena *arena)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        unsigned char bytes[KEY_RANDOM_BYTES];
        char text[(KEY_RANDOM_BYTES * 8 + 5) / 6 + 1] = {0};
        size_t len = 0;
        random_bytes(bytes, sizeof bytes);
        for (size_t bit = 0; bit < sizeof bytes * 8; bit += 6) {
                unsigned pair = (unsigned)bytes[bit / 8] << 8 | (bit / 8 + 1 < sizeof bytes ? bytes[bit / 8 + 1] : 0);
                text[len++] = digits[pair >> (10 - bit % 8) & 63];
        }
        return arena_format(arena, "tk_%s", text);
}

static enum err read_rate(struct operation *op, struct store_key *key)
{
        struct json value;
        key->rate_per_minute = -1;
        if (!json_find(op->arguments, STR("rate_per_minute"), &value))
                return ERR_OK;
        if (!json_to_i64(value, &key->rate_per_minute) || key->rate_per_minute < 0 || key->rate_per_minute > 10000000)
                return err_set(op->note, ERR_INVALID, "rate_per_minute must be from 0 (no limit) to 10000000");
        key->rate_burst = key->rate_per_minute ? key->rate_per_minute : 1;
        if (json_find(op->arguments, STR("rate_burst"), &value) &&
            (!json_to_i64(value, &key->rate_burst) || key->rate_burst < 1 || key->rate_burst > 10000000))
                return err_set(op->note, ERR_INVALID, "rate_burst must be from 1 to 10000000");
        return ERR_OK;
}

static enum err key_add(struct operation *op)
{
        struct store_key key = {
                .name = text_argument(op, op->arguments, "name"),
                .scopes = text_argument(op, op->arguments, "scopes"),
                .created_at_ms = op->now_ms,
        };
        struct ident name;
        unsigned scopes;
        if (!ident_from(key.name, &name))
                return err_set(op->note, ERR_INVALID, "a key's name has 1 to 64 characters of A-Z a-z 0-9 . _ : -");
        if (!key.scopes.ptr || !scopes_from(key.scopes, &scopes))
                return err_set(op->note, ERR_INVALID, "scopes are a list of classify, review, reveal, admin");
        enum err err = read_rate(op, &key);
        if (err)
                return err;
        struct str text = make_key(op->arena);
        key.hash = digest_sha256(text);
        err = store_sqlite_add_key(op->db, &key, &key.id, op->note);
        if (err)
                return err;
        json_key(&op->result, "id");
        json_i64(&op->result, key.id);
        json_member(&op->result, "name", key.name);
        json_member(&op->result, "scopes", key.scopes);
        json_member(&op->result, "key", text);
        return ERR_OK;
}

static void write_key(struct operation *op, const struct store_key *key)
{
        json_open(&op->result, '{');
        json_key(&op->result, "id");
        json_i64(&op->result, key->id);
        json_member(&op->result, "name", key->name);
        json_member(&op->result, "scopes", key->scopes);
        if (key->rate_per_minute >= 0) {
                json_key(&op->result, "rate_per_minute");
                json_i64(&op->result, key->rate_per_minute);
                json_key(&op->result, "rate_burst");
                json_i64(&op->result, key->rate_burst);
        }
        json_key(&op->result, "created_at");
        json_time(&op->result, key->created_at_ms);
        json_key(&op->result, "revoked_at");
        if (key->revoked_at_ms)
                json_time(&op->result, key->revoked_at_ms);
        else
                json_null(&op->result);
        json_close(&op->result, '}');
}

static enum err key_list(struct operation *op)
{
        struct store_key *keys;
        size_t count;
        enum err err = store_sqlite_list_keys(op->db, op->arena, &keys, &count, op->note);
        if (err)
                return err;
        json_key(&op->result, "keys");
        json_open(&op->result, '[');
        for (size_t i = 0; i < count; i++)
                write_key(op, &keys[i]);
        json_close(&op->result, ']');
        return ERR_OK;
}

static enum err key_revoke(struct operation *op)
{
        struct str name = text_argument(op, op->arguments, "name");
        if (!name.len)
                return err_set(op->note, ERR_INVALID, "the name of a key is needed");
        enum err err = store_sqlite_revoke_key(op->db, name, op->now_ms, op->note);
        if (!err)
                json_member(&op->result, "name", name);
        return err;
}

/* A JSON array of strings, at most one more than `max`: whoever checks the article finds it too long. */
static enum err read_list(struct operation *op, struct json article, const char *name, size_t max,
                          const struct str **ret_list, size_t *ret_count)
{
        struct json json, value;
        size_t count = 0;
        if (!json_find(article, str_from(name), &json))
                return ERR_OK;
        if (json_type(json) != JSON_ARRAY)
                return err_set(op->note, ERR_INVALID, "%s must be a list of strings", name);
        struct str *list = arena_alloc(op->arena, (max + 1) * sizeof *list);
        struct json_iter iter = json_iter(json);
        while (list && count <= max && json_next(&iter, NULL, &value))
                if (!json_to_str(value, &list[count++]))
                        return err_set(op->note, ERR_INVALID, "%s must be a list of strings", name);
        *ret_list = list;
        *ret_count = count;
        return ERR_OK;
}

static enum err read_article(struct operation *op, struct json value, struct article *article)
{
        *article = (struct article){
                .id = text_argument(op, value, "id"),
                .title = text_argument(op, value, "title"),
                .body = text_argument(op, value, "body"),
                .url = text_argument(op, value, "url"),
                .locale = text_argument(op, value, "locale"),
        };
        if (!article->id.len || !article->title.len || !article->body.len)
                return err_set(op->note, ERR_INVALID, "an article needs the texts id, title and body");
        enum err err = read_list(op, value, "aliases", KB_ALIASES_MAX, &article->aliases, &article->alias_count);
        if (!err)
                err = read_list(op, value, "tags", KB_TAGS_MAX, &article->tags, &article->tag_count);
        return err ? err : kb_article_check(article, op->note);
}

static enum err read_articles(struct operation *op, struct json list, struct store_article *articles, size_t count)
{
        struct json value;
        struct json_iter iter = json_iter(list);
        for (size_t i = 0; i < count && json_next(&iter, NULL, &value); i++) {
                struct article article;
                enum err err = read_article(op, value, &article);
                if (err)
                        return err_prefix(op->note, err, "article %zu, \"%.*s\": ", i + 1,
                                          (int)(article.id.len < 64 ? article.id.len : 64), article.id.ptr);
                articles[i] = knowledge_to_stored(&article, op->now_ms, op->arena);
        }
        return ERR_OK;
}

static enum err kb_import(struct operation *op)
{
        struct json list, value;
        size_t count = 0;
        if (!json_find(op->arguments, STR("articles"), &list) || json_type(list) != JSON_ARRAY)
                return err_set(op->note, ERR_INVALID, "articles must be a list");
        struct json_iter counting = json_iter(list);
        while (json_next(&counting, NULL, &value))
                count++;
        if (count > IMPORT_MAX_ARTICLES)
                return err_set(op->note, ERR_TOO_LARGE, "more than %d articles at once", IMPORT_MAX_ARTICLES);
        struct store_article *articles = arena_alloc(op->arena, (count + 1) * sizeof *articles);
        if (!articles)
                return err_set(op->note, ERR_TOO_LARGE, "the articles need more memory than an import may take");
        enum err err = read_articles(op, list, articles, count);
        if (err)
                return err;
        if (op->arena->is_full)
                return err_set(op->note, ERR_TOO_LARGE, "the articles need more memory than an import may take");
        struct store_article_counts counts;
        err = store_sqlite_put_articles(op->db, articles, count, &counts, op->note);
        if (err)
                return err;
        json_key(&op->result, "added");
        json_u64(&op->result, counts.added);
        json_key(&op->result, "updated");
        json_u64(&op->result, counts.updated);
        json_key(&op->result, "unchanged");
        json_u64(&op->result, counts.unchanged);
        return ERR_OK;
}

static enum err kb_list(struct operation *op)
{
        struct store_article *articles;
        size_t count;
        enum err err = store_sqlite_load_articles(op->db, op->arena, &articles, &count, op->note);
        if (err)
                return err;
        json_key(&op->result, "articles");
        json_open(&op->result, '[');
        for (size_t i = 0; i < count; i++) {
                json_open(&op->result, '{');
                json_member(&op->result, "id", articles[i].id);
                json_member(&op->result, "title", articles[i].title);
                json_member(&op->result, "locale", articles[i].locale);
                json_member(&op->result, "url", articles[i].url);
                json_close(&op->result, '}');
        }
        json_close(&op->result, ']');
        return ERR_OK;
}

static enum err kb_delete(struct operation *op)
{
        struct str id = text_argument(op, op->arguments, "id");
        if (!id.len)
                return err_set(op->note, ERR_INVALID, "the id of an article is needed");
        enum err err = store_sqlite_delete_article(op->db, id, op->now_ms, op->note);
        if (!err)
                json_member(&op->result, "id", id);
        return err;
}

static void write_hit(struct json_writer *w, const struct kb_hit *hit, struct str snippet)
{
        json_open(w, '{');
        json_member(w, "id", hit->article->id);
        json_member(w, "title", hit->article->title);
        json_member(w, "url", hit->article->url);
        json_member(w, "snippet", snippet);
        json_key(w, "score");
        json_fixed(w, hit->score, 4);
        json_close(w, '}');
}

static void write_hits(struct operation *op, const struct kb_index *index, const struct kb_ask *ask, size_t limit)
{
        struct kb_hit hits[SEARCH_MAX_HITS];
        struct kb_scratch *scratch = kb_scratch_new();
        size_t count = kb_search(index, scratch, ask, hits, limit);
        json_key(&op->result, "hits");
        json_open(&op->result, '[');
        for (size_t i = 0; i < count; i++)
                write_hit(&op->result, &hits[i], kb_snippet(index, scratch, ask, hits[i].article));
        json_close(&op->result, ']');
        kb_scratch_free(scratch);
}

static enum err kb_find(struct operation *op)
{
        struct raw_text query = {text_argument(op, op->arguments, "query")};
        struct safe_text safe;
        struct json value;
        int64_t limit = 5;
        if (json_find(op->arguments, STR("limit"), &value) &&
            (!json_to_i64(value, &limit) || limit < 1 || limit > SEARCH_MAX_HITS))
                return err_set(op->note, ERR_INVALID, "limit must be from 1 to %d", SEARCH_MAX_HITS);
        if (!query.raw.len || redact_text(query, op->arena, &safe) != ERR_OK)
                return err_set(op->note, ERR_INVALID, "a query is needed");
        struct kb_index *index;
        enum err err = knowledge_load(op->db, NULL, &index, op->note);
        if (err)
                return err;
        const struct kb_ask ask = {.text = safe, .language = language_tag(language_guess(safe.safe))};
        write_hits(op, index, &ask, (size_t)limit);
        kb_index_free(index);
        return ERR_OK;
}

static const struct {
        struct str name;
        enum err (*run)(struct operation *op);
} operations[] = {
        {STR_INIT("key.add"), key_add},     {STR_INIT("key.list"), key_list},
        {STR_INIT("key.revoke"), key_revoke}, {STR_INIT("kb.import"), kb_import},
        {STR_INIT("kb.import_part"), kb_import}, {STR_INIT("kb.list"), kb_list},
        {STR_INIT("kb.export"), admin_kb_export},
        {STR_INIT("kb.delete"), kb_delete}, {STR_INIT("kb.search"), kb_find},
        {STR_INIT("feedback.list"), feedback_list}, {STR_INIT("model.list"), model_list},
        {STR_INIT("model.add"), model_add}, {STR_INIT("model.activate"), model_activate},
        {STR_INIT("model.rollback"), model_rollback}, {STR_INIT("model.train"), model_train},
        {STR_INIT("outbox.list"), admin_outbox_list}, {STR_INIT("outbox.retry"), admin_outbox_retry},
        {STR_INIT("outbox.drop"), admin_outbox_drop},
        {STR_INIT("ticket.list"), admin_ticket_list}, {STR_INIT("ticket.show"), admin_ticket_show},
        {STR_INIT("ticket.update"), admin_ticket_update}, {STR_INIT("ticket.comment"), admin_ticket_comment},
        {STR_INIT("review.list"), admin_review_list}, {STR_INIT("review.show"), admin_review_show},
        {STR_INIT("review.reveal"), admin_review_reveal}, {STR_INIT("review.change"), admin_review_change},
        {STR_INIT("compliance.export"), admin_compliance_export},
        {STR_INIT("subject.show"), admin_subject_show}, {STR_INIT("subject.export"), admin_subject_export},
        {STR_INIT("subject.erase"), admin_subject_erase},
        {STR_INIT("audit.key"), admin_audit_key}, {STR_INIT("audit.checkpoint"), admin_audit_checkpoint},
        {STR_INIT("audit.read"), admin_audit_read}, {STR_INIT("audit.prove"), admin_audit_prove},
};

static enum err run(struct operation *op, struct str name)
{
        for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
                if (!str_equal(name, operations[i].name))
                        continue;
                json_open(&op->result, '{');
                enum err err = operations[i].run(op);
                json_close(&op->result, '}');
                if (!err && (op->arena->is_full || op->result.buf->is_over))
                        return err_set(op->note, ERR_TOO_LARGE, "the operation needs more memory than one may take");
                return err;
        }
        return err_set(op->note, ERR_UNSUPPORTED, "no such operation");
}

static enum err execute(struct admin *admin, struct str name, struct str arguments, struct buf *result,
                        struct err_note *note)
{
        struct admin_store *store = list_item(admin, struct admin_store, admin);
        struct json_parser *parser = json_parser_new(ADMIN_MAX_BYTES, JSON_MAX_DEPTH);
        struct arena arena;
        arena_init(&arena, KNOWLEDGE_ARENA_BYTES);
        struct operation op = {
                .db = store->db,
                .directory = store->directory,
                .arena = &arena,
                .result = {.buf = result},
                .note = note,
                .now_ms = wall_ms(),
        };
        enum err err = json_parse(parser, arguments, &op.arguments, note);
        if (!err)
                err = run(&op, name);
        arena_deinit(&arena);
        json_parser_free(parser);
        return err;
}

void admin_store_init(struct admin_store *admin, struct store_sqlite *db, const char *directory)
{
        *admin = (struct admin_store){.admin = {.execute = execute}, .db = db, .directory = directory};
}
