/* SPDX-License-Identifier: Apache-2.0 */
/* What reviewers say, and the labels that it makes. */
#include "unit/adapt/store_fixture.h"

static void on_feedback(struct store_feedback *feedback)
{
        (void)feedback;
        one_is_done();
}

static enum err say(struct store_feedback feedback)
{
        feedback.done = on_feedback;
        fixture.store->ops->add_feedback(fixture.store, &feedback);
        wait_for(1);
        return feedback.result;
}

/* Of a reviewer who sees everything. */
static struct store_feedback word(struct record_id id, bool is_right, enum category category, enum intent intent)
{
        return (struct store_feedback){
                .id = id, .viewer = {.sees_all = true}, .is_right = is_right, .category = category, .intent = intent};
}

static struct record_id decided(enum category category, enum intent intent)
{
        struct sample *sample = sample_init(0);
        sample->outcome.verdict.category = category;
        sample->outcome.verdict.intent = intent;
        assert_ok(commit_one(sample));
        return sample->record.id;
}

/* The only label that there is. */
static struct store_label label(void)
{
        struct store_label *labels;
        size_t count;
        assert_ok(store_sqlite_list_labels(fixture.db, &fixture.arena, &labels, &count, NULL));
        assert_int_equal(count, 1);
        return labels[0];
}

static void a_label_is_what_was_decided_or_what_the_last_word_says(void **state)
{
        (void)state;
        struct record_id id = decided(CATEGORY_INFORMATIONAL, INTENT_FAQ);
        assert_ok(say(word(id, true, CATEGORY_COUNT, INTENT_NONE)));
        assert_int_equal(label().category, CATEGORY_INFORMATIONAL);
        assert_int_equal(label().intent, INTENT_FAQ);
        struct store_feedback other = word(id, false, CATEGORY_SERVICE_ACTION, INTENT_REFUND);
        other.viewer.key_id = 7;
        other.now_ms = 5;
        assert_ok(say(other));
        assert_int_equal(label().category, CATEGORY_SERVICE_ACTION);
        assert_int_equal(label().intent, INTENT_REFUND);
        assert_str_equal(label().text, "what are your hours");
}

static void a_safety_matter_of_no_named_intent_is_a_safety_matter(void **state)
{
        (void)state;
        struct record_id id = decided(CATEGORY_SAFETY_COMPLIANCE, INTENT_OTHER);
        assert_ok(say(word(id, true, CATEGORY_COUNT, INTENT_NONE)));
        assert_int_equal(label().category, CATEGORY_SAFETY_COMPLIANCE);
        assert_int_equal(label().intent, INTENT_NONE);
        assert_ok(say(word(id, false, CATEGORY_SAFETY_COMPLIANCE, INTENT_OTHER)));
        assert_int_equal(label().category, CATEGORY_SAFETY_COMPLIANCE);
        assert_int_equal(label().intent, INTENT_NONE);
        assert_ok(say(word(id, false, CATEGORY_INFORMATIONAL, INTENT_OTHER)));
        assert_int_equal(label().intent, INTENT_OTHER);
}

static void foreign_and_unknown_messages_are_not_found(void **state)
{
        (void)state;
        struct record_id id = decided(CATEGORY_INFORMATIONAL, INTENT_FAQ);
        struct store_feedback of_a_stranger = word(id, true, CATEGORY_COUNT, INTENT_NONE);
        of_a_stranger.viewer = (struct store_viewer){.key_id = 7};
        assert_int_equal(say(of_a_stranger), ERR_NOT_FOUND);
        assert_int_equal(say(word((struct record_id){id.row, id.check ^ 1}, true, CATEGORY_COUNT, INTENT_NONE)),
                         ERR_NOT_FOUND);
        assert_int_equal(say(word((struct record_id){id.row + 1, id.check}, true, CATEGORY_COUNT, INTENT_NONE)),
                         ERR_NOT_FOUND);
        assert_int_equal(number("SELECT count(*) FROM feedback"), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_label_is_what_was_decided_or_what_the_last_word_says, fixture_set_up,
                                                fixture_tear_down),
                cmocka_unit_test_setup_teardown(a_safety_matter_of_no_named_intent_is_a_safety_matter, fixture_set_up,
                                                fixture_tear_down),
                cmocka_unit_test_setup_teardown(foreign_and_unknown_messages_are_not_found, fixture_set_up,
                                                fixture_tear_down),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
