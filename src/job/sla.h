/* SPDX-License-Identifier: Apache-2.0 */
/* The SLA clock: looks once a second which open reviews' time has come, and has those told whom it concerns.
 *
 * What is due is due by the wall clock; how long the clock rests is for its caller, by the monotonic one. When the
 * wall clock was set back, and once after the start, it goes through all reviews that wait for an acknowledgement,
 * so that none waits longer than the policy has it (core/sla.h). It keeps nothing that a restart would lose:
 * the state is in the store, written with what is told of it.
 *
 * One thread uses it. The callbacks run there, after the transaction; NULL is not allowed.
 */
#ifndef JOB_SLA_H
#define JOB_SLA_H

#include "policy/snapshot.h"
#include "port/clock.h"
#include "port/store_sla.h"

/* What was told of one review. */
struct sla_told {
        struct record_id id;
        enum notice notice;
        enum severity severity;
        int64_t late_ms;   /* behind its due time; negative: before it */
        int64_t times;     /* that somebody of the chain was told */
        size_t connectors; /* how many are told; 0: nobody but whoever reads the log */
};

struct sla_clock_ops {
        void (*told)(void *arg, const struct sla_told *told);
        /* After each look. */
        void (*looked)(void *arg, const struct store_sla_counts *counts, int64_t now_ms);
        void (*failed)(void *arg, enum err err, const struct err_note *note);
};

struct sla_clock {
        struct store_sla *store;           /* borrows, like all of these */
        struct snapshot_holder *snapshots; /* of the policy */
        const struct clock *clock;
        const struct sla_clock_ops *ops;
        void *arg;
        /* Its own, zero at first. */
        bool has_looked;
        bool is_rechecking;
        uint64_t rechecked_row;
        int64_t ahead_ms; /* of the wall clock before the monotonic one, at the last look */
};

/* One look, a bounded piece of work. Returns milliseconds until the next. */
int64_t sla_clock_look(struct sla_clock *clock);

#endif
