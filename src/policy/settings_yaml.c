/* SPDX-License-Identifier: Apache-2.0 */
/* The YAML source of settings: one mapping, one level of sections, scalars.
 *
 * Sequences, anchors, aliases, tags and further documents have no use here and are refused, so
 * that a file's size bounds the work. Types are YAML's own: a number in quotes is a text. */
#include "policy/settings_table.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <yaml.h>

enum { SECTIONS_MAX = SETTING_COUNT };

struct source {
        struct settings *settings; /* borrows */
        yaml_parser_t parser;
        struct str sections[SECTIONS_MAX]; /* keys' own texts: those whose mapping was seen */
        uint32_t section_lines[SECTIONS_MAX];
        size_t section_count;
        bool takes_list; /* the next event may begin one */
        bool has_upstreams;
};

static enum err at(const struct source *source, uint32_t line, enum err err, struct err_note *note)
{
        return err_prefix(note, err, "%s:%u: ", source->settings->config_path, line);
}

static uint32_t line_of(const yaml_event_t *event)
{
        return (uint32_t)event->start_mark.line + 1;
}

static struct str scalar_of(const yaml_event_t *event)
{
        return (struct str){(const char *)event->data.scalar.value, event->data.scalar.length};
}

static enum err syntax_error(const struct source *source, struct err_note *note)
{
        const yaml_parser_t *parser = &source->parser;
        bool is_in_token = parser->error == YAML_SCANNER_ERROR || parser->error == YAML_PARSER_ERROR;
        err_set(note, ERR_SYNTAX, "not YAML: %s", parser->problem ? parser->problem : "unreadable");
        return at(source, (uint32_t)(is_in_token ? parser->problem_mark.line : parser->mark.line) + 1,
                  ERR_SYNTAX, note);
}

static bool has_extras(const yaml_event_t *event)
{
        switch (event->type) {
        case YAML_ALIAS_EVENT:
                return true;
        case YAML_SCALAR_EVENT:
                return event->data.scalar.anchor || event->data.scalar.tag;
        case YAML_MAPPING_START_EVENT:
                return event->data.mapping_start.anchor || event->data.mapping_start.tag;
        default: /* libyaml's enum, not ours */
                return false;
        }
}

/* The next event, to be deleted by the caller unless this fails. */
static enum err next_event(struct source *source, yaml_event_t *ret_event, struct err_note *note)
{
        if (!yaml_parser_parse(&source->parser, ret_event))
                return syntax_error(source, note);
        enum err err = ERR_OK;
        uint32_t line = line_of(ret_event);
        if (has_extras(ret_event))
                err = err_set(note, ERR_INVALID, "anchors, aliases and tags are not allowed");
        else if (ret_event->type == YAML_SEQUENCE_START_EVENT && !source->takes_list)
                err = err_set(note, ERR_INVALID, "no setting is a list, but llm.upstreams");
        if (err == ERR_OK)
                return ERR_OK;
        yaml_event_delete(ret_event);
        return at(source, line, err, note);
}

static bool is_one_of(struct str text, const char *const *words)
{
        for (; *words; words++)
                if (str_equal_nocase(text, str_from(*words)))
                        return true;
        return false;
}

