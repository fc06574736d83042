/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics: counters, gauges and histograms from one table (metric.def), as Prometheus text.
 *
 *     METRIC_ADD(MESSAGES, category, 1);
 *     METRIC_ADD(REQUESTS, METRIC_PAIR(STATUS, METRIC_ROUTE_CLASSIFY, METRIC_STATUS_200), 1);
 *     METRIC_OBSERVE(REQUEST_DURATION, METRIC_ROUTE_CLASSIFY, 0.00021);
 *
 * Each thread writes cells of its own, so that an addition is a load, an add and a store that no
 * other core waits for; metric_render() sums them up. What a thread counted stays when it ends.
 *
 * A counter or gauge is either added to (any thread, gauges also below zero in one thread as long
 * as the sum is right) or set (last one wins), never both. Labels are indexes into the table's
 * values, METRIC_<set>_<symbol>; 0 where there is no label. An index too high is a bug: asserted.
 */
#ifndef BASE_METRIC_H
#define BASE_METRIC_H

#include "base/buf.h"

#include <assert.h>
#include <stdatomic.h>

/* clang-format off */
#define LABELS(set, name) enum metric_label_##set {
#define VALUE(set, symbol, text) METRIC_##set##_##symbol,
#define LABELS_END(set) METRIC_##set##_COUNT };
/* clang-format on */
#include "base/metric.def"

enum metric {
#define METRIC(symbol, kind, name, a, b, buckets, help) METRIC_##symbol,
#include "base/metric.def"
        METRIC_COUNT
};

enum {
#define BUCKETS(set, ...) METRIC_BUCKETS_##set = sizeof((const double[]){__VA_ARGS__}) / sizeof(double),
#include "base/metric.def"
};

#define METRIC_SERIES(a, b) ((int)METRIC_##a##_COUNT * (int)METRIC_##b##_COUNT)
#define METRIC_CELLS_COUNTER(buckets) 1
#define METRIC_CELLS_GAUGE(buckets) 1
#define METRIC_CELLS_HISTOGRAM(buckets) (METRIC_BUCKETS_##buckets + 1)

/* Where each metric's cells lie in a thread's slab. */
enum {
#define METRIC(symbol, kind, name, a, b, buckets, help) \
        METRIC_FIRST_##symbol, \
                METRIC_SERIES_##symbol = METRIC_SERIES(a, b), \
                METRIC_LAST_##symbol = METRIC_FIRST_##symbol + \
                                       METRIC_SERIES_##symbol * METRIC_CELLS_##kind(buckets) - 1,
#include "base/metric.def"
        METRIC_CELL_COUNT
};

/* One thread's counts; only that thread writes, so relaxed loads and stores suffice. */
struct metric_slab {
        _Atomic uint64_t cells[METRIC_CELL_COUNT];
        _Atomic double sums[METRIC_CELL_COUNT]; /* of a histogram's series, at its first cell */
        struct metric_slab *next;
};

extern __thread struct metric_slab *metric_slab;

/* The calling thread's slab, made at its first use. */
struct metric_slab *metric_slab_new(void);

static inline void metric_add_cell(uint32_t cell, int64_t n)
{
        struct metric_slab *slab = metric_slab ? metric_slab : metric_slab_new();
        uint64_t now = atomic_load_explicit(&slab->cells[cell], memory_order_relaxed);
        atomic_store_explicit(&slab->cells[cell], now + (uint64_t)n, memory_order_relaxed);
}

static inline uint32_t metric_checked(uint32_t label, uint32_t count)
{
        assert(label < count);
        return label;
}

/* The flat label of a metric with two; `set_b` is the second one's set. */
#define METRIC_PAIR(set_b, label_a, label_b) \
        ((uint32_t)(label_a) * (uint32_t)METRIC_##set_b##_COUNT + \
         metric_checked((uint32_t)(label_b), (uint32_t)METRIC_##set_b##_COUNT))

/* Counters and gauges. */
#define METRIC_ADD(symbol, label, n) \
        metric_add_cell((uint32_t)METRIC_FIRST_##symbol + \
                                metric_checked((uint32_t)(label), (uint32_t)METRIC_SERIES_##symbol), \
                        (n))
#define METRIC_SET(symbol, label, value) metric_set(METRIC_##symbol, (uint32_t)(label), (value))
void metric_set(enum metric metric, uint32_t label, double value);

/* Histograms; seconds, shares or counts as the table's buckets have it. */
#define METRIC_OBSERVE(symbol, label, value) metric_observe(METRIC_##symbol, (uint32_t)(label), (value))
void metric_observe(enum metric metric, uint32_t label, double value);

/* The label of an HTTP status. */
enum metric_label_STATUS metric_status(unsigned status);

/* Called at the start of each metric_render() to set what is sampled, such as memory: base does no
 * input or output itself. Before other threads start; NULL for none. */
void metric_set_sampler(void (*sample)(void *arg), void *arg);

/* Facts that do not change while the process runs, as labels of a gauge that is 1, to be joined to others:
 * `triaged_llm_upstream_info{upstream="1",gen_ai_request_model="gpt-4o"} 1`. Those of one name follow each other.
 * Before other threads start; what does not fit into METRIC_INFO_BYTES in all is left out. */
enum { METRIC_INFO_BYTES = 8192 };
struct metric_fact {
        const char *name;
        const char *value;
};
void metric_add_info(const char *name, const char *help, const struct metric_fact *facts, size_t count);

/* Appends all metrics in Prometheus' text format 0.0.4. Series of two labels that are still 0 are
 * left out. Any thread. */
void metric_render(struct buf *buf);

/* The sum over all threads, for tests and the ready check. Not for histograms. */
double metric_value(enum metric metric, uint32_t label);

#endif
