/* SPDX-License-Identifier: Apache-2.0 */
/* Administration: API keys and articles. Changes are calls to the writer's thread, so that they
 * need no lock of their own; lists are read through a connection that no look-up waits for. */
#include "adapt/store_sqlite_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "text/kb_index.h"

enum { READER_CACHE_KIB = 256, KEY_ROOM_BYTES = 16384, ARTICLE_OVERHEAD_BYTES = 256 };

enum err admin_reader_open(struct store_sqlite *db, struct err_note *note)
{
        struct admin_reader *reader = &db->admin_reader;
        struct sqlite_options options = {.is_read_only = true,
                                         .cache_kib = READER_CACHE_KIB,
                                         .busy_timeout_ms = db->config.busy_timeout_ms};
        enum err err = sqlite_db_open(db->path, &options, &reader->db, note);
        if (err)
                return err;
        pthread_mutex_init(&reader->lock, NULL);
        return store_vault_attach_reader(reader->db, &db->master, note);
}

void admin_reader_close(struct store_sqlite *db)
{
        if (!db->admin_reader.db)
                return;
        (void)sqlite3_close(db->admin_reader.db);
        pthread_mutex_destroy(&db->admin_reader.lock);
}

/* ---- Lists ---- */

/* Reads one row into the element at `ret_row`; false when the arena is full. */
typedef bool read_row(sqlite3_stmt *stmt, struct arena *arena, void *ret_row);

struct list_query {
        const char *count_sql;
        const char *rows_sql;
        size_t row_bytes;
        read_row *read_row;
};

static enum err read_rows(sqlite3 *db, const struct list_query *query, struct arena *arena, char *rows,
                          size_t count, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db, query->rows_sql, &b, note);
        if (err)
                return err;
        int code = SQLITE_ROW;
        for (size_t i = 0; !err && i < count && (code = sqlite3_step(b.stmt)) == SQLITE_ROW; i++)
                if (!query->read_row(b.stmt, arena, rows + i * query->row_bytes))
                        err = err_set(note, ERR_TOO_LARGE,
                                      "the list is larger than the memory set aside for it");
        if (!err && code != SQLITE_ROW)
                err = sqlite_db_err(db, code, note);
        return sqlite_once_end(&b, err);
}

static enum err list_all(sqlite3 *db, const struct list_query *query, struct arena *arena, void **ret_rows,
                         size_t *ret_count, struct err_note *note)
{
        int64_t count = 0;
        enum err err = sqlite_db_exec(db, "BEGIN", note);
        if (!err)
                err = sqlite_db_number(db, query->count_sql, &count, note);
        char *rows = err ? NULL : arena_zeroed(arena, (size_t)(count + 1) * query->row_bytes);
        if (!err && !rows)
                err = err_set(note, ERR_TOO_LARGE, "%lld rows are more than the memory set aside for them",
                              (long long)count);
        if (!err)
                err = read_rows(db, query, arena, rows, (size_t)count, note);
        sqlite_db_rollback(db);
        if (err)
                return err;
        *ret_rows = rows;
        *ret_count = (size_t)count;
        return ERR_OK;
}

static enum err list_under_lock(struct store_sqlite *db, const struct list_query *query, struct arena *arena,
                                void **ret_rows, size_t *ret_count, struct err_note *note)
{
        pthread_mutex_lock(&db->admin_reader.lock);
        enum err err = list_all(db->admin_reader.db, query, arena, ret_rows, ret_count, note);
        pthread_mutex_unlock(&db->admin_reader.lock);
        return err;
}

/* ---- API keys ---- */

struct key_call {
        struct store_call call;
        const struct store_key *key;
        struct str name;
        int64_t now_ms;
        int64_t id;
};

static enum err check_key_count(sqlite3 *db, struct err_note *note)
{
        int64_t count = 0;
        enum err err = sqlite_db_number(db, "SELECT count(*) FROM api_key WHERE revoked_at = 0", &count, note);
        if (err || count < STORE_KEYS_MAX)
                return err;
        return err_set(note, ERR_TOO_LARGE, "there are %d API keys in force already; revoke one", STORE_KEYS_MAX);
}

