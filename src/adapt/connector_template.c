/* SPDX-License-Identifier: Apache-2.0 */
#include "adapt/connector_template.h"

#include <stdio.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/utf8.h"

enum { NUMBER_DECIMALS = 6 };

/* ---- Values ---- */

/* A text that was found, or (text absent) a value of another type. */
struct value {
        bool is_found;
        struct str text;
        struct json json;
        char room[40];
};

static void find_in_payload(const struct connector_values *values, struct str name, struct value *value)
{
        value->json = values->payload;
        for (struct str rest = name; rest.ptr;)
                if (json_type(value->json) != JSON_OBJECT || !json_find(value->json, str_split(&rest, '.'), &value->json))
                        return;
        value->is_found = true;
        json_to_str(value->json, &value->text);
}

static void find_value(const struct connector_values *values, struct str name, struct value *value)
{
        const struct connector_delivery *delivery = values->delivery;
        *value = (struct value){.is_found = false};
        if (str_starts_with(name, STR("data."))) {
                find_in_payload(values, name, value);
                return;
        }
        if (str_starts_with(name, STR("option.")))
                value->text = connector_option(values->spec, (struct str){name.ptr + 7, name.len - 7});
        else if (str_equal(name, STR("id")))
                value->text = ident_str(&delivery->id);
        else if (str_equal(name, STR("event")))
                value->text = delivery->event;
        else if (str_equal(name, STR("created_at")))
                value->text = json_find(values->payload, STR("timestamp"), &value->json) &&
                                              json_to_str(value->json, &value->text)
                                      ? value->text
                                      : (struct str){0};
        else if (str_equal(name, STR("payload")))
                value->text = delivery->payload.safe;
        value->is_found = value->text.ptr != NULL;
}

/* As it stands within other text; absent for an object or a list. */
static struct str text_of(struct value *value)
{
        int64_t number;
        double fraction;
        bool is_true;
        if (value->text.ptr || !value->is_found)
                return value->text;
        if (json_to_i64(value->json, &number))
                snprintf(value->room, sizeof value->room, "%lld", (long long)number);
        else if (json_to_double(value->json, &fraction))
                snprintf(value->room, sizeof value->room, "%.*g", 15, fraction);
        else if (json_to_bool(value->json, &is_true))
                snprintf(value->room, sizeof value->room, "%s", is_true ? "true" : "false");
        else
                return (struct str){0};
        return str_from(value->room);
}

/* ---- Text ---- */

static void append_percent(struct buf *to, struct str text)
{
        static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
        for (size_t i = 0; i < text.len; i++) {
                unsigned char c = (unsigned char)text.ptr[i];
                if (memchr(unreserved, c, sizeof unreserved - 1))
                        buf_append_char(to, (char)c);
                else
                        buf_printf(to, "%%%02X", c);
        }
}

static void append_line(struct buf *to, struct str text)
{
        for (size_t i = 0; i < text.len; i++) {
                unsigned char c = (unsigned char)text.ptr[i];
                buf_append_char(to, c < ' ' || c == 0x7f ? ' ' : (char)c);
        }
}

static void append(struct buf *to, struct str text, enum connector_escape escape)
{
        switch (escape) {
        case CONNECTOR_TEXT:
                buf_append_str(to, text);
                break;
        case CONNECTOR_URL:
                append_percent(to, text);
                break;
        case CONNECTOR_LINE:
                append_line(to, text);
                break;
        }
}

void connector_fill_text(const struct connector_values *values, struct str template, enum connector_escape escape,
                         struct buf *to)
{
        struct connector_variable variable;
        struct str literal;
        while (connector_variable_next(&template, &literal, &variable)) {
                struct value value;
                append(to, literal, escape == CONNECTOR_URL ? CONNECTOR_TEXT : escape);
                find_value(values, variable.name, &value);
                struct str text = text_of(&value);
                append(to, text.ptr ? utf8_cut(text, variable.max_chars) : variable.fallback, escape);
        }
        append(to, literal, escape == CONNECTOR_URL ? CONNECTOR_TEXT : escape);
}

/* ---- JSON ---- */

/* Of a template, or of the payload as it is (`values` NULL). Both were parsed with a limit to their depth. */
static void write_json(const struct connector_values *values, struct json json, struct json_writer *w);

/* Whether `text` is one variable and nothing else. */
static bool is_alone(struct str text, struct connector_variable *variable)
{
        struct str literal, rest = text;
        return connector_variable_next(&rest, &literal, variable) && literal.len == 0 && rest.len == 0;
}

