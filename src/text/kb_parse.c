/* SPDX-License-Identifier: Apache-2.0 */
#include "text/kb_parse.h"

#include "base/csv.h"
#include "base/json_reader.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Escapes make a line of JSON up to six times as long as its text. */
enum { LINE_BYTES_MAX = 1 << 20, LINE_DEPTH_MAX = 8 };

enum field {
        FIELD_ID,
        FIELD_TITLE,
        FIELD_BODY,
        FIELD_URL,
        FIELD_LOCALE,
        FIELD_ALIASES,
        FIELD_TAGS,
        FIELD_COUNT
};

static const struct {
        const char *name;
        enum field field;
} field_names[] = {
        {"id", FIELD_ID},         {"title", FIELD_TITLE},     {"question", FIELD_TITLE},
        {"body", FIELD_BODY},     {"answer", FIELD_BODY},     {"url", FIELD_URL},
        {"locale", FIELD_LOCALE}, {"aliases", FIELD_ALIASES}, {"tags", FIELD_TAGS},
};

static const char known_fields[] =
        "known are id, title (question), body (answer), url, locale, aliases, tags";

struct parse {
        struct str name;
        const struct kb_sink *sink;
        struct kb_parse_report *report;
        size_t line; /* of the row that is being read, from 1 */
};

struct table {
        struct parse *parse;
        struct csv csv;
        enum field columns[CSV_CELLS_MAX];
        size_t column_count;
};

static bool field_from(struct str name, enum field *ret_field)
{
        for (size_t i = 0; i < sizeof field_names / sizeof *field_names; i++) {
                if (!str_equal_nocase(name, str_from(field_names[i].name)))
                        continue;
                *ret_field = field_names[i].field;
                return true;
        }
        return false;
}

/* Counts the row as malformed and keeps the note while there is room. Always false. */
__attribute__((format(printf, 2, 3))) static bool refuse(struct parse *parse, const char *format, ...)
{
        struct kb_parse_report *report = parse->report;
        report->malformed++;
        if (report->problem_count == KB_PROBLEMS_MAX)
                return false;
        struct err_note *note = &report->problems[report->problem_count++];
        va_list args;
        va_start(args, format);
        vsnprintf(note->text, sizeof note->text, format, args);
        va_end(args);
        int name_len = (int)(parse->name.len < 128 ? parse->name.len : 128);
        err_prefix(note, ERR_SYNTAX, "%.*s:%zu: ", name_len, parse->name.ptr, parse->line);
        return false;
}

static struct str *text_field(struct article *article, enum field field)
{
        switch (field) {
        case FIELD_ID:
                return &article->id;
        case FIELD_TITLE:
                return &article->title;
        case FIELD_BODY:
                return &article->body;
        case FIELD_URL:
                return &article->url;
        case FIELD_LOCALE:
                return &article->locale;
        case FIELD_ALIASES:
        case FIELD_TAGS:
        case FIELD_COUNT:
                break;
        }
        return NULL;
}

static void set_list(struct article *article, enum field field, const struct str *items, size_t count)
{
        if (field == FIELD_ALIASES) {
                article->aliases = items;
                article->alias_count = count;
        } else {
                article->tags = items;
                article->tag_count = count;
        }
}

static size_t list_max(enum field field)
{
        return field == FIELD_ALIASES ? KB_ALIASES_MAX : KB_TAGS_MAX;
}

static bool is_complete(struct parse *parse, const struct article *article)
{
        struct err_note note;
        if (kb_article_check(article, &note) != ERR_OK)
                return refuse(parse, "%s", note.text);
        return article->body.len > 0 || refuse(parse, "no body; write the answer");
}

static enum err deliver(struct parse *parse, const struct article *article)
{
        if (parse->sink->arena->is_full)
                return ERR_TOO_LARGE;
        if (!is_complete(parse, article))
                return ERR_OK;
        parse->report->articles++;
        return parse->sink->each(parse->sink->arg, article);
}

