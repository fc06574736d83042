/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/log.h"

#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

struct seen {
        enum log_event event;
        size_t count;
        char names[64];
        int calls;
};

static void see(void *arg, enum log_event event, const struct log_field *fields, size_t count)
{
        struct seen *seen = arg;
        seen->calls++;
        seen->event = event;
        seen->count = count;
        seen->names[0] = '\0';
        for (size_t i = 0; i < count; i++) {
                size_t used = strlen(seen->names);
                snprintf(seen->names + used, sizeof seen->names - used, "%s ", fields[i].name);
        }
}

static void an_event_reaches_the_sink_with_its_fields(void **state)
{
        (void)state;
        struct seen seen = {0};
        log_set_sink(see, &seen);
        LOG(REFUSED, log_i64("status", 400), log_word("reason", "x"));
        assert_int_equal(seen.calls, 1);
        assert_int_equal(seen.event, LOG_EVENT_REFUSED);
        assert_string_equal(seen.names, "status reason ");
        log_set_sink(NULL, NULL);
        LOG(REFUSED, log_i64("status", 400));
        assert_int_equal(seen.calls, 1);
}

static void every_event_has_a_name_of_its_own(void **state)
{
        (void)state;
        for (enum log_event a = 0; a < LOG_EVENT_COUNT; a++)
                for (enum log_event b = 0; b < a; b++)
                        assert_string_not_equal(log_event_info(a)->name, log_event_info(b)->name);
}

static void nothing_absent_is_passed_as_a_text(void **state)
{
        (void)state;
        struct ident none = {""};
        assert_null(log_word("reason", NULL).text.ptr);
        assert_null(log_ident("key", &none).text.ptr);
}

/* What the child died of when it logged a field of that name; 0: it lived. */
static int death_of(enum log_event event, const char *name)
{
        int status = 0;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
                const struct rlimit no_core = {0, 0};
                setrlimit(RLIMIT_CORE, &no_core);
                signal(SIGABRT, SIG_DFL);
                close(STDERR_FILENO);
                log_event(event, &(struct log_field){.name = name, .type = LOG_FIELD_I64}, 1);
                _exit(0);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void a_field_that_the_table_does_not_know_aborts(void **state)
{
        (void)state;
        static const struct {
                enum log_event event;
                const char *name;
                int death;
        } cases[] = {
                {LOG_EVENT_REQUEST, "status", 0},
                {LOG_EVENT_REQUEST, "request_id", 0},
                {LOG_EVENT_REQUEST, "key", 0},
                {LOG_EVENT_REQUEST, "text", SIGABRT},
                {LOG_EVENT_REQUEST, "stat", SIGABRT},
                {LOG_EVENT_REQUEST, "status ", SIGABRT},
                {LOG_EVENT_REQUEST, "status route", SIGABRT},
                {LOG_EVENT_REQUEST, "", SIGABRT},
                {LOG_EVENT_STOPPED, "status", SIGABRT}, /* of another event */
                {LOG_EVENT_STORE_RECOVERED, "reason", SIGABRT},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                if (death_of(cases[i].event, cases[i].name) != cases[i].death)
                        fail_msg("%s", cases[i].name);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_event_reaches_the_sink_with_its_fields),
                cmocka_unit_test(every_event_has_a_name_of_its_own),
                cmocka_unit_test(nothing_absent_is_passed_as_a_text),
                cmocka_unit_test(a_field_that_the_table_does_not_know_aborts),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
