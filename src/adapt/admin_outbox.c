/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on the outbox, for the command line. */
#include "adapt/admin_internal.h"

#include "adapt/store_sqlite_delivery.h"

enum { LIST_DEFAULT = 50 };

static void write_id(struct json_writer *w, const char *name, const char *prefix, struct record_id id)
{
        struct ident text = record_ident(prefix, id);
        json_member(w, name, id.row ? ident_str(&text) : (struct str){0});
}

static void write_due(struct json_writer *w, const struct store_outbox_row *row)
{
        json_key(w, "due_at");
        if (row->due_at_ms)
                json_time(w, row->due_at_ms);
        else
                json_null(w);
}

static void write_row(struct json_writer *w, const struct store_outbox_row *row)
{
        json_open(w, '{');
        write_id(w, "id", "out_", row->id);
        json_member(w, "connector", row->connector);
        json_member(w, "event", row->event);
        write_id(w, "message_id", "msg_", row->message);
        json_member(w, "state", row->state);
        json_key(w, "created_at");
        json_time(w, row->created_at_ms);
        write_due(w, row);
        json_key(w, "attempts");
        json_u64(w, row->attempts);
        json_key(w, "is_unknown");
        json_bool(w, row->is_unknown);
        json_member(w, "last_error", row->last_error);
        json_close(w, '}');
}

static enum err read_filter(struct operation *op, struct store_outbox_filter *filter)
{
        struct str cursor = text_argument(op, op->arguments, "cursor");
        struct json value;
        int64_t limit = LIST_DEFAULT;
        filter->connector = text_argument(op, op->arguments, "connector");
        filter->state = text_argument(op, op->arguments, "state");
        if (filter->state.ptr && !str_equal(filter->state, STR("pending")) && !str_equal(filter->state, STR("dead")))
                return err_set(op->note, ERR_INVALID, "state is pending or dead");
        if (json_find(op->arguments, STR("limit"), &value) &&
            (!json_to_i64(value, &limit) || limit < 1 || limit > OUTBOX_LIST_MAX))
                return err_set(op->note, ERR_INVALID, "limit must be from 1 to %d", OUTBOX_LIST_MAX);
        if (cursor.ptr && !str_to_u64(cursor, &filter->after_row))
                return err_set(op->note, ERR_INVALID, "cursor must be the next_cursor of another page");
        filter->limit = (size_t)limit;
        return ERR_OK;
}

enum err admin_outbox_list(struct operation *op)
{
        struct store_outbox_filter filter = {.limit = 0};
        struct store_outbox_row *rows;
        size_t count;
        enum err err = read_filter(op, &filter);
        if (!err)
                err = store_sqlite_outbox_list(op->db, &filter, op->arena, &rows, &count, op->note);
        if (err)
                return err;
        json_key(&op->result, "entries");
        json_open(&op->result, '[');
        for (size_t i = 0; i < count; i++)
                write_row(&op->result, &rows[i]);
        json_close(&op->result, ']');
        struct str next = {0};
        if (count == filter.limit)
                next = arena_format(op->arena, "%llu", (unsigned long long)rows[count - 1].id.row);
        json_member(&op->result, "next_cursor", next);
        return ERR_OK;
}

static void write_count(struct operation *op, const char *name, size_t count)
{
        json_key(&op->result, name);
        json_u64(&op->result, count);
}

enum err admin_outbox_retry(struct operation *op)
{
        struct record_id id;
        struct json ignored;
        size_t count;
        bool is_one = json_find(op->arguments, STR("id"), &ignored);
        enum err err = is_one ? id_argument(op, "out_", "the id of an entry", &id) : ERR_OK;
        if (!err)
                err = store_sqlite_outbox_retry(op->db, is_one ? &id : NULL, text_argument(op, op->arguments, "connector"),
                                                op->now_ms, &count, op->note);
        if (!err)
                write_count(op, "retried", count);
        return err;
}

enum err admin_outbox_drop(struct operation *op)
{
        struct record_id id;
        enum err err = id_argument(op, "out_", "the id of an entry", &id);
        if (!err)
                err = store_sqlite_outbox_drop(op->db, id, op->now_ms, op->note);
        if (!err)
                write_count(op, "dropped", 1);
        return err;
}
