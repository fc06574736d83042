// SPDX-License-Identifier: Apache-2.0
#define SIMDJSON_EXCEPTIONS 0
#include <simdjson.h>

#include "base/json_reader.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <new>
#include <string_view>
#include <vector>

using namespace simdjson;

struct json_parser {
        dom::parser dom;
        size_t max_bytes;
        size_t max_depth;
        std::vector<std::string_view> names;
        explicit json_parser(size_t bytes, size_t depth) : dom(bytes), max_bytes(bytes), max_depth(depth) {}
};

static_assert(sizeof(dom::element) == sizeof(struct json), "a json value is a simdjson element");
static_assert(std::is_trivially_copyable<dom::element>::value, "a json value is copied as bytes");

static dom::element element_of(struct json value)
{
        dom::element element;
        std::memcpy(static_cast<void *>(&element), &value, sizeof element);
        return element;
}

static struct json json_of(dom::element element)
{
        struct json value;
        std::memcpy(static_cast<void *>(&value), &element, sizeof value);
        return value;
}

static struct str str_of(std::string_view text)
{
        return str{text.data(), text.size()};
}

// The most members that are compared each with each, which for few is less work than sorting them.
static constexpr size_t FEW_NAMES = 16;

static bool names_repeat(json_parser *parser, dom::object object)
{
        auto &names = parser->names;
        names.clear();
        for (auto member : object)
                names.push_back(member.key);
        if (names.size() <= FEW_NAMES) {
                for (size_t i = 1; i < names.size(); i++)
                        if (std::find(names.begin(), names.begin() + i, names[i]) != names.begin() + i)
                                return true;
                return false;
        }
        std::sort(names.begin(), names.end());
        return std::adjacent_find(names.begin(), names.end()) != names.end();
}

// Recursion is bounded by max_depth, which the parser has checked.
static bool has_repeated_name(json_parser *parser, dom::element element)
{
        dom::object object;
        dom::array array;
        if (element.get(object) == SUCCESS) {
                if (names_repeat(parser, object))
                        return true;
                for (auto member : object)
                        if (has_repeated_name(parser, member.value))
                                return true;
        } else if (element.get(array) == SUCCESS) {
                for (auto child : array)
                        if (has_repeated_name(parser, child))
                                return true;
        }
        return false;
}

struct json_parser *json_parser_new(size_t max_bytes, size_t max_depth)
{
        auto *parser = new (std::nothrow) json_parser(max_bytes, max_depth);
        if (!parser) {
                std::fputs("triaged: out of memory\n", stderr);
                std::abort();
        }
        return parser;
}

void json_parser_free(struct json_parser *parser)
{
        delete parser;
}

static error_code fit_depth(json_parser *parser, size_t bytes)
{
        if (parser->dom.capacity() >= bytes && parser->dom.max_depth() == parser->max_depth)
                return SUCCESS;
        return parser->dom.allocate(bytes, parser->max_depth);
}

enum err json_parse(struct json_parser *parser, struct str text, struct json *ret_root, struct err_note *note)
{
        if (text.len > parser->max_bytes)
                return err_set(note, ERR_TOO_LARGE, "JSON text of %zu bytes is over the limit of %zu", text.len,
                               parser->max_bytes);
        if (text.len == 0)
                return err_set(note, ERR_SYNTAX, "empty JSON text");
        if (fit_depth(parser, text.len) != SUCCESS)
                return err_set(note, ERR_INTERNAL, "no memory for the JSON parser");
        dom::element root;
        error_code code = parser->dom.parse(text.ptr, text.len, true).get(root);
        if (code != SUCCESS)
                return err_set(note, ERR_SYNTAX, "not valid JSON: %s", error_message(code));
        if (has_repeated_name(parser, root))
                return err_set(note, ERR_SYNTAX, "not valid JSON here: a member name is repeated in one object");
        *ret_root = json_of(root);
        return ERR_OK;
}

