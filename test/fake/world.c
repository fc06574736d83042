/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include "fake/world.h"

#include "base/alloc.h"
#include "text/faq.h"
#include "text/kb_parse.h"

#include <stdlib.h>

enum { ARTICLES_MAX = 200 };

static struct world *world_of(struct store *store)
{
        return list_item(store, struct world, store);
}

static struct world *current; /* one world at a time: a task does not know its store */

static int64_t monotonic_us(const struct clock *clock)
{
        (void)clock;
        return current->now_us;
}

static int64_t wall_ms(const struct clock *clock)
{
        (void)clock;
        return 1795341600000 + current->now_us / 1000;
}

static struct record_id reserve(struct store *store)
{
        return (struct record_id){++world_of(store)->next_row, 0x1234567890abcdefU};
}

/* The fate of a call is decided when it is made; it shows when the call finishes. */
static enum err fate(struct world *world)
{
        return ++world->calls == world->fail_at ? world->fail_with : ERR_OK;
}

static void keep(struct world *world, const struct store_record *record)
{
        assert_true(world->record_count < WORLD_MAX_RECORDS);
        struct world_record *kept = &world->records[world->record_count++];
        *kept = (struct world_record){
                .id = record->id,
                .answer = alloc_copy(record->answer.safe.ptr, record->answer.safe.len),
                .text = alloc_copy(record->text.safe.ptr, record->text.safe.len),
                .severity = record->outcome->compliance.severity,
                .has_ticket = record->outcome->ticket.is_open,
                .joins = record->outcome->joins,
        };
        struct str suggested = record->outcome->review.suggested_reply.safe;
        if (suggested.ptr)
                kept->suggested_reply = alloc_copy(suggested.ptr, suggested.len);
        if (record->conversation)
                assert_true(handoff_open(world->handoff, record->conversation, record->id.row, record->id.check, false));
        if (!record->idempotency)
                return;
        kept->has_key = true;
        kept->key = record->idempotency->key;
        kept->fingerprint = record->idempotency->fingerprint;
}

static void finish_commit(struct task *task)
{
        struct store_commit *op = list_item(task, struct store_commit, task);
        if (op->result == ERR_OK)
                keep(current, op->record);
        op->done(op);
}

static void commit(struct store *store, struct store_commit *op)
{
        struct world *world = world_of(store);
        op->result = fate(world);
        if (world->is_dead)
                op->result = ERR_UNAVAILABLE;
        op->task.run = finish_commit;
        list_push_back(&world->waiting, &op->task.link);
}

static void look_up(struct store_replay *op)
{
        op->result = ERR_NOT_FOUND;
        for (size_t i = 0; i < current->record_count; i++) {
                const struct world_record *record = &current->records[i];
                if (!record->has_key || !digest_equal(&record->key, &op->idempotency->key))
                        continue;
                bool is_same = digest_equal(&record->fingerprint, &op->idempotency->fingerprint);
                op->result = is_same ? ERR_OK : ERR_MISMATCH;
                op->answer.safe = arena_copy(op->arena, str_from(record->answer));
                op->id = record->id;
        }
}

static void finish_replay(struct task *task)
{
        struct store_replay *op = list_item(task, struct store_replay, task);
        if (op->result == ERR_OK)
                look_up(op);
        op->done(op);
}

static void replay(struct store *store, struct store_replay *op)
{
        struct world *world = world_of(store);
        op->result = fate(world);
        op->task.run = finish_replay;
        list_push_back(&world->waiting, &op->task.link);
}

static enum err take_article(void *arg, const struct article *article)
{
        struct article **next = arg;
        *(*next)++ = *article;
        return ERR_OK;
}

static struct kb_index *starter_index(void)
{
        struct arena arena;
        struct kb_parse_report report;
        struct kb_index *index;
        arena_init(&arena, 16 << 20);
        struct article *articles = arena_alloc(&arena, ARTICLES_MAX * sizeof *articles);
        struct article *next = articles;
        const struct kb_sink sink = {take_article, &next, &arena};
        assert_ok(kb_parse(KB_FORMAT_JSONL, STR("starter"), faq_embedded(), &sink, &report));
        assert_ok(kb_index_new(articles, (size_t)(next - articles), &index, NULL));
        arena_deinit(&arena);
        return index;
}

static void count_stored(const struct triage_request *request, const struct outcome *outcome, bool is_heard)
{
        (void)request;
        assert_non_null(outcome->next_step.action.ptr);
        current->stored++;
        current->unheard += !is_heard;
}

/* One attempt under way; the call lives in a flight. */
struct attempt {
        struct task task;
        struct timer timer; /* its end, or its deadline */
        struct llm_call *call;
        struct world_attempt fate;
        bool is_ended;
};

