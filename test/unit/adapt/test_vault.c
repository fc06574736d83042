/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "adapt/key_file.h"
#include "adapt/vault.h"

static const struct str text = STR_INIT("my knee hurts since the second of May");
static const struct vault_place place = {STR_INIT("message.text"), 7};
static const struct digest master = {{1, 2, 3}}, other_master = {{1, 2, 4}};

enum { SEALED = sizeof "my knee hurts since the second of May" - 1 + VAULT_OVERHEAD };

struct fixture {
        struct vault *vault;
        unsigned char wrapped[VAULT_WRAPPED_BYTES];
        unsigned char sealed[SEALED];
        char opened[SEALED];
};

static struct str bytes(const void *ptr, size_t len)
{
        return (struct str){ptr, len};
}

static int set_up(void **state)
{
        static struct fixture fixture;
        fixture = (struct fixture){.vault = vault_new(&master)};
        vault_make_key(fixture.vault, 42, fixture.wrapped);
        vault_seal(fixture.vault, place, text, fixture.sealed);
        *state = &fixture;
        return 0;
}

static int tear_down(void **state)
{
        vault_free(((struct fixture *)*state)->vault);
        return 0;
}

static bool opens(struct fixture *f, struct vault_place at)
{
        return vault_open(f->vault, at, bytes(f->sealed, sizeof f->sealed), f->opened);
}

static void what_was_sealed_is_opened_by_another_process_with_the_master_key(void **state)
{
        struct fixture *f = *state;
        vault_free(f->vault);
        f->vault = vault_new(&master);
        assert_true(vault_use_key(f->vault, 42, bytes(f->wrapped, sizeof f->wrapped)));
        assert_true(opens(f, place));
        assert_memory_equal(f->opened, text.ptr, text.len);
}

static void an_empty_text_is_sealed_too(void **state)
{
        struct fixture *f = *state;
        unsigned char sealed[VAULT_OVERHEAD];
        vault_seal(f->vault, place, STR(""), sealed);
        assert_true(vault_open(f->vault, place, bytes(sealed, sizeof sealed), f->opened));
}

static void the_same_text_is_never_sealed_alike(void **state)
{
        struct fixture *f = *state;
        unsigned char again[SEALED];
        vault_seal(f->vault, place, text, again);
        assert_memory_not_equal(again, f->sealed, sizeof again);
        assert_null(memmem(f->sealed, sizeof f->sealed, "knee", 4));
}

static void each_flipped_bit_is_found(void **state)
{
        struct fixture *f = *state;
        for (size_t bit = 0; bit < 8 * sizeof f->sealed; bit++) {
                f->sealed[bit / 8] ^= (unsigned char)(1 << bit % 8);
                assert_false(opens(f, place));
                f->sealed[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        for (size_t bit = 0; bit < 8 * sizeof f->wrapped; bit++) {
                f->wrapped[bit / 8] ^= (unsigned char)(1 << bit % 8);
                assert_false(vault_use_key(f->vault, 42, bytes(f->wrapped, sizeof f->wrapped)));
                f->wrapped[bit / 8] ^= (unsigned char)(1 << bit % 8);
        }
        assert_true(opens(f, place));
}

static void a_value_cut_short_is_found(void **state)
{
        struct fixture *f = *state;
        for (size_t len = 0; len < sizeof f->sealed; len++)
                assert_false(vault_open(f->vault, place, bytes(f->sealed, len), f->opened));
}

static void a_value_in_another_place_is_found(void **state)
{
        struct fixture *f = *state;
        assert_false(opens(f, (struct vault_place){STR_INIT("message.text"), 8}));
        assert_false(opens(f, (struct vault_place){STR_INIT("message.answer"), 7}));
        assert_false(vault_use_key(f->vault, 43, bytes(f->wrapped, sizeof f->wrapped)));
}

static void another_subjects_key_opens_nothing_and_leaves_nothing(void **state)
{
        struct fixture *f = *state;
        unsigned char wrapped[VAULT_WRAPPED_BYTES];
        vault_make_key(f->vault, 43, wrapped);
        assert_false(opens(f, place));
        for (size_t i = 0; i < text.len; i++)
                assert_int_equal(f->opened[i], 0);
}

static void another_master_key_is_refused(void **state)
{
        struct fixture *f = *state;
        struct vault *other = vault_new(&other_master);
        assert_false(vault_use_key(other, 42, bytes(f->wrapped, sizeof f->wrapped)));
        vault_free(other);
}

static void the_master_key_is_made_once_for_its_owner_alone(void **state)
{
        (void)state;
        char directory[] = "/tmp/triaged-vault-XXXXXX", path[64];
        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof path, "%s/" MASTER_KEY_FILE, directory);
        struct digest made, read;
        struct err_note note;
        assert_int_equal(key_file_read(path, false, &made, &note), ERR_NOT_FOUND);
        assert_non_null(strstr(note.text, "restore"));
        assert_ok(key_file_read(path, true, &made, NULL));
        assert_ok(key_file_read(path, false, &read, NULL));
        assert_true(digest_equal(&made, &read));
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(truncate(path, 31), 0);
        assert_int_equal(key_file_read(path, true, &read, &note), ERR_CORRUPT);
        assert_int_equal(chmod(path, 0640), 0);
        assert_int_equal(key_file_read(path, true, &read, &note), ERR_FORBIDDEN);
        unlink(path);
        rmdir(directory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(what_was_sealed_is_opened_by_another_process_with_the_master_key, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(an_empty_text_is_sealed_too, set_up, tear_down),
                cmocka_unit_test_setup_teardown(the_same_text_is_never_sealed_alike, set_up, tear_down),
                cmocka_unit_test_setup_teardown(each_flipped_bit_is_found, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_value_cut_short_is_found, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_value_in_another_place_is_found, set_up, tear_down),
                cmocka_unit_test_setup_teardown(another_subjects_key_opens_nothing_and_leaves_nothing, set_up, tear_down),
                cmocka_unit_test_setup_teardown(another_master_key_is_refused, set_up, tear_down),
                cmocka_unit_test(the_master_key_is_made_once_for_its_owner_alone),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
