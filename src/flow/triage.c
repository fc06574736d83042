/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/triage.h"

#include "base/json_writer.h"
#include "base/metric.h"
#include "flow/answer.h"
#include "flow/conversation.h"
#include "flow/decide.h"
#include "flow/known_names.h"
#include "flow/workflow.h"
#include "text/redact.h"

#include <assert.h>
#include <string.h>

/* So much of its time a message keeps for the rest when it asks an LLM. */
enum { CONSULT_MARGIN_MS = 100 };

enum { NAMES_MAX = 8 };

enum state {
        START,
        SAFETY_NET,
        ADMIT,
        LOOK_UP,
        REPLAY,
        REDACT,
        CLASSIFY,
        CONSULT,
        DECIDE,
        WORKFLOW,
        COMMIT,
        STORED,
        REPLY,
        END,
        STATE_COUNT,
        WAIT = STATE_COUNT, /* the step has started something that resumes */
};

struct triage {
        const struct triage_env *env;
        struct arena arena; /* owns; this struct lives in it */
        struct triage_request request;
        triage_reply_fn *reply; /* NULL once it ran, and when nobody listens */
        void *reply_arg;
        enum state state;
        struct timer deadline;
        const struct snapshot *snapshot; /* pinned */
        struct safety_finding finding;
        bool is_admitted;
        bool has_claim;
        struct str names[NAMES_MAX]; /* borrows from the request */
        size_t name_count;
        struct safe_text text;
        struct redact_finds finds; /* in the raw text: looked for once, replaced for the record and for the LLM */
        bool is_withheld; /* the text, because it could not be redacted */
        struct model_verdict classified;
        bool is_consulted;
        struct consult_question question;
        struct pii_placeholders placeholders; /* what the LLM was shown, and what it stands for */
        struct verdict verdict;
        struct outcome outcome;
        struct digest conversation;
        bool is_notice_due; /* we have taken it on us to tell that a person answers */
        struct store_record record;
        struct store_commit commit;
        struct store_replay look_up;
        struct arena reply_arena;   /* for the text of a refusal, also when the other one is full */
        struct arena look_up_arena; /* the store's while it looks: a deadline may pass meanwhile */
        struct triage_reply result;
};

static enum state safety_net(struct triage *t);
static enum state admit(struct triage *t);
static enum state look_up(struct triage *t);
static enum state replay(struct triage *t);
static enum state redact(struct triage *t);
static enum state classify(struct triage *t);
static enum state consult(struct triage *t);
static enum state decide_all(struct triage *t);
static enum state workflow(struct triage *t);
static enum state commit(struct triage *t);
static enum state stored(struct triage *t);
static enum state reply(struct triage *t);

#define TO(state) (1U << (state))

/* The feature. A state with `resume` waits there for its port and goes on where it says. */
static const struct {
        const char *name;
        enum state (*step)(struct triage *);
        unsigned next;
        enum state resume;
} states[STATE_COUNT] = {
        [START] = {"start", NULL, TO(SAFETY_NET), 0},
        [SAFETY_NET] = {"safety_net", safety_net, TO(ADMIT) | TO(REPLY), 0},
        [ADMIT] = {"admit", admit, TO(LOOK_UP) | TO(REDACT) | TO(REPLY), 0},
        [LOOK_UP] = {"look_up", look_up, TO(REPLAY), REPLAY},
        [REPLAY] = {"replay", replay, TO(REDACT) | TO(REPLY), 0},
        [REDACT] = {"redact", redact, TO(CLASSIFY) | TO(REPLY), 0},
        [CLASSIFY] = {"classify", classify, TO(CONSULT) | TO(DECIDE), 0},
        [CONSULT] = {"consult", consult, TO(DECIDE), DECIDE},
        [DECIDE] = {"decide", decide_all, TO(WORKFLOW) | TO(REPLY), 0},
        [WORKFLOW] = {"workflow", workflow, TO(COMMIT) | TO(REPLY), 0},
        [COMMIT] = {"commit", commit, TO(STORED), STORED},
        [STORED] = {"stored", stored, TO(REPLY), 0},
        [REPLY] = {"reply", reply, TO(END), 0},
        [END] = {"end", NULL, 0, 0},
};

size_t triage_state_count(void)
{
        return STATE_COUNT;
}

const char *triage_state_name(size_t state)
{
        assert(state < STATE_COUNT);
        return states[state].name;
}

