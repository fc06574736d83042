/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/store_sqlite_vault.h"

#include "base/log.h"
#include "base/metric.h"

#include <string.h>

/* ---- Functions of SQL ---- */

static struct str value_bytes(sqlite3_value *value)
{
        return (struct str){sqlite3_value_blob(value), (size_t)sqlite3_value_bytes(value)};
}

/* One value that was changed is no damaged database: its reader fails, the store goes on. */
static void fail_to_open(sqlite3_context *context)
{
        sqlite3_result_error(context, "a sealed value was changed, or put in another's place", -1);
}

/* Arguments: subject, wrapped key, column, row, value. False when there is nothing to do, or no way. */
static bool take_key(sqlite3_context *context, struct vault *vault, sqlite3_value **args)
{
        if (sqlite3_value_type(args[1]) == SQLITE_NULL || sqlite3_value_type(args[4]) == SQLITE_NULL)
                return false;
        if (vault_use_key(vault, sqlite3_value_int64(args[0]), value_bytes(args[1])))
                return true;
        fail_to_open(context);
        return false;
}

static struct vault_place value_place(sqlite3_value **args)
{
        return (struct vault_place){value_bytes(args[2]), sqlite3_value_int64(args[3])};
}

static void unseal(sqlite3_context *context, int count, sqlite3_value **args)
{
        (void)count;
        struct vault *vault = sqlite3_user_data(context);
        struct str sealed = value_bytes(args[4]);
        if (!take_key(context, vault, args))
                return;
        char *text = sqlite3_malloc64(sealed.len + 1);
        if (text && vault_open(vault, value_place(args), sealed, text)) {
                sqlite3_result_text64(context, text, sealed.len - VAULT_OVERHEAD, sqlite3_free, SQLITE_UTF8);
                return;
        }
        if (text)
                fail_to_open(context);
        else
                sqlite3_result_error_nomem(context);
        sqlite3_free(text);
}

static void seal(sqlite3_context *context, int count, sqlite3_value **args)
{
        (void)count;
        struct vault *vault = sqlite3_user_data(context);
        struct str text = value_bytes(args[4]);
        if (!take_key(context, vault, args))
                return;
        unsigned char *sealed = sqlite3_malloc64(text.len + VAULT_OVERHEAD);
        if (!sealed) {
                sqlite3_result_error_nomem(context);
                return;
        }
        vault_seal(vault, value_place(args), text, sealed);
        sqlite3_result_blob64(context, sealed, text.len + VAULT_OVERHEAD, sqlite3_free);
}

static void new_key(sqlite3_context *context, int count, sqlite3_value **args)
{
        (void)count;
        unsigned char wrapped[VAULT_WRAPPED_BYTES];
        vault_make_key(sqlite3_user_data(context), sqlite3_value_int64(args[0]), wrapped);
        sqlite3_result_blob(context, wrapped, sizeof wrapped, SQLITE_TRANSIENT);
}

static void new_index_key(sqlite3_context *context, int count, sqlite3_value **args)
{
        (void)count;
        (void)args;
        unsigned char wrapped[VAULT_WRAPPED_BYTES];
        vault_make_index(sqlite3_user_data(context), wrapped);
        sqlite3_result_blob(context, wrapped, sizeof wrapped, SQLITE_TRANSIENT);
}

static void customer_digest(sqlite3_context *context, int count, sqlite3_value **args)
{
        (void)count;
        if (sqlite3_value_bytes(args[0]) == 0)
                return; /* nobody: NULL */
        struct digest digest = vault_digest(sqlite3_user_data(context), false, 0, value_bytes(args[0]));
        sqlite3_result_blob(context, digest.bytes, sizeof digest.bytes, SQLITE_TRANSIENT);
}

static void free_vault(void *vault)
{
        vault_free(vault);
}

enum err store_vault_attach(sqlite3 *db, const struct digest *master, struct vault **ret_vault, struct err_note *note)
{
        static const struct {
                const char *name;
                int args;
                void (*run)(sqlite3_context *context, int count, sqlite3_value **args);
        } functions[] = {{"seal", 5, seal},
                         {"new_key", 1, new_key},
                         {"new_index_key", 0, new_index_key},
                         {"customer_digest", 1, customer_digest}};
        struct vault *vault = vault_new(master);
        /* The connection frees the vault with this one, also when it cannot be made. */
        int code = sqlite3_create_function_v2(db, "unseal", 5, SQLITE_UTF8, vault, unseal, NULL, NULL, free_vault);
        for (size_t i = 0; code == SQLITE_OK && i < sizeof functions / sizeof *functions; i++)
                code = sqlite3_create_function_v2(db, functions[i].name, functions[i].args, SQLITE_UTF8, vault,
                                                  functions[i].run, NULL, NULL, NULL);
        if (code != SQLITE_OK)
                return sqlite_db_err(db, code, note);
        *ret_vault = vault;
        return ERR_OK;
}

/* ---- The store's own ---- */

enum err store_vault_is_in_use(sqlite3 *db, bool *ret_is_in_use, struct err_note *note)
{
        int64_t count = 0;
        enum err err = sqlite_db_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'subject'", &count, note);
        *ret_is_in_use = count > 0;
        return err;
}

enum err store_vault_check(sqlite3 *db, struct vault *vault, const char *path, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db, "SELECT value FROM meta WHERE key = 'vault'", &b, note);
        if (err)
                return err;
        int code = sqlite3_step(b.stmt);
        struct str wrapped = {0};
        if (code == SQLITE_ROW)
                wrapped = (struct str){sqlite3_column_blob(b.stmt, 0), (size_t)sqlite3_column_bytes(b.stmt, 0)};
        else if (code != SQLITE_DONE)
                err = sqlite_db_err(db, code, note);
        if (!err && !vault_use_index(vault, wrapped))
                err = err_set(note, ERR_FORBIDDEN,
                              "%s was sealed under another master key: give the one that belongs to this database", path);
        return sqlite_once_end(&b, err);
}