static bool is_left_out(const struct connector_values *values, struct json json)
{
        struct connector_variable variable;
        struct value value;
        struct str text;
        if (!values || !json_to_str(json, &text) || !is_alone(text, &variable) || variable.fallback.ptr)
                return false;
        find_value(values, variable.name, &value);
        return !value.is_found;
}

static void write_text(const struct connector_values *values, struct str text, struct json_writer *w)
{
        struct connector_variable variable;
        struct value value = {.is_found = false};
        struct buf filled;
        bool is_variable = values && is_alone(text, &variable);
        if (!values) {
                json_str(w, text);
                return;
        }
        if (is_variable)
                find_value(values, variable.name, &value);
        if (is_variable && str_equal(variable.name, STR("payload"))) {
                json_raw(w, value.text);
        } else if (is_variable && value.is_found && !value.text.ptr) {
                write_json(NULL, value.json, w);
        } else {
                buf_init(&filled, w->buf->max_bytes);
                connector_fill_text(values, text, CONNECTOR_TEXT, &filled);
                w->buf->is_over = w->buf->is_over || filled.is_over;
                json_str(w, filled.len ? buf_str(&filled) : STR(""));
                buf_deinit(&filled);
        }
}

static void write_number(struct json json, struct json_writer *w)
{
        int64_t whole;
        double number;
        if (json_to_i64(json, &whole))
                json_i64(w, whole);
        else if (json_to_double(json, &number))
                json_fixed(w, number, NUMBER_DECIMALS);
}

static void write_container(const struct connector_values *values, struct json json, struct json_writer *w)
{
        bool is_object = json_type(json) == JSON_OBJECT;
        struct json_iter iter = json_iter(json);
        struct json child;
        struct str name;
        json_open(w, is_object ? '{' : '[');
        while (json_next(&iter, is_object ? &name : NULL, &child)) {
                if (is_left_out(values, child))
                        continue;
                if (is_object)
                        json_key_str(w, name);
                write_json(values, child, w);
        }
        json_close(w, is_object ? '}' : ']');
}

static void write_json(const struct connector_values *values, struct json json, struct json_writer *w)
{
        struct str text;
        bool is_true;
        switch (json_type(json)) {
        case JSON_NULL:
                json_null(w);
                break;
        case JSON_BOOL:
                json_bool(w, json_to_bool(json, &is_true) && is_true);
                break;
        case JSON_NUMBER:
                write_number(json, w);
                break;
        case JSON_STRING:
                if (json_to_str(json, &text))
                        write_text(values, text, w);
                break;
        case JSON_ARRAY:
        case JSON_OBJECT:
                write_container(values, json, w);
                break;
        }
}

void connector_fill_json(const struct connector_values *values, struct json template, struct buf *to)
{
        struct json_writer w = {.buf = to};
        write_json(values, template, &w);
}

/* ---- Answers ---- */

static bool find_element(struct json list, struct str place, struct json *ret_value)
{
        uint64_t index;
        struct json_iter iter = json_iter(list);
        if (!str_to_u64(place, &index))
                return false;
        for (uint64_t i = 0; json_next(&iter, NULL, ret_value); i++)
                if (i == index)
                        return true;
        return false;
}

static bool find_by_pointer(struct json json, struct str pointer, struct value *value)
{
        value->json = json;
        (void)str_split(&pointer, '/');
        while (pointer.ptr) {
                struct str name = str_split(&pointer, '/');
                enum json_type type = json_type(value->json);
                if (type == JSON_ARRAY ? !find_element(value->json, name, &value->json)
                                       : type != JSON_OBJECT || !json_find(value->json, name, &value->json))
                        return false;
        }
        value->is_found = true;
        json_to_str(value->json, &value->text);
        return true;
}

bool connector_find_id(struct json answer, struct str pointers, char *ret_id, size_t size)
{
        while (pointers.ptr) {
                struct value value = {.is_found = false};
                struct str pointer = str_split(&pointers, ' ');
                struct str id = pointer.len && find_by_pointer(answer, pointer, &value) ? text_of(&value) : (struct str){0};
                bool is_good = id.len > 0 && id.len < size;
                for (size_t i = 0; i < id.len; i++)
                        is_good = is_good && id.ptr[i] > ' ' && id.ptr[i] < 0x7f;
                if (!is_good)
                        continue;
                memcpy(ret_id, id.ptr, id.len);
                ret_id[id.len] = '\0';
                return true;
        }
        return false;
}