/* Room for `count` items; NULL when the arena is full, which deliver() says. */
static struct str *new_list(struct parse *parse, size_t count)
{
        return arena_alloc(parse->sink->arena, (count + 1) * sizeof(struct str));
}

/* "a | b" or "a, b": trimmed, without empty items. */
static bool split_list(struct parse *parse, struct article *article, enum field field, struct str text,
                       char separator)
{
        struct str found[KB_ALIASES_MAX > KB_TAGS_MAX ? KB_ALIASES_MAX : KB_TAGS_MAX];
        size_t count = 0;
        while (text.ptr) {
                struct str item = str_trim(str_split(&text, separator));
                if (item.len == 0)
                        continue;
                if (count == list_max(field))
                        return refuse(parse, "more than %zu items in a list; remove some", list_max(field));
                found[count++] = item;
        }
        struct str *items = new_list(parse, count);
        if (items && count)
                memcpy(items, found, count * sizeof *items);
        set_list(article, field, items, items ? count : 0);
        return true;
}

static bool read_json_list(struct parse *parse, struct article *article, enum field field, struct json value)
{
        struct str found[KB_ALIASES_MAX > KB_TAGS_MAX ? KB_ALIASES_MAX : KB_TAGS_MAX];
        struct json item;
        size_t count = 0;
        if (json_type(value) != JSON_ARRAY)
                return refuse(parse, "aliases or tags is not an array; write [\"…\", \"…\"]");
        for (struct json_iter iter = json_iter(value); json_next(&iter, NULL, &item); count++) {
                if (count == list_max(field))
                        return refuse(parse, "more than %zu items in a list; remove some", list_max(field));
                if (!json_to_str(item, &found[count]))
                        return refuse(parse, "an alias or tag is not a string; put it into quotes");
        }
        struct str *items = new_list(parse, count);
        for (size_t i = 0; items && i < count; i++)
                items[i] = arena_copy(parse->sink->arena, found[i]);
        set_list(article, field, items, items ? count : 0);
        return true;
}

static bool read_json_field(struct parse *parse, struct article *article, struct str name, struct json value)
{
        enum field field;
        struct str text;
        if (!field_from(name, &field))
                return refuse(parse, "unknown member \"%.*s\"; %s", (int)(name.len < 64 ? name.len : 64),
                              name.ptr, known_fields);
        if (json_type(value) == JSON_NULL)
                return true;
        struct str *place = text_field(article, field);
        if (!place)
                return read_json_list(parse, article, field, value);
        if (!json_to_str(value, &text))
                return refuse(parse, "\"%.*s\" is not a string; put it into quotes", STR_ARGS(name));
        if (place->ptr)
                return refuse(parse, "\"%.*s\" and its other name are both given; remove one",
                              STR_ARGS(name));
        *place = arena_copy(parse->sink->arena, str_trim(text));
        return true;
}

static enum err read_json_line(struct parse *parse, struct json_parser *parser, struct str line)
{
        struct article article = {0};
        struct err_note note = {0};
        struct json root, value;
        struct str name;
        if (json_parse(parser, line, &root, &note) != ERR_OK) {
                refuse(parse, "%s; write one JSON object a line", note.text);
                return ERR_OK;
        }
        if (json_type(root) != JSON_OBJECT) {
                refuse(parse, "not an object; write {\"id\": …, \"title\": …, \"body\": …}");
                return ERR_OK;
        }
        for (struct json_iter iter = json_iter(root); json_next(&iter, &name, &value);)
                if (!read_json_field(parse, &article, name, value))
                        return ERR_OK;
        return deliver(parse, &article);
}

static enum err parse_jsonl(struct parse *parse, struct str text)
{
        struct json_parser *parser = json_parser_new(LINE_BYTES_MAX, LINE_DEPTH_MAX);
        enum err err = ERR_OK;
        for (parse->line = 1; text.ptr && !err; parse->line++) {
                struct str line = str_trim(str_split(&text, '\n'));
                if (line.len)
                        err = read_json_line(parse, parser, line);
        }
        json_parser_free(parser);
        return err;
}

