/* SPDX-License-Identifier: Apache-2.0 */
/* What stands at a place in a JSON document, for tests of what we write: "next_step.parameters". */
#ifndef JSON_AT_H
#define JSON_AT_H

#include "unit/test.h"

#include "base/json_reader.h"

#define assert_json_str(root, path, expected) assert_str_equal(json_str_at((root), (path)), (expected))

static inline bool json_member(struct json object, struct str name, struct json *ret_value)
{
        struct str member;
        struct json_iter iter = json_iter(object);
        if (json_type(object) != JSON_OBJECT)
                return false;
        while (json_next(&iter, &member, ret_value))
                if (str_equal(member, name))
                        return true;
        return false;
}

/* A path whose last member is missing gives false; null is a value. */
static inline bool json_has(struct json root, const char *path, struct json *ret_value)
{
        struct str rest = str_from(path);
        *ret_value = root;
        while (rest.ptr)
                if (!json_member(*ret_value, str_split(&rest, '.'), ret_value))
                        return false;
        return true;
}

static inline struct json json_at(struct json root, const char *path)
{
        struct json value = root;
        if (!json_has(root, path, &value))
                fail_msg("no member %s", path);
        return value;
}

/* The text at that place; absent for null. */
static inline struct str json_str_at(struct json root, const char *path)
{
        struct json value = json_at(root, path);
        struct str text = {0};
        if (json_type(value) != JSON_NULL && !json_to_str(value, &text))
                fail_msg("%s is neither a string nor null", path);
        return text;
}

static inline size_t json_size(struct json container)
{
        struct json_iter iter = json_iter(container);
        struct str name;
        struct json value;
        size_t count = 0;
        while (json_next(&iter, &name, &value))
                count++;
        return count;
}

#endif