static enum err add_key(struct store_call *call, sqlite3 *db, struct err_note *note)
{
        struct key_call *add = list_item(call, struct key_call, call);
        const struct store_key *key = add->key;
        struct sqlite_binder b;
        enum err err = check_key_count(db, note);
        if (err)
                return err;
        err = sqlite_once(
                db,
                "INSERT INTO api_key(name, hash, scopes, rate_per_minute, rate_burst, created_at, revoked_at)"
                " VALUES(?,?,?,?,?,?,?)",
                &b, note);
        if (err)
                return err;
        bind_text(&b, key->name);
        bind_blob(&b, key->hash.bytes, sizeof key->hash.bytes);
        bind_text(&b, key->scopes);
        bind_i64(&b, key->rate_per_minute);
        bind_i64(&b, key->rate_burst);
        bind_i64(&b, key->created_at_ms);
        bind_i64(&b, key->revoked_at_ms);
        err = sqlite_once_run(db, &b, note);
        if (err == ERR_EXISTS)
                return err_set(note, err, "there is or was a key with this name");
        add->id = sqlite3_last_insert_rowid(db);
        return err;
}

/* Names and scopes were checked by the caller: none needs to be escaped. */
static struct str name_detail(char *text, size_t size, struct str name, struct str scopes)
{
        int len = scopes.ptr ? snprintf(text, size, "{\"name\":\"%.*s\",\"scopes\":\"%.*s\"}", STR_ARGS(name), STR_ARGS(scopes))
                             : snprintf(text, size, "{\"name\":\"%.*s\"}", STR_ARGS(name));
        return (struct str){text, (size_t)len};
}

enum err store_sqlite_add_key(struct store_sqlite *db, const struct store_key *key, int64_t *ret_id,
                              struct err_note *note)
{
        char details[256];
        struct key_call add = {
                .call = {.run = add_key,
                         .room_bytes = KEY_ROOM_BYTES,
                         .audit = {.kind = AUDIT_KEY_ADDED, .actor = STR("cli"),
                                   .at_ms = key->created_at_ms,
                                   .details = name_detail(details, sizeof details, key->name, key->scopes)}},
                .key = key,
        };
        enum err err = writer_call(db, &add.call, note);
        if (!err)
                *ret_id = add.id;
        return err;
}

static enum err revoke_key(struct store_call *call, sqlite3 *db, struct err_note *note)
{
        struct key_call *revoke = list_item(call, struct key_call, call);
        struct sqlite_binder b;
        enum err err = sqlite_once(db, "UPDATE api_key SET revoked_at = ? WHERE name = ? AND revoked_at = 0", &b,
                               note);
        if (err)
                return err;
        bind_i64(&b, revoke->now_ms);
        bind_text(&b, revoke->name);
        err = sqlite_once_run(db, &b, note);
        if (!err && sqlite3_changes(db) == 0)
                return err_set(note, ERR_NOT_FOUND, "no key in force has this name");
        return err;
}

enum err store_sqlite_revoke_key(struct store_sqlite *db, struct str name, int64_t now_ms,
                                 struct err_note *note)
{
        char details[256];
        struct key_call revoke = {
                .call = {.run = revoke_key,
                         .audit = {.kind = AUDIT_KEY_REVOKED, .actor = STR("cli"),
                                   .at_ms = now_ms,
                                   .details = name_detail(details, sizeof details, name, (struct str){0})}},
                .name = name,
                .now_ms = now_ms,
        };
        return writer_call(db, &revoke.call, note);
}

static bool read_key(sqlite3_stmt *stmt, struct arena *arena, void *ret_row)
{
        struct store_key *key = ret_row;
        key->id = sqlite3_column_int64(stmt, 0);
        if (sqlite3_column_bytes(stmt, 2) == (int)sizeof key->hash.bytes)
                memcpy(key->hash.bytes, sqlite3_column_blob(stmt, 2), sizeof key->hash.bytes);
        key->rate_per_minute = sqlite3_column_int64(stmt, 4);
        key->rate_burst = sqlite3_column_int64(stmt, 5);
        key->created_at_ms = sqlite3_column_int64(stmt, 6);
        key->revoked_at_ms = sqlite3_column_int64(stmt, 7);
        return column_copy(stmt, 1, arena, &key->name) && column_copy(stmt, 3, arena, &key->scopes);
}

