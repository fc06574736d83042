/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/adapt/store_fixture.h"

#include <pthread.h>

static void on_found(struct store_message_query *query)
{
        (void)query;
        one_is_done();
}

static enum err find(struct record_id id, struct store_viewer viewer, struct safe_text *ret_answer)
{
        struct store_message_query query = {
                .id = id, .viewer = viewer, .arena = &fixture.arena, .done = on_found};
        fixture.store->ops->find_message(fixture.store, &query);
        wait_for(1);
        *ret_answer = query.answer;
        return query.result;
}

static void a_committed_message_is_found_by_its_id(void **state)
{
        (void)state;
        struct sample *sample = sample_init(0);
        struct safe_text answer;
        assert_ok(commit_one(sample));
        assert_ok(find(sample->record.id, (struct store_viewer){.sees_all = true}, &answer));
        assert_true(str_equal(answer.safe, sample->record.answer.safe));
        fixture_close();
        fixture_open();
        assert_ok(find(sample->record.id, (struct store_viewer){.sees_all = true}, &answer));
        assert_true(fixture.store->ops->reserve(fixture.store).row > sample->record.id.row);
}

static void a_look_up_without_the_check_or_by_another_key_finds_nothing(void **state)
{
        (void)state;
        struct sample *sample = sample_init(0);
        sample->record.key_id = 7;
        assert_ok(commit_one(sample));
        struct record_id good = sample->record.id, wrong = good, unknown = good;
        wrong.check ^= 1;
        unknown.row += 1000;
        const struct {
                struct record_id id;
                struct store_viewer viewer;
                enum err expected;
        } cases[] = {
                {good, {.key_id = 7}, ERR_OK},
                {good, {.key_id = 8}, ERR_NOT_FOUND},
                {good, {.key_id = 8, .sees_all = true}, ERR_OK},
                {wrong, {.key_id = 7}, ERR_NOT_FOUND},
                {unknown, {.sees_all = true}, ERR_NOT_FOUND},
        };
        struct safe_text answer;
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                assert_int_equal(find(cases[i].id, cases[i].viewer, &answer), cases[i].expected);
}

static void one_commit_leaves_all_rows_of_a_message(void **state)
{
        (void)state;
        struct sample *sample = sample_of_safety(0, SEVERITY_URGENT, 5000);
        sample->outcome.ticket = (struct outcome_ticket){
                .is_open = true, .queue = STR("agents"), .priority = PRIORITY_HIGH};
        sample->outcome.notices[0] = (struct outcome_notice){NOTICE_COMPLIANCE_CREATED, STR("pager"), false};
        sample->outcome.notice_count = 1;
        sample->outcome.next_step = (struct next_step){
                .action = STR("urgent_escalation"),
                .external_system = STR("pager"),
                .parameters = {{"order_id", SAFE_LITERAL("ORD-\"1\"")}},
                .parameter_count = 1,
        };
        sample->record.customer_id = SAFE_LITERAL("c-1");
        sample->record.text_points = 19;
        assert_ok(commit_one(sample));
        static const char *const checks[] = {
                "SELECT count(*) FROM message JOIN opened_message o USING(id) WHERE id=1 AND o.channel='chat'"
                " AND o.category='safety_compliance'"
                " AND secondary_intent IS NULL AND o.customer_id='c-1'",
                "SELECT count(*) FROM ticket WHERE id=1 AND status='open' AND priority='high'"
                " AND queue='agents'",
                "SELECT count(*) FROM compliance WHERE id=1 AND severity='urgent' AND status='pending_review'"
                " AND due_at=5000 AND channel='chat' AND text_points=19 AND length(text_digest)=32",
                "SELECT count(*) FROM review WHERE message_row=1 AND due_at=5000 AND reason='safety'",
                "SELECT count(*) FROM outbox WHERE message_row=1 AND connector='pager'"
                " AND event='compliance.created' AND state='pending' AND due_at=1000 AND attempts=0"
                " AND json_extract(payload, '$.data.parameters.order_id') = 'ORD-\"1\"'",
        };
        for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
                if (number(checks[i]) != 1)
                        fail_msg("%s", checks[i]);
}

