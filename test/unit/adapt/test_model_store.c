/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapt/model_store.h"
#include "base/alloc.h"

static char directory[64];
static struct model_file *file; /* the built-in one, to be changed and sealed */

/* Of the models that add() made, by number. */
static char versions[MODEL_STORE_LISTED][MODEL_VERSION_BYTES];

static const char *path_of(const char *name)
{
        static char path[128];
        snprintf(path, sizeof path, "%s/models/%s", directory, name);
        return path;
}

static const char *path_of_model(size_t i)
{
        char name[MODEL_VERSION_BYTES + 8];
        snprintf(name, sizeof name, "%s.model", versions[i]);
        return path_of(name);
}

static int set_up(void **state)
{
        (void)state;
        snprintf(directory, sizeof directory, "/tmp/triaged-models-XXXXXX");
        assert_non_null(mkdtemp(directory));
        file = alloc_zeroed(1, sizeof *file);
        memcpy(file, model_embedded().ptr, sizeof *file);
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        char command[128];
        snprintf(command, sizeof command, "rm -r %s", directory);
        assert_int_equal(system(command), 0);
        free(file);
        return 0;
}

/* Stores a model of its own and makes it `i` seconds younger than the first. */
static void add(size_t i)
{
        struct model *model;
        file->local.lines = (uint32_t)i + 1;
        model_file_seal(file);
        assert_ok(model_open((struct str){(const char *)file, sizeof *file}, &model, NULL));
        snprintf(versions[i], sizeof versions[i], "%.*s", STR_ARGS(model_version(model)));
        model_free(model);
        assert_ok(model_store_add(directory, file, NULL));
        const struct timespec times[2] = {{.tv_sec = 1000000000 + (time_t)i}, {.tv_sec = 1000000000 + (time_t)i}};
        assert_int_equal(utimensat(AT_FDCWD, path_of_model(i), times, 0), 0);
}

static enum err activate(size_t i)
{
        return model_store_activate(directory, str_from(versions[i]), NULL);
}

/* The number of labels of the active model: 0 is the built-in one, i + 1 that of add(i). */
static uint32_t active(void)
{
        struct model *model;
        assert_ok(model_store_open_active(directory, &model, NULL));
        uint32_t lines = model_content(model)->local.lines;
        model_free(model);
        return lines;
}

static void write_text(const char *path, const char *text)
{
        FILE *out = fopen(path, "we");
        assert_non_null(out);
        fputs(text, out);
        assert_int_equal(fclose(out), 0);
}

static void the_built_in_model_is_active_until_another_one_is(void **state)
{
        (void)state;
        struct model_store_entry entries[MODEL_STORE_LISTED];
        size_t count;
        assert_int_equal(active(), 0);
        assert_int_equal(model_store_rollback(directory, NULL), ERR_NOT_FOUND);
        add(0);
        assert_int_equal(active(), 0);
        assert_ok(activate(0));
        assert_int_equal(active(), 1);
        assert_ok(model_store_list(directory, entries, &count, NULL));
        assert_int_equal(count, 2);
        assert_string_equal(entries[0].version, "built-in");
        assert_false(entries[0].is_active);
        assert_string_equal(entries[1].version, versions[0]);
        assert_true(entries[1].is_active);
        assert_int_equal(entries[1].made_at_ms, 1000000000000);
}

static void rollback_goes_back_step_by_step(void **state)
{
        (void)state;
        for (size_t i = 0; i < 3; i++) {
                add(i);
                assert_ok(activate(i));
                assert_ok(activate(i)); /* no step of its own */
        }
        for (uint32_t lines = 3; lines > 0; lines--) {
                assert_int_equal(active(), lines);
                assert_ok(model_store_rollback(directory, NULL));
        }
        assert_int_equal(active(), 0);
        assert_int_equal(model_store_rollback(directory, NULL), ERR_NOT_FOUND);
}

static void rollback_steps_over_what_cannot_be_read(void **state)
{
        (void)state;
        for (size_t i = 0; i < 3; i++) {
                add(i);
                assert_ok(activate(i));
        }
        assert_int_equal(truncate(path_of_model(1), 100), 0);
        assert_ok(model_store_rollback(directory, NULL));
        assert_int_equal(active(), 1);
}