enum err store_sqlite_list_keys(struct store_sqlite *db, struct arena *arena, struct store_key **ret_keys,
                                size_t *ret_count, struct err_note *note)
{
        static const struct list_query query = {
                .count_sql = "SELECT count(*) FROM api_key",
                .rows_sql =
                        "SELECT id, name, hash, scopes, rate_per_minute, rate_burst, created_at, revoked_at"
                        " FROM api_key ORDER BY id",
                .row_bytes = sizeof(struct store_key),
                .read_row = read_key,
        };
        void *rows;
        enum err err = list_under_lock(db, &query, arena, &rows, ret_count, note);
        if (!err)
                *ret_keys = rows;
        return err;
}

/* ---- Labels ---- */

static bool read_label(sqlite3_stmt *stmt, struct arena *arena, void *ret_row)
{
        struct store_label *label = ret_row;
        if (!category_from(column_text(stmt, 1), &label->category))
                label->category = CATEGORY_COUNT;
        if (!intent_from(column_text(stmt, 2), &label->intent))
                label->intent = INTENT_NONE;
        /* A danger that has no name among ours is still no small talk. */
        if (label->intent == INTENT_OTHER && label->category == CATEGORY_SAFETY_COMPLIANCE)
                label->intent = INTENT_NONE;
        return column_copy(stmt, 0, arena, &label->text);
}

enum err store_sqlite_list_labels(struct store_sqlite *db, struct arena *arena, struct store_label **ret_labels,
                                  size_t *ret_count, struct err_note *note)
{
#define LABELS_FROM \
        " FROM feedback f JOIN opened_message m ON m.id = f.message_row" \
        " WHERE (f.is_right OR f.category IS NOT NULL OR f.intent IS NOT NULL) AND m.text <> '[TEXT_WITHHELD]'" \
        " AND NOT EXISTS(SELECT 1 FROM feedback g WHERE g.message_row = f.message_row" \
        " AND (g.created_at, g.key_id) > (f.created_at, f.key_id)) ORDER BY f.message_row DESC LIMIT 50000"
        static const struct list_query query = {
                .count_sql = "SELECT count(*) FROM (SELECT 1" LABELS_FROM ")",
                .rows_sql = "SELECT m.text, iif(f.is_right, m.category, f.category),"
                            " iif(f.is_right, m.intent, f.intent)" LABELS_FROM,
                .row_bytes = sizeof(struct store_label),
                .read_row = read_label,
        };
#undef LABELS_FROM
        static_assert(STORE_LABELS_MAX == 50000, "the limit of the statement");
        void *rows;
        enum err err = list_under_lock(db, &query, arena, &rows, ret_count, note);
        if (!err)
                *ret_labels = rows;
        return err;
}

/* ---- Articles ---- */

struct article_call {
        struct store_call call;
        const struct store_article *articles;
        size_t count;
        struct str id;
        struct store_article_counts counts;
        int64_t now_ms;
        char details[64];
};

static void tell_audit(struct article_call *change, size_t added, size_t updated, size_t deleted)
{
        int len = snprintf(change->details, sizeof change->details, "{\"added\":%zu,\"updated\":%zu,\"deleted\":%zu}", added,
                           updated, deleted);
        change->call.audit = (struct audit_entry){
                .kind = AUDIT_KNOWLEDGE_CHANGED,
                .at_ms = change->now_ms,
                .details = {change->details, (size_t)len},
        };
}

static void bind_article(struct sqlite_binder *b, const struct store_article *article)
{
        bind_text(b, article->id);
        bind_text(b, article->title);
        bind_text(b, article->body);
        bind_text(b, article->url);
        bind_text(b, article->locale);
        bind_text(b, article->aliases);
        bind_text(b, article->tags);
        bind_i64(b, article->updated_at_ms);
}

struct article_stmts {
        sqlite3_stmt *find;
        sqlite3_stmt *update;
        sqlite3_stmt *insert;
};

