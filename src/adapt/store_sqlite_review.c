/* SPDX-License-Identifier: Apache-2.0 */
/* Reviews: look-ups and lists, through the reader's connection.
 *
 * `review` holds the open ones by due time and nothing else, so that the list never steps over what is done:
 * a resolution moves the row to `review_resolved`, reopening moves it back. The message's row knows the due
 * time, which makes the key: no index is needed to find the review of a message, and a message's transaction
 * pays for none. Statements are prepared where they are used: all this comes at the pace of people.
 */
#include "adapt/store_sqlite_review.h"

enum {
        PAGE_EFFORT = 20000, /* rows that one page may look at: some 20 ms of the reader */
        MESSAGE_EFFORT = 3,  /* what the look-up of its message costs beside one of them */
};

enum {
        DUE_AT,
        ROW,
        SEVERITY,
        CATEGORY,
        KEY_ID,
        REASON,
        STATUS,
        ASSIGNEE,
        VERSION,
        UPDATED_AT,
        ACKNOWLEDGED_AT,
        SUGGESTED_REPLY,
        OUTCOME,
        RESOLVED_AT,
};
/* What a step said that gave no row. */
static enum err without_row(sqlite3 *db, int code, struct err_note *note)
{
        return code == SQLITE_DONE ? ERR_NOT_FOUND : sqlite_db_err(db, code, note);
}

/* ---- Rows ---- */

static enum err copy_review(sqlite3_stmt *stmt, struct arena *arena, struct review *review)
{
        struct str outcome = column_text(stmt, OUTCOME);
        review->outcome = REVIEW_OUTCOME_NONE;
        bool is_known = review_status_from(column_text(stmt, STATUS), &review->status) &&
                        category_from(column_text(stmt, CATEGORY), &review->category) &&
                        severity_from(column_text(stmt, SEVERITY), &review->severity) &&
                        (!outcome.ptr || review_outcome_from(outcome, &review->outcome));
        if (!is_known)
                return ERR_CORRUPT;
        review->id.row = (uint64_t)sqlite3_column_int64(stmt, ROW);
        review->due_at_ms = sqlite3_column_int64(stmt, DUE_AT);
        review->version = sqlite3_column_int64(stmt, VERSION);
        review->updated_at_ms = sqlite3_column_int64(stmt, UPDATED_AT);
        review->acknowledged_at_ms = sqlite3_column_int64(stmt, ACKNOWLEDGED_AT);
        review->resolved_at_ms = sqlite3_column_int64(stmt, RESOLVED_AT);
        bool is_copied = column_copy(stmt, REASON, arena, &review->reason) &&
                         column_copy(stmt, ASSIGNEE, arena, &review->assignee) &&
                         column_copy(stmt, SUGGESTED_REPLY, arena, &review->suggested_reply.safe);
        return is_copied ? ERR_OK : ERR_TOO_LARGE;
}

static const char message_text[] =
        "SELECT check_word, received_at, intent, channel, request_id, text, review_due_at FROM opened_message WHERE id = ?";

/* Fills in what the message knows, also when the review is due; leaves the statement reset. */
static enum err copy_message(sqlite3 *db, sqlite3_stmt *stmt, uint64_t row, struct arena *arena,
                             struct review *review, struct err_note *note)
{
        struct sqlite_binder b = {.stmt = stmt};
        bind_i64(&b, (int64_t)row);
        int code = sqlite3_step(stmt);
        enum err err = code == SQLITE_ROW ? ERR_OK : without_row(db, code, note);
        if (!err && (!intent_from(column_text(stmt, 2), &review->intent) ||
                     !channel_from(column_text(stmt, 3), &review->channel) ||
                     !ident_from(column_text(stmt, 4), &review->request_id)))
                err = ERR_CORRUPT;
        if (!err && !column_copy(stmt, 5, arena, &review->text.safe))
                err = ERR_TOO_LARGE;
        if (!err) {
                review->id = (struct record_id){row, (uint64_t)sqlite3_column_int64(stmt, 0)};
                review->received_at_ms = sqlite3_column_int64(stmt, 1);
                review->due_at_ms = sqlite3_column_int64(stmt, 6);
        }
        (void)sqlite3_reset(stmt);
        return err;
}