bool triage_may_follow(size_t state, size_t next)
{
        assert(state < STATE_COUNT && next < STATE_COUNT);
        return states[state].next & TO(next);
}

static bool is_hit(const struct triage *t)
{
        return t->finding.severity != SEVERITY_NONE;
}

static void give_back_claim(struct triage *t)
{
        if (t->has_claim)
                claim_release(t->env->claims, &t->request.idempotency->key);
        t->has_claim = false;
}

static void end(struct triage *t)
{
        if (t->is_notice_due)
                handoff_take_back(t->env->handoff, &t->conversation);
        if (t->is_admitted)
                admission_leave(t->env->admission);
        timer_stop(t->env->clock->timers, &t->deadline);
        arena_deinit(&t->look_up_arena);
        arena_deinit(&t->reply_arena);
        if (t->snapshot)
                snapshot_unpin(t->snapshot);
        triage_discard(t);
}

static void run(struct triage *t, enum state next)
{
        while (next != WAIT) {
                assert(states[t->state].next & TO(next));
                t->state = next;
                if (next == END) {
                        end(t);
                        return;
                }
                next = states[next].step(t);
        }
        assert(states[t->state].resume);
}

static void resume(struct triage *t)
{
        run(t, states[t->state].resume);
}

/* Ends with an error that the client is told, if somebody still listens. */
static enum state refuse(struct triage *t, enum err err, uint32_t retry_after_s)
{
        t->result.err = err;
        t->result.retry_after_s = retry_after_s;
        return REPLY;
}

static void tell(struct triage *t)
{
        triage_reply_fn *tell_client = t->reply;
        t->reply = NULL;
        if (!tell_client)
                return;
        if (t->result.err != ERR_OK && is_hit(t)) {
                const struct policy *policy = t->snapshot->policy;
                t->result.severity = decide_severity(policy_facts(policy), &t->finding);
                t->result.safety_reply = workflow_refusal_reply(policy, &t->finding, &t->request.message, t->result.id,
                                                                &t->reply_arena);
        }
        tell_client(t->reply_arg, &t->result);
}

static void deadline_passed(struct timer *timer)
{
        struct triage *t = list_item(timer, struct triage, deadline);
        t->result.err = ERR_DEADLINE;
        t->result.retry_after_s = 1;
        tell(t);
}

/* Before something that waits. */
static enum state wait(struct triage *t)
{
        if (!timer_is_armed(&t->deadline) && t->reply)
                timer_start(t->env->clock->timers, &t->deadline, t->request.deadline_at_ms);
        return WAIT;
}

static enum state safety_net(struct triage *t)
{
        t->snapshot = snapshot_pin(t->env->snapshots);
        t->finding = safety_net_scan(policy_facts(t->snapshot->policy)->safety_net, t->request.message.text);
        if (t->request.is_too_long && !is_hit(t))
                return refuse(t, ERR_TOO_LARGE, 0);
        return ADMIT;
}

/* A hit that is over the ordinary rate draws on a reserve of its own. */
static bool is_over_rate(struct triage *t)
{
        static const uint64_t reserve_mark = 0x7361666574793031U;
        int64_t now_us = clock_monotonic_us(t->env->clock);
        t->result.rate = rate_limit_take(t->env->rate_limit, t->request.client, t->request.rate, now_us);
        if (t->result.rate.is_allowed)
                return false;
        if (!is_hit(t))
                return true;
        struct rate_limit_rule reserve = {t->env->safety_per_minute, t->env->safety_per_minute};
        return !rate_limit_take(t->env->rate_limit, t->request.client ^ reserve_mark, reserve, now_us).is_allowed;
}

static enum state admit(struct triage *t)
{
        if (is_over_rate(t))
                return refuse(t, ERR_RATE_LIMITED, t->result.rate.retry_after_s);
        enum err err = admission_enter(t->env->admission, is_hit(t));
        if (err)
                return refuse(t, err, 1);
        t->is_admitted = true;
        if (!t->request.idempotency)
                return REDACT;
        err = claim_take(t->env->claims, &t->request.idempotency->key);
        /* Danger does without a claim when there is no room for one: the store refuses a second record. */
        if (err == ERR_IN_FLIGHT || (err && !is_hit(t)))
                return refuse(t, err, 1);
        t->has_claim = err == ERR_OK;
        return LOOK_UP;
}

