/* SPDX-License-Identifier: Apache-2.0 */
#include "labelled_lines.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/json_reader.h"

#include <errno.h>

enum { MAX_LINES = 1 << 20, MAX_GROUPS = 256, MAX_FILE_BYTES = 256 << 20, MAX_LINE_BYTES = 1 << 20 };

static enum err read_file(const char *path, struct buf *buf, struct err_note *note)
{
        FILE *file = fopen(path, "rb");
        if (file == NULL)
                return err_set(note, ERR_IO, "%s: %s", path, strerror(errno));
        char block[65536];
        size_t bytes;
        while ((bytes = fread(block, 1, sizeof block, file)) > 0)
                buf_append(buf, block, bytes);
        bool has_failed = ferror(file) != 0;
        fclose(file);
        if (has_failed || buf->is_over)
                return err_set(note, ERR_IO, "%s: cannot be read, or is over the size limit", path);
        return ERR_OK;
}

static bool member(struct json object, struct str name, struct str *ret_text)
{
        struct json value;
        return json_find(object, name, &value) && json_to_str(value, ret_text);
}

static bool intent_of(struct str name, enum intent *ret_intent)
{
        if (str_equal(name, STR("out_of_scope"))) {
                *ret_intent = INTENT_OTHER;
                return true;
        }
        return intent_from(name, ret_intent) && *ret_intent != INTENT_OTHER;
}

static bool class_of(struct str name, size_t *ret_class)
{
        enum category category = CATEGORY_COUNT;
        bool is_known = str_equal(name, STR("out_of_scope")) || category_from(name, &category);
        *ret_class = (size_t)category;
        return is_known;
}

static enum err read_labels(struct json row, struct labelled_options options, struct labelled_line *ret_line,
                            struct err_note *note)
{
        struct str name;
        ret_line->intent = INTENT_NONE;
        bool has_intent = member(row, STR("intent"), &name) && intent_of(name, &ret_line->intent);
        if (options.has_intent && !has_intent)
                return err_set(note, ERR_INVALID, "\"intent\" is missing or not one of our labels");
        if (has_intent)
                ret_line->class = model_class_of(ret_line->intent);
        if (member(row, STR("category"), &name)) {
                if (!class_of(name, &ret_line->class))
                        return err_set(note, ERR_INVALID, "unknown category \"%.*s\"", STR_ARGS(name));
        } else if (!has_intent) {
                return err_set(note, ERR_INVALID, "neither a category nor an intent");
        }
        return ERR_OK;
}

static enum err group_of(struct labelled_lines *lines, struct json row, uint32_t *ret_group,
                         struct err_note *note)
{
        struct str name = STR("none");
        if (!member(row, STR("industry"), &name))
                name = STR("none");
        for (uint32_t i = 0; i < lines->group_count; i++) {
                if (str_equal(lines->groups[i], name)) {
                        *ret_group = i;
                        return ERR_OK;
                }
        }
        if (lines->group_count == MAX_GROUPS)
                return err_set(note, ERR_TOO_LARGE, "more than %d industries", MAX_GROUPS);
        lines->groups[lines->group_count] = arena_copy(&lines->arena, name);
        *ret_group = lines->group_count++;
        return ERR_OK;
}

static bool is_left_out(struct json row, struct labelled_options options, const struct labelled_line *line)
{
        struct str quality;
        if (options.is_clear && member(row, STR("quality"), &quality) && !str_equal(quality, STR("clear")))
                return true;
        return options.in_scope && line->class == MODEL_CLASS_OUT_OF_SCOPE;
}

static enum err read_line(struct json_parser *parser, struct str text, struct labelled_options options,
                          struct labelled_lines *lines, struct err_note *note)
{
        struct json row;
        struct labelled_line line = {0};
        enum err err = json_parse(parser, text, &row, note);
        if (err)
                return err;
        if (json_type(row) != JSON_OBJECT || !member(row, STR("text"), &line.text))
                return err_set(note, ERR_INVALID, "not an object with a \"text\"");
        err = read_labels(row, options, &line, note);
        if (err || is_left_out(row, options, &line))
                return err;
        err = group_of(lines, row, &line.group, note);
        if (err)
                return err;
        if (lines->count == MAX_LINES)
                return err_set(note, ERR_TOO_LARGE, "more than %d lines", MAX_LINES);
        line.text = arena_copy(&lines->arena, line.text);
        lines->lines[lines->count++] = line;
        return ERR_OK;
}

static enum err read_lines(struct json_parser *parser, const char *path, struct str text,
                           struct labelled_options options, struct labelled_lines *lines,
                           struct err_note *note)
{
        for (size_t number = 1; text.len > 0; number++) {
                struct str line = str_trim(str_split(&text, '\n'));
                enum err err = line.len > 0 ? read_line(parser, line, options, lines, note) : ERR_OK;
                if (err)
                        return err_prefix(note, err, "%s:%zu: ", path, number);
        }
        return ERR_OK;
}

static enum err read_files(char *const *paths, size_t path_count, struct labelled_options options,
                           struct labelled_lines *lines, struct err_note *note)
{
        struct buf all;
        buf_init(&all, MAX_FILE_BYTES);
        struct json_parser *parser = json_parser_new(MAX_LINE_BYTES, 8);
        enum err err = ERR_OK;
        for (size_t i = 0; i < path_count && !err; i++) {
                size_t from = all.len;
                err = read_file(paths[i], &all, note);
                if (!err)
                        err = read_lines(parser, paths[i], (struct str){all.ptr + from, all.len - from},
                                         options, lines, note);
        }
        lines->digest = digest_sha256(buf_str(&all));
        json_parser_free(parser);
        buf_deinit(&all);
        return err;
}

enum err labelled_lines_read(char *const *paths, size_t path_count, struct labelled_options options,
                             struct labelled_lines *ret_lines, struct err_note *note)
{
        struct labelled_lines lines = {0};
        lines.lines = alloc_zeroed(MAX_LINES, sizeof *lines.lines);
        lines.groups = alloc_zeroed(MAX_GROUPS, sizeof *lines.groups);
        arena_init(&lines.arena, 2ul * MAX_FILE_BYTES);
        enum err err = read_files(paths, path_count, options, &lines, note);
        if (err)
                labelled_lines_deinit(&lines);
        else
                *ret_lines = lines;
        return err;
}

void labelled_lines_deinit(struct labelled_lines *lines)
{
        free(lines->lines);
        free(lines->groups);
        arena_deinit(&lines->arena);
}
