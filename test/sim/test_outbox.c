/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox in virtual time: thousands of actions, a target that is dead for ten minutes, that answers 503, that times out
 * after it has done what it was asked for, and a process that dies between a delivery and its record. The judge is the target:
 * it keeps its own books, and knows nothing of the lanes. */
#include "unit/test.h"

#include <stdio.h>
#include <string.h>

#include "job/outbox.h"

enum {
        CASES = 2000,
        ACTIONS = 5000,
        MINUTE_MS = 60 * 1000,
        DEAD_FROM_MS = 2 * MINUTE_MS,
        DEAD_UNTIL_MS = 12 * MINUTE_MS,
        ARRIVAL_MS = 60, /* one action each, so that the outage falls into the middle */
        MOST_STEPS = 3 * 1000 * 1000,
};

/* An entry, and the target's books about it. */
struct action {
        uint64_t message_row;
        int64_t due_ms; /* INT64_MAX: behind another one */
        uint32_t attempts;
        bool is_there, is_unknown, is_dead;
        size_t made, sent;
};

static struct {
        struct action actions[ACTIONS];
        size_t count, left;
        size_t last_row_before_crash; /* entries up to here may have been tried by a process that died */
        int64_t now_ms;
        uint64_t random;
        struct store_outbox store;
        struct connectors connectors;
        struct clock clock;
        struct outbox_lane *lane;
        /* How the target is. */
        bool knows_ids, ignores_search, is_always_well;
        size_t misbehaviour_percent;
        enum connector_result verdict; /* of one that is always well; DELIVERED otherwise */
        size_t calls, calls_while_dead, crashes, timeouts, duplicates, disorders, dead, disabled, failures;
        size_t ill; /* of 1,000 operations of the store */
        int64_t retry_after_ms;
        char last_note[64];
} world;

static uint64_t draw(uint64_t below)
{
        world.random ^= world.random << 13;
        world.random ^= world.random >> 7;
        world.random ^= world.random << 17;
        return world.random % below;
}

static double random_share(void *arg)
{
        (void)arg;
        return (double)draw(1000) / 1000;
}

static int64_t monotonic_us(const struct clock *clock)
{
        (void)clock;
        return world.now_ms * 1000;
}

static int64_t wall_ms(const struct clock *clock)
{
        (void)clock;
        return world.now_ms;
}

/* ---- The store ---- */

static bool is_ill(struct err_note *note)
{
        bool is_ill = draw(1000) < world.ill;
        if (is_ill)
                err_set(note, ERR_BUSY, "ill");
        return is_ill;
}

static enum err take(struct store_outbox *store, struct outbox_batch *batch, struct err_note *note)
{
        (void)store;
        if (is_ill(note))
                return ERR_BUSY;
        batch->next_due_ms = INT64_MAX;
        for (size_t i = 0; i < world.count && batch->count < OUTBOX_BATCH; i++) {
                struct action *action = &world.actions[i];
                if (!action->is_there || action->is_dead)
                        continue;
                if (action->due_ms > batch->now_ms) {
                        batch->next_due_ms = action->due_ms < batch->next_due_ms ? action->due_ms : batch->next_due_ms;
                        continue;
                }
                batch->items[batch->count++] = (struct outbox_item){
                        .id = {i + 1, 7},
                        .event = STR("ticket.created"),
                        .message_row = action->message_row,
                        .attempts = action->attempts,
                        .is_unknown = action->is_unknown || i < world.last_row_before_crash,
                        .payload = SAFE_LITERAL("{}"),
                };
        }
        return ERR_OK;
}

static void next_is_due(uint64_t message_row)
{
        for (size_t i = 0; i < world.count; i++) {
                struct action *action = &world.actions[i];
                if (action->message_row != message_row || !action->is_there || action->is_dead)
                        continue;
                if (action->due_ms == INT64_MAX)
                        action->due_ms = world.now_ms;
                return;
        }
}

static enum err settle(struct store_outbox *store, const struct outbox_result *results, size_t count, int64_t now_ms,
                       struct err_note *note)
{
        (void)store;
        assert_true(count > 0 && count <= OUTBOX_BATCH && now_ms == world.now_ms);
        if (is_ill(note))
                return ERR_BUSY;
        for (size_t i = 0; i < count; i++) {
                struct action *action = &world.actions[results[i].id.row - 1];
                action->attempts++;
                action->is_unknown = results[i].is_unknown;
                action->is_there = results[i].fate != OUTBOX_DONE;
                action->is_dead = results[i].fate == OUTBOX_DEAD;
                action->due_ms = results[i].due_at_ms;
                snprintf(world.last_note, sizeof world.last_note, "%s", results[i].note.text);
                world.left -= results[i].fate != OUTBOX_AGAIN;
                world.dead += action->is_dead;
                next_is_due(action->message_row);
        }
        return ERR_OK;
}

