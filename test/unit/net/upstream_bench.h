/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the upstream share: a loop, a pool and the calls of one test. */
#ifndef UPSTREAM_BENCH_H
#define UPSTREAM_BENCH_H

#include "net/upstream.h"

enum { MAX_CALLS = 16, MAX_ANSWER = 65536 };

struct bench {
        struct loop *loop;
        struct upstream *upstream;
        struct upstream_call calls[MAX_CALLS];
        struct str body; /* of the next calls; absent: a short one */
        char bodies[MAX_CALLS][256]; /* their beginning */
        size_t body_bytes[MAX_CALLS];
        char request_ids[MAX_CALLS][32];
        size_t started, ended, awaited;
        bool is_inside;
        struct timer timer;
};

extern struct bench bench;
extern struct upstream_config bench_config;

void bench_reset_config(void);
/* Before 127.0.0.1:port, with bench_config. */
void bench_open(const char *scheme, int port);
void bench_open_host(const char *scheme, const char *host, int port);
/* Also asserts that every call has ended. */
void bench_close(void);
struct upstream_call *bench_start(int64_t patience_ms);
void bench_on_done(struct upstream_call *call);
/* Until that many calls have ended in all. */
void bench_run_until(size_t ended);
void bench_run_for(int64_t ms);

#endif
