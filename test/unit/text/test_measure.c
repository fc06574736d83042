/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "text/measure.h"
#include "text/measure_fit.h"

#include <math.h>

#define INFO CATEGORY_INFORMATIONAL
#define SERVICE CATEGORY_SERVICE_ACTION
#define SAFETY CATEGORY_SAFETY_COMPLIANCE
#define NEITHER MEASURE_OUT_OF_SCOPE
#define COUNT(array) (sizeof(array) / sizeof *(array))

static void assert_near(double actual, double expected)
{
        if (fabs(actual - expected) > 1e-9)
                fail_msg("%.12f is not %.12f", actual, expected);
}

/* Ten rows, small enough for a pencil. */
static const struct measured rows[] = {
        {INFO, INTENT_FAQ, INFO, INTENT_FAQ, 0.95, false},
        {INFO, INTENT_FAQ, SERVICE, INTENT_REFUND, 0.55, false},
        {SERVICE, INTENT_REFUND, SERVICE, INTENT_REFUND, 0.85, false},
        {SERVICE, INTENT_REFUND, SERVICE, INTENT_BILLING, 0.65, false},
        {SERVICE, INTENT_NONE, SAFETY, INTENT_FRAUD, 0.45, false},
        {SAFETY, INTENT_FRAUD, SAFETY, INTENT_FRAUD, 1, false},
        {SAFETY, INTENT_THREAT, SAFETY, INTENT_FRAUD, 0.95, false},
        {SAFETY, INTENT_THREAT, INFO, INTENT_FAQ, 0.35, true},
        {NEITHER, INTENT_NONE, INFO, INTENT_OTHER, 0.35, true},
        {NEITHER, INTENT_NONE, SAFETY, INTENT_THREAT, 0.55, false},
};

static struct measure measure_rows(void)
{
        struct measure measure = {0};
        for (size_t i = 0; i < COUNT(rows); i++)
                measure_add(&measure, &rows[i]);
        return measure;
}

static void decisions_are_counted_by_hand(void **state)
{
        (void)state;
        static const size_t confusion[MEASURE_TRUTHS][CATEGORY_COUNT] = {{1, 1, 0}, {0, 2, 1}, {1, 0, 2}, {1, 0, 1}};
        struct measure m = measure_rows();
        assert_memory_equal(m.confusion, confusion, sizeof confusion);
        assert_int_equal(m.rows, 10);
        assert_int_equal(measure_in_scope(&m), 8);
        assert_near(measure_accuracy(&m), 5.0 / 8);
        assert_near(measure_recall(&m, INFO), 1.0 / 2);
        assert_near(measure_precision(&m, INFO), 1.0 / 2);
        assert_near(measure_recall(&m, SERVICE), 2.0 / 3);
        assert_near(measure_precision(&m, SERVICE), 2.0 / 3);
        assert_near(measure_f1(&m, SAFETY), 2 * 2.0 / 6);
        assert_near(measure_macro_f1(&m), (1.0 / 2 + 2.0 / 3 + 2.0 / 3) / 3);
        assert_near(measure_intent_accuracy(&m), 3.0 / 7);
        assert_int_equal(m.intent_rows[INTENT_THREAT], 2);
        assert_int_equal(m.intent_category_hits[INTENT_THREAT], 1);
        assert_int_equal(m.intent_hits[INTENT_THREAT], 0);
}

static void out_of_scope_rows_count_where_the_rule_says(void **state)
{
        (void)state;
        struct measure m = measure_rows();
        assert_near(measure_false_alarms(&m), 2.0 / 7);
        assert_near(measure_safety_precision(&m), 2.0 / 4);
        assert_near(measure_precision(&m, SAFETY), 2.0 / 3);
        assert_near(measure_scope_handled(&m), 1.0 / 2);
}

/* Bins in scope: [.3] .35/0, [.4] .45/0, [.5] .55/0, [.6] .65/1, [.8] .85/1, [.9] 2.9/3. */
static void calibration_error_is_the_gap_of_each_tenth(void **state)
{
        (void)state;
        struct measure m = measure_rows();
        double in_scope = 0.35 + 0.45 + 0.55 + 0.35 + 0.15 + 0.1;
        assert_near(measure_calibration_error(&m, true), in_scope / 8);
        assert_near(measure_calibration_error(&m, false), (in_scope + 0.35 + 0.55) / 10);
        assert_int_equal(measure_bin(&m, 9, true).rows, 3);
        assert_int_equal(measure_bin(&m, 9, true).hits, 3);
        assert_int_equal(measure_bin(&m, 5, false).rows, 2);
}