static enum err give_up(struct store_outbox *store, struct str connector, const char *why, size_t *ret_count,
                        struct err_note *note)
{
        (void)store;
        (void)why;
        (void)note;
        assert_str_equal(connector, "tracker");
        *ret_count = world.left;
        for (size_t i = 0; i < world.count; i++)
                world.actions[i].is_dead |= world.actions[i].is_there;
        world.left = 0;
        return ERR_OK;
}

/* ---- The target ---- */

static size_t index_of(const struct connector_delivery *delivery)
{
        struct record_id id;
        assert_true(record_id_from(ident_str(&delivery->id), STR("out_"), &id));
        assert_true(id.row >= 1 && id.row <= world.count && id.check == 7);
        return id.row - 1;
}

/* What it has of an earlier entry of the message, it has from before. */
static void make(size_t index)
{
        struct action *action = &world.actions[index];
        for (size_t i = 0; i < index && action->made == 0; i++)
                world.disorders += world.actions[i].message_row == action->message_row && world.actions[i].made == 0;
        world.duplicates += action->made > 0 && !world.knows_ids;
        action->made += action->made == 0 || !world.knows_ids;
}

static void misbehave(size_t index, struct connector_delivery *delivery)
{
        bool is_done_first = draw(2);
        if (is_done_first)
                make(index);
        world.timeouts++;
        world.now_ms += 10000;
        delivery->result = CONNECTOR_UNKNOWN;
}

static void answer(size_t index, struct connector_delivery *delivery)
{
        world.actions[index].sent++;
        world.now_ms += 5 + (int64_t)draw(40);
        if (draw(100) < world.misbehaviour_percent) {
                misbehave(index, delivery);
        } else if (draw(100) < world.misbehaviour_percent) {
                delivery->result = CONNECTOR_NOT_DONE;
                delivery->http_status = 503;
                delivery->retry_after_ms = draw(2) ? 2000 : -1;
        } else {
                make(index);
                delivery->result = CONNECTOR_DELIVERED;
        }
}

static void deliver(struct connectors *connectors, struct str name, struct connector_delivery *delivery)
{
        (void)connectors;
        assert_str_equal(name, "tracker");
        size_t index = index_of(delivery);
        bool is_dead = world.now_ms >= DEAD_FROM_MS && world.now_ms < DEAD_UNTIL_MS;
        world.calls++;
        if (world.is_always_well) {
                delivery->result = world.verdict;
                delivery->retry_after_ms = world.retry_after_ms;
                err_set(&delivery->note, ERR_UNAVAILABLE, "as it is");
        } else if (is_dead) {
                world.calls_while_dead++;
                delivery->result = CONNECTOR_NOT_DONE;
        } else if (delivery->search_first && !world.ignores_search && world.actions[index].made) {
                delivery->result = CONNECTOR_DELIVERED;
        } else {
                answer(index, delivery);
        }
}

/* ---- The process ---- */

static void attempted(void *arg, const struct outbox_attempt *attempt)
{
        (void)arg;
        assert_true(attempt->age_ms >= 0);
        assert_str_equal(attempt->connector, "tracker");
}

static void disabled(void *arg, struct str connector, size_t dead)
{
        (void)arg;
        (void)connector;
        world.disabled += dead;
}

static void failed(void *arg, struct str connector, enum err err, const struct err_note *note)
{
        (void)arg;
        (void)connector;
        assert_int_equal(err, ERR_BUSY);
        assert_string_equal(note->text, "ill");
        world.failures++;
}

static void start_process(void)
{
        static const struct outbox_watch watch = {attempted, disabled, failed};
        const struct outbox_lane_config config = {
                .connector = STR("tracker"),
                .rules = {.max_attempts = 10, .max_age_ms = INT64_C(96) * 3600 * 1000, .max_retry_after_ms = 3600 * 1000},
                .store = &world.store,
                .connectors = &world.connectors,
                .clock = &world.clock,
                .random = random_share,
                .watch = &watch,
        };
        world.lane = outbox_lane_new(&config);
}