/* The next row's cells; false for a malformed row and a missing header, which have been reported then. */
static bool take_row(struct table *table)
{
        enum csv_row row = csv_next(&table->csv);
        table->parse->line = table->csv.line;
        switch (row) {
        case CSV_ROW:
                return true;
        case CSV_END:
                return refuse(table->parse, "no header row; %s", known_fields);
        case CSV_UNCLOSED:
                return refuse(table->parse,
                              "a quoted cell is not closed; end it with \" and double the quotes inside");
        case CSV_TOO_WIDE:
                return refuse(table->parse, "more than %d cells; put cells with commas into quotes", CSV_CELLS_MAX);
        }
        return false;
}

static enum err read_header(struct table *table)
{
        bool has[FIELD_COUNT] = {false};
        const struct csv *csv = &table->csv;
        if (!take_row(table))
                return ERR_SYNTAX;
        for (size_t i = 0; i < csv->cell_count; i++) {
                struct str name = str_trim(csv->cells[i]);
                if (!field_from(name, &table->columns[i]) || has[table->columns[i]]) {
                        refuse(table->parse, "unknown or repeated column \"%.*s\"; %s",
                               (int)(name.len < 64 ? name.len : 64), name.ptr, known_fields);
                        return ERR_SYNTAX;
                }
                has[table->columns[i]] = true;
        }
        table->column_count = csv->cell_count;
        if (has[FIELD_ID] && has[FIELD_TITLE] && has[FIELD_BODY])
                return ERR_OK;
        refuse(table->parse, "the header row needs the columns id, title and body; %s", known_fields);
        return ERR_SYNTAX;
}

static enum err read_row(struct table *table)
{
        struct article article = {0};
        const struct csv *csv = &table->csv;
        bool is_empty = csv->cell_count == 1 && csv->cells[0].len == 0;
        if (is_empty)
                return ERR_OK;
        if (csv->cell_count != table->column_count) {
                refuse(table->parse, "%zu cells instead of %zu; put cells with commas into quotes",
                       csv->cell_count, table->column_count);
                return ERR_OK;
        }
        for (size_t i = 0; i < csv->cell_count; i++) {
                struct str cell = str_trim(csv->cells[i]);
                struct str *place = text_field(&article, table->columns[i]);
                if (!utf8_is_valid(cell)) {
                        refuse(table->parse, "not UTF-8; save the file as UTF-8");
                        return ERR_OK;
                }
                if (place)
                        *place = cell;
                else if (!split_list(table->parse, &article, table->columns[i], cell, '|'))
                        return ERR_OK;
        }
        return deliver(table->parse, &article);
}

static enum err parse_csv(struct parse *parse, struct str text)
{
        struct table table = {.parse = parse, .csv = csv_from(text, parse->sink->arena)};
        enum err err = read_header(&table);
        while (!err && table.csv.rest.len)
                if (take_row(&table))
                        err = read_row(&table);
        return err;
}

static struct str without_quotes(struct str value)
{
        bool is_quoted = value.len >= 2 && (value.ptr[0] == '"' || value.ptr[0] == '\'') &&
                         value.ptr[value.len - 1] == value.ptr[0];
        return is_quoted ? (struct str){value.ptr + 1, value.len - 2} : value;
}

