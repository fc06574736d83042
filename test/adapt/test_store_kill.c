/* SPDX-License-Identifier: Apache-2.0 */
/* Nothing acknowledged is lost: a child commits and tells each acknowledged row through a pipe,
 * dies by SIGKILL at a random moment, and every row that it told must be there afterwards, whole.
 */
#include "unit/test.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "adapt/data_dir.h"
#include "adapt/sqlite_db.h"
#include "adapt/store_sqlite.h"
#include "base/alloc.h"

enum { ROUNDS = 20, IN_FLIGHT = 48, ROWS_MAX = 2000000, SLOWEST_KILL_MS = 150 };

static char directory[64];

/* ---- The child ---- */

struct slot {
        struct store_commit commit;
        struct store_record record;
        struct idempotency idempotency;
};

static struct {
        struct store *store;
        int pipe;
        struct outcome outcome;
        struct slot slots[IN_FLIGHT];
} child;

static void commit_next(struct slot *slot)
{
        slot->record.id = child.store->ops->reserve(child.store);
        slot->idempotency.key = digest_sha256(
                (struct str){(const char *)&slot->record.id.row, sizeof slot->record.id.row});
        child.store->ops->commit(child.store, &slot->commit);
}

static void on_committed(struct store_commit *commit)
{
        struct slot *slot = (struct slot *)(void *)commit;
        if (commit->result ||
            write(child.pipe, &slot->record.id, sizeof slot->record.id) != sizeof slot->record.id)
                _exit(3);
        commit_next(slot);
}

static struct store_sqlite *open_store(void)
{
        /* A small log, so that kills hit checkpoints too. */
        struct store_sqlite_config config = {.directory = directory, .checkpoint_pages = 100};
        struct store_sqlite *db = NULL;
        struct err_note note = {.text = ""};
        enum err err = store_sqlite_open(&config, &db, &note);
        if (err)
                print_error("%s\n", note.text);
        return err ? NULL : db;
}

static void run_child(int pipe_fd)
{
        struct data_dir *dir;
        struct store_sqlite *db;
        if (data_dir_open(directory, &dir, NULL) || (db = open_store()) == NULL)
                _exit(2);
        struct loop *loop = loop_new();
        child.pipe = pipe_fd;
        child.store = store_sqlite_attach(db, loop);
        child.outcome.verdict = (struct verdict){.category = CATEGORY_SAFETY_COMPLIANCE,
                                                 .intent = INTENT_FRAUD,
                                                 .secondary_intent = INTENT_NONE};
        child.outcome.compliance = (struct outcome_compliance){.severity = SEVERITY_HIGH, .due_at_ms = 5000};
        child.outcome.review = (struct outcome_review){
                .is_needed = true, .due_at_ms = 5000, .reason = "safety"};
        for (size_t i = 0; i < IN_FLIGHT; i++) {
                struct slot *slot = &child.slots[i];
                slot->commit = (struct store_commit){.record = &slot->record, .done = on_committed};
                slot->idempotency.expires_at_ms = INT64_C(4000000000000);
                slot->record = (struct store_record){
                        .received_at_ms = 1000,
                        .request_id = ident_random("req_"),
                        .text = SAFE_LITERAL("somebody used my card"),
                        .answer = SAFE_LITERAL("{\"category\":\"safety_compliance\"}"),
                        .outcome = &child.outcome,
                        .idempotency = &slot->idempotency,
                };
                commit_next(slot);
        }
        loop_run(loop);
        _exit(4);
}

/* ---- The parent ---- */

static struct record_id told[ROWS_MAX];
static size_t told_count;

/* Takes what the child tells until its end of the pipe is closed. */
static void read_acknowledged(int fd)
{
        struct record_id id;
        while (read(fd, &id, sizeof id) == (ssize_t)sizeof id) {
                assert_true(told_count < ROWS_MAX);
                told[told_count++] = id;
        }
}

/* Kills the child at a random moment after its first acknowledgement, or before it. */
static void kill_sometime(pid_t pid, int fd, unsigned *seed)
{
        struct pollfd readable = {.fd = fd, .events = POLLIN};
        if (rand_r(seed) % 8)
                assert_int_equal(poll(&readable, 1, 20000), 1);
        usleep((useconds_t)(rand_r(seed) % (SLOWEST_KILL_MS * 1000)));
        assert_int_equal(kill(pid, SIGKILL), 0);
}

static void check_told(void)
{
        struct store_sqlite *db = open_store();
        assert_non_null(db);
        store_sqlite_close(db);
        char path[96];
        snprintf(path, sizeof path, "%s/triaged.db", directory);
        sqlite3 *sqlite;
        sqlite3_stmt *find;
        assert_ok(sqlite_db_open(path, &(struct sqlite_options){.is_read_only = true, .cache_kib = 4096},
                                 &sqlite, NULL));
        assert_ok(sqlite_db_prepare(
                sqlite,
                "SELECT m.check_word FROM message m JOIN compliance c ON c.id = m.id JOIN review r"
                " ON r.message_row = m.id AND r.due_at = 5000 JOIN idempotency i ON i.key = ?2 AND"
                " i.message_row = m.id WHERE m.id = ?1",
                &find, NULL));
        for (size_t i = 0; i < told_count; i++) {
                struct digest key = digest_sha256(
                        (struct str){(const char *)&told[i].row, sizeof told[i].row});
                struct sqlite_binder b = {.stmt = find};
                bind_i64(&b, (int64_t)told[i].row);
                bind_blob(&b, key.bytes, sizeof key.bytes);
                if (sqlite3_step(find) != SQLITE_ROW ||
                    (uint64_t)sqlite3_column_int64(find, 0) != told[i].check)
                        fail_msg("row %llu was acknowledged and is not there",
                                 (unsigned long long)told[i].row);
                sqlite3_reset(find);
        }
        sqlite3_finalize(find);
        int64_t halves;
        assert_ok(sqlite_db_number(
                sqlite,
                "SELECT (SELECT count(*) FROM message) * 3 - (SELECT count(*) FROM compliance)"
                " - (SELECT count(*) FROM review) - (SELECT count(*) FROM idempotency)",
                &halves, NULL));
        assert_int_equal(halves, 0);
        sqlite3_close(sqlite);
}

static void one_round(unsigned *seed)
{
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        /* Room for all that a child can tell in its life, so that the pipe never holds it up. */
        assert_true(fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) >= 0);
        pid_t pid = fork();
        if (pid == 0)
                run_child(ends[1]);
        close(ends[1]);
        kill_sometime(pid, ends[0], seed);
        read_acknowledged(ends[0]);
        close(ends[0]);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
}

static void nothing_acknowledged_is_lost_by_a_kill(void **state)
{
        (void)state;
        unsigned seed = (unsigned)time(NULL);
        print_message("seed %u\n", seed);
        for (int round = 0; round < ROUNDS; round++) {
                one_round(&seed);
                check_told();
        }
        print_message("%zu rows were acknowledged\n", told_count);
        assert_true(told_count > ROUNDS);
}

static int set_up(void **state)
{
        (void)state;
        snprintf(directory, sizeof directory, "/tmp/triaged-kill-XXXXXX");
        return mkdtemp(directory) ? 0 : -1;
}

static int tear_down(void **state)
{
        (void)state;
        DIR *dir = opendir(directory);
        for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;)
                (void)unlinkat(dirfd(dir), entry->d_name, 0);
        closedir(dir);
        return rmdir(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost_by_a_kill, set_up, tear_down),
        };
        return cmocka_run_group_tests_name("adapt/store_kill", tests, NULL, NULL);
}
