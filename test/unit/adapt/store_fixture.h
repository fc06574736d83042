/* SPDX-License-Identifier: Apache-2.0 */
/* A real store in a directory of its own, a real loop, and records to put into it. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <dirent.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapt/sqlite_db.h"
#include "adapt/key_file.h"
#include "adapt/store_sqlite_schema.h"
#include "adapt/store_sqlite_vault.h"
#include "adapt/store_sqlite.h"
#include "base/alloc.h"
#include "unit/test.h"

enum { COMMITS_MAX = 512 };

/* One commit with all that it points to. */
struct sample {
        struct store_commit commit;
        struct store_record record;
        struct outcome outcome;
        struct idempotency idempotency;
};

struct fixture {
        char directory[64];
        struct store_sqlite_config config;
        struct store_sqlite *db;
        struct loop *loop;
        struct store *store;
        size_t waiting;
        struct arena arena;
        struct sample samples[COMMITS_MAX];
        atomic_size_t batches;
        atomic_size_t largest_batch;
        atomic_size_t errors;
        atomic_int health_changes;
};

static struct fixture fixture;

static inline void count_commit(void *arg, size_t batch, int64_t duration_us)
{
        struct fixture *f = arg;
        assert_true(duration_us >= 0);
        f->batches++;
        if (batch > f->largest_batch)
                f->largest_batch = batch;
}

static inline void count_error(void *arg, enum err err, size_t records)
{
        struct fixture *f = arg;
        assert_int_not_equal(err, ERR_OK);
        f->errors += records;
}

static inline void count_health(void *arg, const struct store_sqlite_health *health)
{
        struct fixture *f = arg;
        assert_int_equal(health->is_ready, health->err == ERR_OK);
        f->health_changes++;
}

static inline void fixture_open(void)
{
        struct fixture *f = &fixture;
        struct err_note note = {.text = ""};
        enum err err = store_sqlite_open(&f->config, &f->db, &note);
        if (err)
                fail_msg("open: %s", note.text);
        f->store = store_sqlite_attach(f->db, f->loop);
}

static inline void fixture_close(void)
{
        struct fixture *f = &fixture;
        store_sqlite_detach(f->store);
        store_sqlite_close(f->db);
        f->store = NULL;
        f->db = NULL;
}

static inline int fixture_set_up(void **state)
{
        (void)state;
        struct fixture *f = &fixture;
        memset(f, 0, sizeof *f);
        snprintf(f->directory, sizeof f->directory, "/tmp/triaged-store-XXXXXX");
        assert_non_null(mkdtemp(f->directory));
        f->config = (struct store_sqlite_config){
                .directory = f->directory,
                .busy_timeout_ms = 20,
                .arg = f,
                .on_commit = count_commit,
                .on_error = count_error,
                .on_health = count_health,
        };
        f->loop = loop_new();
        arena_init(&f->arena, 8 << 20);
        fixture_open();
        return 0;
}

static inline void remove_directory(const char *path)
{
        DIR *dir = opendir(path);
        if (!dir)
                return;
        for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
                (void)unlinkat(dirfd(dir), entry->d_name, 0);
        closedir(dir);
        rmdir(path);
}

static inline int fixture_tear_down(void **state)
{
        (void)state;
        if (fixture.db)
                fixture_close();
        loop_free(fixture.loop);
        arena_deinit(&fixture.arena);
        remove_directory(fixture.directory);
        return 0;
}

static inline void one_is_done(void)
{
        if (--fixture.waiting == 0)
                loop_stop(fixture.loop);
}

static inline void on_committed(struct store_commit *commit)
{
        (void)commit;
        one_is_done();
}

static inline void wait_for(size_t operations)
{
        fixture.waiting = operations;
        loop_run(fixture.loop);
        assert_int_equal(fixture.waiting, 0);
}