enum json_type json_type(struct json value)
{
        switch (element_of(value).type()) {
        case dom::element_type::ARRAY:
                return JSON_ARRAY;
        case dom::element_type::OBJECT:
                return JSON_OBJECT;
        case dom::element_type::INT64:
        case dom::element_type::UINT64:
        case dom::element_type::DOUBLE:
                return JSON_NUMBER;
        case dom::element_type::STRING:
                return JSON_STRING;
        case dom::element_type::BOOL:
                return JSON_BOOL;
        case dom::element_type::NULL_VALUE:
                return JSON_NULL;
        }
        return JSON_NULL;
}

bool json_to_str(struct json value, struct str *ret_text)
{
        std::string_view text;
        if (element_of(value).get(text) != SUCCESS)
                return false;
        *ret_text = str_of(text);
        return true;
}

bool json_to_bool(struct json value, bool *ret_value)
{
        return element_of(value).get(*ret_value) == SUCCESS;
}

bool json_to_double(struct json value, double *ret_value)
{
        return element_of(value).get(*ret_value) == SUCCESS;
}

bool json_to_i64(struct json value, int64_t *ret_value)
{
        return element_of(value).get(*ret_value) == SUCCESS;
}

// simdjson's iterators are tape positions, like its elements: (document, index).
struct json_iter json_iter(struct json container)
{
        struct json_iter iter = {container, 0, 0};
        dom::object object;
        dom::array array;
        static_assert(sizeof(dom::object::iterator) == sizeof(struct json), "an iterator is a tape position");
        static_assert(sizeof(dom::array::iterator) == sizeof(struct json), "an iterator is a tape position");
        struct json first = {}, last = {};
        if (element_of(container).get(object) == SUCCESS) {
                auto begin = object.begin(), end = object.end();
                std::memcpy(static_cast<void *>(&first), &begin, sizeof first);
                std::memcpy(static_cast<void *>(&last), &end, sizeof last);
        } else if (element_of(container).get(array) == SUCCESS) {
                auto begin = array.begin(), end = array.end();
                std::memcpy(static_cast<void *>(&first), &begin, sizeof first);
                std::memcpy(static_cast<void *>(&last), &end, sizeof last);
        }
        iter.next = first.index;
        iter.end = last.index;
        return iter;
}

template <typename Iterator> static Iterator iterator_at(Iterator like, struct json position)
{
        std::memcpy(static_cast<void *>(&like), &position, sizeof like);
        return like;
}

bool json_next(struct json_iter *iter, struct str *ret_name, struct json *ret_value)
{
        if (iter->next == iter->end)
                return false;
        struct json position = {iter->container.document, iter->next};
        dom::object object;
        dom::array array;
        if (element_of(iter->container).get(object) == SUCCESS) {
                auto at = iterator_at(object.begin(), position);
                if (ret_name)
                        *ret_name = str_of(at.key());
                *ret_value = json_of(at.value());
                ++at;
                std::memcpy(&position, static_cast<const void *>(&at), sizeof position);
        } else if (element_of(iter->container).get(array) == SUCCESS) {
                auto at = iterator_at(array.begin(), position);
                *ret_value = json_of(*at);
                ++at;
                std::memcpy(&position, static_cast<const void *>(&at), sizeof position);
        }
        iter->next = position.index;
        return true;
}

bool json_find(struct json object, struct str name, struct json *ret_value)
{
        struct str member;
        struct json value;
        struct json_iter iter = json_iter(object);
        if (json_type(object) != JSON_OBJECT)
                return false;
        while (json_next(&iter, &member, &value)) {
                if (!str_equal(member, name) || json_type(value) == JSON_NULL)
                        continue;
                *ret_value = value;
                return true;
        }
        return false;
}

bool utf8_is_valid(struct str text)
{
        return text.len == 0 || validate_utf8(text.ptr, text.len);
}