static enum err prepare_articles(sqlite3 *db, struct article_stmts *stmts, struct err_note *note)
{
        enum err err = sqlite_db_prepare(db, "SELECT 1 FROM article WHERE id = ?", &stmts->find, note);
        if (!err)
                err = sqlite_db_prepare(
                        db,
                        "UPDATE article SET title=?2, body=?3, url=?4, locale=?5, aliases=?6, tags=?7,"
                        " updated_at=?8 WHERE id=?1 AND (title, body) IS NOT (?2, ?3)"
                        " OR id=?1 AND (url, locale, aliases, tags) IS NOT (?4, ?5, ?6, ?7)",
                        &stmts->update, note);
        if (!err)
                err = sqlite_db_prepare(
                        db,
                        "INSERT INTO article(id, title, body, url, locale, aliases, tags, updated_at)"
                        " VALUES(?,?,?,?,?,?,?,?)",
                        &stmts->insert, note);
        return err;
}

static int find_article(const struct article_stmts *stmts, const struct store_article *article)
{
        struct sqlite_binder b = {.stmt = stmts->find};
        bind_text(&b, article->id);
        int code = b.code == SQLITE_OK ? sqlite3_step(b.stmt) : b.code;
        (void)sqlite3_reset(b.stmt);
        return code;
}

static enum err put_article(sqlite3 *db, const struct article_stmts *stmts,
                            const struct store_article *article, struct store_article_counts *counts,
                            struct err_note *note)
{
        int found = find_article(stmts, article);
        if (found != SQLITE_ROW && found != SQLITE_DONE)
                return sqlite_db_err(db, found, note);
        bool is_new = found == SQLITE_DONE;
        struct sqlite_binder b = {.stmt = is_new ? stmts->insert : stmts->update};
        bind_article(&b, article);
        int code = b.code == SQLITE_OK ? sqlite_db_run(b.stmt) : b.code;
        if (code != SQLITE_OK)
                return sqlite_db_err(db, code, note);
        bool is_changed = sqlite3_changes(db) > 0;
        counts->added += is_new;
        counts->updated += !is_new && is_changed;
        counts->unchanged += !is_new && !is_changed;
        return ERR_OK;
}

static const char count_articles[] = "SELECT count(*) FROM article";

/* Within the transaction, which is undone when the index could not hold what the table holds. */
static enum err check_article_count(sqlite3 *db, struct err_note *note)
{
        int64_t count = 0;
        enum err err = sqlite_db_number(db, count_articles, &count, note);
        if (err || count <= KB_ARTICLES_MAX)
                return err;
        return err_set(note, ERR_TOO_LARGE, "the knowledge base would have %lld articles, over the maximum of %d",
                       (long long)count, KB_ARTICLES_MAX);
}

static enum err put_articles(struct store_call *call, sqlite3 *db, struct err_note *note)
{
        struct article_call *put = list_item(call, struct article_call, call);
        struct article_stmts stmts = {.find = NULL};
        enum err err = prepare_articles(db, &stmts, note);
        for (size_t i = 0; !err && i < put->count; i++) {
                err = put_article(db, &stmts, &put->articles[i], &put->counts, note);
                if (err)
                        err_prefix(note, err, "article %zu of %zu: ", i + 1, put->count);
        }
        (void)sqlite3_finalize(stmts.find);
        (void)sqlite3_finalize(stmts.update);
        (void)sqlite3_finalize(stmts.insert);
        if (!err && put->counts.added > 0)
                err = check_article_count(db, note);
        if (!err && put->counts.added + put->counts.updated > 0)
                tell_audit(put, put->counts.added, put->counts.updated, 0);
        return err;
}

/* The log holds a change before the database does. */
static int64_t room_for(const struct store_article *articles, size_t count)
{
        size_t bytes = 0;
        for (size_t i = 0; i < count; i++)
                bytes += articles[i].title.len + articles[i].body.len + articles[i].aliases.len +
                         articles[i].tags.len + articles[i].url.len + ARTICLE_OVERHEAD_BYTES;
        return 2 * (int64_t)bytes;
}

enum err store_sqlite_put_articles(struct store_sqlite *db, const struct store_article *articles,
                                   size_t count, struct store_article_counts *ret_counts,
                                   struct err_note *note)
{
        struct article_call put = {
                .call = {.run = put_articles, .room_bytes = room_for(articles, count)},
                .articles = articles,
                .count = count,
                .now_ms = count ? articles[0].updated_at_ms : 0,
        };
        enum err err = writer_call(db, &put.call, note);
        if (!err)
                *ret_counts = put.counts;
        return err;
}