/* An informational message of an anonymous client. */
static inline struct sample *sample_init(size_t i)
{
        struct sample *sample = &fixture.samples[i];
        memset(sample, 0, sizeof *sample);
        sample->outcome.verdict = (struct verdict){.category = CATEGORY_INFORMATIONAL,
                                                   .intent = INTENT_FAQ,
                                                   .secondary_intent = INTENT_NONE,
                                                   .confidence = 0.9};
        sample->record = (struct store_record){
                .id = fixture.store->ops->reserve(fixture.store),
                .received_at_ms = 1000,
                .channel = CHANNEL_CHAT,
                .text = SAFE_LITERAL("what are your hours"),
                .answer = SAFE_LITERAL("{\"reply\":\"nine to five\"}"),
                .outcome = &sample->outcome,
        };
        assert_true(ident_from(STR("req_1"), &sample->record.request_id));
        sample->commit = (struct store_commit){
                .record = &sample->record, .result = ERR_COUNT, .done = on_committed};
        return sample;
}

/* One with a compliance record, due at `due_at_ms`. */
static inline struct sample *sample_of_safety(size_t i, enum severity severity, int64_t due_at_ms)
{
        struct sample *sample = sample_init(i);
        sample->outcome.verdict.category = CATEGORY_SAFETY_COMPLIANCE;
        sample->outcome.verdict.intent = INTENT_PRODUCT_SAFETY;
        sample->outcome.compliance = (struct outcome_compliance){.severity = severity,
                                                                 .due_at_ms = due_at_ms};
        sample->outcome.review = (struct outcome_review){
                .is_needed = true, .due_at_ms = due_at_ms, .reason = "safety"};
        return sample;
}

static inline void start_commit(struct sample *sample)
{
        fixture.store->ops->commit(fixture.store, &sample->commit);
}

static inline enum err commit_one(struct sample *sample)
{
        start_commit(sample);
        wait_for(1);
        return sample->commit.result;
}

/* A number from the database, through a connection of its own. */
static inline int64_t number(const char *sql)
{
        char path[96];
        snprintf(path, sizeof path, "%s/triaged.db", fixture.directory);
        sqlite3 *db;
        int64_t value = -1;
        assert_ok(sqlite_db_open(path, &(struct sqlite_options){.cache_kib = 64, .busy_timeout_ms = 1000},
                                 &db, NULL));
        struct digest master;
        char key_path[96];
        snprintf(key_path, sizeof key_path, "%s/" MASTER_KEY_FILE, fixture.directory);
        assert_ok(key_file_read(key_path, false, &master, NULL));
        assert_ok(store_vault_attach_reader(db, &master, NULL));
        assert_ok(sqlite_db_number(db, sql, &value, NULL));
        sqlite3_close(db);
        return value;
}

/* Leaves a closed store of an earlier version of this program with what the SQL puts into it. */
static inline void fixture_make_old(int64_t version, const char *sql)
{
        char path[96];
        sqlite3 *db;
        fixture_close();
        remove_directory(fixture.directory);
        assert_int_equal(mkdir(fixture.directory, 0700), 0);
        snprintf(path, sizeof path, "%s/triaged.db", fixture.directory);
        assert_ok(sqlite_db_open(path, &(struct sqlite_options){.cache_kib = 64, .busy_timeout_ms = 1000}, &db, NULL));
        assert_ok(store_sqlite_migrate_to(db, path, version, NULL));
        assert_ok(sqlite_db_exec(db, sql, NULL));
        sqlite3_close(db);
}

/* A message of any version, with row 1 and check 77. */
#define OLD_MESSAGE \
        "INSERT INTO message(id, check_word, received_at, key_id, channel, category, intent, confidence, source," \
        " severity, request_id, is_refused, text, is_cached, priority, needs_review, answer)" \
        " VALUES(1, 77, 1000, 0, 'chat', 'safety_compliance', 'fraud', 0.9, 'local', 'high', 'req_1', 0, 'stolen card'," \
        " 0, 'high', 1, '{}');"

#endif