/* Nothing is recorded of what was delivered last. */
static void crash(void)
{
        outbox_lane_free(world.lane);
        world.last_row_before_crash = world.count;
        world.crashes++;
        start_process();
}

static int set_up(void **state)
{
        (void)state;
        static const struct store_outbox_ops store_ops = {take, settle, give_up};
        static const struct connectors_ops connectors_ops = {deliver};
        static const struct clock_ops clock_ops = {monotonic_us, wall_ms};
        memset(&world, 0, sizeof world);
        world.random = 88172645463325252U;
        world.store.ops = &store_ops;
        world.connectors.ops = &connectors_ops;
        world.clock.ops = &clock_ops;
        start_process();
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        outbox_lane_free(world.lane);
        return 0;
}

static void arrive(uint64_t message_row)
{
        struct action *action = &world.actions[world.count];
        bool is_behind = false;
        for (size_t i = 0; i < world.count; i++)
                is_behind |= world.actions[i].message_row == message_row && world.actions[i].is_there && !world.actions[i].is_dead;
        *action = (struct action){.message_row = message_row, .due_ms = is_behind ? INT64_MAX : world.now_ms, .is_there = true};
        world.count++;
        world.left++;
}

static void pass_time(int64_t rest_ms, int64_t *next_arrival_ms)
{
        int64_t until_ms = world.now_ms + rest_ms;
        bool may_arrive = world.count < ACTIONS;
        if (may_arrive && *next_arrival_ms < until_ms)
                until_ms = *next_arrival_ms;
        if (until_ms > world.now_ms)
                world.now_ms = until_ms;
        while (world.count < ACTIONS && *next_arrival_ms <= world.now_ms) {
                arrive(1 + draw(CASES));
                *next_arrival_ms += ARRIVAL_MS * 2 * (int64_t)(1 + draw(2));
        }
}

static void run_all(size_t crash_percent)
{
        int64_t next_arrival_ms = 0;
        size_t steps = 0;
        while (world.count < ACTIONS || world.left) {
                assert_true(++steps < MOST_STEPS);
                pass_time(outbox_lane_step(world.lane), &next_arrival_ms);
                if (draw(1000) < crash_percent * 10)
                        crash();
        }
}

static void check_that_nothing_was_lost(void)
{
        assert_int_equal(world.dead, 0);
        assert_int_equal(world.disorders, 0);
        for (size_t i = 0; i < ACTIONS; i++)
                assert_true(world.actions[i].made >= 1);
}

static void check_that_it_was_hard(void)
{
        assert_true(world.timeouts > 50 && world.crashes > 20 && world.calls_while_dead > 5 && world.failures > 0);
}

/* ---- Tests ---- */

static void a_target_that_can_be_searched_has_each_action_once(void **state)
{
        (void)state;
        world.misbehaviour_percent = 3;
        world.ill = 20;
        run_all(1);
        check_that_nothing_was_lost();
        check_that_it_was_hard();
        assert_int_equal(world.duplicates, 0);
}

static void after_an_unknown_outcome_it_is_searched_without_a_crash_too(void **state)
{
        (void)state;
        world.misbehaviour_percent = 5;
        run_all(0);
        check_that_nothing_was_lost();
        assert_true(world.timeouts > 50);
        assert_int_equal(world.duplicates, 0);
}

static void a_target_that_knows_ids_has_each_action_once(void **state)
{
        (void)state;
        world.misbehaviour_percent = 3;
        world.ill = 20;
        world.knows_ids = true;
        world.ignores_search = true;
        run_all(1);
        check_that_nothing_was_lost();
        check_that_it_was_hard();
        for (size_t i = 0; i < ACTIONS; i++)
                assert_int_equal(world.actions[i].made, 1);
}

/* That the judge would see it. */
static void a_target_that_is_not_searched_has_some_twice(void **state)
{
        (void)state;
        world.misbehaviour_percent = 3;
        world.ignores_search = true;
        run_all(1);
        check_that_nothing_was_lost();
        assert_true(world.duplicates > 20);
}

static void a_target_that_is_down_is_not_hammered(void **state)
{
        (void)state;
        run_all(0);
        check_that_nothing_was_lost();
        assert_true(world.calls_while_dead >= 5 && world.calls_while_dead < 40);
        assert_true(world.calls < ACTIONS + 40);
}

