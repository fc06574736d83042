/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapt/data_dir.h"

static char parent[64];
static char path[96];
static char key_path[128];

static int set_up(void **state)
{
        (void)state;
        snprintf(parent, sizeof parent, "/tmp/triaged-dir-XXXXXX");
        assert_non_null(mkdtemp(parent));
        snprintf(path, sizeof path, "%s/data", parent);
        snprintf(key_path, sizeof key_path, "%s/digest.key", path);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        char name[128];
        snprintf(name, sizeof name, "%s/lock", path);
        unlink(name);
        unlink(key_path);
        rmdir(path);
        rmdir(parent);
        return 0;
}

static void a_missing_directory_is_created_for_its_owner_alone(void **state)
{
        (void)state;
        struct data_dir *dir;
        assert_ok(data_dir_open(path, &dir, NULL));
        struct stat st;
        assert_int_equal(stat(data_dir_path(dir), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0700);
        data_dir_close(dir);
}

static void a_missing_parent_is_an_error_that_names_the_path(void **state)
{
        (void)state;
        struct data_dir *dir;
        struct err_note note;
        assert_int_equal(data_dir_open("/nonexistent/triaged/data", &dir, &note), ERR_NOT_FOUND);
        assert_non_null(strstr(note.text, "/nonexistent/triaged/data"));
}

static void a_second_owner_is_told_who_is_the_first(void **state)
{
        (void)state;
        struct data_dir *first, *second;
        struct err_note note;
        char pid[32];
        assert_ok(data_dir_open(path, &first, NULL));
        assert_int_equal(data_dir_open(path, &second, &note), ERR_BUSY);
        snprintf(pid, sizeof pid, "process %ld:", (long)getpid());
        assert_non_null(strstr(note.text, pid));
        data_dir_close(first);
        assert_ok(data_dir_open(path, &second, &note));
        data_dir_close(second);
}

static void the_digest_key_is_made_once_and_kept_private(void **state)
{
        (void)state;
        struct data_dir *dir;
        struct digest first, second, zero = {.bytes = {0}};
        assert_ok(data_dir_open(path, &dir, NULL));
        assert_ok(data_dir_digest_key(dir, &first, NULL));
        assert_ok(data_dir_digest_key(dir, &second, NULL));
        assert_true(digest_equal(&first, &second));
        assert_false(digest_equal(&first, &zero));
        struct stat st;
        assert_int_equal(stat(key_path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        data_dir_close(dir);
}

static void a_digest_key_that_others_can_read_or_that_is_cut_is_refused(void **state)
{
        (void)state;
        struct data_dir *dir;
        struct digest key;
        struct err_note note;
        assert_ok(data_dir_open(path, &dir, NULL));
        assert_ok(data_dir_digest_key(dir, &key, NULL));
        assert_int_equal(chmod(key_path, 0644), 0);
        assert_int_equal(data_dir_digest_key(dir, &key, &note), ERR_FORBIDDEN);
        assert_non_null(strstr(note.text, "chmod 600"));
        assert_int_equal(chmod(key_path, 0600), 0);
        assert_int_equal(truncate(key_path, 31), 0);
        assert_int_equal(data_dir_digest_key(dir, &key, &note), ERR_CORRUPT);
        data_dir_close(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_missing_directory_is_created_for_its_owner_alone, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_missing_parent_is_an_error_that_names_the_path, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_second_owner_is_told_who_is_the_first, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_digest_key_is_made_once_and_kept_private, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(a_digest_key_that_others_can_read_or_that_is_cut_is_refused,
                                                set_up, tear_down),
        };
        return cmocka_run_group_tests_name("adapt/data_dir", tests, NULL, NULL);
}