static void looked_up(struct store_replay *look_up)
{
        resume(list_item(look_up, struct triage, look_up));
}

static enum state look_up(struct triage *t)
{
        t->look_up = (struct store_replay){
                .idempotency = t->request.idempotency,
                .now_ms = clock_wall_ms(t->env->clock),
                .arena = &t->look_up_arena,
                .done = looked_up,
        };
        arena_init(&t->look_up_arena, t->env->arena_bytes);
        t->env->store->ops->replay(t->env->store, &t->look_up);
        return wait(t);
}

/* What the store says of one record alone is a fault of ours, not of the client. */
static enum err told(enum err err)
{
        bool is_ours = err == ERR_TOO_LARGE || err == ERR_INVALID || err == ERR_NOT_FOUND;
        /* Somebody has stored an answer under the same key meanwhile: a retry gets it. */
        return err == ERR_EXISTS ? ERR_IN_FLIGHT : is_ours ? ERR_INTERNAL : err;
}

/* An answer that is stored is given again; one that is not lets the request go on, and so does a
 * look-up that failed when there is danger. */
static enum state replay(struct triage *t)
{
        enum err err = t->look_up.result;
        bool is_unknown = err == ERR_NOT_FOUND || (err && err != ERR_MISMATCH && is_hit(t));
        if (is_unknown)
                return t->reply || is_hit(t) ? REDACT : refuse(t, ERR_CANCELLED, 0);
        if (err == ERR_OK) {
                t->result.answer = t->look_up.answer;
                t->result.id = t->look_up.id;
                t->result.is_replay = true;
                err = t->request.is_too_long ? ERR_TOO_LARGE : ERR_OK;
                return refuse(t, err, 0);
        }
        return refuse(t, told(err), err_may_retry(err) ? 1 : 0);
}

static struct redact_manner manner_for(const struct triage *t, enum redaction_sink sink)
{
        struct redact_manner manner = policy_facts(t->snapshot->policy)->redaction.manners[sink];
        manner.scope.known_names = t->names;
        manner.scope.known_count = t->name_count;
        return manner;
}

static enum state redact(struct triage *t)
{
        t->name_count = known_names(&t->request.message, t->names, NAMES_MAX);
        struct redact_manner manner = manner_for(t, SINK_RECORD);
        manner.finds = &t->finds;
        enum err err = redact_as(t->request.message.text, &manner, &t->arena, &t->text, NULL);
        if (err && !is_hit(t))
                return refuse(t, ERR_INTERNAL, 0);
        t->is_withheld = err != ERR_OK;
        if (err)
                t->text = SAFE_LITERAL("[TEXT_WITHHELD]");
        return CLASSIFY;
}

/* Whether an LLM is to be asked; counts what is saved when it is not. */
static bool wants_llm(const struct triage *t)
{
        if (!t->env->consult || t->is_withheld || t->request.is_too_long || !t->reply)
                return false;
        switch (decide_need(t->snapshot, t->env->mode, &t->finding, &t->classified)) {
        case DECIDE_ASK:
                return true;
        case DECIDE_IS_PRIVATE:
                METRIC_ADD(LLM_AVOIDED, METRIC_LLM_AVOIDED_SAFETY_NET, 1);
                break;
        case DECIDE_IS_SURE:
                METRIC_ADD(LLM_AVOIDED, METRIC_LLM_AVOIDED_LOCAL_CONFIDENT, 1);
                break;
        }
        return false;
}

static enum state classify(struct triage *t)
{
        model_classify(t->snapshot->model, t->text, &t->classified);
        t->is_consulted = wants_llm(t);
        return t->is_consulted ? CONSULT : DECIDE;
}

static void consulted(struct consult_question *question)
{
        resume(list_item(question, struct triage, question));
}

/* Whom the message is about: the customer, else the conversation; absent, when neither is named. */
static struct raw_text name_subject(const struct triage *t, bool *ret_is_conversation)
{
        struct raw_text customer = message_metadata(&t->request.message, STR("customer_id"));
        *ret_is_conversation = customer.raw.len == 0;
        return customer.raw.len ? customer : message_metadata(&t->request.message, STR("conversation_id"));
}

/* One customer keeps one prompt; who says no name is told by the conversation, or by the message. */
static uint64_t split_point(const struct triage *t)
{
        bool is_conversation;
        struct raw_text subject = name_subject(t, &is_conversation);
        return hash64(subject.raw.ptr ? subject.raw : t->text.safe);
}