/* ---- Idempotency ---- */

static void on_replayed(struct store_replay *replay)
{
        (void)replay;
        one_is_done();
}

static enum err replay(const struct idempotency *idempotency, int64_t now_ms, struct store_replay *ret_replay)
{
        *ret_replay = (struct store_replay){
                .idempotency = idempotency, .now_ms = now_ms, .arena = &fixture.arena, .done = on_replayed};
        fixture.store->ops->replay(fixture.store, ret_replay);
        wait_for(1);
        return ret_replay->result;
}

static struct sample *sample_with_key(size_t i, const char *key, int64_t expires_at_ms)
{
        struct sample *sample = sample_init(i);
        sample->idempotency = (struct idempotency){.key = digest_sha256(str_from(key)),
                                                   .fingerprint = digest_sha256(STR("body")),
                                                   .expires_at_ms = expires_at_ms};
        sample->record.idempotency = &sample->idempotency;
        return sample;
}

static const int64_t far_ms = INT64_C(4000000000000); /* the year 2096 */

static void a_stored_answer_is_replayed_under_its_key(void **state)
{
        (void)state;
        struct sample *sample = sample_with_key(0, "a", far_ms);
        struct store_replay found;
        assert_int_equal(replay(&sample->idempotency, 1, &found), ERR_NOT_FOUND);
        assert_ok(commit_one(sample));
        assert_ok(replay(&sample->idempotency, 1, &found));
        assert_true(str_equal(found.answer.safe, sample->record.answer.safe));
        assert_true(found.id.row == sample->record.id.row && found.id.check == sample->record.id.check);
        assert_int_equal(replay(&sample->idempotency, far_ms, &found), ERR_NOT_FOUND);
        sample->idempotency.fingerprint.bytes[31] ^= 1;
        assert_int_equal(replay(&sample->idempotency, 1, &found), ERR_MISMATCH);
}

static void a_live_key_is_not_overwritten_and_an_expired_one_is(void **state)
{
        (void)state;
        assert_ok(commit_one(sample_with_key(0, "live", far_ms)));
        assert_int_equal(commit_one(sample_with_key(0, "live", far_ms)), ERR_EXISTS);
        assert_int_equal(number("SELECT count(*) FROM message"), 1);
        fixture.samples[0] = (struct sample){.commit.result = ERR_OK};
        assert_ok(commit_one(sample_with_key(0, "old", 2000)));
        struct sample *newer = sample_with_key(1, "old", far_ms);
        assert_ok(commit_one(newer));
        struct store_replay found;
        assert_ok(replay(&newer->idempotency, 1, &found));
        assert_true(found.id.row == newer->record.id.row);
}

static void expired_keys_are_swept_and_live_ones_stay(void **state)
{
        (void)state;
        char key[16];
        for (size_t i = 0; i < 400; i++) {
                snprintf(key, sizeof key, "%zu", i);
                start_commit(sample_with_key(i, key, i % 4 ? 2000 : far_ms));
        }
        wait_for(400);
        for (size_t i = 0; i < 400; i++)
                assert_ok(fixture.samples[i].commit.result);
        fixture_close();
        fixture_open(); /* the sweep begins with the first turn of the writer */
        for (int i = 0; i < 100 && number("SELECT count(*) FROM idempotency") != 100; i++)
                usleep(20000);
        assert_int_equal(number("SELECT count(*) FROM idempotency WHERE expires_at > 2000"), 100);
        assert_int_equal(number("SELECT count(*) FROM idempotency"), 100);
}

/* ---- Batches ---- */

enum { OTHER_COMMITS = 64 };

struct other_loop {
        struct loop *loop;
        struct store *store;
        pthread_t owner;
        size_t waiting;
        bool is_on_its_loop;
};

static struct other_loop other;

static void on_other_committed(struct store_commit *commit)
{
        assert_ok(commit->result);
        other.is_on_its_loop = other.is_on_its_loop && pthread_equal(pthread_self(), other.owner);
        if (--other.waiting == 0)
                loop_stop(other.loop);
}

