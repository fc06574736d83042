/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include "base/json_writer.h"
#include "base/time_text.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { SHOWN_TEXT_BYTES = 60, ARGUMENTS_MAX_BYTES = 65536, RESULT_BYTES = 64 << 20 };

/* One run: arguments go out in `arguments`, the result comes back as text and, parsed, in the parser. */
struct run {
        struct admin *admin;
        struct json_parser *parser;
        struct settings_args *operands;
        bool is_json; /* the result is printed as it comes */
        int64_t now_ms;
        struct buf arguments;
        struct buf result;
};

static int send(struct run *run, struct json_writer *w, const char *operation, struct json *ret_result)
{
        struct err_note note = {.text = ""};
        json_close(w, '}');
        if (run->arguments.is_over)
                return cli_complain(CLI_USAGE, "the arguments are too long");
        buf_reset(&run->result);
        enum err err = admin_execute(run->admin, str_from(operation), buf_str(&run->arguments), &run->result, &note);
        if (!err)
                err = json_parse(run->parser, buf_str(&run->result), ret_result, &note);
        if (err)
                return cli_complain(CLI_FAILED, "%s", note.text);
        if (run->is_json)
                printf("%.*s\n", STR_ARGS(buf_str(&run->result)));
        return CLI_OK;
}

/* "in 1 h 20 min", "12 min ago"; of what is far away, the larger unit only. */
static const char *relative(const struct run *run, struct str time, char *text, size_t size)
{
        int64_t at_ms;
        if (!time_from_text(time, &at_ms))
                return "-";
        bool is_past = at_ms < run->now_ms;
        long long minutes = (long long)(is_past ? run->now_ms - at_ms : at_ms - run->now_ms) / 60000;
        const char *before = is_past ? "" : "in ", *behind = is_past ? " ago" : "";
        if (minutes < 60)
                snprintf(text, size, "%s%lld min%s", before, minutes, behind);
        else if (minutes < 48 * 60)
                snprintf(text, size, "%s%lld h %lld min%s", before, minutes / 60, minutes % 60, behind);
        else
                snprintf(text, size, "%s%lld days%s", before, minutes / (24 * 60), behind);
        return text;
}

/* ---- list ---- */

static const char *const filters[][2] = {
        {"status", "status"},     {"severity", "severity"},     {"min-severity", "min_severity"}, {"category", "category"},
        {"assignee", "assignee"}, {"due-before", "due_before"},
};

enum { FILTER_COUNT = sizeof filters / sizeof *filters };

static void show_row(const struct run *run, struct json review)
{
        char due[48], line[SHOWN_TEXT_BYTES + 1] = "";
        struct str text = cli_text(review, "text"), severity = cli_text(review, "severity");
        struct str shown = utf8_cut_bytes(text, SHOWN_TEXT_BYTES);
        for (size_t i = 0; i < shown.len; i++)
                line[i] = (unsigned char)shown.ptr[i] < ' ' ? ' ' : shown.ptr[i];
        printf("%.*s  %-16s %-8.*s %-14.*s %-16.*s %-16.*s %s%s\n", STR_ARGS(cli_text(review, "id")),
               relative(run, cli_text(review, "due_at"), due, sizeof due), STR_ARGS(severity),
               STR_ARGS(cli_text(review, "status")), STR_ARGS(cli_text(review, "reason")),
               STR_ARGS(cli_text(review, "assignee")), line, shown.len < text.len ? "..." : "");
}

static void write_filters(struct json_writer *w, const char *const values[FILTER_COUNT], bool is_overdue, uint64_t left,
                          const char *cursor)
{
        char limit[8];
        for (size_t i = 0; i < FILTER_COUNT; i++)
                if (values[i])
                        json_member(w, filters[i][1], str_from(values[i]));
        if (is_overdue)
                json_member(w, "overdue", STR("true"));
        snprintf(limit, sizeof limit, "%u", left < 200 ? (unsigned)left : 200);
        json_member(w, "limit", str_from(limit));
        if (cursor[0])
                json_member(w, "cursor", str_from(cursor));
}