/* The LLM gets the text anew, redacted as the policy says (with placeholders), and nothing of the metadata: whatever goes wrong with
 * that, nothing is sent. */
static enum state consult(struct triage *t)
{
        struct consult_question *question = &t->question;
        *question = (struct consult_question){
                .snapshot = t->snapshot,
                .channel = t->request.message.channel,
                .split_point = split_point(t),
                .trace = t->request.trace,
                .deadline_at_ms = t->request.deadline_at_ms - CONSULT_MARGIN_MS,
                .done = consulted,
                .status = LLM_WITHHELD,
        };
        struct redact_manner manner = manner_for(t, SINK_LLM);
        manner.finds = &t->finds;
        if (redact_as(t->request.message.text, &manner, &t->arena, &question->message, &t->placeholders) != ERR_OK)
                return DECIDE;
        return consult_ask(t->env->consult, question) ? DECIDE : wait(t);
}

static enum state decide_all(struct triage *t)
{
        const struct consult_question *question = &t->question;
        const struct consulted came_of = consult_outcome(question);
        bool is_unanswered = t->is_consulted && question->status != LLM_OK;
        if (is_unanswered)
                METRIC_ADD(LLM_UNANSWERED, question->status, 1);
        if (is_unanswered && !t->env->is_local_final && !is_hit(t))
                return refuse(t, ERR_UNDECIDED, 1);
        t->result.upstream_us = question->upstream_us;
        t->verdict = decide(t->snapshot, &t->finding, &t->classified, t->is_consulted ? &came_of : NULL, &t->arena);
        return WORKFLOW;
}

static struct safe_text redacted_metadata(struct triage *t, const char *key)
{
        struct raw_text value = message_metadata(&t->request.message, str_from(key));
        struct safe_text safe = {0};
        const struct redact_manner manner = manner_for(t, SINK_RECORD);
        if (value.raw.ptr && redact_as(value, &manner, &t->arena, &safe, NULL) != ERR_OK)
                safe = SAFE_LITERAL("[TEXT_WITHHELD]");
        return safe;
}

/* Keys come from the client too. */
static struct safe_text metadata_json(struct triage *t)
{
        const struct redact_manner manner = manner_for(t, SINK_RECORD);
        struct json_writer w = {.buf = t->env->buf};
        buf_reset(w.buf);
        json_open(&w, '{');
        for (size_t i = 0; i < t->request.message.metadata_count; i++) {
                const struct metadata_entry *entry = &t->request.message.metadata[i];
                struct safe_text key, value;
                if (redact_as(entry->key, &manner, &t->arena, &key, NULL) ||
                    redact_as(entry->value, &manner, &t->arena, &value, NULL))
                        continue;
                json_key_str(&w, key.safe);
                json_str(&w, value.safe);
        }
        json_close(&w, '}');
        return (struct safe_text){arena_copy(&t->arena, buf_str(w.buf))};
}

static struct safe_text render(struct triage *t)
{
        const struct answer answer = {
                .outcome = &t->outcome,
                .id = t->record.id,
                .request_id = &t->request.request_id,
                .received_at_ms = t->request.message.received_at_ms,
                .processing_us = clock_monotonic_us(t->env->clock) - t->request.started_us,
                .arena = &t->arena,
        };
        buf_reset(t->env->buf);
        answer_write(&answer, t->env->buf);
        if (t->env->buf->is_over)
                return (struct safe_text){0};
        return (struct safe_text){arena_copy(&t->arena, buf_str(t->env->buf))};
}

static bool name_conversation(struct triage *t)
{
        return conversation_digest(&t->request.message, t->request.key_id, t->env->digest_key, &t->conversation);
}

