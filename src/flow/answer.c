/* SPDX-License-Identifier: Apache-2.0 */
#include "flow/answer.h"

#include "base/json_writer.h"
#include "flow/workflow.h"

static void write_next_step(struct json_writer *w, const struct next_step *step)
{
        json_key(w, "next_step");
        json_open(w, '{');
        json_member(w, "action", step->action);
        json_member(w, "description", step->description);
        json_member(w, "priority", str_from(priority_name(step->priority)));
        json_key(w, "requires_human_review");
        json_bool(w, step->requires_human_review);
        json_member(w, "external_system", step->external_system);
        json_key(w, "parameters");
        json_open(w, '{');
        for (size_t i = 0; i < step->parameter_count; i++) {
                json_key(w, step->parameters[i].name);
                json_str(w, step->parameters[i].value.safe);
        }
        json_close(w, '}');
        json_close(w, '}');
}

static void write_article(struct json_writer *w, const struct outcome_article *article)
{
        json_key(w, "article");
        if (!article->id.ptr) {
                json_null(w);
                return;
        }
        json_open(w, '{');
        json_member(w, "id", article->id);
        json_member(w, "title", article->title);
        json_member(w, "url", article->url);
        json_member(w, "snippet", article->snippet);
        json_key(w, "score");
        json_fixed(w, article->score, 4);
        json_close(w, '}');
}

static void write_ticket(struct json_writer *w, const struct answer *answer)
{
        json_key(w, "ticket");
        if (!answer->outcome->ticket.is_open) {
                json_null(w);
                return;
        }
        json_open(w, '{');
        json_member(w, "id", record_id_text(answer->arena, "tkt_", answer->id));
        json_member(w, "status", STR("open"));
        json_close(w, '}');
}

static void write_compliance(struct json_writer *w, const struct answer *answer)
{
        const struct outcome_compliance *compliance = &answer->outcome->compliance;
        json_key(w, "compliance");
        if (compliance->severity == SEVERITY_NONE) {
                json_null(w);
                return;
        }
        json_open(w, '{');
        json_member(w, "id", record_id_text(answer->arena, "cmp_", answer->id));
        json_member(w, "severity", str_from(severity_name(compliance->severity)));
        json_key(w, "due_at");
        json_time(w, compliance->due_at_ms);
        json_member(w, "status", STR("pending_review"));
        json_close(w, '}');
}

/* The review that a person makes of it, or the one that it joins. */
static void write_review(struct json_writer *w, const struct answer *answer)
{
        struct record_id joins = answer->outcome->joins;
        bool is_new = answer->outcome->review.is_needed;
        json_key(w, "review");
        if (!is_new && !joins.row) {
                json_null(w);
                return;
        }
        json_open(w, '{');
        json_member(w, "id", record_id_text(answer->arena, "rev_", is_new ? answer->id : joins));
        json_key(w, "is_new");
        json_bool(w, is_new);
        json_close(w, '}');
}

static void write_classifier(struct json_writer *w, const struct verdict *verdict)
{
        json_key(w, "classifier");
        json_open(w, '{');
        json_member(w, "source", str_from(source_name(verdict->source)));
        json_key(w, "cached");
        json_bool(w, verdict->is_cached);
        json_member(w, "model", verdict->model);
        json_member(w, "prompt_version", verdict->prompt_version);
        json_member(w, "confidence_from", str_from(basis_name(verdict->basis)));
        json_member(w, "fallback", str_from(verdict->fallback ? llm_status_name(verdict->fallback) : NULL));
        json_close(w, '}');
}

static void write_verdict(struct json_writer *w, const struct verdict *verdict)
{
        json_member(w, "category", str_from(category_name(verdict->category)));
        json_member(w, "intent", str_from(intent_name(verdict->intent)));
        json_member(w, "secondary_intent", str_from(intent_name(verdict->secondary_intent)));
        json_key(w, "confidence");
        json_fixed(w, verdict->confidence, 4);
        json_member(w, "decision_path", verdict->decision_path);
}

void answer_write(const struct answer *answer, struct buf *buf)
{
        const struct outcome *outcome = answer->outcome;
        struct json_writer w = {.buf = buf};
        json_open(&w, '{');
        json_member(&w, "message_id", record_id_text(answer->arena, "msg_", answer->id));
        json_member(&w, "request_id", ident_str(answer->request_id));
        json_key(&w, "timestamp");
        json_time(&w, answer->received_at_ms);
        write_verdict(&w, &outcome->verdict);
        write_next_step(&w, &outcome->next_step);
        json_member(&w, "reply", outcome->reply.safe);
        json_member(&w, "reply_locale", outcome->reply_locale);
        write_article(&w, &outcome->article);
        write_ticket(&w, answer);
        write_compliance(&w, answer);
        write_review(&w, answer);
        write_classifier(&w, &outcome->verdict);
        json_key(&w, "processing_time_ms");
        json_fixed(&w, (double)answer->processing_us / 1000, 3);
        json_close(&w, '}');
}
