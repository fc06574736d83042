/* SPDX-License-Identifier: Apache-2.0 */
/* Commits a second and CPU microseconds a record through the whole store: loop, writer, SQLite.
 *
 *     bench_store DIRECTORY [RECORDS] [IN_FLIGHT] [tickets [told]]
 *
 * Messages with an answer of 700 bytes, informational, or each with a ticket, or with one and an entry of the outbox; IN_FLIGHT are always under way.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "adapt/store_sqlite.h"
#include "base/alloc.h"

enum { DEFAULT_RECORDS = 200000, DEFAULT_IN_FLIGHT = 64, ANSWER_BYTES = 700 };

struct slot {
        struct store_commit commit;
        struct store_record record;
        int64_t started_us;
};

static struct {
        struct store *store;
        struct loop *loop;
        size_t to_start;
        size_t to_finish;
        size_t total;
        int32_t *latency_us;
        size_t batches;
        struct outcome outcome;
        char answer[ANSWER_BYTES];
} bench;

static int64_t now_us(void)
{
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void start(struct slot *slot)
{
        bench.to_start--;
        slot->record.id = bench.store->ops->reserve(bench.store);
        slot->started_us = now_us();
        bench.store->ops->commit(bench.store, &slot->commit);
}

static void on_done(struct store_commit *commit)
{
        struct slot *slot = (struct slot *)(void *)commit;
        if (commit->result) {
                fprintf(stderr, "commit: %s\n", err_text(commit->result));
                exit(1);
        }
        bench.latency_us[bench.total - bench.to_finish] = (int32_t)(now_us() - slot->started_us);
        if (--bench.to_finish == 0)
                loop_stop(bench.loop);
        else if (bench.to_start)
                start(slot);
}

static void on_commit(void *arg, size_t batch, int64_t duration_us)
{
        (void)arg;
        (void)batch;
        (void)duration_us;
        bench.batches++;
}

static int compare(const void *a, const void *b)
{
        int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
        return (x > y) - (x < y);
}

static void report(int64_t wall_us, const struct rusage *before)
{
        struct rusage after;
        getrusage(RUSAGE_SELF, &after);
        int64_t user_us = (after.ru_utime.tv_sec - before->ru_utime.tv_sec) * INT64_C(1000000) +
                          after.ru_utime.tv_usec - before->ru_utime.tv_usec;
        int64_t system_us = (after.ru_stime.tv_sec - before->ru_stime.tv_sec) * INT64_C(1000000) +
                            after.ru_stime.tv_usec - before->ru_stime.tv_usec;
        qsort(bench.latency_us, bench.total, sizeof *bench.latency_us, compare);
        double records = (double)bench.total;
        printf("%.0f records/s, batch %.1f, CPU %.2f us a record (user %.2f, system %.2f),"
               " p50 %d us, p99 %d us, max %d us\n",
               records * 1e6 / (double)wall_us, records / (double)bench.batches,
               (double)(user_us + system_us) / records, (double)user_us / records,
               (double)system_us / records, bench.latency_us[bench.total / 2],
               bench.latency_us[bench.total * 99 / 100], bench.latency_us[bench.total - 1]);
}

static void prepare(struct slot *slots, size_t in_flight, bool with_tickets, bool is_told)
{
        memset(bench.answer, 'a', sizeof bench.answer);
        bench.outcome.verdict = (struct verdict){
                .category = CATEGORY_INFORMATIONAL,
                .intent = INTENT_FAQ,
                .secondary_intent = INTENT_NONE,
                .confidence = 0.93,
                .source = SOURCE_LOCAL,
                .model = STR("embedded-2026.11"),
                .decision_path = STR("embedded model: faq"),
        };
        bench.outcome.next_step.action = STR("provide_information");
        bench.outcome.article.id = STR("refund-policy");
        bench.outcome.ticket = (struct outcome_ticket){with_tickets, STR("refunds"), PRIORITY_MEDIUM};
        bench.outcome.notices[0] = (struct outcome_notice){NOTICE_TICKET_CREATED, STR("tracker"), false};
        bench.outcome.notice_count = is_told;
        for (size_t i = 0; i < in_flight; i++) {
                slots[i].commit = (struct store_commit){.record = &slots[i].record, .done = on_done};
                slots[i].record = (struct store_record){
                        .received_at_ms = 1795300000000,
                        .key_id = 1,
                        .request_id = ident_random("req_"),
                        .text = SAFE_LITERAL("What is your refund policy for shoes that I bought in the sale"
                                             " three weeks ago?"),
                        .metadata = SAFE_LITERAL("{\"locale\":\"en\",\"conversation_id\":\"c-9001\"}"),
                        .answer = {{bench.answer, sizeof bench.answer}},
                        .outcome = &bench.outcome,
                };
        }
}

int main(int argc, char **argv)
{
        if (argc < 2) {
                fprintf(stderr, "usage: bench_store DIRECTORY [RECORDS] [IN_FLIGHT] [tickets [told]]\n");
                return 2;
        }
        bench.total = argc > 2 ? strtoul(argv[2], NULL, 10) : DEFAULT_RECORDS;
        size_t in_flight = argc > 3 ? strtoul(argv[3], NULL, 10) : DEFAULT_IN_FLIGHT;
        struct store_sqlite_config config = {.directory = argv[1], .on_commit = on_commit};
        struct store_sqlite *db;
        struct err_note note;
        if (store_sqlite_open(&config, &db, &note)) {
                fprintf(stderr, "%s\n", note.text);
                return 1;
        }
        struct slot *slots = alloc_zeroed(in_flight, sizeof *slots);
        bench.latency_us = alloc_zeroed(bench.total, sizeof *bench.latency_us);
        bench.to_start = bench.to_finish = bench.total;
        bench.loop = loop_new();
        bench.store = store_sqlite_attach(db, bench.loop);
        prepare(slots, in_flight, argc > 4, argc > 5);
        struct rusage before;
        getrusage(RUSAGE_SELF, &before);
        int64_t started_us = now_us();
        for (size_t i = 0; i < in_flight && bench.to_start; i++)
                start(&slots[i]);
        loop_run(bench.loop);
        report(now_us() - started_us, &before);
        store_sqlite_detach(bench.store);
        store_sqlite_close(db);
        loop_free(bench.loop);
        free(bench.latency_us);
        free(slots);
        return 0;
}
