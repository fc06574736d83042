/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "base/metric.h"
#include "core/llm_status.h"
#include "core/terms.h"

#include <math.h>
#include <pthread.h>

/* A strict reader of the text format 0.0.4: each family once, HELP then TYPE then its samples. */
struct reader {
        struct str rest;
        struct str family;
        struct str type;
        struct str seen[METRIC_COUNT];
        size_t seen_count;
        size_t samples;
        /* of the histogram series that is being read */
        struct str labels; /* without le */
        double last_bound;
        double last_count;
};

static struct str word(struct str *line)
{
        return str_split(line, ' ');
}

static void read_help(struct reader *r, struct str line)
{
        assert_str_equal(word(&line), "#");
        assert_str_equal(word(&line), "HELP");
        r->family = word(&line);
        assert_true(line.len > 0);
        for (size_t i = 0; i < r->seen_count; i++)
                assert_false(str_equal(r->seen[i], r->family));
        r->seen[r->seen_count++] = r->family;
        struct str type = str_split(&r->rest, '\n');
        assert_str_equal(word(&type), "#");
        assert_str_equal(word(&type), "TYPE");
        assert_true(str_equal(word(&type), r->family));
        r->type = type;
        r->last_bound = -INFINITY;
        r->last_count = 0;
        bool is_total = r->family.len > 6 && memcmp(r->family.ptr + r->family.len - 6, "_total", 6) == 0;
        assert_int_equal(is_total, str_equal(type, STR("counter")));
}

static double number(struct str text)
{
        char copy[64];
        assert_true(text.len > 0 && text.len < sizeof copy);
        memcpy(copy, text.ptr, text.len);
        copy[text.len] = '\0';
        char *end;
        double value = strtod(copy, &end);
        assert_true(*end == '\0');
        return value;
}

/* name="value",… ; returns le's value and cuts it off. */
static struct str read_labels(struct str *labels)
{
        struct str rest = *labels, le = {0};
        while (rest.len) {
                struct str value = str_split(&rest, ',');
                const char *start = value.ptr;
                struct str name = str_split(&value, '=');
                assert_true(name.len > 0 && value.len > 2 && value.ptr[0] == '"' &&
                            value.ptr[value.len - 1] == '"');
                if (!str_equal(name, STR("le")))
                        continue;
                assert_true(rest.len == 0);
                le = (struct str){value.ptr + 1, value.len - 2};
                labels->len = start > labels->ptr ? (size_t)(start - labels->ptr) - 1 : 0;
        }
        return le;
}

static void read_bucket(struct reader *r, struct str labels, struct str le, double value)
{
        if (r->last_bound == -INFINITY)
                r->labels = labels;
        assert_true(str_equal(labels, r->labels));
        double bound = number(le);
        assert_true(bound > r->last_bound && value >= r->last_count);
        r->last_bound = bound;
        r->last_count = value;
}

static void read_sample(struct reader *r, struct str line)
{
        struct str value = line, labels = {"", 0};
        struct str name = word(&value);
        if (memchr(name.ptr, '{', name.len)) {
                labels = name;
                name = str_split(&labels, '{');
                assert_true(labels.ptr[labels.len - 1] == '}');
                labels.len--;
        }
        struct str le = read_labels(&labels);
        assert_true(str_starts_with(name, r->family));
        struct str suffix = {name.ptr + r->family.len, name.len - r->family.len};
        r->samples++;
        if (!str_equal(r->type, STR("histogram"))) {
                assert_str_equal(suffix, "");
                number(value);
        } else if (str_equal(suffix, STR("_bucket"))) {
                read_bucket(r, labels, le, number(value));
        } else {
                assert_true(str_equal(labels, r->labels) && r->last_bound == INFINITY);
                bool is_count = str_equal(suffix, STR("_count"));
                assert_true(is_count || str_equal(suffix, STR("_sum")));
                if (is_count)
                        assert_true(number(value) == r->last_count);
                if (is_count) {
                        r->last_bound = -INFINITY;
                        r->last_count = 0;
                }
        }
}

static struct reader read_all(struct str text)
{
        struct reader r = {.rest = text};
        assert_true(text.len > 0 && text.ptr[text.len - 1] == '\n');
        while (r.rest.len) {
                struct str line = str_split(&r.rest, '\n');
                if (line.ptr[0] == '#')
                        read_help(&r, line);
                else
                        read_sample(&r, line);
        }
        return r;
}