void review_row_bind_key(struct sqlite_binder *b, const struct review *review)
{
        bind_i64(b, review->due_at_ms);
        bind_i64(b, (int64_t)review->id.row);
}

static enum err find_in(sqlite3 *db, const char *sql, struct arena *arena, struct review *review, struct err_note *note)
{
        struct sqlite_binder b;
        enum err err = sqlite_once(db, sql, &b, note);
        if (err)
                return err;
        review_row_bind_key(&b, review);
        int code = sqlite3_step(b.stmt);
        return sqlite_once_end(&b, code == SQLITE_ROW ? copy_review(b.stmt, arena, review) : without_row(db, code, note));
}

/* Unknown and a wrong check are one answer: nobody learns what exists. */
enum err review_row_find(sqlite3 *db, struct record_id id, struct arena *arena, struct review *ret_review,
                     struct err_note *note)
{
        struct sqlite_binder b;
        struct review review = {.id = id};
        enum err err = sqlite_once(db, message_text, &b, note);
        if (!err)
                err = sqlite_once_end(&b, copy_message(db, b.stmt, id.row, arena, &review, note));
        if (!err && review.id.check != id.check)
                err = ERR_NOT_FOUND;
        if (!err)
                err = find_in(db, "SELECT " REVIEW_COLUMNS ", NULL, NULL FROM review" REVIEW_KEY, arena, &review, note);
        if (err == ERR_NOT_FOUND && review.id.check == id.check)
                err = find_in(db, "SELECT " REVIEW_COLUMNS ", outcome, resolved_at FROM review_resolved" REVIEW_KEY, arena, &review,
                              note);
        if (!err)
                *ret_review = review;
        return err == ERR_NOT_FOUND ? err_set(note, err, "there is no review with this id") : err;
}

static enum err copy_event(sqlite3_stmt *stmt, struct arena *arena, struct review_event *event)
{
        struct str outcome = column_text(stmt, 5);
        event->version = sqlite3_column_int64(stmt, 0);
        event->at_ms = sqlite3_column_int64(stmt, 1);
        event->outcome = REVIEW_OUTCOME_NONE;
        if (!review_action_from(column_text(stmt, 3), &event->action) ||
            (outcome.ptr && !review_outcome_from(outcome, &event->outcome)))
                return ERR_CORRUPT;
        bool is_copied = column_copy(stmt, 2, arena, &event->by) && column_copy(stmt, 4, arena, &event->assignee) &&
                         column_copy(stmt, 6, arena, &event->note.safe);
        return is_copied ? ERR_OK : ERR_TOO_LARGE;
}

static enum err read_events(sqlite3 *db, const struct review *review, struct arena *arena,
                            struct review_history *history, struct err_note *note)
{
        struct sqlite_binder b;
        size_t max = (size_t)(review->version - 1); /* each version but the first has an event */
        history->events = arena_zeroed(arena, (max + 1) * sizeof *history->events);
        if (!history->events)
                return ERR_TOO_LARGE;
        enum err err = sqlite_once(db,
                               "SELECT version, at, by_key, action, assignee, outcome, note FROM review_event"
                               " WHERE message_row = ? ORDER BY version",
                               &b, note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)review->id.row);
        int code;
        while (!err && (code = sqlite3_step(b.stmt)) == SQLITE_ROW)
                err = history->count == max ? ERR_CORRUPT
                                            : copy_event(b.stmt, arena, &history->events[history->count++]);
        if (!err && code != SQLITE_DONE)
                err = sqlite_db_err(db, code, note);
        return sqlite_once_end(&b, err);
}

