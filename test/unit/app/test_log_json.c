/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "app/log_json.h"
#include "base/alloc.h"
#include "base/json_reader.h"
#include "base/metric.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TEXT_MAX = 64 << 20 };

static int64_t now_ms(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int open_file(void)
{
        char name[] = "log-XXXXXX";
        int fd = mkstemp(name);
        assert_true(fd >= 0);
        unlink(name);
        return fd;
}

static void read_rest(int fd, struct buf *buf)
{
        char chunk[65536];
        ssize_t got;
        while ((got = read(fd, chunk, sizeof chunk)) > 0)
                buf_append(buf, chunk, (size_t)got);
}

static struct log_json *start(int fd)
{
        struct log_json *log;
        assert_ok(log_json_start(fd, LOG_INFO, &log, NULL));
        return log;
}

/* What a log said, by way of `status` (the logging thread) and `duration_us` (its line number). */
struct tally {
        size_t requests;
        size_t torn;
        int64_t dropped;
        int64_t last[16]; /* per thread */
};

static struct str text_member(struct json object, const char *name)
{
        struct json value;
        struct str text = {0};
        assert_true(json_find(object, str_from(name), &value) && json_to_str(value, &text));
        return text;
}

static int64_t number_member(struct json object, const char *name)
{
        struct json value;
        int64_t number = 0;
        assert_true(json_find(object, str_from(name), &value) && json_to_i64(value, &number));
        return number;
}

static void tally_line(struct tally *tally, struct json line)
{
        assert_int_equal(text_member(line, "time").len, 24);
        if (str_equal(text_member(line, "event"), STR("logs_dropped"))) {
                assert_str_equal(text_member(line, "level"), "warn");
                tally->dropped += number_member(line, "count");
                return;
        }
        assert_str_equal(text_member(line, "event"), "request");
        int64_t thread = number_member(line, "status");
        int64_t turn = number_member(line, "duration_us");
        assert_in_range(thread, 0, 15);
        assert_true(turn > tally->last[thread]);
        tally->last[thread] = turn;
        tally->requests++;
}

/* `torn` lines may be no JSON. */
static struct tally read_torn_log(int fd, size_t torn)
{
        struct buf buf;
        buf_init(&buf, TEXT_MAX);
        read_rest(fd, &buf);
        struct json_parser *parser = json_parser_new(LOG_LINE_BYTES, 8);
        struct tally tally = {.torn = 0};
        struct str rest = buf_str(&buf);
        assert_true(rest.len == 0 || rest.ptr[rest.len - 1] == '\n');
        while (rest.len) {
                struct json line;
                if (json_parse(parser, str_split(&rest, '\n'), &line, NULL) == ERR_OK)
                        tally_line(&tally, line);
                else
                        tally.torn++;
        }
        assert_int_equal(tally.torn, torn);
        json_parser_free(parser);
        buf_deinit(&buf);
        return tally;
}

static struct tally read_log(int fd)
{
        return read_torn_log(fd, 0);
}

static void log_some(int thread, int turns)
{
        for (int i = 1; i <= turns; i++)
                LOG(REQUEST, log_i64("status", thread), log_i64("duration_us", i),
                    log_word("route", "classify"), log_word("category", "safety_compliance"),
                    log_bool("is_cached", false));
}

static void close_writes_what_is_queued(void **state)
{
        (void)state;
        int fd = open_file();
        struct log_json *log = start(fd);
        log_some(0, 1000);
        log_json_close(log, 5000);
        lseek(fd, 0, SEEK_SET);
        struct tally tally = read_log(fd);
        assert_int_equal(tally.requests, 1000);
        assert_int_equal(tally.dropped, 0);
        close(fd);
        log_json_close(NULL, 0);
}

static void *log_from_thread(void *arg)
{
        log_some(*(int *)arg, 5000);
        return NULL;
}

static void lines_of_many_threads_are_never_torn(void **state)
{
        (void)state;
        enum { THREADS = 4 };
        int fd = open_file();
        struct log_json *log = start(fd);
        pthread_t threads[THREADS];
        int numbers[THREADS];
        for (int i = 0; i < THREADS; i++) {
                numbers[i] = i;
                assert_int_equal(pthread_create(&threads[i], NULL, log_from_thread, &numbers[i]), 0);
        }
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        log_json_close(log, 5000);
        lseek(fd, 0, SEEK_SET);
        struct tally tally = read_log(fd);
        /* A machine that is busy elsewhere may make it drop some, but it must know how many. */
        assert_int_equal(tally.requests + (size_t)tally.dropped, THREADS * 5000);
        assert_true(tally.requests > 1000);
        close(fd);
}

struct reader {
        int fd;
        struct tally tally;
};

static void *read_in_thread(void *arg)
{
        struct reader *reader = arg;
        reader->tally = read_log(reader->fd);
        return NULL;
}

static void a_blocked_pipe_blocks_nobody_and_drops_are_told(void **state)
{
        (void)state;
        enum { TURNS = 30000 }; /* about 4 MB: more than queue and pipe hold */
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        double dropped_before = metric_value(METRIC_LOG_DROPPED, 0);
        struct log_json *log = start(ends[1]);
        int64_t started_ms = now_ms();
        log_some(0, TURNS);
        assert_in_range(now_ms() - started_ms, 0, 5000);

        struct reader reader = {.fd = ends[0]};
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, read_in_thread, &reader), 0);
        log_json_close(log, 10000);
        close(ends[1]);
        pthread_join(thread, NULL);
        assert_true(reader.tally.dropped > 0);
        assert_int_equal(reader.tally.requests + (size_t)reader.tally.dropped, TURNS);
        assert_true(metric_value(METRIC_LOG_DROPPED, 0) - dropped_before == (double)reader.tally.dropped);
        close(ends[0]);
}