static int list(struct run *run)
{
        const char *values[FILTER_COUNT];
        uint64_t left = UINT64_MAX;
        char cursor[64] = "";
        for (size_t i = 0; i < FILTER_COUNT; i++)
                values[i] = cli_take_value(run->operands, filters[i][0]);
        bool is_overdue = cli_take_flag(run->operands, "overdue");
        if (!cli_take_number(run->operands, "limit", 1, UINT64_MAX, &left) || !cli_all_taken(run->operands, 0, NULL))
                return CLI_USAGE;
        do {
                struct json page, reviews, review;
                struct json_writer w = cli_begin(&run->arguments);
                write_filters(&w, values, is_overdue, left, cursor);
                int status = send(run, &w, "review.list", &page);
                if (status != CLI_OK)
                        return status;
                if (!json_find(page, STR("reviews"), &reviews))
                        return CLI_FAILED;
                struct json_iter iter = json_iter(reviews);
                for (; json_next(&iter, NULL, &review); left--)
                        if (!run->is_json)
                                show_row(run, review);
                snprintf(cursor, sizeof cursor, "%.*s", STR_ARGS(cli_text(page, "next_cursor")));
        } while (left && strcmp(cursor, "-") != 0);
        return CLI_OK;
}

/* ---- show and changes ---- */

static void show_history(struct json review)
{
        struct json rows, row;
        struct json_iter iter;
        if (json_find(review, STR("messages"), &rows)) {
                iter = json_iter(rows);
                while (json_next(&iter, NULL, &row))
                        printf("%.*s  also: %.*s\n", STR_ARGS(cli_text(row, "received_at")), STR_ARGS(cli_text(row, "text")));
        }
        if (!json_find(review, STR("history"), &rows))
                return;
        iter = json_iter(rows);
        while (json_next(&iter, NULL, &row))
                printf("%.*s  version %lld  %.*s  %.*s  assignee %.*s  outcome %.*s  note: %.*s\n",
                       STR_ARGS(cli_text(row, "at")), (long long)cli_number(row, "version"), STR_ARGS(cli_text(row, "by")),
                       STR_ARGS(cli_text(row, "action")), STR_ARGS(cli_text(row, "assignee")),
                       STR_ARGS(cli_text(row, "outcome")), STR_ARGS(cli_text(row, "note")));
}

static void show_review(const struct run *run, struct json review)
{
        static const char *const members[] = {"id", "message_id", "compliance_id", "status", "assignee", "reason",
                                              "category", "intent", "severity", "channel", "received_at", "due_at",
                                              "acknowledged_at", "resolved_at", "outcome", "text", "suggested_reply"};
        char due[48];
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
                printf("%-15s %.*s", members[i], STR_ARGS(cli_text(review, members[i])));
                if (strcmp(members[i], "due_at") == 0)
                        printf(" (%s)", relative(run, cli_text(review, "due_at"), due, sizeof due));
                printf("\n");
        }
        printf("%-15s %lld\n", "version", (long long)cli_number(review, "version"));
        show_history(review);
}

static int show(struct run *run)
{
        struct json result, review;
        if (!cli_all_taken(run->operands, 1, "the review's id"))
                return CLI_USAGE;
        struct json_writer w = cli_begin(&run->arguments);
        json_member(&w, "id", str_from(run->operands->items[0]));
        int status = send(run, &w, "review.show", &result);
        if (status != CLI_OK || !json_find(result, STR("review"), &review))
                return status;
        if (!run->is_json)
                show_review(run, review);
        return CLI_OK;
}

/* As JSON in any case: what a stranger wrote cannot talk to the terminal then. */
static int reveal(struct run *run, const char *name)
{
        struct json result;
        (void)name;
        if (!cli_all_taken(run->operands, 1, "the review's id"))
                return CLI_USAGE;
        struct json_writer w = cli_begin(&run->arguments);
        json_member(&w, "id", str_from(run->operands->items[0]));
        run->is_json = true;
        return send(run, &w, "review.reveal", &result);
}