static enum err read_messages(sqlite3 *db, const struct review *review, struct arena *arena,
                              struct review_history *history, struct err_note *note)
{
        struct sqlite_binder b;
        history->messages = arena_zeroed(arena, REVIEW_MAX_MESSAGES * sizeof *history->messages);
        if (!history->messages)
                return ERR_TOO_LARGE;
        enum err err = sqlite_once(db,
                               "SELECT m.id, m.check_word, m.received_at, m.text FROM review_message r"
                               " JOIN opened_message m ON m.id = r.message_row WHERE r.review_row = ?1"
                               " ORDER BY r.message_row LIMIT ?2",
                               &b, note);
        if (err)
                return err;
        bind_i64(&b, (int64_t)review->id.row);
        bind_i64(&b, REVIEW_MAX_MESSAGES);
        int code;
        while (!err && (code = sqlite3_step(b.stmt)) == SQLITE_ROW) {
                struct review_message *message = &history->messages[history->message_count++];
                message->id.row = (uint64_t)sqlite3_column_int64(b.stmt, 0);
                message->id.check = (uint64_t)sqlite3_column_int64(b.stmt, 1);
                message->received_at_ms = sqlite3_column_int64(b.stmt, 2);
                err = column_copy(b.stmt, 3, arena, &message->text.safe) ? ERR_OK : ERR_TOO_LARGE;
        }
        if (!err && code != SQLITE_DONE)
                err = sqlite_db_err(db, code, note);
        return sqlite_once_end(&b, err);
}

enum err review_row_history(sqlite3 *db, const struct review *review, struct arena *arena,
                             struct review_history *ret_history, struct err_note *note)
{
        struct review_history history = {0};
        enum err err = read_events(db, review, arena, &history, note);
        if (!err)
                err = read_messages(db, review, arena, &history, note);
        if (!err)
                *ret_history = history;
        return err;
}

/* ---- Look-up and list, with the reader's lock held ---- */

static enum err find_review(struct reader *reader, void *op, struct err_note *note)
{
        struct store_review_query *query = op;
        enum err err = review_row_find(reader->db, query->id, query->arena, &query->review, note);
        return err ? err : review_row_history(reader->db, &query->review, query->arena, &query->history, note);
}

static bool is_wanted(sqlite3_stmt *stmt, const struct store_reviews_query *query)
{
        const struct review_filter *filter = &query->filter;
        struct str assignee = column_text(stmt, ASSIGNEE);
        enum severity severity = SEVERITY_NONE;
        (void)severity_from(column_text(stmt, SEVERITY), &severity);
        bool is_visible = query->viewer.sees_all || sqlite3_column_int64(stmt, KEY_ID) == query->viewer.key_id;
        bool is_of_status = filter->scope == REVIEWS_OPEN || filter->scope == REVIEWS_RESOLVED ||
                            (filter->scope == REVIEWS_CLAIMED) == (assignee.ptr != NULL);
        return is_visible && is_of_status && severity >= filter->min_severity &&
               (filter->severity == SEVERITY_NONE || severity == filter->severity) &&
               (!filter->has_category ||
                str_equal(column_text(stmt, CATEGORY), str_from(category_name(filter->category)))) &&
               (!filter->assignee.ptr || str_equal(filter->assignee, assignee));
}

static enum err take_row(sqlite3 *db, sqlite3_stmt *stmt, sqlite3_stmt *messages, struct store_reviews_query *query,
                         struct err_note *note)
{
        struct review *review = &query->reviews[query->page.count];
        uint64_t row = (uint64_t)sqlite3_column_int64(stmt, ROW);
        *review = (struct review){0};
        enum err err = copy_message(db, messages, row, query->arena, review, note);
        uint64_t check = review->id.check;
        if (!err)
                err = copy_review(stmt, query->arena, review);
        review->id.check = check;
        if (!err)
                query->page.count++;
        return err;
}

