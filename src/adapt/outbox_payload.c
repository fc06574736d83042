/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/outbox_payload.h"

void outbox_payload_open(struct json_writer *w, enum notice notice, int64_t at_ms)
{
        json_open(w, '{');
        json_member(w, "type", str_from(notice_name(notice)));
        json_key(w, "timestamp");
        json_time(w, at_ms);
        json_key(w, "data");
        json_open(w, '{');
}

void outbox_payload_close(struct json_writer *w)
{
        json_close(w, '}');
        json_close(w, '}');
}

void outbox_payload_id(struct json_writer *w, const char *name, const char *prefix, const struct record_id *id)
{
        struct ident text;
        if (id)
                text = record_ident(prefix, *id);
        json_member(w, name, id ? ident_str(&text) : (struct str){0});
}

static void write_ids(struct json_writer *w, const struct store_record *record)
{
        const struct outcome *outcome = record->outcome;
        outbox_payload_id(w, "message_id", "msg_", &record->id);
        outbox_payload_id(w, "ticket_id", "tkt_", outcome->ticket.is_open ? &record->id : NULL);
        outbox_payload_id(w, "compliance_id", "cmp_",
                          outcome->compliance.severity != SEVERITY_NONE ? &record->id : NULL);
        json_member(w, "request_id", ident_str(&record->request_id));
}

static void write_verdict(struct json_writer *w, const struct store_record *record)
{
        const struct verdict *verdict = &record->outcome->verdict;
        json_member(w, "channel", str_from(channel_name(record->channel)));
        json_member(w, "category", str_from(category_name(verdict->category)));
        json_member(w, "intent", str_from(intent_name(verdict->intent)));
        json_member(w, "secondary_intent", str_from(intent_name(verdict->secondary_intent)));
        json_member(w, "severity", str_from(severity_name(record->outcome->compliance.severity)));
}

/* The time by which a person has to look at it; null when nobody has to. */
static void write_due(struct json_writer *w, const struct outcome *outcome)
{
        json_member(w, "review_reason", str_from(outcome->review.is_needed ? outcome->review.reason : NULL));
        json_key(w, "due_at");
        if (outcome->review.is_needed)
                json_time(w, outcome->review.due_at_ms);
        else
                json_null(w);
}

static void write_step(struct json_writer *w, const struct outcome *outcome)
{
        const struct next_step *step = &outcome->next_step;
        json_member(w, "action", step->action);
        json_member(w, "description", step->description);
        json_member(w, "external_system", step->external_system);
        json_member(w, "priority", str_from(priority_name(step->priority)));
        json_member(w, "queue", outcome->ticket.queue);
        json_key(w, "parameters");
        json_open(w, '{');
        for (size_t i = 0; i < step->parameter_count; i++) {
                json_key(w, step->parameters[i].name);
                json_str(w, step->parameters[i].value.safe);
        }
        json_close(w, '}');
}

static void write_customer(struct json_writer *w, const struct store_record *record)
{
        json_member(w, "customer_id", record->customer_id.safe);
        json_member(w, "conversation_id", record->conversation_id.safe);
}

static void write(struct buf *buf, const struct store_record *record, const struct outcome_notice *notice,
                  struct str text)
{
        struct json_writer w = {.buf = buf};
        buf_reset(buf);
        outbox_payload_open(&w, notice->notice, record->received_at_ms);
        write_ids(&w, record);
        write_verdict(&w, record);
        write_due(&w, record->outcome);
        write_step(&w, record->outcome);
        if (notice->names_customer)
                write_customer(&w, record);
        json_member(&w, "product_id", record->product_id.safe);
        json_member(&w, "text", text);
        outbox_payload_close(&w);
}

void outbox_payload_write(struct buf *buf, const struct store_record *record, const struct outcome_notice *notice)
{
        write(buf, record, notice, record->text.safe);
        if (buf->is_over)
                write(buf, record, notice, (struct str){0});
}
