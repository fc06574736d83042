/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox's threads on a real store; the other systems are functions here. */
#include "unit/adapt/store_fixture.h"

#include <pthread.h>

#include "adapt/store_sqlite_delivery.h"
#include "app/outbox_keeper.h"
#include "app/outbox_lanes.h"
#include "base/metric.h"
#include "net/loop.h"

enum { PATIENCE_MS = 20000, MESSAGES = 40 };

static struct {
        struct connectors connectors;
        pthread_mutex_t lock;
        enum connector_result result; /* under the lock, like all below */
        size_t delivered, attempts;
        bool is_held; /* the target does not answer */
        bool is_in; /* an attempt is under way */
        struct outbox_lanes *lanes;
} world = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void pause_ms(int64_t ms)
{
        nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void deliver(struct connectors *connectors, struct str name, struct connector_delivery *delivery)
{
        (void)connectors;
        (void)name;
        pthread_mutex_lock(&world.lock);
        world.is_in = true;
        while (world.is_held) {
                pthread_mutex_unlock(&world.lock);
                pause_ms(1);
                pthread_mutex_lock(&world.lock);
        }
        world.is_in = false;
        struct record_id id;
        assert_true(record_id_from(ident_str(&delivery->id), STR("out_"), &id));
        world.attempts++;
        delivery->result = world.result;
        if (delivery->result == CONNECTOR_DELIVERED)
                world.delivered++;
        else
                err_set(&delivery->note, ERR_UNAVAILABLE, "as it is");
        snprintf(delivery->external_id, sizeof delivery->external_id, "X-%d", (int)id.row);
        pthread_mutex_unlock(&world.lock);
}

static void on_outbox(void *arg, uint64_t connectors, bool is_by_hand)
{
        (void)arg;
        if (world.lanes)
                outbox_lanes_wake(world.lanes, connectors, is_by_hand);
}

static void start_lanes(void)
{
        static struct connector_policy connectors[] = {{.name = STR_INIT("tracker")}, {.name = STR_INIT("pager")}};
        static const struct connectors_policy policy = {.connectors = connectors, .connector_count = 2};
        const struct outbox_lanes_config config = {
                .rules = {.max_attempts = 10, .max_age_ms = INT64_MAX, .max_retry_after_ms = 1000},
                .store = store_sqlite_outbox(fixture.db),
                .connectors = &world.connectors,
                .clock = system_clock(),
        };
        world.lanes = outbox_lanes_new(&config);
        assert_ok(outbox_lanes_follow(world.lanes, &policy, NULL));
        assert_ok(outbox_lanes_follow(world.lanes, &policy, NULL)); /* they are there */
        assert_int_equal(outbox_lanes_place(world.lanes, STR("pager")), 1);
        assert_int_equal(outbox_lanes_place(world.lanes, STR("fax")), OUTBOX_MAX_LANES);
}

static int set_up(void **state)
{
        static const struct connectors_ops ops = {deliver};
        fixture_set_up(state);
        world.connectors.ops = &ops;
        world.result = CONNECTOR_DELIVERED;
        world.delivered = world.attempts = 0;
        world.is_held = world.is_in = false;
        fixture_close();
        fixture.config.on_outbox = on_outbox;
        fixture_open();
        start_lanes();
        return 0;
}

static int tear_down(void **state)
{
        assert_true(outbox_lanes_stop(world.lanes, PATIENCE_MS));
        world.lanes = NULL;
        return fixture_tear_down(state);
}

static void commit_told(size_t i)
{
        struct sample *sample = sample_init(i);
        sample->outcome.ticket = (struct outcome_ticket){.is_open = true, .queue = STR("agents")};
        sample->outcome.notices[0] = (struct outcome_notice){NOTICE_TICKET_CREATED, STR("tracker"), false};
        sample->outcome.notices[1] = (struct outcome_notice){NOTICE_TICKET_CREATED, STR("pager"), false};
        sample->outcome.notice_count = 2;
        assert_ok(commit_one(sample));
}

static void wait_until_rows(const char *sql, int64_t expected)
{
        for (int i = 0; number(sql) != expected; i++) {
                assert_true(i < PATIENCE_MS / 5);
                pause_ms(5);
        }
}

static void what_is_committed_is_told_at_once_by_each_lane(void **state)
{
        (void)state;
        for (size_t i = 0; i < MESSAGES; i++)
                commit_told(i);
        wait_until_rows("SELECT count(*) FROM outbox", 0);
        assert_int_equal(world.delivered, 2 * MESSAGES);
        assert_int_equal(number("SELECT count(*) FROM ticket WHERE external_id LIKE 'X-%'"), MESSAGES);
        assert_true(metric_value(METRIC_OUTBOX_ATTEMPTS, METRIC_PAIR(CONNECTOR_RESULT, 0, CONNECTOR_DELIVERED)) >= MESSAGES);
}

static void a_dead_letter_is_seen_in_the_gauges_and_goes_when_it_is_retried(void **state)
{
        (void)state;
        size_t count;
        struct outbox_keeper keeper = {.db = fixture.db, .lanes = world.lanes, .clock = system_clock(),
                                       .max_age_ms = INT64_C(1) << 60, .dead_age_ms = INT64_C(1) << 60};
        world.result = CONNECTOR_REFUSED;
        commit_told(0);
        wait_until_rows("SELECT count(*) FROM outbox WHERE state='dead' AND last_error='as it is'", 2);
        assert_true(outbox_keeper_run(&keeper) > 0);
        assert_int_equal(metric_value(METRIC_OUTBOX_DEAD, 0), 1);
        assert_int_equal(metric_value(METRIC_OUTBOX_PENDING, 0), 0);
        pthread_mutex_lock(&world.lock);
        world.result = CONNECTOR_DELIVERED;
        pthread_mutex_unlock(&world.lock);
        assert_ok(store_sqlite_outbox_retry(fixture.db, NULL, (struct str){0}, 2000, &count, NULL));
        assert_int_equal(count, 2);
        wait_until_rows("SELECT count(*) FROM outbox", 0);
        assert_true(outbox_keeper_run(&keeper) > 0);
        assert_int_equal(metric_value(METRIC_OUTBOX_DEAD, 0), 0);
}

static void the_keeper_ends_what_is_too_old(void **state)
{
        (void)state;
        struct outbox_keeper keeper = {.db = fixture.db, .lanes = world.lanes, .clock = system_clock(),
                                       .max_age_ms = 1000, .dead_age_ms = 1000};
        world.result = CONNECTOR_REFUSED;
        commit_told(0); /* in the year 1970 */
        wait_until_rows("SELECT count(*) FROM outbox WHERE state='dead'", 2);
        assert_true(outbox_keeper_run(&keeper) > 0);
        assert_int_equal(number("SELECT count(*) FROM outbox"), 0);
}

static void a_disabled_target_is_tried_again_when_somebody_wants_it(void **state)
{
        (void)state;
        size_t count;
        world.result = CONNECTOR_DISABLED;
        commit_told(0);
        wait_until_rows("SELECT count(*) FROM outbox WHERE state='dead'", 2);
        commit_told(1);
        wait_until_rows("SELECT count(*) FROM outbox WHERE state='dead'", 4);
        assert_int_equal(world.attempts, 2);
        pthread_mutex_lock(&world.lock);
        world.result = CONNECTOR_DELIVERED;
        pthread_mutex_unlock(&world.lock);
        assert_ok(store_sqlite_outbox_retry(fixture.db, NULL, (struct str){0}, 2000, &count, NULL));
        wait_until_rows("SELECT count(*) FROM outbox", 0);
}

static void a_stop_waits_for_the_attempt_under_way_and_records_it(void **state)
{
        (void)state;
        world.is_held = true;
        commit_told(0);
        for (bool is_in = false; !is_in; pause_ms(1)) {
                pthread_mutex_lock(&world.lock);
                is_in = world.is_in;
                pthread_mutex_unlock(&world.lock);
        }
        outbox_lanes_close(world.lanes);
        pthread_mutex_lock(&world.lock);
        world.is_held = false;
        pthread_mutex_unlock(&world.lock);
        assert_true(outbox_lanes_stop(world.lanes, PATIENCE_MS));
        assert_true(world.delivered >= 1);
        assert_int_equal(number("SELECT count(*) FROM outbox"), 2 - (int64_t)world.delivered);
        start_lanes();
}

static void a_stop_does_not_wait_longer_than_the_grace_time(void **state)
{
        (void)state;
        world.is_held = true;
        commit_told(0);
        for (bool is_in = false; !is_in; pause_ms(1)) {
                pthread_mutex_lock(&world.lock);
                is_in = world.is_in;
                pthread_mutex_unlock(&world.lock);
        }
        assert_false(outbox_lanes_stop(world.lanes, 10));
        assert_int_equal(number("SELECT count(*) FROM outbox"), 2);
        pthread_mutex_lock(&world.lock);
        world.is_held = false;
        pthread_mutex_unlock(&world.lock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(what_is_committed_is_told_at_once_by_each_lane),
                TEST(a_dead_letter_is_seen_in_the_gauges_and_goes_when_it_is_retried),
                TEST(the_keeper_ends_what_is_too_old),
                TEST(a_disabled_target_is_tried_again_when_somebody_wants_it),
                TEST(a_stop_waits_for_the_attempt_under_way_and_records_it),
                TEST(a_stop_does_not_wait_longer_than_the_grace_time),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
