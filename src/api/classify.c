/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"
#include "api/classify_body.h"
#include "api/trace.h"

#include "base/log.h"
#include "base/metric.h"
#include "flow/workflow.h"

#include <string.h>

enum { IDEMPOTENCY_KEY_MAX = 255 };

/* NULL when no key was sent; *ret_is_valid false when it is not one. */
static const struct idempotency *idempotency(struct call *call, struct arena *arena, int64_t now_ms, bool *ret_is_valid)
{
        struct str key = exchange_header(call->exchange, STR("idempotency-key"));
        *ret_is_valid = exchange_header_count(call->exchange, STR("idempotency-key")) <= 1;
        if (!key.ptr)
                return NULL;
        *ret_is_valid = *ret_is_valid && key.len > 0 && key.len <= IDEMPOTENCY_KEY_MAX;
        struct idempotency *used = arena_new(arena, struct idempotency);
        if (!used || !*ret_is_valid)
                return NULL;
        struct str owner = {(const char *)&call->key_id, sizeof call->key_id};
        char scoped[sizeof call->key_id + IDEMPOTENCY_KEY_MAX];
        memcpy(scoped, owner.ptr, owner.len);
        memcpy(scoped + owner.len, key.ptr, key.len);
        used->key = digest_sha256((struct str){scoped, owner.len + key.len});
        used->fingerprint = digest_sha256_parts((const struct str[]){call->request->path, call->request->body}, 2);
        used->expires_at_ms = now_ms + (int64_t)call->api->config.settings->idempotency_ttl_s * 1000;
        return used;
}

void classify_stored(const struct triage_request *request, const struct outcome *outcome, bool is_heard)
{
        const struct verdict *verdict = &outcome->verdict;
        METRIC_ADD(MESSAGES, verdict->category, 1);
        METRIC_ADD(MESSAGES_BY_CHANNEL, request->message.channel, 1);
        METRIC_ADD(DECISIONS, verdict->source, 1);
        METRIC_OBSERVE(CONFIDENCE, 0, verdict->confidence);
        if (verdict->severity)
                METRIC_ADD(SAFETY, verdict->severity, 1);
        if (is_heard)
                return;
        LOG(STORED_UNHEARD, log_ident("request_id", &request->request_id),
            log_word("category", category_name(verdict->category)), log_word("intent", intent_name(verdict->intent)),
            log_word("severity", verdict->severity ? severity_name(verdict->severity) : NULL),
            log_word("source", source_name(verdict->source)), log_word("channel", channel_name(request->message.channel)));
}

static void count_reply(const struct triage_reply *reply)
{
        if (reply->err == ERR_RATE_LIMITED)
                METRIC_ADD(RATE_LIMITED, 0, 1);
        if (reply->err == ERR_OVERLOADED)
                METRIC_ADD(SHED, reply->severity ? METRIC_SHED_SAFETY_RESERVE : METRIC_SHED_IN_FLIGHT, 1);
        if (reply->err == ERR_DRAINING)
                METRIC_ADD(SHED, METRIC_SHED_DRAINING, 1);
}

/* What the service itself takes of a message's time. */
static void observe_added(const struct call *call, const struct triage_reply *reply)
{
        int64_t took_us = clock_monotonic_us(loop_clock(call->api->loop)) - call->request->started_us;
        if (reply->outcome)
                METRIC_OBSERVE(ADDED_DURATION, 0, (double)(took_us - reply->upstream_us) / 1e6);
}

static void tell_refusal(struct call *call, const struct triage_reply *reply)
{
        struct problem_detail detail = {
                .retry_after_s = reply->retry_after_s,
                .severity = reply->severity,
                .safety_reply = reply->safety_reply.safe,
        };
        struct problem_field too_long = {STR("/message"), "must have at most 5000 characters"};
        if (reply->err == ERR_TOO_LARGE) {
                detail.fields = &too_long;
                detail.field_count = 1;
        }
        if (reply->id.row)
                detail.message_id = record_id_text(call->arena, "msg_", reply->id);
        call_problem(call, problem_of(reply->err), &detail);
}

static void replied(void *arg, const struct triage_reply *reply)
{
        struct call *call = arg;
        call->outcome = reply;
        call->triage = NULL;
        exchange_on_cancel(call->exchange, NULL, NULL);
        METRIC_ADD(IN_FLIGHT, 0, -1);
        count_reply(reply);
        observe_added(call, reply);
        call_add_rate_headers(call, &reply->rate);
        if (reply->is_replay)
                call_add_header(call, "Idempotency-Replayed", STR("true"));
        if (reply->err) {
                tell_refusal(call, reply);
                return;
        }
        call_json(call, 200, reply->answer.safe);
}

/* The client is gone. The exchange still wants its answer, which nobody will read. */
static void cancelled(void *arg)
{
        struct call *call = arg;
        if (call->triage)
                triage_cancel(call->triage);
        METRIC_ADD(IN_FLIGHT, 0, -1);
        trace_end(call, 0, clock_monotonic_us(loop_clock(call->api->loop)) - call->request->started_us);
        exchange_respond(call->exchange, &(struct http_response){.status = 499});
}

static void refuse_body(struct call *call, const struct classify_body *body, enum err err, const struct err_note *note)
{
        struct problem_detail detail = {.text = note->text};
        if (err == ERR_INVALID)
                detail = (struct problem_detail){
                        .text = "The fields in `errors` are not valid",
                        .fields = body->faults.fields,
                        .field_count = body->faults.count,
                };
        call_problem(call, PROBLEM_VALIDATION_ERROR, &detail);
}

static void start(struct call *call, struct triage *triage, const struct classify_body *body,
                  const struct idempotency *used)
{
        const struct settings *settings = call->api->config.settings;
        int64_t now_ms = clock_monotonic_us(loop_clock(call->api->loop)) / 1000;
        bool is_voice = body->message.channel == CHANNEL_VOICE;
        const struct triage_request request = {
                .message = body->message,
                .request_id = call->request_id,
                .trace = call->trace,
                .key_id = call->key_id,
                .client = call->client,
                .rate = call->rate,
                .idempotency = used,
                .started_us = call->request->started_us,
                .deadline_at_ms = now_ms + (is_voice ? settings->voice_deadline_ms : settings->deadline_ms),
                .is_too_long = body->is_too_long,
        };
        call->triage = triage;
        METRIC_ADD(IN_FLIGHT, 0, 1);
        exchange_on_cancel(call->exchange, cancelled, call);
        triage_start(triage, &request, replied, call);
}

void classify_handle(struct call *call)
{
        struct api *api = call->api;
        struct err_note note = {.text = ""};
        bool is_valid_key;
        if (!call_has_json(call)) {
                call_problem(call, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
                return;
        }
        struct triage *triage = triage_new(&api->config.env);
        struct classify_body body = {0};
        enum err err = classify_body_read(api->parser, call->request->body, triage_arena(triage), &body, &note);
        if (!err) {
                body.message.received_at_ms = clock_wall_ms(loop_clock(api->loop));
                call->channel = channel_name(body.message.channel);
        }
        const struct idempotency *used = idempotency(call, triage_arena(triage), clock_wall_ms(loop_clock(api->loop)),
                                                     &is_valid_key);
        if (!err && !is_valid_key) {
                err = ERR_INVALID;
                body.faults.count = 0;
                problem_complain(&body.faults, STR("Idempotency-Key"), "one header of 1 to 255 characters");
        }
        if (err) {
                refuse_body(call, &body, err, &note);
                triage_discard(triage);
                return;
        }
        start(call, triage, &body, used);
}
