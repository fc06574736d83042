/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/adapt/store_fixture.h"

static void on_found(struct store_review_query *query)
{
        (void)query;
        one_is_done();
}

static void find(struct record_id id, struct store_review_query *query)
{
        *query = (struct store_review_query){.id = id, .arena = &fixture.arena, .done = on_found};
        fixture.store->ops->find_review(fixture.store, query);
        wait_for(1);
}

static struct review found(size_t i)
{
        struct store_review_query query;
        find(fixture.samples[i].record.id, &query);
        assert_ok(query.result);
        return query.review;
}

static void on_record(struct store_compliance_query *query)
{
        (void)query;
        one_is_done();
}

static struct compliance record_of(size_t i)
{
        struct store_compliance_query query = {
                .id = fixture.samples[i].record.id, .arena = &fixture.arena, .done = on_record};
        fixture.store->ops->find_compliance(fixture.store, &query);
        wait_for(1);
        assert_ok(query.result);
        return query.record;
}

static void on_changed(struct store_review_change *change)
{
        (void)change;
        one_is_done();
}

static void start_change(struct store_review_change *change, size_t i, enum review_action action, int64_t now_ms)
{
        bool is_end = action == REVIEW_RESOLVE;
        *change = (struct store_review_change){
                .id = fixture.samples[i].record.id,
                .if_version = change->if_version,
                .change = {.action = action,
                           .assignee = STR("anna"),
                           .outcome = is_end ? REVIEW_FALSE_ALARM : REVIEW_OUTCOME_NONE,
                           .note.safe = is_end ? STR("a film quote") : (struct str){0}},
                .by = STR("anna"),
                .now_ms = now_ms,
                .arena = &fixture.arena,
                .done = on_changed,
        };
        fixture.store->ops->change_review(fixture.store, change);
}

static enum err change(size_t i, enum review_action action, int64_t now_ms)
{
        struct store_review_change change = {.if_version = 0};
        start_change(&change, i, action, now_ms);
        wait_for(1);
        return change.result;
}

static void on_listed(struct store_reviews_query *query)
{
        (void)query;
        one_is_done();
}

static void list(struct store_reviews_query *query)
{
        query->arena = &fixture.arena;
        query->done = on_listed;
        fixture.store->ops->list_reviews(fixture.store, query);
        wait_for(1);
}

/* ---- One review ---- */

