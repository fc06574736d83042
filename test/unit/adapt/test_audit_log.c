/* SPDX-License-Identifier: Apache-2.0 */
/* The tree in a database of its own: what is read anew, taken back and proven is what the entries say. */
#include "adapt/audit_log.h"

#include "adapt/store_sqlite_schema.h"
#include "unit/test.h"

enum { AUDIT_STEP = 7 }; /* the version of the schema that brought the log */

static sqlite3 *db;
static struct audit_log audit;

static int open_log(void **state)
{
        (void)state;
        assert_ok(sqlite_db_open(":memory:", &(struct sqlite_options){.cache_kib = 64, .busy_timeout_ms = 1000}, &db, NULL));
        assert_ok(store_sqlite_migrate_to(db, "test", AUDIT_STEP, NULL));
        assert_ok(audit_log_open(&audit, db, NULL));
        return 0;
}

static int close_log(void **state)
{
        (void)state;
        audit_log_close(&audit);
        sqlite3_close(db);
        return 0;
}

static void append(const struct audit_entry *entry)
{
        assert_ok(audit_log_append(&audit, entry, NULL));
}

static void append_many(size_t count)
{
        for (size_t i = 0; i < count; i++)
                append(&(struct audit_entry){.kind = AUDIT_KEY_ADDED, .at_ms = (int64_t)i, .actor = STR("cli")});
}

/* The tree by the entries alone. */
static struct merkle of_entries(uint64_t size, struct digest *ret_leaves)
{
        struct merkle tree = {0};
        struct digest tiles[MERKLE_TILE_LEVELS];
        struct sqlite_binder b;
        assert_ok(sqlite_once(db, "SELECT CAST(x'00' || entry AS BLOB) FROM audit WHERE seq < ? ORDER BY seq", &b, NULL));
        bind_i64(&b, (int64_t)size);
        while (sqlite3_step(b.stmt) == SQLITE_ROW) {
                struct digest leaf = merkle_leaf((struct str){sqlite3_column_blob(b.stmt, 0), (size_t)sqlite3_column_bytes(b.stmt, 0)});
                if (ret_leaves)
                        ret_leaves[tree.size] = leaf;
                merkle_add(&tree, leaf, tiles);
        }
        assert_ok(sqlite_once_end(&b, ERR_OK));
        assert_int_equal(tree.size, size);
        return tree;
}

static void assert_root(const struct merkle *tree, uint64_t size)
{
        struct merkle counted = of_entries(size, NULL);
        struct digest a = merkle_root(tree), b = merkle_root(&counted);
        assert_int_equal(tree->size, size);
        assert_true(digest_equal(&a, &b));
}

static void an_entry_names_its_actor_so_that_no_key_is_another(void **state)
{
        (void)state;
        static const struct {
                struct audit_entry entry;
                const char *actor;
        } cases[] = {
                {{.actor = STR_INIT("cli")}, "\"cli\""},
                {{.by = STR_INIT("cli")}, "\"key:cli\""},
                {{.by = STR_INIT("(command line)")}, "\"cli\""},
                {{.key_id = 3}, "\"key#3\""},
                {{.by = STR_INIT("anna"), .key_id = 3}, "\"key:anna\""},
                {{.key_id = 0}, "null"},
        };
        struct buf lines, expected;
        size_t count;
        buf_init(&lines, 1 << 16);
        buf_init(&expected, 1 << 16);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                append(&cases[i].entry);
                buf_printf(&expected, "{\"seq\":%zu,\"time\":\"1970-01-01T00:00:00.000Z\",\"kind\":\"record.created\",\"actor\":%s}\n",
                           i, cases[i].actor);
        }
        assert_ok(audit_log_read(db, 0, 100, &lines, &count, NULL));
        assert_true(str_equal(buf_str(&lines), buf_str(&expected)));
        buf_deinit(&lines);
        buf_deinit(&expected);
}

static void what_is_read_anew_is_what_was_kept(void **state)
{
        (void)state;
        static const size_t steps[] = {0, 1, 6, 248, 1, 1, 255, 256, 7};
        uint64_t size = 0;
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
                append_many(steps[i]);
                size += steps[i];
                struct merkle read;
                assert_ok(audit_log_tree(db, &read, NULL));
                assert_root(&read, size);
                assert_root(&audit.tree, size);
        }
}

static void a_rollback_takes_its_entries_along(void **state)
{
        (void)state;
        append_many(255);
        audit_log_begin(&audit);
        assert_ok(sqlite_db_exec(db, "BEGIN", NULL));
        append_many(3);
        sqlite_db_rollback(db);
        audit_log_rollback(&audit);
        assert_root(&audit.tree, 255);
        append_many(2);
        assert_root(&audit.tree, 257);
}

static void every_proof_out_of_the_database_holds(void **state)
{
        (void)state;
        static const uint64_t sizes[] = {1, 2, 3, 5, 8, 255, 256, 257, 300, 513};
        static struct digest leaves[513];
        struct audit_reader reader = {db, NULL};
        append_many(513);
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
                struct merkle tree = of_entries(sizes[s], leaves);
                struct digest root = merkle_root(&tree);
                for (uint64_t i = 0; i < sizes[s]; i += 1 + i / 3) {
                        struct merkle_path path;
                        assert_ok(merkle_inclusion(i, sizes[s], audit_log_subtree, &reader, &path));
                        assert_true(merkle_verify_inclusion(i, sizes[s], &leaves[i], &path, &root));
                        assert_false(i && merkle_verify_inclusion(i - 1, sizes[s], &leaves[i], &path, &root));
                        struct merkle old = of_entries(i + 1, NULL);
                        struct digest old_root = merkle_root(&old);
                        assert_ok(merkle_consistency(i + 1, sizes[s], audit_log_subtree, &reader, &path));
                        assert_true(merkle_verify_consistency(i + 1, &old_root, sizes[s], &root, &path));
                }
        }
}

static void what_is_missing_is_damage(void **state)
{
        (void)state;
        struct merkle tree;
        append_many(300);
        assert_ok(sqlite_db_exec(db, "DELETE FROM audit WHERE seq = 270", NULL));
        assert_int_equal(audit_log_tree(db, &tree, NULL), ERR_CORRUPT);
        assert_ok(sqlite_db_exec(db, "DELETE FROM audit WHERE seq >= 256; DELETE FROM audit_tile", NULL));
        assert_int_equal(audit_log_tree(db, &tree, NULL), ERR_CORRUPT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_log, close_log)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(an_entry_names_its_actor_so_that_no_key_is_another),
                CASE(what_is_read_anew_is_what_was_kept),
                CASE(a_rollback_takes_its_entries_along),
                CASE(every_proof_out_of_the_database_holds),
                CASE(what_is_missing_is_damage),
        };
        return cmocka_run_group_tests_name("adapt/audit_log", tests, NULL, NULL);
}
