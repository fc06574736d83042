/* SPDX-License-Identifier: Apache-2.0 */
/* What the store does when the disk, the file or a neighbour fails it. */
#include "unit/adapt/store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>

static char path[96];

static const char *database(void)
{
        snprintf(path, sizeof path, "%s/triaged.db", fixture.directory);
        return path;
}

static struct store_sqlite_health health(void)
{
        struct store_sqlite_health now;
        store_sqlite_health(fixture.db, &now);
        return now;
}

/* Waits until the store is ready again, at most four seconds. */
static bool recovers(void)
{
        for (int i = 0; i < 200 && !health().is_ready; i++)
                usleep(20000);
        return health().is_ready;
}

static void limit_file_size(rlim_t bytes)
{
        struct rlimit limit;
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
        limit.rlim_cur = bytes;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void a_full_disk_refuses_and_recovers_by_itself(void **state)
{
        (void)state;
        signal(SIGXFSZ, SIG_IGN);
        assert_ok(commit_one(sample_init(0)));
        limit_file_size(32 * 1024);
        enum err err = ERR_OK;
        for (int i = 0; i < 50 && !err; i++)
                err = commit_one(sample_init(1));
        assert_int_equal(err, ERR_NO_SPACE);
        assert_int_equal(health().err, ERR_NO_SPACE);
        assert_false(health().is_fatal);
        usleep(1200 * 1000); /* a probe must fail too */
        assert_false(health().is_ready);
        limit_file_size(RLIM_INFINITY);
        assert_true(recovers());
        assert_ok(commit_one(sample_init(1)));
        assert_int_equal(fixture.health_changes, 2);
        assert_int_equal(number("SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
                         1);
}

static void a_full_database_acknowledges_only_what_it_holds(void **state)
{
        (void)state;
        fixture_close();
        fixture.config.max_pages = 60;
        fixture_open();
        static char long_text[8000];
        memset(long_text, 'x', sizeof long_text);
        int64_t stored = 0;
        for (size_t i = 0; i < 64; i++) {
                struct sample *sample = sample_init(i);
                sample->record.text.safe = (struct str){long_text, sizeof long_text};
                enum err err = commit_one(sample);
                assert_true(err == ERR_OK || err == ERR_NO_SPACE);
                stored += err == ERR_OK;
        }
        assert_in_range(stored, 5, 30);
        assert_int_equal(number("SELECT count(*) FROM message"), stored);
}

static void below_the_floor_only_safety_records_are_stored(void **state)
{
        (void)state;
        struct statvfs fs;
        assert_int_equal(statvfs(fixture.directory, &fs), 0);
        int64_t free_bytes = (int64_t)(fs.f_bavail * fs.f_frsize);
        fixture_close();
        fixture.config.min_free_bytes = free_bytes * 2;
        fixture_open();
        assert_int_equal(commit_one(sample_init(0)), ERR_NO_SPACE);
        assert_int_equal(health().err, ERR_NO_SPACE);
        assert_ok(commit_one(sample_of_safety(1, SEVERITY_STANDARD, 5000)));
        fixture_close();
        fixture.config.min_free_bytes = free_bytes * 8; /* below the reserve as well */
        fixture_open();
        assert_int_equal(commit_one(sample_of_safety(1, SEVERITY_URGENT, 5000)), ERR_NO_SPACE);
        assert_int_equal(number("SELECT count(*) FROM message"), 1);
}

static void below_the_floor_administration_takes_no_room_and_cures_nothing(void **state)
{
        (void)state;
        struct err_note note;
        struct store_article_counts counts;
        struct store_article article = {
                .id = STR("a"), .title = STR("t"), .body = STR("b"), .updated_at_ms = 1};
        struct store_key key = {.name = STR("shop"), .scopes = STR("classify"), .rate_per_minute = -1};
        int64_t id;
        assert_ok(store_sqlite_put_articles(fixture.db, &article, 1, &counts, NULL));
        assert_ok(store_sqlite_add_key(fixture.db, &key, &id, NULL));
        struct statvfs fs;
        assert_int_equal(statvfs(fixture.directory, &fs), 0);
        fixture_close();
        fixture.config.min_free_bytes = (int64_t)(fs.f_bavail * fs.f_frsize) * 2;
        fixture_open();
        for (int i = 0; i < 100 && health().is_ready; i++)
                usleep(20000);
        assert_int_equal(health().err, ERR_NO_SPACE); /* though nobody wrote */
        article.body = STR("more");
        assert_int_equal(store_sqlite_put_articles(fixture.db, &article, 1, &counts, &note), ERR_NO_SPACE);
        assert_non_null(strstr(note.text, "floor"));
        key.name = STR("other");
        assert_int_equal(store_sqlite_add_key(fixture.db, &key, &id, &note), ERR_NO_SPACE);
        /* What takes no room is done, and does not make the store look well. */
        assert_ok(store_sqlite_revoke_key(fixture.db, STR("shop"), 5, NULL));
        assert_ok(store_sqlite_delete_article(fixture.db, STR("a"), 1, NULL));
        assert_int_equal(health().err, ERR_NO_SPACE);
        assert_int_equal(fixture.health_changes, 1);
}

static void an_import_that_would_reach_the_floor_is_refused(void **state)
{
        (void)state;
        static char body[65536];
        static struct store_article articles[4096];
        struct store_article_counts counts;
        struct statvfs fs;
        memset(body, 'x', sizeof body);
        for (size_t i = 0; i < 4096; i++)
                articles[i] = (struct store_article){
                        .id = STR("a"), .title = STR("t"), .body = {body, sizeof body}, .updated_at_ms = 1};
        assert_int_equal(statvfs(fixture.directory, &fs), 0);
        fixture_close();
        fixture.config.min_free_bytes = (int64_t)(fs.f_bavail * fs.f_frsize) - (256 << 20);
        fixture_open();
        assert_int_equal(store_sqlite_put_articles(fixture.db, articles, 4096, &counts, NULL), ERR_NO_SPACE);
        assert_ok(store_sqlite_put_articles(fixture.db, articles, 1, &counts, NULL));
        assert_true(health().is_ready);
        assert_int_equal(fixture.health_changes, 0);
}

static void a_locked_database_is_busy_until_the_lock_is_gone(void **state)
{
        (void)state;
        sqlite3 *holder;
        assert_ok(sqlite_db_open(database(), &(struct sqlite_options){.cache_kib = 64}, &holder, NULL));
        assert_ok(sqlite_db_exec(holder, "BEGIN IMMEDIATE", NULL));
        assert_int_equal(commit_one(sample_init(0)), ERR_BUSY);
        assert_int_equal(health().err, ERR_BUSY);
        assert_int_equal(commit_one(sample_init(0)), ERR_BUSY);
        assert_ok(sqlite_db_exec(holder, "COMMIT", NULL));
        sqlite3_close(holder);
        assert_true(recovers());
        assert_ok(commit_one(sample_init(0)));
}

/* Overwrites with a pattern that is nobody's page. */
static void overwrite(const char *name, off_t offset, size_t bytes)
{
        char garbage[4096];
        memset(garbage, 0xa5, sizeof garbage);
        int fd = open(name, O_WRONLY);
        assert_true(fd >= 0);
        for (size_t done = 0; done < bytes; done += sizeof garbage) {
                size_t len = bytes - done < sizeof garbage ? bytes - done : sizeof garbage;
                assert_int_equal(pwrite(fd, garbage, len, offset + (off_t)done), (ssize_t)len);
        }
        close(fd);
}

static void a_damaged_file_is_refused_at_open(void **state)
{
        (void)state;
        off_t root = number("SELECT rootpage FROM sqlite_schema WHERE name = 'message'");
        const struct {
                off_t offset;
                size_t bytes;
        } damages[] = {{0, 100}, {100, 3996}, {4096 * (root - 1), 4096}};
        for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
                assert_ok(commit_one(sample_init(0)));
                fixture_close();
                overwrite(database(), damages[i].offset, damages[i].bytes);
                struct err_note note;
                assert_int_equal(store_sqlite_open(&fixture.config, &fixture.db, &note), ERR_CORRUPT);
                assert_non_null(strstr(note.text, database()));
                assert_non_null(strstr(note.text, "backup"));
                assert_int_equal(unlink(database()), 0);
                fixture_open();
        }
}

static void damage_met_while_running_is_final(void **state)
{
        (void)state;
        for (size_t i = 0; i < 512; i++)
                start_commit(sample_init(i));
        wait_for(512);
        fixture_close(); /* all of it is in the database now, the log is empty */
        fixture_open();
        struct stat st;
        assert_int_equal(stat(database(), &st), 0);
        overwrite(database(), 4096, (size_t)st.st_size - 4096);
        /* Pages of `message` may be in the cache; those of `compliance` are not. */
        assert_int_equal(commit_one(sample_of_safety(0, SEVERITY_HIGH, 5000)), ERR_CORRUPT);
        assert_true(health().is_fatal);
        assert_int_equal(commit_one(sample_init(0)), ERR_CORRUPT);
        assert_int_equal(commit_one(sample_of_safety(1, SEVERITY_URGENT, 5000)), ERR_CORRUPT);
        struct err_note note;
        assert_int_equal(store_sqlite_delete_article(fixture.db, STR("a"), 1, &note), ERR_CORRUPT);
}

/* Stands before the C library's own, for SQLite too. */
static atomic_bool fsync_fails;

int fdatasync(int fd)
{
        if (fsync_fails) {
                errno = EIO;
                return -1;
        }
        return (int)syscall(SYS_fdatasync, fd);
}

int fsync(int fd)
{
        return fdatasync(fd);
}

static void a_failed_fsync_acknowledges_nothing_and_is_final(void **state)
{
        (void)state;
        for (size_t i = 0; i < 8; i++)
                sample_init(i);
        fsync_fails = true;
        for (size_t i = 0; i < 8; i++)
                start_commit(&fixture.samples[i]);
        wait_for(8);
        fsync_fails = false;
        for (size_t i = 0; i < 8; i++)
                assert_int_equal(fixture.samples[i].commit.result, ERR_IO);
        assert_true(health().is_fatal);
        assert_int_equal(commit_one(sample_init(0)), ERR_IO);
        assert_int_equal(fixture.health_changes, 1);
        fixture_close();
        fixture_open();
        assert_ok(commit_one(sample_init(0)));
}

static void run_sql(const char *sql)
{
        sqlite3 *db;
        assert_ok(sqlite_db_open(database(), &(struct sqlite_options){.cache_kib = 64}, &db, NULL));
        assert_ok(sqlite_db_exec(db, sql, NULL));
        sqlite3_close(db);
}

static void databases_of_others_and_of_the_future_are_left_alone(void **state)
{
        (void)state;
        static const struct {
                const char *sql;
                const char *words;
        } cases[] = {
                {"PRAGMA user_version=99", "newer program"},
                {"PRAGMA user_version=1; PRAGMA application_id=7", "another program"},
        };
        fixture_close();
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct err_note note;
                run_sql(cases[i].sql);
                assert_int_equal(store_sqlite_open(&fixture.config, &fixture.db, &note), ERR_UNSUPPORTED);
                assert_non_null(strstr(note.text, cases[i].words));
        }
}