#define UNSEAL(column) \
        "unseal(m.subject, (SELECT s.key FROM subject s WHERE s.id = m.subject), 'message." column "', m.id, m." column \
        ") AS " column

enum err store_vault_make_view(sqlite3 *db, struct err_note *note)
{
        return sqlite_db_exec(db,
                              "PRAGMA temp_store = MEMORY;"
                              "CREATE TEMP VIEW opened_message AS SELECT m.id, m.check_word, m.received_at, m.key_id,"
                              " m.channel, m.category, m.intent, m.source, m.request_id, m.model, m.prompt_version,"
                              " m.review_due_at, m.subject, " UNSEAL("text") ", " UNSEAL("metadata") ", "
                              UNSEAL("customer_id") ", " UNSEAL("decision_path") ", " UNSEAL("answer") " FROM message m",
                              note);
}

enum err store_vault_attach_reader(sqlite3 *db, const struct digest *master, struct err_note *note)
{
        struct vault *vault;
        enum err err = store_vault_attach(db, master, &vault, note);
        return err ? err : store_vault_make_view(db, note);
}

void bind_sealed(struct sqlite_binder *binder, struct vault *vault, struct vault_place place, struct str text)
{
        if (!text.ptr || binder->code != SQLITE_OK) {
                bind_text(binder, (struct str){0});
                return;
        }
        unsigned char *sealed = sqlite3_malloc64(text.len + VAULT_OVERHEAD);
        binder->last++;
        if (!sealed) {
                binder->code = SQLITE_NOMEM;
                return;
        }
        vault_seal(vault, place, text, sealed);
        binder->code = sqlite3_bind_blob64(binder->stmt, binder->last, sealed, text.len + VAULT_OVERHEAD, sqlite3_free);
}

/* ---- Subjects ---- */

enum err subject_rows_open(struct subject_rows *rows, sqlite3 *db, struct vault *vault, struct err_note *note)
{
        *rows = (struct subject_rows){.db = db, .vault = vault};
        enum err err = sqlite_db_prepare(db, "SELECT id, key FROM subject WHERE digest = ?", &rows->find, note);
        return err ? err
                   : sqlite_db_prepare(db, "INSERT INTO subject(id, digest, key, created_at) VALUES(?,?,?,?)", &rows->add,
                                       note);
}

void subject_rows_close(struct subject_rows *rows)
{
        (void)sqlite3_finalize(rows->find);
        (void)sqlite3_finalize(rows->add);
}

/* Ids of those who have a name are negative, so that the others, one a message, are not in the way of an index. */
static enum err add(struct subject_rows *rows, const struct store_record *record, const struct digest *digest,
                    int64_t *ret_subject, struct err_note *note)
{
        int64_t subject = digest ? -(int64_t)record->id.row : (int64_t)record->id.row;
        unsigned char wrapped[VAULT_WRAPPED_BYTES];
        struct sqlite_binder b = {.stmt = rows->add};
        vault_make_key(rows->vault, subject, wrapped);
        bind_i64(&b, subject);
        if (digest)
                bind_blob(&b, digest->bytes, sizeof digest->bytes);
        else
                bind_word(&b, NULL);
        bind_blob(&b, wrapped, sizeof wrapped);
        bind_i64(&b, record->received_at_ms);
        int code = b.code == SQLITE_OK ? sqlite_db_run(b.stmt) : b.code;
        if (code != SQLITE_OK)
                return sqlite_db_err(rows->db, code, note);
        *ret_subject = subject;
        return ERR_OK;
}

static bool use_found(struct subject_rows *rows, int64_t *ret_subject)
{
        struct str wrapped = {sqlite3_column_blob(rows->find, 1), (size_t)sqlite3_column_bytes(rows->find, 1)};
        *ret_subject = sqlite3_column_int64(rows->find, 0);
        return vault_use_key(rows->vault, *ret_subject, wrapped);
}

enum err subject_rows_take(struct subject_rows *rows, const struct store_record *record, int64_t *ret_subject,
                           struct err_note *note)
{
        if (record->subject.raw.len == 0)
                return add(rows, record, NULL, ret_subject, note);
        struct digest digest = vault_digest(rows->vault, record->is_conversation,
                                            record->is_conversation ? record->key_id : 0, record->subject.raw);
        struct sqlite_binder b = {.stmt = rows->find};
        bind_blob(&b, digest.bytes, sizeof digest.bytes);
        int code = b.code == SQLITE_OK ? sqlite3_step(b.stmt) : b.code;
        bool is_found = code == SQLITE_ROW, is_open = is_found && use_found(rows, ret_subject);
        enum err err = is_found || code == SQLITE_DONE ? ERR_OK : sqlite_db_err(rows->db, code, note);
        (void)sqlite3_reset(b.stmt);
        if (err || is_open)
                return err;
        if (!is_found)
                return add(rows, record, &digest, ret_subject, note);
        /* What the customer wrote before cannot be read any more; what it writes now must be kept all the same. */
        METRIC_ADD(SUBJECT_KEYS_LOST, 0, 1);
        const struct ident id = record_ident("msg_", record->id);
        LOG(SUBJECT_KEY_LOST, log_ident("message_id", &id));
        return add(rows, record, NULL, ret_subject, note);
}
