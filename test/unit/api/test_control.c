/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket's API over a real Unix socket, with an administration that only remembers. */
#include "unit/flow/json_at.h"

#include "api/control.h"
#include "net/loop.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* What the fake was asked and what it says. */
struct fake {
        struct admin admin;
        enum err err;
        char name[64], arguments[256];
        char changed[64];
        enum err change_err;
        atomic_int running;
        atomic_int most_running;
};

static enum err execute(struct admin *admin, struct str name, struct str arguments, struct buf *result,
                        struct err_note *note)
{
        struct fake *fake = (struct fake *)admin;
        int running = atomic_fetch_add(&fake->running, 1) + 1;
        if (running > atomic_load(&fake->most_running))
                atomic_store(&fake->most_running, running);
        snprintf(fake->name, sizeof fake->name, "%.*s", STR_ARGS(name));
        snprintf(fake->arguments, sizeof fake->arguments, "%.*s", STR_ARGS(arguments));
        buf_append_str(result, STR("{\"done\":true}"));
        usleep(1000);
        atomic_fetch_sub(&fake->running, 1);
        return fake->err ? err_set(note, fake->err, "because") : ERR_OK;
}

static enum err changed(void *arg, struct str operation, struct err_note *note)
{
        struct fake *used = arg;
        snprintf(used->changed, sizeof used->changed, "%.*s", STR_ARGS(operation));
        return used->change_err ? err_set(note, used->change_err, "not in force") : ERR_OK;
}

static struct fake fake;
static struct loop *loop;
static struct control *control;
static struct server *server;
static pthread_t thread;
static char directory[] = "/tmp/test_control.XXXXXX";
static char path[sizeof directory + 8];

static void *run_loop(void *arg)
{
        (void)arg;
        loop_run(loop);
        return NULL;
}

static int set_up(void **state)
{
        (void)state;
        static const struct server_limits limits = {
                .max_connections = 16, .max_header_bytes = 8192, .max_headers = 32, .max_target_bytes = 1024,
                .max_body_bytes = 65536, .header_timeout_ms = 10000, .body_timeout_ms = 10000,
                .idle_timeout_ms = 10000, .write_timeout_ms = 10000};
        int fd;
        assert_non_null(mkdtemp(directory));
        snprintf(path, sizeof path, "%s/sock", directory);
        assert_ok(server_listen_unix(path, &fd, NULL));
        loop = loop_new();
        fake = (struct fake){.admin.execute = execute};
        control = control_new(loop, &(struct control_config){&fake.admin, changed, &fake});
        struct server_handlers handlers = control_handlers(control);
        server = server_new(loop, fd, &limits, &handlers);
        return pthread_create(&thread, NULL, run_loop, NULL);
}

static void closed(void *arg)
{
        (void)arg;
        loop_stop(loop);
}

static void close_server(struct task *task)
{
        (void)task;
        server_close(server, closed, NULL);
}

static int tear_down(void **state)
{
        (void)state;
        struct task task = {.run = close_server};
        loop_post(loop, &task);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(control_busy(control), 0);
        control_free(control);
        control_free(NULL);
        loop_free(loop);
        unlink(path);
        return rmdir(directory);
}

/* Sends one request and reads to the end; returns the status. */
static int ask(const char *method, const char *target, const char *body, char *ret_answer, size_t size)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        char request[1024];
        size_t used = 0;
        ssize_t got;
        int status = 0;
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0)
                return -1;
        int len = snprintf(request, sizeof request,
                           "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
                           method, target, strlen(body), body);
        if (write(fd, request, (size_t)len) != len)
                return -1;
        while (used < size - 1 && (got = read(fd, ret_answer + used, size - 1 - used)) > 0)
                used += (size_t)got;
        ret_answer[used] = '\0';
        close(fd);
        return sscanf(ret_answer, "HTTP/1.1 %d", &status) == 1 ? status : -1;
}

static void an_operation_gets_its_name_and_arguments_and_tells_its_result(void **state)
{
        (void)state;
        char answer[2048];
        fake.err = ERR_OK;
        assert_int_equal(ask("POST", "/control/key.add", "{\"name\":\"shop\"}", answer, sizeof answer), 200);
        assert_string_equal(fake.name, "key.add");
        assert_string_equal(fake.arguments, "{\"name\":\"shop\"}");
        assert_string_equal(fake.changed, "key.add");
        assert_non_null(strstr(answer, "\r\n\r\n{\"done\":true}"));
        assert_non_null(strstr(answer, "application/json"));
}

static void a_change_that_is_not_in_force_is_told(void **state)
{
        (void)state;
        char answer[4096];
        fake.change_err = ERR_IO;
        assert_int_not_equal(ask("POST", "/control/key.revoke", "{}", answer, sizeof answer), 200);
        assert_non_null(strstr(answer, "not in force"));
        fake.change_err = ERR_OK;
}

static void an_operation_that_fails_is_a_problem_and_changes_nothing(void **state)
{
        (void)state;
        static const struct {
                enum err err;
                int status;
        } cases[] = {{ERR_NOT_FOUND, 404}, {ERR_INVALID, 400}, {ERR_NO_SPACE, 503}};
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char answer[2048];
                fake.err = cases[i].err;
                fake.changed[0] = '\0';
                assert_int_equal(ask("POST", "/control/kb.delete", "{}", answer, sizeof answer), cases[i].status);
                assert_string_equal(fake.changed, "");
                assert_non_null(strstr(answer, "application/problem+json"));
                assert_non_null(strstr(answer, "\"detail\":\"because\""));
                assert_null(strstr(answer, "done"));
        }
        fake.err = ERR_OK;
}

static void anything_else_is_not_found_and_not_executed(void **state)
{
        (void)state;
        static const char *const cases[][2] = {
                {"GET", "/control/key.list"}, {"POST", "/control"}, {"POST", "/api/v1/classify"}, {"POST", "/"}};
        fake.name[0] = '\0';
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                char answer[2048];
                assert_int_equal(ask(cases[i][0], cases[i][1], "", answer, sizeof answer), 404);
                assert_string_equal(fake.name, "");
        }
}

static void *ask_in_a_thread(void *arg)
{
        int *status = arg;
        char answer[2048];
        *status = ask("POST", "/control/kb.import", "{}", answer, sizeof answer);
        return NULL;
}

static void operations_run_one_at_a_time(void **state)
{
        (void)state;
        pthread_t threads[6];
        int statuses[6] = {0};
        atomic_store(&fake.most_running, 0);
        for (size_t i = 0; i < 6; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, ask_in_a_thread, &statuses[i]), 0);
        for (size_t i = 0; i < 6; i++) {
                assert_int_equal(pthread_join(threads[i], NULL), 0);
                assert_int_equal(statuses[i], 200);
        }
        assert_int_equal(atomic_load(&fake.most_running), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_operation_gets_its_name_and_arguments_and_tells_its_result),
                cmocka_unit_test(a_change_that_is_not_in_force_is_told),
                cmocka_unit_test(an_operation_that_fails_is_a_problem_and_changes_nothing),
                cmocka_unit_test(anything_else_is_not_found_and_not_executed),
                cmocka_unit_test(operations_run_one_at_a_time),
        };
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