static enum err delete_article(struct store_call *call, sqlite3 *db, struct err_note *note)
{
        struct article_call *delete = list_item(call, struct article_call, call);
        struct sqlite_binder b;
        enum err err = sqlite_once(db, "DELETE FROM article WHERE id = ?", &b, note);
        if (err)
                return err;
        bind_text(&b, delete->id);
        err = sqlite_once_run(db, &b, note);
        if (!err && sqlite3_changes(db) == 0)
                return err_set(note, ERR_NOT_FOUND, "there is no article with this id");
        if (!err)
                tell_audit(delete, 0, 0, 1);
        return err;
}

enum err store_sqlite_delete_article(struct store_sqlite *db, struct str id, int64_t now_ms, struct err_note *note)
{
        struct article_call delete = {.call.run = delete_article, .id = id, .now_ms = now_ms};
        return writer_call(db, &delete.call, note);
}

static bool read_article(sqlite3_stmt *stmt, struct arena *arena, void *ret_row)
{
        struct store_article *article = ret_row;
        struct str *const columns[] = {&article->id,     &article->title,   &article->body, &article->url,
                                       &article->locale, &article->aliases, &article->tags};
        int count = sizeof columns / sizeof *columns;
        article->updated_at_ms = sqlite3_column_int64(stmt, count);
        for (int i = 0; i < count; i++)
                if (!column_copy(stmt, i, arena, columns[i]))
                        return false;
        return true;
}

enum err store_sqlite_load_articles(struct store_sqlite *db, struct arena *arena,
                                    struct store_article **ret_articles, size_t *ret_count,
                                    struct err_note *note)
{
        static const struct list_query query = {
                .count_sql = count_articles,
                .rows_sql =
                        "SELECT id, title, body, url, locale, aliases, tags, updated_at FROM article"
                            " ORDER BY id",
                .row_bytes = sizeof(struct store_article),
                .read_row = read_article,
        };
        void *rows;
        enum err err = list_under_lock(db, &query, arena, &rows, ret_count, note);
        if (!err)
                *ret_articles = rows;
        return err;
}

static enum err page_articles(struct sqlite_binder *b, struct arena *arena, struct store_article *articles,
                              size_t *ret_count, struct err_note *note)
{
        int code;
        while ((code = sqlite3_step(b->stmt)) == SQLITE_ROW)
                if (!read_article(b->stmt, arena, &articles[(*ret_count)++]))
                        return err_set(note, ERR_TOO_LARGE, "the list is larger than the memory set aside for it");
        return code == SQLITE_DONE ? ERR_OK : sqlite_db_err(sqlite3_db_handle(b->stmt), code, note);
}

enum err store_sqlite_page_articles(struct store_sqlite *db, struct str after, struct arena *arena,
                                    struct store_article *ret_articles, size_t max, size_t *ret_count,
                                    struct err_note *note)
{
        struct sqlite_binder b;
        *ret_count = 0;
        pthread_mutex_lock(&db->admin_reader.lock);
        enum err err = sqlite_once(db->admin_reader.db,
                                   "SELECT id, title, body, url, locale, aliases, tags, updated_at FROM article"
                                   " WHERE id > ? ORDER BY id LIMIT ?",
                                   &b, note);
        if (!err) {
                bind_text(&b, after.len ? after : STR(""));
                bind_i64(&b, (int64_t)max);
                err = sqlite_once_end(&b, page_articles(&b, arena, ret_articles, ret_count, note));
        }
        pthread_mutex_unlock(&db->admin_reader.lock);
        return err;
}

enum err store_sqlite_count_articles(struct store_sqlite *db, size_t *ret_count, struct err_note *note)
{
        int64_t count = 0;
        pthread_mutex_lock(&db->admin_reader.lock);
        enum err err = sqlite_db_number(db->admin_reader.db, count_articles, &count, note);
        pthread_mutex_unlock(&db->admin_reader.lock);
        if (!err)
                *ret_count = (size_t)count;
        return err;
}