static void finish_attempt(struct task *task)
{
        struct attempt *attempt = list_item(task, struct attempt, task);
        struct llm_call *call = attempt->call;
        call->attempt = NULL;
        call->status = attempt->fate.status;
        call->http_status = attempt->fate.http_status;
        call->answer = attempt->fate.answer;
        bool has_body = call->status == LLM_OK || call->http_status == 200;
        call->usage = has_body ? (struct llm_usage){.input_tokens = 100, .output_tokens = 20} : (struct llm_usage){0};
        call->retry_after_ms = attempt->fate.retry_after_ms ? attempt->fate.retry_after_ms : -1;
        call->should_retry = attempt->fate.should_retry;
        call->upstream_us = attempt->fate.takes_ms * 1000;
        current->llm_under_way--;
        free(attempt);
        call->done(call);
}

static void end_attempt(struct attempt *attempt)
{
        attempt->is_ended = true;
        timer_stop(&current->wheel, &attempt->timer);
        attempt->task.run = finish_attempt;
        list_push_back(&current->waiting, &attempt->task.link);
}

static void attempt_is_due(struct timer *timer)
{
        end_attempt(list_item(timer, struct attempt, timer));
}

static const struct world_attempt *next_attempt(struct world *world)
{
        size_t number = world->llm_calls++;
        return number < world->script_count ? &world->script[number] : &world->otherwise;
}

static void default_answer(struct llm_answer *answer)
{
        static const char reasoning[] = "the fake says so";
        if (answer->reasoning_bytes)
                return;
        *answer = (struct llm_answer){
                .category = CATEGORY_SERVICE_ACTION,
                .intent = INTENT_REFUND,
                .stated = 0.9,
                .token_probability = -1,
                .reasoning_bytes = sizeof reasoning - 1,
        };
        memcpy(answer->reasoning, reasoning, sizeof reasoning);
}

static void start_attempt(struct llm *llm, struct llm_call *call)
{
        struct world *world = list_item(llm, struct world, llm);
        struct attempt *attempt = alloc_zeroed(1, sizeof *attempt);
        int64_t now_ms = world->now_us / 1000;
        attempt->call = call;
        attempt->fate = *next_attempt(world);
        default_answer(&attempt->fate.answer);
        world->llm_calls_of[call->upstream]++;
        world->llm_under_way++;
        snprintf(world->llm_text, sizeof world->llm_text, "%.*s", STR_ARGS(call->message.safe));
        call->attempt = attempt;
        attempt->timer.fire = attempt_is_due;
        if (now_ms + attempt->fate.takes_ms > call->deadline_at_ms) {
                attempt->fate = (struct world_attempt){.status = LLM_TIMEOUT};
                timer_start(&world->wheel, &attempt->timer, call->deadline_at_ms);
        } else if (attempt->fate.takes_ms) {
                timer_start(&world->wheel, &attempt->timer, now_ms + attempt->fate.takes_ms);
        } else {
                end_attempt(attempt);
        }
}

static void cancel_attempt(struct llm *llm, struct llm_call *call)
{
        struct attempt *attempt = call->attempt;
        list_item(llm, struct world, llm)->llm_cancelled++;
        if (attempt->is_ended)
                return;
        attempt->fate = (struct world_attempt){.status = LLM_CANCELLED};
        end_attempt(attempt);
}

static void count_warning(void *arg, enum llm_status status, size_t upstream, const struct llm_call *call)
{
        struct world *world = arg;
        assert_true(upstream < world->llm.upstream_count);
        assert_non_null(call);
        world->warnings[status]++;
}

static double no_jitter(void *unused)
{
        (void)unused;
        return 0;
}

void world_add_llm(struct world *world, enum mode mode, size_t count)
{
        static const struct llm_ops ops = {.start = start_attempt, .cancel = cancel_attempt};
        static const struct llm_upstream upstreams[LLM_MAX_UPSTREAMS] = {
                {.name = "first", .model = "model-1", .address = "a:1", .provider = "openai", .input_price = 1},
                {.name = "second", .model = "model-2", .address = "b:1", .provider = "openai"},
                {.name = "third", .model = "model-3", .address = "c:1", .provider = "openai"},
                {.name = "fourth", .model = "model-4", .address = "d:1", .provider = "openai"},
        };
        struct breaker_rules rules = breaker_default_rules();
        rules.jitter_percent = 0;
        world->llm = (struct llm){&ops, upstreams, count};
        for (size_t i = 0; i < count; i++) {
                world->guards.breakers[i] = breaker_new(&rules, no_jitter, NULL, NULL);
                gate_init(&world->guards.gates[i], 8);
        }
        retry_budget_init(&world->guards.retries, 10, 3, 100);
        world->guards.spend = spend_new(0, 0);
        world->guards.cache = answer_cache_new(1 << 20, 60000);
        const struct consult_config config = {
                .clock = &world->clock,
                .llm = &world->llm,
                .guards = &world->guards,
                .max_retries = 2,
                .random = no_jitter,
                .busy = &world->busy,
                .warn = count_warning,
                .warn_arg = world,
        };
        world->env.consult = consult_new(&config);
        world->env.mode = mode;
}

