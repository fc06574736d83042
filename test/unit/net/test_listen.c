/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/server.h"

static void addresses_are_numeric_with_a_port(void **state)
{
        (void)state;
        static const struct {
                const char *address;
                enum err err;
                bool is_loopback;
        } cases[] = {
                {"127.0.0.1:8080", ERR_OK, true}, {"127.9.9.9:1", ERR_OK, true}, {"[::1]:0", ERR_OK, true},
                {"0.0.0.0:80", ERR_OK, false}, {"[::]:80", ERR_OK, false}, {"128.0.0.1:65535", ERR_OK, false},
                {"", ERR_INVALID, false}, {":80", ERR_INVALID, false}, {"127.0.0.1", ERR_INVALID, false},
                {"127.0.0.1:", ERR_INVALID, false}, {"127.0.0.1:65536", ERR_INVALID, false},
                {"127.0.0.1:-1", ERR_INVALID, false}, {"127.0.0.1:80 ", ERR_INVALID, false},
                {"::1:80", ERR_INVALID, false}, {"[::1]80", ERR_INVALID, false}, {"[::1", ERR_INVALID, false},
                {"[127.0.0.1]:80", ERR_INVALID, false}, {"localhost:80", ERR_INVALID, false}, {"[", ERR_INVALID, false},
                {"127.0.0.1.127.0.0.1.127.0.0.1.127.0.0.1.127.0.0.1.127.0.0.1:80", ERR_INVALID, false},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                bool is_loopback = !cases[i].is_loopback;
                struct err_note note = {""};
                enum err err = server_is_loopback(str_from(cases[i].address), &is_loopback, &note);
                if (err != cases[i].err || (err == ERR_OK && is_loopback != cases[i].is_loopback))
                        fail_msg("%s: %s", cases[i].address, err_name(err));
                assert_int_equal(err == ERR_OK, note.text[0] == '\0');
        }
}

static void workers_share_a_port(void **state)
{
        (void)state;
        int first, second;
        assert_ok(server_listen_tcp(STR("127.0.0.1:0"), &first, NULL));
        char address[32];
        snprintf(address, sizeof address, "127.0.0.1:%d", server_port(first));
        assert_ok(server_listen_tcp(str_from(address), &second, NULL));
        assert_int_equal(server_port(first), server_port(second));
        assert_true(fcntl(first, F_GETFL) & O_NONBLOCK);
        assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
        close(first);
        close(second);
        struct err_note note;
        int untouched = -7;
        assert_int_equal(server_listen_tcp(STR("192.0.2.1:1"), &untouched, &note), ERR_IO);
        assert_int_equal(untouched, -7);
        assert_non_null(strstr(note.text, "192.0.2.1:1"));
}

static void a_unix_socket_replaces_sockets_only(void **state)
{
        (void)state;
        char directory[] = "/tmp/test-listen-XXXXXX";
        assert_non_null(mkdtemp(directory));
        char path[64], file[64];
        snprintf(path, sizeof path, "%s/s", directory);
        snprintf(file, sizeof file, "%s/f", directory);
        for (int i = 0; i < 2; i++) {
                int fd;
                struct stat st;
                assert_ok(server_listen_unix(path, &fd, NULL));
                assert_int_equal(stat(path, &st), 0);
                assert_int_equal(st.st_mode & 07777, 0600);
                assert_int_equal(server_port(fd), 0);
                close(fd);
        }
        close(open(file, O_CREAT | O_WRONLY, 0600));
        int fd = -7;
        struct err_note note;
        assert_int_equal(server_listen_unix(file, &fd, &note), ERR_EXISTS);
        assert_int_equal(server_listen_unix("", &fd, &note), ERR_INVALID);
        assert_int_equal(fd, -7);
        unlink(path);
        unlink(file);
        rmdir(directory);
}

/* A directory whose path alone is longer than a socket's address may be. */
static char *make_deep_directory(char *path, size_t size)
{
        static const char name[] = "a-name-of-40-characters-as-people-use-it";
        snprintf(path, size, "/tmp/test-listen-XXXXXX");
        assert_non_null(mkdtemp(path));
        for (int i = 0; i < 4; i++) {
                size_t len = strlen(path);
                snprintf(path + len, size - len, "/%s", name);
                assert_int_equal(mkdir(path, 0700), 0);
        }
        return path;
}

static void remove_deep_directory(char *path)
{
        for (int i = 0; i < 5; i++) {
                assert_int_equal(rmdir(path), 0);
                *strrchr(path, '/') = '\0';
        }
}

static size_t open_descriptors(void)
{
        size_t count = 0;
        for (int fd = 0; fd < 256; fd++)
                count += fcntl(fd, F_GETFD) >= 0;
        return count;
}

static void a_unix_socket_may_have_a_long_path(void **state)
{
        (void)state;
        char directory[512], path[600], long_name[300];
        snprintf(path, sizeof path, "%s/control.sock", make_deep_directory(directory, sizeof directory));
        for (int i = 0; i < 2; i++) { /* the second time in the place of the first */
                int fd;
                struct stat st;
                size_t before = open_descriptors();
                assert_ok(server_listen_unix(path, &fd, NULL));
                assert_int_equal(lstat(path, &st), 0);
                assert_true(S_ISSOCK(st.st_mode));
                assert_int_equal(st.st_mode & 07777, 0600);
                close(fd);
                assert_int_equal(open_descriptors(), before);
        }
        unlink(path);
        struct err_note note;
        int fd = -7;
        memset(long_name, 'x', sizeof long_name);
        snprintf(path, sizeof path, "%s/%.200s", directory, long_name);
        assert_int_equal(server_listen_unix(path, &fd, &note), ERR_INVALID);
        assert_non_null(strstr(note.text, "80 bytes"));
        snprintf(path, sizeof path, "%s/absent/control.sock", directory);
        assert_int_equal(server_listen_unix(path, &fd, &note), ERR_UNAVAILABLE);
        assert_int_equal(fd, -7);
        remove_deep_directory(directory);
}

static void every_refusal_has_a_status(void **state)
{
        (void)state;
        for (int i = 0; i < REFUSAL_COUNT; i++)
                assert_in_range(http_refusal_status((enum http_refusal)i), 400, 599);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(addresses_are_numeric_with_a_port),
                cmocka_unit_test(workers_share_a_port),
                cmocka_unit_test(a_unix_socket_replaces_sockets_only),
                cmocka_unit_test(a_unix_socket_may_have_a_long_path),
                cmocka_unit_test(every_refusal_has_a_status),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
