/* SPDX-License-Identifier: Apache-2.0 */
/* Spans of personal data for the scorer: JSONL {"id","text"} on stdin, {"id","spans"} on stdout.
 * The offsets are UTF-8 bytes, half-open. */
#include "base/buf.h"
#include "base/json_reader.h"
#include "base/json_writer.h"
#include "text/redact.h"

#include <stdio.h>
#include <stdlib.h>

enum { LINE_BYTES = 1 << 20, SPANS_MAX = 4096 };

static void write_span(struct json_writer *w, const struct pii_span *span)
{
        json_open(w, '{');
        json_key(w, "start");
        json_u64(w, span->start);
        json_key(w, "end");
        json_u64(w, span->end);
        json_member(w, "type", str_from(pii_type_name(span->type)));
        json_close(w, '}');
}

static enum err answer(struct json record, struct buf *out, struct err_note *note)
{
        static struct pii_span spans[SPANS_MAX];
        struct json_writer w = {.buf = out};
        struct json id, text;
        struct str id_text, raw;
        size_t count;
        if (!json_find(record, STR("id"), &id) || !json_find(record, STR("text"), &text) ||
            !json_to_str(id, &id_text) || !json_to_str(text, &raw))
                return err_set(note, ERR_INVALID, "a line needs the strings \"id\" and \"text\"");
        enum err err = redact_find(raw, spans, SPANS_MAX, &count);
        if (err)
                return err_set(note, err, "more than %d spans in one text", SPANS_MAX);
        json_open(&w, '{');
        json_member(&w, "id", id_text);
        json_key(&w, "spans");
        json_open(&w, '[');
        for (size_t i = 0; i < count; i++)
                write_span(&w, spans + i);
        json_close(&w, ']');
        json_close(&w, '}');
        buf_append_char(out, '\n');
        return ERR_OK;
}

int main(void)
{
        struct json_parser *parser = json_parser_new(LINE_BYTES, 16);
        struct buf out;
        struct err_note note = {0};
        enum err err = ERR_OK;
        char *line = NULL;
        size_t capacity = 0, number = 0;
        buf_init(&out, 4 * LINE_BYTES);
        for (ssize_t len; !err && (len = getline(&line, &capacity, stdin)) > 0; number++) {
                struct json record;
                buf_reset(&out);
                err = json_parse(parser, (struct str){line, (size_t)len}, &record, &note);
                if (!err)
                        err = answer(record, &out, &note);
                if (!err)
                        fwrite(out.ptr, 1, out.len, stdout);
        }
        if (err)
                fprintf(stderr, "stdin:%zu: %s: %s\n", number, err_name(err), note.text);
        free(line);
        buf_deinit(&out);
        json_parser_free(parser);
        return err ? 1 : 0;
}