/* Goes along the rows until the page is full: of reviews, of bytes or of effort. */
static enum err fill_page(sqlite3 *db, sqlite3_stmt *stmt, sqlite3_stmt *messages, struct store_reviews_query *query,
                          struct err_note *note)
{
        struct review_page *page = &query->page;
        int code, effort = 0;
        while ((code = sqlite3_step(stmt)) == SQLITE_ROW) {
                page->has_more = true;
                if (page->count == query->filter.limit || effort >= PAGE_EFFORT)
                        return ERR_OK;
                bool is_candidate = is_wanted(stmt, query);
                enum err err = is_candidate ? take_row(db, stmt, messages, query, note) : ERR_OK;
                if (err)
                        return err == ERR_TOO_LARGE && page->count ? ERR_OK : err;
                page->cursor_due_at_ms = sqlite3_column_int64(stmt, DUE_AT);
                page->cursor_row = (uint64_t)sqlite3_column_int64(stmt, ROW);
                effort += is_candidate ? 1 + MESSAGE_EFFORT : 1;
        }
        page->has_more = false;
        return code == SQLITE_DONE ? ERR_OK : sqlite_db_err(db, code, note);
}

static enum err prepare_list(sqlite3 *db, const struct review_filter *filter, struct sqlite_binder *b,
                             struct err_note *note)
{
        bool is_resolved = filter->scope == REVIEWS_RESOLVED;
        enum err err = sqlite_once(db,
                               is_resolved ? "SELECT " REVIEW_COLUMNS ", outcome, resolved_at FROM review_resolved"
                                             " WHERE (due_at, message_row) < (?1, ?2) AND due_at < ?3"
                                             " ORDER BY due_at DESC, message_row DESC"
                                           : "SELECT " REVIEW_COLUMNS ", NULL, NULL FROM review"
                                             " WHERE (due_at, message_row) > (?1, ?2) AND due_at < ?3"
                                             " ORDER BY due_at, message_row",
                               b, note);
        if (err)
                return err;
        int64_t start = is_resolved ? INT64_MAX : 0;
        int64_t bound = filter->due_before_ms ? filter->due_before_ms : INT64_MAX;
        if (filter->is_overdue && filter->now_ms < bound)
                bound = filter->now_ms;
        bind_i64(b, filter->has_cursor ? filter->cursor_due_at_ms : start);
        bind_i64(b, filter->has_cursor ? (int64_t)filter->cursor_row : start);
        bind_i64(b, bound);
        return ERR_OK;
}

static enum err list_reviews(struct reader *reader, void *op, struct err_note *note)
{
        struct store_reviews_query *query = op;
        struct sqlite_binder rows, messages;
        if (query->filter.limit == 0)
                query->filter.limit = REVIEWS_DEFAULT_LIMIT;
        if (query->filter.limit > REVIEWS_MAX_LIMIT)
                return ERR_INVALID;
        query->reviews = arena_zeroed(query->arena, query->filter.limit * sizeof *query->reviews);
        if (!query->reviews)
                return ERR_TOO_LARGE;
        query->page = (struct review_page){.reviews = query->reviews};
        enum err err = prepare_list(reader->db, &query->filter, &rows, note);
        if (err)
                return err;
        err = sqlite_once(reader->db, message_text, &messages, note);
        if (!err)
                err = sqlite_once_end(&messages, fill_page(reader->db, rows.stmt, messages.stmt, query, note));
        return sqlite_once_end(&rows, err);
}

/* ---- The ways in: a loop's, and administration's ---- */

static void finish_find(struct task *task)
{
        struct store_review_query *op = list_item(task, struct store_review_query, task);
        op->done(op);
}

void review_find(struct store *store, struct store_review_query *op)
{
        op->task.run = finish_find;
        reader_start(store, find_review, op, &op->task, &op->result);
}

static void finish_list(struct task *task)
{
        struct store_reviews_query *op = list_item(task, struct store_reviews_query, task);
        op->done(op);
}

void review_list(struct store *store, struct store_reviews_query *op)
{
        op->task.run = finish_list;
        reader_start(store, list_reviews, op, &op->task, &op->result);
}

enum err store_sqlite_find_review(struct store_sqlite *db, struct store_review_query *query, struct err_note *note)
{
        return reader_run(db, find_review, query, note);
}

enum err store_sqlite_list_reviews(struct store_sqlite *db, struct store_reviews_query *query, struct err_note *note)
{
        return reader_run(db, list_reviews, query, note);
}
