/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/store_sqlite_schema.h"

#include <stdio.h>

/* No secondary index on `message`: each would cost more than the row. Its id is the row number of
 * the message_id; ticket and compliance share it. Enums are stored as their names. */
static const char *const steps[] = {
        "CREATE TABLE message("
        " id INTEGER PRIMARY KEY, check_word INTEGER NOT NULL, received_at INTEGER NOT NULL,"
        " key_id INTEGER NOT NULL, channel TEXT NOT NULL, category TEXT NOT NULL, intent TEXT NOT NULL,"
        " secondary_intent TEXT, confidence REAL NOT NULL, source TEXT NOT NULL, severity TEXT NOT NULL,"
        " request_id TEXT NOT NULL, is_refused INTEGER NOT NULL, text TEXT NOT NULL, metadata TEXT,"
        " customer_id TEXT, model TEXT, prompt_version TEXT, decision_path TEXT, is_cached INTEGER NOT NULL,"
        " action TEXT, priority TEXT NOT NULL, needs_review INTEGER NOT NULL, article_id TEXT,"
        " answer TEXT NOT NULL) STRICT;"

        "CREATE TABLE idempotency("
        " key BLOB PRIMARY KEY, fingerprint BLOB NOT NULL, message_row INTEGER NOT NULL,"
        " expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"

        "CREATE TABLE ticket("
        " id INTEGER PRIMARY KEY, status TEXT NOT NULL, priority TEXT NOT NULL, queue TEXT NOT NULL,"
        " intent TEXT NOT NULL, created_at INTEGER NOT NULL, external_id TEXT) STRICT;"

        "CREATE TABLE compliance("
        " id INTEGER PRIMARY KEY, severity TEXT NOT NULL, intent TEXT NOT NULL, secondary_intent TEXT,"
        " received_at INTEGER NOT NULL, due_at INTEGER NOT NULL, status TEXT NOT NULL, channel TEXT NOT NULL,"
        " text_digest BLOB NOT NULL, text_points INTEGER NOT NULL, customer_id TEXT, product_id TEXT,"
        " is_report_candidate INTEGER NOT NULL) STRICT;"

        "CREATE TABLE review("
        " due_at INTEGER NOT NULL, message_row INTEGER NOT NULL, severity TEXT NOT NULL,"
        " category TEXT NOT NULL, key_id INTEGER NOT NULL, reason TEXT NOT NULL, status TEXT NOT NULL,"
        " PRIMARY KEY(due_at, message_row)) STRICT, WITHOUT ROWID;"

        "CREATE TABLE outbox("
        " id INTEGER PRIMARY KEY, message_row INTEGER NOT NULL, external_system TEXT NOT NULL,"
        " action TEXT NOT NULL, created_at INTEGER NOT NULL, state TEXT NOT NULL,"
        " attempts INTEGER NOT NULL, payload TEXT NOT NULL) STRICT;"

        "CREATE TABLE api_key("
        " id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, hash BLOB NOT NULL UNIQUE, scopes TEXT NOT NULL,"
        " rate_per_minute INTEGER NOT NULL, rate_burst INTEGER NOT NULL, created_at INTEGER NOT NULL,"
        " revoked_at INTEGER NOT NULL) STRICT;"

        "CREATE TABLE article("
        " id TEXT PRIMARY KEY, title TEXT NOT NULL, body TEXT NOT NULL, url TEXT, locale TEXT, aliases TEXT,"
        " tags TEXT, updated_at INTEGER NOT NULL) STRICT;"

        "CREATE TABLE meta(key TEXT PRIMARY KEY, value BLOB) STRICT, WITHOUT ROWID;",

        /* 2: what reviewers say about decisions; key_id is theirs. */
        "CREATE TABLE feedback("
        " message_row INTEGER NOT NULL, key_id INTEGER NOT NULL, created_at INTEGER NOT NULL,"
        " is_right INTEGER NOT NULL, category TEXT, intent TEXT, comment TEXT,"
        " PRIMARY KEY(message_row, key_id)) STRICT, WITHOUT ROWID;",

        /* 3: tickets change. A new one is in none of the two indexes: a message's transaction does not pay for
         * them. An event has the version that its change made, and there is one a field. */
        "ALTER TABLE ticket ADD COLUMN assignee TEXT;"
        "ALTER TABLE ticket ADD COLUMN updated_at INTEGER;"
        "ALTER TABLE ticket ADD COLUMN version INTEGER NOT NULL DEFAULT 1;"
        "CREATE INDEX ticket_by_status ON ticket(status, id) WHERE status <> 'open';"
        "CREATE INDEX ticket_by_assignee ON ticket(assignee, id) WHERE assignee IS NOT NULL;"
        "CREATE TABLE ticket_event("
        " ticket_row INTEGER NOT NULL, version INTEGER NOT NULL, field TEXT NOT NULL, at INTEGER NOT NULL,"
        " by_key TEXT, old_value TEXT, new_value TEXT,"
        " PRIMARY KEY(ticket_row, version, field)) STRICT, WITHOUT ROWID;",

        /* 4: reviews change. `review` holds the open ones only; a message knows when its review is due, which is
         * how it is found. `conversation` is a keyed digest. Notes of reviewers stand in review_event alone. */
        "ALTER TABLE review ADD COLUMN assignee TEXT;"
        "ALTER TABLE review ADD COLUMN version INTEGER NOT NULL DEFAULT 1;"
        "ALTER TABLE review ADD COLUMN updated_at INTEGER;"
        "ALTER TABLE review ADD COLUMN acknowledged_at INTEGER;"
        "ALTER TABLE review ADD COLUMN suggested_reply TEXT;"
        "ALTER TABLE review ADD COLUMN conversation BLOB;"
        "CREATE TABLE review_resolved("
        " due_at INTEGER NOT NULL, message_row INTEGER NOT NULL, severity TEXT NOT NULL,"
        " category TEXT NOT NULL, key_id INTEGER NOT NULL, reason TEXT NOT NULL, status TEXT NOT NULL,"
        " assignee TEXT, version INTEGER NOT NULL, updated_at INTEGER, acknowledged_at INTEGER,"
        " suggested_reply TEXT, conversation BLOB, outcome TEXT NOT NULL, resolved_at INTEGER NOT NULL,"
        " PRIMARY KEY(due_at, message_row)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE review_event("
        " message_row INTEGER NOT NULL, version INTEGER NOT NULL, at INTEGER NOT NULL, by_key TEXT,"
        " action TEXT NOT NULL, assignee TEXT, outcome TEXT, note TEXT,"
        " PRIMARY KEY(message_row, version)) STRICT, WITHOUT ROWID;"
        "CREATE TABLE review_message("
        " review_row INTEGER NOT NULL, message_row INTEGER NOT NULL,"
        " PRIMARY KEY(review_row, message_row)) STRICT, WITHOUT ROWID;"
        "ALTER TABLE message ADD COLUMN review_due_at INTEGER;"
        "UPDATE message SET review_due_at = review.due_at FROM review WHERE message.id = review.message_row;",

        /* 5: the outbox is delivered: nothing read the old one. An entry is called by id and check_word; queued_at is created_at, or when somebody wanted it
         * tried again; one without a due
         * time waits behind an earlier one of its message or is a dead letter. The first index also answers what is counted. */
        "DROP TABLE outbox;"
        "CREATE TABLE outbox("
        " id INTEGER PRIMARY KEY, check_word INTEGER NOT NULL DEFAULT (random()), connector TEXT NOT NULL,"
        " event TEXT NOT NULL, message_row INTEGER NOT NULL, created_at INTEGER NOT NULL, queued_at INTEGER NOT NULL, due_at INTEGER,"
        " state TEXT NOT NULL, attempts INTEGER NOT NULL, is_unknown INTEGER NOT NULL, last_error TEXT,"
        " payload TEXT NOT NULL) STRICT;"
        "CREATE INDEX outbox_by_message ON outbox(connector, state, message_row, queued_at);"
        "CREATE INDEX outbox_by_due ON outbox(connector, due_at) WHERE due_at IS NOT NULL;"
        "ALTER TABLE compliance ADD COLUMN external_id TEXT;",

        /* 6: the SLA clock's rows, one for each open review. Of those from before, nothing is told that is over. */
        "CREATE TABLE sla("
        " message_row INTEGER PRIMARY KEY, severity TEXT NOT NULL, received_at INTEGER NOT NULL,"
        " due_at INTEGER NOT NULL, next_at INTEGER NOT NULL, reminders INTEGER NOT NULL,"
        " is_breached INTEGER NOT NULL, told INTEGER NOT NULL, acknowledge_by INTEGER NOT NULL) STRICT;"
        "CREATE INDEX sla_by_next ON sla(next_at);"
        "CREATE INDEX sla_overdue ON sla(due_at) WHERE is_breached = 1;"
        "CREATE TABLE sla_count("
        " severity TEXT NOT NULL, is_breached INTEGER NOT NULL, number INTEGER NOT NULL,"
        " PRIMARY KEY(severity, is_breached)) STRICT, WITHOUT ROWID;"
        "CREATE TRIGGER sla_added AFTER INSERT ON sla BEGIN"
        " INSERT INTO sla_count VALUES(new.severity, new.is_breached, 1)"
        " ON CONFLICT DO UPDATE SET number = number + 1; END;"
        "CREATE TRIGGER sla_removed AFTER DELETE ON sla BEGIN"
        " UPDATE sla_count SET number = number - 1"
        " WHERE severity = old.severity AND is_breached = old.is_breached; END;"
        "CREATE TRIGGER sla_changed AFTER UPDATE OF is_breached ON sla WHEN new.is_breached <> old.is_breached BEGIN"
        " UPDATE sla_count SET number = number - 1"
        " WHERE severity = old.severity AND is_breached = old.is_breached;"
        " INSERT INTO sla_count VALUES(new.severity, new.is_breached, 1)"
        " ON CONFLICT DO UPDATE SET number = number + 1; END;"
        "INSERT OR IGNORE INTO sla(message_row, severity, received_at, due_at, next_at, reminders, is_breached, told,"
        " acknowledge_by)"
        " SELECT r.message_row, r.severity, m.received_at, r.due_at, r.due_at, 0,"
        " r.due_at <= unixepoch() * 1000, 0, 0 FROM review r JOIN message m ON m.id = r.message_row;",

        /* 7: the audit log (adapt/audit_log.h). A message knows its entry's place and the salt of the digest there,
         * without which nobody can tell what was digested. */
        "CREATE TABLE audit(seq INTEGER PRIMARY KEY, entry TEXT NOT NULL) STRICT;"
        "CREATE TABLE audit_tile("
        " level INTEGER NOT NULL, number INTEGER NOT NULL, hash BLOB NOT NULL,"
        " PRIMARY KEY(level, number)) STRICT, WITHOUT ROWID;"
        "ALTER TABLE message ADD COLUMN audit_seq INTEGER;"
        "ALTER TABLE message ADD COLUMN audit_salt BLOB;",

        /* 8: what is known of a customer is sealed under the key of its subject (store_sqlite_vault.h), also what is
         * there already. A customer_id that the redactor has changed is nobody's name. A subject with a name has a
         * negative id, and digest and key are gone when it was erased. */
        "INSERT INTO meta(key, value) VALUES('vault', new_index_key());"
        "CREATE TABLE subject("
        " id INTEGER PRIMARY KEY, digest BLOB, key BLOB, created_at INTEGER NOT NULL, erased_at INTEGER) STRICT;"
        "CREATE UNIQUE INDEX subject_by_digest ON subject(digest) WHERE digest IS NOT NULL;"
        "INSERT INTO subject(id, digest, key, created_at)"
        " SELECT -min(id), customer_digest(customer_id), new_key(-min(id)), min(received_at) FROM message"
        " WHERE customer_id NOT LIKE '%_REDACTED%' GROUP BY customer_id;"
        "INSERT INTO subject(id, key, created_at) SELECT id, new_key(id), received_at FROM message"
        " WHERE customer_id IS NULL OR customer_id LIKE '%_REDACTED%';"
        "CREATE TABLE sealed("
        " id INTEGER PRIMARY KEY, check_word INTEGER NOT NULL, received_at INTEGER NOT NULL,"
        " key_id INTEGER NOT NULL, channel TEXT NOT NULL, category TEXT NOT NULL, intent TEXT NOT NULL,"
        " secondary_intent TEXT, confidence REAL NOT NULL, source TEXT NOT NULL, severity TEXT NOT NULL,"
        " request_id TEXT NOT NULL, is_refused INTEGER NOT NULL, text BLOB NOT NULL, metadata BLOB, customer_id BLOB,"
        " model TEXT, prompt_version TEXT, decision_path BLOB, is_cached INTEGER NOT NULL,"
        " action TEXT, priority TEXT NOT NULL, needs_review INTEGER NOT NULL, article_id TEXT,"
        " answer BLOB NOT NULL, review_due_at INTEGER, audit_seq INTEGER, audit_salt BLOB, subject INTEGER NOT NULL) STRICT;"
        "INSERT INTO sealed SELECT m.id, check_word, received_at, key_id, channel, category, intent, secondary_intent,"
        " confidence, source, severity, request_id, is_refused, seal(s.id, s.key, 'message.text', m.id, text),"
        " seal(s.id, s.key, 'message.metadata', m.id, metadata),"
        " seal(s.id, s.key, 'message.customer_id', m.id, customer_id), model, prompt_version,"
        " seal(s.id, s.key, 'message.decision_path', m.id, decision_path), is_cached, action, priority, needs_review,"
        " article_id, seal(s.id, s.key, 'message.answer', m.id, answer), review_due_at, audit_seq, audit_salt, s.id"
        " FROM message m JOIN subject s ON s.id = coalesce("
        "(SELECT d.id FROM subject d WHERE d.digest = customer_digest(m.customer_id)), m.id) ORDER BY m.id;"
        "DROP TABLE message;"
        "ALTER TABLE sealed RENAME TO message;"
        "CREATE INDEX message_by_subject ON message(subject) WHERE subject < 0;"
        "ALTER TABLE compliance DROP COLUMN customer_id;"
        "CREATE TABLE sealed_feedback("
        " message_row INTEGER NOT NULL, key_id INTEGER NOT NULL, created_at INTEGER NOT NULL,"
        " is_right INTEGER NOT NULL, category TEXT, intent TEXT, comment BLOB,"
        " PRIMARY KEY(message_row, key_id)) STRICT, WITHOUT ROWID;"
        "INSERT INTO sealed_feedback SELECT f.message_row, f.key_id, f.created_at, f.is_right, f.category, f.intent,"
        " seal(s.id, s.key, 'feedback.comment/' || f.key_id, f.message_row, f.comment)"
        " FROM feedback f JOIN message m ON m.id = f.message_row JOIN subject s ON s.id = m.subject;"
        "DROP TABLE feedback;"
        "ALTER TABLE sealed_feedback RENAME TO feedback;",

        /* 9: what a message has joined is found when the message goes (store_sqlite_retention.h). */
        "CREATE INDEX review_message_by_message ON review_message(message_row);",

        /* 10: what people review, as it came; sealed, and read by nothing but store_sqlite_original.c. */
        "CREATE TABLE original(message_row INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;",
};