static void a_review_goes_its_way_and_the_record_follows(void **state)
{
        (void)state;
        assert_ok(commit_one(sample_of_safety(0, SEVERITY_HIGH, 5000)));
        assert_str_equal(record_of(0).status, "pending_review");
        static const struct {
                enum review_action action;
                enum err expected;
                enum review_status status;
                const char *of_record;
                const char *assignee;
                int64_t acknowledged_at_ms, resolved_at_ms;
        } steps[] = {
                {REVIEW_RELEASE, ERR_CONFLICT, REVIEW_PENDING, "pending_review", "", 0, 0},
                {REVIEW_REOPEN, ERR_CONFLICT, REVIEW_PENDING, "pending_review", "", 0, 0},
                {REVIEW_CLAIM, ERR_OK, REVIEW_CLAIMED, "in_review", "anna", 1002, 0},
                {REVIEW_RELEASE, ERR_OK, REVIEW_PENDING, "pending_review", "", 1002, 0},
                {REVIEW_CLAIM, ERR_OK, REVIEW_CLAIMED, "in_review", "anna", 1002, 0},
                {REVIEW_RESOLVE, ERR_OK, REVIEW_RESOLVED, "resolved", "anna", 1002, 1005},
                {REVIEW_RESOLVE, ERR_CONFLICT, REVIEW_RESOLVED, "resolved", "anna", 1002, 1005},
                {REVIEW_CLAIM, ERR_CONFLICT, REVIEW_RESOLVED, "resolved", "anna", 1002, 1005},
                {REVIEW_REOPEN, ERR_OK, REVIEW_PENDING, "pending_review", "", 1002, 0},
                {REVIEW_RESOLVE, ERR_OK, REVIEW_RESOLVED, "resolved", "", 1002, 1009},
        };
        for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
                assert_int_equal(change(0, steps[i].action, 1000 + (int64_t)i), steps[i].expected);
                struct review review = found(0);
                struct compliance record = record_of(0);
                assert_int_equal(review.status, steps[i].status);
                assert_str_equal(record.status, steps[i].of_record);
                assert_str_equal(review.assignee, steps[i].assignee);
                assert_int_equal(review.acknowledged_at_ms, steps[i].acknowledged_at_ms);
                assert_int_equal(record.acknowledged_at_ms, steps[i].acknowledged_at_ms);
                assert_int_equal(review.resolved_at_ms, steps[i].resolved_at_ms);
                assert_int_equal(record.resolved_at_ms, steps[i].resolved_at_ms);
                bool is_over = steps[i].status == REVIEW_RESOLVED;
                assert_int_equal(record.outcome, is_over ? REVIEW_FALSE_ALARM : REVIEW_OUTCOME_NONE);
                assert_int_equal(number("SELECT count(*) FROM review"), !is_over);
                assert_int_equal(review.due_at_ms, 5000);
        }
        struct store_review_query query;
        find(fixture.samples[0].record.id, &query);
        assert_int_equal(query.history.count, 6);
        assert_int_equal(query.review.version, 7);
        assert_int_equal(query.history.events[3].action, REVIEW_RESOLVE);
        assert_int_equal(query.history.events[3].outcome, REVIEW_FALSE_ALARM);
        assert_str_equal(query.history.events[3].note.safe, "a film quote");
        assert_str_equal(query.history.events[3].by, "anna");
        assert_int_equal(query.history.events[3].at_ms, 1005);
}

static void a_claim_of_another_one_or_of_another_version_is_refused(void **state)
{
        (void)state;
        assert_ok(commit_one(sample_of_safety(0, SEVERITY_HIGH, 5000)));
        assert_ok(change(0, REVIEW_CLAIM, 1000));
        assert_ok(change(0, REVIEW_CLAIM, 2000)); /* anna has it */
        assert_int_equal(found(0).version, 2);
        struct store_review_change other = {.id = fixture.samples[0].record.id,
                                            .change = {.action = REVIEW_CLAIM, .assignee = STR("bert"),
                                                       .outcome = REVIEW_OUTCOME_NONE},
                                            .arena = &fixture.arena};
        assert_int_equal(store_sqlite_change_review(fixture.db, &other), ERR_CONFLICT);
        assert_non_null(strstr(other.note.text, "anna"));
        struct store_review_change stale = {.if_version = 1};
        start_change(&stale, 0, REVIEW_RESOLVE, 3000);
        wait_for(1);
        assert_int_equal(stale.result, ERR_STALE);
        assert_int_equal(found(0).status, REVIEW_CLAIMED);
}

static void of_many_claims_one_wins(void **state)
{
        (void)state;
        static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
        enum { CLAIMS = sizeof names / sizeof *names };
        static struct store_review_change changes[CLAIMS];
        static struct arena arenas[CLAIMS];
        size_t won = 0;
        assert_ok(commit_one(sample_of_safety(0, SEVERITY_HIGH, 5000)));
        for (size_t i = 0; i < CLAIMS; i++) {
                arena_init(&arenas[i], 1 << 20);
                changes[i] = (struct store_review_change){
                        .id = fixture.samples[0].record.id,
                        .change = {.action = REVIEW_CLAIM, .assignee = str_from(names[i]), .outcome = REVIEW_OUTCOME_NONE},
                        .now_ms = 2000,
                        .arena = &arenas[i],
                        .done = on_changed};
                fixture.store->ops->change_review(fixture.store, &changes[i]);
        }
        wait_for(CLAIMS);
        for (size_t i = 0; i < CLAIMS; i++) {
                won += changes[i].result == ERR_OK;
                arena_deinit(&arenas[i]);
        }
        assert_int_equal(won, 1);
}