static void *run_other(void *arg)
{
        (void)arg;
        other.waiting = OTHER_COMMITS;
        for (size_t i = 0; i < OTHER_COMMITS; i++)
                other.store->ops->commit(other.store, &fixture.samples[256 + i].commit);
        loop_run(other.loop);
        return NULL;
}

static void commits_of_two_loops_share_transactions_and_come_back_to_their_loops(void **state)
{
        (void)state;
        other = (struct other_loop){.loop = loop_new(), .is_on_its_loop = true};
        other.store = store_sqlite_attach(fixture.db, other.loop);
        for (size_t i = 0; i < OTHER_COMMITS; i++)
                sample_init(256 + i)->commit.done = on_other_committed;
        assert_int_equal(pthread_create(&other.owner, NULL, run_other, NULL), 0);
        for (size_t i = 0; i < 256; i++)
                start_commit(sample_init(i));
        wait_for(256);
        pthread_join(other.owner, NULL);
        assert_int_equal(other.waiting, 0);
        assert_true(other.is_on_its_loop);
        store_sqlite_detach(other.store);
        loop_free(other.loop);
        assert_int_equal(number("SELECT count(*) FROM message"), 256 + OTHER_COMMITS);
        assert_true(fixture.largest_batch > 1);
        assert_true(fixture.batches < 256 + OTHER_COMMITS);
}

static void one_bad_row_does_not_fail_its_batch(void **state)
{
        (void)state;
        for (size_t i = 0; i < 64; i++)
                sample_init(i);
        fixture.samples[40].record.id = fixture.samples[10].record.id;
        fixture.samples[50].record.text.safe = (struct str){NULL, 0}; /* NOT NULL */
        for (size_t i = 0; i < 64; i++)
                start_commit(&fixture.samples[i]);
        wait_for(64);
        for (size_t i = 0; i < 64; i++)
                assert_int_equal(fixture.samples[i].commit.result, i == 40   ? ERR_EXISTS
                                                                   : i == 50 ? ERR_INVALID
                                                                             : ERR_OK);
        assert_int_equal(number("SELECT count(*) FROM message"), 62);
        assert_int_equal(fixture.errors, 2);
        struct store_sqlite_health health;
        store_sqlite_health(fixture.db, &health);
        assert_true(health.is_ready);
}

static void a_refused_record_leaves_no_row_behind(void **state)
{
        (void)state;
        struct sample *sample = sample_of_safety(0, SEVERITY_HIGH, 5000);
        sample->outcome.review.reason = NULL; /* NOT NULL, in the last of its rows */
        assert_int_equal(commit_one(sample), ERR_INVALID);
        assert_int_equal(number("SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM compliance)"),
                         0);
}

static void over_the_queue_a_commit_is_refused_but_never_before_it_returned(void **state)
{
        (void)state;
        fixture_close();
        fixture.config.queue_max = 4;
        fixture_open();
        for (size_t i = 0; i < 512; i++) {
                start_commit(sample_init(i));
                fixture.waiting = 1000; /* a done that came too early would be counted here */
        }
        assert_int_equal(fixture.waiting, 1000);
        wait_for(512);
        int64_t refused = 0;
        for (size_t i = 0; i < 512; i++) {
                enum err err = fixture.samples[i].commit.result;
                assert_true(err == ERR_OK || err == ERR_OVERLOADED);
                refused += err == ERR_OVERLOADED;
        }
        assert_true(refused > 0);
        assert_int_equal(number("SELECT count(*) FROM message"), 512 - refused);
        assert_int_equal(store_sqlite_queued(fixture.db), 0);
}

static void safety_records_may_queue_up_beyond_the_maximum_by_a_bounded_reserve(void **state)
{
        (void)state;
        sqlite3 *holder;
        char path[96];
        fixture_close();
        fixture.config.queue_max = 8;
        fixture.config.busy_timeout_ms = 200;
        fixture_open();
        snprintf(path, sizeof path, "%s/triaged.db", fixture.directory);
        assert_ok(sqlite_db_open(path, &(struct sqlite_options){.cache_kib = 64}, &holder, NULL));
        assert_ok(sqlite_db_exec(holder, "BEGIN IMMEDIATE", NULL)); /* nothing leaves the queue */
        for (size_t i = 0; i < 9; i++)
                start_commit(sample_init(i));
        for (size_t i = 9; i < 9 + 66 + 1; i++)
                start_commit(sample_of_safety(i, SEVERITY_HIGH, 5000));
        assert_ok(sqlite_db_exec(holder, "COMMIT", NULL));
        sqlite3_close(holder);
        wait_for(76);
        for (size_t i = 0; i < 76; i++) {
                bool is_over = i == 8 || i == 75; /* a quarter of 8 and 64 more for safety */
                assert_int_equal(fixture.samples[i].commit.result, is_over ? ERR_OVERLOADED : ERR_OK);
        }
}

