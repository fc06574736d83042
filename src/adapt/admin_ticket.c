/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on tickets, for the command line. Its changes are told apart from those of any API key:
 * a key's name holds no spaces. */
#include "adapt/admin_internal.h"

#include "text/redact.h"

static const struct str command_line = STR_INIT("(command line)");

enum err admin_ticket_list(struct operation *op)
{
        struct store_tickets_query query = {.arena = op->arena};
        struct json_iter iter = json_iter(op->arguments);
        struct str name, text;
        struct json value;
        while (json_next(&iter, &name, &value)) {
                bool is_known = false;
                const char *message = json_to_str(value, &text)
                                              ? ticket_filter_set(&query.filter, name, text, &is_known)
                                              : "must be a string";
                if (message || !is_known)
                        return err_set(op->note, ERR_INVALID, "%.*s %s", STR_ARGS(name),
                                       message ? message : "is no filter of tickets");
        }
        enum err err = admin_audit_reading(op, AUDIT_RECORDS_LISTED, (struct record_id){0});
        if (!err)
                err = store_sqlite_list_tickets(op->db, &query, op->note);
        if (!err)
                ticket_write_page(&op->result, op->arena, query.tickets, query.count, query.next_row);
        return err;
}

static void write_ticket(struct operation *op, const struct ticket *ticket, const struct ticket_history *history)
{
        json_key(&op->result, "ticket");
        ticket_write(&op->result, op->arena, ticket, history);
}

enum err admin_ticket_show(struct operation *op)
{
        struct store_ticket_query query = {.viewer.sees_all = true, .arena = op->arena};
        enum err err = id_argument(op, "tkt_", "a ticket's id", &query.id);
        if (!err)
                err = admin_audit_reading(op, AUDIT_RECORD_READ, query.id);
        if (!err)
                err = store_sqlite_find_ticket(op->db, &query, op->note);
        if (!err)
                write_ticket(op, &query.ticket, &query.history);
        return err;
}

static enum err change(struct operation *op, struct store_ticket_change *change)
{
        change->by = command_line;
        change->now_ms = op->now_ms;
        change->arena = op->arena;
        enum err err = store_sqlite_change_ticket(op->db, change);
        if (err)
                return err_set(op->note, err, "%s", change->note.text);
        write_ticket(op, &change->ticket, &change->history);
        return ERR_OK;
}

static enum err read_change(struct operation *op, struct ticket_change *change)
{
        struct json set, value;
        struct str name;
        if (!json_find(op->arguments, STR("set"), &set) || json_type(set) != JSON_OBJECT)
                return err_set(op->note, ERR_INVALID, "set must be an object");
        struct json_iter iter = json_iter(set);
        while (json_next(&iter, &name, &value)) {
                struct str text = {0};
                const char *message = "must be a string";
                bool is_text = json_to_str(value, &text);
                if (is_text && !redact_is_clean(text))
                        message = "must hold no personal data";
                else if (is_text || json_type(value) == JSON_NULL)
                        message = ticket_change_set(change, name, text);
                if (message)
                        return err_set(op->note, ERR_INVALID, "%.*s %s", STR_ARGS(name), message);
        }
        return ERR_OK;
}

enum err admin_ticket_update(struct operation *op)
{
        struct store_ticket_change update = {.if_version = 0};
        struct json version;
        enum err err = id_argument(op, "tkt_", "a ticket's id", &update.id);
        if (!err && json_find(op->arguments, STR("if_version"), &version) &&
            (!json_to_i64(version, &update.if_version) || update.if_version < 1))
                err = err_set(op->note, ERR_INVALID, "if_version must be a number from 1 on");
        if (!err)
                err = read_change(op, &update.change);
        return err ? err : change(op, &update);
}

enum err admin_ticket_comment(struct operation *op)
{
        struct store_ticket_change comment = {.if_version = 0};
        struct raw_text text = {text_argument(op, op->arguments, "text")};
        struct safe_text safe = {{0}};
        enum err err = id_argument(op, "tkt_", "a ticket's id", &comment.id);
        if (err)
                return err;
        if (text.raw.ptr && redact_text(text, op->arena, &safe) != ERR_OK)
                return err_set(op->note, ERR_INVALID, "the text cannot be redacted");
        const char *message = ticket_change_comment(&comment.change, safe);
        return message ? err_set(op->note, ERR_INVALID, "the text %s", message) : change(op, &comment);
}