static bool has_line(struct str text, const char *line)
{
        while (text.len)
                if (str_equal(str_split(&text, '\n'), str_from(line)))
                        return true;
        return false;
}

static struct buf render(void)
{
        struct buf buf;
        buf_init(&buf, 1 << 20);
        metric_render(&buf);
        assert_false(buf.is_over);
        return buf;
}

static void the_text_is_what_prometheus_reads(void **state)
{
        (void)state;
        METRIC_ADD(REQUESTS, METRIC_PAIR(STATUS, METRIC_ROUTE_READY, metric_status(503)), 2);
        METRIC_OBSERVE(REQUEST_DURATION, METRIC_ROUTE_READY, 0.0001);
        METRIC_OBSERVE(REQUEST_DURATION, METRIC_ROUTE_READY, 0.3);
        METRIC_OBSERVE(REQUEST_DURATION, METRIC_ROUTE_READY, 11);
        METRIC_SET(LLM_BREAKER_STATE, METRIC_PAIR(BREAKER, METRIC_UPSTREAM_2, METRIC_BREAKER_HALF_OPEN), 1);
        METRIC_SET(RESIDENT_MEMORY, 0, 123456789);
        METRIC_SET(CPU_SECONDS, 0, 1.25);
        struct buf buf = render();
        struct str text = buf_str(&buf);
        assert_int_equal(read_all(text).seen_count, METRIC_COUNT);
        assert_true(has_line(text, "# TYPE triaged_requests_total counter"));
        assert_true(has_line(text, "triaged_requests_total{route=\"ready\",status=\"503\"} 2"));
        assert_false(has_line(text, "triaged_requests_total{route=\"ready\",status=\"200\"} 0"));
        assert_true(
                has_line(text, "triaged_request_duration_seconds_bucket{route=\"ready\",le=\"0.0001\"} 1"));
        assert_true(has_line(text, "triaged_request_duration_seconds_bucket{route=\"ready\",le=\"0.25\"} 1"));
        assert_true(has_line(text, "triaged_request_duration_seconds_bucket{route=\"ready\",le=\"10\"} 2"));
        assert_true(has_line(text, "triaged_request_duration_seconds_bucket{route=\"ready\",le=\"+Inf\"} 3"));
        assert_true(has_line(text, "triaged_request_duration_seconds_sum{route=\"ready\"} 11.3001"));
        assert_true(has_line(text, "triaged_request_duration_seconds_count{route=\"ready\"} 3"));
        assert_true(has_line(text, "triaged_confidence_bucket{le=\"0.1\"} 0"));
        assert_true(has_line(text, "triaged_llm_breaker_state{upstream=\"2\",state=\"half_open\"} 1"));
        assert_true(has_line(text, "process_resident_memory_bytes 123456789"));
        assert_true(has_line(text, "process_cpu_seconds_total 1.25"));
        buf_deinit(&buf);
}

enum { THREADS = 8, TURNS = 20000 };

static void *work(void *arg)
{
        (void)arg;
        for (int i = 0; i < TURNS; i++) {
                METRIC_ADD(MESSAGES, METRIC_CATEGORY_SERVICE_ACTION, 1);
                METRIC_ADD(IN_FLIGHT, 0, i % 2 ? 1 : -1);
                METRIC_OBSERVE(STORE_BATCH_SIZE, 0, 2);
        }
        METRIC_ADD(IN_FLIGHT, 0, 1);
        return NULL;
}

static void what_ended_threads_counted_stays(void **state)
{
        (void)state;
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
        for (int i = 0; i < 20; i++) { /* scrapes while they count */
                struct buf buf = render();
                read_all(buf_str(&buf));
                buf_deinit(&buf);
        }
        for (int i = 0; i < THREADS; i++)
                pthread_join(threads[i], NULL);
        assert_true(metric_value(METRIC_MESSAGES, METRIC_CATEGORY_SERVICE_ACTION) == THREADS * TURNS);
        assert_true(metric_value(METRIC_IN_FLIGHT, 0) == THREADS);
        struct buf buf = render();
        char line[64];
        snprintf(line, sizeof line, "triaged_store_batch_size_sum %d", 2 * THREADS * TURNS);
        assert_true(has_line(buf_str(&buf), line));
        snprintf(line, sizeof line, "triaged_store_batch_size_bucket{le=\"2\"} %d", THREADS * TURNS);
        assert_true(has_line(buf_str(&buf), line));
        assert_true(has_line(buf_str(&buf), "triaged_store_batch_size_bucket{le=\"1\"} 0"));
        buf_deinit(&buf);
}