static void the_last_five_are_kept_and_the_active_one(void **state)
{
        (void)state;
        struct model_store_entry entries[MODEL_STORE_LISTED];
        size_t count;
        add(0);
        assert_ok(activate(0));
        for (size_t i = 1; i < 8; i++)
                add(i);
        assert_ok(model_store_list(directory, entries, &count, NULL));
        assert_int_equal(count, 1 + MODEL_STORE_KEPT + 1);
        for (size_t i = 0; i < MODEL_STORE_KEPT; i++)
                assert_string_equal(entries[1 + i].version, versions[7 - i]);
        assert_string_equal(entries[count - 1].version, versions[0]);
        assert_int_equal(active(), 1);
}

static void damage_is_refused_and_names_the_file(void **state)
{
        (void)state;
        struct err_note note = {.text = ""};
        struct model *model;
        add(0);
        add(1);
        assert_ok(activate(0));
        int fd = open(path_of_model(0), O_WRONLY | O_CLOEXEC);
        assert_int_equal(pwrite(fd, "x", 1, 5000), 1);
        close(fd);
        assert_int_equal(model_store_open_active(directory, &model, &note), ERR_CORRUPT);
        assert_non_null(strstr(note.text, versions[0]));
        assert_int_equal(activate(0), ERR_CORRUPT);
        assert_int_equal(unlink(path_of_model(0)), 0);
        assert_int_equal(model_store_open_active(directory, &model, NULL), ERR_NOT_FOUND);
        file->weights[0][0] = (int8_t)~file->weights[0][0]; /* and not sealed */
        assert_int_equal(model_store_add(directory, file, NULL), ERR_CORRUPT);
        assert_ok(activate(1));
        assert_int_equal(active(), 2);
}

static void a_version_is_no_path(void **state)
{
        (void)state;
        add(0);
        static const char *const bad[] = {"", "..", "../models/x", "local/1", "LOCAL-1", "local-0123456789012345678"};
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(model_store_activate(directory, str_from(bad[i]), NULL), ERR_INVALID);
        assert_int_equal(model_store_activate(directory, STR("local-000000000000"), NULL), ERR_NOT_FOUND);
        char target[MODEL_VERSION_BYTES + 8];
        snprintf(target, sizeof target, "%s.model", versions[0]);
        assert_int_equal(symlink(target, path_of("local-1.model")), 0);
        assert_int_equal(model_store_activate(directory, STR("local-1"), NULL), ERR_IO);
        assert_int_equal(active(), 0);
}

static void what_a_crash_leaves_behind_changes_nothing(void **state)
{
        (void)state;
        add(0);
        assert_ok(activate(0));
        write_text(path_of("history.new"), "local-half");
        write_text(path_of("local-1.model.new"), "half a model");
        struct model_store_entry entries[MODEL_STORE_LISTED];
        size_t count;
        assert_ok(model_store_list(directory, entries, &count, NULL));
        assert_int_equal(count, 2);
        assert_int_equal(active(), 1);
        write_text(path_of("history"), "../../etc/passwd\n\n");
        assert_int_equal(active(), 0);
        assert_ok(activate(0));
        assert_int_equal(active(), 1);
}

static void a_long_history_forgets_its_beginning(void **state)
{
        (void)state;
        add(0);
        add(1);
        for (size_t i = 0; i < 40; i++)
                assert_ok(activate(i % 2));
        size_t steps = 0;
        while (model_store_rollback(directory, NULL) == ERR_OK)
                steps++;
        assert_true(steps >= 10 && steps < 40);
        assert_int_equal(active(), 0);
}

static void what_a_killed_process_began_to_write_goes(void **state)
{
        (void)state;
        char path[256];
        add(0);
        snprintf(path, sizeof path, "%s/models/%s.model.new", directory, versions[0]);
        FILE *leftover = fopen(path, "we");
        assert_non_null(leftover);
        fclose(leftover);
        add(1);
        assert_int_equal(access(path, F_OK), -1);
        assert_int_equal(access(path_of_model(0), F_OK), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(the_built_in_model_is_active_until_another_one_is),
                TEST(rollback_goes_back_step_by_step),
                TEST(rollback_steps_over_what_cannot_be_read),
                TEST(the_last_five_are_kept_and_the_active_one),
                TEST(damage_is_refused_and_names_the_file),
                TEST(a_version_is_no_path),
                TEST(what_a_crash_leaves_behind_changes_nothing),
                TEST(a_long_history_forgets_its_beginning),
                TEST(what_a_killed_process_began_to_write_goes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
