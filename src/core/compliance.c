/* SPDX-License-Identifier: Apache-2.0 */
#include "core/compliance.h"

#include "base/time_text.h"

#include <string.h>

static const char time_form[] = "must be a time such as 2026-11-22T10:00:00Z";

static const char *set_from(struct compliance_filter *filter, struct str value)
{
        return time_from_text(value, &filter->from_ms) ? NULL : time_form;
}

static const char *set_to(struct compliance_filter *filter, struct str value)
{
        return time_from_text(value, &filter->to_ms) ? NULL : time_form;
}

static const char *set_candidates(struct compliance_filter *filter, struct str value)
{
        filter->is_candidates = str_equal(value, STR("true"));
        return filter->is_candidates || str_equal(value, STR("false")) ? NULL : "must be true or false";
}

static const char *set_cursor(struct compliance_filter *filter, struct str value)
{
        bool is_one = str_to_u64(value, &filter->after_row) && filter->after_row <= INT64_MAX;
        return is_one ? NULL : "must be a next_cursor of an earlier page";
}

static const char *set_limit(struct compliance_filter *filter, struct str value)
{
        uint64_t limit;
        if (!str_to_u64(value, &limit) || limit < 1 || limit > COMPLIANCE_MAX_LIMIT)
                return "must be a number from 1 to 100";
        filter->limit = limit;
        return NULL;
}

const char *compliance_filter_set(struct compliance_filter *filter, struct str name, struct str value, bool *ret_is_known)
{
        static const struct {
                struct str name;
                const char *(*set)(struct compliance_filter *filter, struct str value);
        } filters[] = {
                {STR_INIT("from"), set_from},     {STR_INIT("to"), set_to}, {STR_INIT("report_candidates"), set_candidates},
                {STR_INIT("cursor"), set_cursor}, {STR_INIT("limit"), set_limit},
        };
        *ret_is_known = true;
        for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
                if (str_equal(name, filters[i].name))
                        return filters[i].set(filter, value);
        *ret_is_known = false;
        return NULL;
}

static void write_message(struct json_writer *w, const struct compliance *record)
{
        char hex[65];
        digest_to_hex(&record->digest, hex);
        json_member(w, "channel", str_from(channel_name(record->channel)));
        json_member(w, "text", record->text.safe);
        json_member(w, "digest", str_from(hex));
        json_key(w, "message_length");
        json_i64(w, record->text_points);
        json_member(w, "customer_id", record->customer_id.safe);
        json_member(w, "product_id", record->product_id.safe);
        json_key(w, "classifier");
        json_open(w, '{');
        json_member(w, "source", record->source);
        json_member(w, "model", record->model);
        json_member(w, "prompt_version", record->prompt_version);
        json_close(w, '}');
}

void compliance_write(struct json_writer *w, struct arena *arena, const struct compliance *record)
{
        json_open(w, '{');
        json_member(w, "id", record_id_text(arena, "cmp_", record->id));
        json_member(w, "message_id", record_id_text(arena, "msg_", record->id));
        json_member(w, "review_id", record_id_text(arena, "rev_", record->id));
        json_time_member(w, "received_at", record->received_at_ms);
        json_time_member(w, "due_at", record->due_at_ms);
        json_time_member(w, "acknowledged_at", record->acknowledged_at_ms);
        json_time_member(w, "resolved_at", record->resolved_at_ms);
        json_member(w, "category", str_from(category_name(CATEGORY_SAFETY_COMPLIANCE)));
        json_member(w, "severity", str_from(severity_name(record->severity)));
        json_member(w, "intent", str_from(intent_name(record->intent)));
        json_member(w, "secondary_intent", str_from(intent_name(record->secondary_intent)));
        json_member(w, "status", record->status);
        json_member(w, "outcome", str_from(review_outcome_name(record->outcome)));
        json_key(w, "regulator_report_candidate");
        json_bool(w, record->is_report_candidate);
        write_message(w, record);
        json_close(w, '}');
}

/* ---- CSV ---- */

static const char *const columns[] = {
        "id", "received_at", "due_at", "acknowledged_at", "resolved_at", "severity", "intent", "secondary_intent",
        "status", "outcome", "regulator_report_candidate", "channel", "customer_id", "product_id", "text",
        "message_length", "digest", "classifier", "model", "prompt_version",
};

enum { COLUMNS = sizeof columns / sizeof *columns };

static void write_cell(struct buf *buf, struct str text, bool is_last)
{
        bool is_formula = text.len && strchr("=+-@\t\r\n", text.ptr[0]);
        buf_append_str(buf, is_formula ? STR("\"'") : STR("\""));
        for (size_t i = 0; i < text.len; i++) {
                if (text.ptr[i] == '"')
                        buf_append_str(buf, STR("\""));
                buf_append_str(buf, (struct str){text.ptr + i, 1});
        }
        buf_append_str(buf, is_last ? STR("\"\r\n") : STR("\","));
}

void compliance_write_csv_header(struct buf *buf)
{
        for (size_t i = 0; i < COLUMNS; i++)
                write_cell(buf, str_from(columns[i]), i + 1 == COLUMNS);
}

static struct str time_cell(struct arena *arena, int64_t wall_ms)
{
        char text[TIME_TEXT_BYTES];
        if (wall_ms == 0)
                return STR("");
        time_to_text(wall_ms, text);
        return arena_copy(arena, str_from(text));
}

void compliance_write_csv(struct buf *buf, struct arena *arena, const struct compliance *record)
{
        char hex[65];
        digest_to_hex(&record->digest, hex);
        const struct str cells[COLUMNS] = {
                record_id_text(arena, "cmp_", record->id),
                time_cell(arena, record->received_at_ms),
                time_cell(arena, record->due_at_ms),
                time_cell(arena, record->acknowledged_at_ms),
                time_cell(arena, record->resolved_at_ms),
                str_from(severity_name(record->severity)),
                str_from(intent_name(record->intent)),
                str_from(intent_name(record->secondary_intent)),
                record->status,
                str_from(review_outcome_name(record->outcome)),
                record->is_report_candidate ? STR("true") : STR("false"),
                str_from(channel_name(record->channel)),
                record->customer_id.safe,
                record->product_id.safe,
                record->text.safe,
                arena_format(arena, "%lld", (long long)record->text_points),
                str_from(hex),
                record->source,
                record->model,
                record->prompt_version,
        };
        for (size_t i = 0; i < COLUMNS; i++)
                write_cell(buf, cells[i], i + 1 == COLUMNS);
}