static void nothing_measured_is_nothing(void **state)
{
        (void)state;
        struct measure m = {0};
        assert_true(isnan(measure_accuracy(&m)));
        assert_true(isnan(measure_macro_f1(&m)));
        assert_true(isnan(measure_false_alarms(&m)));
        assert_true(isnan(measure_scope_handled(&m)));
        assert_true(isnan(measure_calibration_error(&m, false)));
        measure_add(&m, &rows[0]);
        assert_near(measure_macro_f1(&m), 1);
        assert_true(isnan(measure_recall(&m, SAFETY)));
        assert_int_equal(scored_cover(NULL, 0, 0.9).taken, 0);
}

static void a_cut_takes_equal_scores_together(void **state)
{
        (void)state;
        struct scored scored[] = {{0.2, true}, {0.9, true}, {0.5, false}, {0.9, true}, {0.5, true}, {0.7, true}};
        struct cut cut = {0};
        scored_sort(scored, COUNT(scored));
        static const struct cut expected[] = {{0.9, 2, 2}, {0.7, 3, 3}, {0.5, 5, 4}, {0.2, 6, 5}};
        for (size_t i = 0; i < COUNT(expected); i++) {
                assert_true(scored_next(scored, COUNT(scored), &cut));
                assert_near(cut.threshold, expected[i].threshold);
                assert_int_equal(cut.taken, expected[i].taken);
                assert_int_equal(cut.hits, expected[i].hits);
        }
        assert_false(scored_next(scored, COUNT(scored), &cut));
        assert_int_equal(scored_cover(scored, COUNT(scored), 1).taken, 3);
        assert_int_equal(scored_cover(scored, COUNT(scored), 0.8).taken, 6);
        assert_int_equal(scored_within(scored, COUNT(scored), 0.5).taken, 3);
        assert_int_equal(scored_within(scored, COUNT(scored), 1).taken, 6);
}

/* 100 rows at each probability, of which the share `right` is right. */
static size_t fill(struct scored *ret_rows, double p, size_t right)
{
        for (size_t i = 0; i < 100; i++)
                ret_rows[i] = (struct scored){p, i < right};
        return 100;
}

static void platt_scaling_finds_what_the_confidence_is_worth(void **state)
{
        (void)state;
        struct scored overconfident[400];
        double slope, offset;
        size_t count = 0;
        /* logit 2.944 is worth logit 1.386 (0.8), and so are its opposites: the slope is 0.471. */
        count += fill(overconfident + count, 0.95, 80);
        count += fill(overconfident + count, 0.05, 20);
        assert_true(fit_platt(overconfident, count, &slope, &offset));
        assert_true(fabs(slope - 1.3863 / 2.9444) < 0.02);
        assert_true(fabs(offset) < 1e-6);
        count = fill(overconfident, 0.5, 90);
        count += fill(overconfident + count, 0.9, 90);
        assert_true(fit_platt(overconfident, count, &slope, &offset));
        assert_true(fabs(slope) < 1e-3 && fabs(offset - 2.1972) < 0.1);
}

static void platt_scaling_needs_right_and_wrong_rows(void **state)
{
        (void)state;
        struct scored all[100];
        double slope, offset;
        assert_false(fit_platt(all, fill(all, 0.9, 100), &slope, &offset));
        assert_false(fit_platt(all, fill(all, 0.9, 0), &slope, &offset));
        assert_false(fit_platt(NULL, 0, &slope, &offset));
}

/* p = 0.98 against 0.02 is right in 9 of 10 cases: at T the odds 49 become 9, so T = log 49 / log 9. */
static void the_temperature_makes_confidence_what_it_is_worth(void **state)
{
        (void)state;
        struct spread spreads[10];
        for (size_t i = 0; i < 10; i++)
                spreads[i] = (struct spread){{0.98, 0.02, 0, 0}, i == 0};
        double temperature = fit_temperature(spreads, 10);
        if (fabs(temperature - log(49) / log(9)) > 0.001)
                fail_msg("%f", temperature);
        for (size_t i = 0; i < 10; i++)
                spreads[i] = (struct spread){{0.7, 0.3, 0, 0}, i >= 7};
        assert_true(fabs(fit_temperature(spreads, 10) - 1) < 0.001);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(decisions_are_counted_by_hand),
                cmocka_unit_test(out_of_scope_rows_count_where_the_rule_says),
                cmocka_unit_test(calibration_error_is_the_gap_of_each_tenth),
                cmocka_unit_test(nothing_measured_is_nothing),
                cmocka_unit_test(a_cut_takes_equal_scores_together),
                cmocka_unit_test(platt_scaling_finds_what_the_confidence_is_worth),
                cmocka_unit_test(platt_scaling_needs_right_and_wrong_rows),
                cmocka_unit_test(the_temperature_makes_confidence_what_it_is_worth),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
