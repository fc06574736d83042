/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "core/sla.h"

#include <stdio.h>

enum { MINUTE_MS = 60 * 1000, HOUR_MS = 60 * MINUTE_MS, SLA_MS = 100 * MINUTE_MS, ACK_MS = 5 * MINUTE_MS };

static const int64_t received = INT64_C(1795341600000);
static const struct str chain[] = {STR_INIT("pager"), STR_INIT("mail"), STR_INIT("boss")};

static struct sla_policy policy_of(size_t targets)
{
        return (struct sla_policy){
                .rules[SEVERITY_URGENT] = {.sla_ms = SLA_MS, .acknowledge_ms = ACK_MS, .notify = chain, .notify_count = targets},
                .reminders = {50, 80},
                .reminder_count = 2,
        };
}

static struct sla_state started(const struct sla_policy *policy)
{
        struct sla_state state;
        (void)sla_start(policy, SEVERITY_URGENT, received, sla_due(&policy->rules[SEVERITY_URGENT], received), &state);
        return state;
}

/* What is told after so many minutes, as "reminder>mail escalated>boss". */
static const char *look(const struct sla_policy *policy, struct sla_state *state, double minutes)
{
        static char text[128];
        struct sla_telling tellings[SLA_MAX_TELLINGS];
        size_t count = sla_look(policy, state, received + (int64_t)(minutes * MINUTE_MS), tellings);
        text[0] = '\0';
        for (size_t i = 0, len = 0; i < count; i++)
                len += (size_t)snprintf(text + len, sizeof text - len, "%s%s>%.*s", i ? " " : "",
                                        notice_name(tellings[i].notice) + strlen("review."), STR_ARGS(tellings[i].target));
        return text;
}

static void each_event_comes_once_at_its_time(void **state)
{
        (void)state;
        struct sla_policy policy = policy_of(0);
        struct sla_state review = started(&policy);
        static const struct {
                double minutes;
                const char *told;
        } steps[] = {{0, ""}, {49.9, ""}, {50, "reminder>"}, {51, ""}, {80, "reminder>"}, {99.9, ""}, {100, "breached>"}, {101, ""}, {9999, ""}};
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
                int64_t now = received + (int64_t)(steps[i].minutes * MINUTE_MS);
                /* The time to look next is neither missed nor early. */
                assert_int_equal(sla_next(&policy, &review) <= now, steps[i].told[0] != '\0');
                assert_string_equal(look(&policy, &review, steps[i].minutes), steps[i].told);
        }
        assert_true(sla_next(&policy, &review) == INT64_MAX);
}

static void what_was_missed_is_told_by_the_last_that_counts(void **state)
{
        (void)state;
        struct sla_policy policy = policy_of(0);
        struct sla_state review = started(&policy);
        assert_string_equal(look(&policy, &review, 90), "reminder>");
        assert_string_equal(look(&policy, &review, 90), "");
        review = started(&policy);
        assert_string_equal(look(&policy, &review, 500), "breached>");
        assert_string_equal(look(&policy, &review, 500), "");
        /* Set back by an hour, nothing comes again. */
        assert_string_equal(look(&policy, &review, 440), "");
        assert_string_equal(look(&policy, &review, 70), "");
}

static void the_next_is_told_until_somebody_acknowledges(void **state)
{
        (void)state;
        struct sla_policy policy = policy_of(3);
        struct sla_state review;
        assert_str_equal(sla_start(&policy, SEVERITY_URGENT, received, received + SLA_MS, &review), "pager");
        assert_string_equal(look(&policy, &review, 4.9), "");
        assert_string_equal(look(&policy, &review, 5), "escalated>mail");
        assert_string_equal(look(&policy, &review, 9.9), "");
        assert_string_equal(look(&policy, &review, 12), "escalated>boss");
        /* The last again: after 5 minutes, then after 10 and 20. */
        assert_string_equal(look(&policy, &review, 16.9), "");
        assert_string_equal(look(&policy, &review, 17), "escalated>boss");
        assert_string_equal(look(&policy, &review, 26.9), "");
        assert_string_equal(look(&policy, &review, 27), "escalated>boss");
        assert_string_equal(look(&policy, &review, 50), "reminder>boss escalated>boss");
        review.acknowledge_by_ms = 0;
        assert_string_equal(look(&policy, &review, 99), "reminder>boss");
        assert_string_equal(look(&policy, &review, 100), "breached>boss");
        assert_true(sla_next(&policy, &review) == INT64_MAX);
}