static bool read_front_line(struct parse *parse, struct article *article, struct str line)
{
        enum field field;
        struct str name = str_trim(str_split(&line, ':'));
        struct str value = str_trim(line);
        if (!line.ptr)
                return refuse(parse, "no \"key: value\"; write one on each line between the --- lines");
        if (!field_from(name, &field) || field == FIELD_ID || field == FIELD_BODY)
                return refuse(parse, "unknown key \"%.*s\"; known are title, url, locale, tags, aliases",
                              (int)(name.len < 64 ? name.len : 64), name.ptr);
        struct str *place = text_field(article, field);
        if (place) {
                *place = without_quotes(value);
                return true;
        }
        if (value.len < 2 || value.ptr[0] != '[' || value.ptr[value.len - 1] != ']')
                return refuse(parse, "not a list; write [a, b]");
        return split_list(parse, article, field, (struct str){value.ptr + 1, value.len - 2}, ',');
}

/* Reads the lines between the two "---"; `text` becomes what follows. */
static bool read_front_matter(struct parse *parse, struct article *article, struct str *text)
{
        struct str rest = *text;
        if (!str_equal(str_trim(str_split(&rest, '\n')), STR("---")))
                return true;
        for (parse->line = 2; rest.ptr; parse->line++) {
                struct str line = str_trim(str_split(&rest, '\n'));
                if (str_equal(line, STR("---"))) {
                        parse->line++;
                        *text = rest;
                        return true;
                }
                if (line.len && line.ptr[0] != '#' && !read_front_line(parse, article, line))
                        return false;
        }
        parse->line = 1;
        return refuse(parse, "the front matter does not end; close it with a line ---");
}

static struct str base_name(struct str name)
{
        const char *slash = name.ptr ? memrchr(name.ptr, '/', name.len) : NULL;
        if (slash)
                name = (struct str){slash + 1, name.len - (size_t)(slash + 1 - name.ptr)};
        const char *dot = name.ptr ? memrchr(name.ptr, '.', name.len) : NULL;
        return dot && dot > name.ptr ? (struct str){name.ptr, (size_t)(dot - name.ptr)} : name;
}

static enum err parse_markdown(struct parse *parse, struct str text)
{
        struct article article = {.id = base_name(parse->name)};
        parse->line = 1;
        if (!utf8_is_valid(text)) {
                refuse(parse, "not UTF-8; save the file as UTF-8");
                return ERR_OK;
        }
        if (!read_front_matter(parse, &article, &text))
                return ERR_OK;
        struct str body = str_trim(text);
        if (str_starts_with(body, STR("# "))) {
                struct str heading = str_trim(str_split(&body, '\n'));
                if (article.title.len == 0)
                        article.title = str_trim((struct str){heading.ptr + 1, heading.len - 1});
        }
        article.body = str_trim(body);
        return deliver(parse, &article);
}

bool kb_format_from(struct str name, enum kb_format *ret_format)
{
        static const struct {
                const char *ending;
                enum kb_format format;
        } endings[] = {
                {".jsonl", KB_FORMAT_JSONL}, {".ndjson", KB_FORMAT_JSONL},      {".csv", KB_FORMAT_CSV},
                {".md", KB_FORMAT_MARKDOWN}, {".markdown", KB_FORMAT_MARKDOWN},
        };
        for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
                struct str ending = str_from(endings[i].ending);
                if (name.len <= ending.len ||
                    !str_equal_nocase((struct str){name.ptr + name.len - ending.len, ending.len}, ending))
                        continue;
                *ret_format = endings[i].format;
                return true;
        }
        return false;
}

enum err kb_parse(enum kb_format format, struct str name, struct str text, const struct kb_sink *sink,
                  struct kb_parse_report *report)
{
        struct parse parse = {.name = name, .sink = sink, .report = report};
        *report = (struct kb_parse_report){0};
        if (str_starts_with(text, STR("\xef\xbb\xbf")))
                text = (struct str){text.ptr + 3, text.len - 3};
        switch (format) {
        case KB_FORMAT_JSONL:
                return parse_jsonl(&parse, text);
        case KB_FORMAT_CSV:
                return parse_csv(&parse, text);
        case KB_FORMAT_MARKDOWN:
                return parse_markdown(&parse, text);
        }
        return ERR_UNSUPPORTED;
}