static int change(struct run *run, const char *action)
{
        static const char *const members[] = {"assignee", "outcome", "note"};
        struct json result, review;
        uint64_t if_version = 0;
        struct json_writer w = cli_begin(&run->arguments);
        for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
                const char *value = cli_take_value(run->operands, members[i]);
                if (value)
                        json_member(&w, members[i], str_from(value));
        }
        if (!cli_take_number(run->operands, "if-version", 1, INT64_MAX, &if_version) ||
            !cli_all_taken(run->operands, 1, "the review's id"))
                return CLI_USAGE;
        if (if_version) {
                json_key(&w, "if_version");
                json_u64(&w, if_version);
        }
        json_member(&w, "id", str_from(run->operands->items[0]));
        json_member(&w, "action", str_from(action));
        int status = send(run, &w, "review.change", &result);
        if (status == CLI_OK && !run->is_json && json_find(result, STR("review"), &review))
                printf("%.*s is %.*s, version %lld\n", STR_ARGS(cli_text(review, "id")),
                       STR_ARGS(cli_text(review, "status")), (long long)cli_number(review, "version"));
        return status;
}

static int run_action(struct admin *admin, struct json_parser *parser, struct settings_args *operands,
                      int (*action)(struct run *run, const char *name), const char *name)
{
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        struct run run = {.admin = admin,
                          .parser = parser,
                          .operands = operands,
                          .is_json = cli_take_flag(operands, "json"),
                          .now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000};
        buf_init(&run.arguments, ARGUMENTS_MAX_BYTES);
        buf_init(&run.result, RESULT_BYTES);
        int status = action(&run, name);
        buf_deinit(&run.arguments);
        buf_deinit(&run.result);
        return status;
}

static int any_list(struct run *run, const char *name)
{
        (void)name;
        return list(run);
}

static int any_show(struct run *run, const char *name)
{
        (void)name;
        return show(run);
}

#define ACTION(name, action)                                                                                    \
        static int run_##name(struct admin *admin, struct json_parser *parser, struct settings_args *operands) \
        {                                                                                                       \
                return run_action(admin, parser, operands, action, #name);                                      \
        }
ACTION(list, any_list)
ACTION(show, any_show)
ACTION(reveal, reveal)
ACTION(claim, change)
ACTION(release, change)
ACTION(resolve, change)
ACTION(reopen, change)

static int run(const struct cli *cli, const struct settings *settings, struct settings_args *operands)
{
        static const struct cli_action actions[] = {
                {"list", run_list},       {"show", run_show},     {"reveal", run_reveal}, {"claim", run_claim}, {"release", run_release},
                {"resolve", run_resolve}, {"reopen", run_reopen}, {NULL, NULL},
        };
        (void)cli;
        return cli_run_action(settings, operands, "review", actions, "list, show, reveal, claim, release, resolve or reopen");
}

const struct cli_command cli_review = {
        .name = "review",
        .summary = "look at what needs a person: list, show, claim, resolve",
        .help = "usage: triaged review list [--status S] [--severity V] [--min-severity V] [--category C]\n"
                "                           [--assignee NAME] [--due-before TIME] [--overdue] [--limit N]\n"
                "       triaged review show ID\n"
                "       triaged review reveal ID\n"
                "       triaged review claim ID [--assignee NAME] [--note TEXT]\n"
                "       triaged review release ID [--note TEXT]\n"
                "       triaged review resolve ID --outcome O [--note TEXT]\n"
                "       triaged review reopen ID [--note TEXT]\n\n"
                "Safety matters, and what the bot could not decide, wait for a person. The list begins with what is\n"
                "due first; columns: id, due, severity, status, reason, assignee, text. `claim` says that you look at it,\n"
                "which stops the reminders; `show` has the text, the reply that was held back and the history; `resolve`\n"
                "says what came of it, and lets the bot answer in that conversation again. `reveal` prints what\n"
                "the customer wrote as it came, with its contact, as JSON; the audit log has that you did.\n\n"
                "S is open (the default: pending_review and claimed), pending_review, claimed or resolved; V is standard,\n"
                "high or urgent; O is confirmed, false_alarm, referred, duplicate or no_action; TIME is\n"
                "2026-11-22T10:00:00Z. --assignee= lists those that nobody has. A change with --if-version N is refused\n"
                "when the review has another version by now. Notes are redacted. --json prints what REST would answer, a\n"
                "line for each page. Works beside a running server.\n",
        .own_flags = (const char *const[]){"status=", "severity=", "min-severity=", "category=", "assignee=", "due-before=",
                                           "limit=", "note=", "outcome=", "if-version=", "overdue", "json", NULL},
        .run = run,
};