static void the_last_is_told_at_least_once_an_hour(void **state)
{
        (void)state;
        struct sla_policy policy = policy_of(1);
        struct sla_state review = started(&policy);
        int64_t before = received;
        for (int i = 0; i < 1000; i++) {
                int64_t now = review.acknowledge_by_ms;
                struct sla_telling tellings[SLA_MAX_TELLINGS];
                size_t count = sla_look(&policy, &review, now, tellings);
                assert_true(count > 0 && tellings[count - 1].notice == NOTICE_REVIEW_ESCALATED);
                assert_true(now - before >= ACK_MS && now - before <= HOUR_MS);
                assert_true(i < 5 || now - before == HOUR_MS);
                before = now;
        }
        policy.rules[SEVERITY_URGENT].acknowledge_ms = 3 * HOUR_MS;
        review = started(&policy);
        assert_true(review.acknowledge_by_ms == received + 3 * HOUR_MS);
}

static void with_a_calendar_nobody_is_told_again_while_it_is_closed(void **state)
{
        (void)state;
        struct calendar calendar = {.week[0] = {.spans = {{9 * 60, 17 * 60}}, .count = 1}}; /* Mondays */
        assert_true(zone_from_rule(STR("UTC0"), &calendar.zone));
        struct sla_policy policy = policy_of(2);
        policy.rules[SEVERITY_URGENT].calendar = &calendar;
        struct sla_state review;
        /* It is Sunday, 10:00. */
        assert_str_equal(sla_start(&policy, SEVERITY_URGENT, received, INT64_MAX, &review), "pager");
        assert_true(review.acknowledge_by_ms == received + 23 * HOUR_MS + ACK_MS);
        assert_string_equal(look(&policy, &review, 23 * 60 + 4.9), "");
        assert_string_equal(look(&policy, &review, 23 * 60 + 5), "escalated>mail");
}

static void a_clock_that_jumps_skips_nobody_and_keeps_nobody_waiting(void **state)
{
        (void)state;
        struct sla_policy policy = policy_of(3);
        struct sla_state review = started(&policy);
        assert_string_equal(look(&policy, &review, 62), "reminder>pager escalated>mail");
        assert_string_equal(look(&policy, &review, 62), "");
        assert_string_equal(look(&policy, &review, 67), "escalated>boss");
        /* An hour back: the next one is told 5 minutes from there. */
        assert_string_equal(look(&policy, &review, 8), "");
        assert_true(review.acknowledge_by_ms == received + 13 * MINUTE_MS);
        assert_string_equal(look(&policy, &review, 13), "escalated>boss");
}

static void a_chain_that_changes_or_goes_is_followed(void **state)
{
        (void)state;
        struct sla_policy three = policy_of(3), one = policy_of(1), none = policy_of(0);
        struct sla_state review = started(&three);
        assert_string_equal(look(&three, &review, 5), "escalated>mail");
        assert_string_equal(look(&one, &review, 20), "escalated>pager");
        assert_string_equal(look(&none, &review, 60), "reminder>");
        assert_true(review.acknowledge_by_ms == 0);
        /* A chain that comes later is for what arrives from then on. */
        assert_string_equal(look(&three, &review, 70), "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_event_comes_once_at_its_time),
                cmocka_unit_test(what_was_missed_is_told_by_the_last_that_counts),
                cmocka_unit_test(the_next_is_told_until_somebody_acknowledges),
                cmocka_unit_test(the_last_is_told_at_least_once_an_hour),
                cmocka_unit_test(with_a_calendar_nobody_is_told_again_while_it_is_closed),
                cmocka_unit_test(a_clock_that_jumps_skips_nobody_and_keeps_nobody_waiting),
                cmocka_unit_test(a_chain_that_changes_or_goes_is_followed),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