static void sample(void *arg)
{
        METRIC_SET(OPEN_FDS, 0, ++*(int *)arg);
}

static void sampled_values_are_taken_at_each_scrape(void **state)
{
        (void)state;
        int calls = 6;
        metric_set_sampler(sample, &calls);
        struct buf buf = render();
        metric_set_sampler(NULL, NULL);
        assert_true(has_line(buf_str(&buf), "process_open_fds 7"));
        buf_deinit(&buf);
}

static void statuses_find_their_label(void **state)
{
        (void)state;
        assert_int_equal(metric_status(200), METRIC_STATUS_200);
        assert_int_equal(metric_status(505), METRIC_STATUS_505);
        assert_int_equal(metric_status(418), METRIC_STATUS_OTHER);
        assert_int_equal(metric_status(1200), METRIC_STATUS_OTHER);
}

static void facts_are_labels_of_a_gauge(void **state)
{
        (void)state;
        const struct metric_fact facts[] = {{"a", "plain"}, {"b", "with \"quotes\", \\ and\na line"}};
        metric_add_info("facts_info", "Facts.", facts, 2);
        metric_add_info("facts_info", "Facts.", facts, 1);
        struct buf buf = render();
        assert_true(has_line(buf_str(&buf), "# TYPE facts_info gauge"));
        assert_true(has_line(buf_str(&buf), "facts_info{a=\"plain\",b=\"with \\\"quotes\\\", \\\\ and a line\"} 1"));
        assert_true(has_line(buf_str(&buf), "facts_info{a=\"plain\"} 1"));
        buf_deinit(&buf);
}

static void labels_are_the_names_of_their_enums(void **state)
{
        (void)state;
        static const struct {
                enum metric metric;
                const char *family;
                const char *label;
                int count;
        } sets[] = {
                {METRIC_MESSAGES, "triaged_messages_total", "category", CATEGORY_COUNT},
                {METRIC_MESSAGES_BY_CHANNEL, "triaged_messages_by_channel_total", "channel", CHANNEL_COUNT},
                {METRIC_DECISIONS, "triaged_decisions_total", "source", SOURCE_COUNT},
                {METRIC_SAFETY, "triaged_safety_total", "severity", SEVERITY_COUNT},
                {METRIC_LLM_UNANSWERED, "triaged_llm_unanswered_total", "status", LLM_STATUS_COUNT},
        };
        assert_int_equal(METRIC_CATEGORY_COUNT, CATEGORY_COUNT);
        assert_int_equal(METRIC_CHANNEL_COUNT, CHANNEL_COUNT);
        assert_int_equal(METRIC_SOURCE_COUNT, SOURCE_COUNT);
        assert_int_equal(METRIC_SEVERITY_COUNT, SEVERITY_COUNT);
        assert_int_equal(METRIC_LLM_STATUS_COUNT, LLM_STATUS_COUNT);
        for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
                for (int value = 0; value < sets[i].count; value++) {
                        metric_set(sets[i].metric, (uint32_t)value,
                                   0.5 - metric_value(sets[i].metric, (uint32_t)value));
                        const char *names[] = {
                                category_name(value % CATEGORY_COUNT), channel_name(value % CHANNEL_COUNT),
                                source_name(value % SOURCE_COUNT), severity_name(value % SEVERITY_COUNT),
                                llm_status_name(value % LLM_STATUS_COUNT)};
                        char line[128];
                        snprintf(line, sizeof line, "%s{%s=\"%s\"} 0.5", sets[i].family, sets[i].label,
                                 names[i]);
                        struct buf buf = render();
                        assert_true(has_line(buf_str(&buf), line));
                        buf_deinit(&buf);
                        metric_set(sets[i].metric, (uint32_t)value, 0);
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_text_is_what_prometheus_reads),
                cmocka_unit_test(what_ended_threads_counted_stays),
                cmocka_unit_test(sampled_values_are_taken_at_each_scrape),
                cmocka_unit_test(statuses_find_their_label),
                cmocka_unit_test(facts_are_labels_of_a_gauge),
                cmocka_unit_test(labels_are_the_names_of_their_enums),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
