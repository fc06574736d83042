/* SPDX-License-Identifier: Apache-2.0 */
/* Who is told of what a message led to. */
#include "unit/test.h"

#include <stdio.h>

#include "flow/workflow_steps.h"

static struct connector_policy connectors[] = {{.name = STR_INIT("tracker")}, {.name = STR_INIT("pager"), .names_customer = true}};
static struct connector_system systems[] = {{STR_INIT("ticketing"), &connectors[0]}, {STR_INIT("compliance"), &connectors[1]}};

static struct connectors_policy policy;

static int set_up(void **state)
{
        (void)state;
        policy = (struct connectors_policy){
                .connectors = connectors, .connector_count = 2, .systems = systems, .system_count = 2};
        return 0;
}

/* "event>connector " for each notice. */
static void check(struct outcome outcome, const char *expected)
{
        char text[256] = "";
        size_t len = 0;
        workflow_add_notices(&policy, &outcome);
        for (size_t i = 0; i < outcome.notice_count; i++) {
                const struct outcome_notice *notice = &outcome.notices[i];
                assert_int_equal(notice->names_customer, str_equal(notice->connector, STR("pager")));
                len += (size_t)snprintf(text + len, sizeof text - len, "%s>%.*s ", notice_name(notice->notice),
                                        STR_ARGS(notice->connector));
        }
        assert_string_equal(text, expected);
}

static const struct outcome ticket = {.ticket.is_open = true, .next_step.external_system = STR_INIT("ticketing")};
static const struct outcome record = {.compliance.severity = SEVERITY_HIGH,
                                      .review.is_needed = true,
                                      .next_step.external_system = STR_INIT("compliance")};

static void the_system_of_the_action_is_told_of_what_it_is_for(void **state)
{
        (void)state;
        check(ticket, "ticket.created>tracker ");
        check(record, "compliance.created>pager ");
        struct outcome elsewhere = ticket;
        elsewhere.next_step.external_system = STR("nobody's");
        check(elsewhere, "");
        check((struct outcome){.next_step.external_system = STR("ticketing")}, "");
}

static void the_first_of_the_chain_is_told_of_a_review_once(void **state)
{
        (void)state;
        struct outcome outcome = record;
        outcome.review.notify = STR("tracker");
        check(outcome, "review.created>tracker compliance.created>pager ");
        policy.events[NOTICE_REVIEW_CREATED] = (struct connector_targets){{&connectors[0], &connectors[1]}, 2};
        check(outcome, "review.created>tracker compliance.created>pager review.created>pager ");
}

static void who_wants_an_event_is_told_of_it_once(void **state)
{
        (void)state;
        policy.events[NOTICE_TICKET_CREATED] = (struct connector_targets){{&connectors[1], &connectors[0]}, 2};
        policy.events[NOTICE_REVIEW_CREATED] = (struct connector_targets){{&connectors[0]}, 1};
        check(ticket, "ticket.created>pager ticket.created>tracker ");
        check(record, "compliance.created>pager review.created>tracker ");
}

static void without_connectors_nobody_is_told(void **state)
{
        (void)state;
        policy = (struct connectors_policy){.connector_count = 0};
        check(ticket, "");
        check(record, "");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(the_system_of_the_action_is_told_of_what_it_is_for, set_up),
                cmocka_unit_test_setup(the_first_of_the_chain_is_told_of_a_review_once, set_up),
                cmocka_unit_test_setup(who_wants_an_event_is_told_of_it_once, set_up),
                cmocka_unit_test_setup(without_connectors_nobody_is_told, set_up),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