static void as_many_look_ups_as_the_loop_was_given_are_under_way(void **state)
{
        (void)state;
        enum { MAX = 400 };
        static struct store_message_query queries[MAX + 1];
        fixture_close();
        fixture.config.lookups_max = MAX;
        fixture_open();
        for (size_t i = 0; i <= MAX; i++) {
                queries[i] = (struct store_message_query){
                        .id = {7, 7}, .viewer.sees_all = true, .arena = &fixture.arena, .done = on_found};
                fixture.store->ops->find_message(fixture.store, &queries[i]);
        }
        wait_for(MAX + 1);
        for (size_t i = 0; i <= MAX; i++)
                assert_int_equal(queries[i].result, i < MAX ? ERR_NOT_FOUND : ERR_OVERLOADED);
}

static size_t left_to_start;

static void on_committed_start_another(struct store_commit *commit)
{
        struct sample *sample = (struct sample *)(void *)commit;
        assert_ok(commit->result);
        if (left_to_start) {
                left_to_start--;
                sample->record.id = fixture.store->ops->reserve(fixture.store);
                start_commit(sample);
        }
        one_is_done();
}

/* The load never pauses: without a copy of the tail the log would grow by each batch. */
static void the_log_is_emptied_while_commits_go_on(void **state)
{
        (void)state;
        enum { ALL = 20000, IN_FLIGHT = 32 };
        fixture_close();
        fixture.config.checkpoint_pages = 50;
        fixture_open();
        left_to_start = ALL - IN_FLIGHT;
        for (size_t i = 0; i < IN_FLIGHT; i++) {
                sample_init(i)->commit.done = on_committed_start_another;
                start_commit(&fixture.samples[i]);
        }
        wait_for(ALL);
        char path[96];
        struct stat st;
        snprintf(path, sizeof path, "%s/triaged.db-wal", fixture.directory);
        assert_int_equal(stat(path, &st), 0);
        assert_true(st.st_size < 400 * 4096);
        assert_int_equal(number("SELECT count(*) FROM message"), ALL);
}

/* ---- Administration ---- */

static void keys_are_added_listed_and_revoked(void **state)
{
        (void)state;
        struct err_note note;
        struct store_key key = {.name = STR("shop"),
                                .hash = digest_sha256(STR("secret")),
                                .scopes = STR("classify review"),
                                .rate_per_minute = 120,
                                .rate_burst = -1,
                                .created_at_ms = 5};
        int64_t id = 0;
        assert_ok(store_sqlite_add_key(fixture.db, &key, &id, &note));
        assert_int_equal(store_sqlite_add_key(fixture.db, &key, &id, &note), ERR_EXISTS);
        assert_int_equal(store_sqlite_revoke_key(fixture.db, STR("nobody"), 9, &note), ERR_NOT_FOUND);
        assert_ok(store_sqlite_revoke_key(fixture.db, STR("shop"), 9, &note));
        assert_int_equal(store_sqlite_revoke_key(fixture.db, STR("shop"), 10, &note), ERR_NOT_FOUND);
        struct store_key *keys;
        size_t count;
        assert_ok(store_sqlite_list_keys(fixture.db, &fixture.arena, &keys, &count, &note));
        assert_int_equal(count, 1);
        assert_int_equal(keys[0].id, id);
        assert_str_equal(keys[0].name, "shop");
        assert_str_equal(keys[0].scopes, "classify review");
        assert_true(digest_equal(&keys[0].hash, &key.hash));
        assert_int_equal(keys[0].rate_per_minute, 120);
        assert_int_equal(keys[0].rate_burst, -1);
        assert_int_equal(keys[0].revoked_at_ms, 9);
}

