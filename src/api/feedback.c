/* SPDX-License-Identifier: Apache-2.0 */
#include "api/call.h"

#include "base/json_writer.h"
#include "base/utf8.h"
#include "flow/workflow.h"
#include "text/redact.h"

#include <assert.h>

enum { ARENA_BYTES = 1 << 20, COMMENT_MAX_POINTS = 2000 };

/* Lives in an arena of its own: the write outlasts a client that goes away. */
struct submission {
        struct store_feedback feedback;
        struct arena arena; /* owns, also this struct */
        size_t *busy;
        struct call *call; /* NULL once the client is gone */
};

static void write_answer(const struct submission *submission, struct buf *buf)
{
        const struct store_feedback *feedback = &submission->feedback;
        struct arena arena;
        struct json_writer w = {.buf = buf};
        bool has_category = feedback->category != CATEGORY_COUNT;
        bool has_intent = feedback->intent != INTENT_NONE;
        buf_reset(buf);
        arena_init(&arena, 4096);
        json_open(&w, '{');
        json_member(&w, "message_id", record_id_text(&arena, "msg_", feedback->id));
        json_member(&w, "verdict", feedback->is_right ? STR("right") : STR("wrong"));
        json_member(&w, "category", str_from(has_category ? category_name(feedback->category) : NULL));
        json_member(&w, "intent", str_from(has_intent ? intent_name(feedback->intent) : NULL));
        json_member(&w, "comment", feedback->comment.safe);
        json_close(&w, '}');
        arena_deinit(&arena);
}

static void done(struct store_feedback *feedback)
{
        struct submission *submission = list_item(feedback, struct submission, feedback);
        struct call *call = submission->call;
        if (call) {
                exchange_on_cancel(call->exchange, NULL, NULL);
                write_answer(submission, &call->api->buf);
                if (feedback->result == ERR_OK)
                        call_json(call, 200, buf_str(&call->api->buf));
                else
                        call_problem(call, problem_of(feedback->result), NULL);
        }
        struct arena arena = submission->arena;
        --*submission->busy;
        arena_deinit(&arena);
}

static void cancelled(void *arg)
{
        struct submission *submission = arg;
        exchange_respond(submission->call->exchange, &(struct http_response){.status = 499});
        submission->call = NULL;
}

/* ---- The body ---- */

static bool read_verdict(struct json value, struct submission *submission)
{
        struct str text;
        bool is_text = json_to_str(value, &text);
        submission->feedback.is_right = is_text && str_equal(text, STR("right"));
        return submission->feedback.is_right || (is_text && str_equal(text, STR("wrong")));
}

static bool read_category(struct json value, struct submission *submission)
{
        struct str name;
        return json_to_str(value, &name) && category_from(name, &submission->feedback.category);
}

static bool read_intent(struct json value, struct submission *submission)
{
        struct str name;
        return json_to_str(value, &name) && intent_from(name, &submission->feedback.intent);
}

static bool read_comment(struct json value, struct submission *submission)
{
        struct raw_text text = {0};
        if (!json_to_str(value, &text.raw) || utf8_count(text.raw) > COMMENT_MAX_POINTS)
                return false;
        /* The parser's text is gone at the next request, and what needs no redaction is borrowed from it. */
        text.raw = arena_copy(&submission->arena, text.raw);
        return redact_text(text, &submission->arena, &submission->feedback.comment) == ERR_OK;
}

static const struct {
        struct str name;
        struct str pointer;
        bool (*read)(struct json value, struct submission *submission);
        const char *message;
} members[] = {
        {STR_INIT("verdict"), STR_INIT("/verdict"), read_verdict, "must be right or wrong"},
        {STR_INIT("category"), STR_INIT("/category"), read_category, "must be a category"},
        {STR_INIT("intent"), STR_INIT("/intent"), read_intent, "must be an intent"},
        {STR_INIT("comment"), STR_INIT("/comment"), read_comment, "must be a string of at most 2000 characters"},
};

static void read_member(struct str name, struct json value, struct submission *submission, struct problem_faults *faults)
{
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
                if (!str_equal(name, members[i].name))
                        continue;
                if (json_type(value) != JSON_NULL && !members[i].read(value, submission))
                        problem_complain(faults, members[i].pointer, members[i].message);
                return;
        }
        problem_complain(faults, STR(""), "has a member that is not known here");
}

/* An intent names its category, but for `other`, which is of any. */
static void check_labels(struct store_feedback *feedback, struct problem_faults *faults)
{
        bool is_named = feedback->intent != INTENT_NONE && feedback->intent != INTENT_OTHER;
        if (is_named && feedback->category == CATEGORY_COUNT)
                feedback->category = intent_category(feedback->intent);
        if (is_named && feedback->category != intent_category(feedback->intent))
                problem_complain(faults, STR("/intent"), "is not an intent of that category");
        if (feedback->is_right && (feedback->intent != INTENT_NONE || feedback->category != CATEGORY_COUNT))
                problem_complain(faults, STR("/verdict"), "a right decision needs no other category or intent");
}

static enum err read_body(struct call *call, struct submission *submission, struct problem_faults *faults)
{
        struct json root, value;
        struct str name;
        enum err err = json_parse(call->api->parser, call->request->body, &root, NULL);
        if (err)
                return err;
        if (json_type(root) != JSON_OBJECT) {
                problem_complain(faults, STR(""), "the body must be a JSON object");
                return ERR_INVALID;
        }
        struct json_iter iter = json_iter(root);
        while (json_next(&iter, &name, &value))
                read_member(name, value, submission, faults);
        if (!json_find(root, STR("verdict"), &value) || json_type(value) == JSON_NULL)
                problem_complain(faults, STR("/verdict"), "is required");
        if (faults->count == 0)
                check_labels(&submission->feedback, faults);
        return faults->count ? ERR_INVALID : ERR_OK;
}

static struct submission *submission_new(struct call *call, struct record_id id)
{
        struct arena arena;
        arena_init(&arena, ARENA_BYTES);
        struct submission *submission = arena_new(&arena, struct submission);
        assert(submission);
        submission->arena = arena;
        submission->busy = call->api->config.env.busy;
        submission->call = call;
        submission->feedback = (struct store_feedback){
                .id = id,
                .viewer = call_viewer(call),
                .now_ms = clock_wall_ms(loop_clock(call->api->loop)),
                .category = CATEGORY_COUNT,
                .intent = INTENT_NONE,
                .done = done,
        };
        return submission;
}

void feedback_handle(struct call *call)
{
        struct record_id id;
        struct problem_faults faults = {0};
        struct store *store = call->api->config.env.store;
        if (!call_record_id(call, STR("msg_"), &id)) {
                call_problem(call, PROBLEM_NOT_FOUND, NULL);
                return;
        }
        if (!call_has_json(call)) {
                call_problem(call, PROBLEM_UNSUPPORTED_MEDIA_TYPE, NULL);
                return;
        }
        struct submission *submission = submission_new(call, id);
        if (read_body(call, submission, &faults) != ERR_OK) {
                const char *text = faults.count ? "The fields in `errors` are not valid" : "The body is not valid JSON";
                struct arena arena = submission->arena;
                arena_deinit(&arena);
                call_problem(call, PROBLEM_VALIDATION_ERROR,
                             &(struct problem_detail){.text = text, .fields = faults.fields, .field_count = faults.count});
                return;
        }
        ++*submission->busy;
        exchange_on_cancel(call->exchange, cancelled, submission);
        store->ops->add_feedback(store, &submission->feedback);
}
