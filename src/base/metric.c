/* SPDX-License-Identifier: Apache-2.0 */
#include "base/metric.h"

#include "base/alloc.h"

#include <pthread.h>

/* clang-format off */
#define LABELS(set, name) static const char *const values_##set[] = {
#define VALUE(set, symbol, text) text,
#define LABELS_END(set) };
/* clang-format on */
#include "base/metric.def"

#define BUCKETS(set, ...) static const double buckets_##set[] = {__VA_ARGS__};
#include "base/metric.def"

struct labels {
        const char *name;
        const char *const *values;
        uint32_t count;
};

#define LABELS(set, name) \
        static const struct labels labels_##set = {name, values_##set, METRIC_##set##_COUNT};
#define VALUE(set, symbol, text)
#define LABELS_END(set)
#include "base/metric.def"

enum kind { COUNTER, GAUGE, HISTOGRAM };

struct info {
        enum kind kind;
        const char *name;
        const char *help;
        const struct labels *a;
        const struct labels *b;
        const double *buckets;
        uint32_t bucket_count;
        uint32_t first_cell;
        uint32_t series;
        uint32_t cells; /* of one series */
};

static const struct info table[METRIC_COUNT] = {
/* clang-format off */
#define METRIC(symbol, kind, name, a, b, buckets, help) \
        [METRIC_##symbol] = {kind, name, help, &labels_##a, &labels_##b, buckets_##buckets, \
                             METRIC_BUCKETS_##buckets, METRIC_FIRST_##symbol, METRIC_SERIES_##symbol, \
                             METRIC_CELLS_##kind(buckets)},
/* clang-format on */
#include "base/metric.def"
};

__thread struct metric_slab *metric_slab;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of the list and of `ended` */
static struct metric_slab *slabs;
static struct metric_slab ended; /* what threads that are gone have counted */
static _Atomic double set_values[METRIC_CELL_COUNT];
static pthread_key_t at_exit;
static pthread_once_t at_exit_once = PTHREAD_ONCE_INIT;
static void (*sampler)(void *arg);
static void *sampler_arg;

static uint64_t cell_of(const struct metric_slab *slab, uint32_t cell)
{
        return atomic_load_explicit(&slab->cells[cell], memory_order_relaxed);
}

static double sum_of(const struct metric_slab *slab, uint32_t cell)
{
        return atomic_load_explicit(&slab->sums[cell], memory_order_relaxed);
}

static void add_slab(struct metric_slab *to, const struct metric_slab *from)
{
        for (uint32_t i = 0; i < METRIC_CELL_COUNT; i++) {
                atomic_store_explicit(&to->cells[i], cell_of(to, i) + cell_of(from, i), memory_order_relaxed);
                atomic_store_explicit(&to->sums[i], sum_of(to, i) + sum_of(from, i), memory_order_relaxed);
        }
}

static void end_thread(void *arg)
{
        struct metric_slab *slab = arg;
        metric_slab = NULL;
        pthread_mutex_lock(&lock);
        add_slab(&ended, slab);
        struct metric_slab **at = &slabs;
        while (*at != slab)
                at = &(*at)->next;
        *at = slab->next;
        pthread_mutex_unlock(&lock);
        free(slab);
}

static void make_key(void)
{
        int failed = pthread_key_create(&at_exit, end_thread);
        assert(!failed);
}

struct metric_slab *metric_slab_new(void)
{
        pthread_once(&at_exit_once, make_key);
        struct metric_slab *slab = alloc_zeroed(1, sizeof *slab);
        int failed = pthread_setspecific(at_exit, slab);
        assert(!failed);
        pthread_mutex_lock(&lock);
        slab->next = slabs;
        slabs = slab;
        pthread_mutex_unlock(&lock);
        metric_slab = slab;
        return slab;
}

void metric_set(enum metric metric, uint32_t label, double value)
{
        const struct info *info = &table[metric];
        assert(info->kind != HISTOGRAM);
        uint32_t cell = info->first_cell + metric_checked(label, info->series);
        atomic_store_explicit(&set_values[cell], value, memory_order_relaxed);
}

void metric_observe(enum metric metric, uint32_t label, double value)
{
        const struct info *info = &table[metric];
        assert(info->kind == HISTOGRAM);
        uint32_t first = info->first_cell + metric_checked(label, info->series) * info->cells;
        uint32_t bucket = 0;
        while (bucket < info->bucket_count && value > info->buckets[bucket])
                bucket++;
        metric_add_cell(first + bucket, 1);
        _Atomic double *sum = &metric_slab->sums[first];
        double now = atomic_load_explicit(sum, memory_order_relaxed);
        atomic_store_explicit(sum, now + value, memory_order_relaxed);
}

enum metric_label_STATUS metric_status(unsigned status)
{
        char text[] = {(char)('0' + status / 100 % 10), (char)('0' + status / 10 % 10),
                       (char)('0' + status % 10), 0};
        enum metric_label_STATUS label = 0;
        while (label < METRIC_STATUS_OTHER && !str_equal(str_from(text), str_from(values_STATUS[label])))
                label++;
        return status < 1000 ? label : METRIC_STATUS_OTHER;
}

void metric_set_sampler(void (*sample)(void *arg), void *arg)
{
        sampler = sample;
        sampler_arg = arg;
}

static void sum_up(struct metric_slab *total)
{
        pthread_mutex_lock(&lock);
        add_slab(total, &ended);
        for (const struct metric_slab *slab = slabs; slab; slab = slab->next)
                add_slab(total, slab);
        pthread_mutex_unlock(&lock);
}

static void append_escaped(struct buf *buf, const char *value)
{
        for (; *value; value++) {
                if (*value == '"' || *value == '\\')
                        buf_append_char(buf, '\\');
                buf_append_char(buf, *value == '\n' ? ' ' : *value);
        }
}

/* Opens the braces before the first label. */
static void append_label(struct buf *buf, const char *name, const char *value, bool *has_any)
{
        buf_append_char(buf, *has_any ? ',' : '{');
        buf_append_str(buf, str_from(name));
        buf_append_str(buf, STR("=\""));
        append_escaped(buf, value);
        buf_append_char(buf, '"');
        *has_any = true;
}

/* `le` is a histogram's upper bound, NULL for none. */
static void append_series(struct buf *buf, const struct info *info, const char *suffix, uint32_t series,
                          const char *le)
{
        bool has_any = false;
        buf_append_str(buf, str_from(info->name));
        buf_append_str(buf, str_from(suffix));
        if (info->a->name[0])
                append_label(buf, info->a->name, info->a->values[series / info->b->count], &has_any);
        if (info->b->name[0])
                append_label(buf, info->b->name, info->b->values[series % info->b->count], &has_any);
        if (le)
                append_label(buf, "le", le, &has_any);
        buf_append_str(buf, has_any ? STR("} ") : STR(" "));
}

static void append_double(struct buf *buf, double value)
{
        if (value >= 0 && value < 1e15 && value == (double)(uint64_t)value)
                buf_append_u64(buf, (uint64_t)value);
        else
                buf_printf(buf, "%.15g", value);
        buf_append_char(buf, '\n');
}

static void append_count(struct buf *buf, uint64_t value)
{
        buf_append_u64(buf, value);
        buf_append_char(buf, '\n');
}

static void append_histogram(struct buf *buf, const struct info *info, uint32_t series,
                             const struct metric_slab *total)
{
        uint32_t first = info->first_cell + series * info->cells;
        uint64_t count = 0;
        for (uint32_t i = 0; i < info->cells; i++) {
                char le[32] = "+Inf";
                if (i < info->bucket_count)
                        snprintf(le, sizeof le, "%g", info->buckets[i]);
                count += cell_of(total, first + i);
                append_series(buf, info, "_bucket", series, le);
                append_count(buf, count);
        }
        append_series(buf, info, "_sum", series, NULL);
        append_double(buf, sum_of(total, first));
        append_series(buf, info, "_count", series, NULL);
        append_count(buf, count);
}

static double plain_value(const struct info *info, uint32_t series, const struct metric_slab *total)
{
        uint32_t cell = info->first_cell + series;
        return (double)(int64_t)cell_of(total, cell) +
               atomic_load_explicit(&set_values[cell], memory_order_relaxed);
}

static void append_metric(struct buf *buf, const struct info *info, const struct metric_slab *total)
{
        static const char *const kinds[] = {"counter", "gauge", "histogram"};
        buf_printf(buf, "# HELP %s %s\n# TYPE %s %s\n", info->name, info->help, info->name,
                   kinds[info->kind]);
        for (uint32_t series = 0; series < info->series; series++) {
                if (info->kind == HISTOGRAM) {
                        append_histogram(buf, info, series, total);
                        continue;
                }
                double value = plain_value(info, series, total);
                if (value == 0 && info->b->name[0])
                        continue;
                append_series(buf, info, "", series, NULL);
                append_double(buf, value);
        }
}

static struct buf info_lines = {.max_bytes = METRIC_INFO_BYTES};

void metric_add_info(const char *name, const char *help, const struct metric_fact *facts, size_t count)
{
        static const char *last = "";
        struct buf line;
        bool has_any = false;
        buf_init(&line, METRIC_INFO_BYTES);
        if (strcmp(name, last) != 0)
                buf_printf(&line, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
        buf_append_str(&line, str_from(name));
        for (size_t i = 0; i < count; i++)
                append_label(&line, facts[i].name, facts[i].value, &has_any);
        buf_append_str(&line, STR("} 1\n"));
        if (!line.is_over && line.len <= info_lines.max_bytes - info_lines.len) {
                buf_append_str(&info_lines, buf_str(&line));
                last = name;
        }
        buf_deinit(&line);
}

void metric_render(struct buf *buf)
{
        if (sampler)
                sampler(sampler_arg);
        struct metric_slab total = {0};
        sum_up(&total);
        for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
                append_metric(buf, &table[metric], &total);
        buf_append_str(buf, buf_str(&info_lines));
}

double metric_value(enum metric metric, uint32_t label)
{
        const struct info *info = &table[metric];
        assert(info->kind != HISTOGRAM);
        struct metric_slab total = {0};
        sum_up(&total);
        return plain_value(info, metric_checked(label, info->series), &total);
}