static void one_that_is_stuck_holds_up_its_own_message_only(void **state)
{
        (void)state;
        arrive(1);
        arrive(1);
        arrive(2);
        world.is_always_well = true;
        world.verdict = CONNECTOR_NOT_DONE;
        world.retry_after_ms = -1;
        assert_int_equal(outbox_lane_step(world.lane), 0); /* takes */
        assert_int_equal(outbox_lane_step(world.lane), 0); /* the first of message 1 fails */
        world.verdict = CONNECTOR_DELIVERED;
        assert_int_equal(outbox_lane_step(world.lane), 0);
        assert_int_equal(outbox_lane_step(world.lane), 0); /* settles */
        assert_true(world.actions[0].is_there && world.actions[1].is_there && !world.actions[2].is_there);
        int64_t rest_ms = outbox_lane_step(world.lane);
        assert_true(rest_ms >= 4000 && rest_ms <= 6000);
        assert_int_equal(world.calls, 2);
}

static void a_refused_entry_is_dead_and_the_next_one_goes_on(void **state)
{
        (void)state;
        arrive(1);
        arrive(1);
        world.is_always_well = true;
        world.verdict = CONNECTOR_REFUSED;
        for (int i = 0; i < 3; i++)
                assert_int_equal(outbox_lane_step(world.lane), 0);
        assert_true(world.actions[0].is_dead);
        assert_string_equal(world.last_note, "as it is");
        world.verdict = CONNECTOR_DELIVERED;
        for (int i = 0; i < 3; i++)
                assert_int_equal(outbox_lane_step(world.lane), 0);
        assert_false(world.actions[1].is_there);
}

static void a_wish_of_the_target_stops_the_lane_up_to_a_cap(void **state)
{
        (void)state;
        arrive(1);
        arrive(2);
        world.is_always_well = true;
        world.verdict = CONNECTOR_NOT_DONE;
        world.retry_after_ms = INT64_C(100) * 3600 * 1000;
        for (int i = 0; i < 3; i++)
                assert_int_equal(outbox_lane_step(world.lane), 0);
        assert_int_equal(outbox_lane_step(world.lane), 3600 * 1000);
        assert_int_equal(world.calls, 1);
        assert_int_equal(world.actions[0].due_ms, 3600 * 1000);
}

static void a_target_that_wants_nothing_more_is_left_alone_until_it_is_enabled(void **state)
{
        (void)state;
        for (uint64_t row = 1; row <= 20; row++)
                arrive(row);
        world.is_always_well = true;
        world.verdict = CONNECTOR_DISABLED;
        for (int i = 0; i < 3; i++)
                assert_int_equal(outbox_lane_step(world.lane), 0);
        assert_true(outbox_lane_step(world.lane) > 0);
        assert_int_equal(world.disabled, 19);
        assert_int_equal(world.calls, 1);
        arrive(21);
        assert_true(outbox_lane_step(world.lane) > 0);
        assert_true(world.actions[20].is_dead);
        outbox_lane_enable(world.lane);
        world.verdict = CONNECTOR_DELIVERED;
        arrive(22);
        for (int i = 0; i < 3; i++)
                assert_int_equal(outbox_lane_step(world.lane), 0);
        assert_false(world.actions[21].is_there);
}

static void it_is_dead_after_ten_attempts_over_three_days(void **state)
{
        (void)state;
        arrive(1);
        world.is_always_well = true;
        world.verdict = CONNECTOR_UNKNOWN;
        world.retry_after_ms = -1;
        for (size_t steps = 0; world.left; steps++) {
                assert_true(steps < 20000);
                world.now_ms += outbox_lane_step(world.lane);
        }
        assert_int_equal(world.calls, 10);
        assert_true(world.actions[0].is_dead && world.actions[0].is_unknown);
        assert_true(world.now_ms > INT64_C(48) * 3600 * 1000 && world.now_ms < INT64_C(96) * 3600 * 1000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_target_that_can_be_searched_has_each_action_once),
                TEST(after_an_unknown_outcome_it_is_searched_without_a_crash_too),
                TEST(a_target_that_knows_ids_has_each_action_once),
                TEST(a_target_that_is_not_searched_has_some_twice),
                TEST(a_target_that_is_down_is_not_hammered),
                TEST(one_that_is_stuck_holds_up_its_own_message_only),
                TEST(a_refused_entry_is_dead_and_the_next_one_goes_on),
                TEST(a_wish_of_the_target_stops_the_lane_up_to_a_cap),
                TEST(a_target_that_wants_nothing_more_is_left_alone_until_it_is_enabled),
                TEST(it_is_dead_after_ten_attempts_over_three_days),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