static void what_is_no_review_is_not_found(void **state)
{
        (void)state;
        assert_ok(commit_one(sample_init(0)));
        assert_ok(commit_one(sample_of_safety(1, SEVERITY_HIGH, 5000)));
        struct record_id wrong = fixture.samples[1].record.id;
        wrong.check ^= 1;
        const struct record_id ids[] = {fixture.samples[0].record.id, wrong, {99, 1}};
        for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
                struct store_review_query query;
                find(ids[i], &query);
                assert_int_equal(query.result, ERR_NOT_FOUND);
        }
}

static void a_history_has_its_end(void **state)
{
        (void)state;
        assert_ok(commit_one(sample_of_safety(0, SEVERITY_HIGH, 5000)));
        assert_int_equal(number("UPDATE review SET version = 499 RETURNING version"), REVIEW_MAX_VERSION - 1);
        assert_ok(change(0, REVIEW_CLAIM, 1000));
        assert_int_equal(change(0, REVIEW_RELEASE, 9000), ERR_CONFLICT);
        assert_int_equal(found(0).version, REVIEW_MAX_VERSION);
        assert_ok(change(0, REVIEW_RESOLVE, 9001)); /* the customer must not wait for ever */
        assert_int_equal(change(0, REVIEW_REOPEN, 9002), ERR_CONFLICT);
}

static void reviews_of_an_earlier_version_can_be_changed(void **state)
{
        (void)state;
        fixture_make_old(3, OLD_MESSAGE
                         "INSERT INTO review VALUES(5000, 1, 'high', 'safety_compliance', 0, 'safety', 'pending_review')");
        fixture_open();
        fixture.samples[0].record.id = (struct record_id){1, 77};
        assert_int_equal(found(0).due_at_ms, 5000);
        assert_ok(change(0, REVIEW_RESOLVE, 6000));
        assert_int_equal(found(0).resolved_at_ms, 6000);
}

/* ---- Lists ---- */

/* Rows 1.. of the table, in this order, committed in one go. */
static const struct {
        enum severity severity;
        int64_t due_at_ms;
        int64_t key_id;
} reviews[] = {
        {SEVERITY_STANDARD, 9000, 1}, {SEVERITY_URGENT, 1000, 1}, {SEVERITY_HIGH, 5000, 2},
        {SEVERITY_URGENT, 5000, 1},   {SEVERITY_NONE, 7000, 2},
};

static void commit_reviews(void)
{
        for (size_t i = 0; i < sizeof reviews / sizeof *reviews; i++) {
                struct sample *sample = sample_of_safety(i, reviews[i].severity, reviews[i].due_at_ms);
                sample->record.key_id = reviews[i].key_id;
                if (reviews[i].severity == SEVERITY_NONE)
                        sample->outcome.verdict.category = CATEGORY_SERVICE_ACTION;
                start_commit(sample);
        }
        wait_for(sizeof reviews / sizeof *reviews);
}

static void check_rows(struct store_viewer viewer, struct review_filter filter, const char *expected)
{
        struct store_reviews_query query = {.viewer = viewer, .filter = filter};
        char rows[64] = "";
        size_t len = 0;
        list(&query);
        assert_ok(query.result);
        for (size_t r = 0; r < query.page.count; r++)
                len += (size_t)snprintf(rows + len, sizeof rows - len, "%d ", (int)query.reviews[r].id.row);
        if (query.page.has_more)
                snprintf(rows + len, sizeof rows - len, "+");
        assert_string_equal(rows, expected);
}

