/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/classify.h"

#include "base/alloc.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "cli/batches.h"
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARENA_BYTES = 1 << 20, ID_MAX_BYTES = 256, DEPTH_MAX = 32 };

struct run {
        const struct session *session;
        struct json_parser **parsers; /* one a thread */
};

/* A record as far as it could be read. */
struct record {
        char id[6 * ID_MAX_BYTES + 3]; /* as JSON */
        struct str text;               /* trimmed; borrowed from the parser */
};

/* An id is given back as it was: a string of up to 256 bytes or a whole number. */
static const char *read_id(struct json object, struct record *record)
{
        struct json value;
        struct str text;
        int64_t number;
        struct buf buf;
        const char *fault = NULL;
        if (!json_find(object, STR("id"), &value))
                return NULL;
        buf_init(&buf, sizeof record->id - 1);
        struct json_writer w = {.buf = &buf};
        if (json_to_i64(value, &number))
                json_i64(&w, number);
        else if (json_to_str(value, &text) && text.len <= ID_MAX_BYTES)
                json_str(&w, text);
        else
                fault = "`id` must be a whole number or a string of at most 256 bytes";
        if (!fault)
                memcpy(record->id, buf.ptr, buf.len), record->id[buf.len] = '\0';
        buf_deinit(&buf);
        return fault;
}

/* NULL, or what is wrong; a fault of the parser stands in `note`. */
static const char *read_record(struct json_parser *parser, struct str line, struct record *record,
                               struct err_note *note)
{
        struct json object, text;
        if (line.len > BATCH_LINE_MAX_BYTES)
                return "the line is longer than 262144 bytes";
        if (str_trim(line).len == 0)
                return "the line is blank";
        if (json_parse(parser, line, &object, note) != ERR_OK)
                return note->text;
        if (json_type(object) != JSON_OBJECT)
                return "not an object with `id` and `text`";
        const char *fault = read_id(object, record);
        if (fault)
                return fault;
        if (!json_find(object, STR("text"), &text) || !json_to_str(text, &record->text))
                return "`text` must be a string";
        record->text = str_trim(record->text);
        return session_fault_of(record->text);
}

static void write_verdict(struct json_writer *w, const struct verdict *verdict, const struct model_verdict *classified)
{
        double probabilities[CATEGORY_COUNT];
        session_probabilities(verdict, classified, probabilities);
        json_member(w, "category", str_from(category_name(verdict->category)));
        json_member(w, "intent", str_from(intent_name(verdict->intent)));
        json_key(w, "confidence");
        json_fixed(w, verdict->confidence, 4);
        json_key(w, "probabilities");
        json_open(w, '{');
        for (enum category c = 0; c < CATEGORY_COUNT; c++) {
                json_key(w, category_name(c));
                json_fixed(w, probabilities[c], 4);
        }
        json_close(w, '}');
        json_member(w, "source", str_from(source_name(verdict->source)));
}

/* NULL, or why there is no verdict; then nothing has been written. */
static const char *answer(const struct session *session, const struct record *record, struct buf *out)
{
        struct arena arena;
        struct sighting sighting;
        arena_init(&arena, ARENA_BYTES);
        bool is_seen = session_look(session, (struct raw_text){record->text}, &arena, &sighting);
        if (is_seen) {
                struct verdict verdict = decide(&session->snapshot, &sighting.finding, &sighting.classified, NULL, &arena);
                struct json_writer w = {.buf = out};
                json_open(&w, '{');
                json_key(&w, "id");
                json_raw(&w, str_from(record->id));
                write_verdict(&w, &verdict, &sighting.classified);
                json_close(&w, '}');
                buf_append_char(out, '\n');
        }
        arena_deinit(&arena);
        return is_seen ? NULL : "the text cannot be redacted";
}

/* A bad line gets a line that says so: output lines stay beside their input lines. */
static void complain(struct batch *batch, const struct record *record, size_t number, const char *fault)
{
        struct json_writer w = {.buf = &batch->out};
        json_open(&w, '{');
        json_key(&w, "id");
        json_raw(&w, str_from(record->id));
        json_member(&w, "error", str_from(fault));
        json_close(&w, '}');
        buf_append_char(&batch->out, '\n');
        buf_printf(&batch->complaints, "triaged: line %zu: %s\n", number, fault);
}

static void classify_batch(void *arg, size_t thread, struct batch *batch)
{
        const struct run *run = arg;
        struct str rest = batch->lines;
        for (size_t number = batch->first_line; rest.len > 0; number++) {
                struct record record = {.id = "null"};
                struct err_note note;
                struct str line = str_split(&rest, '\n');
                const char *fault = read_record(run->parsers[thread], line, &record, &note);
                if (!fault)
                        fault = answer(run->session, &record, &batch->out);
                if (fault)
                        complain(batch, &record, number, fault);
        }
}

int classify_records(const struct session *session, size_t jobs)
{
        struct run run = {session, alloc_zeroed(jobs, sizeof *run.parsers)};
        for (size_t i = 0; i < jobs; i++)
                run.parsers[i] = json_parser_new(BATCH_LINE_MAX_BYTES, DEPTH_MAX);
        struct batches_result result = batches_run(STDIN_FILENO, jobs, classify_batch, &run);
        for (size_t i = 0; i < jobs; i++)
                json_parser_free(run.parsers[i]);
        free(run.parsers);
        if (result.error)
                return cli_complain(CLI_FAILED, "standard input: %s", strerror(result.error));
        return result.has_failed ? CLI_FAILED : CLI_OK;
}