static void put(const struct store_article *articles, size_t count, size_t added, size_t updated,
                size_t unchanged)
{
        struct store_article_counts counts;
        assert_ok(store_sqlite_put_articles(fixture.db, articles, count, &counts, NULL));
        assert_int_equal(counts.added, added);
        assert_int_equal(counts.updated, updated);
        assert_int_equal(counts.unchanged, unchanged);
}

static void articles_are_put_once_and_only_changes_count(void **state)
{
        (void)state;
        struct store_article articles[] = {
                {.id = STR("b"),
                 .title = STR("Hours"),
                 .body = STR("Nine to five."),
                 .tags = STR("[\"x\"]"),
                 .updated_at_ms = 1},
                {.id = STR("a"),
                 .title = STR("Refunds"),
                 .body = STR("Thirty days."),
                 .url = STR("/r"),
                 .updated_at_ms = 1},
        };
        put(articles, 2, 2, 0, 0);
        articles[0].updated_at_ms = 2;
        put(articles, 2, 0, 0, 2);
        articles[0].tags = (struct str){NULL, 0};
        articles[1].body = STR("Sixty days.");
        put(articles, 2, 0, 2, 0);
        struct store_article *loaded;
        size_t count;
        assert_ok(store_sqlite_load_articles(fixture.db, &fixture.arena, &loaded, &count, NULL));
        assert_int_equal(count, 2);
        assert_str_equal(loaded[0].id, "a");
        assert_str_equal(loaded[0].body, "Sixty days.");
        assert_str_equal(loaded[0].url, "/r");
        assert_null(loaded[1].tags.ptr);
        assert_int_equal(loaded[1].updated_at_ms, 2);
        assert_ok(store_sqlite_delete_article(fixture.db, STR("a"), 1, NULL));
        assert_int_equal(store_sqlite_delete_article(fixture.db, STR("a"), 1, NULL), ERR_NOT_FOUND);
        assert_ok(store_sqlite_count_articles(fixture.db, &count, NULL));
        assert_int_equal(count, 1);
}

static void a_bad_article_takes_back_the_whole_batch(void **state)
{
        (void)state;
        const struct store_article articles[] = {
                {.id = STR("a"), .title = STR("Refunds"), .body = STR("Thirty days.")},
                {.id = STR("b"), .title = STR("Hours")}, /* no body */
        };
        struct store_article_counts counts;
        struct err_note note;
        size_t count = 99;
        assert_int_equal(store_sqlite_put_articles(fixture.db, articles, 2, &counts, &note), ERR_INVALID);
        assert_non_null(strstr(note.text, "article 2 of 2"));
        assert_ok(store_sqlite_count_articles(fixture.db, &count, NULL));
        assert_int_equal(count, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fixture_set_up, fixture_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(a_committed_message_is_found_by_its_id),
                CASE(a_look_up_without_the_check_or_by_another_key_finds_nothing),
                CASE(one_commit_leaves_all_rows_of_a_message),
                CASE(a_stored_answer_is_replayed_under_its_key),
                CASE(a_live_key_is_not_overwritten_and_an_expired_one_is),
                CASE(expired_keys_are_swept_and_live_ones_stay),
                CASE(commits_of_two_loops_share_transactions_and_come_back_to_their_loops),
                CASE(one_bad_row_does_not_fail_its_batch),
                CASE(a_refused_record_leaves_no_row_behind),
                CASE(over_the_queue_a_commit_is_refused_but_never_before_it_returned),
                CASE(safety_records_may_queue_up_beyond_the_maximum_by_a_bounded_reserve),
                CASE(as_many_look_ups_as_the_loop_was_given_are_under_way),
                CASE(the_log_is_emptied_while_commits_go_on),
                CASE(keys_are_added_listed_and_revoked),
                CASE(articles_are_put_once_and_only_changes_count),
                CASE(a_bad_article_takes_back_the_whole_batch),
        };
        return cmocka_run_group_tests_name("adapt/store_sqlite", tests, NULL, NULL);
}
