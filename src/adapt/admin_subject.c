/* SPDX-License-Identifier: Apache-2.0 */
/* What is held about a customer: show, export, erase. */
#include "adapt/admin_internal.h"

#include "port/admin.h"

static enum err read_name(struct operation *op, struct store_subject_name *ret_name)
{
        struct str id = text_argument(op, op->arguments, "id");
        struct store_subject_name name = {.customer_id = id};
        if (id.len == 0)
                return err_set(op->note, ERR_INVALID, "the id of a customer or of a message is missing");
        if (!record_id_from(id, STR("msg_"), &name.message))
                name.message = (struct record_id){0};
        *ret_name = name;
        return ERR_OK;
}

static void write_number(struct json_writer *w, const char *name, size_t number)
{
        json_key(w, name);
        json_u64(w, number);
}

static void write_subject(struct operation *op, const struct store_subject *subject)
{
        struct json_writer *w = &op->result;
        json_key(w, "subject");
        json_open(w, '{');
        json_time_member(w, "created_at", subject->created_at_ms);
        json_time_member(w, "erased_at", subject->erased_at_ms);
        write_number(w, "messages", subject->messages);
        write_number(w, "tickets", subject->tickets);
        write_number(w, "records", subject->records);
        write_number(w, "held", subject->held);
        write_number(w, "feedback", subject->feedback);
        json_close(w, '}');
}

enum err admin_subject_show(struct operation *op)
{
        struct store_subject_name name;
        struct store_subject subject;
        enum err err = read_name(op, &name);
        if (!err)
                err = store_sqlite_find_subject(op->db, &name, &subject, op->note);
        if (!err)
                write_subject(op, &subject);
        return err;
}

enum err admin_subject_export(struct operation *op)
{
        struct store_subject_name name;
        struct store_subject subject;
        struct buf lines;
        enum err err = read_name(op, &name);
        if (err)
                return err;
        buf_init(&lines, ADMIN_MAX_BYTES / 2);
        err = store_sqlite_export_subject(op->db, &name, op->now_ms, &lines, &subject, op->note);
        if (!err && lines.is_over)
                err = err_set(op->note, ERR_TOO_LARGE, "the export is over %d bytes", ADMIN_MAX_BYTES / 2);
        if (!err) {
                write_subject(op, &subject);
                json_member(&op->result, "lines", buf_str(&lines));
        }
        buf_deinit(&lines);
        return err;
}

enum err admin_subject_erase(struct operation *op)
{
        struct store_subject_name name;
        struct store_subject subject;
        enum err err = read_name(op, &name);
        if (!err)
                err = store_sqlite_erase_subject(op->db, &name, op->now_ms, &subject, op->note);
        if (!err)
                write_subject(op, &subject);
        return err;
}
