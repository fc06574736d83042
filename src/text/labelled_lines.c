/* SPDX-License-Identifier: Apache-2.0 */
#include "text/labelled_lines.h"

#include "base/alloc.h"
#include "text/redact.h"

#include <stdlib.h>

enum { MAX_LINE_BYTES = 1 << 20, MAX_DEPTH = 8 };

void labelled_lines_init(struct labelled_lines *lines)
{
        *lines = (struct labelled_lines){
                .lines = alloc_zeroed(LABELLED_MAX_LINES, sizeof *lines->lines),
                .groups = alloc_zeroed(LABELLED_MAX_GROUPS, sizeof *lines->groups),
        };
        arena_init(&lines->arena, 2ul * LABELLED_MAX_FILE_BYTES);
}

void labelled_lines_deinit(struct labelled_lines *lines)
{
        free(lines->lines);
        free(lines->groups);
        arena_deinit(&lines->arena);
}

static bool member(struct json object, struct str name, struct str *ret_text)
{
        struct json value;
        return json_find(object, name, &value) && json_to_str(value, ret_text);
}

static enum err read_category(struct str name, struct labelled_line *line, struct err_note *note)
{
        enum category category = CATEGORY_COUNT;
        bool is_known = str_equal(name, STR("out_of_scope")) || category_from(name, &category);
        line->class = (size_t)category;
        return is_known ? ERR_OK : err_set(note, ERR_INVALID, "unknown category \"%.*s\"", STR_ARGS(name));
}

/* What is out of scope has no intent of ours, whatever its source calls it. */
static bool read_intent(struct str name, struct labelled_line *line, bool has_category)
{
        bool is_outside = has_category ? line->class == MODEL_CLASS_OUT_OF_SCOPE : str_equal(name, STR("out_of_scope"));
        if (is_outside)
                line->intent = INTENT_OTHER;
        else if (!intent_from(name, &line->intent) || line->intent == INTENT_OTHER)
                line->intent = INTENT_NONE;
        return line->intent != INTENT_NONE;
}

static enum err read_labels(struct json row, struct labelled_options options, struct labelled_line *line,
                            struct err_note *note)
{
        struct str category, intent = {0};
        line->intent = INTENT_NONE;
        bool has_category = member(row, STR("category"), &category);
        enum err err = has_category ? read_category(category, line, note) : ERR_OK;
        if (err)
                return err;
        (void)member(row, STR("intent"), &intent);
        bool has_intent = read_intent(intent, line, has_category);
        if (!has_intent && (options.has_intent || !has_category))
                return err_set(note, ERR_INVALID, "\"intent\" is missing or not one of our labels");
        if (has_intent && has_category && model_class_of(line->intent) != line->class)
                return err_set(note, ERR_INVALID, "the intent %s is not of the category %.*s",
                               intent_name(line->intent), STR_ARGS(category));
        if (has_intent)
                line->class = model_class_of(line->intent);
        return ERR_OK;
}

static enum err group_of(struct labelled_lines *lines, struct json row, struct str key, uint32_t *ret_group,
                         struct err_note *note)
{
        struct str name;
        if (!member(row, key.len ? key : STR("industry"), &name))
                name = STR("none");
        for (uint32_t i = 0; i < lines->group_count; i++) {
                if (str_equal(lines->groups[i], name)) {
                        *ret_group = i;
                        return ERR_OK;
                }
        }
        if (lines->group_count == LABELLED_MAX_GROUPS)
                return err_set(note, ERR_TOO_LARGE, "more than %d groups", LABELLED_MAX_GROUPS);
        lines->groups[lines->group_count] = arena_copy(&lines->arena, name);
        *ret_group = lines->group_count++;
        return ERR_OK;
}

enum err labelled_lines_append(struct labelled_lines *lines, const struct labelled_line *line,
                               struct err_note *note)
{
        struct labelled_line copy = *line;
        copy.text = arena_copy(&lines->arena, line->text);
        if (lines->count == LABELLED_MAX_LINES || lines->arena.is_full)
                return err_set(note, ERR_TOO_LARGE, "more than %d rows, or too long ones", LABELLED_MAX_LINES);
        lines->lines[lines->count++] = copy;
        const unsigned char labels[] = {(unsigned char)line->class, (unsigned char)line->intent};
        const struct str parts[] = {
                {(const char *)lines->digest.bytes, sizeof lines->digest.bytes},
                line->text,
                {(const char *)labels, sizeof labels},
        };
        lines->digest = digest_sha256_parts(parts, 3);
        return ERR_OK;
}

/* In the arena of the lines, which keeps the text twice: rows are few beside the cap. */
static enum err redact(struct labelled_lines *lines, struct str *text, struct err_note *note)
{
        struct safe_text safe;
        if (redact_text((struct raw_text){*text}, &lines->arena, &safe) != ERR_OK)
                return err_set(note, ERR_TOO_LARGE, "the text cannot be redacted");
        *text = safe.safe;
        return ERR_OK;
}

enum err labelled_lines_add_row(struct labelled_lines *lines, struct json row, struct labelled_options options,
                                struct err_note *note)
{
        struct labelled_line line = {0};
        if (json_type(row) != JSON_OBJECT || !member(row, STR("text"), &line.text))
                return err_set(note, ERR_INVALID, "not an object with a \"text\"");
        enum err err = read_labels(row, options, &line, note);
        if (err)
                return err;
        err = group_of(lines, row, options.group, &line.group, note);
        if (!err && options.is_raw)
                err = redact(lines, &line.text, note);
        return err ? err : labelled_lines_append(lines, &line, note);
}

enum err labelled_lines_add(struct labelled_lines *lines, const char *name, struct str jsonl,
                            struct labelled_options options, struct err_note *note)
{
        struct json_parser *parser = json_parser_new(MAX_LINE_BYTES, MAX_DEPTH);
        enum err err = ERR_OK;
        for (size_t number = 1; jsonl.len > 0 && !err; number++) {
                struct str line = str_trim(str_split(&jsonl, '\n'));
                struct json row;
                if (line.len == 0)
                        continue;
                err = json_parse(parser, line, &row, note);
                if (!err)
                        err = labelled_lines_add_row(lines, row, options, note);
                if (err)
                        err_prefix(note, err, "%s:%zu: ", name, number);
        }
        json_parser_free(parser);
        return err;
}