static bool is_number(struct str text)
{
        size_t digits = 0;
        for (size_t i = 0; i < text.len; i++) {
                char c = text.ptr[i];
                if (c >= '0' && c <= '9')
                        digits++;
                else if (c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E')
                        return false;
        }
        return digits && text.ptr[0] != 'e' && text.ptr[0] != 'E';
}

/* YAML decides a scalar's type by its quotes and its look; the setting's type must agree. */
static enum err check_type(enum setting setting, const yaml_event_t *event, struct err_note *note)
{
        static const char *const nulls[] = {"", "~", "null", NULL};
        static const char *const bools[] = {"true", "false", NULL};
        struct str text = scalar_of(event);
        bool is_plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        enum setting_type type = setting_info(setting)->type;
        bool is_left_empty = type == SETTING_DECIMAL && text.len == 0;
        bool wants_plain = type == SETTING_NUMBER || type == SETTING_SIZE || type == SETTING_BOOL ||
                           (type == SETTING_DECIMAL && !is_left_empty);
        if (is_plain && is_one_of(text, nulls))
                return err_set(note, ERR_INVALID, "has no value");
        if (!is_plain && wants_plain)
                return err_set(note, ERR_INVALID, "is text in quotes, not a %s",
                               type == SETTING_BOOL ? "true or false" : "number");
        if (is_plain && type == SETTING_TEXT && (is_one_of(text, bools) || is_number(text)))
                return err_set(note, ERR_INVALID, "is a %s, not text; put it in quotes",
                               is_one_of(text, bools) ? "true or false" : "number");
        return ERR_OK;
}

static enum err apply(struct source *source, enum setting setting, const yaml_event_t *event,
                      struct err_note *note)
{
        struct setting_origin *origin = &source->settings->origins[setting];
        enum err err = ERR_OK;
        if (origin->layer == SETTING_FILE)
                err = err_set(note, ERR_INVALID, "set already on line %u", origin->line);
        else if (event->type != YAML_SCALAR_EVENT)
                err = err_set(note, ERR_INVALID, "is a section, not a value");
        else
                err = check_type(setting, event, note);
        if (err == ERR_OK)
                err = setting_set(source->settings, setting, scalar_of(event), note);
        if (err != ERR_OK) {
                err_prefix(note, err, "%s: ", setting_info(setting)->key);
                return at(source, line_of(event), err, note);
        }
        *origin = (struct setting_origin){SETTING_FILE, line_of(event)};
        return ERR_OK;
}

/* The section as the table spells it, or the absent string. */
static struct str find_section(struct str name)
{
        for (enum setting setting = 0; setting < SETTING_COUNT; setting++) {
                struct str rest = str_from(setting_info(setting)->key);
                struct str section = str_split(&rest, '.');
                if (rest.ptr && str_equal(section, name))
                        return section;
        }
        return (struct str){0};
}

static enum err open_section(struct source *source, struct str section, uint32_t line, struct err_note *note)
{
        for (size_t i = 0; i < source->section_count; i++) {
                if (!str_equal(source->sections[i], section))
                        continue;
                enum err err = err_set(note, ERR_INVALID, "%.*s: set already on line %u", STR_ARGS(section),
                                       source->section_lines[i]);
                return at(source, line, err, note);
        }
        source->sections[source->section_count] = section;
        source->section_lines[source->section_count++] = line;
        return ERR_OK;
}

static enum err read_mapping(struct source *source, struct str section, struct err_note *note);

static enum err read_section(struct source *source, struct str section, uint32_t line, struct err_note *note)
{
        yaml_event_t event;
        enum err err = open_section(source, section, line, note);
        if (err == ERR_OK)
                err = next_event(source, &event, note);
        if (err != ERR_OK)
                return err;
        bool is_mapping = event.type == YAML_MAPPING_START_EVENT;
        yaml_event_delete(&event);
        if (is_mapping)
                return read_mapping(source, section, note);
        err = err_set(note, ERR_INVALID, "%.*s: is a section: its settings go below it, indented",
                      STR_ARGS(section));
        return at(source, line, err, note);
}

static enum err read_value(struct source *source, enum setting setting, struct err_note *note)
{
        yaml_event_t event;
        enum err err = next_event(source, &event, note);
        if (err != ERR_OK)
                return err;
        err = apply(source, setting, &event, note);
        yaml_event_delete(&event);
        return err;
}

/* Key and value of an upstream. */
static enum err read_upstream_entry(struct source *source, struct settings_upstream *upstream, const yaml_event_t *key,
                                    struct err_note *note)
{
        char path[SETTING_NAME_BYTES * 2];
        yaml_event_t value;
        struct str name = key->type == YAML_SCALAR_EVENT ? scalar_of(key) : STR("");
        bool is_name = str_equal(name, STR("name"));
        snprintf(path, sizeof path, "llm.%s", printable(name).text);
        enum setting setting = setting_find(str_from(path), SPELLING_KEY);
        if (!is_name && (setting == SETTING_COUNT || !setting_is_of_upstream(setting)))
                return at(source, line_of(key), err_set(note, ERR_INVALID, "llm.upstreams: \"%s\" is no key of an upstream",
                                                        printable(name).text), note);
        enum err err = next_event(source, &value, note);
        if (err != ERR_OK)
                return err;
        if (value.type != YAML_SCALAR_EVENT)
                err = err_set(note, ERR_INVALID, "is not a value");
        else if (!is_name)
                err = check_type(setting, &value, note);
        if (err == ERR_OK)
                err = is_name ? settings_name_upstream(source->settings, upstream, scalar_of(&value), note)
                              : settings_override(upstream, setting, scalar_of(&value), note);
        uint32_t line = line_of(&value);
        yaml_event_delete(&value);
        if (err == ERR_OK)
                return ERR_OK;
        err_prefix(note, err, is_name ? "llm.upstreams: " : "llm.upstreams: %.*s: ", STR_ARGS(name));
        return at(source, line, err, note);
}

static enum err read_upstream(struct source *source, uint32_t line, struct err_note *note)
{
        struct settings_upstream *upstream;
        enum err err = settings_add_upstream(source->settings, &upstream, note);
        if (err != ERR_OK)
                return at(source, line, err, note);
        for (;;) {
                yaml_event_t event;
                err = next_event(source, &event, note);
                if (err != ERR_OK)
                        return err;
                bool is_end = event.type == YAML_MAPPING_END_EVENT;
                if (!is_end)
                        err = read_upstream_entry(source, upstream, &event, note);
                yaml_event_delete(&event);
                if (err != ERR_OK)
                        return err;
                if (is_end && !upstream->name)
                        return at(source, line, err_set(note, ERR_INVALID, "llm.upstreams: an upstream without a name"), note);
                if (is_end)
                        return ERR_OK;
        }
}

static enum err read_upstreams(struct source *source, uint32_t line, struct err_note *note)
{
        yaml_event_t event;
        if (source->has_upstreams)
                return at(source, line, err_set(note, ERR_INVALID, "llm.upstreams: set already"), note);
        source->has_upstreams = source->takes_list = true;
        enum err err = next_event(source, &event, note);
        source->takes_list = false;
        if (err != ERR_OK)
                return err;
        bool is_list = event.type == YAML_SEQUENCE_START_EVENT;
        yaml_event_delete(&event);
        while (is_list) {
                err = next_event(source, &event, note);
                if (err != ERR_OK)
                        return err;
                bool is_end = event.type == YAML_SEQUENCE_END_EVENT, is_map = event.type == YAML_MAPPING_START_EVENT;
                uint32_t at_line = line_of(&event);
                yaml_event_delete(&event);
                if (is_end)
                        return ERR_OK;
                if (!is_map)
                        break;
                err = read_upstream(source, at_line, note);
                if (err != ERR_OK)
                        return err;
        }
        return at(source, line, err_set(note, ERR_INVALID, "llm.upstreams: must be a list, each entry with `name:` and what "
                                                           "differs from llm.*"), note);
}

static enum err read_entry(struct source *source, struct str section, const yaml_event_t *key,
                           struct err_note *note)
{
        if (key->type != YAML_SCALAR_EVENT)
                return at(source, line_of(key), err_set(note, ERR_INVALID, "a key must be a name"), note);
        struct str name = scalar_of(key);
        struct str as_section = section.ptr ? (struct str){0} : find_section(name);
        if (as_section.ptr)
                return read_section(source, as_section, line_of(key), note);
        char path[SETTING_NAME_BYTES * 2];
        snprintf(path, sizeof path, "%.*s%s%s", STR_ARGS(section), section.ptr ? "." : "",
                 printable(name).text);
        if (str_equal(str_from(path), STR("llm.upstreams")))
                return read_upstreams(source, line_of(key), note);
        enum setting setting = setting_find(str_from(path), SPELLING_KEY);
        if (setting == SETTING_COUNT)
                return at(source, line_of(key), setting_unknown(str_from(path), SPELLING_KEY, note), note);
        return read_value(source, setting, note);
}

/* The entries of a mapping whose start was read, up to its end. */
static enum err read_mapping(struct source *source, struct str section, struct err_note *note)
{
        for (;;) {
                yaml_event_t event;
                enum err err = next_event(source, &event, note);
                if (err != ERR_OK)
                        return err;
                bool is_end = event.type == YAML_MAPPING_END_EVENT;
                if (!is_end)
                        err = read_entry(source, section, &event, note);
                yaml_event_delete(&event);
                if (is_end || err != ERR_OK)
                        return err;
        }
}

static enum err read_root(struct source *source, bool has_document, const yaml_event_t *event,
                          struct err_note *note)
{
        static const char *const nulls[] = {"", "~", "null", NULL};
        if (event->type == YAML_DOCUMENT_START_EVENT && has_document)
                return at(source, line_of(event), err_set(note, ERR_INVALID, "a second document"), note);
        if (event->type == YAML_MAPPING_START_EVENT)
                return read_mapping(source, (struct str){0}, note);
        if (event->type == YAML_SCALAR_EVENT && !is_one_of(scalar_of(event), nulls))
                return at(source, line_of(event),
                          err_set(note, ERR_INVALID, "the file must hold `key: value` lines"), note);
        return ERR_OK;
}

static enum err read_stream(struct source *source, struct err_note *note)
{
        bool has_document = false;
        for (;;) {
                yaml_event_t event;
                enum err err = next_event(source, &event, note);
                if (err != ERR_OK)
                        return err;
                bool is_end = event.type == YAML_STREAM_END_EVENT;
                err = read_root(source, has_document, &event, note);
                has_document |= event.type == YAML_DOCUMENT_START_EVENT;
                yaml_event_delete(&event);
                if (is_end || err != ERR_OK)
                        return err;
        }
}

static enum err parse(struct settings *settings, const struct buf *text, struct err_note *note)
{
        struct source *source = alloc_zeroed(1, sizeof *source);
        source->settings = settings;
        enum err err = ERR_IO;
        if (yaml_parser_initialize(&source->parser)) {
                struct str content = buf_str(text);
                yaml_parser_set_input_string(&source->parser, (const unsigned char *)content.ptr,
                                             content.len);
                err = read_stream(source, note);
                yaml_parser_delete(&source->parser);
        }
        free(source);
        return err;
}

static enum err read_all(int fd, struct buf *buf, struct err_note *note)
{
        char chunk[16384];
        ssize_t got;
        while (!buf->is_over && (got = read(fd, chunk, sizeof chunk)) != 0) {
                if (got < 0 && errno != EINTR)
                        return err_set(note, ERR_IO, "%m");
                if (got > 0)
                        buf_append(buf, chunk, (size_t)got);
        }
        if (buf->is_over)
                return err_set(note, ERR_TOO_LARGE, "over %d bytes", SETTINGS_FILE_MAX_BYTES);
        return ERR_OK;
}

enum err settings_load_file(struct settings *settings, struct err_note *note)
{
        int fd = open(settings->config_path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) {
                enum err err = errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
                return err_set(note, err, "%s: %m", settings->config_path);
        }
        struct buf text;
        buf_init(&text, SETTINGS_FILE_MAX_BYTES);
        enum err err = read_all(fd, &text, note);
        close(fd);
        if (err == ERR_OK)
                err = parse(settings, &text, note);
        else
                err_prefix(note, err, "%s: ", settings->config_path);
        buf_deinit(&text);
        return err;
}