static void close_does_not_wait_for_a_blocked_pipe(void **state)
{
        (void)state;
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        struct log_json *log = start(ends[1]);
        log_some(0, 5000);
        int64_t started_ms = now_ms();
        log_json_close(log, 100);
        assert_in_range(now_ms() - started_ms, 50, 5000);
        close(ends[0]);
        close(ends[1]);
}

static void a_reader_that_has_gone_is_survived(void **state)
{
        (void)state;
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        close(ends[0]);
        double dropped_before = metric_value(METRIC_LOG_DROPPED, 0);
        struct log_json *log = start(ends[1]);
        log_some(0, 100);
        log_json_close(log, 5000);
        assert_true(metric_value(METRIC_LOG_DROPPED, 0) - dropped_before == 100);
        close(ends[1]);
}

static void wait_for_drops(double count)
{
        for (int64_t until_ms = now_ms() + 5000; metric_value(METRIC_LOG_DROPPED, 0) < count;)
                assert_true(now_ms() < until_ms);
}

static void a_full_disk_tears_one_line_and_is_told(void **state)
{
        (void)state;
        int fd = open_file();
        struct rlimit before, limit;
        getrlimit(RLIMIT_FSIZE, &before);
        limit = (struct rlimit){1000, before.rlim_max};
        double dropped_before = metric_value(METRIC_LOG_DROPPED, 0);
        struct log_json *log = start(fd);
        setrlimit(RLIMIT_FSIZE, &limit);
        log_some(0, 100);
        wait_for_drops(dropped_before + 1);
        setrlimit(RLIMIT_FSIZE, &before);
        log_some(1, 1);
        log_json_close(log, 5000);
        lseek(fd, 0, SEEK_SET);
        struct tally tally = read_torn_log(fd, 1);
        assert_in_range(tally.requests, 2, 99);
        assert_int_equal(tally.last[1], 1);
        assert_int_equal(tally.requests + (size_t)tally.dropped, 101);
        assert_true(metric_value(METRIC_LOG_DROPPED, 0) - dropped_before == (double)tally.dropped);
        close(fd);
}

static struct buf log_one(enum log_level min_level, const char *reason)
{
        int fd = open_file();
        struct log_json *log;
        assert_ok(log_json_start(fd, min_level, &log, NULL));
        LOG(STORE_RECOVERED);
        LOG(STORE_FAILED, log_word("reason", reason), log_i64("error", INT64_MIN),
            log_word("is_fatal", NULL));
        log_json_close(log, 5000);
        lseek(fd, 0, SEEK_SET);
        struct buf buf;
        buf_init(&buf, TEXT_MAX);
        read_rest(fd, &buf);
        close(fd);
        return buf;
}

static void lines_are_json_whatever_the_text(void **state)
{
        (void)state;
        char *longest = alloc_zeroed(LOG_LINE_BYTES + 1, 1);
        memset(longest, 'x', LOG_LINE_BYTES);
        const struct {
                const char *reason;
                const char *expected; /* behind the event's name */
        } cases[] = {
                {"plain", ",\"reason\":\"plain\",\"error\":-9223372036854775808}\n"},
                {"a\"b\\c\n\x7f",
                 ",\"reason\":\"a\\\"b\\\\c\\u000a\\u007f\",\"error\":-9223372036854775808}\n"},
                {"\xc3\xa9", ",\"reason\":\"\xc3\xa9\",\"error\":-9223372036854775808}\n"},
                {"\xc3 \xff", ",\"reason\":\"? ?\",\"error\":-9223372036854775808}\n"},
                {NULL, ",\"error\":-9223372036854775808}\n"},
                {longest, ",\"error\":-9223372036854775808,\"is_cut\":true}\n"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
                struct buf buf = log_one(LOG_WARN, cases[i].reason);
                struct str line = buf_str(&buf);
                struct str head = STR(
                        "{\"time\":\"2026-11-22T10:00:00.000Z\",\"level\":\"error\",\"event\":\"store_failed\"");
                assert_true(line.len > head.len);
                assert_str_equal(((struct str){line.ptr + head.len, line.len - head.len}), cases[i].expected);
                assert_str_equal(((struct str){line.ptr + 33, head.len - 33}), head.ptr + 33);
                buf_deinit(&buf);
        }
        free(longest);
        struct buf buf = log_one(LOG_INFO, "x");
        assert_non_null(memmem(buf.ptr, buf.len, "\"event\":\"store_recovered\"}\n", 27));
        buf_deinit(&buf);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(close_writes_what_is_queued),
                cmocka_unit_test(lines_of_many_threads_are_never_torn),
                cmocka_unit_test(a_blocked_pipe_blocks_nobody_and_drops_are_told),
                cmocka_unit_test(close_does_not_wait_for_a_blocked_pipe),
                cmocka_unit_test(a_reader_that_has_gone_is_survived),
                cmocka_unit_test(a_full_disk_tears_one_line_and_is_told),
                cmocka_unit_test(lines_are_json_whatever_the_text),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