static void reviews_come_by_due_time_and_filter(void **state)
{
        (void)state;
        static const struct store_viewer all = {.sees_all = true};
        commit_reviews();
        const struct {
                struct store_viewer viewer;
                struct review_filter filter;
                const char *rows;
        } cases[] = {
                {all, {0}, "2 3 4 5 1 "},
                {all, {.limit = 2}, "2 3 +"},
                {all, {.limit = 2, .has_cursor = true, .cursor_due_at_ms = 5000, .cursor_row = 3}, "4 5 +"},
                {all, {.limit = 2, .has_cursor = true, .cursor_due_at_ms = 7000, .cursor_row = 5}, "1 "},
                {{.key_id = 1}, {0}, "2 4 1 "},
                {{.key_id = 3}, {0}, ""},
                {all, {.min_severity = SEVERITY_HIGH}, "2 3 4 "},
                {all, {.min_severity = SEVERITY_URGENT}, "2 4 "},
                {all, {.severity = SEVERITY_HIGH}, "3 "},
                {all, {.has_category = true, .category = CATEGORY_SERVICE_ACTION}, "5 "},
                {all, {.due_before_ms = 5000}, "2 "},
                {all, {.is_overdue = true, .now_ms = 7001}, "2 3 4 5 "},
                {all, {.is_overdue = true, .now_ms = 7001, .due_before_ms = 5000}, "2 "},
                {all, {.limit = 5}, "2 3 4 5 1 "},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                check_rows(cases[i].viewer, cases[i].filter, cases[i].rows);
        assert_ok(change(1, REVIEW_CLAIM, 2000));
        assert_ok(change(2, REVIEW_RESOLVE, 2000));
        assert_ok(change(0, REVIEW_RESOLVE, 2000));
        check_rows(all, (struct review_filter){0}, "2 4 5 ");
        check_rows(all, (struct review_filter){.scope = REVIEWS_CLAIMED}, "2 ");
        check_rows(all, (struct review_filter){.assignee = STR("anna")}, "2 ");
        check_rows(all, (struct review_filter){.assignee = STR("")}, "4 5 ");
        check_rows(all, (struct review_filter){.scope = REVIEWS_PENDING}, "4 5 ");
        check_rows(all, (struct review_filter){.scope = REVIEWS_RESOLVED}, "1 3 ");
        check_rows(all, (struct review_filter){.scope = REVIEWS_RESOLVED, .limit = 1}, "1 +");
        check_rows(all, (struct review_filter){.scope = REVIEWS_RESOLVED, .has_cursor = true, .cursor_due_at_ms = 9000,
                                               .cursor_row = 1}, "3 ");
        assert_ok(change(2, REVIEW_REOPEN, 3000));
        check_rows(all, (struct review_filter){0}, "2 3 4 5 ");
}

static void a_review_tells_what_was_stored(void **state)
{
        (void)state;
        commit_reviews();
        struct store_reviews_query query = {.viewer.sees_all = true, .filter.limit = 1};
        list(&query);
        const struct review *review = &query.reviews[0];
        assert_true(review->id.check == fixture.samples[1].record.id.check);
        assert_int_equal(review->severity, SEVERITY_URGENT);
        assert_int_equal(review->intent, INTENT_PRODUCT_SAFETY);
        assert_int_equal(review->channel, CHANNEL_CHAT);
        assert_int_equal(review->received_at_ms, 1000);
        assert_str_equal(review->reason, "safety");
        assert_int_equal(review->status, REVIEW_PENDING);
        assert_str_equal(review->text.safe, "what are your hours");
        assert_str_equal(ident_str(&review->request_id), "req_1");
}

static void a_page_that_the_arena_cannot_hold_ends_early(void **state)
{
        (void)state;
        static char long_text[20000];
        memset(long_text, 'x', sizeof long_text);
        for (size_t i = 0; i < 10; i++) {
                struct sample *sample = sample_of_safety(i, SEVERITY_HIGH, 5000);
                sample->record.text.safe = (struct str){long_text, sizeof long_text};
                start_commit(sample);
        }
        wait_for(10);
        arena_deinit(&fixture.arena);
        arena_init(&fixture.arena, 110000);
        struct store_reviews_query query = {.viewer.sees_all = true, .filter.limit = 10};
        list(&query);
        assert_ok(query.result);
        assert_true(query.page.has_more);
        assert_in_range(query.page.count, 1, 9);
        assert_int_equal(query.page.cursor_row, query.reviews[query.page.count - 1].id.row);
        arena_deinit(&fixture.arena);
        arena_init(&fixture.arena, 8000);
        query = (struct store_reviews_query){.viewer.sees_all = true, .filter.limit = 10};
        list(&query);
        assert_int_equal(query.result, ERR_TOO_LARGE);
}

/* What nobody wants costs a page its effort, and the next one goes on behind it. */
static void a_page_searches_so_far_and_the_next_goes_on(void **state)
{
        (void)state;
        fixture_make_old(4, OLD_MESSAGE
                         "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 45000)"
                         " INSERT INTO review(due_at, message_row, severity, category, key_id, reason, status)"
                         " SELECT 1000 + i, 1, 'high', 'safety_compliance', 0, 'safety', 'pending_review' FROM n;"
                         "UPDATE review SET severity = 'urgent' WHERE due_at = 46000");
        fixture_open();
        struct store_reviews_query query = {.viewer.sees_all = true, .filter.severity = SEVERITY_URGENT};
        size_t pages = 0;
        do {
                query.filter.has_cursor = pages > 0;
                query.filter.cursor_due_at_ms = query.page.cursor_due_at_ms;
                query.filter.cursor_row = query.page.cursor_row;
                list(&query);
                assert_ok(query.result);
                pages++;
        } while (query.page.has_more && pages < 9);
        assert_int_equal(query.page.count, 1);
        assert_int_equal(pages, 3);
}

/* ---- Conversations ---- */

static struct {
        struct store_conversation last;
        size_t count;
} told;

static void on_conversation(void *arg, const struct store_conversation *conversation)
{
        (void)arg;
        told.last = *conversation;
        told.count++;
}

static void expect_told(size_t count, bool is_open, bool is_joined, struct record_id review)
{
        struct digest conversation = digest_sha256(STR("c1"));
        assert_int_equal(told.count, count);
        assert_true(digest_equal(&told.last.conversation, &conversation));
        assert_true(told.last.review.row == review.row && told.last.review.check == review.check);
        assert_int_equal(told.last.is_open, is_open);
        assert_int_equal(told.last.is_joined, is_joined);
}

static void what_is_open_in_conversations_is_told_also_after_a_restart(void **state)
{
        (void)state;
        fixture_close();
        fixture.config.on_conversation = on_conversation;
        fixture_open();
        memset(&told, 0, sizeof told);
        struct digest conversation = digest_sha256(STR("c1"));
        struct sample *sample = sample_of_safety(0, SEVERITY_HIGH, 5000);
        struct record_id id = sample->record.id;
        sample->record.conversation = &conversation;
        sample->outcome.review.suggested_reply = SAFE_LITERAL("Hold the line.");
        assert_ok(commit_one(sample));
        expect_told(1, true, false, id);
        assert_ok(commit_one(sample_of_safety(1, SEVERITY_HIGH, 5000))); /* of no conversation */
        struct sample *joining = sample_init(2);
        joining->outcome.joins = id;
        assert_ok(commit_one(joining));
        assert_int_equal(told.count, 1);
        assert_ok(change(0, REVIEW_CLAIM, 2000));
        expect_told(2, true, true, id);
        assert_ok(change(0, REVIEW_RESOLVE, 2001));
        expect_told(3, false, true, id);
        assert_int_equal(change(0, REVIEW_RESOLVE, 2002), ERR_CONFLICT);
        assert_ok(change(1, REVIEW_RESOLVE, 2003));
        assert_int_equal(told.count, 3);
        assert_ok(change(0, REVIEW_REOPEN, 2004));
        expect_told(4, true, false, id);
        fixture_close();
        fixture_open();
        memset(&told, 0, sizeof told);
        assert_ok(store_sqlite_tell_conversations(fixture.db, NULL));
        expect_told(1, true, true, id);
        struct store_review_query query;
        find(id, &query);
        assert_ok(query.result);
        assert_int_equal(query.history.message_count, 1);
        assert_true(query.history.messages[0].id.check == joining->record.id.check);
        assert_str_equal(query.review.suggested_reply.safe, "Hold the line.");
}

static void on_revealed(struct store_originals_query *query)
{
        (void)query;
        one_is_done();
}

static void reveal(struct record_id id, size_t max_bytes, struct store_originals_query *query)
{
        arena_deinit(&fixture.arena);
        arena_init(&fixture.arena, max_bytes);
        *query = (struct store_originals_query){.id = id, .arena = &fixture.arena, .done = on_revealed};
        fixture.store->ops->find_originals(fixture.store, query);
        wait_for(1);
}

static void an_original_is_for_its_review_alone(void **state)
{
        (void)state;
        static char long_text[300 << 10];
        memset(long_text, '"', sizeof long_text);
        struct metadata_entry entries[] = {{{STR("phone")}, {STR("0176")}}, {{STR("order_id")}, {STR("ORD-1")}}};
        const struct message message = {.text = {STR("a\tb")}, .metadata = entries, .metadata_count = 2};
        const struct message longer = {.text = {{long_text, sizeof long_text}}};
        struct store_originals_query query;
        struct sample *first = sample_of_safety(0, SEVERITY_HIGH, 5000), *joining = sample_init(1);
        first->record.original = &message;
        joining->record.original = &longer;
        joining->outcome.joins = first->record.id;
        assert_ok(commit_one(first));
        assert_ok(commit_one(joining));
        assert_ok(commit_one(sample_of_safety(2, SEVERITY_HIGH, 5000))); /* as of a version that kept none */
        reveal(first->record.id, 2 << 20, &query);
        assert_ok(query.result);
        assert_int_equal(query.originals.count, 2);
        assert_false(query.originals.is_cut);
        assert_str_equal(query.originals.items[0].content.raw, "{\"text\":\"a\\tb\",\"contact\":{\"phone\":\"0176\"}}");
        assert_true(query.originals.items[1].content.raw.len < 300 << 10);
        reveal(first->record.id, 64 << 10, &query);
        assert_ok(query.result);
        assert_int_equal(query.originals.count, 1);
        assert_true(query.originals.is_cut);
        reveal((struct record_id){first->record.id.row, first->record.id.check ^ 1}, 64 << 10, &query);
        assert_int_equal(query.result, ERR_NOT_FOUND);
        reveal(joining->record.id, 64 << 10, &query);
        assert_int_equal(query.result, ERR_NOT_FOUND);
        reveal(fixture.samples[2].record.id, 64 << 10, &query);
        assert_int_equal(query.result, ERR_NOT_FOUND);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)
                TEST(a_review_goes_its_way_and_the_record_follows),
                TEST(a_claim_of_another_one_or_of_another_version_is_refused),
                TEST(of_many_claims_one_wins),
                TEST(what_is_no_review_is_not_found),
                TEST(a_history_has_its_end),
                TEST(reviews_of_an_earlier_version_can_be_changed),
                TEST(reviews_come_by_due_time_and_filter),
                TEST(a_review_tells_what_was_stored),
                TEST(a_page_that_the_arena_cannot_hold_ends_early),
                TEST(a_page_searches_so_far_and_the_next_goes_on),
                TEST(an_original_is_for_its_review_alone),
                TEST(what_is_open_in_conversations_is_told_also_after_a_restart),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