static void a_new_database_is_private_and_has_its_version(void **state)
{
        (void)state;
        struct stat st;
        assert_int_equal(stat(database(), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(number("PRAGMA user_version"), 10);
        assert_int_equal(number("PRAGMA application_id"), 0x54524941);
        assert_true(health().is_ready);
        assert_int_equal(fixture.health_changes, 0);
}

/* A failed test must not leave its limit to the next. */
static int tear_down(void **state)
{
        limit_file_size(RLIM_INFINITY);
        return fixture_tear_down(state);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_new_database_is_private_and_has_its_version),
                CASE(a_full_disk_refuses_and_recovers_by_itself),
                CASE(a_full_database_acknowledges_only_what_it_holds),
                CASE(below_the_floor_only_safety_records_are_stored),
                CASE(below_the_floor_administration_takes_no_room_and_cures_nothing),
                CASE(an_import_that_would_reach_the_floor_is_refused),
                CASE(a_locked_database_is_busy_until_the_lock_is_gone),
                CASE(a_failed_fsync_acknowledges_nothing_and_is_final),
                CASE(a_damaged_file_is_refused_at_open),
                CASE(damage_met_while_running_is_final),
                CASE(databases_of_others_and_of_the_future_are_left_alone),
        };
        return cmocka_run_group_tests_name("adapt/store_sqlite_failures", tests, NULL, NULL);
}
