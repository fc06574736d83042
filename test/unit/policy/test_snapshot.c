/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: a pin keeps its policy and its knowledge base, whatever is replaced meanwhile. */
#include "unit/test.h"

#include "policy/snapshot.h"

#include <pthread.h>
#include <stdatomic.h>

/* A knowledge base of `count` articles, which tells it from others. */
static struct kb_index *index_of(size_t count)
{
        static const struct str ids[] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c"), STR_INIT("d"), STR_INIT("e")};
        struct article articles[5] = {0};
        struct kb_index *index;
        assert_true(count <= 5);
        for (size_t i = 0; i < count; i++)
                articles[i] = (struct article){.id = ids[i], .title = STR("Title"), .body = STR("Body"),
                                               .url = STR(""), .locale = STR("en")};
        assert_ok(kb_index_new(articles, count, &index, NULL));
        return index;
}

static struct policy *policy_new(void)
{
        struct policy *policy;
        assert_ok(policy_load(NULL, &policy, NULL));
        return policy;
}

static struct snapshot_holder *holder_new(void)
{
        return snapshot_holder_new(policy_new(), NULL, index_of(1));
}

static void pins_of_one_time_are_the_same_snapshot(void **state)
{
        (void)state;
        struct snapshot_holder *holder = holder_new();
        const struct snapshot *first = snapshot_pin(holder), *second = snapshot_pin(holder);
        assert_ptr_equal(first, second);
        snapshot_unpin(first);
        assert_int_equal(kb_index_count(second->knowledge), 1);
        snapshot_unpin(second);
        snapshot_holder_free(holder);
        snapshot_holder_free(NULL);
}

static void a_pin_keeps_its_knowledge_base(void **state)
{
        (void)state;
        struct snapshot_holder *holder = holder_new();
        const struct snapshot *pins[5];
        for (size_t i = 0; i < 5; i++) {
                pins[i] = snapshot_pin(holder);
                snapshot_replace_knowledge(holder, index_of(i == 4 ? 1 : i + 2));
        }
        for (size_t i = 0; i < 5; i++) {
                assert_int_equal(kb_index_count(pins[i]->knowledge), i + 1);
                assert_ptr_equal(pins[i]->policy, pins[0]->policy);
                assert_str_equal(kb_index_article(pins[i]->knowledge, 0)->id, "a");
        }
        for (size_t i = 0; i < 5; i++)
                snapshot_unpin(pins[i]);
        snapshot_holder_free(holder);
}

static struct model *model_new(void)
{
        struct model *model;
        assert_ok(model_open(model_embedded(), &model, NULL));
        return model;
}

static void a_pin_keeps_its_model(void **state)
{
        (void)state;
        struct snapshot_holder *holder = holder_new();
        snapshot_replace_model(holder, model_new());
        const struct snapshot *old = snapshot_pin(holder);
        struct model *model = model_new();
        snapshot_replace_model(holder, model);
        const struct snapshot *new = snapshot_pin(holder);
        assert_ptr_equal(new->model, model);
        assert_ptr_not_equal(old->model, model);
        assert_true(str_equal(model_version(old->model), model_version(model))); /* still there */
        assert_ptr_equal(new->knowledge, old->knowledge);
        assert_ptr_equal(new->policy, old->policy);
        snapshot_unpin(old);
        snapshot_unpin(new);
        snapshot_holder_free(holder);
}

static void a_pin_keeps_its_policy(void **state)
{
        (void)state;
        struct snapshot_holder *holder = holder_new();
        const struct snapshot *old = snapshot_pin(holder);
        struct policy *policy = policy_new();
        snapshot_replace_policy(holder, policy);
        const struct snapshot *new = snapshot_pin(holder);
        assert_ptr_equal(new->policy, policy);
        assert_ptr_not_equal(old->policy, policy);
        assert_ptr_equal(new->knowledge, old->knowledge);
        assert_true(policy_facts(old->policy)->version.len > 0); /* still there */
        snapshot_unpin(new);
        snapshot_unpin(old);
        snapshot_holder_free(holder);
}

static void a_knowledge_base_outlives_the_policies_that_it_was_paired_with(void **state)
{
        (void)state;
        struct snapshot_holder *holder = holder_new();
        for (size_t i = 0; i < 3; i++)
                snapshot_replace_policy(holder, policy_new());
        const struct snapshot *pin = snapshot_pin(holder);
        snapshot_replace_knowledge(holder, index_of(2));
        assert_int_equal(kb_index_count(pin->knowledge), 1);
        snapshot_unpin(pin);
        pin = snapshot_pin(holder);
        assert_int_equal(kb_index_count(pin->knowledge), 2);
        snapshot_unpin(pin);
        snapshot_holder_free(holder);
}

enum { THREADS = 4, PINS = 2000, REPLACEMENTS = 60 };

struct reading {
        struct snapshot_holder *holder;
        atomic_size_t wrong;
};

static void *read_snapshots(void *arg)
{
        struct reading *reading = arg;
        for (size_t i = 0; i < PINS; i++) {
                const struct snapshot *pin = snapshot_pin(reading->holder);
                size_t count = kb_index_count(pin->knowledge);
                bool is_whole = count >= 1 && count <= 5 && policy_facts(pin->policy)->version.len > 0 &&
                                kb_index_article(pin->knowledge, count - 1)->id.ptr[0] == (char)('a' + count - 1);
                atomic_fetch_add(&reading->wrong, !is_whole);
                snapshot_unpin(pin);
        }
        return NULL;
}

static void threads_see_whole_snapshots_while_parts_are_replaced(void **state)
{
        (void)state;
        struct reading reading = {.holder = holder_new()};
        struct policy *policy = policy_new();
        pthread_t threads[THREADS];
        for (size_t i = 0; i < THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, read_snapshots, &reading), 0);
        for (size_t i = 0; i < REPLACEMENTS; i++) {
                snapshot_replace_knowledge(reading.holder, index_of(i % 5 + 1));
                snapshot_replace_policy(reading.holder, policy_ref(policy));
        }
        for (size_t i = 0; i < THREADS; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(atomic_load(&reading.wrong), 0);
        snapshot_holder_free(reading.holder);
        policy_unref(policy);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pins_of_one_time_are_the_same_snapshot),
                cmocka_unit_test(a_pin_keeps_its_knowledge_base),
                cmocka_unit_test(a_pin_keeps_its_model),
                cmocka_unit_test(a_pin_keeps_its_policy),
                cmocka_unit_test(a_knowledge_base_outlives_the_policies_that_it_was_paired_with),
                cmocka_unit_test(threads_see_whole_snapshots_while_parts_are_replaced),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