enum { VERSION = sizeof steps / sizeof *steps };

static enum err take_step(sqlite3 *db, int64_t version, struct err_note *note)
{
        enum err err = sqlite_db_exec(db, "BEGIN IMMEDIATE", note);
        if (!err)
                err = sqlite_db_exec(db, steps[version], note);
        char sql[96];
        snprintf(sql, sizeof sql, "PRAGMA user_version=%lld; PRAGMA application_id=%d; COMMIT",
                 (long long)version + 1, STORE_SQLITE_APPLICATION_ID);
        if (!err)
                err = sqlite_db_exec(db, sql, note);
        if (err)
                sqlite_db_rollback(db);
        return err;
}

/* A file of another program, or of a later version of this one, is left as it is. */
static enum err check_identity(sqlite3 *db, const char *path, int64_t version, struct err_note *note)
{
        int64_t application = 0, tables = 0;
        enum err err = sqlite_db_number(db, "PRAGMA application_id", &application, note);
        if (!err)
                err = sqlite_db_number(db, "SELECT count(*) FROM sqlite_schema", &tables, note);
        if (err)
                return err;
        bool is_new = application == 0 && version == 0 && tables == 0;
        if (!is_new && application != STORE_SQLITE_APPLICATION_ID)
                return err_set(note, ERR_UNSUPPORTED, "%s is a database of another program", path);
        if (version > VERSION)
                return err_set(note, ERR_UNSUPPORTED,
                               "%s has version %lld, this program knows up to %d:"
                               " run the newer program",
                               path, (long long)version, VERSION);
        return ERR_OK;
}

enum err store_sqlite_migrate_to(sqlite3 *db, const char *path, int64_t target, struct err_note *note)
{
        int64_t version = 0;
        enum err err = sqlite_db_number(db, "PRAGMA user_version", &version, note);
        if (!err)
                err = check_identity(db, path, version, note);
        for (; !err && version < target; version++)
                err = take_step(db, version, note);
        return err;
}

enum err store_sqlite_migrate(sqlite3 *db, const char *path, struct err_note *note)
{
        return store_sqlite_migrate_to(db, path, VERSION, note);
}

enum err store_sqlite_identify(sqlite3 *db, const char *path, int64_t *ret_behind, struct err_note *note)
{
        int64_t version = 0;
        enum err err = sqlite_db_number(db, "PRAGMA user_version", &version, note);
        if (!err)
                err = check_identity(db, path, version, note);
        if (!err && version == 0)
                err = err_set(note, ERR_UNSUPPORTED, "%s is empty", path);
        if (!err)
                *ret_behind = VERSION - version;
        return err;
}