static void fill_record(struct triage *t)
{
        const struct triage_request *request = &t->request;
        struct store_record *record = &t->record;
        record->received_at_ms = request->message.received_at_ms;
        record->key_id = request->key_id;
        record->channel = request->message.channel;
        record->request_id = request->request_id;
        record->text = t->text;
        record->metadata = metadata_json(t);
        record->is_refused = request->is_too_long;
        record->outcome = &t->outcome;
        record->customer_id = redacted_metadata(t, "customer_id");
        record->subject = name_subject(t, &record->is_conversation);
        if (t->outcome.notice_count)
                record->conversation_id = redacted_metadata(t, "conversation_id");
        record->product_id = redacted_metadata(t, "product_id");
        record->text_points = request->message.points;
        record->idempotency = request->idempotency;
        if (t->outcome.compliance.severity != SEVERITY_NONE)
                record->text_digest = digest_hmac_sha256(t->env->digest_key, request->message.text.raw);
        if (t->outcome.review.is_needed && name_conversation(t))
                record->conversation = &t->conversation;
        if (t->outcome.review.is_needed || t->outcome.compliance.severity != SEVERITY_NONE || t->outcome.joins.row)
                record->original = &request->message;
        record->answer = render(t);
}

/* Nobody waits any more for what is not danger; storing it would only invite a second one. */
static bool is_pointless(const struct triage *t)
{
        bool is_late = clock_monotonic_us(t->env->clock) / 1000 >= t->request.deadline_at_ms;
        return !is_hit(t) && (is_late || !t->reply);
}

/* Where nobody has a conversation, nobody pays for asking. */
static struct record_id find_open_review(struct triage *t)
{
        struct handoff_review review = {0};
        if (handoff_count(t->env->handoff) && name_conversation(t))
                review = handoff_ask(t->env->handoff, &t->conversation);
        t->is_notice_due = review.is_first;
        return (struct record_id){review.row, review.check};
}

static enum state workflow(struct triage *t)
{
        if (is_pointless(t))
                return refuse(t, ERR_DEADLINE, 1);
        t->record.id = t->env->store->ops->reserve(t->env->store);
        struct workflow input = {
                .snapshot = t->snapshot,
                .scratch = t->env->scratch,
                .message = &t->request.message,
                .text = t->text,
                .verdict = t->verdict,
                .id = t->record.id,
                .open_review = find_open_review(t),
                .is_notice_due = t->is_notice_due,
                .arena = &t->arena,
        };
        if (!workflow_run(&input, &t->outcome))
                return refuse(t, ERR_INTERNAL, 0);
        fill_record(t);
        if (!t->record.answer.safe.ptr || t->arena.is_full)
                return refuse(t, ERR_INTERNAL, 0);
        return COMMIT;
}

static void committed(struct store_commit *commit)
{
        resume(list_item(commit, struct triage, commit));
}

static enum state commit(struct triage *t)
{
        t->commit = (struct store_commit){.record = &t->record, .done = committed};
        t->env->store->ops->commit(t->env->store, &t->commit);
        return wait(t);
}

static enum state stored(struct triage *t)
{
        if (t->commit.result != ERR_OK)
                return refuse(t, told(t->commit.result), 1);
        t->is_notice_due = false;
        t->env->stored(&t->request, &t->outcome, t->reply != NULL);
        t->result.answer = t->record.answer;
        t->result.id = t->record.id;
        t->result.outcome = &t->outcome;
        t->result.err = t->request.is_too_long ? ERR_TOO_LARGE : ERR_OK;
        return REPLY;
}

/* The claim goes first: a retry may follow the answer at once. */
static enum state reply(struct triage *t)
{
        give_back_claim(t);
        tell(t);
        return END;
}

struct triage *triage_new(const struct triage_env *env)
{
        struct arena arena;
        arena_init(&arena, env->arena_bytes);
        struct triage *t = arena_new(&arena, struct triage);
        assert(t); /* the cap is larger than this struct */
        t->env = env;
        t->arena = arena;
        ++*env->busy;
        return t;
}

struct arena *triage_arena(struct triage *triage)
{
        return &triage->arena;
}

void triage_discard(struct triage *triage)
{
        struct arena arena = triage->arena;
        --*triage->env->busy;
        arena_deinit(&arena);
}

void triage_start(struct triage *triage, const struct triage_request *request, triage_reply_fn *reply_fn, void *arg)
{
        triage->request = *request;
        triage->reply = reply_fn;
        triage->reply_arg = arg;
        triage->deadline.fire = deadline_passed;
        arena_init(&triage->reply_arena, triage->env->arena_bytes);
        run(triage, SAFETY_NET);
}

void triage_cancel(struct triage *triage)
{
        triage->reply = NULL;
        timer_stop(triage->env->clock->timers, &triage->deadline);
        if (triage->state != CONSULT)
                return;
        consult_leave(&triage->question);
        triage->question.status = LLM_CANCELLED;
        resume(triage);
}