static void remove_llm(struct world *world)
{
        assert_int_equal(world->llm_under_way, 0);
        consult_free(world->env.consult);
        for (size_t i = 0; i < world->llm.upstream_count; i++) {
                assert_int_equal(world->guards.gates[i].calls, 0);
                breaker_free(world->guards.breakers[i]);
        }
        spend_free(world->guards.spend);
        answer_cache_free(world->guards.cache);
}

void world_init(struct world *world, uint32_t max_in_flight, uint32_t safety_reserve)
{
        static const struct clock_ops clock_ops = {.monotonic_us = monotonic_us, .wall_ms = wall_ms};
        /* The flow makes no other calls. */
        static const struct store_ops store_ops = {.reserve = reserve, .commit = commit, .replay = replay};
        struct policy *policy;
        *world = (struct world){.now_us = 1000000};
        current = world;
        timer_wheel_init(&world->wheel, world->now_us / 1000);
        list_init(&world->waiting);
        world->clock = (struct clock){&clock_ops, &world->wheel};
        world->store.ops = &store_ops;
        assert_ok(policy_load(NULL, &policy, NULL));
        assert_ok(model_open(model_embedded(), &world->model, NULL));
        world->snapshots = snapshot_holder_new(policy, world->model, starter_index());
        world->scratch = kb_scratch_new();
        buf_init(&world->buf, 1 << 20);
        admission_init(&world->admission, max_in_flight, safety_reserve);
        world->rate_limit = rate_limit_new(1024);
        world->claims = claims_new(1024);
        world->handoff = handoff_new(64);
        world->env = (struct triage_env){
                .clock = &world->clock,
                .store = &world->store,
                .snapshots = world->snapshots,
                .scratch = world->scratch,
                .buf = &world->buf,
                .busy = &world->busy,
                .stored = count_stored,
                .admission = &world->admission,
                .rate_limit = world->rate_limit,
                .claims = world->claims,
                .handoff = world->handoff,
                .is_local_final = true,
                .safety_per_minute = 5,
                .digest_key = STR("key"),
                .arena_bytes = 1 << 20,
        };
}

void world_trust_model(struct world *world)
{
        struct model_file *file = malloc(sizeof *file);
        memcpy(file, model_embedded().ptr, sizeof *file);
        file->metrics.is_local = 1;
        for (enum category c = 0; c < CATEGORY_COUNT; c++)
                file->metrics.trusted_from[c] = 0.5f;
        model_file_seal(file);
        assert_ok(model_take(file, &world->model, NULL));
        snapshot_replace_model(world->snapshots, world->model);
}

void world_deinit(struct world *world)
{
        remove_llm(world);
        assert_true(list_is_empty(&world->waiting));
        assert_int_equal(world->busy, 0);
        assert_int_equal(admission_in_flight(&world->admission), 0);
        assert_int_equal(claims_count(world->claims), 0);
        assert_int_equal(world->wheel.armed, 0);
        for (size_t i = 0; i < world->record_count; i++) {
                free(world->records[i].answer);
                free(world->records[i].text);
                free(world->records[i].suggested_reply);
        }
        snapshot_holder_free(world->snapshots); /* asserts that nobody holds a pin */
        kb_scratch_free(world->scratch);
        buf_deinit(&world->buf);
        rate_limit_free(world->rate_limit);
        claims_free(world->claims);
        handoff_free(world->handoff);
}

bool world_step(struct world *world)
{
        struct list *link = list_pop_front(&world->waiting);
        if (!link)
                return false;
        struct task *task = list_item(link, struct task, link);
        world->now_us += 500;
        task->run(task);
        return true;
}

void world_run(struct world *world)
{
        while (world_step(world))
                continue;
}

void world_sleep(struct world *world, int64_t ms)
{
        world->now_us += ms * 1000;
        timer_wheel_advance(&world->wheel, world->now_us / 1000);
}

const struct world_record *world_find(const struct world *world, struct record_id id)
{
        for (size_t i = 0; i < world->record_count; i++)
                if (world->records[i].id.row == id.row && world->records[i].id.check == id.check)
                        return &world->records[i];
        return NULL;
}
