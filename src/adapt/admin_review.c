/* SPDX-License-Identifier: Apache-2.0 */
/* Operations on reviews and compliance records, for the command line. Its changes are told apart from those of
 * any API key: a key's name holds no spaces. */
#include "adapt/admin_internal.h"

#include "text/redact.h"

enum { EXPORT_PAGE_BYTES = 16 << 20 }; /* COMPLIANCE_MAX_LIMIT records with the longest texts, escaped, fit */

static const struct str command_line = STR_INIT("(command line)");

enum err admin_review_list(struct operation *op)
{
        struct store_reviews_query query = {
                .viewer.sees_all = true, .filter.now_ms = op->now_ms, .arena = op->arena};
        struct json_iter iter = json_iter(op->arguments);
        struct str name, text;
        struct json value;
        while (json_next(&iter, &name, &value)) {
                bool is_known = false;
                const char *message = json_to_str(value, &text)
                                              ? review_filter_set(&query.filter, name, text, &is_known)
                                              : "must be a string";
                if (message || !is_known)
                        return err_set(op->note, ERR_INVALID, "%.*s %s", STR_ARGS(name),
                                       message ? message : "is no filter of reviews");
        }
        enum err err = admin_audit_reading(op, AUDIT_RECORDS_LISTED, (struct record_id){0});
        if (!err)
                err = store_sqlite_list_reviews(op->db, &query, op->note);
        if (!err)
                review_write_page(&op->result, op->arena, &query.page);
        return err;
}

static void write_review(struct operation *op, const struct review *review, const struct review_history *history)
{
        json_key(&op->result, "review");
        review_write(&op->result, op->arena, review, history);
}

enum err admin_review_show(struct operation *op)
{
        struct store_review_query query = {.arena = op->arena};
        enum err err = id_argument(op, "rev_", "a review's id", &query.id);
        if (!err)
                err = admin_audit_reading(op, AUDIT_RECORD_READ, query.id);
        if (!err)
                err = store_sqlite_find_review(op->db, &query, op->note);
        if (!err)
                write_review(op, &query.review, &query.history);
        return err;
}

enum err admin_review_reveal(struct operation *op)
{
        struct store_originals_query query = {.arena = op->arena};
        enum err err = id_argument(op, "rev_", "a review's id", &query.id);
        if (!err)
                err = admin_audit_reading(op, AUDIT_RECORD_REVEALED, query.id);
        if (!err)
                err = store_sqlite_find_originals(op->db, &query, op->note);
        if (err)
                return err;
        json_key(&op->result, "originals");
        review_write_originals(&op->result, op->arena, &query.originals);
        return ERR_OK;
}

static enum err set_note(struct operation *op, struct str text, struct review_change *change)
{
        struct safe_text safe;
        if (redact_text((struct raw_text){text}, op->arena, &safe) != ERR_OK)
                return err_set(op->note, ERR_INVALID, "the note cannot be redacted");
        const char *message = review_change_note(change, safe);
        return message ? err_set(op->note, ERR_INVALID, "the note %s", message) : ERR_OK;
}

static enum err read_change(struct operation *op, struct review_change *change)
{
        static const char *const members[] = {"assignee", "outcome"};
        struct str note = text_argument(op, op->arguments, "note");
        if (!review_action_from(text_argument(op, op->arguments, "action"), &change->action))
                return err_set(op->note, ERR_INVALID, "action must be one of claim, release, resolve, reopen");
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
                struct str value = text_argument(op, op->arguments, members[i]);
                const char *message = value.ptr && !redact_is_clean(value) ? "must hold no personal data"
                                      : value.ptr ? review_change_set(change, str_from(members[i]), value)
                                                  : NULL;
                if (message)
                        return err_set(op->note, ERR_INVALID, "%s %s", members[i], message);
        }
        if (change->action == REVIEW_RESOLVE && change->outcome == REVIEW_OUTCOME_NONE)
                return err_set(op->note, ERR_INVALID, "an outcome is needed");
        return note.ptr ? set_note(op, note, change) : ERR_OK;
}

enum err admin_review_change(struct operation *op)
{
        struct store_review_change change = {
                .change = {.assignee = command_line, .outcome = REVIEW_OUTCOME_NONE},
                .by = command_line,
                .now_ms = op->now_ms,
                .arena = op->arena,
        };
        struct json version;
        enum err err = id_argument(op, "rev_", "a review's id", &change.id);
        if (!err && json_find(op->arguments, STR("if_version"), &version) &&
            (!json_to_i64(version, &change.if_version) || change.if_version < 1))
                err = err_set(op->note, ERR_INVALID, "if_version must be a number from 1 on");
        if (!err)
                err = read_change(op, &change.change);
        if (err)
                return err;
        err = store_sqlite_change_review(op->db, &change);
        if (err)
                return err_set(op->note, err, "%s", change.note.text);
        write_review(op, &change.review, &change.history);
        return ERR_OK;
}

/* ---- Compliance ---- */

static enum err read_export(struct operation *op, struct compliance_filter *filter)
{
        struct json_iter iter = json_iter(op->arguments);
        struct str name, text;
        struct json value;
        while (json_next(&iter, &name, &value)) {
                bool is_known = false;
                const char *message = json_to_str(value, &text) ? compliance_filter_set(filter, name, text, &is_known)
                                                                : "must be a string";
                if (!message && !is_known && !str_equal(name, STR("format")))
                        message = "is no filter of records";
                if (message)
                        return err_set(op->note, ERR_INVALID, "%.*s %s", STR_ARGS(name), message);
        }
        return ERR_OK;
}

/* The records as text of the wanted format, so that every reader writes the same file. */
enum err admin_compliance_export(struct operation *op)
{
        struct store_compliance_page page = {.filter.limit = COMPLIANCE_MAX_LIMIT, .arena = op->arena};
        bool is_csv = str_equal(text_argument(op, op->arguments, "format"), STR("csv"));
        struct buf text;
        enum err err = read_export(op, &page.filter);
        if (!err)
                err = admin_audit_reading(op, AUDIT_RECORDS_EXPORTED, (struct record_id){0});
        if (!err)
                err = store_sqlite_page_compliance(op->db, &page, op->note);
        if (err)
                return err;
        buf_init(&text, EXPORT_PAGE_BYTES);
        struct json_writer w = {.buf = &text};
        for (size_t i = 0; i < page.count; i++) {
                if (is_csv)
                        compliance_write_csv(&text, op->arena, &page.records[i]);
                else
                        compliance_write(&w, op->arena, &page.records[i]);
        }
        json_member(&op->result, "text", buf_str(&text));
        json_member(&op->result, "next_cursor",
                    page.next_row ? arena_format(op->arena, "%llu", (unsigned long long)page.next_row)
                                  : (struct str){0});
        json_key(&op->result, "count");
        json_u64(&op->result, page.count);
        bool is_over = text.is_over;
        buf_deinit(&text);
        return is_over ? err_set(op->note, ERR_TOO_LARGE, "a page of records is too large") : ERR_OK;
}
